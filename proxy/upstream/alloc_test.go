//go:build !race

package upstream_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"tollgate/proxy/upstream"
)

// TestPlainAnswerAllocatesNextToNothing: one string for the head, one slice
// for the values.
func TestPlainAnswerAllocatesNextToNothing(t *testing.T) {
	up := newUpstream(t, upstream.Observer{}, []string{cannedServer(t, 1<<10)})
	w, out := &sink{header: make(http.Header)}, &upstream.Outgoing{Request: browserRequest(), Target: "/a/b?c=d", Cut: new(upstream.Cut)}
	got := testing.AllocsPerRun(1000, func() {
		clear(w.header)
		if _, err := up.Forward(w, out); err != nil {
			t.Fatal(err)
		}
	})
	if got > 2 {
		t.Errorf("%v allocations", got)
	}
}

// TestSmallUploadAllocatesNextToNothing more.
func TestSmallUploadAllocatesNextToNothing(t *testing.T) {
	up := newUpstream(t, upstream.Observer{}, []string{cannedServer(t, 1<<10)})
	r, body := browserRequest(), strings.NewReader("")
	r.Method, r.ContentLength, r.Body = http.MethodPut, 1<<10, io.NopCloser(body)
	content := strings.Repeat("x", 1<<10)
	w, out := &sink{header: make(http.Header)}, &upstream.Outgoing{Request: r, Target: "/a/b?c=d", Cut: new(upstream.Cut)}
	got := testing.AllocsPerRun(1000, func() {
		clear(w.header)
		body.Reset(content)
		if _, err := up.Forward(w, out); err != nil {
			t.Fatal(err)
		}
	})
	if got > 3 {
		t.Errorf("%v allocations", got)
	}
}
