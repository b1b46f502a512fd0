package tokens_test

import (
	"errors"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestWhoReachesWhoseToken(t *testing.T) {
	red, blue := tokens.Scope{Tenant: "red"}, tokens.Scope{Tenant: "blue"}
	w := usualWorld()
	refs := map[string]tokens.Secret{}
	for _, k := range []struct {
		name, owner string
		scope       tokens.Scope
	}{
		{"ann's", "ann", red}, {"ann's of a domain", "ann", redA()}, {"bob's", "bob", red}, {"bob's in blue", "bob", blue},
		{"root's", "root", red}, {"nowhere's", "nowhere", red}, {"gone's", "gone", red}, {"gone's in blue", "gone", blue},
	} {
		_, refs[k.name] = w.put(t, k.owner, k.scope)
	}
	for _, c := range []struct {
		name      string
		by        tokens.Subject
		token     string
		see, ends bool
	}{
		{"one's own, without any right", w.as("ann"), "ann's", true, true},
		{"one's own in a domain", w.as("ann"), "ann's of a domain", true, true},
		{"one's own by a token of the tenant", w.by("ann", red), "ann's", true, true},
		{"one's own in another tenant", w.as("bob"), "bob's in blue", true, true},
		{"one's own in another tenant than one's token's", w.by("bob", red), "bob's in blue", false, false},
		{"one's own in a tenant that one lost", w.as("nowhere"), "nowhere's", false, false},
		{"one's own by a token that holds nowhere", w.by("ann", tokens.Scope{}), "ann's", false, false},
		{"another's, without a right", w.as("ann"), "bob's", false, false},
		{"another's, with the right to read", w.as("auditor"), "ann's", true, false},
		{"another's, with the right to delete", w.as("remover"), "ann's", false, true},
		{"another's, with the right to create", w.as("minter"), "ann's", false, false},
		{"another's, as token admin", w.as("redadmin"), "ann's", true, true},
		{"another's who has more tenants", w.as("redadmin"), "bob's", false, false},
		{"another's who has every tenant", w.as("boss"), "root's", false, false},
		{"another's with the same tenants", w.as("boss"), "bob's in blue", true, true},
		{"another's by a token of one of his tenants", w.by("boss", red), "bob's", false, false},
		{"another's by a token of all his tenants", w.by("boss", red), "ann's", true, true},
		{"another's by a token of another tenant", w.by("boss", blue), "ann's", false, false},
		{"everybody's", w.as("root"), "bob's in blue", true, true},
		{"everybody's, but by a token", w.by("root", red), "bob's in blue", false, false},
		{"another's who lost all tenants", w.as("redadmin"), "nowhere's", true, true},
		{"of somebody gone, in one's tenant", w.as("redadmin"), "gone's", true, true},
		{"of somebody gone, elsewhere", w.as("redadmin"), "gone's in blue", false, false},
		{"of somebody gone, without a right", w.as("ann"), "gone's", false, false},
		{"rights without tenants", w.as("nowhere"), "ann's", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict := func(may bool) error {
				if may {
					return nil
				}
				return tokens.ErrNotOwner
			}
			_, err := w.Show(t.Context(), via(c.by), refs[c.token])
			isVerdict(t, err, verdict(c.see))
			asked := errors.New("asked")
			want := verdict(c.ends)
			if want == nil {
				want = asked
			}
			_, err = w.Revoke(t.Context(), via(c.by), refs[c.token], func(*tokens.Token) error { return asked })
			isVerdict(t, err, want)
		})
	}
}

func TestShowByIDAndByValue(t *testing.T) {
	w := usualWorld()
	tok, value := w.put(t, "ann", redA(), func(k *tokens.Token) { k.Meta = []tokens.Meta{{Name: "source", Value: "laptop"}} })
	for _, ref := range []tokens.Secret{value, tokens.Secret(tok.ID)} {
		got, err := w.Show(t.Context(), via(w.as("ann")), ref)
		isVerdict(t, err, nil)
		if got.ID != tok.ID || got.Revision != tok.Revision || len(got.Meta) != 1 {
			t.Errorf("got %+v", got)
		}
		got.Meta[0].Value = "changed" // it is the caller's own
	}
	if got, err := w.Show(t.Context(), via(w.as("ann")), value); err != nil || got.Meta[0].Value != "laptop" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestShowOfWhatIsNotLive(t *testing.T) {
	w := usualWorld()
	past := stamped().Add(-time.Minute)
	expired, expiredValue := w.put(t, "ann", redA(), expiring(past))
	revoked, revokedValue := w.put(t, "ann", redA(), revokedBy("ann", past))
	now, nowValue := w.put(t, "ann", redA(), expiring(stamped()))
	refs := []tokens.Secret{
		expiredValue, tokens.Secret(expired.ID), revokedValue, tokens.Secret(revoked.ID), nowValue, tokens.Secret(now.ID),
		valueOf(999), "1234567890123456789012", "", "no token at all",
	}
	for _, ref := range refs {
		for _, name := range []string{"ann", "root", "bob"} {
			if _, err := w.Show(t.Context(), via(w.as(name)), ref); !errors.Is(err, tokens.ErrUnknown) {
				t.Errorf("%s sees %q: %v", name, ref.Reveal(), err)
			}
			if _, err := w.Revoke(t.Context(), via(w.as(name)), ref, nil); !errors.Is(err, tokens.ErrUnknown) {
				t.Errorf("%s ends %q: %v", name, ref.Reveal(), err)
			}
		}
	}
}

func TestAnonymousLearnsNothing(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA())
	w.store.calls = 0
	for _, ref := range []tokens.Secret{value, valueOf(999)} {
		_, err := w.Show(t.Context(), via(tokens.Subject{}), ref)
		isVerdict(t, err, tokens.ErrAnonymous)
		_, err = w.Revoke(t.Context(), via(tokens.Subject{}), ref, nil)
		isVerdict(t, err, tokens.ErrAnonymous)
	}
	_, err := w.List(t.Context(), via(tokens.Subject{}), tokens.Filter{Owner: "ann"})
	isVerdict(t, err, tokens.ErrAnonymous)
	_, err = w.Issue(t.Context(), tokens.Order{Scope: redA()})
	isVerdict(t, err, tokens.ErrAnonymous)
	if w.store.calls != 0 {
		t.Errorf("the store was asked %d times", w.store.calls)
	}
}

