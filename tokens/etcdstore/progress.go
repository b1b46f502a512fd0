package etcdstore

import (
	"sync"
	"sync/atomic"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// progress is how far the replica has come, how far it had to be, and until
// when that lets anything be decided. It holds the rule of freshness and
// nothing else does: only a proof that began at a time t0, and whose head the
// replica has, makes the store fresh, until t0 and the bounds. Silence never
// does.
type progress struct {
	// elapsed is the time since the store was opened, by the monotonic clock.
	elapsed func() time.Duration
	bounds
	// listed is from when and until when this gateway is listed among the live
	// ones for certain; zero = it is not. Whoever waits for all gateways relies
	// on it that one that is not listed decides nothing.
	listed func() (from, until time.Duration)

	// until is when reads end to be decided, in nanoseconds since the store
	// was opened. Zero = nothing is decided.
	until atomic.Int64

	mu sync.Mutex // guards what follows
	// epoch counts what made proofs worthless that are under way.
	epoch uint64
	at    feed.Position // what the replica has, and readers see
	// loaded is false while the replica has nothing, or has what is known to
	// belong to another history.
	loaded  bool
	covered uint64 // revision of the engine up to which the replica has everything
	pending []claim
	// isBehind: a proof was ahead of the replica, and since behind, when that
	// was seen, nothing came.
	isBehind bool
	behind   time.Duration
	head     uint64 // revision of the head that the last proof saw
	hasProof bool   // any proof held so far, the newest of which began at proved
	proved   time.Duration
	answer   time.Duration // when the last proof came back
	failed   bool          // one that was tried after it did not
	closed   bool

	waiting map[*waiter]struct{}
	changed chan struct{} // has room for one; told of every change of until
}

// bounds are how long a proof lets reads and writes be decided; allow is added
// to that for reads alone. With the proofs failing, writes end when the last one
// that did not is as old as grace.
type bounds struct{ strict, allow, grace time.Duration }

// claim is a proof that holds once the replica has its head.
type claim struct {
	began    time.Duration
	head     feed.Position
	revision uint64 // of the whole engine then
}

// ticket is what a proof is about. Progress that has moved on to another epoch
// does not take it back.
type ticket struct {
	epoch  uint64
	have   feed.Position
	loaded bool
	began  time.Duration
}

// verdict is what came of a proof.
type verdict int

const (
	worthless verdict = iota // nothing can be made of it
	good                     // the replica has everything, or soon will
	unlisted                 // the engine does not list this gateway yet
	lagging                  // the replica has not got everything yet
	silent                   // and nothing has come for too long
	foreign                  // the replica belongs to another history
)

// maxClaims bounds the proofs that wait for the replica. A replica that is so
// far behind is not fresh when it comes to them.
const maxClaims = 32

func newProgress(elapsed func() time.Duration, listed func() (from, until time.Duration), b bounds) *progress {
	return &progress{
		elapsed: elapsed, listed: listed, bounds: b,
		waiting: make(map[*waiter]struct{}), changed: make(chan struct{}, 1),
	}
}

// fresh reports whether reads may be decided now.
func (p *progress) fresh() bool { return int64(p.elapsed()) < p.until.Load() }

// begin is called before a proof is asked for.
func (p *progress) begin() ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return ticket{epoch: p.epoch, have: p.at, loaded: p.loaded, began: p.elapsed()}
}

// fail notes that a proof did not come back.
func (p *progress) fail() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = true
}

// finish takes what a proof said.
func (p *progress) finish(t ticket, said engine.Proof) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed, p.answer = false, p.elapsed()
	if t.epoch != p.epoch || !t.loaded {
		return worthless
	}
	p.head = said.Head.Revision
	from, _ := p.listed()
	switch history(t.have, said) {
	case engine.Same:
	case engine.Foreign:
		p.disown()
		return foreign
	default:
		// Nothing says that the replica is on the way to this head.
		return p.lag(worthless)
	}
	if from == 0 || t.began < from {
		return p.lag(unlisted)
	}
	if p.claim(t, said); !p.loaded {
		return foreign
	}
	return p.lag(good)
}

