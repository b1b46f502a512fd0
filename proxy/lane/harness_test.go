package lane_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/proxy/lane"
)

// patience is for what must happen; nothing waits for it when it does.
const patience = 30 * time.Second

// site is a server, with or without the lane.
type site struct {
	addr   string
	lane   *lane.Lane // nil without
	server *http.Server
	log    *syncBuffer

	mu   sync.Mutex
	seen []string // of requests, in order
	fast int      // of them through the lane
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// setup is what a test wants to be different.
type setup struct {
	handler      http.Handler
	takes        func(*http.Request) bool
	idle, header time.Duration
	without      bool // the lane
	trusting     bool // it trusts every client from the first wait on
	glance       time.Duration
}

// open starts a server with the lane.
func open(t testing.TB, s setup) *site {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	site := &site{addr: inner.Addr().String(), log: &syncBuffer{}}
	if s.handler == nil {
		s.handler = http.HandlerFunc(site.behave)
	}
	logger := log.New(site.log, "", 0)
	site.server = &http.Server{Handler: s.handler, IdleTimeout: s.idle, ReadHeaderTimeout: s.header, ErrorLog: logger}
	if !s.without {
		site.lane = lane.New(lane.Config{Handler: s.handler, Takes: s.takes, IdleTimeout: s.idle, HeaderTimeout: s.header, ErrorLog: logger})
		if s.trusting {
			site.lane.TrustAtOnce(cmp.Or(s.glance, 5*time.Millisecond))
		}
		site.server.ConnState = site.lane.ConnState
		inner = site.lane.Listen(inner)
	}
	go func() { _ = site.server.Serve(inner) }()
	t.Cleanup(site.close)
	return site
}

func (s *site) close() {
	_ = s.server.Close()
	if s.lane != nil {
		_ = s.lane.Close()
	}
}

func (s *site) dial(t testing.TB) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// say sends bytes in pieces, ends the stream and returns all that comes back.
func (s *site) say(t testing.TB, pieces ...string) string {
	t.Helper()
	conn := s.dial(t)
	defer conn.Close()
	go func() {
		for _, p := range pieces {
			if _, err := io.WriteString(conn, p); err != nil {
				break
			}
		}
		_ = conn.CloseWrite()
	}()
	all, err := io.ReadAll(conn) // a reset ends it too
	if isTimeout(err) {
		t.Error("the connection stays")
	}
	return string(all)
}

// isFast reports whether a request came through the lane.
func isFast(w http.ResponseWriter) bool {
	_, ok := w.(interface{ Gone() bool })
	return ok
}

// describe is everything that a handler sees of a request but its body.
func describe(r *http.Request) string {
	names := make([]string, 0, len(r.Header))
	for name, values := range r.Header {
		names = append(names, fmt.Sprintf("%s=%q", name, values))
	}
	slices.Sort(names)
	return fmt.Sprintf("%s %q %#v %s %d.%d %v host=%q length=%d close=%v te=%v trailer=%v form=%v tls=%v pattern=%q none=%v response=%v remote=%v",
		r.Method, r.RequestURI, *r.URL, r.Proto, r.ProtoMajor, r.ProtoMinor, names, r.Host, r.ContentLength, r.Close, r.TransferEncoding,
		r.Trailer, r.Form, r.TLS, r.Pattern, r.Body == http.NoBody, r.Response, strings.HasPrefix(r.RemoteAddr, "127.0.0.1:"))
}

func (s *site) note(w http.ResponseWriter, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, text)
	if isFast(w) {
		s.fast++
	}
}

func (s *site) sawAll() ([]string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen), s.fast
}

