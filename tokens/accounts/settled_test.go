package accounts_test

import (
	"sync/atomic"
	"testing"

	"tollgate/tokens/accounts"
)

// TestSettledIsWhatTheDirectoryHas: a change that is in the records and not yet in
// force is not settled, and those before it are.
func TestSettledIsWhatTheDirectoryHas(t *testing.T) {
	var newest atomic.Uint64
	newest.Store(7)
	r := newRecords()
	registry := opened(t, r, withoutUsers)
	settled := registry.Settled(newest.Load)
	wants := func(when string, want uint64) {
		t.Helper()
		if got := settled(); got != want {
			t.Errorf("%s settled is %d, want %d", when, got, want)
		}
	}
	wants("before anything", 7)
	r.writing = func() {
		newest.Store(9) // it is committed; others were meanwhile, too
		wants("while ann is written", 7)
		if _, known := registry.User("ann"); known {
			t.Error("she is in force already")
		}
	}
	if err := registry.Create(t.Context(), accounts.Stored{Name: "ann", Tenants: []string{"red"}}); err != nil {
		t.Fatal(err)
	}
	wants("when she is in force", 9)
	r.writing, r.err = nil, errStore
	if err := registry.Delete(t.Context(), "ann"); err == nil {
		t.Fatal("a store that fails deletes")
	}
	wants("after a change that failed", 9)
}
