package storetest

import (
	"testing"
	"time"

	"tollgate/tokens"
)

func selectClauses() []clause {
	return []clause{
		{"without a selection all are listed", allAreListed},
		{"an API selects alone and together", apiSelects},
		{"a name selects of its owner", nameSelects},
		{"of one name a list finds the live one", nameFindsLive},
	}
}

func allAreListed(t *testing.T, s tokens.Store) {
	listed(t, s, "empty store", tokens.Query{})
	place := func(n int, owner, tenant string, expires time.Time) *tokens.Token {
		return put(t, s, with(n, func(tok *tokens.Token) {
			tok.Owner, tok.Scope = owner, tokens.Scope{Tenant: tenant, Domain: tok.Scope.Domain}
			tok.Expires = expires
		}))
	}
	// At one end the ids decide, whatever ended the tokens.
	revoke(t, s, place(4, "ada", "acme", time.Time{}), after(time.Minute))
	place(5, "bob", "other", after(time.Minute))
	lastUse(t, s, place(3, "", "", after(time.Hour)), after(time.Minute))
	place(2, "cyd", tokens.AnyTenant, time.Time{})
	place(6, "ada", "other", after(time.Second))
	place(1, "bob", "acme", after(time.Hour))
	for _, limit := range []int{0, 1, 2, 6, 7} {
		listed(t, s, "all", tokens.Query{Limit: limit}, 6, 3, 4, 5, 1, 2)
		listed(t, s, "live", tokens.Query{Limit: limit, LiveAt: epoch()}, 6, 5, 1, 2)
		listed(t, s, "live later", tokens.Query{Limit: limit, LiveAt: after(time.Minute)}, 1, 2)
		listed(t, s, "of a domain", tokens.Query{Limit: limit, Domain: "files.acme.example"}, 6, 3, 4, 5, 1, 2)
		listed(t, s, "of another domain", tokens.Query{Limit: limit, Domain: "a.example"})
	}
	if n := purge(t, s, after(2*time.Minute)); n != 4 {
		t.Errorf("Purge removes %d, want 4", n)
	}
	listed(t, s, "after a purge", tokens.Query{}, 1, 2)
}

func apiSelects(t *testing.T, s tokens.Store) {
	apis := []tokens.API{tokens.ContentGateway, tokens.AccessTokens, tokens.UserTokens, ""}
	for n := range 12 {
		put(t, s, with(n, func(tok *tokens.Token) {
			tok.API = apis[n%4]
			tok.Expires = after(time.Duration(n) * time.Second)
			if n >= 8 {
				tok.Owner, tok.Scope.Tenant = "bob", "other"
			}
		}))
	}
	rows := []struct {
		q    tokens.Query
		want []int
	}{
		{tokens.Query{API: tokens.ContentGateway}, []int{0, 4, 8}},
		{tokens.Query{API: tokens.AccessTokens}, []int{1, 5, 9}},
		{tokens.Query{API: tokens.FileRepository}, nil},
		{tokens.Query{API: "user"}, nil},
		{tokens.Query{Owner: "ada", API: tokens.UserTokens}, []int{2, 6}},
		{tokens.Query{Tenant: "other", API: tokens.UserTokens}, []int{10}},
		{tokens.Query{Owner: "ada", Tenant: "other", API: tokens.UserTokens}, nil},
		{tokens.Query{Tenant: "acme", API: tokens.UserTokens, LiveAt: after(2 * time.Second)}, []int{6}},
		{tokens.Query{API: tokens.UserTokens, LiveAt: after(2 * time.Second)}, []int{6, 10}},
	}
	for _, row := range rows {
		for _, row.q.Limit = range []int{0, 1, 2} {
			listed(t, s, "query", row.q, row.want...)
		}
	}
}

func nameSelects(t *testing.T, s tokens.Store) {
	put(t, s, sample(1))
	put(t, s, with(2, func(tok *tokens.Token) { tok.Owner, tok.Name = "bob", "name 1" }))
	put(t, s, with(3, func(tok *tokens.Token) { tok.Name, tok.API = "", tokens.AccessTokens }))
	rows := map[string]struct {
		q    tokens.Query
		want []int
	}{
		"his":            {tokens.Query{Owner: "ada", Name: "name 1"}, []int{1}},
		"the other's":    {tokens.Query{Owner: "bob", Name: "name 1"}, []int{2}},
		"nobody's":       {tokens.Query{Owner: "cyd", Name: "name 1"}, nil},
		"unknown":        {tokens.Query{Owner: "ada", Name: "name 2"}, nil},
		"a part":         {tokens.Query{Owner: "ada", Name: "name"}, nil},
		"any":            {tokens.Query{Owner: "ada"}, []int{1, 3}},
		"everybody's":    {tokens.Query{Name: "name 1"}, []int{1, 2}},
		"of a tenant":    {tokens.Query{Tenant: "acme", Name: "name 1"}, []int{1, 2}},
		"tenant":         {tokens.Query{Owner: "ada", Name: "name 1", Tenant: "acme"}, []int{1}},
		"another tenant": {tokens.Query{Owner: "ada", Name: "name 1", Tenant: "other"}, nil},
		"API":            {tokens.Query{Owner: "ada", Name: "name 1", API: tokens.UserTokens}, []int{1}},
		"another API":    {tokens.Query{Owner: "ada", Name: "name 1", API: tokens.AccessTokens}, nil},
		"live":           {tokens.Query{Owner: "ada", Name: "name 1", LiveAt: epoch()}, []int{1}},
		"ended":          {tokens.Query{Owner: "ada", Name: "name 1", LiveAt: after(time.Hour)}, nil},
	}
	for name, row := range rows {
		listed(t, s, name, row.q, row.want...)
	}
}

func nameFindsLive(t *testing.T, s tokens.Store) {
	same := func(n int) *tokens.Token {
		return with(n, func(tok *tokens.Token) { tok.Name = "deploy" })
	}
	q := tokens.Query{Owner: "ada", Name: "deploy"}
	live := q
	live.LiveAt = epoch()
	for n := range 4 {
		tok := put(t, s, same(n))
		listed(t, s, "live", live, n)
		revoke(t, s, tok, epoch())
		listed(t, s, "none live", live)
		if found := ids(list(t, s, q)); len(found) == 0 || found[len(found)-1] != tok.ID {
			t.Errorf("ended ones: listed are %v, want %s at least, and it last", found, tok.ID)
		}
	}
}
