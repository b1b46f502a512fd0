package accounts_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

const twoTenants = `
tenants: [{name: red, domains: [red.example.com]}, {name: blue}]
roles:
  - {name: auditor, permissions: [storage.read, storage.list, tokens.read]}
  - {name: nothing}
`

func TestRightsOfUsers(t *testing.T) {
	for name, c := range map[string]struct {
		user string
		want tokens.Permissions
	}{
		"neither roles nor permissions":    {`{name: u}`, tokens.StorageAll},
		"empty lists are neither":          {`{name: u, roles: [], permissions: []}`, tokens.StorageAll},
		"one permission is all there is":   {`{name: u, permissions: [storage.read]}`, tokens.StorageRead},
		"permissions add up":               {`{name: u, permissions: [storage.read, tokens.create]}`, tokens.StorageRead | tokens.TokensCreate},
		"a configured role":                {`{name: u, roles: [auditor]}`, tokens.StorageRead | tokens.StorageList | tokens.TokensRead},
		"role and permission add up":       {`{name: u, roles: [auditor], permissions: [storage.delete]}`, tokens.StorageRead | tokens.StorageList | tokens.TokensRead | tokens.StorageDelete},
		"read-only":                        {`{name: u, roles: [read-only]}`, tokens.StorageRead | tokens.StorageList},
		"append":                           {`{name: u, roles: [append]}`, tokens.StorageAppend},
		"append does not write":            {`{name: u, roles: [append, read-only]}`, tokens.StorageAppend | tokens.StorageRead | tokens.StorageList},
		"admin":                            {`{name: u, roles: [admin]}`, tokens.Everything},
		"a role of uploads":                {`{name: u, roles: [upload.images]}`, tokens.StorageAppend},
		"uploads that overwrite":           {`{name: u, roles: [security.overwrite, upload.images]}`, tokens.StorageAppend | tokens.StorageWrite},
		"overwriting alone is nothing":     {`{name: u, roles: [security.overwrite]}`, 0},
		"append does not overwrite":        {`{name: u, roles: [append, security.overwrite]}`, tokens.StorageAppend},
		"collections are nothing":          {`{name: u, roles: [collections.create_new]}`, 0},
		"administrator of files":           {`{name: u, roles: [security.administrator]}`, tokens.Everything},
		"a role of files and another":      {`{name: u, roles: [view.any_file, auditor]}`, tokens.StorageRead | tokens.StorageList | tokens.TokensRead},
		"a role of nothing":                {`{name: u, roles: [nothing]}`, 0},
		"a role that is not there":         {`{name: u, roles: [missing]}`, 0},
		"a permission that is none":        {`{name: u, permissions: [fly]}`, 0},
		"a service account has rights too": {`{name: u, service_account: true}`, tokens.StorageAll},
	} {
		t.Run(name, func(t *testing.T) {
			d := accounts.NewDirectory(parse(t, twoTenants+"users: ["+c.user+"]"), nil, nil)
			if a, ok := d.Lookup("u"); !ok || a.Rights != c.want {
				t.Fatalf("got %b, want %b", a.Rights, c.want)
			}
		})
	}
}

func TestRoleThatRedefinesABuiltInOneChangesNothing(t *testing.T) {
	cfg := parse(t, `{roles: [{name: read-only, permissions: ["*.*"]}], users: [{name: u, roles: [read-only]}]}`)
	a, _ := accounts.NewDirectory(cfg, nil, nil).Lookup("u")
	if a.Rights != tokens.StorageRead|tokens.StorageList {
		t.Fatalf("got %b", a.Rights)
	}
}

