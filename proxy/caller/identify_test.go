package caller_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/memstore"
)

// password is john's; the hash was made by libxcrypt with the least cost.
const (
	password     = "correct horse"
	passwordHash = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
)

var errBroken = errors.New("disk on fire")

// fragile is a store that fails when it is told to.
type fragile struct {
	tokens.Store
	broken error
}

func (f *fragile) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	if f.broken != nil {
		return nil, f.broken
	}
	return f.Store.ByHash(ctx, h)
}

func epoch() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 0, time.UTC) }

// house is callers with a real gate, directory and store.
type house struct {
	caller.Callers
	store *fragile
}

func newHouse() *house {
	dir := accounts.NewDirectory(accounts.Config{Users: []accounts.UserConfig{
		{Name: "john", PasswordHash: passwordHash},
		{Name: "robot", PasswordHash: passwordHash, ServiceAccount: true},
		{Name: "hashless"},
	}}, nil, nil)
	h := &house{store: &fragile{Store: memstore.New()}}
	h.Directory = func() *accounts.Directory { return dir }
	h.Gate = accounts.NewGate(epoch, rand.Reader, accounts.Limits{})
	users := func(name string) (*tokens.User, bool) {
		a, ok := h.Directory().Lookup(name)
		if !ok {
			return nil, false
		}
		return &a.User, true
	}
	h.Tokens = tokens.NewService(tokens.Deps{Store: h.store, Usage: memstore.New(), Users: users, Now: epoch, Random: rand.Reader}, tokens.Default())
	return h
}

// put stores a token with that value.
func (h *house) put(t *testing.T, value, owner string, change func(*tokens.Token)) {
	t.Helper()
	k := &tokens.Token{
		ID: tokens.ID(value + "-id"), Hash: tokens.HashOf(value), API: tokens.ContentGateway, Owner: owner, Creator: owner,
		Scope: tokens.Scope{Tenant: accounts.DefaultTenant}, Created: epoch(), Expires: epoch().Add(time.Hour),
	}
	if change != nil {
		change(k)
	}
	if _, err := h.store.Put(t.Context(), k); err != nil {
		t.Fatal(err)
	}
}

// stocked is a house with a token in each state.
func stocked(t *testing.T) *house {
	t.Helper()
	h := newHouse()
	h.put(t, "live", "john", nil)
	h.put(t, "robots", "robot", nil)
	h.put(t, "expired", "john", func(k *tokens.Token) { k.Expires = epoch() })
	h.put(t, "revoked", "john", func(k *tokens.Token) { k.Revoked = tokens.Mark{At: epoch(), By: "john"} })
	h.put(t, "signing", "john", func(k *tokens.Token) { k.Secret = tokens.Sealed("sealed") })
	h.put(t, "orphan", "gone", nil)
	return h
}

// states are the tokens of the stock and what is wrong with them.
func states() map[string]error {
	return map[string]error{
		"live": nil, "robots": nil, "expired": tokens.ErrExpired, "revoked": tokens.ErrRevoked, "signing": tokens.ErrSigningOnly,
		"orphan": tokens.ErrOwnerGone, "unknown": tokens.ErrUnknown, "live-id": tokens.ErrUnknown,
	}
}

func TestExplicitTokensAreTakenOrRefused(t *testing.T) {
	h := stocked(t)
	for value, want := range states() {
		for _, line := range []string{"Authorization: Bearer ", "token: ", "X-Auth-Token: ", "Gateway-Token: ", ""} {
			r := wire(t, "/?_token="+value)
			if line != "" {
				r = wire(t, "/", line+value)
			}
			cred, err := parser().Of(r, caller.AllForms)
			if err != nil {
				t.Fatal(err)
			}
			who, err := h.Identify(t.Context(), cred)
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%s by %s: %v, want %v", value, cred.Form, err, want)
			}
			if who.Form != cred.Form || who.Clear || who.Degraded != nil || who.Anonymous() != (want != nil) {
				t.Errorf("%s by %s is %+v", value, cred.Form, who)
			}
			named := who.Token != nil && string(who.Token.ID) == value+"-id"
			if named == errors.Is(want, tokens.ErrUnknown) {
				t.Errorf("%s by %s names the token %+v", value, cred.Form, who.Token)
			}
		}
	}
}

