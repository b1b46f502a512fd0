package lane

import (
	"net/http"
	"net/url"
	"strings"
)

// maxKept bounds the fields for which a connection keeps memory.
const maxKept = 64

// exchange is one request and its answer. A connection has one, which it
// reuses: nothing of it is ever seen by another connection.
type exchange struct {
	conn   *conn
	head   head
	w      response
	memory *memory
	remote string // the client's address
	body   *body  // nil if the request has none
	kept   bool   // the handler keeps the memory
}

// memory is what the handler sees of a request, and that is reused.
type memory struct {
	request http.Request
	url     url.URL
	header  http.Header
	values  []string
}

func newMemory() *memory { return &memory{header: make(http.Header, 8)} }

// fill makes the request that net/http would make of the head. It reports
// false where that cannot be known.
func (x *exchange) fill() bool {
	h, m := &x.head, x.memory
	m.request = http.Request{
		Method: h.method, RequestURI: h.target, Host: h.host, RemoteAddr: x.remote,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: m.header, Body: http.NoBody, ContentLength: h.length,
	}
	m.request.URL = m.parse(h)
	if m.request.URL == nil {
		return false
	}
	for _, f := range h.fields {
		if before, again := m.header[f.name]; again {
			m.header[f.name] = append(before, f.value)
			continue
		}
		n := len(m.values)
		m.values = append(m.values, f.value)
		m.header[f.name] = m.values[n : n+1 : n+1]
	}
	x.body = nil
	if h.length > 0 {
		x.body = x.conn.newBody(h.length)
		m.request.Body = x.body
	}
	return true
}

// parse does what url.ParseRequestURI does, without it where the path holds
// only bytes that it takes as they are. nil: it is not valid.
func (m *memory) parse(h *head) *url.URL {
	if !h.plain {
		u, err := url.ParseRequestURI(h.target)
		if err != nil {
			return nil
		}
		return u
	}
	path, query, asked := strings.Cut(h.target, "?")
	m.url = url.URL{Path: path, RawQuery: query, ForceQuery: asked && query == ""}
	return &m.url
}

// forget drops what the request left. Strings are dropped too: they hold
// credentials.
func (x *exchange) forget() {
	m := x.memory
	x.head.fields = forgetAll(x.head.fields)
	x.head = head{fields: x.head.fields}
	x.body = nil
	if x.kept || len(m.header) > maxKept || cap(m.values) > maxKept {
		x.memory, x.kept = newMemory(), false
		return
	}
	clear(m.header)
	m.values = forgetAll(m.values)
	m.request, m.url = http.Request{}, url.URL{}
}

func forgetAll[T any](all []T) []T {
	if cap(all) > maxKept {
		return nil
	}
	clear(all)
	return all[:0]
}
