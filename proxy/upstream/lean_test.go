package upstream

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

// TestForgottenExchangeKnowsNothing of its request: what is used again is
// memory without contents.
func TestForgottenExchangeKnowsNothing(t *testing.T) {
	for name, text := range map[string]string{
		"Counted":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/event-stream\r\nA: b\r\n\r\nok",
		"Chunked":    "HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
		"BrokenOff":  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
		"BadField":   "HTTP/1.1 200 OK\r\nA: b\r\nConnection: x\r\nc d: e\r\n\r\n",
		"ManyFields": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + strings.Repeat("A: b\r\n", 2*manyFields) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			u := scripted(t, &script{text: text, step: 1 << 20})
			r := &http.Request{Method: http.MethodGet, Host: "x", Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}
			ex := &exchange{up: u, w: &taker{header: http.Header{}}, out: &Outgoing{Request: r, Target: "/", Cut: new(Cut)}}
			_ = ex.run()
			if ex.shared || ex.report.Attempts == 0 {
				t.Fatalf("not plain: %+v", ex.report)
			}
			ex.forget()
			head := &ex.line.head
			for _, f := range head.fields[:cap(head.fields)] {
				if f != (field{}) {
					t.Errorf("keeps field %q", f)
				}
			}
			if len(head.spans) != 0 || cap(head.spans) > manyFields || cap(head.fields) > manyFields {
				t.Errorf("keeps %d spans, room for %d and for %d fields", len(head.spans), cap(head.spans), cap(head.fields))
			}
			head.fields, head.spans, ex.up = nil, nil, nil
			if !reflect.DeepEqual(ex, &exchange{}) {
				t.Errorf("keeps %+v", ex.line)
			}
		})
	}
}

// TestBytesAreJudgedWhereverTheyStand: many at a time and one by one come to
// the same.
func TestBytesAreJudgedWhereverTheyStand(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				b := []byte(strings.Repeat("x", size))
				b[at] = byte(c)
				text := string(b)
				if got, want := isToken(text), httpguts.ValidHeaderFieldName(text); got != want {
					t.Errorf("%q: token %t, want %t", text, got, want)
				}
				want := httpguts.ValidHeaderFieldValue(text)
				if isFieldValue(text) != want || isFieldValue(b) != want {
					t.Errorf("%q: value %t, want %t", text, !want, want)
				}
			}
		}
	}
	if isToken("") || !isFieldValue("") {
		t.Error("nothing is no token, but a value")
	}
}

func TestCommonNamesAreCanonical(t *testing.T) {
	for _, name := range []string{
		"Age", "Date", "Vary", "ETag", "Etag", "etag", "Server", "Expires", "Location", "Set-Cookie", "X-Amz-Id-2", "x-amz-id-2",
		"Connection", "Content-Type", "Content-Length", "Last-Modified", "Accept-Ranges", "Cache-Control", "Content-Range",
		"Content-Encoding", "X-Amz-Request-Id", "x-amz-request-id", "Content-Disposition", "X-Content-Type-Options",
		"Strict-Transport-Security",
	} {
		if got := commonName([]byte(name)); got != http.CanonicalHeaderKey(name) {
			t.Errorf("%s became %q", name, got)
		}
	}
	for _, name := range []string{"", "age", "Connectio", "Transfer-Encoding", "Trailer", "Upgrade", "Keep-Alive", "Te", "CONTENT-LENGTH"} {
		if got := commonName([]byte(name)); got != "" {
			t.Errorf("%s became %q", name, got)
		}
	}
}

// TestFieldsAreInOrder, however many there are and however much alike.
func TestFieldsAreInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 2, 8, 9, fewLines - 1, fewLines, fewLines + 1, 3 * fewLines} {
		for _, form := range []string{"X-Forwarded-%d", "%d", "X%07d", "%[1]d-Very-Much-Alike-%[1]d", "\xff%d"} {
			h := http.Header{"Host": {"evil"}, "Content-Length": {"9"}, "Trailer": {"A"}, "Transfer-Encoding": {"chunked"}, "Empty": {}}
			var names []string
			for i := range n {
				name := fmt.Sprintf(form, i)
				h[name] = []string{"a", name}
				names = append(names, name)
			}
			slices.Sort(names)
			want := "GET / HTTP/1.1\r\nHost: a:80\r\n"
			for _, name := range names {
				want += name + ": a\r\n" + name + ": " + name + "\r\n"
			}
			out := &Outgoing{Request: &http.Request{Method: http.MethodGet, Header: h}, Target: "/"}
			got, err := appendHead(nil, out, "a:80")
			if bad := n > 0 && form[0] == '\xff'; bad != (err != nil) {
				t.Errorf("%d of %s: %v", n, form, err)
			} else if !bad && string(got) != want+"\r\n" {
				t.Errorf("%d of %s: %q", n, form, got)
			}
		}
	}
}