func TestCookiesAreTakenOrCountForNothing(t *testing.T) {
	t.Run("of one gateway", func(t *testing.T) { cookiesCount(t, stocked(t), func(error) bool { return false }) })
	shared := stocked(t)
	shared.Revision = func(context.Context, uint64) error { return nil }
	t.Run("of several", func(t *testing.T) {
		cookiesCount(t, shared, func(dead error) bool { return errors.Is(dead, tokens.ErrUnknown) })
	})
}

// cookiesCount looks at a cookie in each state. Those that may come to count are
// not taken away.
func cookiesCount(t *testing.T, h *house, comes func(dead error) bool) {
	for value, want := range states() {
		cred, err := parser().Of(wire(t, "/", "Cookie: token="+value), caller.AllForms)
		if err != nil {
			t.Fatal(err)
		}
		who, err := h.Identify(t.Context(), cred)
		if err != nil || who.Form != caller.Cookie {
			t.Errorf("%s: %+v, %v", value, who, err)
		}
		if who.Anonymous() != (want != nil) || !errors.Is(who.Degraded, want) || (who.Degraded == nil) != (want == nil) {
			t.Errorf("%s is %+v, want %v", value, who, want)
		}
		dead := want != nil && !errors.Is(want, tokens.ErrSigningOnly) && !comes(want)
		if who.Clear != dead {
			t.Errorf("%s is cleared: %v", value, who.Clear)
		}
		if want == nil && string(who.Token.ID) != value+"-id" {
			t.Errorf("%s is %+v", value, who.Token)
		}
	}
}

func TestOddCookies(t *testing.T) {
	h := stocked(t)
	for _, c := range []struct {
		name     string
		lines    []string
		degraded error
		clear    bool
		user     string
	}{
		{"two of the same", []string{"Cookie: token=live; token=live"}, nil, false, "john"},
		{"two live ones", []string{"Cookie: token=live; token=robots"}, caller.ErrConflictingCookies, false, ""},
		{"a live and a dead one", []string{"Cookie: token=live; token=expired"}, caller.ErrConflictingCookies, false, ""},
		{"a dead and a live one", []string{"Cookie: token=expired", "Cookie: token=live"}, caller.ErrConflictingCookies, false, ""},
		{"one of them empty", []string{"Cookie: token=; token=live"}, caller.ErrConflictingCookies, false, ""},
		{"an empty one", []string{"Cookie: token="}, tokens.ErrUnknown, true, ""},
		{"one that is far too long", []string{"Cookie: token=" + strings.Repeat("x", 8000)}, tokens.ErrUnknown, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cred, err := parser().Of(wire(t, "/", c.lines...), caller.AllForms)
			if err != nil {
				t.Fatal(err)
			}
			who, err := h.Identify(t.Context(), cred)
			if err != nil || !errors.Is(who.Degraded, c.degraded) || (who.Degraded == nil) != (c.degraded == nil) {
				t.Fatalf("%+v, %v", who, err)
			}
			if who.Clear != c.clear || who.Anonymous() != (c.user == "") || c.user != "" && who.User.Name != c.user {
				t.Errorf("%+v", who)
			}
		})
	}
}

func TestAStoreThatFailsMakesNobodyAnonymous(t *testing.T) {
	for _, broken := range []error{errBroken, tokens.ErrStoreClosed, context.DeadlineExceeded} {
		for _, s := range byRank() {
			h := stocked(t)
			h.store.broken = broken
			cred, err := parser().Of(request(t, s), caller.AllForms)
			if err != nil {
				t.Fatal(err)
			}
			who, err := h.Identify(t.Context(), cred)
			want := broken
			switch s.form {
			case caller.Signature:
				want = caller.ErrSignature
			case caller.Basic:
				want = accounts.ErrBadPassword // which needs no store
			}
			if !errors.Is(err, want) || who.Clear || who.Degraded != nil || !who.Anonymous() || who.Form != s.form {
				t.Errorf("%s: %+v, %v", s.form, who, err)
			}
		}
	}
}

