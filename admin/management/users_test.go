package management

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

func TestListUsers(t *testing.T) {
	w := newWorld(t)
	all := "ann auditor blueadmin bob helpdesk minter reader redadmin root"
	for _, c := range []struct{ name, caller, query, want, next string }{
		{"everybody", "root", "", all, ""},
		{"those of one's tenants", "redadmin", "", "ann auditor helpdesk minter reader redadmin", ""},
		{"a page", "root", "?limit=3", "ann auditor blueadmin", "blueadmin"},
		{"the page after it", "root", "?limit=3&after=blueadmin", "bob helpdesk minter", "minter"},
		{"the last page, which is full", "root", "?limit=2&after=reader", "redadmin root", ""},
		{"after a name that nobody has", "root", "?limit=1&after=annabel", "auditor", "auditor"},
		{"a page filled up with whom one sees", "redadmin", "?limit=3&after=ann", "auditor helpdesk minter", "minter"},
		{"behind the last", "root", "?after=root", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.call(c.caller, "GET", "users"+c.query, "").is(t, 200)
			var names []string
			for _, item := range a.object(t)["users"].([]any) {
				names = append(names, item.(map[string]any)["name"].(string))
			}
			next, _ := a.object(t)["next"].(string)
			if got := strings.Join(names, " "); got != c.want || next != c.next || (next != "") != strings.Contains(a.header.Get("Link"), "after="+next) {
				t.Errorf("got %q, next %q, %s", got, next, a.header.Get("Link"))
			}
		})
	}
}

func TestShowUser(t *testing.T) {
	w := newWorld(t)
	narrowed := w.make("ann", `{"permissions":["storage.read"]}`)
	plain := w.make("ann", `{}`)
	for _, c := range []struct {
		name, caller, path string
		status             int
		part               string
	}{
		{"oneself", "ann", "users/ann", 200, `"effective_permissions":["storage.*"]`},
		{"oneself by a token", "token " + plain.value, "users/ann", 200, `"configured":false`},
		{"oneself by a narrowed token", "token " + narrowed.value, "users/ann", 403, "permission"},
		{"another without the right", "ann", "users/reader", 403, "permission"},
		{"one who does not exist, without the right", "ann", "users/zoe", 403, "permission"},
		{"another", "auditor", "users/ann", 200, `"name":"ann"`},
		{"one of the file", "root", "users/bob", 200, `"configured":true`},
		{"one with more tenants", "auditor", "users/bob", 403, "other_tenant"},
		{"one of another tenant", "auditor", "users/blueadmin", 403, "other_tenant"},
		{"one who does not exist", "auditor", "users/zoe", 404, "not_found"},
		{"nobody asks", "", "users/ann", 401, "unauthenticated"},
		{"an argument", "root", "users/ann?x=1", 400, "not known"},
	} {
		t.Run(c.name, func(t *testing.T) { w.call(c.caller, "GET", c.path, "").is(t, c.status, c.part) })
	}
	w.call("ann", "GET", "users", "").is(t, 403)
	w.call("", "GET", "users", "").is(t, 401)
	w.call("root", "GET", "users?limit=x", "").is(t, 400)
}

