package lane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// controls is what a handler of the lane can do beyond net/http's.
type controls interface {
	Gone() bool
}

// ask sends a request and reads its answer.
func ask(t testing.TB, conn io.Writer, r *bufio.Reader, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return answerFrom(t, r)
}

func answerFrom(t testing.TB, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// ended fails the test if the server does not close the connection, or says
// anything before.
func ended(t *testing.T, r io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); len(rest) > 0 || isTimeout(err) {
		t.Errorf("got %q, %v, want the end", rest, err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// gate is a handler that says when it runs, and waits to be let go.
type gate struct {
	entered, leave chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 10), make(chan struct{}, 10)} }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/quick" {
		_, _ = io.WriteString(w, "quick")
		return
	}
	if r.URL.Path == "/begun" {
		_ = http.NewResponseController(w).Flush()
	}
	g.entered <- struct{}{}
	<-g.leave
	_, _ = fmt.Fprint(w, isFast(w))
}

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("no ", what)
	}
}

func TestShutdown(t *testing.T) {
	g := newGate()
	s := open(t, setup{handler: g})
	idle, used, busy := s.dial(t), s.dial(t), s.dial(t)
	fromUsed := bufio.NewReader(used)
	ask(t, used, fromUsed, get("/quick"))
	_, _ = io.WriteString(busy, get("/busy"))
	wait(t, "request", g.entered)

	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := s.lane.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	ended(t, idle)
	ended(t, fromUsed)
	select {
	case <-over:
		t.Error("Shutdown did not wait for the request under way")
	default:
	}
	g.leave <- struct{}{}
	r := bufio.NewReader(busy)
	answer, body := answerFrom(t, r)
	if !answer.Close || body != "true" {
		t.Errorf("got %v, %q, want an answer with Connection: close", answer.Header, body)
	}
	ended(t, r)
	wait(t, "end of Shutdown", over)
	ended(t, s.dial(t)) // later ones too
	if err := s.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	g := newGate()
	s := open(t, setup{handler: g})
	busy := s.dial(t)
	_, _ = io.WriteString(busy, get("/busy"))
	wait(t, "request", g.entered)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.lane.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	g.leave <- struct{}{}
	if _, body := answerFrom(t, bufio.NewReader(busy)); body != "true" {
		t.Errorf("got %q", body)
	}
}

// TestServerShutdownLeavesRequests checks that net/http, which takes a
// connection for idle on which the lane serves, does not cut it.
func TestServerShutdownLeavesRequests(t *testing.T) {
	g := newGate()
	s := open(t, setup{handler: g})
	busy := s.dial(t)
	r := bufio.NewReader(busy)
	ask(t, busy, r, "OPTIONS /quick HTTP/1.1\r\nHost: x\r\n\r\n") // it is StateIdle for net/http now
	_, _ = io.WriteString(busy, get("/busy"))
	wait(t, "request", g.entered)
	if err := s.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.leave <- struct{}{}
	answer, body := answerFrom(t, r)
	if !answer.Close || body != "true" {
		t.Errorf("got %v %q", answer.Header, body)
	}
	ended(t, r)
}

func TestCloseCutsRequests(t *testing.T) {
	g := newGate()
	s := open(t, setup{handler: g})
	busy, idle := s.dial(t), s.dial(t)
	_, _ = io.WriteString(busy, get("/busy"))
	wait(t, "request", g.entered)
	if err := s.lane.Close(); err != nil {
		t.Error(err)
	}
	ended(t, busy)
	ended(t, idle)
	g.leave <- struct{}{}
}

func TestTimeouts(t *testing.T) {
	const short = 500 * time.Millisecond
	for _, row := range []struct {
		name    string
		setup   setup
		before  string
		answers int
	}{
		{"IdleAfterLane", setup{idle: short}, get("/"), 1},
		{"IdleAfterMany", setup{idle: short}, strings.Repeat(get("/"), 5), 5},
		{"IdleAfterServer", setup{idle: short}, "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n", 1},
		{"IdleAfterBoth", setup{idle: short}, "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n" + get("/"), 2},
		{"IdleAfterBody", setup{idle: short}, post("/echo", strings.Repeat("a", 30_000)), 1},
		{"NoHead", setup{header: short, idle: time.Hour}, "", 0},
		{"HalfAHead", setup{header: short, idle: time.Hour}, "GET / HTTP", 0},
		{"HalfAHeadAfterLane", setup{header: short, idle: time.Hour}, get("/") + "GET / HTTP", 1},
		{"HalfAHeadAfterServer", setup{header: short, idle: time.Hour}, "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n" + "GET / HTTP", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			var rest [2]string
			for i := range rest {
				row.setup.without = i == 1
				conn := open(t, row.setup).dial(t)
				if _, err := io.WriteString(conn, row.before); err != nil {
					t.Fatal(err)
				}
				r := bufio.NewReader(conn)
				for range row.answers {
					answerFrom(t, r)
				}
				all, err := io.ReadAll(r)
				if isTimeout(err) {
					t.Error("the connection stays")
				}
				rest[i] = string(all) // of half a head net/http says that it is bad
			}
			if rest[0] != rest[1] {
				t.Errorf("got %q, want %q", rest[0], rest[1])
			}
		})
	}
}

// TestIdleTimeoutSparesTheBody checks that the limit for the next request does
// not cut a slow one.
func TestIdleTimeoutSparesTheBody(t *testing.T) {
	s := open(t, setup{idle: time.Second})
	conn := s.dial(t)
	r := bufio.NewReader(conn)
	ask(t, conn, r, get("/"))
	_, _ = io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na")
	for range 3 {
		<-time.After(400 * time.Millisecond)
		_, _ = io.WriteString(conn, "b")
	}
	if _, body := answerFrom(t, r); body != "abbb" {
		t.Errorf("got %q", body)
	}
}

