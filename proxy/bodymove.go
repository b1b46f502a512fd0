package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// movable is a body whose rest the kernel can move (upstream, lane).
type movable interface {
	Movable() int64
	MoveTo(to *net.TCPConn, n int64) (moved int64, bad, refused error)
}

// Movable returns how many bytes of the rest the kernel can move; 0 = none.
func (b *clientBody) Movable() int64 {
	below, ok := b.ReadCloser.(movable)
	if !ok || len(b.trailer) > 0 {
		return 0
	}
	return below.Movable()
}

// MoveTo has the kernel move n bytes to a connection. bad is an error of the
// body, as Read has it, and refused one of the connection.
func (b *clientBody) MoveTo(to *net.TCPConn, n int64) (moved int64, bad, refused error) {
	below, ok := b.ReadCloser.(movable)
	if !ok {
		return 0, nil, nil
	}
	moved, bad, refused = below.MoveTo(to, n)
	if bad != nil && !errors.Is(bad, io.EOF) {
		bad = fmt.Errorf("%w: %w", ErrBrokenBody, bad)
	}
	return moved, bad, refused
}
