package tokens_test

import (
	"context"
	"crypto/rand"
	"reflect"
	"testing"
	"time"

	"tollgate/tokens"
)

// sharing is a store whose ByHash gives everybody the same record, as a store
// that keeps records in memory does.
type sharing struct {
	tokens.Store
	given map[tokens.Hash]*tokens.Token
	as    map[*tokens.Token]*tokens.Token // a copy of each from when it was given first
}

func (s *sharing) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	t, err := s.Store.ByHash(ctx, h)
	if err != nil {
		return nil, err
	}
	if old := s.given[h]; old != nil && s.as[old].Revision == t.Revision {
		return old, nil
	}
	s.given[h], s.as[t] = t, t.Clone()
	return t, nil
}

// unchanged fails the test if somebody changed a record that others hold.
func (s *sharing) unchanged(t *testing.T) {
	t.Helper()
	for now, was := range s.as {
		if !reflect.DeepEqual(now, was) {
			t.Fatalf("a shared record was changed:\n was %+v\n now %+v", was, now)
		}
	}
}

// sharedWorld is a world whose store shares its records.
func sharedWorld() (*world, *sharing) {
	w := newWorld(rand.Reader)
	s := &sharing{Store: w.memory, given: map[tokens.Hash]*tokens.Token{}, as: map[*tokens.Token]*tokens.Token{}}
	w.store.Store = s
	return w, s
}

// full gives a token something in each of its lists.
func full(k *tokens.Token) {
	k.Meta = []tokens.Meta{{Name: "ticket", Value: "7"}}
	k.Roles = []string{"upload"}
	k.Allowed = tokens.Allowances{{Permissions: tokens.Everything, Resources: []tokens.Resource{"bucket/a"}}, {Permissions: tokens.Everything}}
	k.Only = everyRestriction()
	k.Ceiling = tokens.Everything
}

// everywhere makes a token of all tenants, narrowed to one.
func everywhere(k *tokens.Token) {
	k.Scope, k.Tenants = tokens.Scope{Tenant: tokens.AnyTenant}, []string{"red"}
}

// spent is how full and usedUp are put together.
func spent(k *tokens.Token) { k.Used, k.Spent = k.Only.Uses, stamped() }

