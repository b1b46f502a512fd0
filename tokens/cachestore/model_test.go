package cachestore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/memstore"
)

// rough is a store that takes its time at every point and fails at every point,
// also so that a write happens after its answer.
type rough struct {
	*memstore.Store
	late     sync.WaitGroup
	ofPurged sync.WaitGroup // of the token that is purged
}

// dawdle lets others go first, for a while that nobody knows.
func dawdle() {
	for range rand.IntN(8) {
		runtime.Gosched()
	}
}

func (r *rough) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	dawdle()
	if rand.IntN(50) == 0 {
		return nil, errBroken
	}
	t, err := r.Store.ByHash(ctx, h)
	dawdle()
	return t, err
}

func (r *rough) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	dawdle()
	switch rand.IntN(12) {
	case 0:
		return 0, errBroken
	case 1:
		return 0, tokens.ErrStoreFull
	case 2:
		_, _ = r.Store.Put(ctx, t)
		dawdle()
		return 0, errBroken
	case 3:
		own := t.Clone()
		late := &r.late
		if t.ID == usual(purged).ID {
			late = &r.ofPurged
		}
		late.Go(func() {
			for range 5 {
				dawdle()
			}
			_, _ = r.Store.Put(context.WithoutCancel(ctx), own)
		})
		return 0, context.DeadlineExceeded
	}
	revision, err := r.Store.Put(ctx, t)
	dawdle()
	return revision, err
}

func (r *rough) Purge(ctx context.Context, before time.Time) (int, error) {
	dawdle()
	n, err := r.Store.Purge(ctx, before)
	dawdle()
	if err == nil && rand.IntN(4) == 0 {
		return n, errBroken
	}
	return n, err
}

// model is a cache over a rough store, and for each token the revision that
// everybody who begins now must see at least.
type model struct {
	t     *testing.T
	cache *cachestore.Store
	below *rough
	least [6]atomic.Uint64
	ends  atomic.Bool
}

// raise notes that a revision was acknowledged or seen.
func (m *model) raise(n int, revision uint64) {
	for {
		old := m.least[n].Load()
		if revision <= old || m.least[n].CompareAndSwap(old, revision) {
			return
		}
	}
}

// lookUp is one look-up, judged. A token that was made is never unknown, but for
// the one that is purged.
func (m *model) lookUp(n int) {
	least := m.least[n].Load()
	t, err := m.cache.ByHash(m.t.Context(), usual(n).Hash)
	switch {
	case err == nil && t.Revision < least:
		m.t.Errorf("token %d: revision %d was seen after %d", n, t.Revision, least)
	case err == nil:
		m.raise(n, t.Revision)
	case errors.Is(err, tokens.ErrUnknown) && n != purged:
		m.t.Errorf("token %d is unknown", n)
	case !errors.Is(err, tokens.ErrUnknown) && !errors.Is(err, errBroken):
		m.t.Errorf("token %d: %v", n, err)
	}
}

// purged is the number of the token that ends, is purged and made again.
const purged = 0

// rewrite changes a token.
func (m *model) rewrite(n int) {
	t, err := m.cache.ByID(m.t.Context(), usual(n).ID)
	if err != nil {
		m.t.Errorf("token %d: %v", n, err)
		return
	}
	switch rand.IntN(4) {
	case 0:
		t.Disabled = tokens.Mark{At: epoch(), By: "root"}
	case 1:
		t.Disabled = tokens.Mark{}
	case 2:
		if t.Only.Uses = 1 << 30; t.Used < t.Only.Uses {
			t.Used++
		}
	case 3:
		t.Expires = t.Expires.Add(time.Second)
	}
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	if rand.IntN(4) == 0 {
		go cancel()
	}
	if revision, err := m.cache.Put(ctx, t); err == nil {
		m.raise(n, revision)
	}
}

// turnOver ends, purges and makes the one token again. Nobody else writes it.
func (m *model) turnOver() {
	ctx := m.t.Context()
	t := usual(purged)
	t.Expires = epoch().Add(-time.Hour)
	revision, err := m.cache.Put(ctx, t)
	if err == nil {
		m.raise(purged, revision)
	}
	m.lookUp(purged)
	m.below.ofPurged.Wait() // what is late could make it anew
	if _, err := m.cache.Purge(ctx, epoch().Add(-time.Minute)); err == nil && revision > 0 {
		m.raise(purged, revision+1)
	}
}

// TestNothingIsStaleInTheRough runs readers and writers of a few tokens beside
// one another.
func TestNothingIsStaleInTheRough(t *testing.T) {
	t.Parallel()
	for _, most := range []int64{1 << 20, 3000} { // all fit, or three
		m := &model{t: t, below: &rough{Store: memstore.New()}}
		m.cache = cachestore.New(m.below, cachestore.Config{MaxBytes: most})
		for n := range m.least {
			if n != purged {
				m.raise(n, put(t, m.below.Store, usual(n)).Revision)
			}
		}
		var readers, writers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for !m.ends.Load() {
					m.lookUp(rand.IntN(len(m.least)))
				}
			})
			writers.Go(func() {
				for range 1500 {
					m.rewrite(1 + rand.IntN(len(m.least)-1))
				}
			})
		}
		for range 500 {
			m.turnOver()
		}
		writers.Wait()
		m.below.late.Wait()
		m.ends.Store(true)
		readers.Wait()
		m.settled()
	}
}

// settled looks when all is over: now there is one truth.
func (m *model) settled() {
	for n := range m.least {
		want, err := m.below.Store.ByHash(m.t.Context(), usual(n).Hash)
		if err != nil {
			continue
		}
		for range 20 {
			got, err := m.cache.ByHash(m.t.Context(), want.Hash)
			if err == nil && got.Revision != want.Revision {
				m.t.Errorf("token %d: revision %d is seen at the end, want %d", n, got.Revision, want.Revision)
			}
		}
	}
	if got := m.cache.Stats(); got.Misses == 0 || got.Tokens == 0 {
		m.t.Errorf("nothing was kept: %+v", got)
	}
}
