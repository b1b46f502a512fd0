package lane_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
)

// BenchmarkGet is one GET of 1 KiB over a connection that stays.
func BenchmarkGet(b *testing.B) {
	body, length, kind := make([]byte, 1024), []string{"1024"}, []string{"application/octet-stream"}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Length"], h["Content-Type"] = length, kind
		_, _ = w.Write(body)
	})
	for _, row := range []struct {
		name    string
		without bool
	}{{"Lane", false}, {"NetHTTP", true}} {
		b.Run(row.name, func(b *testing.B) {
			conn := open(b, setup{handler: handler, without: row.without}).dial(b)
			request := []byte("GET /tenant/object?x=1 HTTP/1.1\r\nHost: gateway.example\r\nUser-Agent: wrk\r\nAccept: */*\r\nCookie: token=abcdefghijklmnopqrstuvwxyz012345\r\n\r\n")
			r := bufio.NewReaderSize(conn, 8<<10)
			size := firstAnswer(b, conn, r, request)
			answer := make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(r, answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// firstAnswer returns how long each answer is.
func firstAnswer(b *testing.B, w io.Writer, r *bufio.Reader, request []byte) int {
	if _, err := w.Write(request); err != nil {
		b.Fatal(err)
	}
	size := 1024
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		if size += len(line); line == "\r\n" {
			break
		}
	}
	if _, err := r.Discard(1024); err != nil {
		b.Fatal(err)
	}
	return size
}
