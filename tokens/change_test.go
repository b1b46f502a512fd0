package tokens_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
)

func lasting(d time.Duration) *tokens.Lifetime { return &tokens.Lifetime{Until: stamped().Add(d)} }

func enabled(yes bool) *bool { return &yes }

func TestChange(t *testing.T) {
	disabledByAnn := tokens.Mark{At: stamped(), By: "ann"}
	before := tokens.Mark{At: stamped().Add(-time.Hour), By: "root"}
	for _, c := range []struct {
		name   string
		change func(*tokens.Token)
		c      tokens.Change
		want   error
		ends   time.Time // zero = as put made it
		mark   tokens.Mark
	}{
		{"nothing", nil, tokens.Change{}, nil, time.Time{}, tokens.Mark{}},
		{"disable", nil, tokens.Change{Enabled: enabled(false)}, nil, time.Time{}, disabledByAnn},
		{"disable what is: who did it first stays", func(k *tokens.Token) { k.Disabled = before }, tokens.Change{Enabled: enabled(false)}, nil, time.Time{}, before},
		{"enable", func(k *tokens.Token) { k.Disabled = before }, tokens.Change{Enabled: enabled(true)}, nil, time.Time{}, tokens.Mark{}},
		{"enable what is", nil, tokens.Change{Enabled: enabled(true)}, nil, time.Time{}, tokens.Mark{}},
		{"disable what is pending", beginning(stamped().Add(time.Minute)), tokens.Change{Enabled: enabled(false)}, nil, time.Time{}, disabledByAnn},
		{"extend", nil, tokens.Change{Lifetime: lasting(2 * time.Hour)}, nil, stamped().Add(2 * time.Hour), tokens.Mark{}},
		{"shorten", nil, tokens.Change{Lifetime: lasting(time.Minute)}, nil, stamped().Add(time.Minute), tokens.Mark{}},
		{"extend and disable", nil, tokens.Change{Lifetime: lasting(2 * time.Hour), Enabled: enabled(false)}, nil, stamped().Add(2 * time.Hour), disabledByAnn},
		{"extend what is disabled", func(k *tokens.Token) { k.Disabled = before }, tokens.Change{Lifetime: lasting(2 * time.Hour)}, nil, stamped().Add(2 * time.Hour), before},
		{"revive", expiring(stamped()), tokens.Change{Lifetime: lasting(time.Hour), Revive: true}, nil, stamped().Add(time.Hour), tokens.Mark{}},
		{"extend what has expired", expiring(stamped()), tokens.Change{Lifetime: lasting(time.Hour)}, tokens.ErrUnknown, stamped(), tokens.Mark{}},
		{"revive without a new end", expiring(stamped()), tokens.Change{Revive: true, Enabled: enabled(true)}, tokens.ErrUnknown, stamped(), tokens.Mark{}},
		{"revive what was revoked", revokedBy("root", stamped()), tokens.Change{Lifetime: lasting(2 * time.Hour), Revive: true}, tokens.ErrUnknown, time.Time{}, tokens.Mark{}},
		{"revive what was used up", usedUp(stamped()), tokens.Change{Lifetime: lasting(2 * time.Hour), Revive: true}, tokens.ErrUnknown, time.Time{}, tokens.Mark{}},
		{"revive what was used up and expired", func(k *tokens.Token) { usedUp(stamped())(k); expiring(stamped())(k) }, tokens.Change{Lifetime: lasting(time.Hour), Revive: true}, tokens.ErrUnknown, stamped(), tokens.Mark{}},
		{"with the revision it has", nil, tokens.Change{Revision: 1, Enabled: enabled(false)}, nil, time.Time{}, disabledByAnn},
		{"with another revision", nil, tokens.Change{Revision: 2, Enabled: enabled(false)}, tokens.ErrConflict, time.Time{}, tokens.Mark{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			if c.change == nil {
				c.change = func(*tokens.Token) {}
			}
			if c.ends.IsZero() {
				c.ends = stamped().Add(time.Hour)
			}
			tok, value := w.put(t, "ann", redA(), c.change)
			got, err := w.Change(t.Context(), via(w.as("ann")), value, c.c)
			isVerdict(t, err, c.want)
			stored, err := w.memory.ByID(t.Context(), tok.ID)
			isVerdict(t, err, nil)
			if !stored.Expires.Equal(c.ends) || stored.Disabled != c.mark {
				t.Errorf("it ends %v and is disabled %+v", stored.Expires, stored.Disabled)
			}
			if c.want != nil && (stored.Revision != tok.Revision || got != nil) {
				t.Errorf("refused, and still %+v", got)
			}
			if c.want == nil && (got.Revision != stored.Revision || !got.Expires.Equal(c.ends) || got.Disabled != c.mark) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestChangedLifetimesKeepToTheConfiguration(t *testing.T) {
	w := usualWorld()
	config := tokens.Default()
	config.MaxTTL = 3 * time.Hour
	w.Configure(config)
	_, value := w.put(t, "ann", redA(), beginning(stamped().Add(10*time.Minute)))
	change := func(l tokens.Lifetime) (*tokens.Token, error) {
		return w.Change(t.Context(), via(w.as("ann")), value, tokens.Change{Lifetime: &l})
	}
	w.time = start().Add(30 * time.Second)
	for name, c := range map[string]struct {
		wish    tokens.Lifetime
		invalid string
	}{
		"beyond the ceiling, counted from now": {*lasting(3*time.Hour + 31*time.Second), "later than the longest lifetime"},
		"the past":                             {*lasting(0), "not in the future"},
		"before it begins":                     {*lasting(10 * time.Minute), "not before its end"},
	} {
		_, err := change(c.wish)
		if isInvalid(t, err, c.invalid); t.Failed() {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := change(tokens.Lifetime{Never: true})
	isVerdict(t, err, nil)
	if !got.Expires.Equal(stamped().Add(3*time.Hour + 30*time.Second)) {
		t.Errorf("never is %v", got.Expires)
	}
	// In the past on purpose: it has ended, whenever it would have begun.
	got, err = change(tokens.Lifetime{Until: stamped(), Past: true})
	isVerdict(t, err, nil)
	if got.StateAt(w.time) != tokens.Expired {
		t.Errorf("it is %s", got.StateAt(w.time))
	}
}

func TestChangeTriesAgainUnlessARevisionWasNamed(t *testing.T) {
	for _, named := range []bool{false, true} {
		w := usualWorld()
		tok, value := w.put(t, "ann", redA())
		w.store.onPut = func(*tokens.Token) error {
			w.store.onPut = nil
			tok.Meta = []tokens.Meta{{Name: "n", Value: "v"}}
			_, err := w.memory.Put(t.Context(), tok)
			return err
		}
		c := tokens.Change{Enabled: enabled(false)}
		if named {
			c.Revision = tok.Revision
		}
		got, err := w.Change(t.Context(), via(w.as("ann")), value, c)
		if named {
			isVerdict(t, err, tokens.ErrConflict)
			continue
		}
		isVerdict(t, err, nil)
		if len(got.Meta) != 1 || got.Disabled.By != "ann" {
			t.Errorf("got %+v", got)
		}
	}
}

func TestRevivingCountsAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		live int
		most int
		want error
	}{
		{"room for one", 1, 2, nil},
		{"no room", 2, 2, tokens.ErrTooMany},
		{"any number", 9, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			key := func(k *tokens.Token) { k.API = tokens.AccessTokens }
			for range c.live {
				w.put(t, "ann", redA(), key)
			}
			w.put(t, "ann", redA()) // of another API
			w.put(t, "bob", redA(), key)
			_, value := w.put(t, "ann", redA(), key, expiring(stamped()))
			m := tokens.Manager{Subject: w.as("ann"), Via: tokens.AccessTokens}
			_, err := w.Change(t.Context(), m, value, tokens.Change{Lifetime: lasting(time.Hour), Revive: true, Most: c.most})
			isVerdict(t, err, c.want)
		})
	}
}

func TestRevivingAtOnceIsCountedOneByOne(t *testing.T) {
	w := usualWorld()
	service := w.plain()
	var values []tokens.Secret
	for range 20 {
		_, value := w.put(t, "ann", redA(), expiring(stamped()))
		values = append(values, value)
	}
	var revived atomic.Int32
	var group sync.WaitGroup
	for _, value := range values {
		group.Go(func() {
			_, err := service.Change(t.Context(), via(w.as("ann")), value, tokens.Change{Lifetime: lasting(time.Hour), Revive: true, Most: 2})
			if err == nil {
				revived.Add(1)
			} else if !errors.Is(err, tokens.ErrTooMany) {
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	if revived.Load() != 2 {
		t.Errorf("%d were revived", revived.Load())
	}
}

func TestAChangeOfTwoKindsNeedsBothRights(t *testing.T) {
	w := usualWorld()
	both := tokens.Change{Lifetime: lasting(2 * time.Hour), Enabled: enabled(false)}
	narrow := func(k *tokens.Token) { k.Allowed = tokens.Allowances{on(tokens.StorageRead)} }
	for _, c := range []struct {
		given tokens.Permissions
		want  error
	}{
		{tokens.TokensCreate, tokens.ErrPermission}, {tokens.TokensDelete, tokens.ErrNotOwner}, {tokens.TokensCreate | tokens.TokensDelete, nil},
	} {
		_, value := w.put(t, "ann", redA(), narrow)
		_, err := w.Change(t.Context(), via(w.narrowed("ann", on(c.given), on(tokens.StorageRead))), value, both)
		isVerdict(t, err, c.want)
	}
}

func TestARevivedTokenDoesNotTakeANameAgain(t *testing.T) {
	w := usualWorld()
	named := func(k *tokens.Token) { k.Name = "laptop" }
	_, value := w.put(t, "ann", redA(), named, expiring(stamped()))
	w.put(t, "ann", redA(), named, func(k *tokens.Token) { k.Created = stamped() })
	_, err := w.Change(t.Context(), via(w.as("ann")), value, tokens.Change{Lifetime: lasting(time.Hour), Revive: true})
	isVerdict(t, err, tokens.ErrName)
}

// TestWhoMayMakeATokenLive: enabling and extending is for who could make one
// like it.
func TestWhoMayMakeATokenLive(t *testing.T) {
	red := tokens.Scope{Tenant: "red"}
	given := func(all ...tokens.Allowance) func(*tokens.Token) {
		return func(k *tokens.Token) { k.Allowed = all }
	}
	all := func(changes ...func(*tokens.Token)) func(*tokens.Token) {
		return func(k *tokens.Token) {
			for _, change := range changes {
				change(k)
			}
		}
	}
	only := func(r tokens.Restrictions) func(*tokens.Token) { return func(k *tokens.Token) { k.Only = r } }
	scoped := func(s tokens.Scope) func(*tokens.Token) { return func(k *tokens.Token) { k.Scope = s } }
	small, one := tokens.Restrictions{SizeBelow: 10}, tokens.Restrictions{Uses: 1}
	manages, readA := on(tokens.TokensAll), on(tokens.StorageRead, "a")
	for _, c := range []struct {
		name  string
		mine  func(*tokens.Token) // of the token that asks
		token func(*tokens.Token)
		want  error
	}{
		{"plain, plain", func(*tokens.Token) {}, func(*tokens.Token) {}, nil},
		{"plain, narrowed", func(*tokens.Token) {}, given(readA), nil},
		{"plain that ends sooner, plain", expiring(stamped().Add(time.Minute)), func(*tokens.Token) {}, nil},
		{"the same narrowing", given(manages, readA), given(readA), nil},
		{"a narrower place", given(manages, on(tokens.StorageRead, "a")), given(on(tokens.StorageRead, "a/b")), nil},
		{"a wider place", given(manages, on(tokens.StorageRead, "a/b")), given(readA), tokens.ErrPermission},
		{"another right", given(manages, readA), given(on(tokens.StorageWrite, "a")), tokens.ErrPermission},
		{"one that is not narrowed", given(manages, on(tokens.StorageAll)), func(*tokens.Token) {}, tokens.ErrPermission},
		{"a token that lives longer", all(given(manages, readA), expiring(stamped().Add(time.Minute))), given(readA), tokens.ErrPermission},
		{"the same restrictions", all(given(manages, readA), only(small)), all(given(readA), only(small)), nil},
		{"looser restrictions", all(given(manages, readA), only(small)), all(given(readA), only(tokens.Restrictions{SizeBelow: 11})), tokens.ErrPermission},
		{"no restrictions", all(given(manages, readA), only(small)), given(readA), tokens.ErrPermission},
		{"uses are not given back", all(given(manages, readA), only(one)), all(given(readA), only(one)), tokens.ErrPermission},
		{"the same domain", scoped(redA()), scoped(redA()), nil},
		{"another domain", scoped(redA()), scoped(tokens.Scope{Tenant: "red", Domain: "b.red"}), tokens.ErrPermission},
		{"the tenant of its domain", scoped(redA()), scoped(red), tokens.ErrPermission},
		{"a lower ceiling", func(k *tokens.Token) { k.Ceiling = tokens.StorageRead | tokens.TokensAll }, func(k *tokens.Token) { k.Ceiling = tokens.StorageRead }, nil},
		{"beyond its ceiling", func(k *tokens.Token) { k.Ceiling = tokens.StorageRead | tokens.TokensAll }, func(*tokens.Token) {}, tokens.ErrPermission},
		{"beyond its ceiling, what the owner has not now", func(k *tokens.Token) { k.Ceiling = tokens.StorageAll }, func(*tokens.Token) {}, tokens.ErrPermission},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			by := w.by("ann", red)
			c.mine(by.Token)
			tok, value := w.put(t, "ann", red, c.token, disabled)
			_, err := w.Change(t.Context(), via(by), value, tokens.Change{Enabled: enabled(true)})
			isVerdict(t, err, c.want)
			tok, err = w.memory.ByID(t.Context(), tok.ID)
			isVerdict(t, err, nil)
			if err := extendBy(t, w, by, tok); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("extended: %v", err)
			}
			by.Token.Expires = stamped().Add(time.Hour) // as the token: shorter is for everybody
			if _, err := w.Change(t.Context(), via(by), value, tokens.Change{Lifetime: lasting(time.Minute)}); err != nil {
				t.Errorf("cut short: %v", err)
			}
		})
	}
}

// extendBy extends by a millisecond.
func extendBy(t *testing.T, w *world, by tokens.Subject, tok *tokens.Token) error {
	l := tokens.Lifetime{Until: tok.Expires.Add(time.Millisecond)}
	_, err := w.Change(t.Context(), via(by), tokens.Secret(tok.ID), tokens.Change{Lifetime: &l})
	return err
}

func TestWhereThereAreNoDomainsADomainsTokenExtendsAll(t *testing.T) {
	w := usualWorld()
	tok, value := w.put(t, "ann", tokens.Scope{Tenant: "red"})
	m := via(w.by("ann", redA()))
	change := tokens.Change{Lifetime: &tokens.Lifetime{Until: tok.Expires.Add(time.Minute)}}
	_, err := w.Change(t.Context(), m, value, change)
	isVerdict(t, err, tokens.ErrPermission)
	m.AnyDomain = true
	_, err = w.Change(t.Context(), m, value, change)
	isVerdict(t, err, nil)
}

func TestATokenForTenantsIsReachedWhereItsOwnerIsNow(t *testing.T) {
	w := usualWorld()
	both := func(k *tokens.Token) { k.Tenants = []string{"red", "blue"} }
	_, value := w.put(t, "bob", tokens.Scope{Tenant: tokens.AnyTenant}, both)
	_, err := w.Show(t.Context(), via(w.as("redadmin")), value)
	isVerdict(t, err, tokens.ErrNotOwner)
	w.users["bob"] = &tokens.User{Name: "bob", Tenants: tenants("red"), Rights: storageUser}
	for _, name := range []string{"bob", "redadmin", "root"} {
		_, err = w.Show(t.Context(), via(w.as(name)), value)
		isVerdict(t, err, nil)
	}
	delete(w.users, "bob") // nobody is left to say where it holds
	_, err = w.Show(t.Context(), via(w.as("redadmin")), value)
	isVerdict(t, err, tokens.ErrNotOwner)
	_, err = w.Show(t.Context(), via(w.as("boss")), value)
	isVerdict(t, err, nil)
}

func TestFindShowsWhatHasEnded(t *testing.T) {
	w := usualWorld()
	for name, change := range map[string]func(*tokens.Token){
		"expired": expiring(stamped()), "revoked": revokedBy("root", stamped()), "used up": usedUp(stamped()),
	} {
		_, value := w.put(t, "ann", redA(), change)
		for _, who := range []string{"ann", "redadmin"} {
			if _, err := w.Find(t.Context(), via(w.as(who)), value); err != nil {
				t.Errorf("%s finds what is %s: %v", who, name, err)
			}
		}
		_, err := w.Find(t.Context(), via(w.as("bob")), value)
		isVerdict(t, err, tokens.ErrNotOwner)
		_, err = w.Show(t.Context(), via(w.as("bob")), value)
		isVerdict(t, err, tokens.ErrUnknown)
	}
	_, err := w.Find(t.Context(), via(w.as("root")), valueOf(99))
	isVerdict(t, err, tokens.ErrUnknown)
}
