package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
)

// errSomebody: there is a gateway of which nothing is known.
var errSomebody = errors.New("a gateway is listed and has not answered")

// turnTimeout is how long anybody waits for a turn.
const turnTimeout = 10 * time.Second

// Turn waits for the one turn that all gateways share under a name, and until
// this one has everything that was written in the turns before. Writes made
// with the context that it returns fail once the turn is lost. The function
// ends the turn and is never nil. The errors are those of Put.
func (s *Store) Turn(ctx context.Context, name string) (context.Context, func(), error) {
	if err := s.Writable(); err != nil {
		return ctx, func() {}, err
	}
	queue, leave := context.WithTimeout(ctx, turnTimeout)
	defer leave()
	t, err := s.truth.Turn(queue, name)
	if err != nil {
		return ctx, func() {}, fmt.Errorf("take a turn: %w", err)
	}
	within, cancel := context.WithTimeout(ctx, s.own)
	defer cancel()
	s.prover.poke() // the revision of a lock comes with no change
	if err := s.prover.catchUp(within, t.Revision()); err != nil {
		t.End()
		return ctx, func() {}, fmt.Errorf("take a turn: %w: what came before has not arrived: %w", tokens.ErrEngine, err)
	}
	return t.Context(ctx), t.End, nil
}

// Everywhere returns when every live gateway has applied what this one has, or
// decides nothing any more, and how many those are. One that does not answer
// is waited for until it is listed no longer, and a little more. The errors are
// those of Put; nothing that was written is undone by them.
func (s *Store) Everywhere(ctx context.Context) (gateways int, err error) {
	if err := s.Writable(); err != nil {
		return 0, err
	}
	// Who asks may have changed himself before he asks this.
	within, cancel := context.WithTimeoutCause(tokens.RestingOnNobody(ctx), s.others, errSomebody)
	defer cancel()
	gateways, err = s.truth.Everywhere(within)
	switch {
	case err == nil:
		return gateways, nil
	case errors.Is(context.Cause(within), errSomebody):
		return gateways, fmt.Errorf("ask all gateways: %w: %w in %s", tokens.ErrEngine, errSomebody, s.others)
	default:
		return gateways, fmt.Errorf("ask all gateways: %w", err)
	}
}

// Gateways returns the gateways that live, as the engine lists them.
// tokens.ErrEngine.
func (s *Store) Gateways(ctx context.Context) ([]engine.Gateway, error) {
	all, err := s.truth.Gateways(ctx)
	if err != nil {
		return nil, fmt.Errorf("list gateways: %w", err)
	}
	return all, nil
}

// Status is what there is to know of a store at a moment, for metrics and for
// whoever asks whether the gateway is ready.
type Status struct {
	State    State
	Revision uint64 // of the last change that the replica has
	Head     uint64 // of the last change that the engine had when it was last asked
	// Staleness is how long ago the newest proof began that holds; less than
	// zero = there is none.
	Staleness  time.Duration
	Loads      uint64 // how often the replica was loaded anew, or tried to
	Loading    bool   // it is being loaded now
	Reconciled uint64 // how often all of it was compared with the engine
	Diverged   uint64 // records that differed then; must be zero
	Member     string // endpoint of the engine's member that is used
}

// Status returns what there is to know now.
func (s *Store) Status() Status {
	var st Status
	s.progress.report(&st)
	s.replicator.report(&st)
	st.Reconciled, st.Diverged = s.reconciler.rounds.Load(), s.reconciler.diverged.Load()
	st.Member = s.truth.Endpoint(s.truth.Current())
	return st
}

func (p *progress) report(st *Status) {
	st.State, _ = p.state()
	p.mu.Lock()
	defer p.mu.Unlock()
	st.Revision, st.Head, st.Staleness = p.at.Revision, p.head, -1
	if p.hasProof {
		st.Staleness = p.elapsed() - p.proved
	}
}

func (r *replicator) report(st *Status) {
	r.gate.Lock()
	defer r.gate.Unlock()
	st.Loads, st.Loading = r.loads, r.loading
}
