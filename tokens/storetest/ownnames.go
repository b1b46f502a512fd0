package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
)

func ownNameClauses() []clause {
	return []clause{
		{"a name is for one live token of its owner", nameIsTaken},
		{"names are compared whole, owner and name apart", ownNamesAreWhole},
		{"a name is free when who had it has ended", nameIsFree},
		{"a name is free again after a purge", purgeFreesName},
		{"a purge leaves the name of who has it now", purgeLeavesName},
		{"what has a name can be changed and keeps it", holderKeepsName},
		{"what lost its name does not come to life again", lostNameStaysLost},
		{"what ends again does not take its name back", endingTakesNothing},
		{"who comes to life again has his name", revivedHasName},
		{"one of many creations of a name wins", oneNameWins},
	}
}

// named returns sample(n) with a name.
func named(n int, name string) *tokens.Token {
	return with(n, func(tok *tokens.Token) { tok.Name = name })
}

// nameTaken checks that a create or an update is refused for its name, and
// that nothing of it is kept.
func nameTaken(t *testing.T, s tokens.Store, what string, tok *tokens.Token) {
	t.Helper()
	_, err := s.Put(t.Context(), tok)
	if !errors.Is(err, tokens.ErrName) {
		t.Errorf("%s: Put = %v, want ErrName", what, err)
	}
	if tok.Revision > 0 {
		if got := byID(t, s, tok.ID); got.Revision != tok.Revision {
			t.Errorf("%s: it was changed", what)
		}
		return
	}
	if _, err := s.ByID(t.Context(), tok.ID); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("%s: ByID = %v, want ErrUnknown", what, err)
	}
}

func nameIsTaken(t *testing.T, s tokens.Store) {
	put(t, s, named(1, "deploy"))
	nameTaken(t, s, "the same", named(2, "deploy"))
	nameTaken(t, s, "another API", with(2, func(tok *tokens.Token) { tok.Name, tok.API = "deploy", tokens.AccessTokens }))
	nameTaken(t, s, "another tenant", with(2, func(tok *tokens.Token) { tok.Name, tok.Scope.Tenant = "deploy", "other" }))
	if _, err := s.Put(t.Context(), named(1, "deploy")); !errors.Is(err, tokens.ErrExists) {
		t.Errorf("the same id and name: Put = %v, want ErrExists", err)
	}
	put(t, s, with(3, func(tok *tokens.Token) { tok.Owner, tok.Name = "bob", "deploy" }))
	put(t, s, named(4, ""))
	put(t, s, named(5, "")) // no name is not a name
	listed(t, s, "all", tokens.Query{}, 1, 3, 4, 5)
}

func ownNamesAreWhole(t *testing.T, s tokens.Store) {
	names := lookalikes()
	n := 0
	for _, owner := range names[:8] {
		for _, name := range names {
			put(t, s, with(n, func(tok *tokens.Token) { tok.Owner, tok.Name = owner, name }))
			n++
		}
	}
	n = 0
	for _, owner := range names[:8] {
		for _, name := range names {
			listed(t, s, owner+" "+name, tokens.Query{Owner: owner, Name: name}, n)
			nameTaken(t, s, owner+" "+name, with(100_000, func(tok *tokens.Token) { tok.Owner, tok.Name = owner, name }))
			n++
		}
	}
}

// nameIsFree has a row for each way to have a name, and says whether it is
// free for a token that is created at the epoch.
func nameIsFree(t *testing.T, s tokens.Store) {
	rows := map[string]struct {
		spoil func(*tokens.Token)
		free  bool
	}{
		"live":                          {func(*tokens.Token) {}, false},
		"without an end":                {func(tok *tokens.Token) { tok.Expires = time.Time{} }, false},
		"about to expire":               {func(tok *tokens.Token) { tok.Expires = after(time.Millisecond) }, false},
		"expiring at that time":         {func(tok *tokens.Token) { tok.Expires = epoch() }, true},
		"expired":                       {func(tok *tokens.Token) { tok.Expires = after(-time.Hour) }, true},
		"revoked":                       {func(tok *tokens.Token) { tok.Revoked = tokens.Mark{At: after(-time.Minute), By: "grace"} }, true},
		"revoked at a time to come":     {func(tok *tokens.Token) { tok.Revoked = tokens.Mark{At: after(time.Minute)} }, true},
		"used up":                       {func(tok *tokens.Token) { tok.Used, tok.Spent = 7, after(-time.Minute) }, true},
		"used as often as it may, live": {func(tok *tokens.Token) { tok.Used = 7 }, false},
		"disabled":                      {func(tok *tokens.Token) { tok.Disabled = tokens.Mark{At: after(-time.Minute)} }, false},
		"pending":                       {func(tok *tokens.Token) { tok.NotBefore = after(time.Minute) }, false},
	}
	n := 0
	for name, row := range rows {
		old := put(t, s, named(n, name))
		row.spoil(old)
		put(t, s, old)
		next := named(n+1, name)
		if row.free {
			put(t, s, next)
			listed(t, s, name, tokens.Query{Owner: "ada", Name: name, LiveAt: epoch()}, n+1)
			nameTaken(t, s, name+", given again", named(n+2, name))
		} else {
			nameTaken(t, s, name, next)
		}
		n += 3
	}
}

