package upstream_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/proxy/upstream"
)

// connectionsTo counts the connections that a server of the given behaviour
// gets for a number of GET requests, and checks their answers.
func connectionsTo(t *testing.T, requests int, want string, behave func(c net.Conn, r *bufio.Reader)) int {
	t.Helper()
	var connections atomic.Int32
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		connections.Add(1)
		behave(c, r)
	})
	g := newGateway(t, []string{url})
	for i := range requests {
		_, body, err := g.request(t, http.MethodGet, "/", nil)
		if err != nil || body != want {
			t.Fatalf("request %d: got %q, %v", i, body, err)
		}
		g.result(t)
	}
	return int(connections.Load())
}

// TestConnectionIsKeptOnlyAfterAnExactAnswer: what is not delimited exactly
// could be taken for the beginning of the next answer.
func TestConnectionIsKeptOnlyAfterAnExactAnswer(t *testing.T) {
	for _, row := range []struct {
		name, answer, body string
		connections        int // for three requests
	}{
		{"Length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 1},
		{"Chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", 1},
		{"ChunkedWithTrailer", "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", "ok", 1},
		{"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", "", 1},
		{"Empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 1},
		{"EarlyHints", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 1},
		{"SaysClose", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok", 3},
		{"OldProtocol", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 3},
		{"MoreThanAnnounced", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "ok", 3},
		{"BodyWithNoContent", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := connectionsTo(t, 3, row.body, func(c net.Conn, r *bufio.Reader) {
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					if _, err := io.WriteString(c, row.answer); err != nil {
						return
					}
				}
			})
			if got != row.connections {
				t.Errorf("%d connections, want %d", got, row.connections)
			}
		})
	}
}

// TestAnswerThatNobodyAskedForIsNotTaken: a server that says something on an
// idle connection, as many do before they close it.
func TestAnswerThatNobodyAskedForIsNotTaken(t *testing.T) {
	say, said := make(chan struct{}), make(chan struct{})
	var connections atomic.Int32
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		connections.Add(1)
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if connections.Load() > 1 {
			return
		}
		// Later than the answer: until then the connection is idle.
		<-say
		_, _ = io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nevil")
		said <- struct{}{}
	})
	g := newGateway(t, []string{url})
	for range 2 {
		resp, body, err := g.request(t, http.MethodGet, "/", nil)
		if err != nil || body != "ok" || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %q, %v", resp, body, err)
		}
		g.result(t)
		if connections.Load() == 1 {
			say <- struct{}{}
			<-said
		}
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestServerThatWasRestarted: all idle connections are dead at once, and no
// request fails for it.
func TestServerThatWasRestarted(t *testing.T) {
	restart := make(chan struct{})
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		select {
		case <-restart: // a connection to the new process
		default:
			go func() {
				<-restart
				_ = c.Close()
			}()
		}
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	g := newGateway(t, []string{url})
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			_, body, err := g.request(t, http.MethodGet, "/", nil)
			if err == nil && body != "ok" {
				err = errors.New(body)
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	close(restart)
	for range 4 {
		if _, body, err := g.request(t, http.MethodGet, "/", nil); err != nil || body != "ok" {
			t.Errorf("after the restart: %q, %v", body, err)
		}
	}
}

// TestSwitchThatNobodyAskedFor is refused.
func TestSwitchThatNobodyAskedFor(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nsecret")
		}
	})
	g := newGateway(t, []string{url})
	resp, body, err := g.request(t, http.MethodGet, "/", nil)
	if err != nil || resp.StatusCode != http.StatusBadGateway || strings.Contains(body, "secret") {
		t.Errorf("got %v, %q, %v", resp, body, err)
	}
	if r := g.result(t); !errors.Is(r.err, upstream.ErrBadAnswer) {
		t.Errorf("error %v", r.err)
	}
}
