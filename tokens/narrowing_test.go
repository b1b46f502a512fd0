package tokens_test

import (
	"slices"
	"testing"
	"time"

	"tollgate/tokens"
)

// TestRestrictionsAreHandedDown: what a restricted token makes is restricted
// as it is, or more.
func TestRestrictionsAreHandedDown(t *testing.T) {
	type only = tokens.Restrictions
	exact := func(texts ...string) only {
		var r only
		for _, text := range texts {
			r.Agents = append(r.Agents, tokens.Agent{Text: text})
		}
		return r
	}
	pattern := func(text string) only { return only{Agents: []tokens.Agent{{Text: text, Pattern: true}}} }
	from := func(texts ...string) only { return only{Addresses: networks(t, texts...)} }
	types := func(all ...string) only { return only{Types: all} }
	tags := func(all ...string) only { return only{Tags: all} }
	below := func(n int64) only { return only{SizeBelow: n} }
	for _, c := range []struct {
		name        string
		mine, asked only
		want        only
		refused     bool
	}{
		{"none of none", only{}, only{}, only{}, false},
		{"one's own of none", only{}, everyRestriction(), everyRestriction(), false},
		{"none asked for: all are taken over", only{SizeBelow: 9, Tags: []string{"a"}}, only{}, only{SizeBelow: 9, Tags: []string{"a"}}, false},
		{"another kind beside", below(9), tags("a"), only{SizeBelow: 9, Tags: []string{"a"}}, false},
		{"the same network", from("10.0.0.0/8"), from("10.0.0.0/8"), from("10.0.0.0/8"), false},
		{"a smaller network", from("10.0.0.0/8"), from("10.255.0.0/16", "10.0.0.1"), from("10.255.0.0/16", "10.0.0.1"), false},
		{"a larger network", from("10.0.0.0/8"), from("10.0.0.0/7"), only{}, true},
		{"a neighbouring network", from("10.0.0.0/8"), from("11.0.0.0/8"), only{}, true},
		{"one of two networks elsewhere", from("10.0.0.0/8"), from("10.1.0.0/16", "11.0.0.0/8"), only{}, true},
		{"two halves do not make a whole", from("10.0.0.0/9", "10.128.0.0/9"), from("10.0.0.0/8"), only{}, true},
		{"IPv6 of all IPv4", from("0.0.0.0/0"), from("::/0"), only{}, true},
		{"the same agent", exact("a", "b"), exact("b"), exact("b"), false},
		{"another agent", exact("a"), exact("b"), only{}, true},
		{"an agent of a pattern", pattern("curl/*"), exact("curl/8"), exact("curl/8"), false},
		{"an agent outside of a pattern", pattern("curl/*"), exact("wget/1"), only{}, true},
		{"the same pattern", pattern("curl/*"), pattern("curl/*"), pattern("curl/*"), false},
		{"a pattern that a pattern matches as a text", pattern("*a"), pattern("b*a"), only{}, true},
		{"a pattern of an agent", exact("*"), pattern("*"), only{}, true},
		{"the same type", types("image/png", "a/b"), types("image/png"), types("image/png"), false},
		{"a type of a kind", types("image/*"), types("image/png", "image/*"), types("image/png", "image/*"), false},
		{"a kind of a type", types("image/png"), types("image/*"), only{}, true},
		{"a kind that begins alike", types("image/*"), types("images/*"), only{}, true},
		{"a tag of a key", tags("team"), tags("team=red", "team"), tags("team=red", "team"), false},
		{"a key of a tag", tags("team=red"), tags("team"), only{}, true},
		{"a key that begins alike", tags("team"), tags("teams"), only{}, true},
		{"a value that begins alike", tags("team=red"), tags("team=reddish"), only{}, true},
		{"another value", tags("team=red"), tags("team=blue"), only{}, true},
		{"a smaller size", below(10), below(9), below(9), false},
		{"the same size", below(10), below(10), below(10), false},
		{"a larger size", below(10), below(11), only{}, true},
		{"what is wrong in itself", only{}, below(-1), only{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			by := w.narrowed("ann", on(tokens.TokensCreate|tokens.StorageAll))
			by.Token.Only = c.mine
			got, err := w.Issue(t.Context(), tokens.Order{By: by, Scope: tokens.Scope{Tenant: "red"}, Only: c.asked})
			if c.refused {
				if err == nil || len(w.store.puts) > 0 {
					t.Fatalf("it was made: %+v", got.Token)
				}
				return
			}
			isVerdict(t, err, nil)
			k := got.Token.Only
			if !slices.Equal(k.Addresses, c.want.Addresses) || !slices.Equal(k.Agents, c.want.Agents) || !slices.Equal(k.Types, c.want.Types) ||
				!slices.Equal(k.Tags, c.want.Tags) || k.SizeBelow != c.want.SizeBelow || k.Uses != c.want.Uses {
				t.Errorf("got %+v, want %+v", k, c.want)
			}
			if len(by.Token.Only.Tags) > 0 && len(k.Tags) > 0 {
				if k.Tags[0] = "changed"; by.Token.Only.Tags[0] == "changed" {
					t.Error("both share a list")
				}
			}
		})
	}
}