func TestCreateUser(t *testing.T) {
	for _, c := range []struct {
		name, caller, body string
		status             int
		part               string
	}{
		{"by name alone", "root", `{"name":"new"}`, 201, `"permissions":[],"tenants":[],"effective_permissions":["storage.*"]`},
		{"with all there is", "redadmin", `{"name":"new","password":"open sesame","roles":["read-only"],"permissions":["storage.delete"],"tenants":["red"],"service_account":false,"enabled":true}`, 201,
			`"effective_permissions":["storage.read","storage.list","storage.delete"],"service_account":false,"has_password":true,"configured":false,"enabled":true`},
		{"a service account", "redadmin", `{"name":"new","tenants":["red"],"service_account":true}`, 201, `"service_account":true,"has_password":false`},
		{"a disabled one", "redadmin", `{"name":"new","tenants":["red"],"enabled":false}`, 201, `"enabled":false,"disabled":{"at":"2031-05-17T08:30:00.000Z","by":"redadmin"}`},
		{"with a locator", "root", `{"name":"new","locator":"6f1c1e9c-93a7-5a8e-8f31-2d4f8a1f0c11"}`, 201, `"locator":"6f1c1e9c-93a7-5a8e-8f31-2d4f8a1f0c11"`},
		{"with a name that a path must encode", "root", `{"name":"a/b c"}`, 201, `"name":"a/b c"`},
		{"everything by who has everything", "root", `{"name":"new","roles":["admin"],"tenants":["any"]}`, 201, `"effective_permissions":["*.*"]`},

		{"nobody", "", `{"name":"new"}`, 401, "unauthenticated"},
		{"without the right", "auditor", `{"name":"new"}`, 403, "permission"},
		{"with a tenant that one has not", "redadmin", `{"name":"new","tenants":["blue"]}`, 403, "other_tenant"},
		{"with every tenant", "redadmin", `{"name":"new","tenants":["any"]}`, 403, "other_tenant"},
		{"with a right that one has not", "helpdesk", `{"name":"new","permissions":["storage.delete"],"tenants":["red"]}`, 403, "permission"},
		{"with the rights of who names none", "helpdesk", `{"name":"new","tenants":["red"]}`, 403, "permission"},
		{"with a role that has every tenant", "redadmin", `{"name":"new","roles":["admin"],"tenants":["red"]}`, 403, "other_tenant"},
		{"with a role of more rights", "helpdesk", `{"name":"new","roles":["read-only"],"tenants":["red"]}`, 403, "permission"},
		{"one who is there", "root", `{"name":"ann"}`, 409, "already"},
		{"one of the file", "root", `{"name":"bob"}`, 409, "already"},
		{"without a name", "root", `{}`, 400, "name is missing"},
		{"with an empty name", "root", `{"name":""}`, 400, "name is empty"},
		{"with a long name", "root", `{"name":"` + strings.Repeat("x", 256) + `"}`, 400, "255"},
		{"with a control character", "root", `{"name":"a\u0000"}`, 400, "control character"},
		{"with an empty password", "root", `{"name":"new","password":""}`, 400, "password has 0 bytes"},
		{"with a long password", "root", `{"name":"new","password":"` + strings.Repeat("x", 1025) + `"}`, 400, "1024"},
		{"with a hash", "root", `{"name":"new","password_hash":"x"}`, 400, "not known"},
		{"with an unknown permission", "root", `{"name":"new","permissions":["storage.fly"]}`, 400, "storage.fly"},
		{"with an unknown role", "root", `{"name":"new","roles":["king"]}`, 400, "king"},
		{"with roles and permissions that leave nothing", "root", `{"name":"new","roles":[],"permissions":[]}`, 400, "leave nothing"},
		{"with an empty locator", "root", `{"name":"new","locator":""}`, 400, "locator is empty"},
		{"with null", "root", `{"name":"new","tenants":null}`, 400, "is null"},
		{"without a body", "root", ``, 400, "the body is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			before := len(w.users.Directory().All())
			a := w.call(c.caller, "POST", "users", c.body).is(t, c.status, c.part)
			if strings.Contains(a.body, "argon2") || strings.Contains(a.body, "open sesame") {
				t.Errorf("the password or its hash is seen: %s", a.body)
			}
			if c.status != 201 {
				if len(w.users.Directory().All()) != before {
					t.Error("somebody was made")
				}
				return
			}
			name := a.object(t)["name"].(string)
			if shown := w.call("root", "GET", a.header.Get("Location"), "").is(t, 200); shown.body != a.body {
				t.Errorf("made %s\nshown %s", a.body, shown.body)
			}
			if u, _ := w.users.Directory().Account(name); strings.Contains(c.body, "open sesame") && accounts.VerifyHash(u.PasswordHash, "open sesame") != nil {
				t.Error("the password is not kept as its hash")
			}
		})
	}
}

