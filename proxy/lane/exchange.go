package lane

import (
	"net/http"
	"net/url"
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
	r := &m.request // which is zero
	r.URL = m.parse(h)
	if r.URL == nil {
		return false
	}
	r.Method, r.RequestURI, r.Host, r.RemoteAddr = h.method, h.target, h.host, x.remote
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.ContentLength = h.length
	m.fillHeader(h)
	r.Header, r.Body = m.header, http.NoBody
	x.body = nil
	if h.length > 0 {
		x.body = x.conn.newBody(h.length)
		r.Body = x.body
	}
	return true
}

// fillHeader makes the header, which is empty, of the fields.
func (m *memory) fillHeader(h *head) {
	if cap(m.values) < len(h.fields) {
		m.values = make([]string, max(len(h.fields), 8))
	}
	m.values = m.values[:len(h.fields)]
	for i := range h.fields {
		f := &h.fields[i]
		m.values[i] = h.text[f.value:f.end]
		m.header[h.name(f)] = m.values[i : i+1 : i+1]
	}
	if len(m.header) == len(h.fields) {
		return
	}
	clear(m.header) // some names come again
	for i := range h.fields {
		name := h.name(&h.fields[i])
		if before, again := m.header[name]; again {
			m.header[name] = append(before, m.values[i])
			continue
		}
		m.header[name] = m.values[i : i+1 : i+1]
	}
}

// name is the canonical name of a field.
func (h *head) name(f *field) string {
	if f.spelt > 0 {
		return h.names[f.spelt-1]
	}
	return h.text[f.name:f.colon]
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
	m.url.Path = h.target[:h.query]
	if h.query < len(h.target) {
		m.url.RawQuery = h.target[h.query+1:]
		m.url.ForceQuery = m.url.RawQuery == ""
	}
	return &m.url
}

// forget drops what the request left. Strings are dropped too: they hold
// credentials.
func (x *exchange) forget() {
	m := x.memory
	x.head.forget()
	x.body = nil
	if len(m.header) > maxKept || cap(m.values) > maxKept {
		x.memory = newMemory()
		return
	}
	clear(m.header)
	m.values = forgetAll(m.values)
	m.request, m.url = http.Request{}, url.URL{}
}

// forget drops the strings. The next head is read over the rest.
func (h *head) forget() {
	h.verdict, h.text, h.method, h.target, h.host = foreign, "", "", "", ""
	h.names = forgetAll(h.names)
	if cap(h.fields) > maxKept {
		h.fields = nil
	}
}

func forgetAll[T any](all []T) []T {
	if cap(all) > maxKept {
		return nil
	}
	clear(all)
	return all[:0]
}
