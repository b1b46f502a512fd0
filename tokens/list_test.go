package tokens_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tollgate/tokens"
)

// pages reads a list to its end and returns the ids of each page.
func (w *world) pages(t *testing.T, by tokens.Subject, f tokens.Filter) [][]tokens.ID {
	t.Helper()
	var all [][]tokens.ID
	for range 1000 {
		page, err := w.List(t.Context(), via(by), f)
		if err != nil {
			t.Fatalf("page %d: %v", len(all)+1, err)
		}
		ids := make([]tokens.ID, 0, len(page.Tokens))
		for _, k := range page.Tokens {
			ids = append(ids, k.ID)
		}
		all = append(all, ids)
		if page.Next == "" {
			return all
		}
		if page.Next == f.After {
			t.Fatalf("page %d leads to itself", len(all))
		}
		f.After = page.Next
	}
	t.Fatal("the list has no end")
	return nil
}

func TestWhatAListShows(t *testing.T) {
	red, redB, blue := tokens.Scope{Tenant: "red"}, tokens.Scope{Tenant: "red", Domain: "b.red"}, tokens.Scope{Tenant: "blue"}
	w := usualWorld()
	label := map[tokens.ID]string{}
	for _, k := range []struct {
		name, owner string
		scope       tokens.Scope
		change      func(*tokens.Token)
	}{
		{"ann red", "ann", red, expiring(stamped().Add(1 * time.Hour))},
		{"ann a.red", "ann", redA(), expiring(stamped().Add(2 * time.Hour))},
		{"bob b.red", "bob", redB, expiring(stamped().Add(3 * time.Hour))},
		{"bob blue", "bob", blue, expiring(stamped().Add(4 * time.Hour))},
		{"root a.red", "root", redA(), expiring(stamped().Add(5 * time.Hour))},
		{"gone red", "gone", red, expiring(stamped().Add(6 * time.Hour))},
		{"ann ever", "ann", red, expiring(time.Time{})},
		{"ann expired", "ann", red, expiring(stamped().Add(-time.Hour))},
		{"ann expiring now", "ann", red, expiring(stamped())},
		{"ann revoked", "ann", red, revokedBy("ann", stamped())},
	} {
		tok, _ := w.put(t, k.owner, k.scope, k.change)
		label[tok.ID] = k.name
	}
	anns := []string{"ann red", "ann a.red", "ann ever"}
	for _, c := range []struct {
		name string
		by   tokens.Subject
		f    tokens.Filter
		want []string
	}{
		{"one's own", w.as("ann"), tokens.Filter{Owner: "ann"}, anns},
		{"one's own of a tenant", w.as("ann"), tokens.Filter{Owner: "ann", Tenant: "red"}, anns},
		{"one's own of a domain", w.as("ann"), tokens.Filter{Owner: "ann", Tenant: "red", Domain: "a.red"}, []string{"ann a.red"}},
		{"one's own of a domain without any", w.as("ann"), tokens.Filter{Owner: "ann", Tenant: "red", Domain: "b.red"}, nil},
		{"one's own in all tenants", w.as("bob"), tokens.Filter{Owner: "bob"}, []string{"bob b.red", "bob blue"}},
		{"one's own by a token of one tenant", w.by("bob", red), tokens.Filter{Owner: "bob"}, []string{"bob b.red"}},
		{"another's with the right", w.as("auditor"), tokens.Filter{Owner: "ann"}, anns},
		{"another's who has more tenants", w.as("redadmin"), tokens.Filter{Owner: "bob"}, nil},
		{"another's who has as many", w.as("boss"), tokens.Filter{Owner: "bob"}, []string{"bob b.red", "bob blue"}},
		{"of somebody gone", w.as("redadmin"), tokens.Filter{Owner: "gone"}, []string{"gone red"}},
		{"of somebody unknown", w.as("redadmin"), tokens.Filter{Owner: "never heard of"}, nil},
		{"a tenant, without those of wider reach", w.as("redadmin"), tokens.Filter{Tenant: "red"}, []string{"ann red", "ann a.red", "gone red", "ann ever"}},
		{"a tenant by who has two", w.as("boss"), tokens.Filter{Tenant: "red"}, []string{"ann red", "ann a.red", "bob b.red", "gone red", "ann ever"}},
		{"a tenant by who has all", w.as("root"), tokens.Filter{Tenant: "red"}, []string{"ann red", "ann a.red", "bob b.red", "root a.red", "gone red", "ann ever"}},
		{"a tenant by a token of it", w.by("root", red), tokens.Filter{Tenant: "red"}, []string{"ann red", "ann a.red", "root a.red", "gone red", "ann ever"}},
		{"a domain", w.as("root"), tokens.Filter{Tenant: "red", Domain: "a.red"}, []string{"ann a.red", "root a.red"}},
		{"a tenant without tokens", w.as("root"), tokens.Filter{Tenant: "green"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			page, err := w.List(t.Context(), via(c.by), c.f)
			isVerdict(t, err, nil)
			var got []string
			for _, k := range page.Tokens {
				got = append(got, label[k.ID])
			}
			if !slices.Equal(got, c.want) || page.Next != "" {
				t.Errorf("got %q and next %q, want %q", got, page.Next, c.want)
			}
		})
	}
}