// history says what a proof means for a replica at have. It trusts the
// engine's own verdict no further than its head bears it out. Before the first
// write there is neither a head nor a mark.
func history(have feed.Position, said engine.Proof) engine.History {
	possible := said.Head.Revision > have.Revision
	if said.Head.Mark == have.Mark {
		possible = have.Mark == "" || said.Head.Revision == have.Revision
	}
	if !possible || said.Head.Cluster != have.Cluster {
		return engine.Foreign
	}
	return said.History
}

// claim puts a proof with the others that wait, and looks which of them hold.
// It is called with mu held.
func (p *progress) claim(t ticket, said engine.Proof) {
	if len(p.pending) == maxClaims {
		p.pending = append(p.pending[:0], p.pending[1:]...)
	}
	p.pending = append(p.pending, claim{began: t.began, head: said.Head, revision: said.Revision})
	p.settle()
}

// settle lets those proofs hold whose head the replica has. It is called with
// mu held.
func (p *progress) settle() {
	held := 0
	for _, c := range p.pending {
		if c.head.Revision > p.at.Revision {
			break
		}
		if c.head.Revision == p.at.Revision && c.head.Mark != p.at.Mark {
			p.disown() // the replica came to that revision in another history
			return
		}
		held++
		p.covered = max(p.covered, c.revision)
		p.extend(c.began)
	}
	p.pending = append(p.pending[:0], p.pending[held:]...)
	p.wake()
}

// extend lets a proof that holds count. It is called with mu held.
func (p *progress) extend(began time.Duration) {
	from, until := p.listed()
	if from == 0 || began < from {
		return
	}
	p.proved, p.hasProof = max(p.proved, began), true
	until = min(until, began+p.strict+p.allow)
	if int64(until) > p.until.Load() {
		p.until.Store(int64(until))
		p.tell()
	}
}

// lag says whether the replica keeps up, or for how long nothing has come; in
// between it is otherwise. It is called with mu held.
func (p *progress) lag(otherwise verdict) verdict {
	now := p.elapsed()
	switch {
	case p.head <= p.at.Revision:
		p.isBehind = false
		return otherwise
	case !p.isBehind:
		p.isBehind, p.behind = true, now
		return lagging
	case now-p.behind > maxSilence:
		p.isBehind = false // whoever comes next is given as long
		return silent
	default:
		return lagging
	}
}

// apply notes that the replica, and whoever reads it, has everything up to at.
// It reports whether the replica still belongs to the engine.
func (p *progress) apply(at feed.Position) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.isBehind = at, false
	p.covered = max(p.covered, at.Revision)
	p.settle()
	return p.loaded
}

// load notes that the replica has another generation. What was proved of the
// one before goes on to count only if its history was not found to be another.
func (p *progress) load(at feed.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch++
	p.at, p.loaded, p.isBehind, p.pending = at, true, false, nil
	p.covered = at.Revision
	p.wake()
}

// open notes what the replica had when the store was opened.
func (p *progress) open(at feed.Position) {
	if at != (feed.Position{}) {
		p.load(at)
	}
}

// revoke notes that the replica was found to belong to another history, if it
// is still the one of the ticket.
func (p *progress) revoke(t ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.epoch == p.epoch {
		p.disown()
	}
}

// disown ends the freshness, and that of proofs under way, until another
// generation is loaded. It is called with mu held.
func (p *progress) disown() {
	p.loaded = false
	p.suspend()
}

// doubt ends the freshness until another proof, begun after it, holds.
func (p *progress) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspend()
}

// suspend is called with mu held.
func (p *progress) suspend() {
	p.epoch++
	p.pending = nil
	p.until.Store(0)
	p.tell()
}

// position returns what the replica has.
func (p *progress) position() feed.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// writable returns the revision of the last change that the replica has, or
// tokens.ErrStale if it may not write.
func (p *progress) writable() (covered uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.elapsed()
	switch {
	case p.closed:
		return 0, tokens.ErrStoreClosed
	case int64(now) >= p.until.Load()-int64(p.allow),
		p.failed && now-p.answer >= p.grace:
		return 0, tokens.ErrStale
	}
	return p.at.Revision, nil
}

// tell is called with mu held.
func (p *progress) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// close lets nothing be decided any more, and everybody go who waits.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.loaded = true, false
	p.suspend()
	p.wake()
}

// refusal is why nothing is decided.
func (p *progress) refusal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return tokens.ErrStoreClosed
	}
	return tokens.ErrStale
}
