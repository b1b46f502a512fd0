package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// The users of the tests; passwordOf gives their passwords.
const (
	john  = "john"  // storage.* in tenant one
	jane  = "jane"  // read-only in tenant one
	boss  = "boss"  // tokens.* beside storage.* in tenant one, by tokens.admins
	other = "other" // storage.* in tenant two
	root  = "root"  // everything everywhere
	drop  = "drop"  // append in tenant one
	none  = "none"  // belongs to no tenant
)

func passwordOf(user string) string { return "correct horse " + user }

// The hosts of the tests.
const (
	hostOne   = "one.example.com"
	hostOneB  = "b.one.example.com"
	hostTwo   = "two.example.com"
	hostNoOne = "nobody.example.net"
)

// hashes of the users' passwords, cheap ones so that tests are quick.
var hashes = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, u := range []string{john, jane, boss, other, root, drop, none} {
		h, err := bcrypt.GenerateFromPassword([]byte(passwordOf(u)), bcrypt.MinCost)
		if err != nil {
			panic(err)
		}
		all[u] = string(h)
	}
	return all
})

// setup describes a gateway under test.
type setup struct {
	upstream string // URL of the upstream; empty = the embedded folder
	more     string // more YAML, at the top level
	tokens   string // more YAML below tokens, indented by two
	dir      string // data directory; empty = a new one
}

// inBothLanes runs a test with the fast lane and without, which it says in
// YAML at the top level.
func inBothLanes(t *testing.T, test func(t *testing.T, lane string)) {
	t.Helper()
	for _, row := range []struct{ name, lane string }{{"FastLane", "fast_lane: true\n"}, {"NetHTTP", "fast_lane: false\n"}} {
		t.Run(row.name, func(t *testing.T) { test(t, row.lane) })
	}
}

// configuration returns the YAML of a setup.
func (s setup) configuration() string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: 127.0.0.1:0\ninternal: {listen: 127.0.0.1:0}\ndata_dir: %s\nstore: {min_free: 1048576}\n", s.dir)
	fmt.Fprintf(&b, "tokens:\n  admins: [boss]\n%s", s.tokens)
	fmt.Fprintf(&b, "tenants:\n  - {name: one, domains: [%s, %s]}\n  - {name: two, domains: [%s]}\n", hostOne, hostOneB, hostTwo)
	b.WriteString("users:\n")
	for name, rest := range map[string]string{
		john: "tenants: [one]", jane: "tenants: [one], roles: [read-only]", boss: "tenants: [one]",
		other: "tenants: [two]", root: "roles: [admin], tenants: [any]", drop: "tenants: [one], roles: [append]", none: "tenants: []",
	} {
		fmt.Fprintf(&b, "  - {name: %s, password_hash: %q, %s}\n", name, hashes()[name], rest)
	}
	if s.upstream != "" {
		fmt.Fprintf(&b, "upstreams:\n  - {name: storage, urls: [%q]}\n", s.upstream)
	}
	b.WriteString(s.more)
	return b.String()
}