func TestTenantsOfUsers(t *testing.T) {
	for name, c := range map[string]struct {
		file          string
		any           bool
		has, hasNot   string
		defaultTenant bool
	}{
		"none":                         {file: twoTenants + `users: [{name: u}]`, hasNot: "red"},
		"one":                          {file: twoTenants + `users: [{name: u, tenants: [red]}]`, has: "red", hasNot: "blue"},
		"twice the same":               {file: twoTenants + `users: [{name: u, tenants: [red, blue, red]}]`, has: "blue", hasNot: "green"},
		"any":                          {file: twoTenants + `users: [{name: u, tenants: [any]}]`, any: true, has: "blue", defaultTenant: true},
		"any among others is no any":   {file: twoTenants + `users: [{name: u, tenants: [red, any]}]`, has: "red", hasNot: "blue"},
		"admin has all":                {file: twoTenants + `users: [{name: u, roles: [admin]}]`, any: true, has: "blue", defaultTenant: true},
		"admin of one has all":         {file: twoTenants + `users: [{name: u, roles: [auditor, admin], tenants: [red]}]`, any: true, has: "blue", defaultTenant: true},
		"admin of files has his own":   {file: twoTenants + `users: [{name: u, roles: [security.administrator], tenants: [red]}]`, has: "red", hasNot: "blue"},
		"all permissions are no admin": {file: twoTenants + `users: [{name: u, permissions: ["*.*"]}]`, hasNot: "red"},
		"no tenants configured":        {file: `users: [{name: u}]`, hasNot: "red", defaultTenant: true},
		"default by name":              {file: `users: [{name: u, tenants: [default]}]`, hasNot: "red", defaultTenant: true},
	} {
		t.Run(name, func(t *testing.T) {
			a, ok := accounts.NewDirectory(parse(t, c.file), nil, nil).Lookup("u")
			if !ok {
				t.Fatal("no such user")
			}
			got := a.Tenants
			if got.Any != c.any || c.has != "" && !got.Has(c.has) || got.Has(c.hasNot) || got.Has(accounts.DefaultTenant) != c.defaultTenant {
				t.Fatalf("got %+v", got)
			}
			if len(got.Names) > 2 {
				t.Fatalf("got %q, one of them twice", got.Names)
			}
		})
	}
}

