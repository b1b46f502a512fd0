package accesstokens_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// TestWhoMayDoWhat is the matrix of callers and calls. A request that is refused
// changes nothing and tells no hook; one that succeeds tells exactly one.
func TestWhoMayDoWhat(t *testing.T) {
	calls := []struct{ name, method, path, body, tells string }{
		{"list", "GET", all, "", ""},
		{"list svc's", "GET", all + "?user=svc", "", ""},
		{"make one's own", "POST", all, `{"user":{"name":"{me}"}}`, "issued"},
		{"make svc's", "POST", all, `{"user":{"name":"svc"}}`, "issued"},
		{"show svc's", "GET", all + "{svc}", "", ""},
		{"change nothing of svc's", "PATCH", all + "{svc}", `{}`, ""},
		{"disable svc's", "PATCH", all + "{svc}", `{"enabled":false}`, "changed"},
		{"prolong svc's", "PATCH", all + "{svc}", `{"expiration_time":null}`, "changed"},
		{"end svc's", "DELETE", all + "{svc}", "", "ended"},
		{"end one's own", "DELETE", all + "{mine}", "", "ended"},
	}
	session := func(change ...func(*tokens.Token)) func(*world, string) string {
		return func(w *world, owner string) string {
			_, value := w.put(owner, append([]func(*tokens.Token){by(tokens.ContentGateway), in("red"), ending(time.Hour)}, change...)...)
			return "Bearer " + value
		}
	}
	password := func(_ *world, owner string) string { return owner }
	restricted := func(t *tokens.Token) { t.Only.Agents = []tokens.Agent{{Text: "Go-http-client/1.1"}} }
	for _, c := range []struct {
		name  string
		owner string // who the caller is
		as    func(*world, string) string
		want  string // a status for each call
	}{
		{"nobody", "", password, "401 401 401 401 401 401 401 401 401 401"},
		{"a value that is none", "ann", func(*world, string) string { return "Bearer 00112233445566778899aabbccddeeff" }, "401 401 401 401 401 401 401 401 401 401"},
		{"a plain user", "ann", password, "200 403 200 403 403 403 403 403 403 200"},
		{"the rights of other APIs do not count", "minter", password, "200 403 200 403 403 403 403 403 403 200"},
		{"who may read", "reader", password, "200 200 200 403 200 403 403 403 403 200"},
		{"who may write", "writer", password, "200 403 200 200 403 200 200 200 200 200"},
		{"who may write and has fewer rights", "weakwriter", password, "200 403 200 403 403 200 200 403 200 200"},
		{"who may both", "manager", password, "200 200 200 200 200 200 200 200 200 200"},
		{"who may both in another tenant", "bluemanager", password, "200 200 200 403 403 403 403 403 403 200"},
		{"an administrator", "admin", password, "200 200 200 200 200 200 200 200 200 200"},

		{"the user himself by a session", "svc", session(), "200 200 200 200 200 200 200 200 200 200"},
		{"the user himself by a narrowed token", "svc", session(given(tokens.StorageAll)), "403 403 403 403 403 403 403 403 403 403"},
		{"the user himself by a restricted token", "svc", session(restricted), "403 403 403 403 403 403 403 403 403 403"},
		{"a token to read tokens", "svc", session(given(tokens.TokensRead)), "200 200 403 403 200 403 403 403 403 403"},
		{"a token to end tokens", "svc", session(given(tokens.TokensDelete)), "403 403 403 403 403 403 200 403 200 200"},
		{"a token to make tokens", "svc", session(given(tokens.StorageAll | tokens.TokensCreate)), "403 403 200 200 403 200 403 403 403 403"},
		{"an administrator by a session of one tenant", "admin", session(), "200 200 200 200 200 200 200 200 200 403"},
		{"an administrator by a session elsewhere", "admin", session(in("blue")), "200 200 200 403 403 403 403 403 403 403"},
		{"an administrator by a token to read", "admin", session(given(tokens.AccessTokensRead)), "200 200 403 403 200 403 403 403 403 403"},
	} {
		for i, want := range strings.Fields(c.want) {
			w := newWorld(t)
			call := calls[i]
			t.Run(c.name+"/"+call.name, func(t *testing.T) {
				w.t = t
				theirs, _ := w.put("svc", ending(time.Hour))
				mine := theirs
				if c.owner != "" && c.owner != "svc" {
					mine, _ = w.put(c.owner, ending(time.Hour))
				}
				as := c.as(w, c.owner)
				call := call
				for old, text := range map[string]string{"{svc}": string(theirs.ID), "{mine}": string(mine.ID), "{me}": c.owner} {
					call.path, call.body = strings.ReplaceAll(call.path, old, text), strings.ReplaceAll(call.body, old, text)
				}
				before := w.dump()
				got := w.send(call.method, call.path, as, call.body)
				if strconv.Itoa(got.status) != want {
					t.Fatalf("%d %s, want %s", got.status, got.body, want)
				}
				told := w.told()
				if must := want == "200" && call.tells != ""; must != (w.dump() != before) || must != (told != "") || !strings.HasPrefix(told, call.tells) && must {
					t.Errorf("the answer is %d, it changed something: %v, and told %q", got.status, w.dump() != before, told)
				}
			})
		}
	}
}