func TestRevoke(t *testing.T) {
	for _, byID := range []bool{false, true} {
		w := usualWorld()
		tok, ref := w.put(t, "ann", redA(), expiring(time.Time{}))
		value := ref
		if byID {
			ref = tokens.Secret(tok.ID)
		}
		asked := 0
		got, err := w.Revoke(t.Context(), via(w.as("redadmin")), ref, func(k *tokens.Token) error {
			asked++
			if k.ID != tok.ID || k.StateAt(w.time) != tokens.Active {
				t.Errorf("asked about %+v", k)
			}
			return nil
		})
		isVerdict(t, err, nil)
		want := tokens.Mark{At: stamped(), By: "redadmin"}
		if asked != 1 || got.Revoked != want || got.Revision <= tok.Revision {
			t.Fatalf("asked %d times, got %+v", asked, got)
		}
		stored, err := w.store.ByID(t.Context(), tok.ID)
		isVerdict(t, err, nil)
		if stored.Revoked != want || stored.Revision != got.Revision {
			t.Fatalf("stored is %+v", stored)
		}
		_, err = w.Verify(t.Context(), value)
		isVerdict(t, err, tokens.ErrRevoked)
		_, err = w.Revoke(t.Context(), via(w.as("ann")), ref, nil)
		isVerdict(t, err, tokens.ErrUnknown)
		_, err = w.Show(t.Context(), via(w.as("ann")), ref)
		isVerdict(t, err, tokens.ErrUnknown)
	}
}

func TestRevokeThatIsNotAcceptedWritesNothing(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA())
	before, refusal := len(w.store.puts), errors.New("not of this path")
	_, err := w.Revoke(t.Context(), via(w.as("ann")), value, func(*tokens.Token) error { return refusal })
	isVerdict(t, err, refusal)
	if len(w.store.puts) != before {
		t.Error("something was written")
	}
	_, err = w.Verify(t.Context(), value)
	isVerdict(t, err, nil)
}

func TestRevokeTriesAgainWhenTheRecordChanged(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA())
	left, asked := 3, 0
	w.store.onPut = func(k *tokens.Token) error {
		if left == 0 {
			return nil
		}
		left--
		// somebody else writes first
		other, err := w.store.Store.ByID(t.Context(), k.ID)
		if err != nil {
			return err
		}
		other.Meta = append(other.Meta, tokens.Meta{Name: "n", Value: "v"})
		_, err = w.store.Store.Put(t.Context(), other)
		return err
	}
	got, err := w.Revoke(t.Context(), via(w.as("ann")), value, func(k *tokens.Token) error {
		if asked++; len(k.Meta) != asked-1 {
			t.Errorf("asked the %d. time about %+v, which is not as it was stored then", asked, k.Meta)
		}
		return nil
	})
	isVerdict(t, err, nil)
	if asked != 4 || len(got.Meta) != 3 {
		t.Errorf("asked %d times, got %+v: a change of others is lost", asked, got.Meta)
	}
}

func TestRevokeThatLostTheRace(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA())
	w.store.onPut = func(k *tokens.Token) error {
		w.store.onPut = nil
		_, err := w.Revoke(t.Context(), via(w.as("root")), tokens.Secret(k.ID), nil)
		return err
	}
	_, err := w.Revoke(t.Context(), via(w.as("ann")), value, nil)
	isVerdict(t, err, tokens.ErrUnknown)
	stored, err := w.store.ByHash(t.Context(), tokens.HashOf(value.Reveal()))
	if err != nil || stored.Revoked.By != "root" {
		t.Errorf("stored is %+v, %v", stored, err)
	}
}

func TestRevokeInAFullStore(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA())
	w.store.onPut = func(*tokens.Token) error { return tokens.ErrStoreFull }
	_, err := w.Revoke(t.Context(), via(w.as("ann")), value, nil)
	isVerdict(t, err, tokens.ErrStoreFull)
}
