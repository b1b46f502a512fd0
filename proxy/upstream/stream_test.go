package upstream_test

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

const big = 64 << 20

// noise is a reproducible stream.
func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
}

func sum(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

func noiseSum(size int64) string {
	h := sha256.New()
	_, _ = io.Copy(h, noise(size))
	return sum(h)
}

// peak runs f and returns by how much the heap grew meanwhile, at the most.
func peak(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, top := m.HeapInuse, m.HeapInuse
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return top - base
		case <-tick.C:
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapInuse)
		}
	}
}

func TestBigBodiesStreamInBoundedMemory(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, noise(big))
			return
		}
		h := sha256.New()
		_, _ = io.Copy(h, r.Body)
		_, _ = io.WriteString(w, sum(h))
	}))
	t.Cleanup(backend.Close)
	g := newGateway(t, []string{backend.URL})
	want := noiseSum(big)
	grown := peak(func() {
		if _, body, err := g.request(t, http.MethodPut, "/", noise(big)); err != nil || body != want {
			t.Errorf("upload: %q, %v", body, err)
		}
		resp, err := client(t).Get(g.URL)
		if err != nil {
			t.Errorf("download: %v", err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		h := sha256.New()
		if n, err := io.Copy(h, resp.Body); n != big || err != nil || sum(h) != want {
			t.Errorf("download: %d bytes, %v", n, err)
		}
	})
	if grown > 16<<20 {
		t.Errorf("heap grew by %d MiB", grown>>20)
	}
	g.result(t)
	if r := g.result(t); r.report.Bytes != big {
		t.Errorf("reported %d bytes", r.report.Bytes)
	}
}

func idle(d time.Duration) settings {
	return func(c *upstream.Config) { c.Timeouts.Idle = d }
}

func TestAnswerThatStallsIsGivenUp(t *testing.T) {
	for _, row := range []struct{ name, answer string }{
		{"after the head", "Content-Length: 100\r\n\r\n"},
		{"in the body", "Content-Length: 100\r\n\r\nhello"},
		{"between chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+row.answer)
				_, _ = io.Copy(io.Discard, r) // until the gateway closes
			})
			g := newGateway(t, []string{url}, idle(80*time.Millisecond))
			if _, _, err := g.request(t, http.MethodGet, "/", nil); err == nil {
				t.Error("client took the answer for whole")
			}
			if r := g.result(t); !errors.Is(r.err, upstream.ErrTimeout) || r.report.Status != 200 {
				t.Errorf("error %v, status %d", r.err, r.report.Status)
			}
		})
	}
}

func TestAnswerThatTricklesWithinTheLimitIsNotGivenUp(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
		tick := time.NewTicker(60 * time.Millisecond)
		defer tick.Stop()
		for range 10 {
			<-tick.C
			_, _ = io.WriteString(c, "x")
		}
	})
	g := newGateway(t, []string{url}, idle(400*time.Millisecond))
	if _, body, err := g.request(t, http.MethodGet, "/", nil); err != nil || body != "xxxxxxxxxx" {
		t.Errorf("client got %q, %v", body, err)
	}
}

func TestUploadThatStallsIsGivenUp(t *testing.T) {
	url := rawServer(t, func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	g := newGateway(t, []string{url}, idle(80*time.Millisecond))
	_, r := dialRaw(t, g.URL, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello")
	_, _ = io.Copy(io.Discard, r)
	if res := g.result(t); !errors.Is(res.err, upstream.ErrClientGone) || res.report.Status != 0 {
		t.Errorf("error %v, status %d", res.err, res.report.Status)
	}
}

func TestServerThatStopsReadingIsGivenUp(t *testing.T) {
	hold := make(chan struct{})
	url := rawServer(t, func(_ int, _ net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		<-hold
	})
	defer close(hold)
	g := newGateway(t, []string{url}, idle(200*time.Millisecond))
	resp, _, err := g.request(t, http.MethodPut, "/", noise(big))
	if err == nil && resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("client got %d", resp.StatusCode)
	}
	if res := g.result(t); !errors.Is(res.err, upstream.ErrTimeout) || res.report.Status != 0 {
		t.Errorf("error %v, status %d", res.err, res.report.Status)
	}
}

func TestClientThatStopsReadingIsGivenUp(t *testing.T) {
	gone := make(chan struct{})
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		defer close(gone)
		_, _ = readHead(r)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", big)
		_, _ = io.Copy(c, noise(big))
	})
	g := newGateway(t, []string{url}, idle(200*time.Millisecond))
	dialRaw(t, g.URL, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if res := g.result(t); !errors.Is(res.err, upstream.ErrClientGone) || res.report.Status != 200 {
		t.Errorf("error %v, status %d", res.err, res.report.Status)
	}
	<-gone
}

