package storetest

import (
	"errors"
	"testing"
	"time"

	"tollgate/tokens"
)

// purgeBatch is the most that one Purge may remove.
const purgeBatch = 1000

func purgeClauses() []clause {
	return []clause{
		{"only what ended before is removed", purgeRemovesEnded},
		{"what is purged is gone", purgedIsGone},
		{"a purge is bounded and comes to an end", purgeIsBounded},
		{"a purged token does not come back by an old revision", purgedStaysAway},
	}
}

func purge(t *testing.T, s tokens.Store, before time.Time) int {
	t.Helper()
	n, err := s.Purge(t.Context(), before)
	if err != nil {
		t.Fatalf("Purge = %v", err)
	}
	return n
}

func purgeRemovesEnded(t *testing.T, s tokens.Store) {
	if n := purge(t, s, epoch()); n != 0 {
		t.Errorf("Purge of an empty store removes %d", n)
	}
	put(t, s, endingAt(1, after(-time.Hour)))
	put(t, s, endingAt(2, after(-time.Millisecond)))
	put(t, s, endingAt(3, after(0)))
	put(t, s, endingAt(4, after(time.Hour)))
	put(t, s, endingAt(5, time.Time{}))
	revoke(t, s, put(t, s, endingAt(6, time.Time{})), after(-time.Minute))
	revoke(t, s, put(t, s, endingAt(7, after(time.Hour))), after(time.Minute))
	revoke(t, s, put(t, s, endingAt(8, after(-time.Minute))), after(time.Minute))

	for _, long := range []time.Time{{}, time.UnixMilli(0), after(-time.Hour)} {
		if n := purge(t, s, long); n != 0 {
			t.Errorf("Purge of what ended before %v removes %d, want none", long, n)
		}
	}
	if n := purge(t, s, epoch()); n != 4 {
		t.Errorf("Purge removes %d, want those of 1, 2, 6 and 8", n)
	}
	listed(t, s, "what is left", tokens.Query{Owner: "ada"}, 3, 7, 4, 5)
	if n := purge(t, s, epoch().Add(time.Nanosecond)); n != 1 {
		t.Errorf("Purge a nanosecond later removes %d, want that of 3", n)
	}
	if n := purge(t, s, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); n != 2 {
		t.Errorf("Purge at the end of days removes %d, want those of 7 and 4", n)
	}
	listed(t, s, "what never ends", tokens.Query{Tenant: "acme"}, 5)
}

func purgedIsGone(t *testing.T, s tokens.Store) {
	old := put(t, s, sample(1))
	if n := purge(t, s, after(2*time.Hour)); n != 1 {
		t.Fatalf("Purge removes %d, want 1", n)
	}
	if _, err := s.ByID(t.Context(), old.ID); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByID = %v, want ErrUnknown", err)
	}
	if _, err := s.ByHash(t.Context(), old.Hash); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByHash = %v, want ErrUnknown", err)
	}
	listed(t, s, "by owner", tokens.Query{Owner: "ada"})
	listed(t, s, "by tenant", tokens.Query{Tenant: "acme"})
	if _, err := s.Put(t.Context(), old); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("an update = %v, want ErrUnknown", err)
	}
	put(t, s, with(2, func(tok *tokens.Token) { tok.ID = old.ID }))
	put(t, s, with(3, func(tok *tokens.Token) { tok.Hash = old.Hash }))
}

func purgeIsBounded(t *testing.T, s tokens.Store) {
	const n = 2*purgeBatch + 7
	putMany(t, s, n)
	keep := put(t, s, endingAt(n, time.Time{}))
	for _, want := range []int{purgeBatch, purgeBatch, 7, 0} {
		if got := purge(t, s, after(24*time.Hour)); got != want {
			t.Fatalf("Purge removes %d, want %d", got, want)
		}
	}
	listed(t, s, "what is left", tokens.Query{Owner: "ada"}, n)
	byID(t, s, keep.ID)
}

func purgedStaysAway(t *testing.T, s tokens.Store) {
	old := put(t, s, sample(1))
	purge(t, s, after(2*time.Hour))
	fresh := put(t, s, sample(1))
	if _, err := s.Put(t.Context(), changed(old, "from before the purge")); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("Put with the revision from before the purge = %v, want ErrConflict", err)
	}
	equal(t, "the new token", byID(t, s, fresh.ID), fresh)
}
