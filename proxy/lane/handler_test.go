package lane_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestReadFrom lets the kernel move an answer.
func TestReadFrom(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	go func() {
		for {
			conn, err := source.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write(content)
			_ = conn.Close()
		}
	}()
	type result struct {
		n   int64
		err error
	}
	results := make(chan result, 1)
	serve := func(w http.ResponseWriter, r *http.Request) {
		var from io.Reader
		if r.URL.Path == "/file" {
			f, _ := os.Open(file)
			defer f.Close()
			from = f
		} else {
			conn, _ := net.Dial("tcp", source.Addr().String())
			defer conn.Close()
			from = conn
		}
		q := r.URL.Query()
		if limit, err := strconv.ParseInt(q.Get("limit"), 10, 64); err == nil {
			from = &io.LimitedReader{R: from, N: limit}
		}
		if q.Has("length") {
			w.Header().Set("Content-Length", q.Get("length"))
		}
		if q.Has("type") {
			w.Header().Set("Content-Type", "a/b")
		}
		_, _ = io.WriteString(w, "begin ")
		_, _ = io.WriteString(w, "and ")
		n, err := w.(io.ReaderFrom).ReadFrom(from)
		if r.Method == http.MethodGet {
			results <- result{n, err}
		}
	}
	s := open(t, setup{handler: http.HandlerFunc(serve)})
	for _, row := range []struct {
		query string
		want  int // of content
		whole bool
		err   error
	}{
		{"type&length=1000010", 1_000_000, true, nil},
		{"length=1000010", 1_000_000, true, nil},
		{"type&length=500010&limit=500000", 500_000, true, nil},
		{"type&length=500010&limit=600000", 500_000, true, http.ErrContentLength},
		{"type&length=500010", 500_000, true, nil},
		{"type&length=2000000", 1_000_000, false, nil},
		{"type&length=20&limit=10", 10, true, nil},
		{"type", 1_000_000, true, nil},
		{"limit=100", 100, true, nil},
	} {
		for _, path := range []string{"/file", "/socket"} {
			t.Run(path+"?"+row.query, func(t *testing.T) {
				conn := s.dial(t)
				_, _ = io.WriteString(conn, get(path+"?"+row.query))
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				if got, ok := bytes.CutPrefix(body, []byte("begin and ")); !ok || !bytes.Equal(got, content[:row.want]) {
					t.Errorf("got %d bytes that are not the right ones, want %d", len(got), row.want)
				}
				if (err == nil) != row.whole {
					t.Errorf("the answer ends with %v", err)
				}
				if got := <-results; got.n != int64(row.want) || !errors.Is(got.err, row.err) {
					t.Errorf("ReadFrom returned %d, %v", got.n, got.err)
				}
			})
		}
	}
	if got := s.say(t, "HEAD /file?type&length=1000010 HTTP/1.1\r\nHost: x\r\n\r\n"+get("/file?limit=1")); !strings.Contains(got, "begin and 0") || strings.Count(got, "begin") != 1 {
		t.Errorf("HEAD got %.300q", got)
	}
}

// TestDeadlinesInThePast cuts requests from another goroutine.
func TestDeadlinesInThePast(t *testing.T) {
	past := time.Unix(1, 0)
	failed := make(chan error, 1)
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			switch r.URL.Path {
			case "/read":
				_ = control.SetReadDeadline(past)
			case "/write":
				_ = control.SetWriteDeadline(past)
			}
		}()
		switch r.URL.Path {
		case "/read":
			_, err := io.ReadAll(r.Body)
			<-cut
			failed <- err
		case "/write":
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 10_000))
			}
			<-cut
			failed <- err
		default:
			_, _ = io.WriteString(w, "fine")
			<-cut
		}
	})})
	for _, request := range []string{"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n", get("/write")} {
		conn := s.dial(t)
		r := bufio.NewReader(conn)
		ask(t, conn, r, get("/"))
		_, _ = io.WriteString(conn, request+get("/never"))
		select {
		case err := <-failed:
			if !isTimeout(err) {
				t.Errorf("got %v, want a timeout", err)
			}
		case <-time.After(patience):
			t.Fatal("not cut")
		}
		rest, _ := io.ReadAll(r)
		if bytes.Contains(rest, []byte("fine")) {
			t.Error("the connection was used again")
		}
	}
}

