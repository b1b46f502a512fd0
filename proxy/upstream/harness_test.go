package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/proxy/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what Forward returned for one request.
type result struct {
	report upstream.Report
	err    error
}

// gateway is a listener that forwards all it gets to one upstream.
type gateway struct {
	*httptest.Server
	up      *upstream.Upstream
	results chan result
	dress   func(r *http.Request, out *upstream.Outgoing) // nil = nothing
}

// settings changes the defaults of a gateway's upstream.
type settings func(*upstream.Config)

func newUpstream(tb testing.TB, observe upstream.Observer, urls []string, change ...settings) *upstream.Upstream {
	tb.Helper()
	cfg := upstream.Default()
	cfg.Name = "test"
	cfg.URLs = urls
	for _, c := range change {
		c(&cfg)
	}
	cfg.Validate(func(path, message string) { tb.Errorf("config: %s: %s", path, message) })
	up, err := upstream.New(cfg, observe)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	tb.Cleanup(up.Close)
	return up
}

func newGateway(tb testing.TB, urls []string, change ...settings) *gateway {
	tb.Helper()
	g := &gateway{up: newUpstream(tb, upstream.Observer{}, urls, change...), results: make(chan result, 64)}
	g.Server = httptest.NewUnstartedServer(g)
	g.EnableHTTP2 = false
	g.Start()
	tb.Cleanup(g.Close)
	return g
}

// ServeHTTP does what the real gateway does around Forward.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &upstream.Outgoing{Request: r, Target: r.RequestURI}
	if r.Header.Get("Upgrade") != "" {
		out.Upgrade = r.Header.Get("Upgrade")
	}
	r.Header.Del("Connection")
	r.Header.Del("Upgrade")
	if g.dress != nil {
		g.dress(r, out)
	}
	report, err := g.up.Forward(w, out)
	g.results <- result{report, err}
	if err == nil {
		return
	}
	if report.Status != 0 {
		panic(http.ErrAbortHandler)
	}
	http.Error(w, err.Error(), statusOf(err))
}

func statusOf(err error) int {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, upstream.ErrTimeout):
		return http.StatusGatewayTimeout
	case errors.Is(err, upstream.ErrBadRequest):
		return http.StatusBadRequest
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadGateway
}

// result waits for what Forward returned.
func (g *gateway) result(tb testing.TB) result {
	tb.Helper()
	select {
	case r := <-g.results:
		return r
	case <-time.After(20 * time.Second):
		tb.Fatal("Forward has not returned")
		return result{}
	}
}

// client talks to a gateway without adding anything of its own.
func client(tb testing.TB) *http.Client {
	tb.Helper()
	t := &http.Transport{DisableCompression: true}
	tb.Cleanup(t.CloseIdleConnections)
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// request sends one request and reads the whole answer.
func (g *gateway) request(tb testing.TB, method, target string, body io.Reader, header ...string) (*http.Response, string, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, g.URL+target, body)
	if err != nil {
		tb.Fatalf("request: %v", err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := client(tb).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// rawServer accepts connections and gives each to serve, with its number from
// 0 on. It ends with the test.
func rawServer(tb testing.TB, serve func(n int, c net.Conn, r *bufio.Reader)) string {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() {
				defer func() { _ = c.Close() }()
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

// readHead reads a request's head, its lines joined by newlines.
func readHead(r *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return head.String(), err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return head.String(), nil
		}
		head.WriteString(line + "\n")
	}
}

// answering is a raw server that answers every request with the same bytes
// and then closes the connection.
func answering(tb testing.TB, answer string) string {
	tb.Helper()
	return rawServer(tb, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, answer)
		}
	})
}

// dialRaw connects to a server and sends text.
func dialRaw(tb testing.TB, url, text string) (net.Conn, *bufio.Reader) {
	tb.Helper()
	var d net.Dialer
	ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Second)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		tb.Fatalf("dial: %v", err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprint(c, text); err != nil {
		tb.Fatalf("send: %v", err)
	}
	return c, bufio.NewReader(c)
}

// closedPort is the URL of a port on which nobody listens.
func closedPort(tb testing.TB) string {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}
