package upstream_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

type bufferPool struct{ sync.Pool }

func (p *bufferPool) Get() []byte  { return *p.Pool.Get().(*[]byte) }
func (p *bufferPool) Put(b []byte) { p.Pool.Put(&b) }

// BenchmarkForward compares a 1 KiB answer over loopback with the standard
// library's proxy at its best setting.
func BenchmarkForward(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(body)
	}))
	defer backend.Close()
	b.Run("upstream", func(b *testing.B) {
		up := newUpstream(b, upstream.Observer{}, []string{backend.URL})
		benchmark(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := up.Forward(w, &upstream.Outgoing{Request: r, Target: r.RequestURI}); err != nil {
				panic(http.ErrAbortHandler)
			}
		}))
	})
	b.Run("ReverseProxy", func(b *testing.B) {
		target, err := url.Parse(backend.URL)
		if err != nil {
			b.Fatal(err)
		}
		pool := &bufferPool{sync.Pool{New: func() any { buf := make([]byte, 32<<10); return &buf }}}
		transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
		defer transport.CloseIdleConnections()
		benchmark(b, &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(target) },
			Transport:  transport,
			BufferPool: pool,
		})
	})
}

func benchmark(b *testing.B, h http.Handler) {
	b.Helper()
	front := httptest.NewServer(h)
	defer front.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	defer transport.CloseIdleConnections()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, front.URL+"/a/b?c=d", nil)
			resp, err := transport.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			if n, err := io.Copy(io.Discard, resp.Body); n != 1024 || err != nil {
				b.Errorf("%d bytes, %v", n, err)
			}
			_ = resp.Body.Close()
		}
	})
}

// sink is a ResponseWriter that keeps nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkForwardAlone leaves client and front server out, and has a server
// that allocates nothing, so that the allocations are the forwarder's own.
func BenchmarkForwardAlone(b *testing.B) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	backend := rawServer(b, func(_ int, c net.Conn, _ *bufio.Reader) {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	target, err := url.Parse(backend)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	defer transport.CloseIdleConnections()
	up := newUpstream(b, upstream.Observer{}, []string{backend})
	pool := &bufferPool{sync.Pool{New: func() any { buf := make([]byte, 32<<10); return &buf }}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, BufferPool: pool}
	for name, h := range map[string]http.HandlerFunc{
		"ReverseProxy": proxy.ServeHTTP,
		"upstream": func(w http.ResponseWriter, r *http.Request) {
			if report, err := up.Forward(w, &upstream.Outgoing{Request: r, Target: "/a/b?c=d"}); err != nil || report.Bytes != 1024 {
				b.Error(report, err)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := &sink{header: make(http.Header)}
			for b.Loop() {
				clear(w.header)
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/a/b?c=d", nil)
				r.Header.Set("User-Agent", "bench")
				h(w, r)
			}
		})
	}
}
