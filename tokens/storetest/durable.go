package storetest

import (
	"errors"
	"testing"
	"time"

	"tollgate/tokens"
)

// RunDurable checks what a store that keeps its tokens in a directory must
// keep when it is closed and opened again. open opens the store in the
// directory; the function that it returns closes it.
func RunDurable(t *testing.T, open func(t *testing.T, dir string) (tokens.Store, func())) {
	t.Helper()
	clauses := map[string]func(t *testing.T, reopen func() tokens.Store){
		"what was put is there again":          durablePut,
		"what was revoked stays so":            durableRevocation,
		"what was purged stays away":           durablePurge,
		"a revision from before still counts":  durableRevision,
		"a cursor from before still goes on":   durableCursor,
		"a disabled token stays so":            durableDisabled,
		"a taken name stays taken":             durableName,
		"a usage is there again and adds up":   durableUsage,
		"a closed store refuses with an error": nil,
	}
	for name, check := range clauses {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if check == nil {
				s, closeStore := open(t, dir)
				put(t, s, sample(1))
				closeStore()
				closedRefuses(t, s)
				return
			}
			closeLast := func() {}
			check(t, func() tokens.Store {
				closeLast()
				s, closeStore := open(t, dir)
				closeLast = closeStore
				return s
			})
			closeLast()
		})
	}
}

func durablePut(t *testing.T, reopen func() tokens.Store) {
	var want []*tokens.Token
	for round := range 3 {
		s := reopen()
		for _, tok := range want {
			equal(t, "after opening again", byID(t, s, tok.ID), tok)
		}
		if got := list(t, s, tokens.Query{Owner: "ada"}); len(got) != len(want) {
			t.Errorf("%d are listed, want %d", len(got), len(want))
		}
		for n := range 50 {
			want = append(want, put(t, s, endingAt(round*100+n, after(time.Duration(n)*time.Minute))))
		}
	}
}

func durableRevocation(t *testing.T, reopen func() tokens.Store) {
	s := reopen()
	tok := put(t, s, sample(1))
	s = reopen()
	want := revoke(t, s, tok, after(time.Minute))
	for range 2 {
		s = reopen()
		equal(t, "after opening again", byID(t, s, tok.ID), want)
		listed(t, s, "live", tokens.Query{Owner: "ada", LiveAt: epoch()})
	}
}

func durableDisabled(t *testing.T, reopen func() tokens.Store) {
	tok := put(t, reopen(), sample(1))
	want := disable(t, reopen(), tok, after(time.Minute))
	s := reopen()
	equal(t, "disabled", byID(t, s, tok.ID), want)
	listed(t, s, "live", tokens.Query{Owner: "ada", LiveAt: epoch()}, 1)
	want = disable(t, s, want, time.Time{})
	equal(t, "enabled", byID(t, reopen(), tok.ID), want)
}

func durableName(t *testing.T, reopen func() tokens.Store) {
	tok := put(t, reopen(), named(1, "deploy"))
	s := reopen()
	nameTaken(t, s, "after opening again", named(2, "deploy"))
	listed(t, s, "the one that has it", tokens.Query{Owner: "ada", Name: "deploy"}, 1)
	revoke(t, s, tok, epoch())
	put(t, reopen(), named(2, "deploy"))
	nameTaken(t, reopen(), "given again", named(3, "deploy"))
}

func durableUsage(t *testing.T, reopen func() tokens.Store) {
	s := reopen()
	put(t, s, sample(1))
	use(t, s, usageOf(1, 3, epoch(), "first"))
	s = reopen()
	used(t, s, "after opening again", usageOf(1, 3, epoch(), "first"))
	use(t, s, usageOf(1, 4, after(time.Second), "second"))
	used(t, reopen(), "after adding", usageOf(1, 7, after(time.Second), "second"))
}

func durablePurge(t *testing.T, reopen func() tokens.Store) {
	s := reopen()
	put(t, s, sample(1))
	purge(t, s, after(2*time.Hour))
	s = reopen()
	if _, err := s.ByID(t.Context(), sample(1).ID); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByID = %v, want ErrUnknown", err)
	}
	put(t, s, sample(1))
}

func durableRevision(t *testing.T, reopen func() tokens.Store) {
	s := reopen()
	first := put(t, s, sample(1))
	second := put(t, s, changed(first, "second"))
	s = reopen()
	if _, err := s.Put(t.Context(), changed(first, "late")); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("Put with an old revision = %v, want ErrConflict", err)
	}
	third := put(t, s, changed(second, "third"))
	if third.Revision <= second.Revision {
		t.Errorf("revision %d follows %d", third.Revision, second.Revision)
	}
}

func durableCursor(t *testing.T, reopen func() tokens.Store) {
	s := reopen()
	for n := range 5 {
		put(t, s, endingAt(n, after(time.Duration(n)*time.Minute)))
	}
	page, err := s.List(t.Context(), tokens.Query{Owner: "ada", Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	listed(t, reopen(), "the rest", tokens.Query{Owner: "ada", After: page.Next}, 2, 3, 4)
}

func closedRefuses(t *testing.T, s tokens.Store) {
	ctx := t.Context()
	calls := map[string]func() error{
		"ByHash": func() error { _, err := s.ByHash(ctx, sample(1).Hash); return err },
		"ByID":   func() error { _, err := s.ByID(ctx, sample(1).ID); return err },
		"Put":    func() error { _, err := s.Put(ctx, sample(2)); return err },
		"List":   func() error { _, err := s.List(ctx, tokens.Query{Owner: "ada"}); return err },
		"Purge":  func() error { _, err := s.Purge(ctx, after(24*time.Hour)); return err },
		"Named":  func() error { _, err := s.List(ctx, tokens.Query{Owner: "ada", Name: "name 1"}); return err },
		"AddUsages": func() error {
			return usageStore(t, s).AddUsages(ctx, []tokens.Usage{usageOf(1, 1, epoch(), "")})
		},
		"Usages": func() error { _, err := usageStore(t, s).Usages(ctx, []tokens.ID{sample(1).ID}); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, tokens.ErrStoreClosed) {
			t.Errorf("%s of a closed store = %v, want ErrStoreClosed", name, err)
		}
	}
}
