package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// The rhythm of comparisons.
const (
	reconcileAgain = 30 * time.Second // after one that failed
	reconcileStall = 5 * time.Second  // how long one step of it may take
	doubtChunk     = 100              // records that are looked into together
)

// reconciler compares everything that the replica holds with the engine, now
// and then. It finds what no watch can notice: an event that never came, a
// fault of this program, a bit that flipped. There must be nothing to find.
type reconciler struct {
	members    members
	replica    replica
	progress   *progress
	prover     *prover
	replicator *replicator
	interval   time.Duration
	tell       *teller

	rounds, diverged atomic.Uint64
}

// run ends with the context.
func (r *reconciler) run(ctx context.Context) {
	failures := r.tell.streak("everything was compared with the engine again")
	for r.progress.awaitFresh(ctx) == nil {
		began, before := r.progress.elapsed(), r.diverged.Load()
		more, err := r.round(ctx)
		wait := r.interval - rand.N(r.interval/10+1) //nolint:gosec // spreads gateways over time, protects nothing
		switch {
		case err != nil && ctx.Err() == nil:
			failures.badly(fmt.Sprintf("comparison with the engine: %v", err))
			wait = min(wait, reconcileAgain)
		case more && r.diverged.Load() > before:
			wait = 0 // as long as there is something to repair
		case err == nil:
			failures.well()
			r.rounds.Add(1)
			if f := r.tell.events.Reconciled; f != nil {
				f(r.progress.elapsed() - began)
			}
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// round compares everything once. It reports whether more differs than it
// looked into.
func (r *reconciler) round(ctx context.Context) (more bool, err error) {
	member := r.members.Current()
	m := &merge{each: r.replica.Each}
	within, stall := newStall(ctx, reconcileStall)
	defer stall.end()
	_, err = member.Stamps(within, func(all []engine.Stamp) error {
		defer stall.step()()
		return m.page(within, all)
	})
	if err == nil {
		err = m.end(within)
	}
	if err != nil {
		return false, causeOf(within, err)
	}
	names, err := r.userNames(ctx, m.users)
	if err != nil {
		return false, err
	}
	for part := range slices.Chunk(slices.Concat(m.doubtful, names), doubtChunk) {
		if err := r.look(ctx, member, part); err != nil {
			return false, err
		}
		if !pause(ctx, mergePause) {
			return false, ctx.Err()
		}
	}
	return m.more, nil
}

// userNames returns all users that the engine or the replica has: there are
// few of them, and a replica does not know their revisions.
func (r *reconciler) userNames(ctx context.Context, engines []string) ([]engine.Stamp, error) {
	held, err := r.replica.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range engines {
		held[name] = nil
	}
	all := make([]engine.Stamp, 0, len(held))
	for _, name := range slices.Sorted(maps.Keys(held)) {
		all = append(all, engine.Stamp{User: name})
	}
	return all, nil
}

// look looks into records that may differ, and repairs those that do.
func (r *reconciler) look(ctx context.Context, member session, doubtful []engine.Stamp) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileStall)
	defer cancel()
	t := r.progress.begin()
	found, err := r.differences(ctx, member, doubtful)
	if err != nil || len(found) == 0 {
		return err
	}
	// The same once more: what is written between two looks is no difference.
	// In the engine it was as it is now while the replica was looked at.
	again, err := r.differences(ctx, member, stampsOf(found))
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(d difference) bool { return !slices.ContainsFunc(again, d.same) })
	if len(found) == 0 {
		return nil
	}
	if err := r.prove(ctx, member, t); err != nil {
		return err
	}
	n, err := r.replicator.repair(ctx, t.epoch, found)
	if n > 0 {
		r.diverged.Add(uint64(n)) // #nosec G115 -- not negative
		r.tell.line(fmt.Sprintf("DIVERGED: %d records of the replica were not those of the engine and were repaired", n))
		if f := r.tell.events.Diverged; f != nil {
			f(n)
		}
	}
	return err
}

