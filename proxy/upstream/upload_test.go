package upstream_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
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

// put is a request whose body has a known length, for a writer of any kind.
func put(t *testing.T, body io.Reader, length int64) *upstream.Outgoing {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/k", io.MultiReader(body))
	r.ContentLength = length
	return &upstream.Outgoing{Request: r, Target: "/k"}
}

// whole reads one request with its body and answers with the sum of that.
func whole(c net.Conn, r *bufio.Reader) error {
	in, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, in.Body); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n%s", sum(h))
	return err
}

// TestSmallBodyGoesWithItsHead: in one piece, so that a server that reads once
// has all.
func TestSmallBodyGoesWithItsHead(t *testing.T) {
	for _, size := range []int{1, 1 << 10, 60 << 10} {
		pieces := make(chan string, 1)
		url := rawServer(t, func(_ int, c net.Conn, _ *bufio.Reader) {
			buf := make([]byte, 1<<20)
			n, _ := c.Read(buf)
			pieces <- string(buf[:n])
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		})
		up := newUpstream(t, upstream.Observer{}, []string{url})
		body := strings.Repeat("x", size)
		if _, err := up.Forward(httptest.NewRecorder(), put(t, strings.NewReader(body), int64(size))); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("PUT /k HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n%s", size, body)
		if got := <-pieces; got != want {
			t.Errorf("%d: the first piece has %d bytes of %d", size, len(got), len(want))
		}
	}
}

