package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

// TestReadsDuringFlips reads in many ways while generations of the same tokens
// come one after the other: no call fails and none sees two of them.
func TestReadsDuringFlips(t *testing.T) {
	t.Parallel()
	const size = 60
	whole := func(revision uint64) (changes []feed.Change) {
		for n := range size {
			tok := fedTokenAt(n, revision)
			tok.Owner = "ada"
			changes = append(changes, feed.Change{Token: tok}, user(fmt.Sprint(n), fmt.Sprint(revision)))
		}
		return changes
	}
	r := testReplica(t, ReplicaConfig{})
	flip(t, r, 1, whole(1)...)
	var stop atomic.Bool
	var wait sync.WaitGroup
	for _, read := range []func() (map[uint64]int, error){
		func() (map[uint64]int, error) { return revisionsListed(t.Context(), r) },
		func() (map[uint64]int, error) { return revisionsHeld(t.Context(), r) },
		func() (map[uint64]int, error) { return revisionsOfAccounts(t.Context(), r) },
	} {
		wait.Go(func() {
			for before := r.Position().Revision; !stop.Load(); before = r.Position().Revision {
				seen, err := read()
				if err != nil || len(seen) != 1 {
					t.Errorf("seen together are %v, %v", seen, err)
					return
				}
				for revision, n := range seen {
					if revision < before || n != size {
						t.Errorf("%d of revision %d are seen after revision %d was in force", n, revision, before)
						return
					}
				}
			}
		})
	}
	for revision := uint64(2); revision < 40 && !t.Failed(); revision += 2 {
		flip(t, r, revision, whole(revision)...)
		apply(t, r, revision+1, whole(revision+1)...)
	}
	stop.Store(true)
	wait.Wait()
}

func revisionsListed(ctx context.Context, r *Replica) (map[uint64]int, error) {
	page, err := r.List(ctx, tokens.Query{Owner: "ada"})
	seen := make(map[uint64]int)
	for _, t := range page.Tokens {
		seen[t.Revision]++
	}
	return seen, err
}

func revisionsHeld(ctx context.Context, r *Replica) (map[uint64]int, error) {
	held, err := r.Each(ctx, "", 0)
	seen := make(map[uint64]int)
	for _, h := range held {
		seen[h.Revision]++
	}
	return seen, err
}

func revisionsOfAccounts(ctx context.Context, r *Replica) (map[uint64]int, error) {
	all, err := r.Accounts(ctx)
	seen := make(map[uint64]int)
	for _, account := range all {
		var revision uint64
		if _, err := fmt.Sscan(string(account), &revision); err != nil {
			return nil, err
		}
		seen[revision]++
	}
	return seen, err
}

// TestCloseDuringEverything closes a replica while it is read, fed and loaded:
// whatever is refused is refused because it is closed.
func TestCloseDuringEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	tok := fedTokenAt(1, 1)
	flip(t, r, 1, came(tok)...)
	g := newGeneration(t, r)
	var wait sync.WaitGroup
	var began sync.WaitGroup
	until := func(call func(n uint64) error) {
		began.Add(1)
		wait.Go(func() {
			err := call(2)
			began.Done()
			for n := uint64(3); err == nil; n++ {
				err = call(n)
			}
			if !errors.Is(err, tokens.ErrStoreClosed) && !errors.Is(err, errEnded) {
				t.Errorf("refused with %v", err)
			}
		})
	}
	until(func(uint64) error { _, err := r.ByHash(t.Context(), tok.Hash); return err })
	until(func(uint64) error { _, err := r.Each(t.Context(), "", 10); return err })
	until(func(n uint64) error { return r.Apply(t.Context(), at(n), came(fedTokenAt(2, n))) })
	until(func(n uint64) error { return g.Add(t.Context(), came(fedTokenAt(int(n), n))) })
	began.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	wait.Wait()
	_, errBegin := r.Begin(t.Context())
	_, errUsers := r.Accounts(t.Context())
	for name, err := range map[string]error{"Begin": errBegin, "Accounts": errUsers, "Apply": r.Apply(t.Context(), at(1000), nil)} {
		if !errors.Is(err, tokens.ErrStoreClosed) {
			t.Errorf("%s of a closed replica = %v, want ErrStoreClosed", name, err)
		}
	}
	if err := errors.Join(g.Discard(), r.Close()); err != nil {
		t.Errorf("ending twice: %v", err)
	}
	if names := generations(t, dir); len(names) != 1 {
		t.Errorf("left are %v, want one", names)
	}
}
