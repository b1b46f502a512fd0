package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

func newGeneration(t testing.TB, r *Replica) *Generation {
	t.Helper()
	g, err := r.Begin(t.Context())
	if err != nil {
		t.Fatalf("Begin = %v", err)
	}
	return g
}

// flip loads changes into a new generation and puts that in force.
func flip(t testing.TB, r *Replica, revision uint64, changes ...feed.Change) {
	t.Helper()
	g := newGeneration(t, r)
	if err := g.Add(t.Context(), changes); err != nil {
		t.Fatalf("Add = %v", err)
	}
	if err := g.Flip(t.Context(), at(revision)); err != nil {
		t.Fatalf("Flip = %v", err)
	}
	if got := r.Position(); got != at(revision) {
		t.Fatalf("position is %+v, want %+v", got, at(revision))
	}
}

// generations returns the names of what is in a replica's directory.
func generations(t testing.TB, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), generationPrefix) {
			names = append(names, f.Name())
		}
	}
	return names
}

func TestAFlipPutsAnotherGenerationInForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	old, one, two := fedTokenAt(1, 1), fedTokenAt(2, 5), fedTokenAt(3, 5)
	apply(t, r, 1, feed.Change{Token: old}, user("ada", "1"), feed.Change{Usage: &tokens.Usage{ID: old.ID, Count: 1}})
	g := newGeneration(t, r)
	add := func(changes ...feed.Change) {
		t.Helper()
		if err := g.Add(t.Context(), changes); err != nil {
			t.Fatalf("Add = %v", err)
		}
		shows(t, r, "while it is loaded", old)
	}
	add(feed.Change{Usage: &tokens.Usage{ID: two.ID, Count: 3}}, feed.Change{Usage: &tokens.Usage{ID: old.ID, Count: 9}})
	add()
	add(feed.Change{Token: one}, feed.Change{Gone: "damaged"}, user("bob", "2"), feed.Change{User: &feed.User{Name: "cyd"}})
	add(feed.Change{Token: two}, feed.Change{Usage: &tokens.Usage{ID: "99", Count: 9}})
	if err := g.Flip(t.Context(), at(5)); err != nil {
		t.Fatal(err)
	}
	shows(t, r, "flipped", one, two)
	check := func(what string) {
		t.Helper()
		if all, err := r.Accounts(t.Context()); err != nil || len(all) != 1 || string(all["bob"]) != "2" {
			t.Errorf("%s: accounts are %q, %v", what, all, err)
		}
		for id, want := range map[tokens.ID]uint64{one.ID: 0, two.ID: 3, old.ID: 0, "99": 0} {
			if got := usageIn(t, r, id); got.Count != want {
				t.Errorf("%s: %s was used %d times, want %d", what, id, got.Count, want)
			}
		}
	}
	check("flipped")
	for name, err := range map[string]error{
		"Add": g.Add(t.Context(), came(old)), "Flip": g.Flip(t.Context(), at(6)),
	} {
		if !errors.Is(err, errEnded) {
			t.Errorf("%s after the flip = %v, want errEnded", name, err)
		}
	}
	if err := g.Discard(); err != nil {
		t.Errorf("Discard after the flip = %v", err)
	}
	apply(t, r, 6, feed.Change{Token: fedTokenAt(1, 6)})
	shows(t, r, "and goes on", one, two, fedTokenAt(1, 6))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if names := generations(t, dir); len(names) != 1 {
		t.Errorf("left are %v, want one", names)
	}
	r = testReplica(t, ReplicaConfig{Dir: dir})
	shows(t, r, "opened again", one, two, fedTokenAt(1, 6))
	check("opened again")
	if got := r.Position(); got != at(6) {
		t.Errorf("position is %+v", got)
	}
}

// TestAFlipIsInForceAtOnce opens what a process that was killed right after a
// flip has left, and what one has left that ended.
func TestAFlipIsInForceAtOnce(t *testing.T) {
	t.Parallel()
	dir, killed := t.TempDir(), t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	tok := fedTokenAt(2, 5)
	apply(t, r, 1, came(fedTokenAt(1, 1))...)
	flip(t, r, 5, came(tok)...)
	r.retired.Wait() // what is being removed cannot be copied
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{"closed": dir, "killed": killed} {
		r := testReplica(t, ReplicaConfig{Dir: dir})
		shows(t, r, what, tok)
		if got := r.Position(); got != at(5) {
			t.Errorf("%s: position is %+v", what, got)
		}
	}
}

func TestADiscardedGenerationLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	tok := fedTokenAt(1, 1)
	apply(t, r, 1, came(tok)...)
	g := newGeneration(t, r)
	if _, err := r.Begin(t.Context()); !errors.Is(err, errLoading) {
		t.Errorf("a second Begin = %v, want errLoading", err)
	}
	changes, _ := large(2)
	if err := g.Add(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Discard(); err != nil {
			t.Errorf("Discard = %v", err)
		}
	}
	if err := g.Flip(t.Context(), at(2)); !errors.Is(err, errEnded) {
		t.Errorf("Flip = %v, want errEnded", err)
	}
	if names := generations(t, dir); len(names) != 1 {
		t.Errorf("left are %v, want one", names)
	}
	shows(t, r, "discarded", tok)
	flip(t, r, 3)
	shows(t, r, "an empty one")
}

