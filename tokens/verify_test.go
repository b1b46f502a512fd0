package tokens_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestVerify(t *testing.T) {
	past, future := stamped().Add(-time.Hour), stamped().Add(time.Hour)
	for _, c := range []struct {
		name   string
		owner  string
		change func(*tokens.Token)
		want   error
	}{
		{"live", "ann", expiring(future), nil},
		{"without an end", "ann", expiring(time.Time{}), nil},
		{"ends in the next millisecond", "ann", expiring(stamped().Add(time.Millisecond)), nil},
		{"ended in this millisecond", "ann", expiring(stamped()), tokens.ErrExpired},
		{"expired", "ann", expiring(past), tokens.ErrExpired},
		{"revoked", "ann", revokedBy("root", past), tokens.ErrRevoked},
		{"revoked and expired", "ann", func(k *tokens.Token) { expiring(past)(k); revokedBy("root", past)(k) }, tokens.ErrRevoked},
		{"for signatures", "ann", signing, tokens.ErrSigningOnly},
		{"for signatures and revoked", "ann", func(k *tokens.Token) { signing(k); revokedBy("root", past)(k) }, tokens.ErrSigningOnly},
		{"disabled", "ann", disabled, tokens.ErrDisabled},
		{"begins in the next millisecond", "ann", beginning(stamped().Add(time.Millisecond)), tokens.ErrNotYet},
		{"begins in this millisecond", "ann", beginning(stamped()), nil},
		{"used up", "ann", usedUp(past), tokens.ErrUsedUp},
		{"used, with a use left", "ann", func(k *tokens.Token) { k.Only.Uses, k.Used = 2, 1 }, nil},
		{"disabled, of somebody who is gone", "gone", disabled, tokens.ErrDisabled},
		{"of somebody who is gone", "gone", expiring(future), tokens.ErrOwnerGone},
		{"expired, of somebody who is gone", "gone", expiring(past), tokens.ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			tok, value := w.put(t, c.owner, redA(), c.change)
			got, err := w.Verify(t.Context(), value)
			isVerdict(t, err, c.want)
			if got.Token == nil || got.Token.ID != tok.ID {
				t.Fatalf("the token is %+v, want %s for the log", got.Token, tok.ID)
			}
			if c.want != nil && !got.Anonymous() {
				t.Fatalf("a refusal comes with the user %+v", got.User)
			}
			if c.want == nil && got.User != w.users[c.owner] {
				t.Fatalf("the user is %+v", got.User)
			}
		})
	}
}

func TestVerifyKnowsNoTokenBut(t *testing.T) {
	w := usualWorld()
	tok, value := w.put(t, "ann", redA())
	key, _ := w.put(t, "ann", redA(), func(k *tokens.Token) { k.AccessKey = "AKEY" })
	for _, c := range []struct {
		name  string
		value tokens.Secret
	}{
		{"the empty value", ""},
		{"another value", valueOf(99)},
		{"its public id", tokens.Secret(tok.ID)},
		{"a name", "AKEY"},
		{"another's id", tokens.Secret(key.ID)},
		{"the value in capitals", "0000000000000000000000000000000A"},
		{"the value with a blank", value + " "},
		{"a part of the value", value[:31]},
		{"its hash", tokens.Secret(tok.Hash[:])},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := w.Verify(t.Context(), c.value)
			isVerdict(t, err, tokens.ErrUnknown)
			if got != (tokens.Subject{}) {
				t.Fatalf("it is %+v", got)
			}
		})
	}
	if _, err := w.Verify(t.Context(), value); err != nil {
		t.Fatalf("the value itself: %v", err)
	}
}

func TestVerifySeesTimePass(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA(), expiring(stamped().Add(time.Second)))
	for _, c := range []struct {
		after time.Duration
		want  error
	}{
		{0, nil}, {time.Second - time.Millisecond, nil}, {time.Second - 1, nil}, {time.Second, tokens.ErrExpired},
		{time.Hour, tokens.ErrExpired}, {-time.Hour, nil},
	} {
		w.time = stamped().Add(c.after)
		if _, err := w.Verify(t.Context(), value); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("after %v: %v, want %v", c.after, err, c.want)
		}
	}
}