// TestDeadlinesEndWithTheRequest checks that those of one request do not cut
// the next, whether the lane or the server serves it.
func TestDeadlinesEndWithTheRequest(t *testing.T) {
	const soon = 300 * time.Millisecond
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(soon))
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(soon))
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})})
	conn := s.dial(t)
	r := bufio.NewReader(conn)
	for _, method := range []string{"POST", "PATCH", "POST"} {
		ask(t, conn, r, get("/")) // its own limits are set, and last
		ask(t, conn, r, get("/short"))
		<-time.After(2 * soon)
		ask(t, conn, r, get("/"))
		ask(t, conn, r, get("/short"))
		_, _ = io.WriteString(conn, method+" / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
		<-time.After(2 * soon)
		if _, body := ask(t, conn, r, "b"); body != "ab" {
			t.Errorf("%s: got %q", method, body)
		}
	}
}

// TestNothingIsKept checks that a body that a handler keeps shows nothing of the
// next request.
func TestNothingIsKept(t *testing.T) {
	var bodies []io.Reader
	s := open(t, setup{handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		bodies = append(bodies, r.Body)
		for _, b := range bodies[:len(bodies)-1] {
			if n, err := b.Read(make([]byte, 10)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("the body of an earlier request gave %d bytes, %v", n, err)
			}
		}
	})})
	s.say(t, "POST /a HTTP/1.1\r\nHost: x\r\nSecret: a\r\nContent-Length: 5\r\n\r\nhello"+"POST /b?c HTTP/1.1\r\nHost: y\r\nSecret: b\r\nContent-Length: 5\r\n\r\nworld"+"POST /c HTTP/1.1\r\nHost: z\r\nContent-Length: 5\r\n\r\nthree")
	if len(bodies) != 3 {
		t.Fatalf("%d requests", len(bodies))
	}
}

// TestReusedMemoryIsClean checks that a request shows nothing of the one before.
func TestReusedMemoryIsClean(t *testing.T) {
	var seen []string
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, describe(r))
		for name, values := range w.Header() {
			t.Errorf("%s of an earlier answer: %v", name, values)
		}
		w.Header().Set("X-Answer", "1")
		r.Header.Set("X-Added", "by the handler")
		r.Form = map[string][]string{"a": {"b"}}
		r.Method, r.Host = "X", "X"
	})})
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "X-%d: %d\r\n", i, i)
	}
	stream := "GET /a?b HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nB: 3\r\n\r\n" + "GET /a HTTP/1.1\r\nHost: x\r\nB: 4\r\n\r\n" +
		"GET /a HTTP/1.1\r\nHost: x\r\n" + many.String() + "\r\n" + get("/z")
	s.say(t, stream)
	if len(seen) != 4 || !strings.Contains(seen[1], `[B=["4"]]`) || !strings.Contains(seen[3], "[] host") {
		t.Errorf("got %q", seen)
	}
	for _, row := range seen {
		if strings.Contains(row, "X-Added") || strings.Contains(row, "form=map[a") || !strings.HasPrefix(row, "GET") {
			t.Errorf("something is left of the request before: %s", row)
		}
	}
}

// TestWriterAfterItsHandler checks that a writer does nothing between requests.
func TestWriterAfterItsHandler(t *testing.T) {
	writers := make(chan http.ResponseWriter, 1)
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writers <- w
		_, _ = io.WriteString(w, "x")
	})})
	conn := s.dial(t)
	_, _ = io.WriteString(conn, get("/"))
	answerFrom(t, bufio.NewReader(conn))
	w := <-writers
	_ = conn.Close()
	// The end of the connection is the last that the lane does with it.
	if err := s.lane.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadlines := w.(interface{ SetReadDeadline(time.Time) error })
	if deadlines.SetReadDeadline(time.Time{}) == nil {
		t.Error("the deadline of another request could be set")
	}
}

