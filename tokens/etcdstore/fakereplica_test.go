package etcdstore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/feed"
)

// copyOf is what one generation of a fakeReplica holds.
type copyOf struct {
	at     feed.Position
	tokens map[tokens.ID]*tokens.Token
	hashes map[tokens.Hash]tokens.ID
	users  map[string][]byte
	usages map[tokens.ID]tokens.Usage
}

func newCopy() *copyOf {
	return &copyOf{
		tokens: map[tokens.ID]*tokens.Token{}, hashes: map[tokens.Hash]tokens.ID{},
		users: map[string][]byte{}, usages: map[tokens.ID]tokens.Usage{},
	}
}

func (c *copyOf) take(changes []feed.Change) {
	for _, one := range changes {
		switch {
		case one.Token != nil:
			if old := c.tokens[one.Token.ID]; old == nil || old.Revision < one.Token.Revision {
				c.tokens[one.Token.ID], c.hashes[one.Token.Hash] = one.Token.Clone(), one.Token.ID
			}
		case one.User != nil && one.User.Account == nil:
			delete(c.users, one.User.Name)
		case one.User != nil:
			c.users[one.User.Name] = one.User.Account
		case one.Usage != nil:
			c.usages[one.Usage.ID] = *one.Usage
		default:
			if old := c.tokens[one.Gone]; old != nil {
				delete(c.hashes, old.Hash)
			}
			delete(c.tokens, one.Gone)
			delete(c.usages, one.Gone)
		}
	}
}

// fakeReplica is a replica in memory. It outlives the stores that use it, as
// one on a disk does.
type fakeReplica struct {
	mu      sync.Mutex
	inForce *copyOf
	faulty  error  // what Apply says instead of doing anything
	damage  error  // what Healthy says until another generation is in force
	onApply func() // called, without mu, before each Apply
	onLook  func() // called, without mu, before each Accounts
	began   int
	closed  bool
}

func newFakeReplica() *fakeReplica { return &fakeReplica{inForce: newCopy()} }

func (r *fakeReplica) replica() replica { return replica{keeper: r, reader: r, holder: r} }

func (r *fakeReplica) locked(f func(c *copyOf)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.inForce)
}

func (r *fakeReplica) applying(f func()) { r.locked(func(*copyOf) { r.onApply = f }) }

func (r *fakeReplica) fail(err error) { r.locked(func(*copyOf) { r.faulty = err }) }

// Position implements keeper.
func (r *fakeReplica) Position() (at feed.Position) {
	r.locked(func(c *copyOf) { at = c.at })
	return at
}

// Apply implements keeper.
func (r *fakeReplica) Apply(ctx context.Context, at feed.Position, changes []feed.Change) (err error) {
	r.mu.Lock()
	f := r.onApply
	r.mu.Unlock()
	if f != nil {
		f()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.locked(func(c *copyOf) {
		if err = r.faulty; err == nil {
			c.take(changes)
			c.at = at
		}
	})
	return err
}

// Healthy implements keeper.
func (r *fakeReplica) Healthy() (err error) {
	r.locked(func(*copyOf) { err = r.damage })
	return err
}

// Begin implements keeper.
func (r *fakeReplica) Begin(context.Context) (generation, error) {
	r.locked(func(*copyOf) { r.began++ })
	return &fakeGeneration{of: r, next: newCopy()}, nil
}

type fakeGeneration struct {
	of   *fakeReplica
	next *copyOf
}

// Add implements generation.
func (g *fakeGeneration) Add(ctx context.Context, changes []feed.Change) error {
	g.next.take(changes)
	return ctx.Err()
}

// Flip implements generation.
func (g *fakeGeneration) Flip(_ context.Context, at feed.Position) error {
	g.next.at = at
	g.of.locked(func(*copyOf) { g.of.inForce, g.of.damage = g.next, nil })
	return nil
}

// Discard implements generation.
func (g *fakeGeneration) Discard() error { return nil }

// ByHash implements reader.
func (r *fakeReplica) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	var id tokens.ID
	r.locked(func(c *copyOf) { id = c.hashes[h] })
	return r.ByID(ctx, id)
}

// ByID implements reader.
func (r *fakeReplica) ByID(ctx context.Context, id tokens.ID) (t *tokens.Token, err error) {
	r.locked(func(c *copyOf) {
		switch old := c.tokens[id]; {
		case r.closed:
			err = tokens.ErrStoreClosed
		case old == nil:
			err = tokens.ErrUnknown
		default:
			t = old.Clone()
		}
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return t, err
}

// List implements reader for the list of all. A cursor is where a page ended,
// and the first page after an empty cursor is always empty, as pages may be.
func (r *fakeReplica) List(_ context.Context, q tokens.Query) (page tokens.Page, err error) {
	if q.After == "" {
		return tokens.Page{Next: " "}, nil
	}
	r.locked(func(c *copyOf) {
		all := slices.SortedFunc(maps.Values(c.tokens), func(a, b *tokens.Token) int { return cmp.Compare(placeOf(a), placeOf(b)) })
		for _, t := range all {
			if at := placeOf(t); at > string(q.After) {
				if len(page.Tokens) == q.PageSize() {
					page.Next = tokens.Cursor(placeOf(page.Tokens[len(page.Tokens)-1]))
					return
				}
				page.Tokens = append(page.Tokens, t.Clone())
			}
		}
	})
	return page, nil
}

func placeOf(t *tokens.Token) string {
	end := t.Ends()
	if end.IsZero() {
		end = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return fmt.Sprintf("%020d", end.UnixNano()) + string(t.ID)
}

// Usages implements reader.
func (r *fakeReplica) Usages(_ context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
	all := make([]tokens.Usage, len(ids))
	r.locked(func(c *copyOf) {
		for i, id := range ids {
			all[i] = c.usages[id]
			all[i].ID = id
		}
	})
	return all, nil
}

// Accounts implements holder.
func (r *fakeReplica) Accounts(context.Context) (all map[string][]byte, err error) {
	r.mu.Lock()
	f := r.onLook
	r.mu.Unlock()
	if f != nil {
		f()
	}
	r.locked(func(c *copyOf) { all = maps.Clone(c.users) })
	return all, nil
}

// Each implements holder.
func (r *fakeReplica) Each(_ context.Context, after tokens.ID, limit int) (all []badgerstore.Held, err error) {
	r.locked(func(c *copyOf) {
		for _, id := range slices.SortedFunc(maps.Keys(c.tokens), func(a, b tokens.ID) int { return strings.Compare(string(a), string(b)) }) {
			if id > after && len(all) < limit {
				all = append(all, badgerstore.Held{ID: id, Revision: c.tokens[id].Revision})
			}
		}
	})
	return all, nil
}

// Counts implements holder.
func (r *fakeReplica) Counts(time.Time) (active, expired, revoked int) {
	r.locked(func(c *copyOf) { active = len(c.tokens) })
	return active, 0, 0
}

// Size implements holder.
func (r *fakeReplica) Size() (lsm, vlog int64) { return 1, 2 }

// Close implements holder.
func (r *fakeReplica) Close() error {
	r.locked(func(*copyOf) { r.closed = true })
	return nil
}
