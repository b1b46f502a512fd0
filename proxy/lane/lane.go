// Package lane serves plain HTTP/1.1 requests below net/http's server.
//
// The server gets its connections from a listener of the lane. At the boundary
// of a request it calls Read on such a connection. There the lane reads from the
// socket, and as long as the bytes are requests of a narrow grammar (head.go) it
// serves them itself, with the handler that the server has too. Bytes that do
// not fit are returned from that Read, untouched, and the server serves them as
// if the lane were not there.
//
// The handler sees the same http.Request in both, but for its context: the
// lane's is never cancelled and holds no values. Answers are the same but for
// the order of header lines, and for one that breaks off: what was buffered of
// it is not sent. Of the http.ResponseWriter's extras there is no Hijack, and
// http.MaxBytesReader cannot tell the writer to close the connection.
package lane

import (
	"context"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a Lane serves.
type Config struct {
	// Handler is the one that the http.Server has. nil: the lane serves
	// nothing. It must not use the request, its header, its URL or the values
	// in them after it has returned, since the next request reuses them. The
	// strings stay valid.
	Handler http.Handler
	// Takes is asked for each request that fits the grammar; false hands it
	// over untouched. It must not read the body nor change the request. nil
	// takes all.
	Takes func(r *http.Request) bool
	// IdleTimeout bounds the wait for the next request, HeaderTimeout that for
	// a head that came in part; both as the http.Server's. Zero: no limit.
	IdleTimeout, HeaderTimeout time.Duration
	// ErrorLog gets panics of the handler, as the http.Server's. nil: the
	// standard logger.
	ErrorLog *log.Logger
}

// Lane serves plain requests on the connections of its listeners. The zero
// Lane serves nothing.
type Lane struct {
	cfg     Config
	closing atomic.Bool
	date    dateCache
	// allowance is how long a client may take nothing, at least 7/8 of it.
	allowance time.Duration
	// regular is how often a client must have been waited for to be trusted,
	// and glance how long it is then. They do not change.
	regular uint8
	glance  time.Duration
	began   time.Time

	mu      sync.Mutex // guards what follows
	conns   map[*conn]struct{}
	changed chan struct{} // closed and replaced when a connection ends while closing
}

// New returns a lane.
func New(cfg Config) *Lane {
	return &Lane{
		cfg: cfg, allowance: time.Minute, regular: regular, glance: glance, began: time.Now(),
		conns: make(map[*conn]struct{}), changed: make(chan struct{}),
	}
}

// Listen returns a listener whose TCP connections go through the lane. Others,
// and all on systems other than Linux, are returned as they are.
func (l *Lane) Listen(inner net.Listener) net.Listener {
	if !native || l.cfg.Handler == nil {
		return inner
	}
	return &listener{Listener: inner, lane: l}
}

type listener struct {
	net.Listener
	lane *Lane
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := inner.(*net.TCPConn)
	if !ok {
		return inner, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return inner, nil //nolint:nilerr // the server finds out by itself what is wrong with the connection
	}
	c := &conn{lane: l.lane, tcp: tcp, raw: raw}
	c.turn, c.peek = c.makeTurn, c.tryPeek
	l.lane.mu.Lock()
	l.lane.conns[c] = struct{}{}
	l.lane.mu.Unlock()
	return c, nil
}

// ConnState is for http.Server.ConnState; without it no request goes through
// the lane after the first that was handed over. Connections that are not the
// lane's are ignored.
func (l *Lane) ConnState(conn net.Conn, state http.ConnState) {
	if c, ok := asConn(conn); ok && c.lane == l {
		c.note(state)
	}
}

func asConn(inner net.Conn) (*conn, bool) {
	c, ok := inner.(*conn)
	return c, ok
}

// Shutdown lets no more requests in: connections that wait in the lane are
// closed, and requests under way end with Connection: close. It returns when
// none is under way in the lane, or with the error of the context.
// Requests in the hands of the http.Server are left to its own Shutdown, which
// waits up to five seconds for connections that only the lane has served; so
// this one belongs before it, after the listeners are closed, or beside it.
func (l *Lane) Shutdown(ctx context.Context) error {
	l.closing.Store(true)
	for {
		busy, changed := l.closeWaiting()
		if !busy {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// closeWaiting closes what waits, and reports whether a request is under way.
// The channel is closed when that may have changed.
func (l *Lane) closeWaiting() (busy bool, changed <-chan struct{}) {
	for _, c := range l.all() {
		if c.phase.CompareAndSwap(waiting, closed) {
			_ = c.end() // nobody is left to be told
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if p := c.phase.Load(); p == serving || p == ending {
			return true, l.changed
		}
	}
	return false, l.changed
}

// Close closes all connections at once, also those that the http.Server has
// in its hands. Handlers under way find out when they read or write. It always
// returns nil.
func (l *Lane) Close() error {
	l.closing.Store(true)
	for _, c := range l.all() {
		switch p := c.phase.Swap(closed); p {
		case closed:
		case serving, ending:
			_ = c.tcp.CloseWrite()
			go func() { _ = c.end() }() // which may wait for the handler
		default:
			_ = c.end() // nobody is left to be told
		}
	}
	return nil
}

func (l *Lane) all() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		all = append(all, c)
	}
	return all
}

// forget takes a connection off the list, or says that one has ended its
// request.
func (l *Lane) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if l.closing.Load() {
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

func (l *Lane) logf(format string, args ...any) {
	if l.cfg.ErrorLog != nil {
		l.cfg.ErrorLog.Printf(format, args...)
		return
	}
	log.Printf(format, args...)
}

// inSize is the most that the lane reads at once: a head must fit into it.
const inSize = 8 << 10

var (
	headBuffers  = sync.Pool{New: func() any { return new([inSize]byte) }}
	chunkBuffers = sync.Pool{New: func() any { return new(outBuffer) }}
	copyBuffers  = sync.Pool{New: func() any { return new([64 << 10]byte) }}
)

// clock is the time of deadlines on sockets. It asks Go's monotonic clock alone,
// and not that of the day as time.Now does too: the day it tells is that of New.
func (l *Lane) clock() time.Time { return l.began.Add(time.Since(l.began)) }

// dateCache keeps the text of the Date header for the second that it holds.
type dateCache struct{ last atomic.Pointer[dateText] }

type dateText struct {
	until time.Time // by the lane's clock
	text  string
}

// at returns the text at now, by the lane's clock.
func (d *dateCache) at(now time.Time) string {
	if last := d.last.Load(); last != nil && now.Before(last.until) {
		return last.text
	}
	today := time.Now()
	rest := time.Second - time.Duration(today.Nanosecond())
	text := &dateText{now.Add(rest), today.UTC().Format(http.TimeFormat)}
	d.last.Store(text)
	return text.text
}
