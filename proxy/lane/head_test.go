package lane

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"
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

// BenchmarkAnswer makes an answer of 1 KiB, and does not send it.
func BenchmarkAnswer(b *testing.B) {
	body := make([]byte, 1024)
	length, kind, tag := []string{"1024"}, []string{"application/octet-stream"}, []string{`"0123456789abcdef0123456789abcdef"`}
	modified, id := []string{"Sun, 06 Nov 1994 08:49:37 GMT"}, []string{"0123456789ABCDEF"}
	x := &exchange{conn: &conn{lane: New(Config{})}, memory: newMemory()}
	x.conn.phase.Store(serving)
	x.head.method = "GET"
	b.ReportAllocs()
	for b.Loop() {
		x.w.begin(x)
		header := x.w.Header()
		header["Content-Length"], header["Content-Type"], header["Etag"] = length, kind, tag
		header["Last-Modified"], header["X-Request-Id"] = modified, id
		if _, err := x.w.Write(body); err != nil {
			b.Fatal(err)
		}
		if x.w.wire = x.w.wire[:0]; !x.w.finish() {
			b.Fatal("the connection ends")
		}
		x.w.forget()
	}
}

// TestTextEnd puts each byte at each place of a text, with and without a tab
// before it, which the search in eight bytes at once must pass.
func TestTextEnd(t *testing.T) {
	for _, fill := range []string{"aaaaaaaaaaaaaaaaaaaa", "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t", "a\t \xff\x80~\ta\t a\t \xff\x80~\ta\t "} {
		for c := range 256 {
			for at := range len(fill) {
				b := []byte(fill)
				b[at] = byte(c)
				want := at
				if c >= ' ' && c != 0x7f || c == '\t' {
					want = len(b)
				}
				if got := textEnd(b, 0); got != want {
					t.Errorf("%q: %d, want %d", b, got, want)
				}
			}
		}
	}
}

// TestNames holds the names of fields against the standard's list.
func TestNames(t *testing.T) {
	for c := range 256 {
		name := string([]byte{'A', byte(c), 'b'})
		if got, want := isName(name), httpguts.ValidHeaderFieldName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	if isName("") {
		t.Error("nothing is a name")
	}
}

// TestRepeatedFields checks the order of values, and that what one request
// had twice the next has not.
func TestRepeatedFields(t *testing.T) {
	x := &exchange{conn: &conn{}, memory: newMemory()}
	for _, row := range []struct {
		fields string
		want   http.Header
	}{
		{"A: 1\r\nB: 2\r\na: 3\r\nA: 4\r\nb:\r\nC: 5\r\n", http.Header{"A": {"1", "3", "4"}, "B": {"2", ""}, "C": {"5"}}},
		{"B: 6\r\n", http.Header{"B": {"6"}}},
		{"x-y: 7\r\nX-y: 8\r\nX-Y: 9\r\n", http.Header{"X-Y": {"7", "8", "9"}}},
		{"C: 1\r\nD: 2\r\n", http.Header{"C": {"1"}, "D": {"2"}}},
		{"", http.Header{}},
	} {
		x.head.read([]byte("GET / HTTP/1.1\r\nHost: x\r\n" + row.fields + "\r\n"))
		if x.head.verdict != fits || !x.fill() || !reflect.DeepEqual(x.memory.request.Header, row.want) {
			t.Errorf("%q: verdict %d, %v, want %v", row.fields, x.head.verdict, x.memory.header, row.want)
		}
		x.forget()
		if h := x.head; h.text != "" || h.host != "" || len(h.names) > 0 || len(x.memory.values) > 0 || x.memory.request.Header != nil {
			t.Errorf("%q is remembered", row.fields)
		}
	}
}

// TestOddEnds has heads that may end where another reader sees no end.
func TestOddEnds(t *testing.T) {
	const begin = "GET / HTTP/1.1\r\nHost: x\r\n"
	for end, want := range map[string]verdict{
		"\r\n": fits, "\r": foreign, "": foreign, "\r\r\n": foreign, "\rA: b\r\n\r\n": foreign, "\rAGET / HTTP/1.1\r\n\r\n": foreign,
		"\n\r\n": foreign, "\n": foreign, "A: b\n\r\n": foreign, "A: b\r\r\n": foreign, "A: b\rC\r\n\r\n": foreign, "A: b\r\n": foreign, " \r\n\r\n": foreign,
	} {
		h := head{}
		if h.read([]byte(begin + end)); h.verdict != want {
			t.Errorf("%q: %d, want %d", end, h.verdict, want)
		}
	}
}

// TestValuesStayInTheirLine checks that no value of an answer ends its line.
func TestValuesStayInTheirLine(t *testing.T) {
	for value, want := range map[string]string{
		"a": "a", "a\rb": "a b", "a\nb": "a b", "a\r\nB: c": "a  B: c", "\r\n a \t\n": "a", "": "", "\t": "", "a\x00\tb": "a\x00\tb",
	} {
		if got := string(appendField(nil, "A", []string{value})); got != "A: "+want+"\r\n" {
			t.Errorf("%q: %q", value, got)
		}
	}
}

// TestDeadlinesEndWithTheHandler checks that who kept the writer of a request
// cannot cut the next one.
func TestDeadlinesEndWithTheHandler(t *testing.T) {
	x := &exchange{conn: &conn{lane: New(Config{})}, memory: newMemory()}
	x.w.begin(x)
	x.w.deadlines.end()
	if x.w.SetReadDeadline(time.Unix(1, 0)) == nil || x.w.SetWriteDeadline(time.Unix(1, 0)) == nil {
		t.Error("a deadline was set")
	}
}