func TestTokenAdmins(t *testing.T) {
	cfg := parse(t, `users: [{name: john}, {name: Admin}]`)
	d := accounts.NewDirectory(cfg, []accounts.Stored{{Name: "admin"}}, []string{"admin", "nobody"})
	for name, want := range map[string]bool{"john": false, "Admin": false, "admin": true} {
		if a, ok := d.Lookup(name); !ok || a.TokenAdmin != want {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if _, ok := d.Lookup("nobody"); ok {
		t.Error("a name in the list made a user")
	}
}

func TestLookup(t *testing.T) {
	cfg := parse(t, `users: [{name: john, password_hash: x, locator: 123E4567-E89B-12D3-A456-426614174000}, {name: robot, service_account: true}]`)
	d := accounts.NewDirectory(cfg, nil, nil)
	for _, name := range []string{"", "John", "john ", "joh", "*"} {
		if a, ok := d.Lookup(name); ok || a != nil {
			t.Errorf("%q is %+v", name, a)
		}
	}
	john, _ := d.Lookup("john")
	if john.Name != "john" || john.PasswordHash != "x" || john.ServiceAccount || john.Locator != "123e4567-e89b-12d3-a456-426614174000" {
		t.Errorf("got %+v", john)
	}
	robot, _ := d.Lookup("robot")
	if !robot.ServiceAccount || robot.PasswordHash != "" || robot.Locator != accounts.LocatorOf("robot") {
		t.Errorf("got %+v", robot)
	}
	if n := testing.AllocsPerRun(100, func() { d.Lookup("john"); d.Lookup("nobody") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNamelessUserIsNobody(t *testing.T) {
	d := accounts.NewDirectory(accounts.Config{Users: []accounts.UserConfig{{}}}, []accounts.Stored{{}}, []string{""})
	if a, ok := d.Lookup(""); ok {
		t.Fatalf("%+v", a)
	}
}

func TestStoredUsers(t *testing.T) {
	cfg := parse(t, twoTenants+`users: [{name: john, permissions: [storage.read], tenants: [red]}]`)
	d := accounts.NewDirectory(cfg, []accounts.Stored{
		{Name: "john", Roles: []string{accounts.AdminRole}, PasswordHash: bcrypt2y},
		{Name: "admin", Roles: []string{accounts.AdminRole}, PasswordHash: bcrypt2y},
		{Name: "jane", Roles: []string{"auditor"}, Tenants: []string{"blue"}},
		{Name: "joe", Roles: []string{"since removed"}, Tenants: []string{"since removed"}},
	}, nil)
	john, _ := d.Lookup("john")
	if john.Rights != tokens.StorageRead || john.Tenants.Any || john.PasswordHash != "" {
		t.Errorf("the file does not win: %+v", john)
	}
	admin, _ := d.Lookup("admin")
	if admin.Rights != tokens.Everything || !admin.Tenants.Any || admin.PasswordHash != bcrypt2y || admin.Locator != accounts.LocatorOf("admin") {
		t.Errorf("got %+v", admin)
	}
	jane, _ := d.Lookup("jane")
	if !jane.Tenants.Has("blue") || jane.Tenants.Has("red") || jane.Rights&tokens.TokensRead == 0 {
		t.Errorf("got %+v", jane)
	}
	joe, _ := d.Lookup("joe")
	if joe.Rights != 0 || joe.Tenants.Has("red") || joe.Tenants.Has("blue") {
		t.Errorf("a role that is gone grants something: %+v", joe)
	}
}

func TestDirectoryDoesNotShareItsConfiguration(t *testing.T) {
	cfg := parse(t, twoTenants+`users: [{name: john, tenants: [red]}]`)
	d := accounts.NewDirectory(cfg, nil, nil)
	cfg.Users[0].Tenants[0] = "blue"
	cfg.Tenants[0].Domains[0] = "blue.example.com"
	if john, _ := d.Lookup("john"); !john.Tenants.Has("red") {
		t.Error("the user moved")
	}
	if _, ok := d.Place("red.example.com"); !ok {
		t.Error("the domain moved")
	}
}

func TestAccountPrintsNoHash(t *testing.T) {
	d := accounts.NewDirectory(accounts.Config{Users: []accounts.UserConfig{{Name: "john", PasswordHash: bcrypt2y}}}, nil, nil)
	john, _ := d.Lookup("john")
	for _, printed := range prints(john) {
		if strings.Contains(printed, bcrypt2y) || strings.Contains(printed, bcrypt2y[30:]) {
			t.Errorf("it prints as %s", printed)
		}
	}
}

func marked() tokens.Mark {
	return tokens.Mark{At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), By: "jane"}
}

// Whoever may do nothing is not found where somebody asks to act.
func TestDisabledUserIsSeenAndMayNothing(t *testing.T) {
	cfg := parse(t, `users: [{name: filed, identity: {auth_id: "7"}}, {name: live}]`)
	d := accounts.NewDirectory(cfg, []accounts.Stored{
		{Name: "filed", Disabled: marked(), Override: accounts.Override{Seen: accounts.Fingerprint("")}},
		{Name: "kept", Disabled: marked()},
		{Name: "fine"},
	}, nil)
	for name, live := range map[string]bool{"filed": false, "kept": false, "live": true, "fine": true} {
		if u, ok := d.User(name); ok != live || ok && u.Name != name || !ok && u != nil {
			t.Errorf("User(%s) is %+v, %v", name, u, ok)
		}
		if a, ok := d.Lookup(name); ok != live || !ok && a != nil {
			t.Errorf("Lookup(%s) is %+v, %v", name, a, ok)
		}
		a, ok := d.Account(name)
		if !ok || a.Disabled.At.IsZero() != live {
			t.Errorf("Account(%s) is %+v, %v", name, a, ok)
		}
		if found, ok := d.ByLocator(accounts.LocatorOf(name)); !ok || found != a {
			t.Errorf("ByLocator of %s is %+v, %v", name, found, ok)
		}
		if found, err := d.ByIdentity(accounts.Identity{Name: name}); err != nil || found != a {
			t.Errorf("ByIdentity of %s is %+v, %v", name, found, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { d.User("live"); d.User("filed"); d.User("nobody") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAllIsSortedAndTheCallersOwn(t *testing.T) {
	d := accounts.NewDirectory(parse(t, `users: [{name: c}, {name: a, service_account: true}]`),
		[]accounts.Stored{{Name: "d", Disabled: marked()}, {Name: "b"}}, nil)
	for range 2 {
		all := d.All()
		var names []string
		for _, a := range all {
			names = append(names, a.Name)
		}
		if got := strings.Join(names, " "); got != "a b c d" {
			t.Fatal(got)
		}
		clear(all)
	}
}

func TestByLocator(t *testing.T) {
	const one, two = "123e4567-e89b-12d3-a456-426614174000", "223e4567-e89b-12d3-a456-426614174000"
	cfg := parse(t, `users: [{name: john, locator: `+strings.ToUpper(one)+`}, {name: jane}]`)
	d := accounts.NewDirectory(cfg, []accounts.Stored{{Name: "thief", Locator: one}, {Name: "kept", Locator: two}}, nil)
	for locator, want := range map[string]string{
		one: "john", strings.ToUpper(one): "john", two: "kept", strings.ToUpper(accounts.LocatorOf("jane")): "jane",
		accounts.LocatorOf("john"): "", accounts.LocatorOf("nobody"): "", "": "", "john": "",
	} {
		a, ok := d.ByLocator(locator)
		if ok != (want != "") || ok && a.Name != want {
			t.Errorf("%q is %+v, want %q", locator, a, want)
		}
	}
}

// A record that has only changes makes no user when the file names him no
// more.
func TestUserGoneFromTheFileIsNobody(t *testing.T) {
	d := accounts.NewDirectory(accounts.Config{}, []accounts.Stored{
		{Name: "gone", Roles: []string{accounts.AdminRole}, PasswordHash: bcrypt2y, Override: accounts.Override{Seen: accounts.Fingerprint("")}},
	}, nil)
	_, looked := d.Lookup("gone")
	_, known := d.Account("gone")
	_, located := d.ByLocator(accounts.LocatorOf("gone"))
	_, err := d.ByIdentity(accounts.Identity{Name: "gone"})
	if looked || known || located || len(d.All()) != 0 || !errors.Is(err, accounts.ErrNoSuchUser) {
		t.Fatal("there he is")
	}
}

func TestAccountSaysWhereItComesFrom(t *testing.T) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := accounts.NewDirectory(parse(t, `users: [{name: filed, roles: [append], permissions: [tokens.read]}]`),
		[]accounts.Stored{{Name: "kept", Roles: []string{"read-only"}, Created: created, ServiceAccount: true}}, nil)
	filed, _ := d.Lookup("filed")
	if !filed.Configured || !filed.Created.IsZero() || !slices.Equal(filed.Roles, []string{"append"}) || !slices.Equal(filed.Permissions, []string{"tokens.read"}) {
		t.Errorf("got %+v", filed)
	}
	kept, _ := d.Lookup("kept")
	if kept.Configured || !kept.Created.Equal(created) || !kept.ServiceAccount || !slices.Equal(kept.Roles, []string{"read-only"}) || kept.Permissions != nil {
		t.Errorf("got %+v", kept)
	}
}

func TestPreviewIsWhatTheRecordWouldBe(t *testing.T) {
	d := accounts.NewDirectory(parse(t, twoTenants), nil, []string{"helper"})
	a := d.Preview(accounts.Stored{Name: "helper", Roles: []string{"auditor", "upload.all"}, Tenants: []string{"red"}})
	if !a.TokenAdmin || a.Rights != tokens.StorageRead|tokens.StorageList|tokens.TokensRead|tokens.StorageAppend || !a.Tenants.Has("red") || a.Tenants.Has("blue") {
		t.Errorf("got %+v", a)
	}
	if _, ok := d.Account("helper"); ok {
		t.Error("the preview made a user")
	}
}

func TestRoleRights(t *testing.T) {
	d := accounts.NewDirectory(parse(t, twoTenants), nil, nil)
	for name, want := range map[string]tokens.Permissions{
		"auditor": tokens.StorageRead | tokens.StorageList | tokens.TokensRead, "nothing": 0,
		"admin": tokens.Everything, "read-only": tokens.StorageRead | tokens.StorageList, "append": tokens.StorageAppend,
		"upload.images": tokens.StorageAppend, "security.revoke_tokens": tokens.TokensDelete, "collections.create_new": 0,
	} {
		if got, ok := d.RoleRights(name); !ok || got != want {
			t.Errorf("%s gives %b, %v, want %b", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "Admin", "missing", "upload.", "upload.everything"} {
		if got, ok := d.RoleRights(name); ok || got != 0 {
			t.Errorf("%q gives %b", name, got)
		}
	}
}

func TestZeroDirectoryKnowsNobody(t *testing.T) {
	var d accounts.Directory
	_, user := d.User("")
	_, located := d.ByLocator("")
	_, role := d.RoleRights("auditor")
	if _, err := d.ByIdentity(accounts.Identity{}); user || located || role || len(d.All()) != 0 || !errors.Is(err, accounts.ErrNoSuchUser) {
		t.Fatal("it knows somebody")
	}
}
