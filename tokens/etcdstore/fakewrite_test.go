package etcdstore

import (
	"context"
	"slices"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// able fails if no member works, and waits for one that does.
func (e *fakeEngine) able(ctx context.Context) error {
	for range e.names {
		m := e.Current()
		if e.backupFault(m) == well || e.backupFault(m) == mute {
			return ctx.Err()
		}
		e.Leave(m)
	}
	return tokens.ErrEngine
}

func (e *fakeEngine) backupFault(s session) fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.faults[e.Endpoint(s)]
}

// Put implements writer. Names are not looked at.
func (e *fakeEngine) Put(ctx context.Context, t *tokens.Token) (revision uint64, err error) {
	if err := e.able(ctx); err != nil {
		return 0, err
	}
	e.locked(func() {
		old, known := e.past.tokens[t.ID]
		revision = e.past.head.Revision
		switch {
		case t.Revision == 0 && known:
			err = tokens.ErrExists
		case t.Revision != 0 && !known:
			err = tokens.ErrUnknown
		case t.Revision != 0 && old.Revision != t.Revision:
			err = tokens.ErrConflict
		default:
			revision = e.commit(nil, feed.Change{Token: t})
		}
	})
	return revision, err
}

// Remove implements writer.
func (e *fakeEngine) Remove(ctx context.Context, all []*tokens.Token) (removed int, revision uint64, err error) {
	if err := e.able(ctx); err != nil {
		return 0, 0, err
	}
	e.locked(func() {
		var gone []feed.Change
		for _, t := range all {
			if old, known := e.past.tokens[t.ID]; known && old.Revision == t.Revision {
				gone = append(gone, feed.Change{Gone: t.ID})
			}
		}
		removed, revision = len(gone), e.past.head.Revision
		if removed > 0 {
			revision = e.commit(nil, gone...)
		}
	})
	return removed, revision, nil
}

// PutUser implements writer.
func (e *fakeEngine) PutUser(ctx context.Context, u feed.User) (revision uint64, err error) {
	if err := e.able(ctx); err != nil {
		return 0, err
	}
	return e.change(feed.Change{User: &u}), nil
}

// AddUsages implements writer.
func (e *fakeEngine) AddUsages(ctx context.Context, all []tokens.Usage) (revision uint64, err error) {
	if err := e.able(ctx); err != nil {
		return 0, err
	}
	var changes []feed.Change
	for _, u := range all {
		merged := e.backup().usages[u.ID].Merge(u)
		merged.ID = u.ID
		changes = append(changes, feed.Change{Usage: &merged})
	}
	return e.change(changes...), nil
}

// Present implements list.
func (e *fakeEngine) Present() (from, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if until = e.until; until.IsZero() {
		until = time.Now().Add(time.Hour)
	}
	return e.from, until
}

// Announce implements list.
func (e *fakeEngine) Announce(ctx context.Context) { <-ctx.Done() }

// Ack implements group.
func (e *fakeEngine) Ack(ctx context.Context, nonce string) error {
	if err := e.able(ctx); err != nil {
		return err
	}
	e.locked(func() { e.acks = append(e.acks, nonce) })
	return nil
}

func (e *fakeEngine) acked(nonce string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.acks, nonce)
}

// Everywhere implements group for one gateway.
func (e *fakeEngine) Everywhere(ctx context.Context) (int, error) {
	e.locked(func() { e.commit([]string{"everywhere"}) })
	for !e.acked("everywhere") {
		e.mu.Lock()
		changed := e.changed
		e.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 1, nil
}

// Gateways implements list.
func (e *fakeEngine) Gateways(ctx context.Context) ([]engine.Gateway, error) {
	e.mu.Lock()
	all := append([]engine.Gateway{{Own: true}}, e.others...)
	e.mu.Unlock()
	return all, e.able(ctx)
}

// Relist implements list.
func (e *fakeEngine) Relist() {
	e.locked(func() {
		e.relisted++
		if e.unlists {
			e.from = time.Time{}
		}
	})
}

// Turn implements group.
func (e *fakeEngine) Turn(ctx context.Context, _ string) (turn, error) {
	if err := e.able(ctx); err != nil {
		return nil, err
	}
	e.turns.Lock()
	e.pass(1)
	return fakeTurn{e, e.backup().revision}, nil
}

type fakeTurn struct {
	engine   *fakeEngine
	revision uint64
}

type turnKey struct{}

// Context implements turn.
func (t fakeTurn) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, turnKey{}, t.revision)
}

// Revision implements turn.
func (t fakeTurn) Revision() uint64 { return t.revision }

// End implements turn.
func (t fakeTurn) End() { t.engine.turns.Unlock() }
