// Package storetest is the contract of tokens.Store and tokens.UsageStore as
// tests. Every store runs it; a fault found in one becomes a clause for all.
package storetest

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"tollgate/tokens"
)

// clause is one sentence of the contract.
type clause struct {
	name  string
	check func(t *testing.T, s tokens.Store)
}

// Run checks that a store keeps the contract of tokens.Store, and as it must
// be one that of tokens.UsageStore. open returns an empty store each time it is
// called and cleans up by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) tokens.Store) {
	t.Helper()
	groups := []struct {
		name    string
		clauses []clause
	}{
		{"read", readClauses()},
		{"write", writeClauses()},
		{"mark", markClauses()},
		{"list", listClauses()},
		{"select", selectClauses()},
		{"page", pageClauses()},
		{"purge", purgeClauses()},
		{"names", nameClauses()},
		{"own names", ownNameClauses()},
		{"usage", usageClauses()},
		{"concurrent", concurrentClauses()},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.clauses {
				t.Run(c.name, func(t *testing.T) { c.check(t, open(t)) })
			}
		})
	}
}

// epoch is when the tests play.
func epoch() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 123e6, time.UTC) }

func after(d time.Duration) time.Time { return epoch().Add(d) }

// sample returns a live token that nothing is missing from. Its id, its hash
// and its name are made from n.
func sample(n int) *tokens.Token {
	return &tokens.Token{
		ID:        tokens.ID(fmt.Sprintf("%022d", n)),
		Hash:      tokens.HashOf(fmt.Sprint("value ", n)),
		API:       tokens.UserTokens,
		Name:      fmt.Sprint("name ", n),
		Owner:     "ada",
		Creator:   "root",
		Scope:     tokens.Scope{Tenant: "acme", Domain: "files.acme.example"},
		Tenants:   []string{"acme", "other"},
		AccessKey: "AKEXAMPLE",
		Secret:    tokens.Sealed("sealed\x00secret"),
		Created:   epoch(),
		NotBefore: after(-time.Hour),
		Expires:   after(time.Hour),
		Meta:      []tokens.Meta{{Name: "ticket", Value: "Nº 7"}, {Name: "empty"}},
		Allowed: tokens.Allowances{
			{Permissions: tokens.StorageRead, Resources: []tokens.Resource{"bucket/a", "b"}}, {Permissions: tokens.TokensAll},
		},
		Roles: []string{"upload.image.png", "Nº 8"},
		Only: tokens.Restrictions{
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::7/128"), netip.MustParsePrefix("0.0.0.0/0")},
			Agents:    []tokens.Agent{{Text: "curl/*"}, {Text: "Mozilla/5.0 *", Pattern: true}},
			Types:     []string{"image/*", "text/plain"},
			Tags:      []string{"draft", "kind=böse"},
			SizeBelow: 1 << 40,
			Uses:      7,
		},
		Ceiling: tokens.StorageAll,
		Used:    3,
		Request: tokens.HashOf(fmt.Sprint("request ", n)),
	}
}

// with returns sample(n) changed.
func with(n int, change func(*tokens.Token)) *tokens.Token {
	tok := sample(n)
	change(tok)
	return tok
}

// endingAt returns sample(n) with another expiry; the zero time is never.
func endingAt(n int, at time.Time) *tokens.Token {
	return with(n, func(tok *tokens.Token) { tok.Expires = at })
}

func put(t *testing.T, s tokens.Store, tok *tokens.Token) *tokens.Token {
	t.Helper()
	revision, err := s.Put(t.Context(), tok)
	if err != nil {
		t.Fatalf("Put(%s) = %v", tok.ID, err)
	}
	stored := tok.Clone()
	stored.Revision = revision
	return stored
}

// revoke revokes a stored token and returns it as it is then.
func revoke(t *testing.T, s tokens.Store, tok *tokens.Token, at time.Time) *tokens.Token {
	t.Helper()
	r := tok.Clone()
	r.Revoked = tokens.Mark{At: at, By: "grace"}
	return put(t, s, r)
}

func byID(t *testing.T, s tokens.Store, id tokens.ID) *tokens.Token {
	t.Helper()
	tok, err := s.ByID(t.Context(), id)
	if err != nil {
		t.Fatalf("ByID(%s) = %v", id, err)
	}
	return tok
}

func byHash(t *testing.T, s tokens.Store, h tokens.Hash) *tokens.Token {
	t.Helper()
	tok, err := s.ByHash(t.Context(), h)
	if err != nil {
		t.Fatalf("ByHash(%x) = %v", h, err)
	}
	return tok
}

// equal compares what tokens say; a nil slice says the same as an empty one.
func equal(t *testing.T, what string, got, want *tokens.Token) {
	t.Helper()
	if g, w := normal(got), normal(want); !reflect.DeepEqual(g, w) {
		t.Errorf("%s:\n got %#v\nwant %#v", what, g, w)
	}
}

// plain is a token in a form in which all of it is compared and printed.
type plain struct {
	Token  tokens.Token
	Secret string
}

func normal(tok *tokens.Token) plain {
	c := *tok.Clone()
	p := plain{Secret: string(c.Secret)}
	c.Secret = nil
	c.Meta, c.Tenants, c.Roles = noneIsNil(c.Meta), noneIsNil(c.Tenants), noneIsNil(c.Roles)
	c.Only.Addresses, c.Only.Agents = noneIsNil(c.Only.Addresses), noneIsNil(c.Only.Agents)
	c.Only.Types, c.Only.Tags = noneIsNil(c.Only.Types), noneIsNil(c.Only.Tags)
	c.Allowed = noneIsNil(c.Allowed)
	p.Token = c
	return p
}

func noneIsNil[S ~[]E, E any](list S) S {
	if len(list) == 0 {
		return nil
	}
	return list
}

// random returns a name that no other clause uses.
func random() string { return rand.Text() }