func TestChangeUser(t *testing.T) {
	for _, c := range []struct {
		name, caller, user, body string
		status                   int
		part                     string
	}{
		{"disable", "redadmin", "ann", `{"enabled":false}`, 200, `"enabled":false,"disabled":{"at":"2031-05-17T08:30:00.000Z","by":"redadmin"}`},
		{"a short password", "redadmin", "ann", `{"password":"1234567"}`, 400, "accepted are 8"},
		{"nobody disables himself", "root", "root", `{"enabled":false}`, 409, "himself"},
		{"another password", "redadmin", "ann", `{"password":"12345678"}`, 200, `"has_password":true`},
		{"other roles", "redadmin", "ann", `{"roles":["read-only"]}`, 200, `"effective_permissions":["storage.read","storage.list"]`},
		{"permissions instead of none", "redadmin", "ann", `{"permissions":["storage.read"]}`, 200, `"effective_permissions":["storage.read"]`},
		{"no tenants", "redadmin", "ann", `{"tenants":[]}`, 200, `"tenants":[]`},
		{"a service account", "redadmin", "ann", `{"service_account":true}`, 200, `"service_account":true`},
		{"another locator", "redadmin", "ann", `{"locator":"6f1c1e9c-93a7-5a8e-8f31-2d4f8a1f0c11"}`, 200, `6f1c1e9c`},

		{"more tenants than one has", "redadmin", "ann", `{"tenants":["red","blue"]}`, 403, "other_tenant"},
		{"more rights than one has", "helpdesk", "reader", `{"permissions":["storage.read","storage.write"]}`, 403, "permission"},
		{"one's own rights", "helpdesk", "helpdesk", `{"permissions":["*.*"]}`, 403, "permission"},
		{"a user with more rights", "helpdesk", "ann", `{"password":"mine now"}`, 403, "permission"},
		{"a user with more rights, to less", "helpdesk", "ann", `{"permissions":["storage.read"]}`, 403, "permission"},
		{"a user with more tenants", "redadmin", "bob", `{"enabled":false}`, 403, "other_tenant"},
		{"a user of another tenant", "redadmin", "blueadmin", `{"enabled":false}`, 403, "other_tenant"},
		{"an admin", "redadmin", "root", `{"password":"mine now"}`, 403, "other_tenant"},
		{"without the right", "auditor", "ann", `{"enabled":false}`, 403, "permission"},
		{"oneself without the right", "ann", "ann", `{"permissions":["*.*"]}`, 403, "permission"},
		{"disable one of the file", "root", "bob", `{"enabled":false}`, 200, `"enabled":false`},
		{"roles of one of the file", "root", "bob", `{"roles":["admin"]}`, 409, "configuration file"},
		{"the password of one of the file", "root", "bob", `{"enabled":true,"password":"x"}`, 409, "configuration file"},
		{"one who does not exist", "root", "zoe", `{"enabled":false}`, 404, "no such user"},
		{"the name", "root", "ann", `{"name":"anna"}`, 400, "cannot be changed"},
		{"nothing", "root", "ann", `{}`, 400, "changes nothing"},
		{"roles to none, which would be storage.*", "root", "reader", `{"roles":[]}`, 400, "leave nothing"},
		{"permissions to none, which would be storage.*", "root", "reader", `{"permissions":[]}`, 400, "leave nothing"},
		{"an unknown role", "root", "ann", `{"roles":["king"]}`, 400, "king"},
		{"nobody", "", "ann", `{"enabled":false}`, 401, "unauthenticated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			before := shownNow(w, c.user)
			w.call(c.caller, "PATCH", "users/"+c.user, c.body).is(t, c.status, c.part)
			if after := shownNow(w, c.user); c.status != 200 && !reflect.DeepEqual(after, before) {
				t.Errorf("he was %+v and is %+v", before, after)
			}
		})
	}
}

// shownNow is a user as he is shown, or nothing.
func shownNow(w *world, name string) shownUser {
	u, ok := w.users.Directory().Account(name)
	if !ok {
		return shownUser{}
	}
	return shownUserOf(u)
}

func TestEnabledUserComesBack(t *testing.T) {
	w := newWorld(t)
	m := w.make("ann", `{}`)
	w.call("root", "PATCH", "users/ann", `{"enabled":false}`).is(t, 200)
	w.call("token "+m.value, "GET", "tokens", "").is(t, 401)
	w.call("redadmin", "PATCH", "users/ann", `{"enabled":false}`).is(t, 200, `"by":"root"`) // the first counts
	w.call("root", "PATCH", "users/ann", `{"enabled":true}`).is(t, 200, `"disabled":null`)
	w.call("token "+m.value, "GET", "tokens", "").is(t, 200)
}

func TestRemoveUser(t *testing.T) {
	for _, c := range []struct {
		name, caller, path string
		status             int
		part               string
	}{
		{"a user", "redadmin", "users/ann", 204, ""},
		{"without the right to end tokens", "helpdesk", "users/reader", 204, ""},
		{"his credentials", "redadmin", "users/ann/credentials", 204, ""},
		{"the credentials of one of the file", "root", "users/bob/credentials", 204, ""},
		{"one of the file", "root", "users/bob", 409, "configuration file"},
		{"one with more rights", "helpdesk", "users/ann", 403, "permission"},
		{"the credentials of one with more rights", "helpdesk", "users/ann/credentials", 403, "permission"},
		{"one with more tenants", "redadmin", "users/bob", 403, "other_tenant"},
		{"the credentials of one with more tenants", "redadmin", "users/bob/credentials", 403, "other_tenant"},
		{"without the right", "auditor", "users/ann", 403, "permission"},
		{"one's own credentials without the right", "ann", "users/ann/credentials", 403, "permission"},
		{"one who does not exist", "root", "users/zoe", 404, "no such user"},
		{"the credentials of one who does not exist", "root", "users/zoe/credentials", 404, "no such user"},
		{"nobody", "", "users/ann", 401, "unauthenticated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			name, what, _ := strings.Cut(strings.TrimPrefix(c.path, "users/"), "/")
			before, live := shownNow(w, name), 0
			if before.Name != "" {
				w.make(name, `{"permissions":["storage.read"]}`)
				w.make(name, `{"s3":true}`)
				live = 2
			}
			w.call(c.caller, "DELETE", c.path, "").is(t, c.status, c.part)
			u := shownNow(w, name)
			if c.status != 204 {
				if !reflect.DeepEqual(u, before) || w.counts()[2] != 0 {
					t.Errorf("something was changed, %d tokens ended", w.counts()[2])
				}
				return
			}
			if (u.Name != "") != (what == "credentials") || u.HasPassword || w.counts()[2] != live {
				t.Errorf("%+v, %d of %d tokens ended", u, w.counts()[2], live)
			}
		})
	}
}

