package upstream_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"tollgate/proxy/upstream"
)

// echoBody answers with the method, the framing and the body it read.
func echoBody(tb testing.TB) string {
	tb.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(w, "%s %d %v %s", r.Method, r.ContentLength, r.TransferEncoding, body)
	}))
	tb.Cleanup(s.Close)
	return s.URL
}

func TestBodiesKeepTheirFraming(t *testing.T) {
	g := newGateway(t, []string{echoBody(t)})
	for _, row := range []struct {
		method string
		body   io.Reader
		want   string
	}{
		{"PUT", strings.NewReader("hello"), "PUT 5 [] hello"},
		{"PUT", io.MultiReader(strings.NewReader("hello")), "PUT -1 [chunked] hello"},
		{"DELETE", io.MultiReader(strings.NewReader("x")), "DELETE -1 [chunked] x"},
		{"POST", nil, "POST 0 [] "},
		{"GET", strings.NewReader("q"), "GET 1 [] q"},
		{"PROPFIND", strings.NewReader("<x/>"), "PROPFIND 4 [] <x/>"},
	} {
		_, body, err := g.request(t, row.method, "/", row.body)
		if err != nil || body != row.want {
			t.Errorf("server read %q, %v, want %q", body, err, row.want)
		}
	}
}

func TestErrorOfTheBodyComesBackAsItIs(t *testing.T) {
	limit := errors.New("limit passed")
	var whole atomic.Bool
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		whole.Store(err == nil)
	}))
	t.Cleanup(backend.Close)
	for _, length := range []int64{-1, 1 << 20} {
		up := newUpstream(t, upstream.Observer{}, []string{backend.URL})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", io.MultiReader(
			bytes.NewReader(make([]byte, 100<<10)), iotest.ErrReader(limit)))
		r.ContentLength = length
		report, err := up.Forward(httptest.NewRecorder(), &upstream.Outgoing{Request: r, Target: "/"})
		if !errors.Is(err, limit) || errors.Is(err, upstream.ErrUnreachable) || report.Status != 0 {
			t.Errorf("length %d: error %v, status %d", length, err, report.Status)
		}
		if whole.Load() {
			t.Errorf("length %d: the server took the body for whole", length)
		}
	}
}

func TestBodyShorterThanAnnouncedIsNotSentAsWhole(t *testing.T) {
	up := newUpstream(t, upstream.Observer{}, []string{echoBody(t)})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", io.MultiReader(strings.NewReader("hello")))
	r.ContentLength = 7
	w := httptest.NewRecorder()
	if _, err := up.Forward(w, &upstream.Outgoing{Request: r, Target: "/"}); !errors.Is(err, upstream.ErrBadRequest) {
		t.Errorf("error %v, answer %q", err, w.Body)
	}
}

func TestLimitOfTheCallerCanBeFound(t *testing.T) {
	g := newGateway(t, []string{echoBody(t)})
	g.dress = func(r *http.Request, _ *upstream.Outgoing) { r.Body = http.MaxBytesReader(nil, r.Body, 1000) }
	resp, _, err := g.request(t, http.MethodPut, "/", bytes.NewReader(make([]byte, 100<<10)))
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("client got %v, %v", resp, err)
	}
}

// countingServer counts the requests whose head it has read, and closes the
// connection instead of answering from the second request on it on.
func countingServer(tb testing.TB, count *atomic.Int32) string {
	tb.Helper()
	return rawServer(tb, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if _, err := readHead(r); err == nil {
			count.Add(1)
		}
	})
}

func TestRequestWithEffectIsNeverSentTwice(t *testing.T) {
	for _, row := range []struct {
		method, body string
		header       []string
	}{
		{"POST", "", nil},
		{"POST", "hello", nil},
		{"PATCH", "hello", nil},
		{"PUT", "hello", nil},
		{"POST", "", []string{"Idempotency-Key", "k"}},
		{"POST", "", []string{"X-Idempotency-Key", "k"}},
		{"POST", "hello", []string{"Idempotency-Key", "k"}},
		{"LOCK", "", nil},
		{"GET", "hello", nil},
	} {
		t.Run(fmt.Sprint(row), func(t *testing.T) {
			var count atomic.Int32
			g := newGateway(t, []string{countingServer(t, &count), countingServer(t, &count)})
			for range 2 { // one connection to each server
				if _, body, err := g.request(t, http.MethodPost, "/", nil); err != nil || body != "ok" {
					t.Fatalf("first request: %q, %v", body, err)
				}
			}
			resp, _, err := g.request(t, row.method, "/", strings.NewReader(row.body), row.header...)
			if err != nil || resp.StatusCode != http.StatusBadGateway {
				t.Errorf("client got %v, %v", resp, err)
			}
			if n := count.Load(); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestIdempotencyKeyStillReachesTheServer(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key"))
	}))
	t.Cleanup(backend.Close)
	g := newGateway(t, []string{backend.URL})
	if _, body, err := g.request(t, http.MethodPost, "/", nil, "Idempotency-Key", "a", "X-Idempotency-Key", "b"); body != "ab" {
		t.Errorf("server read %q, %v", body, err)
	}
}

// deaf reads one request's head and closes.
func deaf(tb testing.TB, count *atomic.Int32) string {
	tb.Helper()
	return rawServer(tb, func(_ int, _ net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			count.Add(1)
		}
	})
}