func TestWhoMayList(t *testing.T) {
	red, blue := tokens.Scope{Tenant: "red"}, tokens.Scope{Tenant: "blue"}
	w := usualWorld()
	for _, c := range []struct {
		name string
		by   tokens.Subject
		f    tokens.Filter
		want error
	}{
		{"anonymous", tokens.Subject{}, tokens.Filter{Owner: "ann"}, tokens.ErrAnonymous},
		{"one's own", w.as("ann"), tokens.Filter{Owner: "ann"}, nil},
		{"one's own in a tenant that one has not", w.as("ann"), tokens.Filter{Owner: "ann", Tenant: "blue"}, tokens.ErrOtherTenant},
		{"one's own in a tenant beside one's token's", w.by("bob", red), tokens.Filter{Owner: "bob", Tenant: "blue"}, tokens.ErrOtherTenant},
		{"one's own by a token of a tenant that one lost", w.by("ann", blue), tokens.Filter{Owner: "ann", Tenant: "blue"}, tokens.ErrOtherTenant},
		{"another's", w.as("ann"), tokens.Filter{Owner: "bob"}, tokens.ErrPermission},
		{"another's in one's tenant", w.as("ann"), tokens.Filter{Owner: "bob", Tenant: "red"}, tokens.ErrPermission},
		{"another's with the right to delete alone", w.as("remover"), tokens.Filter{Owner: "ann"}, tokens.ErrPermission},
		{"a tenant's", w.as("ann"), tokens.Filter{Tenant: "red"}, tokens.ErrPermission},
		{"a tenant's as auditor", w.as("auditor"), tokens.Filter{Tenant: "red"}, nil},
		{"another tenant's as auditor", w.as("auditor"), tokens.Filter{Tenant: "blue"}, tokens.ErrOtherTenant},
		{"a tenant's without any tenant", w.as("nowhere"), tokens.Filter{Tenant: "red"}, tokens.ErrOtherTenant},
		{"a name that begins as one's own", w.as("ann"), tokens.Filter{Owner: "ann "}, tokens.ErrPermission},
		{"a bad cursor", w.as("ann"), tokens.Filter{Owner: "ann", After: "nonsense"}, tokens.ErrBadCursor},
	} {
		t.Run(c.name, func(t *testing.T) {
			page, err := w.List(t.Context(), via(c.by), c.f)
			isVerdict(t, err, c.want)
			if len(page.Tokens) > 0 || page.Next != "" {
				t.Errorf("got %+v", page)
			}
		})
	}
}

func TestAPageIsFilledUpWithWhatMayBeSeen(t *testing.T) {
	for _, c := range []struct {
		name    string
		pattern string // owners of the tokens in order: a visible, b not
		limit   int
		want    []int // tokens of each page
	}{
		{"all may be seen", "aaaaaaa", 3, []int{3, 3, 1}},
		{"exactly one page", "aaa", 3, []int{3}},
		{"nothing may be seen", "bbb", 5, []int{0}},
		{"every other one", "babababababa", 3, []int{3, 3}},
		{"a few hidden in front", "bbaaaa", 2, []int{2, 2}},
		{"many hidden in between", "abbbbba", 2, []int{2}},
		{"the rounds are bounded", "bbbbbbbbbbba", 1, []int{0, 1}},
		{"hidden at the end", "aaab", 3, []int{3, 0}},
		{"the default limit", "ab", 0, []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			var visible []tokens.ID
			for i, owner := range c.pattern {
				name := map[rune]string{'a': "ann", 'b': "bob"}[owner]
				tok, _ := w.put(t, name, redA(), expiring(stamped().Add(time.Duration(i+1)*time.Minute)))
				if owner == 'a' {
					visible = append(visible, tok.ID)
				}
			}
			pages := w.pages(t, w.as("redadmin"), tokens.Filter{Tenant: "red", Limit: c.limit})
			var sizes []int
			for _, p := range pages {
				sizes = append(sizes, len(p))
			}
			if !slices.Equal(sizes, c.want) {
				t.Errorf("pages of %v, want %v", sizes, c.want)
			}
			if got := slices.Concat(pages...); !slices.Equal(got, visible) {
				t.Errorf("got %v, want %v", got, visible)
			}
		})
	}
}

func TestNoPageIsOverfullNorLosesAToken(t *testing.T) {
	w := usualWorld()
	var visible []tokens.ID
	for i := range 120 {
		owner := "ann"
		if i%7 > 2 || i > 40 && i < 60 {
			owner = "bob"
		}
		tok, _ := w.put(t, owner, redA(), expiring(stamped().Add(time.Duration(i/3+1)*time.Minute)))
		if owner == "ann" {
			visible = append(visible, tok.ID)
		}
	}
	for limit := range 60 {
		t.Run(fmt.Sprint("limit ", limit+1), func(t *testing.T) {
			pages := w.pages(t, w.as("redadmin"), tokens.Filter{Tenant: "red", Limit: limit + 1})
			for i, p := range pages {
				if len(p) > limit+1 {
					t.Errorf("page %d has %d", i+1, len(p))
				}
			}
			if got := slices.Concat(pages...); !slices.Equal(got, visible) {
				t.Errorf("got %d tokens, want %d", len(got), len(visible))
			}
		})
	}
}