func purgeFreesName(t *testing.T, s tokens.Store) {
	put(t, s, named(1, "deploy"))
	purge(t, s, after(2*time.Hour))
	listed(t, s, "purged", tokens.Query{Owner: "ada", Name: "deploy"})
	put(t, s, named(2, "deploy"))
	listed(t, s, "made again", tokens.Query{Owner: "ada", Name: "deploy"}, 2)
}

func purgeLeavesName(t *testing.T, s tokens.Store) {
	revoke(t, s, put(t, s, named(1, "deploy")), after(-time.Hour))
	put(t, s, named(2, "deploy"))
	if n := purge(t, s, epoch()); n != 1 {
		t.Fatalf("Purge removes %d, want 1", n)
	}
	listed(t, s, "the one that has it", tokens.Query{Owner: "ada", Name: "deploy"}, 2)
	nameTaken(t, s, "a third", named(3, "deploy"))
}

func holderKeepsName(t *testing.T, s tokens.Store) {
	tok := put(t, s, named(1, "deploy"))
	tok = put(t, s, changed(tok, "second"))
	tok = disable(t, s, tok, epoch())
	tok.Expires = after(24 * time.Hour)
	tok = put(t, s, tok)
	nameTaken(t, s, "after changes", named(2, "deploy"))
	tok.Expires = time.Time{}
	put(t, s, tok)
	nameTaken(t, s, "without an end", named(2, "deploy"))
	listed(t, s, "the one that has it", tokens.Query{Owner: "ada", Name: "deploy"}, 1)
}

func lostNameStaysLost(t *testing.T, s tokens.Store) {
	expired := put(t, s, with(1, func(tok *tokens.Token) { tok.Name, tok.Expires = "expired", after(-time.Hour) }))
	put(t, s, named(2, "expired"))
	revoked := revoke(t, s, put(t, s, named(3, "revoked")), after(-time.Hour))
	put(t, s, named(4, "revoked"))
	spent := lastUse(t, s, put(t, s, named(5, "spent")), after(-time.Hour))
	put(t, s, named(6, "spent"))

	expired.Expires = after(time.Hour)
	nameTaken(t, s, "a later end", expired)
	expired.Expires = time.Time{}
	nameTaken(t, s, "no end", expired)
	revoked.Revoked = tokens.Mark{}
	nameTaken(t, s, "not revoked", revoked)
	spent.Spent = time.Time{}
	nameTaken(t, s, "not used up", spent)
	for n, name := range map[int]string{2: "expired", 4: "revoked", 6: "spent"} {
		listed(t, s, name, tokens.Query{Owner: "ada", Name: name, LiveAt: epoch()}, n)
	}
}

// endingTakesNothing changes tokens whose names were given again in ways that
// do not bring them to life.
func endingTakesNothing(t *testing.T, s tokens.Store) {
	old := put(t, s, with(1, func(tok *tokens.Token) { tok.Name, tok.Expires = "deploy", after(-time.Hour) }))
	put(t, s, named(2, "deploy"))
	old = put(t, s, changed(old, "a note"))
	old = disable(t, s, old, epoch())
	old.Expires = after(-2 * time.Hour)
	old = put(t, s, old)
	old = lastUse(t, s, old, epoch())
	old = revoke(t, s, old, epoch())
	old.Expires = time.Time{}
	put(t, s, old) // revoked it stays
	listed(t, s, "the one that has it", tokens.Query{Owner: "ada", Name: "deploy", LiveAt: epoch()}, 2)
	nameTaken(t, s, "a third", named(3, "deploy"))
}

func revivedHasName(t *testing.T, s tokens.Store) {
	old := put(t, s, with(1, func(tok *tokens.Token) { tok.Name, tok.Expires = "deploy", after(-time.Hour) }))
	revoke(t, s, put(t, s, named(2, "deploy")), after(time.Minute))
	old.Expires = after(time.Hour)
	put(t, s, old)
	listed(t, s, "the one that is live again", tokens.Query{Owner: "ada", Name: "deploy", LiveAt: epoch()}, 1)
	nameTaken(t, s, "a third", named(3, "deploy"))
}

func oneNameWins(t *testing.T, s tokens.Store) {
	for round := range 10 {
		var won atomic.Int32
		name := fmt.Sprint("round ", round)
		if round%2 == 0 { // there is one to be taken over
			revoke(t, s, put(t, s, named(100*round, name)), epoch())
		}
		together(func(worker int) {
			switch _, err := s.Put(t.Context(), named(100*round+worker+1, name)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokens.ErrName):
				t.Errorf("Put = %v, want ErrName", err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("round %d: %d creations won", round, won.Load())
		}
		if got := list(t, s, tokens.Query{Owner: "ada", Name: name, LiveAt: epoch()}); len(got) != 1 {
			t.Errorf("round %d: %d tokens have the name", round, len(got))
		}
	}
	if got := list(t, s, tokens.Query{LiveAt: epoch()}); len(got) != 10 {
		t.Errorf("%d live tokens are listed, want 10", len(got))
	}
}
