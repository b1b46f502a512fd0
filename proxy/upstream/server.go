package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxAnswerHead = 64 << 10
	// continueWait is how long a body that its client wants approved first
	// waits for a server that says nothing; then it is sent anyway.
	continueWait = 2 * time.Second
)

// server is one server of an upstream, with its connections and its verdict.
type server struct {
	up        *Upstream
	url       *url.URL
	name      string // the URL as configured
	transport *http.Transport
	plain     plainPool
	dial      dialFunc

	usable   atomic.Bool  // what the fields below come to
	failures atomic.Int32 // requests in a row that found no answer

	mu      sync.Mutex // guards the fields below and the order of verdicts
	sick    bool       // by active checks
	ejected bool       // by requests
	closed  bool
	readmit *time.Timer
}

func newServer(u *Upstream, at *url.URL, secure *tls.Config, dial dialFunc) *server {
	s := &server{up: u, url: at, name: at.String(), dial: dial}
	s.plain.size, s.plain.keepAlive = u.cfg.MaxIdleConnections, u.cfg.Timeouts.KeepAlive
	s.usable.Store(true)
	s.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, &dialError{err}
			}
			return c, nil
		},
		TLSClientConfig:        secure.Clone(),
		TLSHandshakeTimeout:    u.cfg.Timeouts.Dial,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    u.cfg.MaxIdleConnections,
		IdleConnTimeout:        u.cfg.Timeouts.KeepAlive,
		ExpectContinueTimeout:  continueWait,
		MaxResponseHeaderBytes: maxAnswerHead,
	}
	return s
}

// dialError marks a failure that comes before any byte was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// answered notes that the server began an answer.
func (s *server) answered() {
	if s.failures.Load() != 0 {
		s.failures.Store(0)
	}
}

// failed notes a request for which no answer began, and ejects the server if
// there were enough in a row.
func (s *server) failed() {
	limit := s.up.cfg.Health.EjectAfter
	if n := s.failures.Add(1); limit == 0 || int(n) < limit {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ejected || s.closed {
		return
	}
	s.ejected = true
	s.readmit = time.AfterFunc(s.up.cfg.Health.EjectFor, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ejected = false
		s.failures.Store(0)
		s.judge()
	})
	s.judge()
}

// judged takes the verdict of the active checks.
func (s *server) judged(healthy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sick = !healthy
	s.judge()
}

// judge draws the conclusion. The caller holds mu.
func (s *server) judge() {
	usable := !s.sick && !s.ejected
	if s.usable.Swap(usable) != usable && s.up.observe.Health != nil {
		s.up.observe.Health(s.up.cfg.Name, s.name, usable)
	}
}

func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	if s.readmit != nil {
		s.readmit.Stop()
	}
	s.mu.Unlock()
	s.transport.CloseIdleConnections()
	s.plain.close()
}

// pick returns the next server in turn among the usable ones that are not in
// tried, a set of indexes. If all of those were tried it takes any other, and
// -1 if none is left.
func (u *Upstream) pick(tried uint64) int {
	if len(u.servers) == 1 {
		return int(tried&1) * -1
	}
	turn := u.turn.Add(1) - 1
	if i := u.nth(turn, func(i int) bool { return tried&(1<<(i&63)) == 0 && u.servers[i].usable.Load() }); i >= 0 {
		return i
	}
	return u.nth(turn, func(i int) bool { return tried&(1<<(i&63)) == 0 })
}

// nth returns the index of the server that has the turn among those wanted.
func (u *Upstream) nth(turn uint64, wanted func(i int) bool) int {
	var set uint64
	n := uint64(0)
	for i := range u.servers {
		if wanted(i) {
			set |= 1 << (i & 63)
			n++
		}
	}
	if n == 0 {
		return -1
	}
	skip := turn % n
	for i := range u.servers {
		if set&(1<<(i&63)) == 0 {
			continue
		}
		if skip == 0 {
			return i
		}
		skip--
	}
	return -1
}
