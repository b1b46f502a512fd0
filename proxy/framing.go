package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
)

// ErrFraming says: the head of the request names two lengths of its body. net/http
// follows Transfer-Encoding and forgets the Content-Length; whoever stands in
// front may have followed the other (RFC 9112, 6.1 and 11.2).
var ErrFraming = errors.New("both Content-Length and Transfer-Encoding")

// maxHeadSeen bounds what is kept of a head. Longer ones are 431 anyway.
const maxHeadSeen = 64 << 10

// maxHeadKept bounds the memory that an idle connection holds.
const maxHeadKept = 4 << 10

// WatchFraming returns a listener whose connections remember the head that
// they read last, for CheckFraming. The server must use ConnContext and
// ConnState. It belongs below TLS or in its place, never above: net/http must
// see a TLS connection as such.
func WatchFraming(l net.Listener) net.Listener { return &framingListener{l} }

type framingListener struct{ net.Listener }

// Accept implements net.Listener.
func (l *framingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &framingConn{Conn: conn}, nil
}

// framingConn keeps the head of the request that is being read. net/http reads
// from one goroutine at a time, and from none while a body is still to come.
type framingConn struct {
	net.Conn
	head  []byte
	whole bool
}

// Read implements net.Conn.
func (c *framingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.whole && n > 0 {
		c.note(p[:n])
	}
	return n, err
}

// ReadFrom passes on to the socket, which moves files without copying.
func (c *framingConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// NetConn returns the connection below.
func (c *framingConn) NetConn() net.Conn { return c.Conn }

// note keeps bytes up to the empty line.
func (c *framingConn) note(p []byte) {
	if len(c.head) == 0 {
		p = bytes.TrimLeft(p, "\r\n") // which net/http skips in front of a request
	}
	from := max(0, len(c.head)-2)
	c.head = append(c.head, p[:min(len(p), maxHeadSeen-len(c.head))]...)
	for _, end := range [...]string{"\n\r\n", "\n\n"} { // net/http takes a bare line feed too
		if i := bytes.Index(c.head[from:], []byte(end)); i >= 0 {
			c.head, c.whole = c.head[:from+i+1], true
			return
		}
	}
	c.whole = len(c.head) == maxHeadSeen
}

type framingKey struct{}

// ConnContext is for http.Server.ConnContext.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*framingConn); ok {
		return context.WithValue(ctx, framingKey{}, c)
	}
	return ctx
}

// ConnState is for http.Server.ConnState.
func ConnState(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*framingConn); ok && state == http.StateIdle {
		c.head, c.whole = c.head[:0], false
		if cap(c.head) > maxHeadKept {
			c.head = nil
		}
	}
}

// CheckFraming refuses a request with ErrFraming whose body has two lengths.
// Where the head was not seen, since it came together with the end of another
// request or inside TLS, the connection is closed after the answer: what
// follows on it cannot be taken for a request then. It must be called before
// the body is read.
func CheckFraming(w http.ResponseWriter, r *http.Request) error {
	if r.ProtoMajor != 1 {
		// HTTP/2 frames the body by itself; net/http keeps the header as it
		// came (RFC 9113, 8.1.1).
		if said := r.Header["Content-Length"]; len(said) > 0 && said[0] != strconv.FormatInt(r.ContentLength, 10) {
			return ErrFraming
		}
		return nil
	}
	if len(r.TransferEncoding) == 0 {
		return nil
	}
	c, watched := r.Context().Value(framingKey{}).(*framingConn)
	if !watched || !c.saw(r) {
		w.Header()["Connection"] = []string{"close"}
		return nil
	}
	for line := range bytes.Lines(c.head) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			w.Header()["Connection"] = []string{"close"}
			return ErrFraming
		}
	}
	return nil
}

// saw reports whether the head that was kept is that of the request: one that
// came in the buffer of another was not seen, or not from its beginning.
func (c *framingConn) saw(r *http.Request) bool {
	return c.whole && bytes.HasPrefix(c.head, []byte(r.Method+" "+r.RequestURI+" HTTP/1."))
}