// TestInformationIsSentAtOnce waits for a 1xx before the handler goes on.
func TestInformationIsSentAtOnce(t *testing.T) {
	g := newGate()
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style>")
		w.WriteHeader(http.StatusEarlyHints)
		g.ServeHTTP(w, r)
	})})
	conn := s.dial(t)
	_, _ = io.WriteString(conn, get("/"))
	r := bufio.NewReader(conn)
	if answer, _ := answerFrom(t, r); answer.StatusCode != http.StatusEarlyHints || answer.Header.Get("Link") == "" {
		t.Errorf("got %v", answer)
	}
	g.leave <- struct{}{}
	if answer, body := answerFrom(t, r); answer.StatusCode != 200 || body != "true" {
		t.Errorf("got %v %q", answer, body)
	}
}

// TestOneWrite checks that head and body arrive in one segment.
func TestOneWrite(t *testing.T) {
	s := open(t, setup{})
	for _, row := range []string{"/sized/1000", "/sized/30000", "/unsized/1000", "/unsized/30000"} {
		conn := s.dial(t)
		_, _ = io.WriteString(conn, get(row))
		p := make([]byte, 60_000)
		n, _ := conn.Read(p)
		_, body, _ := bytes.Cut(p[:n], []byte("\r\n\r\n"))
		if size, _ := strconv.Atoi(filepath.Base(row)); len(body) < size {
			t.Errorf("%s: %d bytes of the body came with the head", row, len(body))
		}
	}
}

// TestBodyFromAnotherGoroutine reads as http.Transport does, while the handler
// answers.
func TestBodyFromAnotherGoroutine(t *testing.T) {
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		in, out := io.Pipe()
		go func() {
			_, err := io.Copy(out, r.Body)
			_ = out.CloseWithError(err)
		}()
		_, _ = io.Copy(w, in)
	})})
	body := strings.Repeat("0123456789", 50_000)
	conn := s.dial(t)
	r := bufio.NewReader(conn)
	for range 3 {
		go func() { _, _ = io.WriteString(conn, post("/", body)) }()
		if _, got := answerFrom(t, r); got != body {
			t.Errorf("got %d bytes", len(got))
		}
	}
}

// TestAnswerSurvivesALeftBody checks that a client that is still sending gets
// its answer, and not a reset.
func TestAnswerSurvivesALeftBody(t *testing.T) {
	s := open(t, setup{})
	conn := s.dial(t)
	_, _ = io.WriteString(conn, "POST /sized/10 HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"+strings.Repeat("b", 400_000))
	r := bufio.NewReader(conn)
	if answer, body := answerFrom(t, r); !answer.Close || len(body) != 10 {
		t.Errorf("got %v, %q", answer.Header, body)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("after the answer came %q, %v, want the end", rest, err)
	}
}

// TestDate checks that each way in which a head can leave has its Date, which
// is put in last.
func TestDate(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter){
		"with the end":         func(w http.ResponseWriter) { _, _ = io.WriteString(w, "a") },
		"by a flush":           func(w http.ResponseWriter) { w.(http.Flusher).Flush(); _, _ = io.WriteString(w, "a") },
		"with a large piece":   func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 100_000)) },
		"after an early hint":  func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(204) },
		"larger than a buffer": func(w http.ResponseWriter) { w.Header().Set("X", strings.Repeat("x", 10_000)); w.WriteHeader(304) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { write(w) })})
			conn := s.dial(t)
			r := bufio.NewReader(conn)
			for range 2 {
				begin := time.Now()
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				answer, err := http.ReadResponse(r, nil)
				for err == nil && answer.StatusCode == 103 {
					answer, err = http.ReadResponse(r, nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				date, err := http.ParseTime(answer.Header.Get("Date"))
				if err != nil || date.Before(begin.Truncate(time.Second)) || date.After(time.Now()) {
					t.Errorf("Date %q, %v", answer.Header.Get("Date"), err)
				}
			}
		})
	}
}
