package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/proxy/upstream"
)

var errRevoked = errors.New("revoked")

// outgoing is a request whose context nobody cancels.
func outgoing(method, body string, cut *upstream.Cut) *upstream.Outgoing {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	return &upstream.Outgoing{Request: r, Target: "/", Cut: cut}
}

// TestCutEndsAnExchange at whatever point it is, on either way to the server.
func TestCutEndsAnExchange(t *testing.T) {
	for _, row := range []struct {
		name, answer string // what the server sends before it stands still
		status       int
	}{
		{"before the head", "", 0},
		{"in the head", "HTTP/1.1 200 OK\r\nContent-", 0},
		{"after hints", "HTTP/1.1 103 Hints\r\n\r\n", 0},
		{"after the head", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200},
		{"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 200},
		{"between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200},
		{"in a body without length", "HTTP/1.1 200 OK\r\n\r\nhello", 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(method+" "+row.name, func(t *testing.T) {
				sent := make(chan struct{})
				url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
					if _, err := readHead(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, row.answer)
					close(sent)
					_, _ = io.Copy(io.Discard, r)
				})
				up := newUpstream(t, upstream.Observer{}, []string{url, url + "0"})
				var cut upstream.Cut
				go func() {
					<-sent
					cut.Now(errRevoked)
					cut.Now(errors.New("later"))
				}()
				body := "" // a body goes through net/http
				if method == http.MethodPut {
					body = "x"
				}
				report, err := up.Forward(httptest.NewRecorder(), outgoing(method, body, &cut))
				// The cut may be faster than what was sent.
				if !errors.Is(err, errRevoked) || report.Status != row.status && report.Status != 0 || report.Attempts != 1 {
					t.Errorf("report %+v, error %v", report, err)
				}
				if !errors.Is(cut.Cause(), errRevoked) {
					t.Errorf("cause %v", cut.Cause())
				}
			})
		}
	}
}

func TestCutBeforeTheExchangeLetsNothingOut(t *testing.T) {
	var count atomic.Int32
	url := deaf(t, &count)
	for _, target := range []string{url, "dir:" + t.TempDir()} {
		for method, body := range map[string]string{http.MethodGet: "", http.MethodPut: "x"} {
			up := newUpstream(t, upstream.Observer{}, []string{target})
			var cut upstream.Cut
			cut.Now(errRevoked)
			report, err := up.Forward(httptest.NewRecorder(), outgoing(method, body, &cut))
			if !errors.Is(err, errRevoked) || report.Status != 0 {
				t.Errorf("%s %s: report %+v, error %v", method, target, report, err)
			}
		}
	}
	if count.Load() != 0 {
		t.Error("a server got a request")
	}
}

// TestCutWithoutACause is a cancellation.
func TestCutWithoutACause(t *testing.T) {
	var cut upstream.Cut
	if cut.Cause() != nil {
		t.Errorf("zero Cut has cause %v", cut.Cause())
	}
	cut.Now(nil)
	if !errors.Is(cut.Cause(), context.Canceled) {
		t.Errorf("cause %v", cut.Cause())
	}
}

// TestCutOfAFinishedExchangeTouchesNoOther: the connection is the next one's
// by then.
func TestCutOfAFinishedExchangeTouchesNoOther(t *testing.T) {
	release := make(chan struct{})
	url := rawServer(t, func(n int, c net.Conn, r *bufio.Reader) {
		for i := 0; ; i++ {
			if _, err := readHead(r); err != nil {
				return
			}
			if i == 1 {
				<-release
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n%d-%d", n, i)
		}
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	var first, second upstream.Cut
	if _, err := up.Forward(httptest.NewRecorder(), outgoing(http.MethodGet, "", &first)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	w := httptest.NewRecorder()
	go func() {
		_, err := up.Forward(w, outgoing(http.MethodGet, "", &second))
		done <- err
	}()
	first.Now(errRevoked)
	close(release)
	if err := <-done; err != nil || w.Body.String() != "0-1" {
		t.Errorf("got %q, %v", w.Body, err)
	}
}

// TestCutsAtAnyMoment: an exchange that is cut says so or is whole, and the
// others, which use the same connections, are whole.
func TestCutsAtAnyMoment(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(r.Header.Get("X-N"), 2000))
	}))
	t.Cleanup(backend.Close)
	up := newUpstream(t, upstream.Observer{}, []string{backend.URL})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 100 {
				var (
					cut   upstream.Cut
					cuts  = i%2 == 0
					w     = httptest.NewRecorder()
					n     = fmt.Sprintf("%03d", i*100+j)
					out   = outgoing(http.MethodGet, "", &cut)
					ended sync.WaitGroup
				)
				out.Request.Header.Set("X-N", n)
				if j%3 == 0 { // a context that ends, as of net/http's server
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					out.Request = out.Request.WithContext(ctx)
				}
				if cuts {
					ended.Go(func() { cut.Now(errRevoked) })
				}
				_, err := up.Forward(w, out)
				if err == nil && w.Body.String() != strings.Repeat(n, 2000) || err != nil && (!cuts || !errors.Is(err, errRevoked)) {
					t.Errorf("%s: %d bytes, %v", n, w.Body.Len(), err)
				}
				ended.Wait()
			}
		})
	}
	all.Wait()
}

// TestCutAtTheEndCostsTheConnection: the answer is whole, but what the cut did
// to its connection must not meet the next exchange.
func TestCutAtTheEndCostsTheConnection(t *testing.T) {
	numbers := make(chan int, 2)
	url := rawServer(t, func(n int, c net.Conn, r *bufio.Reader) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			numbers <- n
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	for want := range 2 {
		var cut upstream.Cut
		out, w := outgoing(http.MethodGet, "", &cut), httptest.NewRecorder()
		out.Response = func(int, http.Header) { cut.Now(errRevoked) }
		report, err := up.Forward(w, out)
		if n := <-numbers; err != nil || w.Body.String() != "ok" || n != want || report.Attempts != 1 {
			t.Errorf("connection %d: %q, %v, report %+v", n, w.Body, err, report)
		}
	}
}