// TestWhatIsListed: everybody's to who may read them, as far as his tenants
// reach, and to all others their own.
func TestWhatIsListed(t *testing.T) {
	w := newWorld(t)
	for _, owner := range []string{"svc", "ann", "bob", "admin", "reader", "gone"} {
		w.put(owner)
	}
	w.put("svc", by(tokens.UserTokens))
	w.put("ann", disabled)
	w.put("ann", func(t *tokens.Token) { t.NotBefore = begin().Add(time.Hour) })
	w.put("ann", revoked)
	w.put("ann", usedUp)
	w.put("ann", ending(-time.Second))
	for _, c := range []struct{ name, as, query, want string }{
		{"a plain user's", "ann", "", "ann ann ann"},
		{"a plain user's, by his name", "ann", "?user=ann", "ann ann ann"},
		{"a plain user's, by his uid", "ann", "?user=uid:1000", "ann ann ann"},
		{"a user's who has none", "writer", "", ""},
		{"all", "admin", "", "admin ann ann ann bob gone reader svc svc"},
		{"all of one tenant", "reader", "", "ann ann ann reader svc svc"},
		{"of the other tenant", "bluemanager", "", "bob"},
		{"one user's", "reader", "?user=svc", "svc svc"},
		{"one user's, by his SID", "reader", "?user=S-1-5-21-3623811015-3361044348-30300820-1002", "svc svc"},
		{"one user's, by his auth_id", "reader", "?user=auth_id:0x3EA", "svc svc"},
		{"one user's, by his domain and name", "reader", "?user=LOCAL%3Asvc", "svc svc"},
		{"not one of another domain", "reader", "?user=ad:svc", ""},
		{"one's of another tenant", "reader", "?user=bob", ""},
		{"one's who is gone", "admin", "?user=gone", "gone"},
		{"one's whom nobody knows", "reader", "?user=uid:4711", ""},
		{"another argument", "reader", "?user=svc&_token=x&verbose", "svc svc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			got := read[listed](t, w.expect(200, "GET", all+c.query, c.as, ""))
			if owners := ownersOf(got.Entries); owners != c.want {
				t.Errorf("got %q, want %q", owners, c.want)
			}
			if got.Entries == nil || got.Paging.Next == nil || *got.Paging.Next != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestWhoLearnsWhoExists: to who has no business with others everybody is
// alike, there or not.
func TestWhoLearnsWhoExists(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{`"svc"`, `"nobody"`, `"uid:2000"`, `{"gid":100}`, `{"auth_id":"512"}`, `"idle"`, `"world:Everyone"`, `{"auth_id":"4711","name":"x"}`} {
		for _, as := range []string{"ann", "reader"} {
			w.fails(403, "auth_not_authorized_error", "POST", all, as, `{"user":`+user+`}`)
		}
	}
	for _, user := range []string{"svc", "nobody", "uid:2000", "gid:100", "auth_id:512"} {
		w.fails(403, "auth_not_authorized_error", "GET", all+"?user="+user, "ann", "")
	}
	// A user of no tenant of the caller's is there, and out of reach.
	w.fails(403, "auth_not_authorized_error", "POST", all, "bluemanager", `{"user":"svc"}`)
	w.fails(403, "auth_not_authorized_error", "POST", all, "bluemanager", `{"user":"idle"}`)
	w.fails(403, "auth_not_authorized_error", "POST", all, "weakwriter", `{"user":"idle"}`)
}
