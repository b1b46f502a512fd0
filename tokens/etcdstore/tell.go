package etcdstore

import (
	"context"
	"sync"
	"time"
)

// State is what may be decided.
type State int

// The states of a store. The zero State decides nothing.
const (
	// Stale: nothing may be decided.
	Stale State = iota
	// Late: the last proof is older than MaxStaleness, and reads go on because
	// Config.AllowStale lets them. Nothing may be written.
	Late
	// Fresh: everything may be decided.
	Fresh
)

// String returns the name of the state.
func (s State) String() string {
	switch s {
	case Late:
		return "late"
	case Fresh:
		return "fresh"
	case Stale:
	}
	return "stale"
}

// Reason is why a replica was loaded anew.
type Reason string

// The reasons.
const (
	Empty     Reason = "empty"     // there was none
	Foreign   Reason = "foreign"   // it belonged to another engine, or to what an engine was before it was restored
	Compacted Reason = "compacted" // the engine no longer has what came since
	Damaged   Reason = "damaged"   // it could not be written any more
)

// Events are told of what happens; nil = nobody is. They are called by one
// goroutine at a time each and must neither block nor call the store.
type Events struct {
	// State is told of every change of what may be decided.
	State func(s State)
	// Loaded is told of every replica that was loaded anew: why, how many
	// changes it was made of, and how long it took.
	Loaded func(why Reason, changes int, took time.Duration)
	// Diverged is told how many records of the replica were not those of the
	// engine and were repaired. It must never be called.
	Diverged func(n int)
	// Reconciled is told of every comparison with the engine that came to its
	// end, and how long it took.
	Reconciled func(took time.Duration)
}

// teller tells whoever looks after the gateway.
type teller struct {
	log, info func(line string) // nil = nobody
	events    Events
	proofs    streak
	feed      streak
}

func newTeller(cfg Config) *teller {
	t := &teller{log: cfg.Log, info: cfg.Info, events: cfg.Events}
	t.proofs = t.streak("the engine answers again when it is asked how far this gateway has to be")
	t.feed = t.streak("what changes in the engine arrives again")
	return t
}

// line tells of what somebody should look into.
func (t *teller) line(text string) {
	if t.log != nil {
		t.log("token store: " + text)
	}
}

// fine tells of what goes as it should.
func (t *teller) fine(text string) {
	if t.info != nil {
		t.info("token store: " + text)
	}
}

func (t *teller) streak(over string) streak { return streak{tell: t, over: over} }

// tellAgain is how long a streak keeps to itself that it goes on for another
// reason.
const tellAgain = time.Minute

// streak tells of the first of several failures in a row, of another one after
// tellAgain, and of their end.
type streak struct {
	tell *teller
	over string

	mu   sync.Mutex // guards what follows
	bad  bool
	told time.Time
	why  string
}

func (s *streak) badly(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad && (why == s.why || time.Since(s.told) < tellAgain) {
		return
	}
	s.bad, s.why, s.told = true, why, time.Now()
	s.tell.line(why)
}

func (s *streak) isBad() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

func (s *streak) well() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad {
		s.bad = false
		s.tell.fine(s.over)
	}
}

// herald tells of every change of the state, when it happens.
type herald struct {
	progress *progress
	tell     *teller
}

// run ends with the context.
func (h *herald) run(ctx context.Context) {
	told := Stale
	for {
		now, next := h.progress.state()
		if ctx.Err() != nil {
			return // that a closed store decides nothing is no news
		}
		if now != told {
			told = now
			h.announce(now)
		}
		if !h.rest(ctx, next) {
			return
		}
	}
}

func (h *herald) announce(s State) {
	switch s {
	case Fresh:
		h.tell.fine("fresh: everything is decided")
	case Late:
		h.tell.line("LATE: the tokens of this gateway may be old, requests are let through because stale_reads allows it")
	case Stale:
		h.tell.line("STALE: this gateway cannot prove that its tokens are fresh and decides nothing")
	}
	if f := h.tell.events.State; f != nil {
		f(s)
	}
}

// rest waits until the state may be another: for as long as it lasts if nothing
// comes, zero = for ever.
func (h *herald) rest(ctx context.Context, lasts time.Duration) bool {
	var over <-chan time.Time
	if lasts > 0 {
		timer := time.NewTimer(lasts)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-h.progress.changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// state returns what may be decided, and for how long if no proof comes; zero =
// until one does.
func (p *progress) state() (s State, lasts time.Duration) {
	now, until := p.elapsed(), time.Duration(p.until.Load())
	switch {
	case now >= until:
		return Stale, 0
	case now >= until-p.allow:
		return Late, until - now
	default:
		return Fresh, until - p.allow - now
	}
}
