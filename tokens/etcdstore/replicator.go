package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// The rhythm of a replicator.
const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = time.Second
	loadStall    = 5 * time.Second // how long a load may bring nothing
	// badApplies is how many changes in a row the replica may fail to take
	// before it is made anew.
	badApplies = 3
)

var (
	errMoved   = errors.New("another member is used from now on")
	errForeign = errors.New("the engine has another history than the replica")
)

// replicator keeps the replica like the engine: it loads it if it must and then
// follows every change. Its run and whoever repairs are the only ones that
// write to the replica.
type replicator struct {
	members  members
	replica  replica
	cache    *cachestore.Store
	progress *progress
	hooks    hooks
	poke     func() // asks for a proof
	relist   func() // puts this gateway on the list anew
	barriers *barriers
	tell     *teller
	timeout  time.Duration // of a proof

	mu sync.Mutex // held while the replica is written to

	gate       sync.Mutex // guards what follows
	interrupts int
	cancel     context.CancelCauseFunc // of the watch; nil = there is none
	loads      uint64
	loading    bool

	// What follows belongs to run.
	failed  int // how many times in a row the replica took no change
	lost    int // how many watches in a row began too late and brought nothing
	arrived bool
}

// hooks are Config's functions.
type hooks struct {
	userChanged func(u feed.User)
	usersLoaded func(all map[string][]byte)
}

// run ends with the context.
func (r *replicator) run(ctx context.Context) {
	wait := firstBackoff
	for ctx.Err() == nil {
		r.arrived = false
		err := r.follow(ctx)
		if r.arrived {
			wait = firstBackoff
		}
		if err == nil {
			continue
		}
		if ctx.Err() == nil && !errors.Is(err, errMoved) {
			r.tell.feed.badly(fmt.Sprintf("the replica does not follow the engine: %v", err))
		}
		jitter := rand.N(wait / 2) //nolint:gosec // spreads gateways over time, protects nothing
		if !pause(ctx, wait-jitter) {
			return
		}
		wait = min(2*wait, lastBackoff)
	}
}

// interrupt ends the watch, if there is one or one is about to begin.
func (r *replicator) interrupt() {
	r.gate.Lock()
	defer r.gate.Unlock()
	r.interrupts++
	if r.cancel != nil {
		r.cancel(errMoved)
	}
}

// follow loads the replica, or brings it up to date for as long as that goes
// well.
func (r *replicator) follow(ctx context.Context) error {
	r.gate.Lock()
	turn := r.interrupts
	r.gate.Unlock()
	member := r.members.Current()
	after, why, err := r.join(ctx, member)
	switch {
	case err != nil:
		r.members.Leave(member)
		return err
	case why != "":
		return r.load(ctx, member, why)
	}
	return r.watch(ctx, member, after, turn)
}

// join finds out from where on the replica can follow the engine, or why it
// cannot and has to be loaded. That is proved anew before each watch: what the
// engine was restored to while nobody looked may have other events under the
// revisions that the replica waits for.
func (r *replicator) join(ctx context.Context, member session) (feed.Position, Reason, error) {
	t := r.progress.begin()
	switch {
	case t.have == (feed.Position{}):
		return feed.Position{}, Empty, nil
	case r.failed >= badApplies, r.replica.Healthy() != nil:
		return feed.Position{}, Damaged, nil
	case !t.loaded:
		return feed.Position{}, Foreign, nil
	case r.lost > 1:
		return feed.Position{}, Compacted, nil
	}
	within, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	said, err := member.Proof(within, t.have)
	if err != nil {
		return feed.Position{}, "", fmt.Errorf("prove the history: %w", err)
	}
	after := t.have
	switch history(t.have, said) {
	case engine.Same:
	case engine.Foreign:
		r.progress.revoke(t)
		return feed.Position{}, Foreign, nil
	default:
		return feed.Position{}, Compacted, nil
	}
	if said.Head.Mark == t.have.Mark {
		// Nothing has come since, so what was compacted since is not missed.
		after.Revision = max(after.Revision, said.Revision)
	}
	return after, "", nil
}

