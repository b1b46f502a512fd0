package upstream

import (
	"net/http"
	"testing"
	"time"
)

// blank is a ResponseWriter that keeps nothing.
type blank struct{ header http.Header }

func (w *blank) Header() http.Header         { return w.header }
func (w *blank) WriteHeader(int)             {}
func (w *blank) Write(p []byte) (int, error) { return len(p), nil }

// commonAnswer is the head that a storage sends with a small object.
const commonAnswer = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 10:24:11 GMT\r\nContent-Type: application/octet-stream\r\n" +
	"Content-Length: 1024\r\nLast-Modified: Sun, 22 Nov 2026 09:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"65605a10-400\"\r\nAccept-Ranges: bytes\r\n\r\n"

func commonRequest() *Outgoing {
	h := make(http.Header)
	for name, value := range map[string]string{
		"User-Agent": "bench", "Accept": "*/*", "Accept-Encoding": "gzip", "X-Gateway-User": "alice", "X-Gateway-Tenant": "shop",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "shop.test", "X-Forwarded-Proto": "http", "Gateway-Request-Id": "0123456789abcdef0123456789abcdef",
	} {
		h[name] = []string{value}
	}
	return &Outgoing{Request: &http.Request{Method: http.MethodGet, Header: h, Host: "shop.test"}, Target: "/a/b?c=d"}
}

func BenchmarkRequestHead(b *testing.B) {
	out, buf := commonRequest(), make([]byte, 0, pieceSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := appendHead(buf, out, "a:80"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswerHead reads a head and gives it to the client.
func BenchmarkAnswerHead(b *testing.B) {
	w := &blank{header: make(http.Header)}
	ex := &exchange{w: w, out: commonRequest()}
	id := []string{"1"}
	buf := make([]byte, len(commonAnswer)+1024)
	copy(buf, commonAnswer)
	read := func(b *testing.B) {
		n, err := ex.line.head.scan(buf)
		if err == nil {
			err = ex.line.head.understand(buf[:n], http.MethodGet)
		}
		if err != nil || ex.line.head.length != 1024 {
			b.Fatal(n, err)
		}
	}
	b.Run("Read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			read(b)
		}
	})
	b.Run("ReadAndWrite", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			w.header["Gateway-Request-Id"] = id
			read(b)
			ex.writeHead()
		}
	})
}

func BenchmarkPlainPool(b *testing.B) {
	pool := plainPool{size: 8, keepAlive: time.Hour, sweeping: true}
	now := time.Now()
	pool.put(newPlainConn(&script{}), now)
	b.ReportAllocs()
	for b.Loop() {
		pool.put(pool.take(now), now)
	}
}