func TestACookieIsNotDegradedWhenTheClientLeft(t *testing.T) {
	h := stocked(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, form := range []caller.Form{caller.Cookie, caller.Bearer} {
		who, err := h.Identify(ctx, caller.Credential{Form: form, Secret: "live"})
		if !errors.Is(err, context.Canceled) || who.Degraded != nil || who.Clear {
			t.Errorf("%s: %+v, %v", form, who, err)
		}
	}
}

func TestPasswords(t *testing.T) {
	h := stocked(t)
	for _, c := range []struct {
		name, user, password string
		want                 error
	}{
		{"right", "john", password, nil},
		{"right once more, from memory", "john", password, nil},
		{"wrong", "john", "wrong horse", accounts.ErrBadPassword},
		{"empty", "john", "", accounts.ErrBadPassword},
		{"of nobody", "nobody", password, accounts.ErrBadPassword},
		{"in other case", "John", password, accounts.ErrBadPassword},
		{"of a service account", "robot", password, accounts.ErrBadPassword},
		{"of somebody without one", "hashless", "", accounts.ErrBadPassword},
		{"a token is no password", "john", "live", accounts.ErrBadPassword},
		{"a hash is no password", "john", passwordHash, accounts.ErrBadPassword},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, form := range []caller.Form{caller.Basic, caller.LoginForm} {
				cred := caller.Credential{Form: form, Name: c.user, Secret: tokens.Secret(c.password)}
				who, err := h.Identify(t.Context(), cred)
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Fatalf("by %s: %v, want %v", form, err, c.want)
				}
				if who.Form != form || who.Token != nil || who.Degraded != nil || who.Anonymous() != (c.want != nil) {
					t.Errorf("by %s: %+v", form, who)
				}
				if c.want == nil && (who.User.Name != "john" || who.User.Rights != tokens.StorageAll) {
					t.Errorf("it is %+v", who.User)
				}
				if err != nil && c.password != "" && strings.Contains(err.Error(), c.password) {
					t.Errorf("the error repeats the password: %v", err)
				}
			}
		})
	}
}

func TestTheDirectoryInForceCounts(t *testing.T) {
	h := stocked(t)
	basic := caller.Credential{Form: caller.Basic, Name: "john", Secret: password}
	cookie := caller.Credential{Form: caller.Cookie, Secret: "live"}
	if _, err := h.Identify(t.Context(), basic); err != nil {
		t.Fatal(err)
	}
	empty := accounts.NewDirectory(accounts.Config{}, nil, nil)
	h.Directory = func() *accounts.Directory { return empty }
	if _, err := h.Identify(t.Context(), basic); !errors.Is(err, accounts.ErrBadPassword) {
		t.Errorf("somebody who was removed comes in by password: %v", err)
	}
	if who, err := h.Identify(t.Context(), cookie); err != nil || !who.Anonymous() || !errors.Is(who.Degraded, tokens.ErrOwnerGone) || !who.Clear {
		t.Errorf("somebody who was removed comes in by cookie: %+v, %v", who, err)
	}
}

func TestWhatNeedsNoLookUp(t *testing.T) {
	var h caller.Callers // nothing of it is touched
	if who, err := h.Identify(t.Context(), caller.Credential{}); err != nil || who != (caller.Caller{}) || !who.Anonymous() {
		t.Errorf("no credential is %+v, %v", who, err)
	}
	for _, form := range []caller.Form{caller.Signature, 99} {
		who, err := h.Identify(t.Context(), caller.Credential{Form: form, Secret: "live"})
		if !errors.Is(err, caller.ErrSignature) || !who.Anonymous() || who.Form != form {
			t.Errorf("%s is %+v, %v", form, who, err)
		}
	}
}
