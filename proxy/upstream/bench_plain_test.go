package upstream_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/upstream"
)

// cannedServer answers every read with the same bytes and allocates nothing.
func cannedServer(tb testing.TB, size int) string {
	tb.Helper()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: bench\r\nEtag: \"0123456789abcdef\"\r\nDate: Sun, 22 Nov 2026 10:24:11 GMT\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n" + strings.Repeat("x", size))
	return rawServer(tb, func(_ int, c net.Conn, _ *bufio.Reader) {
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
}

func browserRequest() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/a/b?c=d", nil)
	for name, value := range map[string]string{
		"User-Agent": "bench", "Accept": "*/*", "Accept-Encoding": "gzip", "X-Gateway-User": "alice", "X-Gateway-Tenant": "shop",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "shop.test", "X-Forwarded-Proto": "http",
	} {
		r.Header[name] = []string{value}
	}
	return r
}

// BenchmarkForwardPlain is a GET whose request nobody has to make, on one
// connection, with a context that never ends.
func BenchmarkForwardPlain(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 16 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			up := newUpstream(b, upstream.Observer{}, []string{cannedServer(b, size)})
			w, r := &sink{header: make(http.Header)}, browserRequest()
			out := &upstream.Outgoing{Request: r, Target: "/a/b?c=d"}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if report, err := up.Forward(w, out); err != nil || report.Bytes != int64(size) {
					b.Fatal(report, err)
				}
			}
		})
	}
}

// wire is a ResponseWriter that writes bodies to a connection.
type wire struct {
	sink
	net.Conn
}

func (w *wire) Write(p []byte) (int, error)         { return w.Conn.Write(p) }
func (w *wire) SetWriteDeadline(t time.Time) error  { return w.Conn.SetWriteDeadline(t) }
func (w *wire) ReadFrom(r io.Reader) (int64, error) { return w.Conn.(*net.TCPConn).ReadFrom(r) }

// BenchmarkForwardToSocket has a client that takes what comes over loopback.
func BenchmarkForwardToSocket(b *testing.B) {
	for _, size := range []int{64 << 10, 16 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			up := newUpstream(b, upstream.Observer{}, []string{cannedServer(b, size)})
			c, _ := dialRaw(b, rawServer(b, func(_ int, c net.Conn, _ *bufio.Reader) {
				buf := make([]byte, 1<<20)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
				}
			}), "")
			w, out := &wire{sink{header: make(http.Header)}, c}, &upstream.Outgoing{Request: browserRequest(), Target: "/"}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if report, err := up.Forward(w, out); err != nil || report.Bytes != int64(size) {
					b.Fatal(report, err)
				}
			}
		})
	}
}
