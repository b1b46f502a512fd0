package accesslog_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/metrics/accesslog"
)

// record serves one request with a handler behind a Recorder, by a real
// server, and returns what was recorded and what the client got.
func record(t *testing.T, req *http.Request, handler http.HandlerFunc) (*accesslog.Recorder, *http.Response, string) {
	t.Helper()
	recorded := make(chan *accesslog.Recorder, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &accesslog.Recorder{}
		rec.Reset(w)
		defer func() { recorded <- rec }()
		handler(rec, r)
	}))
	defer server.Close()
	target, err := http.NewRequestWithContext(req.Context(), req.Method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(target)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return <-recorded, res, string(body)
}

func request(t *testing.T, method string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), method, "/", nil)
}

func TestRecorderSeesStatusAndBytes(t *testing.T) {
	for name, c := range map[string]struct {
		handler  http.HandlerFunc
		status   int
		bytes    int64
		answered bool
	}{
		"nothing said": {func(http.ResponseWriter, *http.Request) {}, 200, 0, false},
		"body alone":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, 200, 5, true},
		"string":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello!") }, 200, 6, true},
		"status and body": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "short")
			_, _ = w.Write([]byte("stout"))
		}, 418, 10, true},
		"no content": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 204, 0, true},
		"copied": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader(strings.Repeat("x", 100000)))
		}, 200, 100000, true},
		"copied nothing": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader("x"), 0))
			w.WriteHeader(http.StatusAccepted)
		}, 202, 0, true},
		"flushed": {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200, 0, true},
		"early hints are not the status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		}, 404, 0, true},
		"early hints alone": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) }, 200, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			rec, res, body := record(t, request(t, http.MethodGet), c.handler)
			if rec.Status() != c.status || rec.Status() != res.StatusCode {
				t.Errorf("recorded %d, sent %d, want %d", rec.Status(), res.StatusCode, c.status)
			}
			if rec.Bytes() != c.bytes || rec.Bytes() != int64(len(body)) {
				t.Errorf("recorded %d bytes, sent %d, want %d", rec.Bytes(), len(body), c.bytes)
			}
			if rec.Answered() != c.answered {
				t.Errorf("Answered is %v", rec.Answered())
			}
		})
	}
}

func TestRecorderPassesInformationalAnswersOn(t *testing.T) {
	var hints []int
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { hints = append(hints, code); return nil },
	})
	rec, _, _ := record(t, request(t, http.MethodGet).WithContext(ctx), func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
	})
	if fmt.Sprint(hints) != "[103]" || rec.Status() != 201 {
		t.Errorf("client got %v, recorded %d", hints, rec.Status())
	}
}

// below is a ResponseWriter that notes how it is used.
type below struct {
	http.ResponseWriter
	statuses []int
	readFrom int
}

func (b *below) WriteHeader(status int) { b.statuses = append(b.statuses, status) }

func (b *below) ReadFrom(src io.Reader) (int64, error) {
	b.readFrom++
	return io.Copy(io.Discard, src)
}

func TestRecorderKeepsTheFirstFinalStatus(t *testing.T) {
	w := &below{}
	rec := &accesslog.Recorder{}
	rec.Reset(w)
	for _, status := range []int{103, 101, 200, 500} {
		rec.WriteHeader(status)
	}
	if rec.Status() != 101 || fmt.Sprint(w.statuses) != "[103 101 200 500]" {
		t.Errorf("recorded %d, passed on %v", rec.Status(), w.statuses)
	}
}

func TestFilesTakeTheWayOfTheWriterBelow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("content of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	w := &below{}
	rec := &accesslog.Recorder{}
	rec.Reset(w)
	n, err := io.Copy(rec, io.LimitReader(file, 7))
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if w.readFrom != 1 || n != 7 || rec.Bytes() != 7 || rec.Status() != 200 {
		t.Errorf("ReadFrom called %d times, %d copied, %d recorded, status %d", w.readFrom, n, rec.Bytes(), rec.Status())
	}
}

func TestServersWriterHasReadFrom(t *testing.T) {
	record(t, request(t, http.MethodGet), func(w http.ResponseWriter, _ *http.Request) {
		rec, ok := w.(*accesslog.Recorder)
		if !ok {
			t.Fatal("no Recorder")
		}
		if _, ok := rec.Unwrap().(io.ReaderFrom); !ok {
			t.Error("the server's writer does not take files: sendfile is lost")
		}
	})
}