func TestAStoreThatFailsIsNoVerdict(t *testing.T) {
	w := usualWorld()
	tok, value := w.put(t, "ann", redA())
	by := w.as("root")
	calls := map[string]func(context.Context) error{
		"verify": func(ctx context.Context) error { _, err := w.Verify(ctx, value); return err },
		"again": func(ctx context.Context) error {
			_, err := w.Again(ctx, tokens.Subject{User: by.User, Token: tok})
			return err
		},
		"show":       func(ctx context.Context) error { _, err := w.Show(ctx, via(by), value); return err },
		"show by id": func(ctx context.Context) error { _, err := w.Show(ctx, via(by), tokens.Secret(tok.ID)); return err },
		"revoke":     func(ctx context.Context) error { _, err := w.Revoke(ctx, via(by), value, nil); return err },
		"list": func(ctx context.Context) error {
			_, err := w.List(ctx, via(by), tokens.Filter{Owner: "ann"})
			return err
		},
		"clean": func(ctx context.Context) error { _, err := w.Clean(ctx); return err },
		"issue": func(ctx context.Context) error {
			_, err := w.Issue(ctx, tokens.Order{By: by, Scope: redA()})
			return err
		},
		"issue signed": func(ctx context.Context) error { _, err := w.Issue(ctx, orderWithKey(w, "12345678")); return err },
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			if name == "revoke" {
				w.store.onPut = func(*tokens.Token) error { return errBroken }
				isVerdict(t, call(t.Context()), errBroken)
				w.store.onPut = nil
			}
			w.store.broken = errBroken
			isVerdict(t, call(t.Context()), errBroken)
			w.store.broken = tokens.ErrStoreClosed
			isVerdict(t, call(t.Context()), tokens.ErrStoreClosed)
			w.store.broken = nil
			isVerdict(t, call(ended), context.Canceled)
		})
	}
}

func TestAgain(t *testing.T) {
	past := stamped().Add(-time.Hour)
	for _, c := range []struct {
		name   string
		change func(w *world, k *tokens.Token)
		want   error
	}{
		{"nothing happened", func(*world, *tokens.Token) {}, nil},
		{"revoked meanwhile", func(_ *world, k *tokens.Token) { revokedBy("root", past)(k) }, tokens.ErrRevoked},
		{"disabled meanwhile", func(_ *world, k *tokens.Token) { disabled(k) }, tokens.ErrDisabled},
		{"used up meanwhile, which was counted", func(_ *world, k *tokens.Token) { usedUp(past)(k) }, nil},
		{"used up and then revoked", func(_ *world, k *tokens.Token) { usedUp(past)(k); revokedBy("root", past)(k) }, tokens.ErrRevoked},
		{"used up and then expired", func(w *world, k *tokens.Token) { usedUp(past)(k); w.time = w.time.Add(2 * time.Hour) }, tokens.ErrExpired},
		{"expired meanwhile", func(w *world, _ *tokens.Token) { w.time = w.time.Add(2 * time.Hour) }, tokens.ErrExpired},
		{"the owner went", func(w *world, _ *tokens.Token) { delete(w.users, "ann") }, tokens.ErrOwnerGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			tok, value := w.put(t, "ann", redA())
			old, err := w.Verify(t.Context(), value)
			isVerdict(t, err, nil)
			c.change(w, tok)
			if _, err := w.store.Put(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
			now, err := w.Again(t.Context(), old)
			isVerdict(t, err, c.want)
			if now.Anonymous() != (c.want != nil) {
				t.Fatalf("it is %+v", now)
			}
		})
	}
}

func TestAgainWithoutARecord(t *testing.T) {
	w := usualWorld()
	never := tokens.Subject{User: w.users["ann"], Token: &tokens.Token{Hash: tokens.HashOf("never stored")}}
	_, err := w.Again(t.Context(), never)
	isVerdict(t, err, tokens.ErrUnknown)

	if got, err := w.Again(t.Context(), tokens.Subject{}); err != nil || got != (tokens.Subject{}) {
		t.Fatalf("anonymous stays %+v, %v", got, err)
	}
	old := w.as("ann")
	w.users["ann"] = &tokens.User{Name: "ann", Tenants: tenants("red"), Rights: tokens.StorageRead}
	if got, err := w.Again(t.Context(), old); err != nil || got.User != w.users["ann"] || got.Token != nil {
		t.Fatalf("by password, with other rights since: %+v, %v", got, err)
	}
	delete(w.users, "ann")
	got, err := w.Again(t.Context(), old)
	isVerdict(t, err, tokens.ErrOwnerGone)
	if !got.Anonymous() {
		t.Fatalf("somebody who is gone is %+v", got)
	}
}

func TestAgainSeesOtherRights(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA())
	old, err := w.Verify(t.Context(), value)
	isVerdict(t, err, nil)
	w.users["ann"] = &tokens.User{Name: "ann", Tenants: tenants("blue"), Rights: tokens.StorageRead}
	now, err := w.Again(t.Context(), old)
	isVerdict(t, err, nil)
	_, err = tokens.Authorise(now, tokens.Action{Place: redA(), Needs: tokens.StorageRead})
	isVerdict(t, err, tokens.ErrOtherTenant)
}
