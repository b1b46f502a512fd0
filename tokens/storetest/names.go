package storetest

import (
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func nameClauses() []clause {
	return []clause{
		{"no owner sees another's", ownersAreApart},
		{"no tenant sees another's", tenantsAreApart},
		{"owner and tenant of one name are apart", kindsAreApart},
		{"domains are compared whole", domainsAreWhole},
		{"ids are compared whole", idsAreWhole},
	}
}

// lookalikes returns names that a careless index takes for one another: one
// is the beginning of another, or holds bytes that separate or escape.
func lookalikes() []string {
	return []string{
		"a", "ab", "abc", "b", "A", "a\x00", "a\x00b", "a\x00\x00b", "\x00a", "\x00", "\x00\x00", "\x01", "\x01a",
		"a\x01", "a\xff", "\xff", "\xff\xff", "a/", "a/b", "/a", "/", "//", "a%00b", "a%2Fb", "a:b", "a.b", ".", "..",
		" a", "a ", "é", "e\u0301", "日本", "\U0001F511", "a\nb", "*", "a*", "\x02ab", "a\x02b",
		strings.Repeat("a", 127), strings.Repeat("a", 128), strings.Repeat("a", 255), strings.Repeat("a", 256),
	}
}

func ownersAreApart(t *testing.T, s tokens.Store) {
	for n, name := range lookalikes() {
		put(t, s, with(n, func(tok *tokens.Token) { tok.Owner = name }))
	}
	for n, name := range lookalikes() {
		listed(t, s, "owner "+name, tokens.Query{Owner: name}, n)
		listed(t, s, "live of owner "+name, tokens.Query{Owner: name, LiveAt: epoch()}, n)
	}
}

func tenantsAreApart(t *testing.T, s tokens.Store) {
	for n, name := range lookalikes() {
		put(t, s, with(n, func(tok *tokens.Token) { tok.Scope.Tenant = name }))
	}
	for n, name := range lookalikes() {
		listed(t, s, "tenant "+name, tokens.Query{Tenant: name}, n)
		listed(t, s, "tenant and owner", tokens.Query{Owner: "ada", Tenant: name}, n)
	}
}

func kindsAreApart(t *testing.T, s tokens.Store) {
	name := random()
	put(t, s, with(1, func(tok *tokens.Token) { tok.Owner = name }))
	put(t, s, with(2, func(tok *tokens.Token) { tok.Scope.Tenant = name }))
	put(t, s, with(3, func(tok *tokens.Token) { tok.Scope.Domain = name }))
	put(t, s, with(4, func(tok *tokens.Token) { tok.Creator = name }))
	listed(t, s, "owner", tokens.Query{Owner: name}, 1)
	listed(t, s, "tenant", tokens.Query{Tenant: name}, 2)
	listed(t, s, "domain", tokens.Query{Tenant: "acme", Domain: name}, 3)
}

func domainsAreWhole(t *testing.T, s tokens.Store) {
	for n, name := range lookalikes() {
		put(t, s, with(n, func(tok *tokens.Token) { tok.Scope.Domain = name }))
	}
	for n, name := range lookalikes() {
		listed(t, s, "domain "+name, tokens.Query{Tenant: "acme", Domain: name}, n)
	}
}

func idsAreWhole(t *testing.T, s tokens.Store) {
	id := func(n int, name string) tokens.ID {
		tok := put(t, s, with(n, func(tok *tokens.Token) {
			tok.ID = tokens.ID(name)
			tok.Expires = after(time.Duration(n) * time.Second)
		}))
		return tok.ID
	}
	var want []tokens.ID
	for n, name := range lookalikes() {
		want = append(want, id(n, name))
	}
	for n, name := range want {
		if got := byID(t, s, name); got.Hash != sample(n).Hash {
			t.Errorf("ByID(%q) is another token", name)
		}
	}
	got := ids(list(t, s, tokens.Query{Owner: "ada", Limit: 3}))
	if len(got) != len(want) {
		t.Fatalf("%d are listed, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("place %d: %q, want %q", i, got[i], want[i])
		}
	}
}