func TestNextServerIsTriedWhenThatIsSafe(t *testing.T) {
	for _, row := range []struct {
		name, method, body string
		unreachable        bool // no connection, rather than no answer
		attempts, status   int
	}{
		{"GET, no answer", "GET", "", false, 2, 200},
		{"HEAD, no answer", "HEAD", "", false, 2, 200},
		{"PROPFIND, no answer", "PROPFIND", "", false, 2, 200},
		{"DELETE, no answer", "DELETE", "", false, 2, 200},
		{"PUT without body, no answer", "PUT", "", false, 2, 200},
		{"PUT with body, no answer", "PUT", "x", false, 1, 502},
		{"POST, no answer", "POST", "", false, 1, 502},
		{"GET, no connection", "GET", "", true, 2, 200},
		{"POST with body, no connection", "POST", "x", true, 1, 502},
		{"PUT with body, no connection", "PUT", "x", true, 2, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			var count atomic.Int32
			bad := closedPort(t)
			if !row.unreachable {
				bad = deaf(t, &count)
			}
			g := newGateway(t, []string{bad, echoBody(t)})
			resp, body, err := g.request(t, row.method, "/", strings.NewReader(row.body))
			if err != nil || resp.StatusCode != row.status {
				t.Fatalf("client got %v, %v", resp, err)
			}
			if row.status == 200 && row.method != "HEAD" && !strings.HasSuffix(body, " "+row.body) {
				t.Errorf("server read %q", body)
			}
			if r := g.result(t); r.report.Attempts != row.attempts {
				t.Errorf("%d attempts, want %d", r.report.Attempts, row.attempts)
			}
			if !row.unreachable && count.Load() != 1 {
				t.Errorf("first server got it %d times", count.Load())
			}
		})
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	g := newGateway(t, []string{closedPort(t), closedPort(t), closedPort(t), closedPort(t), closedPort(t)})
	resp, _, err := g.request(t, http.MethodGet, "/", nil)
	if err != nil || resp.StatusCode != http.StatusBadGateway {
		t.Fatalf("client got %v, %v", resp, err)
	}
	if r := g.result(t); r.report.Attempts != 3 || !errors.Is(r.err, upstream.ErrUnreachable) {
		t.Errorf("%d attempts, error %v", r.report.Attempts, r.err)
	}
}

func TestNoHeadInTimeIsATimeout(t *testing.T) {
	for _, row := range []struct {
		method   string
		attempts int
	}{{"GET", 2}, {"PROPFIND", 2}, {"PUT", 1}, {"DELETE", 1}, {"POST", 1}} {
		t.Run(row.method, func(t *testing.T) {
			silent := func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }
			g := newGateway(t, []string{rawServer(t, silent), rawServer(t, silent)}, func(c *upstream.Config) {
				c.Timeouts.FirstByte = 30 * time.Millisecond
			})
			resp, _, err := g.request(t, row.method, "/", nil)
			if err != nil || resp.StatusCode != http.StatusGatewayTimeout {
				t.Fatalf("client got %v, %v", resp, err)
			}
			if r := g.result(t); r.report.Attempts != row.attempts || !errors.Is(r.err, upstream.ErrTimeout) {
				t.Errorf("%d attempts, error %v", r.report.Attempts, r.err)
			}
		})
	}
}

const expectingPut = "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

func TestExpectIsPassedOnAndTheBodySentAfter100(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		head, _ := readHead(r)
		if !strings.Contains(head, "Expect: 100-continue") {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		body := make([]byte, 5)
		_, _ = io.ReadFull(r, body)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%s", body)
	})
	g := newGateway(t, []string{url})
	c, r := dialRaw(t, g.URL, expectingPut)
	if head, err := readHead(r); head != "HTTP/1.1 100 Continue\n" {
		t.Fatalf("client read %q, %v", head, err)
	}
	_, _ = io.WriteString(c, "hello")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" || resp.Close {
		t.Errorf("body %q, close %t", body, resp.Close)
	}
}

