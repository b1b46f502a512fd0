package lane

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"testing"
)

// FuzzHead checks that what fits is what net/http makes of it, and that where
// the end of a request is known it is where net/http sees it.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /a?b HTTP/1.1\r\nhost: x:1\r\nContent-Length: 3\r\nCookie: a=b\r\ncookie: c\r\n\r\nabcGET",
		"PATCH /%41 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nA:\tb \r\n\r\n", "GET //a/../b?? HTTP/1.1\r\nHost: [::1]\r\nConnection: keep-alive\r\nETag: \x80\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := &exchange{conn: &conn{}, memory: newMemory()}
		x.head.read(b)
		if x.head.verdict == foreign {
			return
		}
		r := bufio.NewReaderSize(bytes.NewReader(b), len(b)+16)
		want, err := http.ReadRequest(r)
		if x.head.verdict == known {
			if err == nil {
				checkEnd(t, x, want, r, len(b))
			}
			return
		}
		if !x.fill() {
			if err == nil {
				t.Fatalf("%q was handed over for its target", b)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q fits, net/http says %v", b, err)
		}
		checkEnd(t, x, want, r, len(b))
		got := &x.memory.request
		delete(want.Header, "Host") // the server does
		if (want.Body == http.NoBody) != (got.Body == http.NoBody) {
			t.Errorf("%q: body %v, want %v", b, got.Body, want.Body)
		}
		got.Body, want.Body = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q\n got %#v\nwant %#v", b, got, want)
		}
	})
}

// checkEnd compares where the request ends.
func checkEnd(t *testing.T, x *exchange, want *http.Request, r *bufio.Reader, size int) {
	head := int64(size - r.Buffered())
	if x.head.size != head || x.head.length != want.ContentLength {
		t.Errorf("head %d body %d, want %d and %d", x.head.size, x.head.length, head, want.ContentLength)
	}
	_, _ = io.Copy(io.Discard, want.Body)
	if rest := max(0, int64(size)-x.head.size-x.head.length); int64(r.Buffered()) != rest {
		t.Errorf("%d bytes are left, want %d", rest, r.Buffered())
	}
}

// TestMostlyNoGarbage counts what a request costs beside its string.
func TestMostlyNoGarbage(t *testing.T) {
	b := []byte("GET /tenant/object?x=1 HTTP/1.1\r\nHost: gateway.example\r\nUser-Agent: wrk\r\nAccept: */*\r\nCookie: token=abc\r\n\r\n")
	x := &exchange{conn: &conn{}, memory: newMemory()}
	n := testing.AllocsPerRun(100, func() {
		x.head.read(b)
		if x.head.verdict != fits || !x.fill() {
			t.Error("does not fit")
		}
		x.forget()
	})
	if n > 1 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkHead reads a head and makes the request of it.
func BenchmarkHead(b *testing.B) {
	head := []byte("GET /tenant/object?x=1 HTTP/1.1\r\nHost: gateway.example\r\nUser-Agent: wrk\r\nAccept: */*\r\nCookie: token=abcdefghijklmnopqrstuvwxyz012345\r\n\r\n")
	x := &exchange{conn: &conn{}, memory: newMemory()}
	b.ReportAllocs()
	for b.Loop() {
		x.head.read(head)
		if x.head.verdict != fits || !x.fill() {
			b.Fatal("does not fit")
		}
		x.forget()
	}
}
