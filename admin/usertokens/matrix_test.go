package usertokens_test

import (
	"strconv"
	"strings"
	"testing"

	"tollgate/tokens"
)

// The calls of the matrix, in the order of its columns.
func calls(w *world) []struct{ name, method, path, body string } {
	return []struct{ name, method, path, body string }{
		{"make one's own", "POST", "/auth/users/tokens", order("new")},
		{"list", "GET", "/auth/users/tokens", ""},
		{"end one's own", "DELETE", "/auth/users/tokens/mine", ""},
		{"make the robot's", "POST", w.of("robot", "tokens"), order("new", "permissions", `["storage.read"]`)},
		{"list john's", "GET", w.of("john", "tokens"), ""},
		{"end john's", "DELETE", w.of("john", "tokens/johns"), ""},
		{"end john's sessions", "POST", w.of("john", "revoke"), ""},
		{"remove john's credentials", "DELETE", w.of("john", "credentials"), ""},
	}
}

// TestWhoMayDoWhat is the matrix of callers and calls. A request that is refused
// changes nothing and tells no hook.
func TestWhoMayDoWhat(t *testing.T) {
	session := func(owner string, change ...func(*tokens.Token)) func(*world) string {
		return func(w *world) string {
			_, value := w.put(owner, change...)
			return "Bearer " + value
		}
	}
	password := func(name string) func(*world) string { return func(*world) string { return name } }
	restricted := func(t *tokens.Token) { t.Only.Agents = []tokens.Agent{{Text: "Go-http-client/1.1"}} }
	for _, c := range []struct {
		name  string
		owner string // who the caller is; empty = nobody
		as    func(*world) string
		want  string // a status for each call
	}{
		{"nobody", "", password(""), "401 401 401 401 401 401 401 401"},
		{"an unknown value", "", password("Bearer 00112233445566778899aabbccddeeff"), "401 401 401 401 401 401 401 401"},
		{"a plain user, about himself", "john", password("john"), "200 200 204 403 200 204 204 403"},
		{"a plain user, about another", "jane", password("jane"), "200 200 204 403 403 403 403 403"},
		{"tokens.* does not count here", "minter", password("minter"), "200 200 204 403 403 403 403 403"},
		{"users.read", "reader", password("reader"), "200 200 204 403 200 403 403 403"},
		{"users.write", "writer", password("writer"), "200 200 204 200 403 204 204 204"},
		{"users.write with fewer rights than they have", "weakwriter", password("weakwriter"), "200 200 204 403 403 204 204 403"},
		{"users.custom", "custom", password("custom"), "200 200 204 200 200 204 204 204"},
		{"users.revoke", "revoker", password("revoker"), "200 200 204 403 403 403 204 403"},
		{"every right, in another tenant", "bluecustom", password("bluecustom"), "200 200 204 403 403 403 403 403"},
		{"every right everywhere", "root", password("root"), "200 200 204 200 200 204 204 204"},
		{"a user of no tenant", "nowhere", password("nowhere"), "200 200 404 403 403 403 403 403"},

		{"oneself by a session", "john", session("john"), "200 200 204 403 200 204 204 403"},
		{"oneself by a token that is narrowed", "john", session("john", given(tokens.StorageRead)), "403 403 403 403 403 403 403 403"},
		{"oneself by a restricted token", "john", session("john", restricted), "403 403 403 403 403 403 403 403"},
		{"oneself by one that was given tokens.*", "john", session("john", given(tokens.StorageRead|tokens.TokensAll)), "200 200 204 403 200 204 204 403"},
		{"oneself by one that was given tokens.read", "john", session("john", given(tokens.StorageRead|tokens.TokensRead)), "403 200 403 403 200 403 403 403"},
		{"oneself by a token of another tenant", "both", session("both", in("blue")), "200 200 404 403 403 403 403 403"},
		{"the service account by its token", "robot", session("robot"), "200 200 204 200 403 403 403 403"},
		{"the service account by a narrowed one", "robot", session("robot", given(tokens.StorageRead)), "403 403 403 403 403 403 403 403"},
		{"the service account by one that was given tokens.create", "robot", session("robot", given(tokens.StorageRead|tokens.TokensCreate)), "200 403 403 200 403 403 403 403"},
		{"users.custom by a session", "custom", session("custom"), "200 200 204 200 200 204 204 204"},
		{"users.custom by a token without it", "custom", session("custom", given(tokens.StorageAll|tokens.TokensAll)), "200 200 204 403 403 403 403 403"},
		{"users.custom by a token with it alone", "custom", session("custom", given(tokens.UsersCustom)), "403 200 204 403 200 204 204 403"},
		{"users.revoke by a token without it", "revoker", session("revoker", given(tokens.StorageRead)), "403 403 403 403 403 403 403 403"},
		{"users.revoke by a token with it", "revoker", session("revoker", given(tokens.UsersRevoke)), "403 403 403 403 403 403 204 403"},
		{"every right, by a token of another tenant", "root", session("root", in("blue")), "200 200 404 403 403 403 403 403"},
		{"every right, by a token narrowed to another tenant", "root", session("root", in(tokens.AnyTenant, "blue")), "200 200 404 403 403 403 403 403"},
		{"every right, by a token narrowed to theirs", "root", session("root", in(tokens.AnyTenant, "red")), "200 200 204 200 200 204 204 204"},
		{"every right, by a token with a ceiling", "root", session("root", func(t *tokens.Token) { t.Ceiling = tokens.StorageAll | tokens.UsersRead }), "200 200 204 403 200 403 403 403"},
	} {
		for i, want := range strings.Fields(c.want) {
			w := newWorld(t)
			call := calls(w)[i]
			t.Run(c.name+"/"+call.name, func(t *testing.T) {
				w.t = t
				w.put("john", named("johns"))
				if c.owner != "" {
					w.put(c.owner, named("mine"), atHome(w, c.owner))
				}
				as := c.as(w)
				before := w.dump()
				got := w.send(call.method, call.path, as, call.body)
				if strconv.Itoa(got.status) != want {
					t.Fatalf("%d %s, want %s", got.status, got.body, want)
				}
				changed := w.dump() != before
				if must := want[0] == '2' && call.method != "GET"; changed != must {
					t.Errorf("the answer is %d, and something was changed: %v", got.status, changed)
				}
			})
		}
	}
}

