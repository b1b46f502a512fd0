package storetest

import (
	"errors"
	"testing"
	"time"

	"tollgate/tokens"
)

func writeClauses() []clause {
	return []clause{
		{"a taken id or hash is refused", takenIsRefused},
		{"a token without id or hash is refused", incompleteIsRefused},
		{"an update needs the last revision", updateNeedsRevision},
		{"an update of nothing is unknown", updateOfNothing},
		{"the revision grows", revisionGrows},
		{"identity never changes", identityIsFixed},
		{"a revocation is a record", revocationIsRecord},
		{"a time that would round to never is refused", almostZeroIsRefused},
		{"times are kept in whole milliseconds, rounded down", timesAreMilliseconds},
	}
}

func takenIsRefused(t *testing.T, s tokens.Store) {
	want := put(t, s, sample(1))
	rows := map[string]*tokens.Token{
		"the same":  sample(1),
		"same id":   with(2, func(tok *tokens.Token) { tok.ID = want.ID }),
		"same hash": with(3, func(tok *tokens.Token) { tok.Hash = want.Hash }),
	}
	for name, tok := range rows {
		if _, err := s.Put(t.Context(), tok); !errors.Is(err, tokens.ErrExists) {
			t.Errorf("%s: Put = %v, want ErrExists", name, err)
		}
	}
	equal(t, "the token that was there", byID(t, s, want.ID), want)
	if _, err := s.ByHash(t.Context(), sample(2).Hash); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("the refused token's hash: %v, want ErrUnknown", err)
	}
	if _, err := s.ByID(t.Context(), sample(3).ID); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("the refused token's id: %v, want ErrUnknown", err)
	}
	if got := list(t, s, tokens.Query{Owner: "ada"}); len(got) != 1 {
		t.Errorf("%d tokens are listed, want 1", len(got))
	}
}

func incompleteIsRefused(t *testing.T, s tokens.Store) {
	rows := map[string]*tokens.Token{
		"no id":   with(1, func(tok *tokens.Token) { tok.ID = "" }),
		"no hash": with(2, func(tok *tokens.Token) { tok.Hash = tokens.Hash{} }),
	}
	for name, tok := range rows {
		if _, err := s.Put(t.Context(), tok); err == nil {
			t.Errorf("%s: Put succeeds", name)
		}
	}
	if got := list(t, s, tokens.Query{Owner: "ada"}); len(got) != 0 {
		t.Errorf("%d tokens are listed, want none", len(got))
	}
}

func updateNeedsRevision(t *testing.T, s tokens.Store) {
	first := put(t, s, sample(1))
	second := put(t, s, changed(first, "second"))
	if _, err := s.Put(t.Context(), changed(first, "late")); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("Put with an old revision = %v, want ErrConflict", err)
	}
	ahead := changed(second, "ahead")
	ahead.Revision++
	if _, err := s.Put(t.Context(), ahead); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("Put with a revision yet to come = %v, want ErrConflict", err)
	}
	equal(t, "after refused updates", byID(t, s, second.ID), second)
}

func changed(tok *tokens.Token, value string) *tokens.Token {
	c := tok.Clone()
	c.Meta = []tokens.Meta{{Name: "turn", Value: value}}
	return c
}

func updateOfNothing(t *testing.T, s tokens.Store) {
	tok := with(1, func(tok *tokens.Token) { tok.Revision = 1 })
	if _, err := s.Put(t.Context(), tok); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("Put = %v, want ErrUnknown", err)
	}
	if _, err := s.ByID(t.Context(), tok.ID); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByID = %v, want ErrUnknown", err)
	}
}

func revisionGrows(t *testing.T, s tokens.Store) {
	tok := put(t, s, sample(1))
	if tok.Revision == 0 {
		t.Fatal("a stored token has revision zero")
	}
	for range 20 {
		next := put(t, s, changed(tok, "again"))
		if next.Revision <= tok.Revision {
			t.Fatalf("revision %d follows %d", next.Revision, tok.Revision)
		}
		tok = next
	}
	equal(t, "the last", byID(t, s, tok.ID), tok)
}

