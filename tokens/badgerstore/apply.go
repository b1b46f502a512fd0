package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

var errPosition = errors.New("a position in another history, or before the one that was reached")

// maxMark bounds the mark of a position, which has 16 bytes.
const maxMark = 256

// Apply writes changes in their order and moves the position; with none it
// moves the position alone. Readers see all of it when Apply returns, and never
// a part. A token that is not newer than the one kept of it is left out, so is
// the usage of an unknown one. What no store could keep is left out with a line
// to Log: such a token is then unknown, such a user has no account. at is of
// the engine the replica was loaded from and not before Position.
//
// tokens.ErrStoreFull, tokens.ErrStoreClosed: nothing was changed. What wraps
// ErrReplicaDamaged: load it anew. Otherwise it can be tried again.
func (r *Replica) Apply(ctx context.Context, at feed.Position, changes []feed.Change) (err error) {
	defer r.observe("apply")(&err)
	r.writing.Lock()
	defer r.writing.Unlock()
	if err = r.apply(ctx, at, changes); err != nil {
		return fmt.Errorf("apply changes: %w", err)
	}
	return nil
}

func (r *Replica) apply(ctx context.Context, at feed.Position, changes []feed.Change) error {
	if err := r.mayApply(ctx, at); err != nil {
		return err
	}
	g := r.current.Load()
	f := newFeeding(g)
	defer func() { f.txn.Discard() }()
	for i := range changes {
		if err := f.take(&changes[i]); err != nil {
			return r.unfed(f, err)
		}
	}
	if err := f.end(at); err != nil {
		return r.unfed(f, err)
	}
	r.show(g.snapshot())
	g.counts.apply(f.done)
	g.position.Store(&at)
	return nil
}

// mayApply says why nothing can be applied.
func (r *Replica) mayApply(ctx context.Context, at feed.Position) error {
	if err := r.check(ctx); err != nil {
		return err
	}
	if err := r.Healthy(); err != nil {
		return err
	}
	if !follows(r.Position(), at) {
		return errPosition
	}
	return r.room(r.cfg.roomToChange())
}

// follows reports whether one position can come after another, or be the same.
func follows(have, at feed.Position) bool {
	switch {
	case len(at.Mark) > maxMark:
		return false
	case have == feed.Position{}:
		return true
	case have.Cluster != at.Cluster || at.Revision < have.Revision:
		return false
	}
	return at.Revision > have.Revision || at.Mark == have.Mark
}

// room refuses to write when less is free.
func (r *Replica) room(least uint64) error {
	free, err := r.cfg.FreeSpace(r.cfg.Dir)
	if err != nil {
		return err
	}
	if free < least {
		return fmt.Errorf("%w: %d bytes are free, %d are needed", tokens.ErrStoreFull, free, least)
	}
	return nil
}

// unfed says how a feeding failed. Nobody has seen a part of it, and nobody
// will: if there is one it is not to be built upon.
func (r *Replica) unfed(f *feeding, err error) error {
	if !f.parted && !isDamage(err) {
		return err
	}
	f.g.damaged(err)
	if saveErr := r.stand(f.g.number, trustNever); saveErr != nil {
		f.g.note(saveErr)
	}
	return fmt.Errorf("%w: %w", ErrReplicaDamaged, err)
}
