package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

func TestCreatedUserIsThereAndAfterARestart(t *testing.T) {
	store := newRecords()
	r := opened(t, store, filed)
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	err := r.Create(t.Context(), accounts.Stored{
		Name: "jane", PasswordHash: bcrypt2y, Roles: []string{"auditor", "upload.all"}, Permissions: []string{"storage.delete"},
		Tenants: []string{"blue"}, Created: created, ServiceAccount: true,
		Override: accounts.Override{Seen: accounts.Fingerprint("")}, // is not believed
	})
	if err != nil {
		t.Fatal(err)
	}
	for when, r := range map[string]*accounts.Registry{"at once": r, "restarted": opened(t, store, filed)} {
		a, ok := r.Directory().Lookup("jane")
		if !ok || a.Configured || !a.ServiceAccount || !a.Created.Equal(created) || !a.Tenants.Has("blue") || a.Tenants.Has("red") ||
			a.Rights != tokens.StorageRead|tokens.StorageList|tokens.TokensRead|tokens.StorageAppend|tokens.StorageDelete {
			t.Errorf("%s: %+v", when, a)
		}
		if u, ok := r.User("jane"); !ok || u.Name != "jane" {
			t.Errorf("%s: %+v", when, u)
		}
	}
}

func TestFirstUser(t *testing.T) {
	store := newRecords()
	r := opened(t, store, `{}`)
	if !r.Unused() {
		t.Fatal("a fresh registry is in use")
	}
	if err := r.Create(t.Context(), accounts.Stored{Name: "admin", PasswordHash: argonOpenSSL, Roles: []string{accounts.AdminRole}, Tenants: []string{accounts.AnyTenant}}); err != nil {
		t.Fatal(err)
	}
	a, _ := r.Directory().Lookup("admin")
	if a == nil || a.Rights != tokens.Everything || !a.Tenants.Any || !a.TokenAdmin || r.Unused() || opened(t, store, `{}`).Unused() {
		t.Fatalf("got %+v", a)
	}
	if opened(t, newRecords(), `users: [{name: a}]`).Unused() {
		t.Fatal("users of the file are none")
	}
}

func TestCreateRefuses(t *testing.T) {
	exists := func(err error) bool { return errors.Is(err, accounts.ErrUserExists) }
	says := func(text string) func(error) bool {
		return func(err error) bool {
			var invalid *tokens.InvalidError
			return errors.As(err, &invalid) && strings.Contains(err.Error(), text)
		}
	}
	for name, c := range map[string]struct {
		user accounts.Stored
		want func(error) bool
	}{
		"a user of the file":          {accounts.Stored{Name: "filed"}, exists},
		"a user of the store":         {accounts.Stored{Name: "kept"}, exists},
		"one who is gone":             {accounts.Stored{Name: "gone"}, exists},
		"no name":                     {accounts.Stored{}, says("name: is empty")},
		"a colon":                     {accounts.Stored{Name: "a:b"}, says("colon")},
		"a plain password":            {accounts.Stored{Name: "a", PasswordHash: "hunter2"}, says("password_hash")},
		"an unknown role":             {accounts.Stored{Name: "a", Roles: []string{"append", "missing"}}, says(`roles[1]: there is no role "missing"`)},
		"an unknown permission":       {accounts.Stored{Name: "a", Permissions: []string{"*.read"}}, says("permissions[0]")},
		"an unknown tenant":           {accounts.Stored{Name: "a", Tenants: []string{"green"}}, says(`tenants[0]: there is no tenant "green"`)},
		"any among others":            {accounts.Stored{Name: "a", Tenants: []string{"any", "red"}}, says("alone")},
		"a locator that is no UUID":   {accounts.Stored{Name: "a", Locator: "x"}, says("locator")},
		"the file's locator":          {accounts.Stored{Name: "a", Locator: "123E4567-e89b-12d3-a456-426614174000"}, says("another user")},
		"the store's locator":         {accounts.Stored{Name: "a", Locator: "223e4567-e89b-12d3-a456-426614174000"}, says("another user")},
		"the locator of a name":       {accounts.Stored{Name: "a", Locator: accounts.LocatorOf("hashless")}, says("another user")},
		"the file's auth_id":          {accounts.Stored{Name: "a", Identity: accounts.IdentityConfig{AuthID: "005"}}, says("another user")},
		"the store's auth_id":         {accounts.Stored{Name: "a", Identity: accounts.IdentityConfig{AuthID: "6"}}, says("another user")},
		"an auth_id that is none":     {accounts.Stored{Name: "a", Identity: accounts.IdentityConfig{AuthID: "x"}}, says("identity.auth_id")},
		"a domain of groups":          {accounts.Stored{Name: "a", Identity: accounts.IdentityConfig{Domain: "POSIX_GROUP"}}, says("identity.domain")},
		"disabled by somebody, never": {accounts.Stored{Name: "a", Disabled: tokens.Mark{By: "b"}}, says("disabled")},
	} {
		t.Run(name, func(t *testing.T) {
			store := newRecords()
			r := opened(t, store, filed+"  - {name: gone, password_hash: \""+bcrypt2y+"\"}\n")
			for _, err := range []error{
				r.Create(t.Context(), accounts.Stored{Name: "kept", Locator: "223e4567-e89b-12d3-a456-426614174000", Identity: accounts.IdentityConfig{AuthID: "6"}}),
				r.RemoveCredentials(t.Context(), "gone"),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			r.Configure(parse(t, filed), nil)
			writes, before := store.writes, r.Directory()
			err := r.Create(t.Context(), c.user)
			if !c.want(err) || strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Fatalf("got %v", err)
			}
			if store.writes != writes || r.Directory() != before {
				t.Fatal("something was written")
			}
		})
	}
}

