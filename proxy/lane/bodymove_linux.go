package lane

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

// Movable returns how many bytes of the body the kernel can move from here on,
// which are all that are left: zero as long as some of them are in the buffer,
// and when nobody may read any more.
func (b *body) Movable() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.buffered > 0 {
		return 0
	}
	return b.left
}

// MoveTo has the kernel move the next n bytes, of those that are Movable, to a
// connection, without anybody seeing them. bad is an error of the body, as Read
// has it, and refused one of the connection or a deadline of either. After an
// error, which may have cost bytes, nothing more can be read.
func (b *body) MoveTo(to *net.TCPConn, n int64) (moved int64, bad, refused error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, http.ErrBodyReadAfterClose, nil
	case b.left == 0:
		return 0, io.EOF, nil
	case b.buffered > 0:
		return 0, nil, nil
	}
	want := min(n, b.left)
	moved, err := to.ReadFrom(&io.LimitedReader{R: b.tcp, N: want})
	b.left -= moved
	switch {
	case err != nil:
		b.closed = true
		bad, refused = b.blame(err)
	case moved < want:
		b.closed, b.cut, bad = true, true, io.ErrUnexpectedEOF
	case b.left == 0:
		bad = io.EOF
	}
	return moved, bad, refused
}

// blame finds out whose error one of moving is. The caller holds mu.
func (b *body) blame(err error) (bad, refused error) {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, err
	}
	var state error
	if b.conn.raw.Control(func(fd uintptr) { state = look(fd) }) != nil || state != nil && !errors.Is(state, syscall.EAGAIN) {
		return err, nil
	}
	return nil, err
}
