package storetest

import (
	"math/rand/v2"
	"testing"
	"time"

	"tollgate/tokens"
)

func listClauses() []clause {
	return []clause{
		{"nothing is listed of nobody", nothingOfNobody},
		{"those that end first come first", orderOfEnds},
		{"a revocation moves a token to its new end", revocationMoves},
		{"another expiry moves a token", expiryMoves},
		{"filters select alone and together", filtersSelect},
		{"live means live at that time", liveMeansLive},
	}
}

// list returns all pages of a query in one. A store that never comes to an
// end fails the test.
func list(t *testing.T, s tokens.Store, q tokens.Query) []*tokens.Token {
	t.Helper()
	var all []*tokens.Token
	for range 10_000 {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List = %v", err)
		}
		if len(page.Tokens) > q.PageSize() {
			t.Fatalf("a page of %d tokens, at most %d were asked for", len(page.Tokens), q.PageSize())
		}
		all = append(all, page.Tokens...)
		if page.Next == "" {
			return all
		}
		if page.Next == q.After {
			t.Fatal("a page says that the next one begins where it began itself")
		}
		q.After = page.Next
	}
	t.Fatal("the list does not end after 10,000 pages")
	return nil
}

func ids(list []*tokens.Token) []tokens.ID {
	out := make([]tokens.ID, 0, len(list))
	for _, tok := range list {
		out = append(out, tok.ID)
	}
	return out
}

// listed checks which tokens, by the numbers of their samples, come in which
// order.
func listed(t *testing.T, s tokens.Store, what string, q tokens.Query, want ...int) {
	t.Helper()
	got := list(t, s, q)
	same := len(got) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = got[i].ID == sample(want[i]).ID
	}
	if !same {
		t.Errorf("%s: listed are %v, want those of %v", what, ids(got), want)
	}
}

func nothingOfNobody(t *testing.T, s tokens.Store) {
	for _, q := range []tokens.Query{{Owner: "ada"}, {Tenant: "acme"}, {Owner: "ada", Tenant: "acme"}} {
		listed(t, s, "empty store", q)
	}
	put(t, s, sample(1))
	listed(t, s, "another owner", tokens.Query{Owner: "bob"})
	listed(t, s, "another tenant", tokens.Query{Tenant: "other"})
}

func orderOfEnds(t *testing.T, s tokens.Store) {
	order := []*tokens.Token{
		endingAt(9, time.UnixMilli(0)),
		endingAt(8, after(-time.Hour)),
		endingAt(3, after(time.Millisecond)),
		endingAt(4, after(time.Millisecond)),
		endingAt(5, after(time.Millisecond)),
		endingAt(2, after(255*time.Millisecond)),
		endingAt(1, after(256*time.Millisecond)),
		endingAt(7, after(365*24*time.Hour)),
		endingAt(0, time.Time{}),
		endingAt(6, time.Time{}),
	}
	for _, i := range rand.Perm(len(order)) {
		put(t, s, order[i])
	}
	for _, limit := range []int{0, 1, 2, 3, len(order), 500} {
		for _, q := range []tokens.Query{{Owner: "ada", Limit: limit}, {Tenant: "acme", Limit: limit}, {Limit: limit}} {
			listed(t, s, "all", q, 9, 8, 3, 4, 5, 2, 1, 7, 0, 6)
		}
	}
}

func revocationMoves(t *testing.T, s tokens.Store) {
	put(t, s, endingAt(1, after(time.Minute)))
	put(t, s, endingAt(2, after(2*time.Minute)))
	late := put(t, s, endingAt(3, after(3*time.Minute)))
	endless := put(t, s, endingAt(4, time.Time{}))
	ended := put(t, s, endingAt(5, after(-time.Minute)))
	q := tokens.Query{Owner: "ada"}
	listed(t, s, "before", q, 5, 1, 2, 3, 4)
	revoke(t, s, late, after(90*time.Second))
	revoke(t, s, endless, after(time.Second))
	revoke(t, s, ended, after(time.Hour)) // after its end: that stays
	listed(t, s, "after", q, 5, 4, 1, 3, 2)
	listed(t, s, "after, by tenant", tokens.Query{Tenant: "acme"}, 5, 4, 1, 3, 2)
	listed(t, s, "after, of all", tokens.Query{}, 5, 4, 1, 3, 2)
}

