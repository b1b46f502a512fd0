package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// movableBody says what a body of the lane would, without a socket.
type movableBody struct {
	io.ReadCloser
	left         int64
	bad, refused error
	asked        int64
}

func (b *movableBody) Movable() int64 { return b.left }

func (b *movableBody) MoveTo(_ *net.TCPConn, n int64) (int64, error, error) {
	b.asked = n
	return 3, b.bad, b.refused
}

// TestWhatTheKernelMayMove: only what nothing has to look at.
func TestWhatTheKernelMayMove(t *testing.T) {
	for _, c := range []struct {
		name    string
		body    io.ReadCloser
		trailer http.Header
		want    int64
	}{
		{"a body on a socket", &movableBody{left: 7}, nil, 7},
		{"one with trailers, which come with its end", &movableBody{left: 7}, http.Header{"X": nil}, 0},
		{"one of another lane", io.NopCloser(bytes.NewReader(nil)), nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &clientBody{ReadCloser: c.body, trailer: c.trailer}
			if got := b.Movable(); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}

// TestErrorsOfAMovedBody are those of one that is read.
func TestErrorsOfAMovedBody(t *testing.T) {
	broken := errors.New("reset")
	for _, c := range []struct {
		name         string
		bad, refused error
		want         error
	}{
		{"none", nil, nil, nil},
		{"the end", io.EOF, nil, io.EOF},
		{"the client breaks off", io.ErrUnexpectedEOF, nil, ErrBrokenBody},
		{"the client's connection fails", broken, nil, ErrBrokenBody},
		{"the server's fails", nil, broken, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			below := &movableBody{bad: c.bad, refused: c.refused}
			moved, bad, refused := (&clientBody{ReadCloser: below}).MoveTo(nil, 5)
			if moved != 3 || below.asked != 5 || !errors.Is(bad, c.want) || !errors.Is(refused, c.refused) {
				t.Errorf("moved %d of %d: %v, %v", moved, below.asked, bad, refused)
			}
			if errors.Is(c.want, io.EOF) && errors.Is(bad, ErrBrokenBody) {
				t.Error("the end is taken for a fault")
			}
		})
	}
	if n, bad, refused := (&clientBody{ReadCloser: io.NopCloser(nil)}).MoveTo(nil, 5); n != 0 || bad != nil || refused != nil {
		t.Errorf("a body that cannot be moved: %d, %v, %v", n, bad, refused)
	}
}