func identityIsFixed(t *testing.T, s tokens.Store) {
	want := put(t, s, sample(1))
	rows := map[string]func(*tokens.Token){
		"hash":   func(tok *tokens.Token) { tok.Hash = tokens.HashOf("another") },
		"API":    func(tok *tokens.Token) { tok.API = tokens.AccessTokens },
		"name":   func(tok *tokens.Token) { tok.Name = "another" },
		"no one": func(tok *tokens.Token) { tok.Name = "" },
		"owner":  func(tok *tokens.Token) { tok.Owner = "mallory" },
		"tenant": func(tok *tokens.Token) { tok.Scope.Tenant = "evil" },
		"domain": func(tok *tokens.Token) { tok.Scope.Domain = "" },
	}
	for name, change := range rows {
		tok := want.Clone()
		change(tok)
		if _, err := s.Put(t.Context(), tok); err == nil {
			t.Errorf("Put with another %s succeeds", name)
		}
		equal(t, name, byID(t, s, want.ID), want)
	}
}

func revocationIsRecord(t *testing.T, s tokens.Store) {
	never := put(t, s, endingAt(1, time.Time{}))
	for _, tok := range []*tokens.Token{never, put(t, s, sample(2))} {
		want := revoke(t, s, tok, after(time.Minute))
		equal(t, "by id", byID(t, s, tok.ID), want)
		got, err := s.ByHash(t.Context(), tok.Hash)
		if err != nil {
			t.Fatalf("ByHash of a revoked token = %v", err)
		}
		equal(t, "by hash", got, want)
		if state := got.StateAt(after(time.Minute)); state != tokens.Revoked {
			t.Errorf("state is %s", state)
		}
		if _, err := s.Put(t.Context(), tok); !errors.Is(err, tokens.ErrConflict) {
			t.Errorf("writing back what was read before the revocation = %v, want ErrConflict", err)
		}
	}
}

func timesAreMilliseconds(t *testing.T, s tokens.Store) {
	east := time.FixedZone("east", 5*3600)
	tok := with(1, func(tok *tokens.Token) {
		tok.Created = epoch().Add(999_999).In(east)
		tok.Expires = after(time.Hour).Add(999_999).In(east)
		tok.NotBefore = after(2 * time.Minute).Add(999_999).In(east)
		tok.Spent = after(3 * time.Minute).Add(999_999).In(east)
		tok.Disabled = tokens.Mark{At: after(4 * time.Minute).Add(1).In(east), By: "grace"}
		tok.Revoked = tokens.Mark{At: after(time.Minute).Add(1).In(east), By: "grace"}
	})
	put(t, s, tok)
	got := byID(t, s, tok.ID)
	want := map[string][2]time.Time{
		"created":  {got.Created, epoch()},
		"expires":  {got.Expires, after(time.Hour)},
		"begins":   {got.NotBefore, after(2 * time.Minute)},
		"used up":  {got.Spent, after(3 * time.Minute)},
		"disabled": {got.Disabled.At, after(4 * time.Minute)},
		"revoked":  {got.Revoked.At, after(time.Minute)},
	}
	for name, pair := range want {
		if pair[0] != pair[1] {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
}

// almostZeroIsRefused: rounded down to milliseconds, the time would be the
// zero time, and the token would live for ever.
func almostZeroIsRefused(t *testing.T, s tokens.Store) {
	almost := time.Time{}.Add(1)
	rows := map[string]func(*tokens.Token){
		"expires":  func(tok *tokens.Token) { tok.Expires = almost },
		"begins":   func(tok *tokens.Token) { tok.NotBefore = almost },
		"used up":  func(tok *tokens.Token) { tok.Spent = almost },
		"disabled": func(tok *tokens.Token) { tok.Disabled.At = almost },
		"revoked":  func(tok *tokens.Token) { tok.Revoked.At = almost },
	}
	for name, change := range rows {
		if _, err := s.Put(t.Context(), with(1, change)); err == nil {
			t.Errorf("%s: Put succeeds", name)
		}
	}
	if _, err := s.ByID(t.Context(), sample(1).ID); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByID = %v, want ErrUnknown", err)
	}
}