func TestRolesThatGiveNothing(t *testing.T) {
	w := usualWorld()
	roles := []string{"collections.view"}
	for name, by := range map[string]tokens.Subject{"by password": w.as("boss"), "by a narrowed token": w.narrowed("boss", on(tokens.Everything))} {
		got, err := w.Issue(t.Context(), tokens.Order{API: tokens.FileRepository, By: by, Scope: tokens.Scope{Tenant: "red"}, Roles: roles})
		isVerdict(t, err, nil)
		if !slices.Equal(got.Token.Roles, roles) || len(got.Token.Allowed) != 0 {
			t.Fatalf("%s: %+v", name, got.Token)
		}
		who := tokens.Subject{User: w.users["boss"], Token: got.Token}
		for reach := tokens.Exact; reach <= tokens.Everywhere; reach++ {
			_, err = tokens.Authorise(who, tokens.Action{Place: redA(), Needs: tokens.StorageRead, Resource: "b/k", Reach: reach})
			isVerdict(t, err, tokens.ErrPermission)
		}
		_, err = tokens.Authorise(who, tokens.Action{Place: redA(), AnyRight: true})
		isVerdict(t, err, tokens.ErrPermission)
		_, err = tokens.Authorise(who, tokens.Action{Place: redA(), Needs: tokens.StorageWrite, OrAppend: true, Resource: "b/k"})
		isVerdict(t, err, tokens.ErrPermission)
		_, err = w.Issue(t.Context(), tokens.Order{By: who, Scope: redA(), Owner: w.users["ann"]})
		isVerdict(t, err, tokens.ErrPermission)
		_, err = w.List(t.Context(), tokens.Manager{Subject: who, Via: tokens.Management}, tokens.Filter{Owner: "boss"})
		isVerdict(t, err, tokens.ErrPermission)
	}
}

