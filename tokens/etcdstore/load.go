package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tollgate/tokens/feed"
)

// load reads everything that the engine has into a new generation and puts it
// in force. The one before goes on being read meanwhile, for as long as it is
// fresh.
func (r *replicator) load(ctx context.Context, member session, why Reason) error {
	r.note(true)
	defer r.note(false)
	if !r.tell.feed.isBad() { // else it is tried again and again
		r.tell.fine(fmt.Sprintf("loading all tokens from %s (%s)", r.members.Endpoint(member), why))
	}
	began := r.progress.elapsed()
	next, err := r.replica.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin a replica: %w", err)
	}
	at, n, err := r.fill(ctx, member, next)
	if err != nil {
		r.members.Leave(member)
		return errors.Join(fmt.Errorf("load a replica: %w", err), next.Discard())
	}
	if why != Empty {
		// The engine may have been restored, and know nothing of this gateway. While
		// it is not on the list, nobody waits for it.
		r.progress.doubt()
		r.relist()
	}
	if err := r.flip(ctx, next, at); err != nil {
		return fmt.Errorf("put the replica in force: %w", err)
	}
	took := r.progress.elapsed() - began
	r.failed, r.lost, r.arrived = 0, 0, true
	r.tell.feed.well()
	r.tell.fine(fmt.Sprintf("loaded %d records and users in %s", n, took.Round(time.Millisecond)))
	if f := r.tell.events.Loaded; f != nil {
		f(why, n, took)
	}
	r.poke()
	return nil
}

// note keeps the figures of Status.
func (r *replicator) note(loading bool) {
	r.gate.Lock()
	defer r.gate.Unlock()
	r.loading = loading
	if loading {
		r.loads++
	}
}

func (r *replicator) isLoading() bool {
	r.gate.Lock()
	defer r.gate.Unlock()
	return r.loading
}

// fill reads a snapshot, for as long as pages come.
func (r *replicator) fill(ctx context.Context, member session, next generation) (feed.Position, int, error) {
	ctx, stall := newStall(ctx, loadStall)
	defer stall.end()
	n := 0
	at, err := member.Snapshot(ctx, func(page []feed.Change) error {
		defer stall.step()()
		n += len(page)
		return next.Add(ctx, page)
	})
	return at, n, causeOf(ctx, err)
}

// flip puts a generation in force. Nobody is told of its revision before the
// cache and the users are of it too.
func (r *replicator) flip(ctx context.Context, next generation, at feed.Position) error {
	ctx = context.WithoutCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := next.Flip(ctx, at); err != nil {
		return errors.Join(err, next.Discard())
	}
	r.cache.Clear()
	users, err := r.replica.Accounts(ctx)
	if err != nil {
		r.progress.revoke(r.progress.begin()) // the tokens are there, the users are not
		return fmt.Errorf("read users: %w", err)
	}
	if r.hooks.usersLoaded != nil {
		r.hooks.usersLoaded(users)
	}
	r.progress.load(at)
	return nil
}
