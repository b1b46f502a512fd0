package storetest

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"tollgate/tokens"
)

func markClauses() []clause {
	return []clause{
		{"disabling is a record and leaves the token where it is", disablingIsRecord},
		{"a use is a record and leaves the token where it is", useIsRecord},
		{"the last use moves a token to its end", lastUseEnds},
		{"an end is counted from the earliest thing that ends", earliestEnds},
		{"limits that no token can have are refused", impossibleIsRefused},
	}
}

// disable disables or, with the zero time, enables a stored token.
func disable(t *testing.T, s tokens.Store, tok *tokens.Token, at time.Time) *tokens.Token {
	t.Helper()
	d := tok.Clone()
	if d.Disabled = (tokens.Mark{}); !at.IsZero() {
		d.Disabled = tokens.Mark{At: at, By: "hopper"}
	}
	return put(t, s, d)
}

// lastUse uses up a stored token.
func lastUse(t *testing.T, s tokens.Store, tok *tokens.Token, at time.Time) *tokens.Token {
	t.Helper()
	u := tok.Clone()
	u.Used, u.Spent = u.Only.Uses, at
	return put(t, s, u)
}

func disablingIsRecord(t *testing.T, s tokens.Store) {
	tok := put(t, s, endingAt(1, after(time.Hour)))
	put(t, s, endingAt(2, after(2*time.Hour)))
	off := disable(t, s, tok, after(-time.Minute))
	equal(t, "disabled", byID(t, s, tok.ID), off)
	if state := off.StateAt(epoch()); state != tokens.Disabled {
		t.Errorf("state is %s", state)
	}
	for _, q := range []tokens.Query{{Owner: "ada"}, {Tenant: "acme"}, {}, {Owner: "ada", Name: "name 1"}} {
		want := []int{1, 2}
		if q.Name != "" {
			want = []int{1}
		}
		listed(t, s, "disabled", q, want...)
		q.LiveAt = epoch()
		listed(t, s, "disabled, live", q, want...)
	}
	if n := purge(t, s, epoch()); n != 0 {
		t.Errorf("Purge removes %d disabled tokens", n)
	}
	on := disable(t, s, off, time.Time{})
	equal(t, "enabled", byID(t, s, tok.ID), on)
	if state := on.StateAt(epoch()); state != tokens.Active {
		t.Errorf("state is %s", state)
	}
}

func useIsRecord(t *testing.T, s tokens.Store) {
	tok := put(t, s, endingAt(1, after(time.Hour)))
	put(t, s, endingAt(2, after(2*time.Hour)))
	used := tok.Clone()
	used.Used++
	used = put(t, s, used)
	equal(t, "used", byID(t, s, tok.ID), used)
	listed(t, s, "used", tokens.Query{Owner: "ada", LiveAt: epoch()}, 1, 2)
	if _, err := s.Put(t.Context(), tok); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("writing back what was read before the use = %v, want ErrConflict", err)
	}
}

func lastUseEnds(t *testing.T, s tokens.Store) {
	late := put(t, s, endingAt(1, after(time.Hour)))
	endless := put(t, s, endingAt(2, time.Time{}))
	put(t, s, endingAt(3, after(time.Minute)))
	want := lastUse(t, s, late, after(time.Second))
	lastUse(t, s, endless, after(-time.Second))
	equal(t, "used up", byID(t, s, late.ID), want)
	if state := want.StateAt(epoch()); state != tokens.UsedUp {
		t.Errorf("state is %s", state)
	}
	for _, q := range []tokens.Query{{Owner: "ada"}, {Tenant: "acme"}, {}} {
		listed(t, s, "all", q, 2, 1, 3)
		q.LiveAt = after(-time.Minute) // the last use counts from when it is recorded
		listed(t, s, "live", q, 3)
	}
	if n := purge(t, s, after(30*time.Second)); n != 2 {
		t.Errorf("Purge removes %d, want the two that were used up", n)
	}
	listed(t, s, "what is left", tokens.Query{}, 3)
}

func earliestEnds(t *testing.T, s tokens.Store) {
	at := func(n int, expires, spent, revoked time.Duration) {
		tok := put(t, s, endingAt(n, after(expires)))
		tok = lastUse(t, s, tok, after(spent))
		revoke(t, s, tok, after(revoked))
	}
	at(1, 4*time.Minute, time.Minute, 5*time.Minute)
	at(2, 2*time.Minute, 3*time.Minute, 4*time.Minute)
	at(3, 5*time.Minute, 4*time.Minute, 3*time.Minute)
	for _, q := range []tokens.Query{{Owner: "ada"}, {Tenant: "acme"}, {}} {
		listed(t, s, "all", q, 1, 2, 3)
		q.LiveAt = epoch()
		listed(t, s, "live", q)
	}
}

func impossibleIsRefused(t *testing.T, s tokens.Store) {
	const unknown = tokens.Permissions(1 << 31)
	rows := map[string]func(*tokens.Token){
		"an invalid network":    func(tok *tokens.Token) { tok.Only.Addresses = []netip.Prefix{{}} },
		"bits beyond the mask":  func(tok *tokens.Token) { tok.Only.Addresses[0] = netip.MustParsePrefix("10.1.0.0/8") },
		"IPv4 in IPv6":          func(tok *tokens.Token) { tok.Only.Addresses[0] = netip.MustParsePrefix("::ffff:10.0.0.0/104") },
		"an empty agent":        func(tok *tokens.Token) { tok.Only.Agents[0].Text = "" },
		"a type in capitals":    func(tok *tokens.Token) { tok.Only.Types[0] = "Image/png" },
		"a tag with a line end": func(tok *tokens.Token) { tok.Only.Tags[0] = "a\nb" },
		"a negative size":       func(tok *tokens.Token) { tok.Only.SizeBelow = -1 },
		"more uses than it has": func(tok *tokens.Token) { tok.Used = tok.Only.Uses + 1 },
		"uses without a limit":  func(tok *tokens.Token) { tok.Only.Uses, tok.Used = 0, 1 },
		"an empty allowance":    func(tok *tokens.Token) { tok.Allowed = tokens.Allowances{{}} },
		"an unknown right":      func(tok *tokens.Token) { tok.Allowed[0].Permissions |= unknown },
		"an unknown ceiling":    func(tok *tokens.Token) { tok.Ceiling |= unknown },
	}
	stored := put(t, s, sample(1))
	for name, change := range rows {
		if _, err := s.Put(t.Context(), with(2, change)); err == nil {
			t.Errorf("%s: Put succeeds", name)
		}
		worse := stored.Clone()
		change(worse)
		if _, err := s.Put(t.Context(), worse); err == nil {
			t.Errorf("%s: Put in place of another succeeds", name)
		}
	}
	equal(t, "after refused changes", byID(t, s, stored.ID), stored)
	listed(t, s, "all", tokens.Query{}, 1)
}
