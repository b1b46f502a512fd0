package proxy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/proxy/upstream"
	"tollgate/tokens"
)

// recheck is how often an exchange that lasts is judged again. With the time
// that it takes to cut one it stays below one second.
const recheck = 300 * time.Millisecond

// guarded is an exchange under the guard's watch.
type guarded struct {
	x          *exchange // guarded by the shard's mu
	cut        upstream.Cut
	prev, next *guarded // guarded by the shard's mu
	old        bool     // has lasted a round; the guard's own
}

// guard judges exchanges that last again and again, and cuts those whose grant
// no longer holds. The zero guard is ready; what it watches keeps one
// goroutine busy, and that ends when nothing is left to watch.
type guard struct {
	turn   atomic.Uint32
	shards [8]guardShard
}

type guardShard struct {
	mu      sync.Mutex
	head    *guarded // guarded by mu
	running bool     // guarded by mu
	_       [40]byte // keeps neighbours off the cache line
}

// watch puts an exchange under the guard's watch. The returned shard ends it.
func (g *Gateway) watch(e *guarded) *guardShard {
	s := &g.guard.shards[g.guard.turn.Add(1)%uint32(len(g.guard.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.next = s.head; e.next != nil {
		e.next.prev = e
	}
	s.head = e
	if !s.running {
		s.running = true
		time.AfterFunc(recheck, func() { g.round(s) })
	}
	return s
}

// leave ends the watch over an exchange.
func (s *guardShard) leave(e *guarded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		s.head = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.x = nil
}

// round judges what has lasted since the round before, and comes again as long
// as there is anything.
func (g *Gateway) round(s *guardShard) {
	for _, e := range s.lasting() {
		if x := s.stillWatched(e); x != nil {
			g.judge(s, e, x)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running = s.head != nil; s.running {
		time.AfterFunc(recheck, func() { g.round(s) })
	}
}

// lasting returns the exchanges that the last round saw already.
func (s *guardShard) lasting() []*guarded {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*guarded
	for e := s.head; e != nil; e = e.next {
		if e.old {
			all = append(all, e)
		}
		e.old = true
	}
	return all
}

// stillWatched returns the exchange of e, or nil if it is over.
func (s *guardShard) stillWatched(e *guarded) *exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.x
}

func (g *Gateway) judge(s *guardShard, e *guarded, x *exchange) {
	// The request may be over by now, and with it its context.
	err := g.stillAllowed(context.Background(), x)
	switch {
	case err != nil && isVerdict(err):
		s.cut(e, &cutError{cause: err})
	case s.gone(e):
		s.cut(e, upstream.ErrClientGone)
	}
}

// gone reports whether the client has left an exchange, where nobody else
// notices.
func (s *guardShard) gone(e *guarded) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.x == nil {
		return false
	}
	client, ok := e.x.out.Unwrap().(interface{ Gone() bool })
	return ok && client.Gone()
}

// cut ends an exchange if it is still under way.
func (s *guardShard) cut(e *guarded, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.x != nil {
		e.end(cause)
	}
}

// end ends the exchange. The caller holds the shard's mu.
func (e *guarded) end(cause error) {
	e.cut.Now(cause)
	// A folder's reads and writes end with these. Where there are none to
	// set, on a connection taken over, the cut alone does it.
	control := http.NewResponseController(e.x.out)
	_ = control.SetReadDeadline(time.Unix(1, 0))
	_ = control.SetWriteDeadline(time.Unix(1, 0))
}

// CutAll ends every exchange that is under way, for a program that stops and
// has waited long enough.
func (g *Gateway) CutAll() {
	for i := range g.guard.shards {
		s := &g.guard.shards[i]
		s.mu.Lock()
		for e := s.head; e != nil; e = e.next {
			e.end(upstream.ErrClientGone)
		}
		s.mu.Unlock()
	}
}

// stillAllowed asks again, with what holds now. The rules are those that the
// request came under.
func (g *Gateway) stillAllowed(ctx context.Context, x *exchange) error {
	if x.action.Public {
		return nil
	}
	subject, err := g.callers.Tokens.Again(ctx, x.caller.Subject)
	if err != nil {
		return err
	}
	_, err = tokens.Authorise(subject, x.action)
	return err
}

// cutError ends an exchange under way whose token holds no longer.
type cutError struct{ cause error }

func (e *cutError) Error() string { return "cut: " + e.cause.Error() }

// Unwrap gives why the token holds no longer.
func (e *cutError) Unwrap() error { return e.cause }