// behave answers as the path says.
func (s *site) behave(w http.ResponseWriter, r *http.Request) {
	s.note(w, describe(r))
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if b, ok := behaviours[name]; ok {
		b(s, w, r, rest)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

type behaviour func(s *site, w http.ResponseWriter, r *http.Request, rest string)

var behaviours = map[string]behaviour{
	"echo": func(s *site, w http.ResponseWriter, r *http.Request, _ string) {
		body, err := io.ReadAll(r.Body)
		s.note(w, fmt.Sprintf("body %q %v", body, err))
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	},
	"stream": func(s *site, w http.ResponseWriter, r *http.Request, _ string) {
		n, err := io.Copy(w, r.Body)
		s.note(w, fmt.Sprintf("copied %d %v", n, err))
	},
	"nothing": func(*site, http.ResponseWriter, *http.Request, string) {},
	"long": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		for range 10 {
			_, _ = w.Write(bytes.Repeat([]byte("long "), 700))
		}
	},
	"sized": func(_ *site, w http.ResponseWriter, _ *http.Request, rest string) {
		n, _ := strconv.Atoi(rest)
		n = max(0, min(n, 200_000))
		w.Header()["Content-Length"] = []string{strconv.Itoa(n)}
		w.Header()["Content-Type"] = []string{"a/b"}
		_, _ = w.Write(bytes.Repeat([]byte("x"), n))
	},
	"unsized": func(_ *site, w http.ResponseWriter, _ *http.Request, rest string) {
		n, _ := strconv.Atoi(rest)
		_, _ = w.Write(bytes.Repeat([]byte("y"), max(0, min(n, 200_000))))
	},
	"sniff": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = io.WriteString(w, "<!DOCTYPE")
		_, _ = io.WriteString(w, " html>"+strings.Repeat("z", 3000))
	},
	"mixed": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Length", "5010")
		for _, n := range []int{3, 5000, 7} {
			_, _ = w.Write(bytes.Repeat([]byte{byte('0' + n%10)}, n))
		}
	},
	"notype": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header()["Content-Type"] = nil
		w.Header()["Date"] = nil
		_, _ = io.WriteString(w, "<html>")
	},
	"encoded": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "<html>")
	},
	"trailers": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Trailer", "X-One, Host, X-Two")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-One", "1")
		w.Header()["X-Two"] = []string{"2", "3"}
		w.Header().Set(http.TrailerPrefix+"X-Late", "4")
	},
	"late": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set(http.TrailerPrefix+"X-Late", "4")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Not", "sent")
	},
	"hints": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Link", "</a>")
		w.Header().Set("Content-Length", "4")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		_, _ = io.WriteString(w, "hint")
	},
	"status": func(_ *site, w http.ResponseWriter, _ *http.Request, rest string) {
		n, _ := strconv.Atoi(rest)
		if n < 200 || n > 999 {
			n = 200
		}
		w.Header().Set("Content-Length", "3")
		w.Header().Set("Content-Type", "a/b")
		w.Header().Set("Transfer-Encoding", "identity")
		w.WriteHeader(n)
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "abc")
	},
	"bare": func(_ *site, w http.ResponseWriter, _ *http.Request, rest string) {
		n, _ := strconv.Atoi(rest)
		if n < 200 || n > 999 {
			n = 200
		}
		w.WriteHeader(n)
		_, err := io.WriteString(w, "")
		_ = err
	},
	"close": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "bye")
	},
	"connection": func(_ *site, w http.ResponseWriter, _ *http.Request, rest string) {
		w.Header()["Connection"] = []string{rest, "x"}
		_, _ = io.WriteString(w, "bye")
	},
	"abort": func(*site, http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) },
	"flushabort": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	},
	"flush": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "two")
	},
	"short": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "abc")
	},
	"much": func(s *site, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Length", "3")
		_, err := io.WriteString(w, "abc")
		_, again := io.WriteString(w, "d")
		s.note(w, fmt.Sprint(err, again))
	},
	"badlength": func(_ *site, w http.ResponseWriter, r *http.Request, rest string) {
		if r.Method != http.MethodHead { // net/http sends what is wrong then
			w.Header().Set("Content-Length", rest+"x")
		}
		_, _ = io.WriteString(w, "abc")
	},
	"transfer": func(_ *site, w http.ResponseWriter, _ *http.Request, rest string) {
		w.Header().Set("Transfer-Encoding", rest)
		_, _ = io.WriteString(w, "abc")
	},
	"split": func(_ *site, w http.ResponseWriter, r *http.Request, _ string) {
		w.Header()["X-Split"] = []string{"a\r\nSet-Cookie: b\n", " c ", r.URL.RawQuery}
		w.Header()["X Bad"] = []string{"no"}
		w.Header()["x-Lower"] = []string{"yes"}
		w.Header()["X-None"] = nil
		_, _ = io.WriteString(w, "x")
	},
	"early": func(s *site, w http.ResponseWriter, r *http.Request, _ string) {
		one := make([]byte, 1)
		_, _ = r.Body.Read(one)
		_, _ = io.WriteString(w, "early")
		n, err := io.Copy(io.Discard, r.Body) // nothing is sent yet: it is there
		s.note(w, fmt.Sprint(n, err))
	},
	"closebody": func(s *site, w http.ResponseWriter, r *http.Request, _ string) {
		_ = r.Body.Close()
		_, err := r.Body.Read(make([]byte, 1))
		s.note(w, fmt.Sprint(errors.Is(err, http.ErrBodyReadAfterClose)))
		_, _ = io.WriteString(w, "closed")
	},
	"duplex": func(s *site, w http.ResponseWriter, r *http.Request, _ string) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.WriteString(w, "first ")
		_ = http.NewResponseController(w).Flush()
		body, err := io.ReadAll(r.Body)
		s.note(w, fmt.Sprintf("%q %v", body, err))
		_, _ = w.Write(body)
	},
	"readfrom": func(_ *site, w http.ResponseWriter, _ *http.Request, rest string) {
		n, _ := strconv.Atoi(rest)
		_, _ = io.Copy(w, io.LimitReader(endless{}, int64(max(0, min(n, 100_000)))))
	},
	"many": func(_ *site, w http.ResponseWriter, _ *http.Request, _ string) {
		for i := range 100 {
			w.Header().Set("X-Long-"+strconv.Itoa(i), strings.Repeat("v", 80))
		}
		_, _ = io.WriteString(w, "many")
	},
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'e'
	}
	return len(p), nil
}