func expiryMoves(t *testing.T, s tokens.Store) {
	first := put(t, s, endingAt(1, after(time.Minute)))
	put(t, s, endingAt(2, after(2*time.Minute)))
	first.Expires = after(3 * time.Minute)
	first = put(t, s, first)
	listed(t, s, "later", tokens.Query{Owner: "ada"}, 2, 1)
	first.Expires = time.Time{}
	put(t, s, first)
	listed(t, s, "never", tokens.Query{Tenant: "acme"}, 2, 1)
	listed(t, s, "never, of all", tokens.Query{}, 2, 1)
}

func filtersSelect(t *testing.T, s tokens.Store) {
	place := func(n int, owner, tenant, domain string, expires time.Duration) {
		put(t, s, with(n, func(tok *tokens.Token) {
			tok.Owner, tok.Scope = owner, tokens.Scope{Tenant: tenant, Domain: domain}
			tok.Expires = after(expires)
		}))
	}
	place(1, "ada", "acme", "", time.Minute)
	place(2, "ada", "acme", "a.example", 2*time.Minute)
	place(3, "bob", "acme", "a.example", 3*time.Minute)
	place(4, "ada", "other", "a.example", 4*time.Minute)
	place(5, "ada", "other", "b.example", 5*time.Minute)
	place(6, "bob", "other", "", 6*time.Minute)

	live := after(2 * time.Minute)
	rows := []struct {
		q    tokens.Query
		want []int
	}{
		{tokens.Query{Owner: "ada"}, []int{1, 2, 4, 5}},
		{tokens.Query{Owner: "bob"}, []int{3, 6}},
		{tokens.Query{Tenant: "acme"}, []int{1, 2, 3}},
		{tokens.Query{Tenant: "other"}, []int{4, 5, 6}},
		{tokens.Query{Owner: "ada", Tenant: "acme"}, []int{1, 2}},
		{tokens.Query{Owner: "bob", Tenant: "other"}, []int{6}},
		{tokens.Query{Tenant: "acme", Domain: "a.example"}, []int{2, 3}},
		{tokens.Query{Owner: "ada", Domain: "a.example"}, []int{2, 4}},
		{tokens.Query{Owner: "ada", Tenant: "other", Domain: "b.example"}, []int{5}},
		{tokens.Query{Owner: "bob", Tenant: "other", Domain: "b.example"}, nil},
		{tokens.Query{Owner: "ada", LiveAt: live}, []int{4, 5}},
		{tokens.Query{Tenant: "acme", LiveAt: live}, []int{3}},
		{tokens.Query{Owner: "ada", Tenant: "acme", LiveAt: live}, nil},
		{tokens.Query{Owner: "ada", Tenant: "other", Domain: "b.example", LiveAt: live}, []int{5}},
		{tokens.Query{Tenant: "other", Domain: "a.example", LiveAt: after(4 * time.Minute)}, nil},
	}
	for _, row := range rows {
		for _, row.q.Limit = range []int{0, 1, 2} {
			listed(t, s, "query", row.q, row.want...)
		}
	}
}

func liveMeansLive(t *testing.T, s tokens.Store) {
	put(t, s, endingAt(1, after(-time.Minute)))
	put(t, s, endingAt(2, after(0)))
	put(t, s, endingAt(3, after(time.Millisecond)))
	put(t, s, endingAt(4, after(time.Hour)))
	put(t, s, endingAt(5, time.Time{}))
	revoke(t, s, put(t, s, endingAt(6, after(time.Hour))), after(-time.Second))
	revoke(t, s, put(t, s, endingAt(7, time.Time{})), after(-time.Second))
	// A revocation counts from when it is recorded, whatever its time says.
	revoke(t, s, put(t, s, endingAt(8, after(time.Hour))), after(30*time.Minute))
	lastUse(t, s, put(t, s, endingAt(9, after(time.Hour))), after(-time.Second))
	lastUse(t, s, put(t, s, endingAt(10, after(time.Hour))), after(30*time.Minute))
	for _, q := range []tokens.Query{{Owner: "ada"}, {Tenant: "acme"}, {}} {
		q.LiveAt = epoch()
		listed(t, s, "now", q, 3, 4, 5)
		q.LiveAt = after(999_999 * time.Nanosecond)
		listed(t, s, "just before a millisecond is over", q, 3, 4, 5)
		q.LiveAt = after(time.Millisecond)
		listed(t, s, "a millisecond later", q, 4, 5)
		q.LiveAt = after(time.Hour)
		listed(t, s, "an hour later", q, 5)
		q.LiveAt = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
		listed(t, s, "at the end of days", q, 5)
		q.LiveAt = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
		listed(t, s, "long ago", q, 1, 2, 3, 4, 5)
	}
}