func TestAFailedGenerationIsNotPutInForce(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	var free atomic.Uint64
	free.Store(1000 * mib)
	r := testReplica(t, ReplicaConfig{MinFree: 800 * mib, FreeSpace: func(string) (uint64, error) { return free.Load(), nil }})
	tok := fedTokenAt(1, 1)
	apply(t, r, 1, came(tok)...)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	rows := map[string]func(g *Generation) error{
		"no room": func(g *Generation) error {
			free.Store(400*mib - 1)
			defer free.Store(1000 * mib)
			return g.Add(t.Context(), came(fedTokenAt(2, 2)))
		},
		"a change of nothing": func(g *Generation) error { return g.Add(t.Context(), []feed.Change{{}}) },
		"an ended context":    func(g *Generation) error { return g.Flip(ended, at(2)) },
		"a long mark":         func(g *Generation) error { return g.Flip(t.Context(), feed.Position{Mark: strings.Repeat("m", 1000)}) },
	}
	for name, fail := range rows {
		g := newGeneration(t, r)
		if err := fail(g); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := g.Add(t.Context(), nil); err == nil {
			t.Errorf("%s: Add goes on", name)
		}
		if err := g.Flip(t.Context(), at(2)); err == nil {
			t.Errorf("%s: Flip succeeds", name)
		}
		if err := g.Discard(); err != nil {
			t.Errorf("%s: Discard = %v", name, err)
		}
		shows(t, r, name, tok)
	}
	free.Store(800*mib - 1)
	if _, err := r.Begin(t.Context()); !errors.Is(err, tokens.ErrStoreFull) {
		t.Errorf("Begin without room = %v, want ErrStoreFull", err)
	}
	if _, err := r.Begin(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin = %v, want context.Canceled", err)
	}
	free.Store(1000 * mib)
	g := newGeneration(t, r)
	if err := g.Add(ended, came(tok)); !errors.Is(err, context.Canceled) {
		t.Errorf("Add = %v, want context.Canceled", err)
	}
	if err := g.Add(t.Context(), came(tok)); err != nil { // what was refused for its context can be tried again
		t.Errorf("Add = %v", err)
	}
	if err := g.Discard(); err != nil {
		t.Error(err)
	}
}

// TestAnOldGenerationStaysUntilItsLastReaderHasLeft holds a read over a flip.
func TestAnOldGenerationStaysUntilItsLastReaderHasLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	one, two := fedTokenAt(1, 1), fedTokenAt(2, 2)
	flip(t, r, 1, came(one)...)
	err := r.view(t.Context(), func(from *snapshot) error {
		flip(t, r, 2, came(two)...)
		shows(t, r, "from now on", two)
		old := filepath.Dir(from.of.cfg.dbDir())
		if _, err := os.Stat(old); err != nil {
			t.Errorf("the files of the old one: %v", err)
		}
		if got, err := recordByHash(from, one.Hash); err != nil || got.ID != one.ID {
			t.Errorf("a read that began before: %+v, %v", got, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.retired.Wait()
	if names := generations(t, dir); len(names) != 1 {
		t.Errorf("left are %v, want one", names)
	}
}

func TestEachGoesOnBehindAnID(t *testing.T) {
	t.Parallel()
	r := testReplica(t, ReplicaConfig{})
	const n = 600
	var changes []feed.Change
	for i := range n {
		changes = append(changes, feed.Change{Token: fedTokenAt(i, uint64(i+1))})
	}
	odd := fedTokenAt(n, n+1)
	odd.ID = "\x00"
	flip(t, r, n, append(changes, feed.Change{Token: odd})...)
	for _, limit := range []int{-1, 0, 1, 7, n, n + 1, n + 2} {
		var all []Held
		for after := tokens.ID(""); ; {
			held, err := r.Each(t.Context(), after, limit)
			if err != nil || limit > 0 && len(held) > limit || limit <= 0 && len(held) > eachBatch {
				t.Fatalf("limit %d: %d, %v", limit, len(held), err)
			}
			if len(held) == 0 {
				break
			}
			all = append(all, held...)
			after = held[len(held)-1].ID
		}
		if len(all) != n+1 || all[0] != (Held{odd.ID, n + 1}) {
			t.Fatalf("limit %d: %d are held, the first is %+v", limit, len(all), all[0])
		}
		for i, h := range all[1:] {
			if h != (Held{benchToken(i).ID, uint64(i + 1)}) {
				t.Fatalf("limit %d: place %d has %+v", limit, i, h)
			}
		}
	}
	if _, err := r.Each(ended(t), "", 10); !errors.Is(err, context.Canceled) {
		t.Errorf("Each with an ended context = %v", err)
	}
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestTheObserverIsToldOfAReplicasOperations(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards seen
	seen := map[string]int{}
	r := testReplica(t, ReplicaConfig{Observe: func(op string, _ time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		seen[fmt.Sprint(op, " ", err != nil)]++
	}})
	flip(t, r, 1, came(fedTokenAt(1, 1))...)
	_ = r.Apply(t.Context(), feed.Position{}, nil)
	_, _ = r.ByHash(t.Context(), tokens.HashOf("nobody's"))
	_, _ = r.ByID(t.Context(), benchToken(1).ID)
	_, _ = r.List(t.Context(), tokens.Query{})
	_, _ = r.Usages(t.Context(), nil)
	_, _ = r.Accounts(t.Context())
	_, _ = r.Each(t.Context(), "", 1)
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{
		"add false", "flip false", "apply true", "by_hash true", "by_id false", "list false", "usages false", "accounts false", "each false",
	} {
		if seen[want] != 1 {
			t.Errorf("%s: seen %d times, want once (%v)", want, seen[want], seen)
		}
	}
}
