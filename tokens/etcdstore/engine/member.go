package engine

import (
	"context"
	"crypto/tls"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"tollgate/tokens"
)

// How a member is reached. gRPC does not ping more often than each 10 s, and
// etcd cuts off who pings more often than each 5 s: what finds a silent member
// quickly is the proof each second.
const (
	authTime     = 5 * time.Second // to get a token of etcd's: it checks a password slowly
	connectTime  = 2 * time.Second
	reconnectMax = time.Second // between two attempts, however long etcd is away
	pingEvery    = 10 * time.Second
	pingTime     = 2 * time.Second
	// unaryTries is for tokens of etcd's that have run out. A member that does
	// not answer is left for the next one.
	unaryTries = 3
)

// member is one etcd member and the connection to it, which is made when it is
// first used.
type member struct {
	endpoint string
	cfg      clientv3.Config

	mu      sync.Mutex // guards all below
	client  *clientv3.Client
	attempt chan struct{} // closed when the attempt that is under way has ended; nil = none is
	failed  error         // of the last attempt
	closed  bool
}

func newMember(cfg Config, endpoint string) *member {
	retry := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax}
	m := &member{endpoint: endpoint, cfg: clientv3.Config{
		Endpoints:            []string{endpoint},
		DialTimeout:          authTime,
		DialKeepAliveTime:    pingEvery,
		DialKeepAliveTimeout: pingTime,
		Username:             cfg.Username,
		Password:             cfg.Password.Reveal(),
		MaxUnaryRetries:      unaryTries,
		Logger:               zap.NewNop(), // whatever fails is an error of the call
		DialOptions: []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: connectTime}),
			grpc.WithChainUnaryInterceptor(failFast),
			grpc.WithChainStreamInterceptor(failFastStream),
		},
	}}
	switch {
	case cfg.TLS != nil:
		m.cfg.TLS = cfg.TLS.Clone()
	case strings.HasPrefix(endpoint, "https://"):
		m.cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return m
}

// failFast has a call fail at once while its member cannot be reached. The
// client of etcd would have it wait, for it knows no other member.
func failFast(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return call(ctx, method, req, reply, cc, append(opts[:len(opts):len(opts)], grpc.WaitForReady(false))...)
}

func failFastStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return open(ctx, desc, cc, method, append(opts[:len(opts):len(opts)], grpc.WaitForReady(false))...)
}

// connect returns the client for the member. With a user of etcd's the first
// call waits until that one is known, and one after a failure tries again.
func (m *member) connect(ctx context.Context) (*clientv3.Client, error) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, tokens.ErrStoreClosed
	}
	if c := m.client; c != nil {
		m.mu.Unlock()
		return c, nil
	}
	if m.attempt == nil {
		m.attempt = make(chan struct{})
		go m.dial(m.attempt)
	}
	attempt := m.attempt
	m.mu.Unlock()
	select {
	case <-attempt:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client == nil && m.failed == nil {
		return nil, tokens.ErrStoreClosed
	}
	return m.client, m.failed
}

// dial is one attempt. It is over after authTime.
func (m *member) dial(attempt chan struct{}) {
	c, err := clientv3.New(m.cfg)
	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(attempt)
	m.attempt = nil
	if err == nil && m.closed {
		_ = c.Close()
		return
	}
	m.client, m.failed = c, err
}

// close closes the connection, and waits for an attempt that is under way.
func (m *member) close() {
	m.mu.Lock()
	m.closed = true
	c, attempt := m.client, m.attempt
	m.mu.Unlock()
	if attempt != nil {
		<-attempt
	}
	if c != nil {
		_ = c.Close() // its context has ended, which it returns
	}
}

// Session is the use of one member. It is valid for as long as the engine and
// never changes its member; whoever wants another one leaves it.
type Session struct {
	engine *Engine
	member *member
}

// Session returns one on the current member. It does not block.
func (e *Engine) Session() *Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &Session{engine: e, member: e.members[e.current]}
}

// Leave makes the next member the current one if s is on the current one. Other
// sessions are not touched.
func (e *Engine) Leave(s *Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = e.after(e.current, s.member)
	e.serving = e.after(e.serving, s.member)
}

// servingMember returns the one that is asked for whatever needs no session.
func (e *Engine) servingMember() *member {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.members[e.serving]
}

// avoid has another member asked than one that failed.
func (e *Engine) avoid(m *member) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.serving = e.after(e.serving, m)
}

// after returns the place behind one if m is there, and the same place if not.
func (e *Engine) after(place int, m *member) int {
	if e.members[place] != m {
		return place
	}
	return (place + 1) % len(e.members)
}

// Endpoint returns where the member is.
func (s *Session) Endpoint() string { return s.member.endpoint }
