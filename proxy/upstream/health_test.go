package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// network is a set of servers in memory, by address, so that time can be
// made to pass at will.
type network struct {
	mu     sync.Mutex // guards the fields below
	down   map[string]bool
	answer map[string]string // to every request
	events []string
}

var errRefused = errors.New("connection refused")

func (n *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down[address] {
		return nil, errRefused
	}
	near, far := net.Pipe()
	go n.serve(far, address)
	return near, nil
}

func (n *network) serve(c net.Conn, address string) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		n.mu.Lock()
		answer := n.answer[address]
		n.mu.Unlock()
		if answer == "" {
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServed-By: " + address + "\r\n\r\n"
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

func (n *network) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *network) observe() Observer {
	return Observer{Health: func(upstream, server string, healthy bool) {
		n.set(func() {
			n.events = append(n.events, fmt.Sprint(upstream, " ", strings.TrimPrefix(server, "http://"), " ", healthy))
		})
	}}
}

func (n *network) seen() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.events
	n.events = nil
	return e
}

// inBubble runs f with an upstream of three servers a, b and c.
func inBubble(t *testing.T, change func(*Config), f func(t *testing.T, n *network, u *Upstream)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{down: map[string]bool{}, answer: map[string]string{}}
		cfg := Default()
		cfg.Name = "u"
		cfg.URLs = []string{"http://a:80", "http://b:80", "http://c:80"}
		change(&cfg)
		u, err := newUpstream(cfg, n.observe(), n.dial)
		if err != nil {
			t.Fatal(err)
		}
		f(t, n, u)
		u.Close()
	})
}

// served asks k times and returns who answered, in order; ! is an error.
func served(t *testing.T, u *Upstream, method string, k int) string {
	t.Helper()
	var by []string
	for range k {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
		if _, err := u.Forward(w, &Outgoing{Request: r, Target: "/"}); err != nil {
			by = append(by, "!")
			continue
		}
		by = append(by, strings.TrimSuffix(w.Header().Get("Served-By"), ":80"))
	}
	return strings.Join(by, "")
}

func TestServersTakeTurns(t *testing.T) {
	inBubble(t, func(*Config) {}, func(t *testing.T, _ *network, u *Upstream) {
		if got := served(t, u, "GET", 7); got != "abcabca" {
			t.Errorf("served by %s", got)
		}
	})
}

