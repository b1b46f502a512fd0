package lane_test

import (
	"bufio"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// dozen is more often than a client must come back to be trusted.
const dozen = 12

// TestTrustedClients checks that a client that has come back often is served as
// at first, whatever comes next.
func TestTrustedClients(t *testing.T) {
	chunked := "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	for _, row := range []struct{ name, next string }{
		{"Ended", ""},
		{"EndsWithARequest", get("/a")},
		{"EndsInARequest", "GET /a HTTP/1.1\r\nHo"},
		{"Pipelined", strings.Repeat(get("/a"), 3)},
		{"MoreThanIsReadAtOnce", strings.Repeat(get("/long"), 400)},
		{"JustWhatIsReadAtOnce", getOfSize(8<<10) + get("/a")},
		{"Body", post("/echo", "hello") + get("/a")},
		{"LargeBody", post("/stream", strings.Repeat("b", 100_000)) + get("/a")},
		{"Other", "OPTIONS /o HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello" + get("/a")},
		{"OtherForGood", chunked + get("/a")},
		{"Garbage", "\r\n\x00" + get("/a")},
		{"Closes", get("/close") + get("/a")},
		{"Aborts", get("/abort") + get("/a")},
	} {
		t.Run(row.name, func(t *testing.T) {
			with, without := open(t, setup{}), open(t, setup{without: true})
			var said [2]string
			for i, s := range []*site{with, without} {
				conn := s.dial(t)
				r := bufio.NewReader(conn)
				for range dozen {
					ask(t, conn, r, get("/sized/10"))
				}
				go func() {
					_, _ = io.WriteString(conn, row.next)
					_ = conn.CloseWrite()
				}()
				all, err := io.ReadAll(r)
				if isTimeout(err) {
					t.Error("the connection stays")
				}
				said[i] = string(all)
			}
			sawGot, _ := with.sawAll()
			sawWant, _ := without.sawAll()
			if len(sawGot) != len(sawWant) {
				t.Errorf("the handler saw %d requests, want %d", len(sawGot), len(sawWant))
			}
			methods := methodsOf(sawWant[dozen:])
			if got, want := answersIn(said[0], methods), answersIn(said[1], methods); strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf(" got %q\nwant %q", got, want)
			}
		})
	}
}

// getOfSize is a request of that many bytes.
func getOfSize(n int) string {
	return "GET /a HTTP/1.1\r\n" + host + "A: " + strings.Repeat("a", n-len(get("/a"))-len("A: \r\n")) + "\r\n\r\n"
}

// TestTrustedSplitAnywhere sends streams in two pieces to a lane that trusts
// from the first wait on: whatever comes together, nothing is waited for that
// was there.
func TestTrustedSplitAnywhere(t *testing.T) {
	with, without := open(t, setup{trusting: true}), open(t, setup{without: true})
	stream := get("/a?b") + get("/sized/10") + post("/echo", "hello") + get("/end")
	for i := range len(stream) {
		compare(t, with, without, stream[:i], stream[i:])
	}
}

// TestTrustedWithMoreThanIsRead checks that what did not fit into a read is read
// at once: no glance would help here.
func TestTrustedWithMoreThanIsRead(t *testing.T) {
	s := open(t, setup{trusting: true, glance: time.Hour})
	conn := s.dial(t)
	r := bufio.NewReader(conn)
	for range dozen {
		ask(t, conn, r, get("/sized/10"))
	}
	ask(t, conn, r, getOfSize(8<<10)+get("/a"))
	answerFrom(t, r)
}

// TestTrustedWhileServing sends the next requests while answers are made.
func TestTrustedWhileServing(t *testing.T) {
	s := open(t, setup{trusting: true})
	conn := s.dial(t)
	const many = 2000
	sent := make(chan error, 1)
	go func() {
		for i := range many {
			if i%7 == 0 {
				runtime.Gosched()
			}
			if _, err := io.WriteString(conn, get("/sized/10")); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	r := bufio.NewReader(conn)
	for range many {
		answerFrom(t, r)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if _, fast := s.sawAll(); fast != many {
		t.Errorf("%d requests went through the lane", fast)
	}
}

// TestTrustedIdle checks that a trusted client that says nothing more has the
// idle time, and no more.
func TestTrustedIdle(t *testing.T) {
	s := open(t, setup{trusting: true, idle: 50 * time.Millisecond})
	conn := s.dial(t)
	r := bufio.NewReader(conn)
	for range dozen {
		ask(t, conn, r, get("/sized/10"))
	}
	ended(t, r)
	for range dozen { // and that it may take longer than a glance
		conn = s.dial(t)
		r = bufio.NewReader(conn)
		ask(t, conn, r, get("/sized/10"))
	}
	without := open(t, setup{trusting: true})
	conn = without.dial(t)
	r = bufio.NewReader(conn)
	for range 3 {
		ask(t, conn, r, get("/sized/10"))
		<-time.After(20 * time.Millisecond) // some glances
	}
}

// TestGoexitOfATrustedClient checks that a handler that ends its goroutine ends
// the connection, also where that goroutine still has the socket.
func TestGoexitOfATrustedClient(t *testing.T) {
	s := open(t, setup{trusting: true, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/exit" {
			runtime.Goexit()
		}
		_, _ = io.WriteString(w, "here")
	})})
	conn := s.dial(t)
	r := bufio.NewReader(conn)
	for range dozen {
		ask(t, conn, r, get("/"))
	}
	_, _ = io.WriteString(conn, get("/exit"))
	ended(t, r)
	if err := s.lane.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
