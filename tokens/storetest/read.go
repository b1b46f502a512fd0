package storetest

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"

	"tollgate/tokens"
)

func readClauses() []clause {
	return []clause{
		{"what was never put is unknown", unknownIsUnknown},
		{"a put is seen by the next reads", putIsSeen},
		{"every field comes back", fieldsComeBack},
		{"what comes back is the reader's own, but by hash", readsAreCopies},
		{"what was read never changes by itself", readsStay},
		{"a put keeps nothing of the writer's", putCopies},
		{"an ended context is honoured", contextIsHonoured},
	}
}

func unknownIsUnknown(t *testing.T, s tokens.Store) {
	put(t, s, sample(1))
	if _, err := s.ByHash(t.Context(), sample(2).Hash); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByHash = %v, want ErrUnknown", err)
	}
	for _, id := range []tokens.ID{sample(2).ID, "", "000", sample(1).ID + "0", "\x00"} {
		if tok, err := s.ByID(t.Context(), id); !errors.Is(err, tokens.ErrUnknown) || tok != nil {
			t.Errorf("ByID(%q) = %v, %v, want ErrUnknown", id, tok, err)
		}
	}
}

func putIsSeen(t *testing.T, s tokens.Store) {
	for n := range 50 {
		want := put(t, s, sample(n))
		got, err := s.ByHash(t.Context(), want.Hash)
		if err != nil {
			t.Fatalf("ByHash after Put = %v", err)
		}
		equal(t, "ByHash", got, want)
		equal(t, "ByID", byID(t, s, want.ID), want)
	}
}

func fieldsComeBack(t *testing.T, s tokens.Store) {
	odd := "\x00 \xff\xfe é 日本 \U0001F511 / % \n"
	rows := map[string]*tokens.Token{
		"everything": with(1, func(tok *tokens.Token) {
			tok.Used, tok.Spent = tok.Only.Uses, after(time.Second)
			tok.Disabled = tokens.Mark{At: after(2 * time.Second), By: "hopper"}
			tok.Revoked = tokens.Mark{At: after(time.Minute), By: "grace"}
		}),
		"the least": {ID: "2", Hash: tokens.HashOf("2")},
		"odd bytes": with(3, func(tok *tokens.Token) {
			tok.API, tok.Owner, tok.Creator, tok.AccessKey = tokens.API(odd), odd, odd, odd
			tok.Scope = tokens.Scope{Tenant: odd, Domain: odd}
			tok.Secret = tokens.Sealed(odd)
			tok.Name, tok.Tenants, tok.Roles = odd, []string{odd, "", odd}, []string{"", odd}
			tok.Disabled.By, tok.Revoked.By = odd, odd
			tok.Meta = []tokens.Meta{{Name: odd, Value: odd}, {}, {Name: odd, Value: odd}}
		}),
		"empty lists": with(10, func(tok *tokens.Token) {
			tok.Tenants, tok.Roles, tok.Meta, tok.Allowed = []string{}, []string{}, []tokens.Meta{}, tokens.Allowances{}
			tok.Only = tokens.Restrictions{Addresses: []netip.Prefix{}, Agents: []tokens.Agent{}, Types: []string{}, Tags: []string{}}
			tok.Used = 0
		}),
		"the most": with(11, func(tok *tokens.Token) {
			tok.Only.SizeBelow, tok.Only.Uses, tok.Used = math.MaxInt64, math.MaxUint32, math.MaxUint32
			tok.Ceiling = tokens.Everything
		}),
		"never ends":      endingAt(4, time.Time{}),
		"ends in 1970":    endingAt(5, time.UnixMilli(0).UTC()),
		"ends in 9999":    endingAt(6, time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)),
		"no creation":     with(7, func(tok *tokens.Token) { tok.Created = time.Time{} }),
		"tenant's domain": with(8, func(tok *tokens.Token) { tok.Scope.Domain = "" }),
		"long metadata": with(9, func(tok *tokens.Token) {
			for range 200 {
				tok.Meta = append(tok.Meta, tokens.Meta{Name: "n" + odd, Value: odd + odd + odd + odd})
			}
		}),
	}
	for name, tok := range rows {
		want := put(t, s, tok)
		equal(t, name, byID(t, s, tok.ID), want)
	}
}

