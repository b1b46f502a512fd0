package etcdstore

import (
	"errors"
	"testing"

	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// TestJoinProvesTheHistory: whatever a prover does at the same time, no watch
// begins in another history than the replica's.
func TestJoinProvesTheHistory(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		play  func(e *fakeEngine, s *Store)
		why   Reason
		after uint64 // revisions behind the replica's own
		fails bool
	}{
		"nothing came":               {func(*fakeEngine, *Store) {}, "", 0, false},
		"something came":             {func(e *fakeEngine, _ *Store) { e.pass(5); e.change(feed.Change{Gone: "x"}) }, "", 0, false},
		"others came":                {func(e *fakeEngine, _ *Store) { e.pass(5) }, "", 5, false},
		"others came, and compacted": {func(e *fakeEngine, _ *Store) { e.pass(5); e.compact() }, "", 5, false},
		"something was compacted":    {func(e *fakeEngine, _ *Store) { e.change(feed.Change{Gone: "x"}); e.pass(1); e.compact() }, Compacted, 0, false},
		"another cluster":            {func(e *fakeEngine, _ *Store) { e.restore(emptyPast(8)) }, Foreign, 0, false},
		"restored, and as far": {func(e *fakeEngine, _ *Store) {
			p := e.backup()
			p.head.Mark = "another"
			p.heads[p.head.Revision] = p.head
			e.restore(p)
		}, Foreign, 0, false},
		"restored, and further": {func(e *fakeEngine, _ *Store) {
			p := e.backup()
			old := p.heads[p.head.Revision]
			old.Mark = "another"
			p.heads[p.head.Revision] = old
			e.restore(p)
			e.change(feed.Change{Gone: "x"})
		}, Foreign, 0, false},
		"known to be another":    {func(_ *fakeEngine, s *Store) { s.progress.revoke(s.progress.begin()) }, Foreign, 0, false},
		"nothing there":          {func(_ *fakeEngine, s *Store) { s.progress.at = feed.Position{} }, Empty, 0, false},
		"damaged":                {func(_ *fakeEngine, s *Store) { fakeOf(s).damage = errDown }, Damaged, 0, false},
		"takes nothing":          {func(_ *fakeEngine, s *Store) { s.replicator.failed = badApplies }, Damaged, 0, false},
		"takes hardly anything":  {func(_ *fakeEngine, s *Store) { s.replicator.failed = badApplies - 1 }, "", 0, false},
		"watches begin too late": {func(_ *fakeEngine, s *Store) { s.replicator.lost = 2 }, Compacted, 0, false},
		"no answer":              {func(e *fakeEngine, _ *Store) { e.set("a", down) }, "", 0, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newFakeEngine("a")
			s := newStore(Config{MaxStaleness: DefaultMaxStaleness, Patience: DefaultPatience}, e.truth(), newFakeReplica().replica())
			e.change(feed.Change{Token: sample(1)})
			have := e.backup().head
			s.progress.load(have)
			row.play(e, s)
			after, why, err := s.replicator.join(t.Context(), e.Current())
			if why != row.why || (err != nil) != row.fails {
				t.Fatalf("join = %q, %v, want %q", why, err, row.why)
			}
			if why == "" && err == nil && after.Revision != have.Revision+row.after {
				t.Errorf("the watch begins after %d, want %d", after.Revision, have.Revision+row.after)
			}
			if why == Foreign && s.progress.begin().loaded {
				t.Error("proofs of the replica are believed still")
			}
		})
	}
}

func fakeOf(s *Store) *fakeReplica { return s.replica.keeper.(*fakeReplica) }

// TestBatchesThatAreNotTaken go by without a trace.
func TestBatchesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		at      feed.Position
		foreign bool
		want    feed.Position
	}{
		"the next":                    {at(101), false, at(101)},
		"one from before":             {at(99), false, at(100)},
		"the same again":              {at(100), false, at(100)},
		"one that moves nothing":      {feed.Position{Cluster: 1, Revision: 105, Mark: "mark 100"}, false, at(100)},
		"one of another cluster":      {feed.Position{Cluster: 2, Revision: 101, Mark: "mark 101"}, true, at(100)},
		"the same of another history": {feed.Position{Cluster: 1, Revision: 100, Mark: "another"}, true, at(100)},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newFakeEngine("a")
			s := newStore(Config{MaxStaleness: DefaultMaxStaleness, Patience: DefaultPatience}, e.truth(), newFakeReplica().replica())
			s.progress.load(at(100))
			err := s.replicator.take(t.Context(), engine.Batch{At: row.at})
			if errors.Is(err, errForeign) != row.foreign || !row.foreign && err != nil {
				t.Errorf("take = %v", err)
			}
			if got := s.progress.position(); got != row.want {
				t.Errorf("the replica is at %v, want %v", got, row.want)
			}
			if row.foreign == s.progress.begin().loaded {
				t.Errorf("proofs are believed: %t", !row.foreign)
			}
			if err := s.replicator.take(t.Context(), engine.Batch{At: at(102)}); errors.Is(err, errForeign) != row.foreign {
				t.Errorf("what comes next: %v", err)
			}
		})
	}
}