// gateway is a running gateway: the very program, in this process.
type gateway struct {
	t        testing.TB
	url      string // http://127.0.0.1:port
	internal string
	config   string // the file
	dir      string // data directory
	out, err *lockedBuffer
	hangUp   chan os.Signal
	stop     context.CancelFunc
	done     chan int // the exit code
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startGateway runs `tollgate serve` until the test ends.
func startGateway(t testing.TB, s setup) *gateway {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	g := &gateway{t: t, config: filepath.Join(t.TempDir(), "config.yaml"), dir: s.dir}
	g.write(s.configuration())
	g.start()
	t.Cleanup(func() { g.end() })
	return g
}

// write replaces the configuration file in one step.
func (g *gateway) write(config string) {
	g.t.Helper()
	next := g.config + ".next"
	if err := os.WriteFile(next, []byte(config), 0o600); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Rename(next, g.config); err != nil {
		g.t.Fatal(err)
	}
}

// start runs the program; the addresses are new.
func (g *gateway) start() {
	g.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	g.stop, g.done = stop, make(chan int, 1)
	g.out, g.err = &lockedBuffer{}, &lockedBuffer{}
	g.hangUp = make(chan os.Signal, 1)
	started := make(chan [2]string, 1)
	go func() {
		g.done <- run(ctx, []string{"serve", "--config", g.config}, Process{
			Stdin: strings.NewReader(""), Stdout: g.out, Stderr: g.err, HangUp: g.hangUp,
			Started: func(public, internal net.Addr) { started <- [2]string{public.String(), internal.String()} },
		})
	}()
	select {
	case at := <-started:
		g.url, g.internal = "http://"+at[0], "http://"+at[1]
	case code := <-g.done:
		g.t.Fatalf("serve ended with %d:\n%s", code, g.err)
	case <-time.After(30 * time.Second):
		g.t.Fatalf("serve did not start:\n%s", g.err)
	}
}

// end stops the program and returns its exit code. A second call returns at
// once.
func (g *gateway) end() int {
	g.t.Helper()
	g.stop()
	select {
	case code := <-g.done:
		g.done <- code
		return code
	case <-time.After(60 * time.Second):
		g.t.Fatal("serve did not end")
		return -1
	}
}

// ask is a request to a gateway. Of the fields that are empty the defaults
// count: GET, /, hostOne.
type ask struct {
	method, target, host string
	header               http.Header
	body                 string
	user                 string // Basic, with the user's right password
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends the request as a plain client: no redirects, no cookies, a
// connection of its own, of which it does not say that it will be closed.
func (g *gateway) do(a ask) answer {
	g.t.Helper()
	if a.method == "" {
		a.method = http.MethodGet
	}
	if a.target == "" {
		a.target = "/"
	}
	if a.host == "" {
		a.host = hostOne
	}
	r, err := http.NewRequestWithContext(g.t.Context(), a.method, g.url+a.target, strings.NewReader(a.body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Host = a.host
	for name, values := range a.header {
		r.Header[name] = values
	}
	if a.user != "" {
		r.SetBasicAuth(a.user, passwordOf(a.user))
	}
	response, err := plainClient().Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func plainClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: -1, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// issued is a token that the tests made.
type issued struct{ value, id string }

// issue makes a token for a domain by the token API; header can ask for more.
func (g *gateway) issue(user, host string, header http.Header) issued {
	g.t.Helper()
	a := g.do(ask{method: http.MethodPost, target: "/.TOKEN/?setcookie=false", host: host, user: user, header: header})
	if a.status != http.StatusCreated {
		g.t.Fatalf("issue for %s: %d %s", user, a.status, a.body)
	}
	return issued{a.header.Get("Gateway-Token"), a.header.Get("Gateway-Token-Id")}
}

// revoke ends a token as the given user.
func (g *gateway) revoke(user string, id string) {
	g.t.Helper()
	if a := g.do(ask{method: http.MethodDelete, target: "/.TOKEN/" + id, user: user}); a.status != http.StatusOK {
		g.t.Fatalf("revoke %s: %d %s", id, a.status, a.body)
	}
}

// headers makes a header of pairs.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// arrival is a request as an upstream got it.
type arrival struct {
	Method, Target, Host string
	Header               http.Header
	Body                 string
}

// backend is an upstream that remembers what reached it.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals []arrival // guarded by mu
}

// startBackend answers everything with 200 and "upstream".
func startBackend(t testing.TB) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.arrivals = append(b.arrivals, arrival{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(body)})
		b.mu.Unlock()
		_, _ = io.WriteString(w, "upstream")
	}))
	t.Cleanup(b.Close)
	return b
}

// take returns what arrived since the last call.
func (b *backend) take() []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.arrivals
	b.arrivals = nil
	return taken
}

// scrape returns the metrics.
func (g *gateway) scrape() string {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.internal+"/metrics", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	response, err := plainClient().Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(body)
}