func TestNothingChangesASharedRecord(t *testing.T) {
	later, off := tokens.Lifetime{Until: start().Add(30 * time.Minute)}, false
	here := tokens.Circumstances{Agent: "curl/8"}
	for name, c := range map[string]struct {
		change func(*tokens.Token)
		call   func(ctx context.Context, w *world, value tokens.Secret, by tokens.Subject) error
	}{
		"verify": {nil, func(ctx context.Context, w *world, value tokens.Secret, _ tokens.Subject) error {
			_, err := w.Verify(ctx, value)
			return err
		}},
		"again, used up meanwhile": {spent, func(ctx context.Context, w *world, _ tokens.Secret, by tokens.Subject) error {
			now, err := w.Again(ctx, by)
			if err == nil && !now.Token.Spent.IsZero() {
				t.Error("the subject's token is used up")
			}
			return err
		}},
		"use": {nil, func(ctx context.Context, w *world, _ tokens.Secret, by tokens.Subject) error {
			_, err := w.Use(ctx, by, here)
			return err
		}},
		"show and change what is shown": {nil, func(ctx context.Context, w *world, value tokens.Secret, by tokens.Subject) error {
			shown, err := w.Show(ctx, via(by), value)
			if err == nil {
				shown.Owner, shown.Meta[0].Value, shown.Only.Types[0], shown.Allowed[0].Resources[0] = "mallory", "0", "*", "other"
			}
			return err
		}},
		"find and change what is found": {spent, func(ctx context.Context, w *world, value tokens.Secret, by tokens.Subject) error {
			found, err := w.Find(ctx, via(by), value)
			if err == nil {
				found.Spent, found.Tenants[0], found.Roles[0] = time.Time{}, "blue", "other"
			}
			return err
		}},
		"disable": {nil, func(ctx context.Context, w *world, value tokens.Secret, by tokens.Subject) error {
			_, err := w.Change(ctx, via(by), value, tokens.Change{Enabled: &off})
			return err
		}},
		"disable, which the store refuses": {nil, func(ctx context.Context, w *world, value tokens.Secret, by tokens.Subject) error {
			w.store.onPut = func(*tokens.Token) error { return tokens.ErrStoreFull }
			_, err := w.Change(ctx, via(by), value, tokens.Change{Enabled: &off})
			isVerdict(t, err, tokens.ErrStoreFull)
			return nil
		}},
		"shorten": {nil, func(ctx context.Context, w *world, value tokens.Secret, by tokens.Subject) error {
			_, err := w.Change(ctx, via(by), value, tokens.Change{Lifetime: &later})
			return err
		}},
		"revoke": {nil, func(ctx context.Context, w *world, value tokens.Secret, by tokens.Subject) error {
			_, err := w.Revoke(ctx, via(by), value, nil)
			return err
		}},
		"make a token by it": {nil, func(ctx context.Context, w *world, _ tokens.Secret, by tokens.Subject) error {
			got, err := w.Issue(ctx, tokens.Order{By: by, Scope: tokens.Scope{Tenant: tokens.AnyTenant}})
			if err == nil {
				got.Token.Allowed[0].Resources[0], got.Token.Only.Agents[0].Text, got.Token.Tenants[0] = "other", "*", "blue"
			}
			return err
		}},
		"judge by it": {nil, func(_ context.Context, _ *world, _ tokens.Secret, by tokens.Subject) error {
			_ = by.Powers()
			_, err := tokens.Authorise(by, tokens.Action{
				Place: redA(), Needs: tokens.StorageRead, Resource: "bucket/a/b", From: tokens.Circumstances{Client: everyRestriction().Addresses[0].Addr(), Agent: "curl/8"},
			})
			return err
		}},
		"list": {nil, func(ctx context.Context, w *world, _ tokens.Secret, by tokens.Subject) error {
			_, err := w.List(ctx, via(by), tokens.Filter{Owner: by.User.Name})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, shared := sharedWorld()
			tok, value := w.put(t, "root", redA(), full, everywhere)
			by, err := w.Verify(t.Context(), value)
			isVerdict(t, err, nil)
			if c.change != nil {
				c.change(tok)
				_, err := w.store.Put(t.Context(), tok)
				isVerdict(t, err, nil)
			}
			_, _ = w.Verify(t.Context(), value)
			isVerdict(t, c.call(t.Context(), w, value, by), nil)
			_, _ = w.Verify(t.Context(), value)
			shared.unchanged(t)
		})
	}
}

// TestASignerLeavesASharedRecord: key pairs come back by their access key.
func TestASignerLeavesASharedRecord(t *testing.T) {
	w, shared := sharedWorld()
	key, err := w.Issue(t.Context(), orderWithKey(w, "a secret key"))
	isVerdict(t, err, nil)
	for range 2 {
		_, secret, err := w.Signer(t.Context(), key.Token.AccessKey)
		isVerdict(t, err, nil)
		if secret != "a secret key" {
			t.Error("the secret key is another")
		}
	}
	shared.unchanged(t)
}

// TestLookUpsOfFormsDoNotAllocate: what is done with a value before the store
// is asked, and for one that no token can have.
func TestLookUpsOfFormsDoNotAllocate(t *testing.T) {
	w := usualWorld()
	for _, f := range []tokens.Form{tokens.Hex, tokens.Prefixed, tokens.UUID, tokens.AccessV1} {
		value := form(t, w, f)
		if n := testing.AllocsPerRun(100, func() {
			if tokens.CheckText(value) != nil || tokens.HashOf(value) == (tokens.Hash{}) {
				t.Error("refused")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", f, n)
		}
	}
}
