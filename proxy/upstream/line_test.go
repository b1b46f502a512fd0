package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inPipe runs f in a bubble with an upstream of one server, which serves its
// connections with serve.
func inPipe(t *testing.T, change func(*Config), serve func(net.Conn), f func(t *testing.T, u *Upstream)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Name, cfg.URLs = "u", []string{"http://a:80"}
		change(&cfg)
		u, err := newUpstream(cfg, Observer{}, func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				serve(far)
			}()
			return near, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		f(t, u)
	})
}

func get() *Outgoing {
	return &Outgoing{Request: httptest.NewRequest(http.MethodGet, "/", nil), Target: "/"}
}

// TestLimitsComeAtMostAnEighthLate, and never early, also on a connection that
// was used before.
func TestLimitsComeAtMostAnEighthLate(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, row := range []struct {
		name, answer string
		limit        time.Duration
	}{
		{"no head", "", 40 * time.Second}, // it is tried again, as the connection had been idle
		{"half a head", "HTTP/1.1 200", 20 * time.Second},
		{"hints and no head", "HTTP/1.1 103 Hints\r\n\r\n", 20 * time.Second},
		{"no body", whole[:len(whole)-2], 10 * time.Second},
		{"half a body", whole[:len(whole)-1], 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			connections := 0 // one after the other
			serve := func(c net.Conn) {
				r := bufio.NewReader(c)
				if connections++; connections > 1 {
					_, _ = io.Copy(io.Discard, r)
				}
				for _, answer := range []string{whole, whole, row.answer} {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					if answer != "" {
						_, _ = io.WriteString(c, answer)
					}
				}
				_, _ = io.Copy(io.Discard, r)
			}
			change := func(c *Config) {
				c.Timeouts.FirstByte, c.Timeouts.Idle = 20*time.Second, 10*time.Second
			}
			inPipe(t, change, serve, func(t *testing.T, u *Upstream) {
				for range 2 {
					if _, err := u.Forward(httptest.NewRecorder(), get()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(30 * time.Second) // longer than either limit
				}
				start := time.Now()
				_, err := u.Forward(httptest.NewRecorder(), get())
				if took := time.Since(start); !errors.Is(err, ErrTimeout) || took < row.limit || took > row.limit*9/8+holdHead {
					t.Errorf("error %v after %s", err, took)
				}
			})
		})
	}
}

// TestNoIdleLimit: zero is none.
func TestNoIdleLimit(t *testing.T) {
	serve := func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			time.Sleep(time.Hour)
			_, _ = io.WriteString(c, "ok")
		}
	}
	inPipe(t, func(c *Config) { c.Timeouts.Idle = 0 }, serve, func(t *testing.T, u *Upstream) {
		w := httptest.NewRecorder()
		if _, err := u.Forward(w, get()); err != nil || w.Body.String() != "ok" {
			t.Errorf("got %q, %v", w.Body, err)
		}
	})
}

// TestServerThatDoesNotTakeTheHead is given up after the limit for the head.
func TestServerThatDoesNotTakeTheHead(t *testing.T) {
	serve := func(net.Conn) { time.Sleep(time.Hour) }
	inPipe(t, func(*Config) {}, serve, func(t *testing.T, u *Upstream) {
		start := time.Now()
		_, err := u.Forward(httptest.NewRecorder(), get())
		if took := time.Since(start); !errors.Is(err, ErrTimeout) || took < time.Minute || took > 68*time.Second {
			t.Errorf("error %v after %s", err, took)
		}
		time.Sleep(2 * time.Hour) // let the server end
	})
}

// TestHeadDoesNotWaitLongForTheBody: the client gets it alone.
func TestHeadDoesNotWaitLongForTheBody(t *testing.T) {
	serve := func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			time.Sleep(time.Second)
			_, _ = io.WriteString(c, "ok")
		}
	}
	inPipe(t, func(*Config) {}, serve, func(t *testing.T, u *Upstream) {
		w := &flushTimes{ResponseRecorder: httptest.NewRecorder(), start: time.Now()}
		if _, err := u.Forward(w, get()); err != nil || w.Body.String() != "ok" || len(w.at) != 1 || w.at[0] != holdHead {
			t.Errorf("got %q, %v, flushed at %v", w.Body, err, w.at)
		}
	})
}

type flushTimes struct {
	*httptest.ResponseRecorder
	start time.Time
	at    []time.Duration
}

func (f *flushTimes) Flush() { f.at = append(f.at, time.Since(f.start)) }

// TestCutEndsConnecting: the dial is cancelled.
func TestCutEndsConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Name, cfg.URLs = "u", []string{"http://a:80", "http://b:80"}
		dialled := 0
		u, err := newUpstream(cfg, Observer{}, func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialled++
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		errCut := errors.New("cut")
		out := get()
		out.Cut = new(Cut)
		go func() {
			time.Sleep(time.Second)
			out.Cut.Now(errCut)
		}()
		if _, err := u.Forward(httptest.NewRecorder(), out); !errors.Is(err, errCut) || dialled != 1 {
			t.Errorf("error %v after %d dials", err, dialled)
		}
	})
}

// TestHeadOfAnySizeArrives: more than a socket takes at once goes in pieces.
func TestHeadOfAnySizeArrives(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const size = 12 << 20
	served := make(chan int, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		total := 0
		for line := ""; line != "\r\n"; total += len(line) {
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		served <- total
		_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	}()
	cfg := Default()
	cfg.Name, cfg.URLs = "u", []string{"http://" + l.Addr().String()}
	u, err := New(cfg, Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	out := get()
	out.Request.Header["X"] = []string{strings.Repeat("x", size)}
	if _, err := u.Forward(httptest.NewRecorder(), out); err != nil {
		t.Fatal(err)
	}
	if n := <-served; n < size {
		t.Errorf("server read %d bytes", n)
	}
}

// TestHeadersAreSentInOrder, whoever asks and however many there are.
func TestHeadersAreSentInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 3, 24, 25, 60} {
		out := get()
		out.Request.Host = "shop.test"
		want := "GET / HTTP/1.1\r\nHost: shop.test\r\n"
		out.Request.Header["Transfer-Encoding"] = []string{"chunked"}
		out.Request.Header["User-Agent"] = nil
		for i := range n {
			name := "X-" + string(rune('A'+i/26)) + string(rune('a'+i%26))
			out.Request.Header[name] = []string{"1", "2"}
			want += name + ": 1\r\n" + name + ": 2\r\n"
		}
		got, err := appendHead(nil, out, "server.test")
		if err != nil || string(got) != want+"\r\n" {
			t.Errorf("%d: %v\n%s", n, err, got)
		}
	}
}

// TestFieldValues looks at every byte in every place of a word of eight.
func TestFieldValues(t *testing.T) {
	for at := range 20 {
		for c := range 256 {
			value := bytes.Repeat([]byte{'~'}, 20)
			value[at] = byte(c)
			if got, want := isFieldValue(value), c == '\t' || c >= ' ' && c != 0x7f; got != want {
				t.Errorf("byte %#x at %d: %t", c, at, got)
			}
		}
	}
}