// watch hands every change to the replica until something ends it.
func (r *replicator) watch(ctx context.Context, member session, after feed.Position, turn int) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !r.enter(cancel, turn) {
		return errMoved
	}
	defer r.enter(nil, turn)
	err := member.Watch(within, after, func(b engine.Batch) error { return r.take(ctx, b) })
	switch {
	case err == nil:
		err = errStalled
	case errors.Is(err, engine.ErrCompacted) && !r.arrived:
		r.lost++
	case context.Cause(within) != nil && ctx.Err() == nil:
		err = context.Cause(within)
	}
	return fmt.Errorf("watch %s: %w", r.members.Endpoint(member), err)
}

// enter notes how the watch can be ended, nil = there is none any more. It
// reports false if it has to end already.
func (r *replicator) enter(cancel context.CancelCauseFunc, turn int) bool {
	r.gate.Lock()
	defer r.gate.Unlock()
	r.cancel = cancel
	return r.interrupts == turn
}

// take brings one batch to the replica, then to the cache and to whoever keeps
// users, and only then lets it be known: whoever learns of a revision is given
// nothing older by anyone. What has begun is not broken off, so that it is
// known how far the replica is.
func (r *replicator) take(ctx context.Context, b engine.Batch) error {
	ctx = context.WithoutCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.progress.begin()
	known := b.At.Mark == t.have.Mark // then only others than gateways wrote
	switch {
	case !t.loaded:
		return errForeign
	case b.At.Cluster != t.have.Cluster, !known && b.At.Revision == t.have.Revision:
		r.progress.revoke(t)
		return errForeign
	case known:
		b.At = t.have
	case b.At.Revision < t.have.Revision:
		return nil // events can come twice
	}
	if err := r.bring(ctx, b); err != nil {
		return err
	}
	r.failed, r.lost, r.arrived = 0, 0, true
	r.tell.feed.well()
	if !r.progress.apply(b.At) {
		return errForeign
	}
	r.barriers.passed(b.Barriers)
	return nil
}

// bring writes a batch to the replica and counts how often that fails. It is
// called with mu held.
func (r *replicator) bring(ctx context.Context, b engine.Batch) error {
	err := r.apply(ctx, b.At, b.Changes)
	if err != nil && !errors.Is(err, tokens.ErrStoreFull) {
		r.failed++
	}
	return err
}

// apply writes changes to the replica and has everybody forget what was there
// before. It is called with mu held.
func (r *replicator) apply(ctx context.Context, at feed.Position, changes []feed.Change) error {
	old, err := r.touched(ctx, changes)
	if err != nil {
		return fmt.Errorf("read the replica: %w", err)
	}
	if err := r.replica.Apply(ctx, at, changes); err != nil {
		return fmt.Errorf("write the replica: %w", err)
	}
	for _, h := range old {
		r.cache.Forget(h)
	}
	for _, c := range changes {
		if c.User != nil && r.hooks.userChanged != nil {
			r.hooks.userChanged(*c.User)
		}
	}
	return nil
}

// touched returns the hashes by which something can be in the cache that is
// not as it was after the changes.
func (r *replicator) touched(ctx context.Context, changes []feed.Change) ([]tokens.Hash, error) {
	all := make([]tokens.Hash, 0, len(changes))
	for _, c := range changes {
		id := c.Gone
		if c.Token != nil {
			id = c.Token.ID
			all = append(all, c.Token.Hash)
		}
		if id == "" {
			continue
		}
		switch old, err := r.replica.ByID(ctx, id); {
		case err == nil:
			all = append(all, old.Hash)
		case !errors.Is(err, tokens.ErrUnknown):
			return nil, err
		}
	}
	return all, nil
}