func TestSickServerIsPassedOverUntilItIsWell(t *testing.T) {
	for _, path := range []string{"", "/live"} {
		t.Run("path "+path, func(t *testing.T) {
			inBubble(t, func(c *Config) {
				c.Health.Path, c.Health.HealthyAfter, c.Health.EjectAfter = path, 2, 0
			}, func(t *testing.T, n *network, u *Upstream) {
				fail := func(v bool) {
					n.set(func() {
						n.down["b:80"] = v && path == ""
						n.answer["b:80"] = ""
						if v {
							n.answer["b:80"] = "HTTP/1.1 500 Sick\r\nContent-Length: 0\r\n\r\n"
						}
					})
				}
				fail(true)
				u.Start(t.Context())
				u.Start(t.Context())
				synctest.Wait()
				if e := n.seen(); len(e) != 0 {
					t.Errorf("after one bad check: %v", e)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if e := n.seen(); !slices.Equal(e, []string{"u b:80 false"}) {
					t.Errorf("after two bad checks: %v", e)
				}
				if got := served(t, u, "POST", 6); strings.Count(got, "a") != 3 || strings.Count(got, "c") != 3 {
					t.Errorf("served by %s", got)
				}
				fail(false)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if e := n.seen(); len(e) != 0 {
					t.Errorf("after one good check: %v", e)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if e := n.seen(); !slices.Equal(e, []string{"u b:80 true"}) {
					t.Errorf("after two good checks: %v", e)
				}
				if got := served(t, u, "POST", 6); strings.Count(got, "b") != 2 {
					t.Errorf("served by %s", got)
				}
			})
		})
	}
}

func TestWhenNoServerIsHealthyAllAreUsed(t *testing.T) {
	inBubble(t, func(c *Config) { c.Health.Path, c.Health.UnhealthyAfter = "/live", 1 }, func(t *testing.T, n *network, u *Upstream) {
		n.set(func() {
			for _, s := range []string{"a", "b", "c"} {
				n.answer[s+":80"] = "HTTP/1.1 404 No\r\nContent-Length: 0\r\nServed-By: " + s + "\r\n\r\n"
			}
		})
		u.Start(t.Context())
		synctest.Wait()
		if e := n.seen(); len(e) != 3 {
			t.Errorf("events %v", e)
		}
		if got := served(t, u, "POST", 6); strings.Count(got, "a") != 2 || strings.Count(got, "b") != 2 || strings.Count(got, "c") != 2 {
			t.Errorf("served by %s", got)
		}
	})
}

func TestHealthCheckThatHangsIsBad(t *testing.T) {
	inBubble(t, func(c *Config) { c.Health.Path, c.Health.UnhealthyAfter = "/live", 1 }, func(t *testing.T, n *network, u *Upstream) {
		n.set(func() { n.answer["a:80"] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" })
		u.Start(t.Context())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if e := n.seen(); !slices.Equal(e, []string{"u a:80 false"}) {
			t.Errorf("events %v", e)
		}
	})
}

func TestServerThatFailsRequestsIsEjectedForAWhile(t *testing.T) {
	inBubble(t, func(c *Config) { c.URLs = c.URLs[:2] }, func(t *testing.T, n *network, u *Upstream) {
		n.set(func() { n.down["a:80"] = true })
		// Each failure is made good by the other server, and the third ejects.
		if got := served(t, u, "GET", 6); strings.Trim(got, "b") != "" {
			t.Errorf("served by %s", got)
		}
		if e := n.seen(); !slices.Equal(e, []string{"u a:80 false"}) {
			t.Errorf("events %v", e)
		}
		n.set(func() { n.down["a:80"] = false })
		if got := served(t, u, "GET", 4); got != "bbbb" {
			t.Errorf("while ejected served by %s", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if e := n.seen(); !slices.Equal(e, []string{"u a:80 true"}) {
			t.Errorf("events %v", e)
		}
		if got := served(t, u, "GET", 4); strings.Count(got, "a") != 2 {
			t.Errorf("afterwards served by %s", got)
		}
	})
}

func TestFailuresWithAnAnswerBetweenThemDoNotEject(t *testing.T) {
	inBubble(t, func(c *Config) { c.URLs = c.URLs[:1] }, func(t *testing.T, n *network, u *Upstream) {
		for range 5 {
			n.set(func() { n.down["a:80"] = true })
			u.servers[0].transport.CloseIdleConnections()
			u.servers[0].plain.drop()
			if got := served(t, u, "GET", 2); got != "!!" {
				t.Errorf("served by %s", got)
			}
			n.set(func() { n.down["a:80"] = false })
			if got := served(t, u, "GET", 1); got != "a" {
				t.Errorf("served by %s", got)
			}
		}
		if e := n.seen(); len(e) != 0 {
			t.Errorf("events %v", e)
		}
	})
}

func TestClientsThatLeaveDoNotEject(t *testing.T) {
	inBubble(t, func(c *Config) { c.URLs = c.URLs[:1] }, func(t *testing.T, n *network, u *Upstream) {
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			if _, err := u.Forward(httptest.NewRecorder(), &Outgoing{Request: r, Target: "/"}); !errors.Is(err, ErrClientGone) {
				t.Errorf("error %v", err)
			}
		}
		if e := n.seen(); len(e) != 0 {
			t.Errorf("events %v", e)
		}
	})
}

func TestObserverHearsOfEachRequestOnce(t *testing.T) {
	var heard []string
	n := &network{down: map[string]bool{"b:80": true}, answer: map[string]string{"a:80": "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"}}
	for _, at := range []string{"a", "b"} {
		cfg := Default()
		cfg.Name, cfg.URLs = "u"+at, []string{"http://" + at + ":80"}
		u, err := newUpstream(cfg, Observer{RequestDone: func(upstream, class string, took time.Duration) {
			if took > 0 {
				heard = append(heard, upstream+" "+class)
			}
		}}, n.dial)
		if err != nil {
			t.Fatal(err)
		}
		served(t, u, "GET", 1)
		u.Close()
	}
	if !slices.Equal(heard, []string{"ua 4xx", "ub none"}) {
		t.Errorf("heard %v", heard)
	}
}

// TestEndOfUploadThatNobodyTakes: a server that does not take the last bytes is
// given up after the idle time; the limit for the head has not begun yet.
func TestEndOfUploadThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Name, cfg.URLs = "u", []string{"http://a:80"}
		u, err := newUpstream(cfg, Observer{}, func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				_, _ = io.CopyN(io.Discard, far, 200) // the head and a little more
				time.Sleep(time.Hour)
				_ = far.Close()
			}()
			return near, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		start := time.Now()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", iotest.DataErrReader(strings.NewReader(strings.Repeat("x", 1000))))
		_, err = u.Forward(httptest.NewRecorder(), &Outgoing{Request: r, Target: "/"})
		if took := time.Since(start); !errors.Is(err, ErrTimeout) || took < time.Minute || took > 75*time.Second+holdHead {
			t.Errorf("error %v after %s", err, took)
		}
		time.Sleep(2 * time.Hour) // let the server end
	})
}

func TestStallIsNoticedWithinAQuarterMore(t *testing.T) {
	inBubble(t, func(c *Config) { c.URLs = c.URLs[:1] }, func(t *testing.T, n *network, u *Upstream) {
		n.set(func() { n.answer["a:80"] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel" })
		start := time.Now()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		_, err := u.Forward(w, &Outgoing{Request: r, Target: "/"})
		if took := time.Since(start); !errors.Is(err, ErrTimeout) || took < time.Minute || took > 75*time.Second+holdHead {
			t.Errorf("error %v after %s", err, took)
		}
		if w.Body.String() != "hel" {
			t.Errorf("client got %q", w.Body)
		}
	})
}
