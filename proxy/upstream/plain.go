package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

// A plain request goes over a connection of our own, written and read by the
// goroutine that serves the client: net/http.Transport hands each request to
// two other goroutines, which costs more than all the rest. Answers are read
// by net/http all the same. What is not plain is the Transport's.

// errHeadTooLarge: the answer's head does not end in time.
var errHeadTooLarge = fmt.Errorf("head of more than %d bytes", maxAnswerHead)

// isPlain reports whether a request can take a connection of our own: nothing
// follows its head, and it may be sent again if the connection turns out to
// be dead (RFC 9110, 9.2.2).
func (ex *exchange) isPlain(s *server) bool {
	r := ex.out.Request
	if ex.body != nil || ex.out.Upgrade != "" || s.url.Scheme != "http" || len(r.Header["Expect"]) > 0 {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete, "PROPFIND":
		return httpguts.ValidHostHeader(r.Host) && sendable(r) // or the Transport says what is wrong with it
	}
	return false
}

// plainConn is a connection for plain requests.
type plainConn struct {
	net.Conn
	buffer    *bufio.Reader // over limited
	limited   headReader
	idleSince time.Time
}

// headReader bounds what is read while the head of an answer is.
type headReader struct {
	conn net.Conn
	left int // bytes; negative = no bound
}

func (r *headReader) Read(p []byte) (int, error) {
	switch {
	case r.left == 0:
		return 0, errHeadTooLarge
	case r.left > 0 && len(p) > r.left:
		p = p[:r.left]
	}
	n, err := r.conn.Read(p)
	if r.left > 0 {
		r.left -= n
	}
	return n, err
}

func newPlainConn(conn net.Conn) *plainConn {
	c := &plainConn{Conn: conn}
	c.limited.conn = conn
	c.buffer = bufio.NewReader(&c.limited)
	return c
}

// roundTripPlain sends the request and returns the head of its answer.
func (a *attempt) roundTripPlain(ctx context.Context, s *server) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := a.connect(ctx, s)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	response, err := a.converse(c, s)
	if err != nil {
		stop()
		_ = c.Close()
		if a.stale.Load() {
			s.plain.drop() // the others are no better
		}
		return nil, err
	}
	body := &plainBody{body: response.Body, conn: c, pool: &s.plain, stop: stop, mayKeep: !response.Close}
	if response.Body == http.NoBody {
		body.end(keepConn)
	} else {
		response.Body = body
	}
	return response, nil
}

// connect takes an idle connection, or makes one. A second attempt does not
// trust the idle ones any more.
func (a *attempt) connect(ctx context.Context, s *server) (*plainConn, error) {
	if a.ex.report.Attempts == 1 {
		if c := s.plain.take(); c != nil {
			a.stale.Store(true)
			return c, nil
		}
	}
	conn, err := s.dial(ctx, "tcp", hostPort(s.url))
	if err != nil {
		return nil, &dialError{err}
	}
	return newPlainConn(conn), nil
}

// headBuffers lends the buffers in which heads are put together.
var headBuffers = sync.Pool{New: func() any { return new([]byte) }}

// converse writes the request's head and reads the answer's.
func (a *attempt) converse(c *plainConn, s *server) (*http.Response, error) {
	buffer := headBuffers.Get().(*[]byte)
	defer headBuffers.Put(buffer)
	*buffer = appendHead((*buffer)[:0], a.ex.out, s.url.Host)
	if _, err := c.Write(*buffer); err != nil {
		return nil, err
	}
	a.wrote.Store(int64(max(time.Since(a.ex.start), 1)))
	c.limited.left = maxAnswerHead
	if _, err := c.buffer.Peek(1); err != nil {
		return nil, err
	}
	a.firstByte()
	for {
		response, err := http.ReadResponse(c.buffer, a.ex.out.Request)
		if err != nil {
			return nil, err
		}
		switch {
		case response.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("switched to a protocol that nobody asked for")
		case response.StatusCode < 200 && response.StatusCode >= 100:
			if err := a.informational(response.StatusCode, textproto.MIMEHeader(response.Header)); err != nil {
				return nil, err
			}
		default:
			c.limited.left = -1
			return response, nil
		}
	}
}

// appendHead appends the head of the request as RFC 9112 has it. The host is
// that of the server if the request names none.
func appendHead(b []byte, out *Outgoing, host string) []byte {
	if out.Request.Host != "" {
		host = out.Request.Host
	}
	b = append(b, out.Request.Method...)
	b = append(b, ' ')
	b = append(b, out.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, "\r\n"...)
	var few [24]string // more go to the heap
	names := few[:0]
	for name := range out.Request.Header {
		if !framing(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names) // as net/http writes them
	for _, name := range names {
		for _, value := range out.Request.Header[name] {
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, value...)
			b = append(b, "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// framing reports whether a header says where a request goes or how long it
// is. That is for whoever writes the request to say, and a plain one has no
// body.
func framing(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

// connFate is what becomes of a connection when its answer is over.
type connFate uint8

const (
	closeConn connFate = iota
	keepConn
)

// plainBody is the body of an answer. Its connection is kept only if the body
// came to the end that its head announced and nothing follows.
type plainBody struct {
	body    io.ReadCloser
	conn    *plainConn
	pool    *plainPool
	stop    func() bool // ends the watch over the context
	mayKeep bool
	ended   atomic.Bool
}

// Read implements io.Reader.
func (b *plainBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.end(keepConn)
	default:
		b.end(closeConn)
	}
	return n, err
}

// Close implements io.Closer. It ends a Read under way.
func (b *plainBody) Close() error {
	b.end(closeConn)
	return nil
}

func (b *plainBody) end(fate connFate) {
	if b.ended.Swap(true) {
		return
	}
	unwatched := b.stop()
	if fate == keepConn && unwatched && b.mayKeep && b.conn.buffer.Buffered() == 0 {
		b.pool.put(b.conn)
		return
	}
	_ = b.conn.Close()
}
