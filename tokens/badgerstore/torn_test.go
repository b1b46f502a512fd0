package badgerstore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

// large returns changes that no single transaction has room for.
func large(revision uint64) (changes []feed.Change, last *tokens.Token) {
	for n := range 700 {
		last = fedTokenAt(n, revision)
		last.AccessKey = strings.Repeat("k", 5000)
		changes = append(changes, feed.Change{Token: last})
	}
	return changes, last
}

// TestReadersNeverSeeAPart applies what takes several transactions while others
// read the first and the last token.
func TestReadersNeverSeeAPart(t *testing.T) {
	t.Parallel()
	r := testReplica(t, ReplicaConfig{})
	first := benchToken(0).ID
	_, last := large(1)
	var stop atomic.Bool
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop.Store(true)
	for range 2 {
		wait.Go(func() {
			for !stop.Load() {
				if err := r.view(t.Context(), func(from *snapshot) error { return together(from, first, last.ID) }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for revision := range uint64(3) {
		changes, _ := large(revision + 1)
		apply(t, r, revision+1, changes...)
		if got, err := r.ByID(t.Context(), last.ID); err != nil || got.Revision != revision+1 {
			t.Errorf("the last one is %+v, %v", got, err)
		}
	}
	if at, err := r.current.Load().stored(); err != nil || at.Revision != 3 {
		t.Errorf("stored is %+v, %v", at, err)
	}
}

// together checks that two tokens have the same revision, or are unknown.
func together(from *snapshot, one, two tokens.ID) error {
	a, errA := recordByID(from, one)
	b, errB := recordByID(from, two)
	switch {
	case errors.Is(errA, tokens.ErrUnknown) && errors.Is(errB, tokens.ErrUnknown):
		return nil
	case errA != nil || errB != nil:
		return fmt.Errorf("one: %w, the other: %w", errA, errB)
	case a.Revision != b.Revision:
		return fmt.Errorf("revisions %d and %d are seen together", a.Revision, b.Revision)
	}
	return nil
}

// TestATornApplyIsNeverBuiltUpon fails after a part was committed: readers go on
// with what was before, and nothing of it is there when it is opened again.
func TestATornApplyIsNeverBuiltUpon(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	tok := fedTokenAt(0, 1)
	apply(t, r, 1, came(tok)...)
	changes, _ := large(2)
	err := r.Apply(t.Context(), at(2), append(changes, feed.Change{}))
	if !errors.Is(err, ErrReplicaDamaged) || !errors.Is(err, errNoChange) {
		t.Fatalf("Apply = %v, want ErrReplicaDamaged", err)
	}
	shows(t, r, "after a torn one", tok)
	if got := r.Position(); got != (feed.Position{}) {
		t.Errorf("position is %+v, want none", got)
	}
	if _, err := r.current.Load().stored(); !errors.Is(err, errNoPosition) {
		t.Errorf("stored position: %v, want none", err)
	}
	if err := r.Apply(t.Context(), at(2), nil); !errors.Is(err, ErrReplicaDamaged) {
		t.Errorf("Apply = %v, want ErrReplicaDamaged", err)
	}
	if s, err := loadStanding(dir); err != nil || s.trust != trustNever {
		t.Errorf("standing is %+v, %v", s, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = testReplica(t, ReplicaConfig{Dir: dir})
	shows(t, r, "opened again")
	if got := r.Position(); got != (feed.Position{}) {
		t.Errorf("position is %+v, want none", got)
	}
	flip(t, r, 3, came(tok)...)
	shows(t, r, "loaded again", tok)
}

// junk spoils the record and the usage of a token, below the replica.
func junk(r *Replica, tok *tokens.Token) error {
	err := r.current.Load().db.Update(func(txn *badger.Txn) error {
		return errors.Join(txn.Set(recordKey(tok.Hash), []byte("junk")), txn.Set(usageKey(tok.ID), []byte("junk")))
	})
	r.show(r.current.Load().snapshot())
	return err
}

func TestWhatWasFoundDamagedIsNotOpenedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	one, two := fedTokenAt(1, 1), fedTokenAt(2, 1)
	apply(t, r, 1, came(one, two)...)
	if err := junk(r, one); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ByHash(t.Context(), one.Hash); err == nil {
		t.Fatal("a damaged record is read")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	shows(t, testReplica(t, ReplicaConfig{Dir: dir}), "opened again")
}

// TestDamageIsFoundAndHealedByAFlip spoils records below the replica.
func TestDamageIsFoundAndHealedByAFlip(t *testing.T) {
	t.Parallel()
	one, two := fedTokenAt(1, 1), fedTokenAt(2, 1)
	rows := map[string]func(r *Replica) error{
		"by hash": func(r *Replica) error { _, err := r.ByHash(t.Context(), one.Hash); return err },
		"by id":   func(r *Replica) error { _, err := r.ByID(t.Context(), one.ID); return err },
		"list":    func(r *Replica) error { _, err := r.List(t.Context(), tokens.Query{Owner: one.Owner}); return err },
		"name": func(r *Replica) error {
			_, err := r.List(t.Context(), tokens.Query{Owner: one.Owner, Name: one.Name})
			return err
		},
		"each":  func(r *Replica) error { _, err := r.Each(t.Context(), "", 10); return err },
		"usage": func(r *Replica) error { _, err := r.Usages(t.Context(), []tokens.ID{one.ID}); return err },
		"apply": func(r *Replica) error { return r.Apply(t.Context(), at(2), came(fedTokenAt(1, 2))) },
	}
	for name, meet := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines atomic.Int32
			r := testReplica(t, ReplicaConfig{Log: func(string) { lines.Add(1) }})
			apply(t, r, 1, came(one, two)...)
			if err := junk(r, one); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				err := meet(r)
				if err == nil || errors.Is(err, tokens.ErrUnknown) {
					t.Fatalf("%s = %v, want damage", name, err)
				}
				if said := errors.Is(err, ErrReplicaDamaged); said != (name == "each" || name == "apply") {
					t.Errorf("%s = %v", name, err)
				}
			}
			if err := r.Healthy(); !errors.Is(err, ErrReplicaDamaged) || r.Position() != (feed.Position{}) {
				t.Errorf("Healthy = %v, position %+v", err, r.Position())
			}
			if _, err := r.ByID(t.Context(), two.ID); err != nil {
				t.Errorf("the other token: %v", err)
			}
			if lines.Load() != 1 {
				t.Errorf("%d lines in the log, want 1", lines.Load())
			}
			flip(t, r, 2, came(one, two)...)
			shows(t, r, "healed", one, two)
			if err := r.Healthy(); err != nil {
				t.Errorf("Healthy = %v", err)
			}
		})
	}
}