func TestWriterWithoutReadFromIsCopiedTo(t *testing.T) {
	plain := httptest.NewRecorder()
	rec := &accesslog.Recorder{}
	rec.Reset(plain)
	n, err := rec.ReadFrom(strings.NewReader("hello"))
	if n != 5 || err != nil || rec.Bytes() != 5 || plain.Body.String() != "hello" {
		t.Errorf("%d copied (%v), %d recorded, %q written", n, err, rec.Bytes(), plain.Body)
	}
}

func TestResponseControllerReachesTheServer(t *testing.T) {
	record(t, request(t, http.MethodGet), func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		if err := errors.Join(c.SetWriteDeadline(time.Now().Add(time.Minute)), c.SetReadDeadline(time.Time{}), c.EnableFullDuplex(), c.Flush()); err != nil {
			t.Error(err)
		}
	})
}

func TestHijackedConnection(t *testing.T) {
	rec, res, body := record(t, request(t, http.MethodGet), func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
		_ = rw.Flush()
		_ = conn.Close()
	})
	if rec.Status() != http.StatusSwitchingProtocols || !rec.Answered() || rec.Bytes() != 0 {
		t.Errorf("recorded %d, %v, %d bytes", rec.Status(), rec.Answered(), rec.Bytes())
	}
	if res.StatusCode != http.StatusOK || body != "hi" {
		t.Errorf("client got %d %q", res.StatusCode, body)
	}
}

// bare is a ResponseWriter that can do nothing else.
type bare struct{ header http.Header }

func (b bare) Header() http.Header         { return b.header }
func (b bare) Write(p []byte) (int, error) { return len(p) / 2, io.ErrShortWrite }
func (b bare) WriteHeader(int)             {}

func TestWhatTheWriterBelowCannotDoIsAnError(t *testing.T) {
	rec := &accesslog.Recorder{}
	rec.Reset(bare{header: http.Header{"X": {"y"}}})
	rec.Flush()
	if err := rec.FlushError(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("FlushError gives %v", err)
	}
	if _, _, err := rec.Hijack(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Hijack gives %v", err)
	}
	if rec.Answered() {
		t.Error("recorded an answer that was not sent")
	}
	if n, err := rec.Write([]byte("12345678")); n != 4 || !errors.Is(err, io.ErrShortWrite) || rec.Bytes() != 4 {
		t.Errorf("Write gives %d, %v, recorded %d", n, err, rec.Bytes())
	}
	if rec.Header().Get("X") != "y" {
		t.Error("Header is another one")
	}
}

func TestResetForgetsEverything(t *testing.T) {
	rec := &accesslog.Recorder{}
	rec.Reset(httptest.NewRecorder())
	rec.WriteHeader(http.StatusTeapot)
	_, _ = rec.Write([]byte("x"))
	next := httptest.NewRecorder()
	rec.Reset(next)
	if rec.Status() != 200 || rec.Bytes() != 0 || rec.Answered() || rec.Unwrap() != http.ResponseWriter(next) {
		t.Errorf("after Reset: %d, %d bytes, answered %v", rec.Status(), rec.Bytes(), rec.Answered())
	}
	rec.Reset(nil)
	if rec.Unwrap() != nil {
		t.Error("Reset(nil) keeps the writer")
	}
}

func TestRecorderOffersWhatMiddlewareLooksFor(t *testing.T) {
	var w http.ResponseWriter = &accesslog.Recorder{}
	for name, ok := range map[string]bool{
		"Flusher":      is[http.Flusher](w),
		"FlushError":   is[interface{ FlushError() error }](w),
		"Hijacker":     is[http.Hijacker](w),
		"ReaderFrom":   is[io.ReaderFrom](w),
		"StringWriter": is[io.StringWriter](w),
		"Unwrap":       is[interface{ Unwrap() http.ResponseWriter }](w),
		"the result of Hijack": is[interface {
			Hijack() (net.Conn, *bufio.ReadWriter, error)
		}](w),
	} {
		if !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

func BenchmarkRecorder(b *testing.B) {
	rec := &accesslog.Recorder{}
	w := bare{header: http.Header{}}
	body := make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		rec.Reset(w)
		rec.WriteHeader(http.StatusOK)
		_, _ = rec.Write(body)
	}
}