func TestWaitForTheHeadIsNoIdleTime(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.CopyN(io.Discard, r, 5)
		<-time.After(300 * time.Millisecond)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	g := newGateway(t, []string{url}, idle(50*time.Millisecond))
	if _, body, err := g.request(t, http.MethodPut, "/", strings.NewReader("hello")); err != nil || body != "ok" {
		t.Errorf("client got %q, %v", body, err)
	}
}

func TestUpgradeEchoesBothWays(t *testing.T) {
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		head, _ := readHead(r)
		if !strings.Contains(head, "Connection: Upgrade\n") || !strings.Contains(head, "Upgrade: websocket\n") {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade, x-hop\r\nX-Hop: 1\r\nSec-X: y\r\n\r\nhi")
		_, _ = io.Copy(c, r)
		_, _ = io.WriteString(c, "bye") // the client's half has ended, ours has not
	})
	g := newGateway(t, []string{url}, idle(60*time.Millisecond))
	c, r := dialRaw(t, g.URL, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
	head, err := readHead(r)
	if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 Switching Protocols\n") || !strings.Contains(head, "Sec-X: y\n") || strings.Contains(head, "X-Hop") {
		t.Fatalf("client read %q, %v", head, err)
	}
	read := func(want string) {
		t.Helper()
		buf := make([]byte, len(want))
		if _, err := io.ReadFull(r, buf); err != nil || string(buf) != want {
			t.Fatalf("client read %q, %v, want %q", buf, err, want)
		}
	}
	read("hiearly")
	<-time.After(200 * time.Millisecond) // longer than the idle timeout, which must not apply
	_, _ = io.WriteString(c, "ping")
	read("ping")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); string(rest) != "bye" || err != nil {
		t.Errorf("client read %q, %v", rest, err)
	}
	if res := g.result(t); res.err != nil || res.report.Status != 101 || res.report.Bytes != int64(len("hiearlypingbye")) {
		t.Errorf("report %+v, error %v", res.report, res.err)
	}
}

func TestUpgradeToAnotherProtocolIsRefused(t *testing.T) {
	g := newGateway(t, []string{answering(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")})
	resp, _, err := g.request(t, http.MethodGet, "/", nil, "Connection", "Upgrade", "Upgrade", "websocket")
	if err != nil || resp.StatusCode != http.StatusBadGateway {
		t.Errorf("client got %v, %v", resp, err)
	}
	if r := g.result(t); !errors.Is(r.err, upstream.ErrBadAnswer) {
		t.Errorf("error %v", r.err)
	}
}

func TestRefusedUpgradeIsAnOrdinaryAnswer(t *testing.T) {
	g := newGateway(t, []string{answering(t, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")})
	resp, body, err := g.request(t, http.MethodGet, "/", nil, "Connection", "Upgrade", "Upgrade", "websocket")
	if err != nil || resp.StatusCode != 403 || body != "no" {
		t.Errorf("client got %v, %v", resp, err)
	}
}

func TestUpgradeEndsWithEitherConnection(t *testing.T) {
	serverGone := make(chan struct{})
	url := rawServer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
		close(serverGone)
	})
	g := newGateway(t, []string{url})
	c, r := dialRaw(t, g.URL, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	if _, err := readHead(r); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	<-serverGone
	if res := g.result(t); res.err != nil || res.report.Status != 101 {
		t.Errorf("report %+v, error %v", res.report, res.err)
	}
}