// prove makes sure that the engine which was asked since t has the replica's
// history: one that was restored differs, but not by a fault.
func (r *reconciler) prove(ctx context.Context, member session, t ticket) error {
	now := r.progress.begin()
	said, err := member.Proof(ctx, now.have)
	if err != nil {
		return err
	}
	if now.epoch != t.epoch || !now.loaded || history(now.have, said) != engine.Same {
		return errForeign
	}
	return nil
}

// difference is a record that is not the same in the engine and the replica.
type difference struct {
	which  engine.Stamp // without its revision
	engine standing
	local  standing
	change feed.Change // that makes the replica like the engine
}

func (d difference) same(other difference) bool {
	return d.which == other.which && d.engine == other.engine && d.local == other.local
}

// standing is how a record stands: the revision of a token, zero = there is
// none, or the account of a user.
type standing struct {
	revision uint64
	known    bool
	account  string
}

func stampsOf(all []difference) []engine.Stamp {
	stamps := make([]engine.Stamp, len(all))
	for i, d := range all {
		stamps[i] = d.which
	}
	return stamps
}

// differences reads records from the engine and then, once it has everything
// up to there, from the replica.
func (r *reconciler) differences(ctx context.Context, member session, which []engine.Stamp) ([]difference, error) {
	changes, revision, err := member.Read(ctx, which)
	if err != nil {
		return nil, err
	}
	if err := r.prover.catchUp(ctx, revision); err != nil {
		return nil, fmt.Errorf("wait for the replica: %w", err)
	}
	local, err := r.replica.standings(ctx, which)
	if err != nil {
		return nil, err
	}
	var all []difference
	for _, c := range changes {
		d := difference{change: c}
		d.which, d.engine = standingOf(c)
		if d.local = local[d.which]; d.local != d.engine {
			all = append(all, d)
		}
	}
	return all, nil
}

// standingOf returns how a record stands in the engine.
func standingOf(c feed.Change) (engine.Stamp, standing) {
	switch {
	case c.Token != nil:
		return engine.Stamp{Token: c.Token.ID}, standing{revision: c.Token.Revision, known: true}
	case c.User != nil:
		return engine.Stamp{User: c.User.Name}, standing{known: c.User.Account != nil, account: string(c.User.Account)}
	default:
		return engine.Stamp{Token: c.Gone}, standing{}
	}
}

// standings returns how records stand in the replica.
func (r replica) standings(ctx context.Context, which []engine.Stamp) (map[engine.Stamp]standing, error) {
	all := make(map[engine.Stamp]standing, len(which))
	users, err := r.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range which {
		if s.Token == "" {
			account, known := users[s.User]
			all[engine.Stamp{User: s.User}] = standing{known: known, account: string(account)}
			continue
		}
		switch t, err := r.ByID(ctx, s.Token); {
		case err == nil:
			all[engine.Stamp{Token: s.Token}] = standing{revision: t.Revision, known: true}
		case !errors.Is(err, tokens.ErrUnknown):
			return nil, err
		}
	}
	return all, nil
}

// repair makes those records of the replica like the engine's that are still as
// they were when they were found to differ. It returns how many those were.
func (r *replicator) repair(ctx context.Context, epoch uint64, found []difference) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.progress.begin()
	if t.epoch != epoch || !t.loaded {
		return 0, errForeign
	}
	local, err := r.replica.standings(ctx, stampsOf(found))
	if err != nil {
		return 0, err
	}
	var changes []feed.Change
	n := 0
	for _, d := range found {
		if local[d.which] != d.local {
			continue
		}
		n++
		if d.local.revision > d.engine.revision && d.change.Token != nil {
			// The replica takes no older record in place of a newer one.
			changes = append(changes, feed.Change{Gone: d.which.Token})
		}
		changes = append(changes, d.change)
	}
	if n == 0 {
		return 0, nil
	}
	return n, r.apply(ctx, t.have, changes)
}