func readsAreCopies(t *testing.T, s tokens.Store) {
	want := put(t, s, sample(1))
	reads := map[string]func() *tokens.Token{
		"ByID": func() *tokens.Token { return byID(t, s, want.ID) },
		"List": func() *tokens.Token { return list(t, s, tokens.Query{Owner: want.Owner})[0] },
	}
	shared := byHash(t, s, want.Hash)
	for name, read := range reads {
		spoil(read())
		equal(t, name+" after another reader changed his", read(), want)
	}
	equal(t, "what was read by hash before", shared, want)
	equal(t, "ByHash after other readers changed theirs", byHash(t, s, want.Hash), want)
}

// readsStay reads a token, and reads it again after each of its changes: what
// was read before must stay as it was, for others may hold it.
func readsStay(t *testing.T, s tokens.Store) {
	first := put(t, s, sample(1))
	reads := map[string]*tokens.Token{
		"ByHash": byHash(t, s, first.Hash), "ByHash again": byHash(t, s, first.Hash),
		"ByID": byID(t, s, first.ID), "List": list(t, s, tokens.Query{Owner: first.Owner})[0],
	}
	off := disable(t, s, changed(first, "changed"), epoch())
	equal(t, "ByHash after a change", byHash(t, s, first.Hash), off)
	ended := revoke(t, s, off, after(time.Second))
	equal(t, "ByHash after the revocation", byHash(t, s, first.Hash), ended)
	purge(t, s, after(24*time.Hour))
	if _, err := s.ByHash(t.Context(), first.Hash); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByHash after it was purged = %v, want ErrUnknown", err)
	}
	for name, read := range reads {
		equal(t, name+" before the changes", read, first)
	}
}

// spoil changes everything that can be reached from a token.
func spoil(tok *tokens.Token) {
	tok.Secret[0] ^= 0xff
	tok.Meta[0].Value = "spoilt"
	tok.Tenants[0], tok.Roles[0], tok.Only.Types[0], tok.Only.Tags[0] = "spoilt", "spoilt", "spoilt", "spoilt"
	tok.Only.Addresses[0], tok.Only.Agents[0].Text = netip.Prefix{}, "spoilt"
	tok.Allowed[0].Permissions, tok.Allowed[0].Resources[0] = tokens.Everything, "spoilt"
	tok.Owner, tok.Expires = "mallory", time.Time{}
	tok.Revision++
}

func putCopies(t *testing.T, s tokens.Store) {
	mine := sample(1)
	want := put(t, s, mine)
	spoil(mine)
	equal(t, "ByID after the writer changed his", byID(t, s, want.ID), want)
}

func contextIsHonoured(t *testing.T, s tokens.Store) {
	put(t, s, sample(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		// Of a token that was looked up before, a store may have it at hand.
		"ByHash": func() error { _, err := s.ByHash(ctx, sample(2).Hash); return err },
		"ByID":   func() error { _, err := s.ByID(ctx, sample(1).ID); return err },
		"Put":    func() error { _, err := s.Put(ctx, sample(2)); return err },
		"List":   func() error { _, err := s.List(ctx, tokens.Query{Owner: "ada"}); return err },
		"Purge":  func() error { _, err := s.Purge(ctx, after(24*time.Hour)); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context = %v, want context.Canceled", name, err)
		}
	}
	if _, err := s.ByID(t.Context(), sample(2).ID); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("a Put that was refused at once has happened: ByID = %v", err)
	}
	byID(t, s, sample(1).ID)
}