func TestWhenATokenBeginsAndEnds(t *testing.T) {
	parentEnds := stamped().Add(time.Hour)
	in := func(d time.Duration) tokens.Lifetime { return tokens.Lifetime{Until: stamped().Add(d)} }
	dead := func(at time.Time) tokens.Lifetime { return tokens.Lifetime{Until: at, Past: true} }
	for _, c := range []struct {
		name      string
		narrowed  bool // by a token that ends in an hour
		notBefore time.Time
		wish      tokens.Lifetime
		begins    time.Time
		ends      time.Time
		state     tokens.State
		invalid   string
	}{
		{"at once", false, time.Time{}, in(time.Hour), time.Time{}, stamped().Add(time.Hour), tokens.Active, ""},
		{"later", false, start().Add(time.Minute), in(time.Hour), stamped().Add(time.Minute), stamped().Add(time.Hour), tokens.Pending, ""},
		{"earlier", false, stamped().Add(-time.Minute), in(time.Hour), stamped().Add(-time.Minute), stamped().Add(time.Hour), tokens.Active, ""},
		{"when it ends", false, stamped().Add(time.Hour), in(time.Hour), time.Time{}, time.Time{}, "", "not before its end"},
		{"just before it ends", false, stamped().Add(time.Hour - time.Millisecond), in(time.Hour), stamped().Add(time.Hour - time.Millisecond), stamped().Add(time.Hour), tokens.Pending, ""},
		{"never to end", false, stamped().Add(time.Hour), tokens.Lifetime{Never: true}, stamped().Add(time.Hour), time.Time{}, tokens.Pending, ""},
		{"before 1970", false, time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), in(time.Hour), time.Time{}, time.Time{}, "", "from 1970 to 9999"},
		{"after 9999", false, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), tokens.Lifetime{Never: true}, time.Time{}, time.Time{}, "", "from 1970 to 9999"},
		{"dead when it is born", false, time.Time{}, dead(stamped().Add(-time.Hour)), time.Time{}, stamped().Add(-time.Hour), tokens.Expired, ""},
		{"dead since the first second", false, time.Time{}, dead(time.Unix(0, 0)), time.Time{}, time.Unix(0, 0), tokens.Expired, ""},
		{"dead since before", false, time.Time{}, dead(time.Unix(-1, 0)), time.Time{}, time.Time{}, "", "from 1970 to 9999"},
		{"ends after 9999", false, time.Time{}, tokens.Lifetime{Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, time.Time{}, time.Time{}, "", "from 1970 to 9999"},
		{"never, by a narrowed one", true, time.Time{}, tokens.Lifetime{Never: true}, time.Time{}, parentEnds, tokens.Active, ""},
		{"no wish, by a narrowed one", true, time.Time{}, tokens.Lifetime{}, time.Time{}, parentEnds, tokens.Active, ""},
		{"shorter, by a narrowed one", true, time.Time{}, in(time.Minute), time.Time{}, stamped().Add(time.Minute), tokens.Active, ""},
		{"as long, by a narrowed one", true, time.Time{}, in(time.Hour), time.Time{}, parentEnds, tokens.Active, ""},
		{"longer, by a narrowed one", true, time.Time{}, in(time.Hour + time.Millisecond), time.Time{}, time.Time{}, "", "after the end of the token that asks"},
		{"longer, if that may be, by a narrowed one", true, time.Time{}, tokens.Lifetime{Until: parentEnds.Add(time.Hour), Yields: true}, time.Time{}, parentEnds, tokens.Active, ""},
		{"after the narrowed one's end", true, parentEnds, tokens.Lifetime{}, time.Time{}, time.Time{}, "", "not before its end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			by := w.as("ann")
			if c.narrowed {
				by = w.narrowed("ann", on(tokens.TokensCreate))
				by.Token.Expires = parentEnds
			}
			got, err := w.Issue(t.Context(), tokens.Order{By: by, Scope: redA(), NotBefore: c.notBefore, Lifetime: c.wish})
			if c.invalid != "" {
				isInvalid(t, err, c.invalid)
				return
			}
			isVerdict(t, err, nil)
			if k := got.Token; !k.NotBefore.Equal(c.begins) || !k.Expires.Equal(c.ends) || k.StateAt(w.time) != c.state {
				t.Errorf("it begins %v, ends %v and is %s", k.NotBefore, k.Expires, k.StateAt(w.time))
			}
		})
	}
}

func TestYieldingWishesAreCutToTheCeiling(t *testing.T) {
	w := usualWorld()
	config := tokens.Default()
	config.MaxTTL = time.Hour
	w.Configure(config)
	for _, d := range []time.Duration{time.Minute, time.Hour, time.Hour + time.Millisecond, 20 * 365 * 24 * time.Hour} {
		got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA(), Lifetime: tokens.Lifetime{Until: stamped().Add(d), Yields: true}})
		isVerdict(t, err, nil)
		if want := stamped().Add(min(d, time.Hour)); !got.Token.Expires.Equal(want) {
			t.Errorf("%v ends %v, want %v", d, got.Token.Expires, want)
		}
	}
}
