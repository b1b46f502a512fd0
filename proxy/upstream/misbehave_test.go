package upstream_test

import (
	"bufio"
	"bytes"
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
	"time"

	"tollgate/proxy/upstream"
)

// reset closes a connection so that the other side reads an error, not an end.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func TestResetIsNeverCleanForTheClient(t *testing.T) {
	for _, row := range []struct {
		name, sent string
		status     int
		want       error
	}{
		{"before the head", "", 502, upstream.ErrUnreachable},
		{"in the head", "HTTP/1.1 200 OK\r\nContent-", 502, upstream.ErrBadAnswer},
		{"after the head", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 0, upstream.ErrBrokenAnswer},
		{"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0, upstream.ErrBrokenAnswer},
		{"in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", 0, upstream.ErrBrokenAnswer},
		{"in a body without length", "HTTP/1.1 200 OK\r\n\r\nhello", 0, upstream.ErrBrokenAnswer},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				_, _ = io.WriteString(c, row.sent)
				// The bytes must have been read before the reset drops them.
				tick := time.NewTimer(100 * time.Millisecond)
				defer tick.Stop()
				<-tick.C
				reset(c)
			})
			g := newGateway(t, []string{url})
			resp, body, err := g.request(t, http.MethodPost, "/", nil)
			if row.status == 0 && err == nil {
				t.Errorf("client took %d %q for a whole answer", resp.StatusCode, body)
			}
			if row.status != 0 && (err != nil || resp.StatusCode != row.status) {
				t.Errorf("client got %v, %v", resp, err)
			}
			if r := g.result(t); !errors.Is(r.err, row.want) || (r.report.Status == 0) != (row.status != 0) {
				t.Errorf("error %v, status %d", r.err, r.report.Status)
			}
		})
	}
}

func TestResetInTheUploadIsAnErrorForTheClient(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.CopyN(io.Discard, r, 1<<20)
		reset(c)
	})
	g := newGateway(t, []string{url, closedPort(t)})
	if resp, _, err := g.request(t, http.MethodPut, "/", noise(big)); err == nil && resp.StatusCode != http.StatusBadGateway {
		t.Errorf("client got %d", resp.StatusCode)
	}
	if r := g.result(t); !errors.Is(r.err, upstream.ErrUnreachable) || r.report.Attempts != 1 || r.report.Status != 0 {
		t.Errorf("report %+v, error %v", r.report, r.err)
	}
}

func TestClientThatLeavesInTheAnswerEndsTheExchange(t *testing.T) {
	gone := make(chan error, 1)
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		_, err := r.ReadByte()
		gone <- err
	})
	g := newGateway(t, []string{url})
	c, r := dialRaw(t, g.URL, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := readHead(r); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := <-gone; err == nil {
		t.Error("the server got another byte")
	}
	if r := g.result(t); !errors.Is(r.err, upstream.ErrClientGone) || r.report.Status != 200 || r.report.Bytes != 5 {
		t.Errorf("report %+v, error %v", r.report, r.err)
	}
}

func TestClientThatLeavesInTheUploadNeverLooksLikeAWholeOne(t *testing.T) {
	for _, framing := range []string{"Content-Length: 100\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
		whole := make(chan error, 1)
		backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			whole <- err
		}))
		t.Cleanup(backend.Close)
		g := newGateway(t, []string{backend.URL})
		c, _ := dialRaw(t, g.URL, "PUT / HTTP/1.1\r\nHost: x\r\n"+framing)
		_ = c.Close()
		if err := <-whole; err == nil {
			t.Errorf("%q: the server took the body for whole", framing)
		}
		if r := g.result(t); !errors.Is(r.err, io.ErrUnexpectedEOF) && !errors.Is(r.err, upstream.ErrClientGone) || r.report.Status != 0 {
			t.Errorf("%q: report %+v, error %v", framing, r.report, r.err)
		}
	}
}