// TestBodiesOfAnySizeArrive, however they come, and the connection is used
// again after each.
func TestBodiesOfAnySizeArrive(t *testing.T) {
	var connections atomic.Int32
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		connections.Add(1)
		for whole(c, r) == nil {
		}
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	for _, size := range []int64{1, 4 << 10, 64 << 10, 68<<10 - 70, 68 << 10, 68<<10 + 1, 256 << 10, 324 << 10, 3 << 20} {
		for name, read := range map[string]func(io.Reader) io.Reader{
			"as it is": func(r io.Reader) io.Reader { return r }, "with its end": iotest.DataErrReader, "by halves": iotest.HalfReader,
		} {
			w := httptest.NewRecorder()
			report, err := up.Forward(w, put(t, read(noise(size)), size))
			if err != nil || w.Body.String() != noiseSum(size) || w.Header().Get("Connection") != "" || report.Attempts != 1 {
				t.Errorf("%d bytes %s: %q, %+v, %v", size, name, w.Body, report, err)
			}
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestBodyInPiecesThatWait: each piece reaches the server before the next
// one is there, the head before the first.
func TestBodyInPiecesThatWait(t *testing.T) {
	pieces := []string{"", "one", "two", strings.Repeat("three", 50<<10), "four"}
	arrived := make(chan struct{})
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		for _, p := range pieces {
			if _, err := io.CopyN(io.Discard, r, int64(len(p))); err != nil {
				return
			}
			arrived <- struct{}{}
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	g := newGateway(t, []string{url})
	c, r := dialRaw(t, g.URL, fmt.Sprintf("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(strings.Join(pieces, ""))))
	for _, p := range pieces {
		_, _ = io.WriteString(c, p)
		<-arrived
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); string(body) != "ok" || resp.Close || err != nil {
		t.Errorf("client got %q, close %t, %v", body, resp.Close, err)
	}
}

// TestEarlyAnswerIsNotMissed, whatever client and server are at.
func TestEarlyAnswerIsNotMissed(t *testing.T) {
	const refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
	for _, row := range []struct {
		name   string
		sent   int64 // by the client; the rest never comes
		behave func(c net.Conn, r *bufio.Reader, hold <-chan struct{})
	}{
		{"client silent", 0, func(c net.Conn, r *bufio.Reader, _ <-chan struct{}) {
			_, _ = io.WriteString(c, refusal)
			_, _ = io.Copy(io.Discard, r)
		}},
		{"client silent after a while, server closes", 100 << 10, func(c net.Conn, r *bufio.Reader, _ <-chan struct{}) {
			_, _ = io.CopyN(io.Discard, r, 100<<10)
			_, _ = io.WriteString(c, refusal)
		}},
		{"client sends on, server reads no more", big, func(c net.Conn, r *bufio.Reader, hold <-chan struct{}) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			_, _ = io.WriteString(c, refusal)
			<-hold
		}},
		{"after a needless 100", 10, func(c net.Conn, r *bufio.Reader, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			_, _ = io.CopyN(io.Discard, r, 10)
			_, _ = io.WriteString(c, refusal)
			_, _ = io.Copy(io.Discard, r)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			hold := make(chan struct{})
			defer close(hold)
			connections := make(chan int, 8)
			url := rawServer(t, func(n int, c net.Conn, r *bufio.Reader) {
				connections <- n
				_, _ = readHead(r)
				if n > 0 {
					_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
					return
				}
				row.behave(c, r, hold)
			})
			g := newGateway(t, []string{url})
			c, r := dialRaw(t, g.URL, fmt.Sprintf("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", int64(big)))
			go func() { _, _ = io.Copy(c, noise(row.sent)) }()
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if body, err := io.ReadAll(resp.Body); resp.StatusCode != 413 || string(body) != "big" || !resp.Close || err != nil {
				t.Errorf("client got %d %q, close %t, %v", resp.StatusCode, body, resp.Close, err)
			}
			if res := g.result(t); res.err != nil || res.report.Bytes != 3 || res.report.Status != 413 {
				t.Errorf("report %+v, error %v", res.report, res.err)
			}
			if _, _, err := g.request(t, http.MethodGet, "/", nil); err != nil {
				t.Fatal(err)
			}
			if a, b := <-connections, <-connections; a != 0 || b != 1 {
				t.Errorf("connections %d and %d: the one with half a body was used again", a, b)
			}
		})
	}
}

// TestServerNeverHasABodyWholeThatItsReaderRefuses, and the error is the
// reader's.
func TestServerNeverHasABodyWholeThatItsReaderRefuses(t *testing.T) {
	errRefused := errors.New("refused")
	const size = 100 << 10
	content := strings.Repeat("x", size)
	for _, row := range []struct {
		name   string
		body   io.Reader
		length int64
		want   error
	}{
		{"at once", iotest.ErrReader(errRefused), size, errRefused},
		{"in the middle", io.MultiReader(strings.NewReader(content[:size/2]), iotest.ErrReader(errRefused)), size, errRefused},
		{"at the last byte", io.MultiReader(strings.NewReader(content[1:]), iotest.ErrReader(errRefused)), size, errRefused},
		{"after the last byte", io.MultiReader(strings.NewReader(content), iotest.ErrReader(errRefused)), size, errRefused},
		{"together with the last byte", brokenAfter{iotest.DataErrReader(strings.NewReader(content)), errRefused}, size, errRefused},
		{"small, after the last byte", io.MultiReader(strings.NewReader("small"), iotest.ErrReader(errRefused)), 5, errRefused},
		{"one byte too long", strings.NewReader(content), size - 1, upstream.ErrBadRequest},
		{"small and too long", strings.NewReader("small"), 4, upstream.ErrBadRequest},
		{"one byte too short", strings.NewReader(content), size + 1, upstream.ErrBadRequest},
		{"nothing", strings.NewReader(""), 5, upstream.ErrBadRequest},
		{"that makes no progress", noProgress{}, 5, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			url, ended := serveOne(t, func(c net.Conn) error { return whole(c, bufio.NewReader(c)) })
			up := newUpstream(t, upstream.Observer{}, []string{url, closedPort(t)})
			report, err := up.Forward(httptest.NewRecorder(), put(t, row.body, row.length))
			if err == nil || row.want != nil && !errors.Is(err, row.want) || report.Status != 0 || report.Attempts != 1 {
				t.Errorf("report %+v, error %v", report, err)
			}
			for _, other := range []error{upstream.ErrUnreachable, upstream.ErrTimeout, upstream.ErrClientGone} {
				if errors.Is(err, other) {
					t.Errorf("error %v", err)
				}
			}
			if err := <-ended; err == nil {
				t.Error("the server took the body for whole")
			}
		})
	}
}

// noProgress reads nothing, again and again.
type noProgress struct{}

func (noProgress) Read([]byte) (int, error) { return 0, nil }

// TestServerThatReadsSlowlyIsNotGivenUp: what it takes moves, although no piece
// is sent to its end within the idle time.
func TestServerThatReadsSlowlyIsNotGivenUp(t *testing.T) {
	const size = 24 << 20 // more than sockets keep
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for left := int64(size); left > 0; {
			<-tick.C
			n, err := io.CopyN(io.Discard, r, min(left, 512<<10))
			if left -= n; err != nil {
				return
			}
		}
		_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	up := newUpstream(t, upstream.Observer{}, []string{url}, idle(400*time.Millisecond))
	w := httptest.NewRecorder()
	if _, err := up.Forward(w, put(t, noise(size), size)); err != nil || w.Code != http.StatusNoContent {
		t.Errorf("%d, %v", w.Code, err)
	}
}

// TestIdleConnectionsThatEndedCostNoUpload: the server was restarted, and all
// that was idle is dead. The body is sent once and arrives.
func TestIdleConnectionsThatEndedCostNoUpload(t *testing.T) {
	for _, size := range []int64{5, 1 << 20} {
		gone := make(chan struct{})
		url := rawServer(t, func(n int, c net.Conn, r *bufio.Reader) {
			for whole(c, r) == nil {
				if n == 0 {
					_ = c.Close()
					close(gone)
					return
				}
			}
		})
		up := newUpstream(t, upstream.Observer{}, []string{url})
		for i := range 2 {
			w := httptest.NewRecorder()
			if report, err := up.Forward(w, put(t, noise(size), size)); err != nil || w.Body.String() != noiseSum(size) || report.Attempts != 1 {
				t.Errorf("%d bytes, request %d: %+v, %v", size, i, report, err)
			}
			<-gone
		}
	}
}

// TestPanicOfTheHookComesFromForward, whoever it was that called it.
func TestPanicOfTheHookComesFromForward(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	up := newUpstream(t, upstream.Observer{}, []string{url})
	d := newDeadlined("hello")
	out := put(t, d, 100)
	out.Response = func(int, http.Header) { panic("hook") }
	defer func() {
		if p := recover(); p != "hook" {
			t.Errorf("recovered %v", p)
		}
	}()
	_, err := up.Forward(d, out)
	t.Errorf("Forward returned %v", err)
}

// TestLongUploadWithAnAnswerThatHasBegun: as long as the body moves nothing
// stands still, and the answer's end comes after that of the body.
func TestLongUploadWithAnAnswerThatHasBegun(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
		_, _ = io.CopyN(io.Discard, r, 8)
		_, _ = io.WriteString(c, "ok")
	})
	g := newGateway(t, []string{url}, idle(300*time.Millisecond))
	c, r := dialRaw(t, g.URL, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n")
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range 8 {
			<-tick.C
			_, _ = io.WriteString(c, "x")
		}
	}()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); string(body) != "ok" || err != nil {
		t.Errorf("client got %q, %v", body, err)
	}
	if res := g.result(t); res.err != nil {
		t.Errorf("error %v", res.err)
	}
}

// TestManyBodiesAtOnceStayApart while some are cut.
func TestManyBodiesAtOnceStayApart(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(backend.Close)
	up := newUpstream(t, upstream.Observer{}, []string{backend.URL}, func(c *upstream.Config) { c.Timeouts.Dial = time.Minute })
	done := make(chan error)
	const all = 60
	for i := range all {
		go func() {
			text := bytes.Repeat([]byte{byte(i)}, 1+i*i*80) // #nosec G115 -- small
			out := put(t, iotest.HalfReader(bytes.NewReader(text)), int64(len(text)))
			out.Cut = new(upstream.Cut)
			if i%3 == 0 {
				go out.Cut.Now(errRevoked)
			}
			w := httptest.NewRecorder()
			_, err := up.Forward(w, out)
			switch {
			case i%3 == 0 && errors.Is(err, errRevoked):
				err = nil
			case err == nil && !bytes.Equal(w.Body.Bytes(), text):
				err = fmt.Errorf("%d: %d bytes of %d", i, w.Body.Len(), len(text))
			}
			done <- err
		}()
	}
	for range all {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
