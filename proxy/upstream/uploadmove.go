package upstream

import (
	"errors"
	"io"
	"net"
	"time"
)

// movable is a body whose rest the kernel can move, since nothing need look at
// it.
type movable interface {
	// Movable returns how many bytes of the rest can be moved now; 0 = none.
	Movable() int64
	// MoveTo moves n bytes, which are at most so many, to a connection. bad
	// is an error of the body, as Read has it, and refused one of the
	// connection. With an error bytes may be lost on the way.
	MoveTo(to *net.TCPConn, n int64) (moved int64, bad, refused error)
}

// move has the kernel move what it can of a large body. It stops at a client,
// or a server, that is slow: what the kernel moves is seen only when a piece is
// over.
func (u *upload) move() error {
	from, to := u.movable()
	if from == nil {
		return nil
	}
	b := u.ex.body
	for left := b.left(); left > 0 && !u.slow; left = b.left() {
		want, began := min(left, movePiece), time.Now()
		if !b.beginRead() {
			return errNotWhole
		}
		n, bad, refused := from.MoveTo(to, want)
		if n == left && errors.Is(bad, io.EOF) || bad == nil && n == left {
			bad = io.EOF
		}
		b.took(n, bad)
		u.ex.moved.Add(1)
		switch {
		case refused != nil:
			return refused
		case b.fault() != nil:
			return errNotWhole
		case n < want:
			return nil
		}
		u.slow = time.Since(began) >= slowWrite
	}
	return nil
}

// movable returns the two ends between which the kernel can move the rest of
// the body; nil = it cannot, or it is not worth while.
func (u *upload) movable() (movable, *net.TCPConn) {
	ex := u.ex
	left := ex.body.left()
	from, ok := ex.body.src.(movable)
	if !ok || u.slow || left < moveFrom || ex.widest() < movePiece || from.Movable() < left {
		return nil, nil
	}
	to, _ := u.conn.Conn.(*net.TCPConn)
	if to == nil {
		return nil, nil
	}
	return from, to
}

// beginRead notes that the body is read from, and reports whether it may be.
func (b *requestBody) beginRead() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return false
	}
	b.touched, b.reading = true, true
	return true
}
