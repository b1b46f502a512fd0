package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// s3Call is a request, to the byte.
type s3Call struct {
	method, host, path, query string
	header                    [][2]string
	body                      []byte
	announced                 string // Content-Length; empty = that of body, "-" = none
	expect                    bool   // waits for 100 Continue
	secrets                   []string
	signedPath                string // in the place of path, in Version 2; empty = path
}

// with returns the request with another header behind the others.
func (c s3Call) with(name, value string) s3Call {
	c.header = append(slices.Clone(c.header), [2]string{name, value})
	return c
}

// without returns the request without a header.
func (c s3Call) without(name string) s3Call {
	c.header = slices.DeleteFunc(slices.Clone(c.header), func(h [2]string) bool { return strings.EqualFold(h[0], name) })
	return c
}

// set returns the request with another value for a header.
func (c s3Call) set(name, value string) s3Call { return c.without(name).with(name, value) }

// get returns the values of a header, joined as the rules of signing want.
func (c s3Call) get(name string) string {
	var values []string
	for _, h := range c.header {
		if strings.EqualFold(h[0], name) {
			values = append(values, strings.Join(strings.Fields(h[1]), " "))
		}
	}
	return strings.Join(values, ",")
}

// argument returns the request with another argument behind the others.
func (c s3Call) argument(raw string) s3Call {
	if c.query != "" {
		raw = c.query + "&" + raw
	}
	c.query = raw
	return c
}

// s3Reply is an answer.
type s3Reply struct {
	status    int
	header    http.Header
	body      string
	continued bool // 100 Continue came first
}

// none reports whether the answer is none, which is fine for who cut his
// request short: to the gateway he has gone, whichever it sees first.
func (r s3Reply) none(c s3Call) bool { return r.status == 0 && c.isCut() }

// head writes everything before the body.
func (c s3Call) head() string {
	var b strings.Builder
	target := c.path
	if c.query != "" {
		target += "?" + c.query
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", c.method, target, c.host)
	for _, h := range c.header {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	switch {
	case c.announced == "-" || c.announced == "" && len(c.body) == 0 && (c.method == "GET" || c.method == "HEAD" || c.method == "OPTIONS"):
	case c.announced != "":
		b.WriteString("Content-Length: " + c.announced + "\r\n")
	default:
		b.WriteString("Content-Length: " + strconv.Itoa(len(c.body)) + "\r\n")
	}
	if c.expect {
		b.WriteString("Expect: 100-continue\r\n")
	}
	return b.String() + "Connection: close\r\n\r\n"
}

// send sends the request over a connection of its own, as it is, and ends it.
func (g *gateway) send(t testing.TB, c s3Call) s3Reply {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, c.head()); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	request := &http.Request{Method: c.method}
	var got s3Reply
	if !c.expect {
		go c.sendBody(conn)
	}
	response, err := http.ReadResponse(reader, request)
	if err == nil && response.StatusCode == http.StatusContinue {
		got.continued = true
		go c.sendBody(conn)
		response, err = http.ReadResponse(reader, request)
	}
	if err != nil {
		if c.isCut() {
			return s3Reply{}
		}
		t.Fatalf("%v to %s", err, c.head())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%v in the answer to %s", err, c.head())
	}
	got.status, got.header, got.body = response.StatusCode, response.Header, string(body)
	return got
}

// sendBody sends what belongs to a request. One that is shorter than announced
// ends the connection in this direction; after any other that would look as if
// the client had gone.
func (c s3Call) sendBody(conn net.Conn) {
	_, _ = conn.Write(c.body) // the server may have answered already
	if c.isCut() {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
}

// isCut reports whether the body ends before its announced length.
func (c s3Call) isCut() bool {
	n, err := strconv.Atoi(c.announced)
	return err == nil && n > len(c.body)
}

// put is an upload that is not signed yet.
func put(path, data string) s3Call {
	return s3Call{method: http.MethodPut, host: hostOne, path: path, body: []byte(data)}
}

// get is a download that is not signed yet.
func get(path string) s3Call { return s3Call{method: http.MethodGet, host: hostOne, path: path} }
