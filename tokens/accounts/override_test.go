package accounts_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

func TestRemovedCredentialsStayRemovedUntilTheHashChanges(t *testing.T) {
	store := newRecords()
	r := opened(t, store, filed)
	if !passes(t, r, "filed") {
		t.Fatal("he had none")
	}
	if err := r.RemoveCredentials(t.Context(), "filed"); err != nil {
		t.Fatal(err)
	}
	another := changed(t)
	for _, step := range []struct {
		name, file string
		restart    bool
		has        bool
	}{
		{"at once", filed, false, false},
		{"restarted", filed, true, false},
		{"another role of his", strings.Replace(filed, "name: filed,", "name: filed, roles: [append],", 1), false, false},
		{"another hash", another, false, true},
		{"another hash, restarted", another, true, true},
		{"the hash of old", filed, false, false},
		{"gone", withoutUsers, false, false},
		{"gone, restarted", withoutUsers, true, false},
		{"back", filed, true, false},
	} {
		if step.restart {
			r = opened(t, store, step.file)
		} else {
			r.Configure(parse(t, step.file), nil)
		}
		if passes(t, r, "filed") != step.has {
			t.Errorf("%s: he has a password: %v", step.name, !step.has)
		}
		if _, known := r.Directory().Lookup("filed"); known != (step.file != withoutUsers) {
			t.Errorf("%s: he is known: %v", step.name, known)
		}
	}
}