// TestConfinedTokenChangesNoUsers: a user cannot be narrowed as a token is, so
// that he would be the way out.
func TestConfinedTokenChangesNoUsers(t *testing.T) {
	for _, c := range []struct {
		name, token string
		status      int
	}{
		{"a token of all that its owner has", `{}`, 201},
		{"a tenant's token", `{"tenant":"red"}`, 201},
		{"one narrowed to rights that never ends", `{"permissions":["users.write","storage.read"],"expires_at":null}`, 201},
		{"one narrowed to rights", `{"permissions":["users.write","storage.read"]}`, 403},
		{"one without the right", `{"permissions":["storage.*"]}`, 403},
		{"one whose rights do not cover", `{"permissions":["users.write"]}`, 403},
		{"one narrowed to places", `{"grants":[{"permissions":["users.write","storage.read"],"resources":["a"]}]}`, 403},
		{"one with one place among others", `{"grants":[{"permissions":["users.write","storage.read"]},{"permissions":["storage.read"],"resources":["a"]}]}`, 403},
		{"one restricted to addresses", `{"permissions":["users.write","storage.read"],"restrictions":{"addresses":["127.0.0.0/8"]}}`, 403},
		{"one of some uses", `{"permissions":["users.write","storage.read"],"restrictions":{"max_uses":9}}`, 403},
		{"a domain's token", `{"tenant":"red","domain":"red.example.com"}`, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.make("redadmin", c.token)
			w.call("token "+m.value, "POST", "users", `{"name":"new","permissions":["storage.read"],"tenants":["red"]}`).is(t, c.status)
		})
	}
}

// TestNarrowedTokenDoesNotTakeItsOwnerOver: not even he who owns it is changed
// by a token that has less than he.
func TestNarrowedTokenDoesNotTakeItsOwnerOver(t *testing.T) {
	w := newWorld(t)
	m := w.make("redadmin", `{"permissions":["users.*","storage.read"],"expires_at":null}`)
	w.call("token "+m.value, "PATCH", "users/redadmin", `{"password":"mine now"}`).is(t, 403, "permission")
	w.call("token "+m.value, "PATCH", "users/reader", `{"password":"his own one"}`).is(t, 200)
	tenant := w.make("root", `{"tenant":"red"}`)
	w.call("token "+tenant.value, "PATCH", "users/blueadmin", `{"enabled":false}`).is(t, 403, "other_tenant")
}

func TestMayMake(t *testing.T) {
	user := func(rights tokens.Permissions, admin bool, tenants ...string) tokens.User {
		return tokens.User{Rights: rights, TokenAdmin: admin, Tenants: tokens.Tenants{Any: slices.Equal(tenants, []string{"any"}), Names: tenants}}
	}
	for _, c := range []struct {
		name      string
		me, other tokens.User
		want      error
	}{
		{"the same", user(tokens.StorageAll, false, "red"), user(tokens.StorageAll, false, "red"), nil},
		{"nobody", user(0, false), user(0, false), nil},
		{"a tenant more", user(tokens.Everything, false, "red"), user(0, false, "red", "blue"), tokens.ErrOtherTenant},
		{"every tenant", user(tokens.Everything, false, "red"), user(0, false, "any"), tokens.ErrOtherTenant},
		{"a right more", user(tokens.StorageRead, false, "red"), user(tokens.StorageRead|tokens.StorageList, false, "red"), tokens.ErrPermission},
		{"the rights of a token admin", user(tokens.StorageAll, false, "red"), user(tokens.StorageAll, true, "red"), tokens.ErrPermission},
		{"a token admin by another name", user(tokens.StorageAll|tokens.TokensAll, false, "red"), user(tokens.StorageAll, true, "red"), nil},
	} {
		if got := mayMake(c.me, c.other, tokens.User{}); !errors.Is(got, c.want) {
			t.Errorf("%s before: %v", c.name, got)
		}
		if got := mayMake(c.me, tokens.User{}, c.other); !errors.Is(got, c.want) {
			t.Errorf("%s after: %v", c.name, got)
		}
	}
}

func TestUserBodyTakesJSONAlone(t *testing.T) {
	w := newWorld(t)
	w.send(request{caller: "root", method: "POST", path: "users", body: "name: x", header: http.Header{"Content-Type": {"application/yaml"}}}).is(t, 415)
}
