// Package upstream forwards requests to the servers behind the gateway: it
// keeps their connections, watches their health, and carries requests and
// answers over without changing what it need not change.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/proxy/upstream/folder"
)

// Why an exchange failed. Test with errors.Is. An error of the request body's
// own reader is wrapped instead, and none of these then.
var (
	// ErrUnreachable: no server could be connected to, or the connection
	// ended before an answer began. 502.
	ErrUnreachable = errors.New("upstream is unreachable")
	// ErrTimeout: connecting, waiting for the answer's head or a body that
	// stood still took too long. 504.
	ErrTimeout = errors.New("upstream timed out")
	// ErrBadAnswer: the answer's head is malformed, too big or makes no
	// sense. 502.
	ErrBadAnswer = errors.New("upstream gave a bad answer")
	// ErrBrokenAnswer: the answer had begun and ended too early.
	ErrBrokenAnswer = errors.New("upstream broke off its answer")
	// ErrClientGone: the client went away, or stood still for too long.
	ErrClientGone = errors.New("client is gone")
	// ErrBadRequest: the request cannot be written as HTTP/1.1. 400.
	ErrBadRequest = errors.New("request cannot be sent")
)

// Observer is told what happens; nil functions are skipped. They are called
// on the road of the request and must not block.
type Observer struct {
	// RequestDone is called once for each Forward, with the class of the
	// answer's status: 1xx to 5xx, or none when no answer was begun.
	RequestDone func(upstream, class string, took time.Duration)
	// Health is called when a server begins or ceases to be used.
	Health func(upstream, server string, healthy bool)
}

// Upstream is a named group of equal servers, or an embedded folder. It is
// safe for concurrent use. Who calls New calls Close.
type Upstream struct {
	cfg     Config
	observe Observer
	servers []*server
	turn    atomic.Uint64 // of the round robin
	folder  *folder.Handler
	began   time.Time

	exchanges sync.Pool // of *exchange, for use again

	mu     sync.Mutex // guards stop and closed
	stop   context.CancelFunc
	closed bool
	checks sync.WaitGroup
}

// New makes an upstream from a valid Config: it reads the CA file and opens
// the folder. Nothing runs before Start.
func New(cfg Config, observe Observer) (*Upstream, error) {
	return newUpstream(cfg, observe, (&net.Dialer{Timeout: cfg.Timeouts.Dial}).DialContext)
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func newUpstream(cfg Config, observe Observer, dial dialFunc) (*Upstream, error) {
	u := &Upstream{cfg: cfg, observe: observe, began: time.Now()}
	if len(cfg.URLs) == 0 {
		return nil, fmt.Errorf("upstream %s: no urls", cfg.Name)
	}
	if dir, ok := strings.CutPrefix(cfg.URLs[0], folderScheme); ok {
		var err error
		if u.folder, err = folder.New(dir); err != nil {
			return nil, fmt.Errorf("upstream %s: %w", cfg.Name, err)
		}
		return u, nil
	}
	secure, err := tlsConfig(cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", cfg.Name, err)
	}
	for i, raw := range cfg.URLs {
		at, err := serverURL(raw)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: urls[%d]: %w", cfg.Name, i, err)
		}
		u.servers = append(u.servers, newServer(u, at, secure, dial))
	}
	return u, nil
}

func tlsConfig(cfg TLS) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.ServerName}
	if cfg.CAFile == "" {
		return conf, nil
	}
	pem, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.ca_file: no certificate in %s", cfg.CAFile)
	}
	return conf, nil
}

// Start begins the health checks, which end with ctx or Close. Until the
// first verdict every server counts as healthy. A second Start does nothing.
func (u *Upstream) Start(ctx context.Context) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stop != nil || u.closed {
		return
	}
	ctx, u.stop = context.WithCancel(ctx)
	for _, s := range u.servers {
		u.checks.Go(func() { s.watch(ctx) })
	}
}

// Close ends the health checks and drops idle connections. Exchanges in
// flight finish, and their connections are closed then.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.closed = true
	if u.stop != nil {
		u.stop()
	}
	u.mu.Unlock()
	u.checks.Wait()
	for _, s := range u.servers {
		s.close()
	}
	if u.folder != nil {
		_ = u.folder.Close() // what it held was only read
	}
}

// IsFolder reports whether the upstream is an embedded folder (dir:PATH).
func (u *Upstream) IsFolder() bool { return u.folder != nil }

// Outgoing is a request as it is to reach the server.
type Outgoing struct {
	// Request is already dressed: method, Host, Header without hop-by-hop
	// fields, Body, ContentLength and context. URL is not looked at.
	// Forward owns it and may change it. Of Body no more than ContentLength
	// is sent. It stays the caller's to close; Forward leaves it alone once
	// it has returned.
	Request *http.Request
	// Target is the request-target in origin-form; it reaches the server
	// byte for byte.
	Target string
	// Sign is called before the request is sent to a server, again for each
	// server, and may change the header: host is the Host that the server
	// will see. Nil = nothing is signed. Request.Host must be empty then.
	Sign func(host string, h http.Header)
	// Upgrade is the protocol to ask for with Connection: Upgrade, or empty.
	Upgrade string
	// Response is called on each head of the answer before it goes to the
	// client, informational ones (1xx) included, and may change it. Nil is
	// allowed.
	Response func(status int, h http.Header)
	// Cut ends the exchange from outside, as the request's context does when
	// it ends. Nil = nobody does.
	Cut *Cut
}

// Report says how a Forward went. Status zero means that no answer was begun.
type Report struct {
	Status    int
	Server    string        // URL of the last server tried
	Bytes     int64         // body bytes sent to the client
	FirstByte time.Duration // until the answer's head was there; 0 = never
	Total     time.Duration
	Attempts  int // servers tried
}

// Forward sends out to a server and the server's answer to w.
//
// With an error and Status zero nothing was written to w and the caller
// answers. With an error and another Status the answer broke after it had
// begun: the caller must abort the client's connection, for instance by
// panic(http.ErrAbortHandler), so that nobody takes it for complete.
func (u *Upstream) Forward(w http.ResponseWriter, out *Outgoing) (Report, error) {
	start := u.now()
	var (
		report Report
		err    = checkTarget(out.Target)
	)
	switch {
	case err != nil:
	case u.folder != nil:
		report, err = u.serveFolder(w, out)
	default:
		report, err = u.exchange(w, out, start)
	}
	report.Total = time.Since(start)
	if u.observe.RequestDone != nil {
		u.observe.RequestDone(u.cfg.Name, classOf(report.Status), report.Total)
	}
	return report, err
}

// now is the time by Go's monotonic clock alone: it does not ask for that of the
// day, as time.Now does too.
func (u *Upstream) now() time.Time { return u.began.Add(time.Since(u.began)) }

// exchange lets an exchange, which may have been another's before, do it.
func (u *Upstream) exchange(w http.ResponseWriter, out *Outgoing, start time.Time) (Report, error) {
	ex, _ := u.exchanges.Get().(*exchange)
	if ex == nil {
		ex = new(exchange)
	}
	ex.up, ex.w, ex.out, ex.start = u, w, out, start
	err := ex.run()
	report := ex.report
	if !ex.shared { // else net/http may still use it
		ex.forget()
		u.exchanges.Put(ex)
	}
	return report, err
}

func classOf(status int) string {
	switch status / 100 {
	case 1:
		return "1xx"
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	case 5:
		return "5xx"
	}
	return "none"
}
