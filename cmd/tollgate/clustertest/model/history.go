// Package model judges what clients of several gateways saw. They record each
// operation with its begin, its end and its outcome, by one clock; the test
// adds what it did to gateways and members. Check then says what must not have
// happened, whatever the order in which things happened in between.
package model

import (
	"fmt"
	"sync"
	"time"
)

// Kind is what a client asked for.
type Kind int

// The kinds; the zero value is none.
const (
	Create Kind = iota + 1 // of a token
	Revoke                 // of a token
	Use                    // a proxied request with a token
)

func (k Kind) String() string {
	switch k {
	case Create:
		return "create"
	case Revoke:
		return "revoke"
	case Use:
		return "use"
	default:
		return fmt.Sprintf("kind %d", int(k))
	}
}

// Outcome is how an operation ended.
type Outcome int

// The outcomes. After NoAnswer and Closed nobody knows whether a create or a
// revoke has happened.
const (
	NoAnswer   Outcome = iota // the connection ended or the client waited no longer
	Accepted                  // done, or the answer of the server behind the gateway
	Refused                   // an unknown token, or one that has ended: 401, to a revoke 404
	Closed                    // 503 or 507: the gateway decides nothing, or cannot write
	Unexpected                // anything else
)

func (o Outcome) String() string {
	switch o {
	case NoAnswer:
		return "not answered"
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case Closed:
		return "closed"
	case Unexpected:
		return "answered unexpectedly"
	default:
		return fmt.Sprintf("outcome %d", int(o))
	}
}

// Operation is what one client did. Times are those of the history's clock.
type Operation struct {
	Kind       Kind
	Token      string // its public id; of a create that was not acknowledged it is empty
	Gateway    string
	Start, End time.Duration
	Outcome    Outcome
	Forwarded  bool   // the server behind the gateway has seen it
	Detail     string // for people: a status, an error
}

func (o Operation) String() string {
	s := fmt.Sprintf("%s of %s on %s from %v to %v: %s", o.Kind, o.Token, o.Gateway, o.Start, o.End, o.Outcome)
	if o.Forwarded {
		s += ", forwarded"
	}
	if o.Detail != "" {
		s += " (" + o.Detail + ")"
	}
	return s
}

// passed says whether the gateway let a use through, whatever the client saw of
// that.
func (o Operation) passed() bool { return o.Outcome == Accepted || o.Forwarded }

// Window is a time in which something was so. One that has not been ended lasts
// for ever.
type Window struct {
	history  *History
	gateway  string // empty = none in particular
	from, to time.Duration
}

// End says that it is so no longer.
func (w *Window) End() {
	w.history.mu.Lock()
	defer w.history.mu.Unlock()
	w.to = w.history.now()
}

// forever is later than all that happens.
const forever = time.Duration(1<<63 - 1)

// overlaps says whether some of the time from a to b is in the window, which
// may go on for some time longer.
func (w *Window) overlaps(a, b, longer time.Duration) bool {
	to := w.to
	if to != forever {
		to += longer
	}
	return a <= to && b >= w.from
}

// History is what happened. It is safe for concurrent use; the zero value is
// not ready, see New.
type History struct {
	now func() time.Duration // monotonic

	mu         sync.Mutex
	operations []*Operation // guarded by mu, and so are the operations
	faults     []*Window    // guarded by mu, and so are all windows
	away       []*Window    // guarded by mu
	mute       []*Window    // guarded by mu
	rollbacks  []*Window    // guarded by mu
	starved    []*Window    // guarded by mu
}

// New returns an empty history with a clock that never goes back.
func New(now func() time.Duration) *History { return &History{now: now} }

// Now is the time of the history's clock.
func (h *History) Now() time.Duration { return h.now() }

// Ref is an operation that is under way.
type Ref struct {
	history   *History
	operation *Operation
}

// Begin says that an operation begins. The token of a create is not known yet.
func (h *History) Begin(k Kind, token, gateway string) Ref {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := &Operation{Kind: k, Token: token, Gateway: gateway, Start: h.now(), End: forever}
	h.operations = append(h.operations, o)
	return Ref{h, o}
}

// End says how it ended.
func (r Ref) End(outcome Outcome, detail string) {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	r.operation.Outcome, r.operation.Detail = outcome, detail
	r.operation.End = r.history.now()
}

// Created ends a create that was acknowledged.
func (r Ref) Created(token string) {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	r.operation.Token, r.operation.Outcome = token, Accepted
	r.operation.End = r.history.now()
}

// Forwarded says that the server behind the gateway sees a use now, which may be
// after the client has given it up.
func (r Ref) Forwarded() {
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	r.operation.Forwarded = true
	if r.operation.End != forever {
		r.operation.End = r.history.now()
	}
}

// Fault opens a time in which something is broken that revokes and creates go
// through: they may fail, and what was acknowledged may take the longer of the
// bounds to get everywhere.
func (h *History) Fault() *Window { return h.open(&h.faults, "") }

// Away opens a time in which a gateway need not answer, may answer that it is
// closed, and may learn as late as the longer of the bounds says.
func (h *History) Away(gateway string) *Window { return h.open(&h.away, gateway) }

// Mute opens a time in which a gateway cannot be fresh, so that it must not
// accept anything.
func (h *History) Mute(gateway string) *Window { return h.open(&h.mute, gateway) }

// RollBack opens, with a snapshot, a time that is lost again: it ends when the
// snapshot has been restored.
func (h *History) RollBack() *Window { return h.open(&h.rollbacks, "") }

// Starved says that since a time the machine had hardly any time for anybody.
// What takes a machine that works is not asked for then: availability, and the
// shorter of the bounds.
func (h *History) Starved(since time.Duration) {
	w := h.open(&h.starved, "")
	w.End()
	h.mu.Lock()
	defer h.mu.Unlock()
	w.from = since
}

// StarvedFor is how long the machine had no time, in all.
func (h *History) StarvedFor() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var sum time.Duration
	for _, w := range h.starved {
		sum += w.to - w.from
	}
	return sum
}

func (h *History) open(list *[]*Window, gateway string) *Window {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &Window{history: h, gateway: gateway, from: h.now(), to: forever}
	*list = append(*list, w)
	return w
}

// Operations returns a copy of all operations, in the order of their begin.
func (h *History) Operations() []Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Operation, len(h.operations))
	for i, o := range h.operations {
		all[i] = *o
	}
	return all
}