// The file's owner of the name takes it over; what was removed from him must
// not come back with the one before.
func TestRemovedCredentialsOfANameThatTheFileTookOver(t *testing.T) {
	store := newRecords()
	r := opened(t, store, withoutUsers)
	if err := r.Create(t.Context(), accounts.Stored{Name: "filed", PasswordHash: argonOpenSSL, Roles: []string{"auditor"}, Tenants: []string{"blue"}}); err != nil {
		t.Fatal(err)
	}
	r.Configure(parse(t, filed), nil)
	if a, _ := r.Directory().Lookup("filed"); !a.Configured || a.PasswordHash != bcrypt2y || a.Tenants.Has("blue") {
		t.Fatalf("the file does not win: %+v", a)
	}
	for _, err := range []error{r.RemoveCredentials(t.Context(), "filed"), r.SetDisabled(t.Context(), "filed", marked())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if passes(t, r, "filed") {
		t.Fatal("he has a password")
	}
	r.Configure(parse(t, withoutUsers), nil)
	a, ok := r.Directory().Account("filed")
	if !ok || a.Configured || a.PasswordHash != "" || a.Disabled != marked() || !a.Tenants.Has("blue") {
		t.Fatalf("got %+v", a)
	}
}

func TestRemoveCredentialsOfOthers(t *testing.T) {
	store := newRecords()
	r := opened(t, store, filed)
	if err := r.Create(t.Context(), accounts.Stored{Name: "jane", PasswordHash: bcrypt2y, Tenants: []string{"red"}}); err != nil {
		t.Fatal(err)
	}
	writes := store.writes
	if err := r.RemoveCredentials(t.Context(), "jane"); err != nil || passes(t, r, "jane") || passes(t, opened(t, store, filed), "jane") || store.writes != writes+1 {
		t.Fatalf("jane has a password, %v", err)
	}
	if _, ok := r.Directory().Lookup("jane"); !ok {
		t.Fatal("jane is gone")
	}
	if err := r.RemoveCredentials(t.Context(), "hashless"); err != nil || len(store.all) != 1 {
		t.Fatalf("of a user without a password: %v, %d records", err, len(store.all))
	}
	if err := r.RemoveCredentials(t.Context(), "nobody"); !errors.Is(err, accounts.ErrNoSuchUser) {
		t.Fatalf("of nobody: %v", err)
	}
}

func TestSetDisabled(t *testing.T) {
	later := tokens.Mark{At: marked().At.Add(time.Hour), By: "joe"}
	for _, name := range []string{"filed", "kept"} {
		t.Run(name, func(t *testing.T) {
			store := newRecords()
			r := opened(t, store, filed)
			if err := r.Create(t.Context(), accounts.Stored{Name: "kept", PasswordHash: bcrypt2y}); err != nil {
				t.Fatal(err)
			}
			for _, step := range []struct {
				set, want tokens.Mark
			}{
				{tokens.Mark{}, tokens.Mark{}},
				{marked(), marked()},
				{later, marked()}, // who did it first
				{tokens.Mark{}, tokens.Mark{}},
				{later, later},
			} {
				if err := r.SetDisabled(t.Context(), name, step.set); err != nil {
					t.Fatal(err)
				}
				for when, r := range map[string]*accounts.Registry{"at once": r, "restarted": opened(t, store, filed), "another hash": opened(t, store, changed(t))} {
					a, _ := r.Directory().Account(name)
					_, found := r.User(name)
					if a == nil || a.Disabled != step.want || found != step.want.At.IsZero() || a.PasswordHash == "" {
						t.Fatalf("%s after %+v: %+v", when, step.set, a)
					}
				}
			}
		})
	}
	r := opened(t, newRecords(), filed)
	if err := r.SetDisabled(t.Context(), "nobody", marked()); !errors.Is(err, accounts.ErrNoSuchUser) {
		t.Fatalf("of nobody: %v", err)
	}
}

// A disabled user's right password is no better than a wrong one.
func TestDisabledUserDoesNotComeInByPassword(t *testing.T) {
	r := opened(t, newRecords(), `{}`)
	hash, err := accounts.HashPassword("secret", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Create(t.Context(), accounts.Stored{Name: "john", PasswordHash: hash}); err != nil {
		t.Fatal(err)
	}
	gate := accounts.NewGate(func() time.Time { return marked().At }, rand.Reader, accounts.Limits{Concurrent: 1})
	if _, err := gate.Check(t.Context(), r.Directory(), "john", "secret"); err != nil {
		t.Fatal(err)
	}
	if err := r.SetDisabled(t.Context(), "john", marked()); err != nil {
		t.Fatal(err)
	}
	if a, err := gate.Check(t.Context(), r.Directory(), "john", "secret"); !errors.Is(err, accounts.ErrBadPassword) {
		t.Fatalf("got %+v, %v", a, err)
	}
	if err := r.SetDisabled(t.Context(), "john", tokens.Mark{}); err != nil {
		t.Fatal(err)
	}
	if err := r.RemoveCredentials(t.Context(), "john"); err != nil {
		t.Fatal(err)
	}
	if a, err := gate.Check(t.Context(), r.Directory(), "john", "secret"); !errors.Is(err, accounts.ErrBadPassword) {
		t.Fatalf("got %+v, %v", a, err)
	}
}

// A name that was used is free again only when somebody said so, and its
// tokens were asked about.
func TestNameOfAUserWhoIsGoneIsNotTakenUnnoticed(t *testing.T) {
	store := newRecords()
	r := opened(t, store, filed)
	if err := r.RemoveCredentials(t.Context(), "filed"); err != nil {
		t.Fatal(err)
	}
	r.Configure(parse(t, withoutUsers), nil)
	for what, err := range map[string]error{
		"disable":            r.SetDisabled(t.Context(), "filed", marked()),
		"remove credentials": r.RemoveCredentials(t.Context(), "filed"),
	} {
		if !errors.Is(err, accounts.ErrNoSuchUser) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := r.Create(t.Context(), accounts.Stored{Name: "filed"}); !errors.Is(err, accounts.ErrUserExists) {
		t.Fatalf("got %v", err)
	}
	if err := r.Delete(t.Context(), "filed"); err != nil || len(store.all) != 0 {
		t.Fatalf("got %v", err)
	}
	errTokens := errors.New("there are tokens")
	var asked []string
	r.Vacant(func(_ context.Context, name string) error {
		asked = append(asked, name)
		if _, ok := r.User(name); ok {
			t.Error("he is there before his name is free")
		}
		return errTokens
	})
	if err := r.Create(t.Context(), accounts.Stored{Name: "filed"}); !errors.Is(err, errTokens) || len(store.all) != 0 {
		t.Fatalf("got %v", err)
	}
	r.Vacant(func(context.Context, string) error { return nil })
	if err := r.Create(t.Context(), accounts.Stored{Name: "filed"}); err != nil || len(asked) != 1 || asked[0] != "filed" {
		t.Fatalf("got %v, asked for %q", err, asked)
	}
	r.Vacant(nil)
	if err := r.Create(t.Context(), accounts.Stored{Name: "free"}); err != nil {
		t.Fatal(err)
	}
}
