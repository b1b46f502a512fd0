package upstream

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// TestForgottenUploadKnowsNothing of its request: what is used again is memory
// without contents.
func TestForgottenUploadKnowsNothing(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"Small":     strings.NewReader(strings.Repeat("x", 5)),
		"Broken":    iotest.ErrReader(errors.New("broken")),
		"BreaksOff": io.MultiReader(strings.NewReader("xx"), iotest.ErrReader(errors.New("broken"))),
	} {
		t.Run(name, func(t *testing.T) {
			u := scripted(t, &script{text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", step: 1 << 20})
			r := &http.Request{Method: http.MethodPut, Host: "x", Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1, ContentLength: 5, Body: io.NopCloser(body)}
			ex := &exchange{up: u, w: &taker{header: http.Header{}}, out: &Outgoing{Request: r, Target: "/", Cut: new(Cut)}}
			_ = ex.run()
			if ex.shared || ex.report.Attempts != 1 {
				t.Fatalf("not plain: %+v", ex.report)
			}
			ex.forget()
			if ex.moved.Load() != 0 || ex.stalled != nil || !reflect.DeepEqual(&ex.content, &requestBody{}) {
				t.Errorf("keeps %+v", &ex.content)
			}
			if p := ex.upload; p != nil {
				p.timer, p.unblock, p.ex = nil, nil, nil
				if !reflect.DeepEqual(p, &upload{}) {
					t.Errorf("keeps %+v", p)
				}
			}
		})
	}
}

// TestConnectionIsKeptOnlyAfterTheWholeBody, of whoever asks.
func TestConnectionIsKeptOnlyAfterTheWholeBody(t *testing.T) {
	sent, unsent := make(chan struct{}), make(chan struct{})
	close(sent)
	for _, row := range []struct {
		name   string
		upload *upload
		read   bool // all of the body
		want   bool
	}{
		{"zero", &upload{}, false, false},
		{"whole", &upload{over: true, whole: true}, true, true},
		{"broken off", &upload{over: true}, false, false},
		{"under way", &upload{aside: &aside{sent: unsent}}, false, false},
		{"the last write fails to end", &upload{aside: &aside{sent: unsent}}, true, false},
		{"broken off, and somebody listens", &upload{over: true, aside: &aside{sent: sent}}, true, false},
		{"whole, and somebody listens", &upload{over: true, whole: true, aside: &aside{sent: sent}}, true, true},
	} {
		ex := &exchange{body: &requestBody{eof: row.read}, upload: row.upload}
		if got := ex.bodySent(); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
	if ex := (&exchange{}); !ex.bodySent() {
		t.Error("nothing is missing where there is no body")
	}
}

// TestCutBetweenBodyAndAnswerIsAnError, and no answer that was never read.
func TestCutBetweenBodyAndAnswerIsAnError(t *testing.T) {
	errCut := errors.New("cut")
	for _, failure := range []error{nil, errNotWhole, io.ErrClosedPipe} {
		out := &Outgoing{Request: &http.Request{}, Cut: new(Cut)}
		out.Cut.Now(errCut)
		ex := &exchange{out: out, client: t.Context()}
		if err := (&upload{ex: ex}).listenAlone(new(try), failure); err == nil {
			t.Errorf("after %v: no error", failure)
		}
	}
}
