package etcdstore

import (
	"testing"
	"time"

	"tollgate/tokens/cachestore"
)

// benchStore is a fresh store whose token is in its cache.
func benchStore(b *testing.B) *Store {
	b.Helper()
	e := newFakeEngine("a")
	s := newStore(Config{MaxStaleness: time.Hour, Patience: time.Second, Cache: cachestore.Config{}}, e.truth(), newFakeReplica().replica())
	s.progress.load(at(100))
	s.progress.finish(s.progress.begin(), same(100))
	tok := sample(1)
	tok.Revision = 1
	r, ok := s.replica.keeper.(*fakeReplica)
	if !ok || s.Fresh() != nil {
		b.Fatal("the store is not fresh")
	}
	r.locked(func(c *copyOf) { c.tokens[tok.ID], c.hashes[tok.Hash] = tok, tok.ID })
	return s
}

func BenchmarkFresh(b *testing.B) {
	s := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Fresh(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFreshAndHit is what a request costs.
func BenchmarkFreshAndHit(b *testing.B) {
	s, h, ctx := benchStore(b), sample(1).Hash, b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Fresh(); err != nil {
			b.Fatal(err)
		}
		if _, err := s.ByHash(ctx, h); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRequestsAllocateNothing(t *testing.T) {
	e := newFakeEngine("a")
	s := newStore(Config{MaxStaleness: time.Hour, Patience: time.Second}, e.truth(), newFakeReplica().replica())
	s.progress.load(at(100))
	s.progress.finish(s.progress.begin(), same(100))
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Fresh(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("Fresh allocates %v times", n)
	}
}
