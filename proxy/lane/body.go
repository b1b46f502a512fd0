package lane

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// maxDiscard is how much of a body that the handler left is read to keep the
// connection, as in net/http.
const maxDiscard = 256 << 10

// body is a request's, of known length. It is made for one request and never
// reused: who keeps it reads nothing of the next one. It behaves as net/http's.
type body struct {
	tcp *net.TCPConn

	mu       sync.Mutex // guards what follows; held while the socket is read
	conn     *conn      // whose buffer holds the first buffered bytes
	buffered int
	left     int64
	closed   bool
	early    bool // closed with more left than is worth reading
	cut      bool // the client ended the stream within it, and whoever read it was told
}

// newBody returns the body that follows the head in the buffer. Nothing is
// taken from there yet.
func (c *conn) newBody(length int64) *body {
	return &body{tcp: c.tcp, conn: c, left: length}
}

// claim takes what the buffer holds of the body.
func (b *body) claim() {
	b.buffered = int(min(b.left, int64(b.conn.to-b.conn.from)))
}

// fromSocket reports whether some of the body is still to come.
func (b *body) fromSocket() bool { return int64(b.buffered) < b.left }

// Read implements io.Reader. After Close, and after the handler has returned,
// the error is http.ErrBodyReadAfterClose; a body that breaks off ends with
// io.ErrUnexpectedEOF.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

func (b *body) read(p []byte) (n int, err error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), b.left)]
	if b.buffered > 0 {
		n = copy(p[:min(len(p), b.buffered)], b.conn.in[b.conn.from:b.conn.to])
		b.conn.from += n
		b.buffered -= n
	} else {
		n, err = b.tcp.Read(p)
	}
	b.left -= int64(n)
	switch {
	case b.left == 0 && n > 0:
		err = io.EOF
	case errors.Is(err, io.EOF):
		b.cut, err = true, io.ErrUnexpectedEOF
	}
	return n, err
}

// Close implements io.Closer. It reads what is left, up to 256 KiB.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	if b.left > maxDiscard {
		b.early = true
		return nil
	}
	return b.discard()
}

// discard reads up to maxDiscard bytes; the error is nil if that was all.
func (b *body) discard() error {
	if b.left == 0 {
		return nil
	}
	buffer, _ := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buffer)
	for {
		b.conn.x.w.limitDiscard()
		if _, err := b.read(buffer[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// fate is what becomes of a connection whose body was left.
type fate uint8

const (
	fateClose  fate = iota // it cannot go on
	fateLinger             // likewise, and the client is still sending
	fateKeep               // nothing more comes of the body
)

// settle reads what the handler has left, before the answer begins. Where a
// handler has read until the client ended the stream, net/http does not announce
// that the connection closes, and neither is it done here.
func (b *body) settle() fate {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.left == 0 || b.cut:
		return fateKeep
	case b.closed:
		return fateClose
	case b.left >= maxDiscard:
		return fateLinger
	}
	b.closed = true
	if b.discard() != nil {
		return fateClose
	}
	return fateKeep
}

// isOpen reports whether a handler could still read from it.
func (b *body) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left > 0 && !b.closed
}

// ended reports whether nothing of the body can be taken for a request, and
// whether it was closed with much of it left.
func (b *body) ended() (whole, early bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left == 0, b.early
}

// release takes the body from whoever may still have it, and the buffer back.
func (b *body) release(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.conn = true, nil
	c.shed()
}

// abandon is release for a connection that does not go on.
func (b *body) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.conn, b.buffered = true, nil, 0
}
