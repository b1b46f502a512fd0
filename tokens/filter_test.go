package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
)

// shown lists everything that a filter selects, by the names of the tokens.
func (w *world) shown(t *testing.T, m tokens.Manager, f tokens.Filter) []string {
	t.Helper()
	var all []string
	for range 100 {
		page, err := w.List(t.Context(), m, f)
		isVerdict(t, err, nil)
		for _, k := range page.Tokens {
			all = append(all, k.Name)
		}
		if f.After = page.Next; f.After == "" {
			slices.Sort(all)
			return all
		}
	}
	t.Fatal("the list has no end")
	return nil
}

func named(name string) func(*tokens.Token) { return func(k *tokens.Token) { k.Name = name } }

func TestFilters(t *testing.T) {
	w := usualWorld()
	red, ago := tokens.Scope{Tenant: "red"}, stamped().Add(-time.Hour)
	created := func(at time.Time) func(*tokens.Token) { return func(k *tokens.Token) { k.Created = at } }
	api := func(a tokens.API) func(*tokens.Token) { return func(k *tokens.Token) { k.API = a } }
	w.put(t, "ann", red, named("active"), created(ago))
	w.put(t, "ann", red, named("pending"), created(ago), beginning(stamped().Add(time.Minute)))
	w.put(t, "ann", red, named("disabled"), created(ago), disabled)
	w.put(t, "ann", red, named("spent"), created(ago), usedUp(ago))
	w.put(t, "ann", red, named("expired"), created(ago), expiring(ago))
	w.put(t, "ann", red, named("revoked"), created(ago), revokedBy("ann", ago))
	w.put(t, "ann", red, named("key"), created(ago), signing, api(tokens.UserTokens))
	w.put(t, "ann", redA(), named("Laptop"), func(k *tokens.Token) { k.Meta = []tokens.Meta{{Name: "source", Value: "Große Maschine"}} })
	bobs, value := w.put(t, "bob", tokens.Scope{Tenant: "blue"}, named("bobs"), created(ago))
	states := func(all ...tokens.State) tokens.Filter { return tokens.Filter{Owner: "ann", States: all} }
	live := []string{"Laptop", "active", "disabled", "key", "pending"}
	for _, c := range []struct {
		name string
		by   string
		f    tokens.Filter
		want []string
	}{
		{"what has not ended", "ann", tokens.Filter{Owner: "ann"}, live},
		{"active ones", "ann", states(tokens.Active), []string{"Laptop", "active", "key"}},
		{"pending ones", "ann", states(tokens.Pending), []string{"pending"}},
		{"disabled ones", "ann", states(tokens.Disabled), []string{"disabled"}},
		{"used-up ones", "ann", states(tokens.UsedUp), []string{"spent"}},
		{"expired ones", "ann", states(tokens.Expired), []string{"expired"}},
		{"revoked ones", "redadmin", states(tokens.Revoked), []string{"revoked"}},
		{"two states", "ann", states(tokens.Revoked, tokens.Disabled), []string{"disabled", "revoked"}},
		{"a state that there is not", "ann", states("asleep"), nil},
		{"a text in the name", "ann", tokens.Filter{Owner: "ann", Text: "LAP"}, []string{"Laptop"}},
		{"a text in the metadata", "ann", tokens.Filter{Owner: "ann", Text: "grosse"}, nil},
		{"a text in the metadata, in capitals", "ann", tokens.Filter{Owner: "ann", Text: "GROßE"}, []string{"Laptop"}},
		{"a text in the owner", "root", tokens.Filter{Text: "bo"}, []string{"bobs"}},
		{"a text in the id", "root", tokens.Filter{Text: string(bobs.ID)}, []string{"bobs"}},
		{"a text in a name of metadata", "ann", tokens.Filter{Owner: "ann", Text: "source"}, nil},
		{"the value is no text", "root", tokens.Filter{Text: value.Reveal()}, nil},
		{"an API", "ann", tokens.Filter{Owner: "ann", API: tokens.UserTokens}, []string{"key"}},
		{"no key pairs", "ann", tokens.Filter{Owner: "ann", Plain: true}, []string{"Laptop", "active", "disabled", "pending"}},
		{"a name", "ann", tokens.Filter{Owner: "ann", Name: "disabled"}, []string{"disabled"}},
		{"a domain", "ann", tokens.Filter{Owner: "ann", Tenant: "red", Domain: "a.red"}, []string{"Laptop"}},
		{"everybody's", "root", tokens.Filter{}, append(slices.Clone(live), "bobs")},
		{"everybody's of one's tenants", "redadmin", tokens.Filter{}, live},
		{"not used for an hour, made then", "ann", tokens.Filter{Owner: "ann", UnusedSince: ago}, nil},
		{"made before", "ann", tokens.Filter{Owner: "ann", UnusedSince: ago.Add(time.Millisecond)}, []string{"active", "disabled", "key", "pending"}},
		{"of both states at once and a text", "ann", tokens.Filter{Owner: "ann", States: []tokens.State{tokens.Disabled}, Text: "active"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			slices.Sort(c.want)
			if got := w.shown(t, via(w.as(c.by)), c.f); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnusedSince(t *testing.T) {
	w := usualWorld()
	m := via(w.as("ann"))
	tok, value := w.put(t, "ann", redA(), named("it"), func(k *tokens.Token) { k.Created = stamped().Add(-time.Hour) })
	since := tokens.Filter{Owner: "ann", UnusedSince: stamped()}
	has := func(want int) {
		t.Helper()
		if got := w.shown(t, m, since); len(got) != want {
			t.Errorf("got %q", got)
		}
	}
	use := func(at time.Time) {
		t.Helper()
		w.time = at
		who, err := w.Verify(t.Context(), value)
		isVerdict(t, err, nil)
		_, err = w.Use(t.Context(), who, tokens.Circumstances{})
		isVerdict(t, err, nil)
	}
	has(1)
	use(stamped().Add(-time.Millisecond))
	has(1) // not since then
	isVerdict(t, w.FlushUses(t.Context()), nil)
	has(1)
	use(stamped())
	has(0) // only gathered yet
	isVerdict(t, w.FlushUses(t.Context()), nil)
	has(0) // stored
	since.UnusedSince = stamped().Add(time.Millisecond)
	has(1)
	if n, err := w.RevokeAll(t.Context(), m, since, nil); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if k, err := w.memory.ByID(t.Context(), tok.ID); err != nil || k.StateAt(w.time) != tokens.Revoked {
		t.Errorf("it is %+v, %v", k, err)
	}
}

func TestAListOfATenantHasTwoParts(t *testing.T) {
	for _, c := range []struct {
		name          string
		own, every    int
		limit         int
		sizes         []int
		elsewhereOnly bool // those for every tenant are for another one
	}{
		{"neither", 0, 0, 2, []int{0}, false},
		{"of the tenant alone", 3, 0, 2, []int{2, 1}, false},
		{"of the tenant alone, one full page", 2, 0, 2, []int{2}, false},
		{"for every tenant alone", 0, 3, 2, []int{2, 1}, false},
		{"the border within a page", 1, 2, 2, []int{2, 1}, false},
		{"the border between pages", 2, 2, 2, []int{2, 2}, false},
		{"both in one page", 2, 3, 10, []int{5}, false},
		{"those of another tenant are left out", 2, 3, 10, []int{2}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			var want []tokens.ID
			for range c.own {
				k, _ := w.put(t, "bob", tokens.Scope{Tenant: "red"})
				want = append(want, k.ID)
			}
			for range c.every {
				k, _ := w.put(t, "bob", everyTenant(), expiring(stamped().Add(time.Minute)), func(k *tokens.Token) {
					if c.elsewhereOnly {
						k.Tenants = []string{"blue"}
					}
				})
				if !c.elsewhereOnly {
					want = append(want, k.ID)
				}
			}
			w.put(t, "bob", tokens.Scope{Tenant: "blue"})
			for _, by := range []string{"bob", "boss"} {
				f := tokens.Filter{Tenant: "red", Limit: c.limit}
				if by == "bob" {
					f.Owner = "bob"
				}
				pages := w.pages(t, w.as(by), f)
				var sizes []int
				for _, p := range pages {
					sizes = append(sizes, len(p))
				}
				if !slices.Equal(sizes, c.sizes) || !slices.Equal(slices.Concat(pages...), want) {
					t.Errorf("%s: pages of %v, want %v: %v", by, sizes, c.sizes, pages)
				}
			}
		})
	}
}

func TestCursorsOfTheSecondPart(t *testing.T) {
	w := usualWorld()
	for range 3 {
		w.put(t, "bob", everyTenant())
	}
	page, err := w.List(t.Context(), via(w.as("boss")), tokens.Filter{Tenant: "red", Limit: 1})
	isVerdict(t, err, nil)
	for name, f := range map[string]tokens.Filter{
		"without its tenant": {After: page.Next}, "in a domain": {Tenant: "red", Domain: "a.red", After: page.Next},
		"changed": {Tenant: "red", After: page.Next + "x"}, "its part alone": {Tenant: "red", After: page.Next[len("any."):]},
		"of another owner": {Tenant: "red", Owner: "bob", After: page.Next},
	} {
		if _, err := w.List(t.Context(), via(w.as("boss")), f); !errors.Is(err, tokens.ErrBadCursor) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestListsWhileOthersWrite: what is there from the beginning to the end of a
// listing is in it, and once.
func TestListsWhileOthersWrite(t *testing.T) {
	w := usualWorld()
	service := w.plain()
	var stay []string
	for i := range 60 {
		scope := tokens.Scope{Tenant: "red"}
		if i%3 == 0 {
			scope = everyTenant()
		}
		name := fmt.Sprintf("stays %02d", i)
		w.put(t, "bob", scope, named(name), expiring(stamped().Add(time.Duration(i+1)*time.Minute)))
		stay = append(stay, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for ctx.Err() == nil {
				got, err := service.Issue(ctx, tokens.Order{By: w.as("bob"), Scope: tokens.Scope{Tenant: "red"}, Lifetime: *lasting(30 * time.Minute)})
				if err == nil {
					_, err = service.Revoke(ctx, via(w.as("bob")), got.Value, nil)
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	for range 20 {
		seen := map[string]int{}
		f := tokens.Filter{Owner: "bob", Tenant: "red", Limit: 7}
		for more := true; more; more = f.After != "" {
			page, err := service.List(t.Context(), via(w.as("bob")), f)
			isVerdict(t, err, nil)
			for _, k := range page.Tokens {
				seen[k.Name]++
			}
			f.After = page.Next
		}
		for _, name := range stay {
			if seen[name] != 1 {
				t.Fatalf("%q is seen %d times", name, seen[name])
			}
		}
	}
	cancel()
	writers.Wait()
}