// atHome puts a token into a tenant that its owner has.
func atHome(w *world, owner string) func(*tokens.Token) {
	if u, _ := w.user(owner); len(u.Tenants.Names) > 0 {
		return in(u.Tenants.Names[len(u.Tenants.Names)-1])
	}
	return in("red")
}

// TestWhoLearnsWhoExists: the same answer for a user who is there and one who
// is not, to who has no business with either.
func TestWhoLearnsWhoExists(t *testing.T) {
	w := newWorld(t)
	const nobodys = "/auth/users/00000000-0000-4000-8000-000000000000/"
	for _, c := range []struct {
		as    string
		about string
		want  int
	}{
		{"jane", w.of("john", ""), 403}, {"jane", nobodys, 403},
		{"root", nobodys, 404}, {"bluecustom", nobodys, 404},
	} {
		for _, call := range []struct{ method, path, body string }{
			{"POST", "tokens", order("n")}, {"GET", "tokens", ""}, {"DELETE", "tokens/n", ""}, {"POST", "revoke", ""}, {"DELETE", "credentials", ""},
		} {
			got := w.expect(c.want, call.method, c.about+call.path, c.as, call.body)
			if strings.Contains(got.body, "service account") {
				t.Errorf("%s as %s tells what kind of user it is: %s", call.path, c.as, got.body)
			}
		}
	}
	for _, locator := range []string{"john", "tokens", "0b51f6f0-4c6c-4d0a-9d57-1c1a1a3c2a7", "0b51f6f0-4c6c-4d0a-9d57-1c1a1a3c2a7g", "0b51f6f04c6c4d0a9d571c1a1a3c2a77", "%20"} {
		for _, as := range []string{"jane", "root"} {
			w.expect(400, "POST", "/auth/users/"+locator+"/revoke", as, "")
		}
	}
	w.expect(200, "GET", "/auth/users/"+strings.ToUpper(locatorJohn)+"/tokens", "john", "")
}