func TestPanic(t *testing.T) {
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exit":
			runtime.Goexit()
		case "/status":
			w.WriteHeader(9)
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		panic("an odd thing")
	})})
	for _, path := range []string{"/abort", "/exit"} {
		if got := s.say(t, get(path)); got != "" {
			t.Errorf("%s: got %q", path, got)
		}
	}
	if logged := s.log.String(); logged != "" {
		t.Errorf("logged %q", logged)
	}
	if got := s.say(t, get("/panic")+get("/next")); got != "" {
		t.Errorf("got %q", got)
	}
	if logged := s.log.String(); !strings.Contains(logged, "http: panic serving 127.0.0.1:") || !strings.Contains(logged, "an odd thing") {
		t.Errorf("logged %q", logged)
	}
	s.say(t, get("/status"))
	if logged := s.log.String(); !strings.Contains(logged, "invalid WriteHeader code 9") {
		t.Errorf("logged %q", logged)
	}
}

func TestGone(t *testing.T) {
	enter, look, verdict := make(chan struct{}), make(chan struct{}), make(chan bool, 2)
	s := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		enter <- struct{}{}
		<-look
		gone := w.(controls).Gone()
		for until := time.Now().Add(time.Second); !gone && time.Now().Before(until); runtime.Gosched() {
			gone = w.(controls).Gone() // what was sent is not there at once
		}
		verdict <- gone
	})})
	for _, row := range []struct {
		name, request string
		leave         func(conn *net.TCPConn)
		gone          bool
	}{
		{"Waits", get("/"), func(*net.TCPConn) {}, false},
		{"Pipelines", get("/"), func(c *net.TCPConn) { _, _ = io.WriteString(c, get("/")) }, false},
		{"PipelinedAndClosed", get("/") + get("/"), func(c *net.TCPConn) { _ = c.Close() }, true},
		{"OneByteBehindAndClosed", get("/") + "G", func(c *net.TCPConn) { _ = c.Close() }, true},
		{"Closed", get("/"), func(c *net.TCPConn) { _ = c.Close() }, true},
		{"HalfClosed", get("/"), func(c *net.TCPConn) { _ = c.CloseWrite() }, true},
		{"Reset", get("/"), func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn := s.dial(t)
			_, _ = io.WriteString(conn, row.request)
			wait(t, "request", enter)
			row.leave(conn)
			look <- struct{}{}
			if got := <-verdict; got != row.gone {
				t.Errorf("gone: %v, want %v", got, row.gone)
			}
			if strings.HasPrefix(row.name, "Pipeline") { // the second one comes too
				wait(t, "request", enter)
				look <- struct{}{}
				<-verdict
			}
		})
	}
}

// TestContextEndsForServedByServer checks that the server still learns of a
// client that goes while it serves a request that the lane has counted.
func TestContextEndsForServedByServer(t *testing.T) {
	enter, over := make(chan struct{}), make(chan struct{})
	s := open(t, setup{
		takes: func(*http.Request) bool { return false },
		handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			enter <- struct{}{}
			<-r.Context().Done()
			over <- struct{}{}
		}),
	})
	for _, request := range []string{get("/"), post("/", "body")} {
		conn := s.dial(t)
		_, _ = io.WriteString(conn, request)
		wait(t, "request", enter)
		_ = conn.Close()
		wait(t, "end of the context", over)
	}
}

func TestHijack(t *testing.T) {
	s := open(t, setup{
		takes: func(*http.Request) bool { return false },
		handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, both, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = both.WriteString("hijacked ")
			_ = both.Flush()
			_, _ = io.Copy(conn, both)
		}),
	})
	for _, row := range []string{"", "more", get("/"), strings.Repeat("much more", 3000)} {
		if got := s.say(t, get("/")+row, "end"); got != "hijacked "+row+"end" {
			t.Errorf("got %d bytes, want what came after the request, %d", len(got), len(row)+12)
		}
	}
	fast := open(t, setup{handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("got %v, want ErrNotSupported", err)
		}
	})})
	fast.say(t, get("/"))
}

// TestOtherConnections checks that what is no TCP socket is left alone.
func TestOtherConnections(t *testing.T) {
	s := open(t, setup{})
	l := s.lane.Listen(pipes{})
	conn, err := l.Accept()
	if _, ok := conn.(*pipeConn); err != nil || !ok {
		t.Errorf("got %T, %v", conn, err)
	}
	s.lane.ConnState(conn, http.StateIdle)
	s.lane.ConnState(nil, http.StateClosed)
}

type pipes struct{ net.Listener }

type pipeConn struct{ net.Conn }

func (pipes) Accept() (net.Conn, error) { return &pipeConn{}, nil }

// TestIdleConnectionsHoldNoBuffers compares with net/http.
func TestIdleConnectionsHoldNoBuffers(t *testing.T) {
	const clients = 400
	held := func(without bool) uint64 {
		s := open(t, setup{without: without, handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })})
		var before, after runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range clients {
			conn := s.dial(t) // stays to the end of the test
			ask(t, conn, bufio.NewReaderSize(conn, 256), get("/"))
		}
		runtime.GC()
		runtime.GC() // pools forget what is not used in two
		runtime.ReadMemStats(&after)
		return (after.HeapAlloc - before.HeapAlloc) / clients
	}
	with, without := held(false), held(true)
	t.Logf("a connection holds %d bytes, without the lane %d", with, without)
	if with > without+4<<10 {
		t.Errorf("an idle connection holds %d bytes, without the lane %d", with, without)
	}
}