func TestChange(t *testing.T) {
	store := newRecords()
	r := opened(t, store, filed)
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := r.Create(t.Context(), accounts.Stored{Name: "jane", PasswordHash: bcrypt2y, Roles: []string{"auditor"}, Tenants: []string{"red"}, Created: created}); err != nil {
		t.Fatal(err)
	}
	err := r.Change(t.Context(), "jane", func(s *accounts.Stored) error {
		s.Roles, s.Tenants = []string{"read-only"}, []string{"blue"}
		s.Name, s.Created, s.Override = "joan", time.Time{}, accounts.Override{Seen: accounts.Fingerprint("")} // stay as they are
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for when, r := range map[string]*accounts.Registry{"at once": r, "restarted": opened(t, store, filed)} {
		a, ok := r.Directory().Lookup("jane")
		if !ok || a.Rights != tokens.StorageRead|tokens.StorageList || a.Tenants.Has("red") || !a.Tenants.Has("blue") || !a.Created.Equal(created) || a.PasswordHash != bcrypt2y {
			t.Errorf("%s: %+v", when, a)
		}
		if _, ok := r.Directory().Account("joan"); ok {
			t.Errorf("%s: the name changed", when)
		}
	}
}

// What is his own is not taken by another.
func TestUserKeepsHisLocatorAndAuthIDThroughAChange(t *testing.T) {
	const locator = "223e4567-e89b-12d3-a456-426614174000"
	r := opened(t, newRecords(), filed)
	identity := accounts.IdentityConfig{AuthID: "77", UID: 7}
	if err := r.Create(t.Context(), accounts.Stored{Name: "jane", Locator: locator, Identity: identity}); err != nil {
		t.Fatal(err)
	}
	err := r.Change(t.Context(), "jane", func(s *accounts.Stored) error { s.Permissions = []string{"storage.read"}; return nil })
	a, ok := r.Directory().ByLocator(locator)
	if err != nil || !ok || a.Name != "jane" || a.Identity.AuthID != "77" || a.Rights != tokens.StorageRead {
		t.Fatalf("got %+v, %v", a, err)
	}
	err = r.Change(t.Context(), "jane", func(s *accounts.Stored) error { s.Locator, s.Identity.AuthID = "", ""; return nil })
	if a, ok := r.Directory().ByLocator(accounts.LocatorOf("jane")); err != nil || !ok || a.Identity.AuthID == "77" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if err := r.Create(t.Context(), accounts.Stored{Name: "heir", Locator: locator, Identity: identity}); err != nil {
		t.Fatalf("what she gave up is taken: %v", err)
	}
}

func TestChangeRefuses(t *testing.T) {
	errMine := errors.New("no")
	nothing := func(*accounts.Stored) error { return nil }
	for name, c := range map[string]struct {
		user   string
		change func(*accounts.Stored) error
		want   error // nil = an *tokens.InvalidError
	}{
		"a user of the file":      {"filed", nothing, accounts.ErrConfigured},
		"nobody":                  {"nobody", nothing, accounts.ErrNoSuchUser},
		"the empty name":          {"", nothing, accounts.ErrNoSuchUser},
		"one who is gone":         {"gone", nothing, accounts.ErrNoSuchUser},
		"what the change refuses": {"kept", func(*accounts.Stored) error { return errMine }, errMine},
		"an unknown role":         {"kept", func(s *accounts.Stored) error { s.Roles = []string{"missing"}; return nil }, nil},
		"an unknown role more":    {"kept", func(s *accounts.Stored) error { s.Roles = append(s.Roles, "missing"); return nil }, nil},
		"an unknown tenant":       {"kept", func(s *accounts.Stored) error { s.Tenants[0] = "green"; return nil }, nil},
		"an unknown permission":   {"kept", func(s *accounts.Stored) error { s.Permissions = []string{"fly"}; return nil }, nil},
		"a plain password":        {"kept", func(s *accounts.Stored) error { s.PasswordHash = "hunter2"; return nil }, nil},
		"another's locator":       {"kept", func(s *accounts.Stored) error { s.Locator = accounts.LocatorOf("hashless"); return nil }, nil},
		"another's auth_id":       {"kept", func(s *accounts.Stored) error { s.Identity.AuthID = "5"; return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			store := newRecords()
			r := opened(t, store, filed+"  - {name: gone}\n")
			for _, err := range []error{
				r.Create(t.Context(), accounts.Stored{Name: "kept", Roles: []string{"auditor"}, Tenants: []string{"red"}}),
				r.SetDisabled(t.Context(), "gone", marked()),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			r.Configure(parse(t, filed), nil)
			writes, before := store.writes, r.Directory()
			err := r.Change(t.Context(), c.user, c.change)
			var invalid *tokens.InvalidError
			if c.want == nil && !errors.As(err, &invalid) || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("got %v", err)
			}
			if store.writes != writes || r.Directory() != before {
				t.Fatal("something was written")
			}
			if a, _ := r.Directory().Account("kept"); !a.Tenants.Has("red") || len(a.Roles) != 1 {
				t.Fatalf("the change of a copy changed %+v", a)
			}
		})
	}
}

// What has become invalid since must not keep anybody from being changed.
func TestUserWithARoleThatIsGoneCanBeChanged(t *testing.T) {
	r := opened(t, newRecords(), twoTenants)
	if err := r.Create(t.Context(), accounts.Stored{Name: "jane", Roles: []string{"auditor"}, Tenants: []string{"blue"}}); err != nil {
		t.Fatal(err)
	}
	r.Configure(parse(t, `tenants: [{name: red}]`), nil)
	err := r.Change(t.Context(), "jane", func(s *accounts.Stored) error { s.PasswordHash = bcrypt2y; return nil })
	if a, _ := r.Directory().Account("jane"); err != nil || a.PasswordHash != bcrypt2y || a.Rights != 0 || a.Tenants.Has("red") {
		t.Fatalf("got %+v, %v", a, err)
	}
}

func TestDelete(t *testing.T) {
	store := newRecords()
	r := opened(t, store, filed)
	if err := r.Create(t.Context(), accounts.Stored{Name: "jane"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), "filed"); !errors.Is(err, accounts.ErrConfigured) {
		t.Fatalf("got %v", err)
	}
	if err := r.Delete(t.Context(), "nobody"); !errors.Is(err, accounts.ErrNoSuchUser) {
		t.Fatalf("got %v", err)
	}
	if err := r.Delete(t.Context(), "jane"); err != nil {
		t.Fatal(err)
	}
	for when, r := range map[string]*accounts.Registry{"at once": r, "restarted": opened(t, store, filed)} {
		if _, ok := r.Directory().Account("jane"); ok {
			t.Errorf("%s she is still there", when)
		}
	}
	if err := r.Delete(t.Context(), "jane"); !errors.Is(err, accounts.ErrNoSuchUser) {
		t.Fatalf("the second time: %v", err)
	}
}

// Durable first, then in force; what is not durable is not in force.
func TestWhatTheStoreRefusesIsNotInForce(t *testing.T) {
	for name, do := range map[string]func(context.Context, *accounts.Registry) error{
		"create": func(ctx context.Context, r *accounts.Registry) error {
			return r.Create(ctx, accounts.Stored{Name: "new"})
		},
		"change": func(ctx context.Context, r *accounts.Registry) error {
			return r.Change(ctx, "kept", func(s *accounts.Stored) error { s.Roles = []string{"append"}; return nil })
		},
		"delete": func(ctx context.Context, r *accounts.Registry) error { return r.Delete(ctx, "kept") },
		"remove credentials": func(ctx context.Context, r *accounts.Registry) error {
			return r.RemoveCredentials(ctx, "filed")
		},
		"disable": func(ctx context.Context, r *accounts.Registry) error { return r.SetDisabled(ctx, "kept", marked()) },
	} {
		t.Run(name, func(t *testing.T) {
			store := newRecords()
			r := opened(t, store, filed)
			if err := r.Create(t.Context(), accounts.Stored{Name: "kept"}); err != nil {
				t.Fatal(err)
			}
			before := r.Directory()
			store.err = errStore
			store.writing = func() {
				if r.Directory() != before {
					t.Error("in force before it is durable")
				}
			}
			if err := do(t.Context(), r); !errors.Is(err, errStore) {
				t.Fatalf("got %v", err)
			}
			if r.Directory() != before {
				t.Fatal("in force, and not durable")
			}
			store.err = nil
			if err := do(t.Context(), r); err != nil || r.Directory() == before {
				t.Fatalf("the second time: %v", err)
			}
		})
	}
}

func TestRecordsThatCannotBeReadAreAnError(t *testing.T) {
	for name, record := range map[string]string{
		"rubbish":        `x`,
		"another's name": `{"version":2,"name":"joan"}`,
		"too new":        `{"version":3,"name":"jane"}`,
	} {
		t.Run(name, func(t *testing.T) {
			store := newRecords()
			store.all["jane"] = []byte(record)
			if _, err := accounts.NewRegistry(t.Context(), store, accounts.Config{}, nil); err == nil || !strings.Contains(err.Error(), `"jane"`) {
				t.Fatalf("got %v", err)
			}
		})
	}
	store := newRecords()
	store.err = errStore
	if _, err := accounts.NewRegistry(t.Context(), store, accounts.Config{}, nil); !errors.Is(err, errStore) {
		t.Fatalf("got %v", err)
	}
}

func TestRecordOfVersion1IsAUser(t *testing.T) {
	store := newRecords()
	store.all["admin"] = []byte(`{"version":1,"name":"admin","password_hash":"` + bcrypt2y + `","roles":["admin"],"tenants":["any"]}`)
	r := opened(t, store, `{}`)
	if a, ok := r.Directory().Lookup("admin"); !ok || a.Rights != tokens.Everything || !passes(t, r, "admin") {
		t.Fatalf("got %+v", a)
	}
}

// Users, roles, tenants and admins of a new configuration hold at once.
func TestConfigure(t *testing.T) {
	r := opened(t, newRecords(), twoTenants)
	if err := r.Create(t.Context(), accounts.Stored{Name: "jane", Roles: []string{"auditor"}, Tenants: []string{"red"}}); err != nil {
		t.Fatal(err)
	}
	r.Configure(parse(t, `{tenants: [{name: red}], roles: [{name: auditor, permissions: [storage.read]}], users: [{name: john}]}`), []string{"jane"})
	jane, _ := r.User("jane")
	_, john := r.User("john")
	if jane.Rights != tokens.StorageRead || !jane.TokenAdmin || !john || r.Directory().Tenant("blue") {
		t.Fatalf("got %+v", jane)
	}
}

// Many write at once and others look: every change that was answered is
// there in the end.
func TestConcurrentChanges(t *testing.T) {
	store := newRecords()
	r := opened(t, store, filed)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprintf("user%d", i)
			if err := r.Create(t.Context(), accounts.Stored{Name: name, Tenants: []string{"red"}}); err != nil {
				t.Error(err)
			}
			if _, ok := r.User(name); !ok {
				t.Errorf("%s is not in force", name)
			}
			if err := r.SetDisabled(t.Context(), name, marked()); err != nil {
				t.Error(err)
			}
			if _, ok := r.User(name); ok {
				t.Errorf("%s is not disabled", name)
			}
			r.Configure(parse(t, filed), nil)
			if err := r.Create(t.Context(), accounts.Stored{Name: "one"}); err != nil && !errors.Is(err, accounts.ErrUserExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(r.Directory().All()); n != 8+1+2 || len(store.all) != 9 {
		t.Fatalf("%d users, %d records", n, len(store.all))
	}
}