func TestDeadlineOfTheRequestIsATimeout(t *testing.T) {
	url := rawServer(t, func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	up := newUpstream(t, upstream.Observer{}, []string{url, url + "0"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	report, err := up.Forward(httptest.NewRecorder(), &upstream.Outgoing{Request: r, Target: "/"})
	if !errors.Is(err, upstream.ErrTimeout) || report.Attempts != 1 {
		t.Errorf("report %+v, error %v", report, err)
	}
}

func TestHintsAreKeptFromOldClients(t *testing.T) {
	g := newGateway(t, []string{answering(t, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")})
	_, r := dialRaw(t, g.URL, "GET / HTTP/1.0\r\nHost: x\r\n\r\n")
	if head, err := readHead(r); err != nil || !strings.HasPrefix(head, "HTTP/1.0 200 OK\n") {
		t.Errorf("client read %q, %v", head, err)
	}
}

func TestWhatTheGatewayHadSetStays(t *testing.T) {
	for _, row := range []struct {
		name, answer string
		hook         bool
		want         string
	}{
		{"after hints", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nX-Id: hint\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "gateway"},
		{"after no answer", "garbage\r\n\r\n", false, "gateway"},
		{"unless the server says it", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Id: server\r\n\r\n", false, "server"},
		{"unless the caller removes that", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Id: server\r\n\r\n", true, "gateway"},
	} {
		t.Run(row.name, func(t *testing.T) {
			up := newUpstream(t, upstream.Observer{}, []string{answering(t, row.answer)})
			w := httptest.NewRecorder()
			w.Header().Set("X-Id", "gateway")
			out := &upstream.Outgoing{Request: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), Target: "/"}
			if row.hook {
				out.Response = func(_ int, h http.Header) { h.Del("X-Id") }
			}
			_, _ = up.Forward(w, out)
			if got := w.Header().Get("X-Id"); got != row.want {
				t.Errorf("X-Id %q, want %q", got, row.want)
			}
			if w.Header().Get("Link") != "" {
				t.Error("hints stayed in the header")
			}
		})
	}
}

func TestUserAgentIsTheClientsOrNone(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Header["User-Agent"])
	}))
	t.Cleanup(backend.Close)
	g := newGateway(t, []string{backend.URL})
	for given, want := range map[string]string{"": "[]", "User-Agent: curl/8\r\n": "[curl/8]"} {
		_, r := dialRaw(t, g.URL, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+given+"\r\n")
		if _, err := readHead(r); err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(r); err != nil || string(body) != want {
			t.Errorf("server saw %s, %v, want %s", body, err, want)
		}
	}
}

func TestHTTP2ClientsAreServed(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/early" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		_, _ = w.Write(body)
		w.Header().Set("X-Sum", "1")
	}))
	t.Cleanup(backend.Close)
	g := &gateway{up: newUpstream(t, upstream.Observer{}, []string{backend.URL}), results: make(chan result, 8)}
	g.Server = httptest.NewUnstartedServer(g)
	g.EnableHTTP2 = true
	g.StartTLS()
	t.Cleanup(g.Close)
	for range 2 { // the connection must outlive an early answer
		for path, want := range map[string]int{"/": 200, "/early": 403} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+path, bytes.NewReader(make([]byte, 1<<20)))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := g.Client().Do(req)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != want || resp.ProtoMajor != 2 || want == 200 && (len(body) != 1<<20 || resp.Trailer.Get("X-Sum") != "1") {
				t.Errorf("%s: %d %s, %d bytes, trailer %v, %v", path, resp.StatusCode, resp.Proto, len(body), resp.Trailer, err)
			}
		}
	}
}

func TestManyExchangesAtOnceStayApart(t *testing.T) {
	var served atomic.Int32
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		w.Header().Set("X-Path", r.URL.Path)
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	t.Cleanup(backend.Close)
	g := newGateway(t, []string{backend.URL, strings.Replace(backend.URL, "127.0.0.1", "localhost", 1)})
	g.results = make(chan result, 1000)
	web := client(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 10 {
				want := strings.Repeat(fmt.Sprintf("%d-%d ", i, j), 1+i*j*50)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/%d/%d", g.URL, i, j), strings.NewReader(want))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := web.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || string(got) != want || resp.Header.Get("X-Path") != req.URL.Path {
					t.Errorf("%s: %d bytes of %d, %v", req.URL.Path, len(got), len(want), err)
				}
			}
		})
	}
	all.Wait()
	if served.Load() != 200 {
		t.Errorf("served %d", served.Load())
	}
	for range 200 {
		if r := g.result(t); r.err != nil {
			t.Errorf("error %v", r.err)
		}
	}
}