func TestRefusedExpectationNeverAsksForTheBody(t *testing.T) {
	for _, row := range []struct{ name, answer string }{
		{"with a body", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"},
		{"without a body", "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"},
		{"closing", "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"},
		{"streamed", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			more := make(chan int, 1)
			url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				_, _ = io.WriteString(c, row.answer)
				n, _ := io.Copy(io.Discard, r)
				more <- int(n)
			})
			g := newGateway(t, []string{url})
			_, r := dialRaw(t, g.URL, expectingPut)
			line, err := r.ReadString('\n')
			if err != nil || !strings.HasPrefix(row.answer, strings.TrimRight(line, "\r\n")) {
				t.Fatalf("client read %q, %v", line, err)
			}
			rest, err := io.ReadAll(r) // the gateway closes: the body can still be on its way
			if err != nil || strings.Contains(string(rest), "100 Continue") {
				t.Errorf("client read %q, %v", rest, err)
			}
			if res := g.result(t); res.err != nil {
				t.Errorf("error %v", res.err)
			}
			if n := <-more; n != 0 {
				t.Errorf("server got %d bytes of the body", n)
			}
		})
	}
}

func TestExpectationThatTheServerIgnoresIsMetInTheEnd(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		body := make([]byte, 5)
		_, _ = io.ReadFull(r, body)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%s", body)
	})
	g := newGateway(t, []string{url})
	c, r := dialRaw(t, g.URL, expectingPut)
	if head, err := readHead(r); head != "HTTP/1.1 100 Continue\n" {
		t.Fatalf("client read %q, %v", head, err)
	}
	_, _ = io.WriteString(c, "hello")
	if head, err := readHead(r); !strings.HasPrefix(head, "HTTP/1.1 200") {
		t.Errorf("client read %q, %v", head, err)
	}
}

func TestAnswerBeforeTheWholeBodyIsPassedOn(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.CopyN(io.Discard, r, 10)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
		_, _ = io.Copy(io.Discard, r)
	})
	g := newGateway(t, []string{url})
	// The client sends ten bytes of many and then waits.
	_, r := dialRaw(t, g.URL, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n0123456789")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 413 || string(body) != "big" || !resp.Close || err != nil {
		t.Errorf("client got %d %q, close %t, %v", resp.StatusCode, body, resp.Close, err)
	}
	if res := g.result(t); res.err != nil || res.report.Bytes != 3 {
		t.Errorf("report %+v, error %v", res.report, res.err)
	}
}

func TestBothBodiesMayFlowAtOnce(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
		_, _ = io.CopyN(c, r, 8)
	})
	g := newGateway(t, []string{url})
	c, r := dialRaw(t, g.URL, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nping")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for _, want := range []string{"ping", "pong"} {
		buf := make([]byte, 4)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != want {
			t.Fatalf("read %q, %v, want %q", buf, err, want)
		}
		if want == "ping" {
			_, _ = io.WriteString(c, "pong")
		}
	}
}

func TestUnsendableHeaderIsTheCallersFault(t *testing.T) {
	var count atomic.Int32
	up := newUpstream(t, upstream.Observer{}, []string{deaf(t, &count)})
	for _, header := range []http.Header{{"A b": {"x"}}, {"A": {"x\r\nB: y"}}} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header = header
		if _, err := up.Forward(httptest.NewRecorder(), &upstream.Outgoing{Request: r, Target: "/"}); !errors.Is(err, upstream.ErrBadRequest) {
			t.Errorf("%v: error %v", header, err)
		}
	}
	if count.Load() != 0 {
		t.Error("server got a request")
	}
}

// TestConnectionThatWasIdleGetsASecondTry: a server closes an idle connection
// at the moment when the next request is sent on it.
func TestConnectionThatWasIdleGetsASecondTry(t *testing.T) {
	for method, want := range map[string]int{"DELETE": http.StatusNoContent, "PROPFIND": http.StatusNoContent, "POST": http.StatusBadGateway} {
		t.Run(method, func(t *testing.T) {
			url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
				_, _ = readHead(r) // and no answer
			})
			g := newGateway(t, []string{url})
			for i, status := range []int{http.StatusNoContent, want} {
				resp, _, err := g.request(t, method, "/", nil)
				if err != nil || resp.StatusCode != status {
					t.Fatalf("request %d: got %v, %v, want %d", i, resp, err, status)
				}
				<-g.results
			}
		})
	}
}
