package lane_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// movable is what a body of the lane can do.
type movable interface {
	io.Reader
	Movable() int64
	MoveTo(to *net.TCPConn, n int64) (moved int64, bad, refused error)
}

// pair returns both ends of a connection.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dialled.Close()
		_ = accepted.Close()
	})
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// passOn reads what is buffered, has the kernel move the rest, and says what
// came of that.
func passOn(r *http.Request, to *net.TCPConn) (moved int64, bad, refused error) {
	b := r.Body.(movable)
	buf := make([]byte, 1<<10)
	for b.Movable() == 0 {
		n, err := b.Read(buf)
		_, _ = to.Write(buf[:n])
		if err != nil {
			return moved, err, nil
		}
	}
	for bad == nil && refused == nil {
		var n int64
		n, bad, refused = b.MoveTo(to, 100<<10)
		moved += n
	}
	return moved, bad, refused
}

func TestBodyIsMoved(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	near, far := pair(t)
	arrived := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(far)
		arrived <- all
	}()
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			moved, bad, refused := passOn(r, near)
			n, again, _ := r.Body.(movable).MoveTo(near, 1)
			_, _ = fmt.Fprint(w, moved > 0, bad, refused, n, again)
		}
	})})
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	_, _ = fmt.Fprintf(c, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(content))
	_, _ = c.Write(content)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // nothing of it is of the body
	for _, want := range []string{"true EOF <nil> 0 EOF", ""} {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	_ = near.CloseWrite()
	if got := <-arrived; !bytes.Equal(got, content) {
		t.Errorf("%d bytes arrived of %d", len(got), len(content))
	}
}

// TestMovingThatFailsNamesTheSide, and nothing more can be read.
func TestMovingThatFailsNamesTheSide(t *testing.T) {
	for _, row := range []struct {
		name   string
		client bool // it is the client that leaves
	}{{"client", true}, {"destination", false}} {
		t.Run(row.name, func(t *testing.T) {
			near, far := pair(t)
			result := make(chan error, 3)
			s := open(t, setup{handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, bad, refused := passOn(r, near)
				_, again, _ := r.Body.(movable).MoveTo(near, 1)
				result <- bad
				result <- refused
				result <- again
				panic(http.ErrAbortHandler)
			})})
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if !row.client {
				_ = far.SetLinger(0)
				_ = far.Close()
			}
			_, _ = io.WriteString(c, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n")
			if row.client {
				_, _ = io.WriteString(c, strings.Repeat("x", 20<<10))
				_ = c.(*net.TCPConn).CloseWrite()
				go func() { _, _ = io.Copy(io.Discard, far) }()
			} else {
				go func() { _, _ = io.Copy(c, strings.NewReader(strings.Repeat("x", 4<<20))) }()
			}
			bad, refused, again := <-result, <-result, <-result
			if (bad != nil) != row.client || (refused != nil) == row.client || row.client && !errors.Is(bad, io.ErrUnexpectedEOF) {
				t.Errorf("body %v, destination %v", bad, refused)
			}
			if !errors.Is(again, http.ErrBodyReadAfterClose) {
				t.Errorf("moved again: %v", again)
			}
		})
	}
}
