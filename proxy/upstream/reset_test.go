package upstream_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"tollgate/proxy/upstream"
)

// brokenAfter gives a text and then fails.
type brokenAfter struct {
	io.Reader
	err error
}

func (b brokenAfter) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

// serveOne serves one connection, and sends how that ended.
func serveOne(t *testing.T, serve func(net.Conn) error) (url string, ended chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ended = make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer conn.Close()
		ended <- serve(conn)
	}()
	return "http://" + l.Addr().String(), ended
}

// TestBodyThatBreaksOffEndsInAReset: a server that takes an orderly end for
// the end of the body must not see one.
func TestBodyThatBreaksOffEndsInAReset(t *testing.T) {
	for _, c := range []struct {
		name   string
		length int64
	}{
		{"with a length", 1 << 20},
		{"in chunks", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, ended := serveOne(t, func(conn net.Conn) error {
				_, err := io.Copy(io.Discard, conn)
				return err // nil = an orderly end
			})
			g := newGateway(t, []string{url})
			errBroken := errors.New("the client broke off")
			g.dress = func(r *http.Request, out *upstream.Outgoing) {
				r.Body, r.ContentLength = io.NopCloser(brokenAfter{strings.NewReader(strings.Repeat("x", 100<<10)), errBroken}), c.length
			}
			_, _, _ = g.request(t, http.MethodPut, "/k", nil)
			if r := g.result(t); !errors.Is(r.err, errBroken) {
				t.Errorf("Forward = %v", r.err)
			}
			if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the server saw %v, want a reset", err)
			}
		})
	}
}

// TestConnectionAfterAWholeBodyEndsInOrder: and can be used again.
func TestConnectionAfterAWholeBodyEndsInOrder(t *testing.T) {
	url, ended := serveOne(t, func(conn net.Conn) error {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	g := newGateway(t, []string{url})
	for range 2 {
		if response, _, err := g.request(t, http.MethodPut, "/k", strings.NewReader("whole")); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", response, err)
		}
	}
	g.up.Close()
	if err := <-ended; err != nil {
		t.Errorf("the connection ended with %v", err)
	}
}
