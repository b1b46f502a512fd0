package management

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// namesOf returns the names of the tokens of a list, sorted.
func namesOf(t *testing.T, a answer) string {
	t.Helper()
	var names []string
	for _, item := range a.is(t, http.StatusOK).object(t)["tokens"].([]any) {
		names = append(names, item.(map[string]any)["name"].(string))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// crowd makes the tokens that the lists are of.
func crowd(t *testing.T) *world {
	w := newWorld(t)
	w.make("ann", `{"name":"old","lifetime":"1s","description":"Gone with the wind"}`)
	w.make("ann", `{"name":"stale","lifetime":"9000h"}`)
	used := w.make("ann", `{"name":"used","lifetime":"9000h","metadata":{"team":"OPS"}}`)
	w.later(48 * time.Hour)
	subject, err := w.svc.Verify(t.Context(), tokens.Secret(used.value))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Use(t.Context(), subject, tokens.Circumstances{Client: netip.MustParseAddr("192.0.2.1"), Agent: "curl"}); err != nil {
		t.Fatal(err)
	}
	w.make("ann", `{"name":"red","tenant":"red"}`)
	w.make("ann", `{"name":"domain","tenant":"red","domain":"red.example.com"}`)
	off := w.make("ann", `{"name":"off"}`)
	w.call("ann", "PATCH", "tokens/"+off.id, `{"enabled":false}`).is(t, 200)
	w.make("ann", `{"name":"soon","not_before":"2031-05-20T00:00:00Z","lifetime":"900h"}`)
	gone := w.make("ann", `{"name":"gone"}`)
	w.call("ann", "DELETE", "tokens/"+gone.id, "").is(t, 204)
	w.make("bob", `{"name":"bobs"}`)
	w.make("bob", `{"name":"bobsblue","tenant":"blue"}`)
	w.make("redadmin", `{"name":"admins"}`)
	return w
}

func TestList(t *testing.T) {
	w := crowd(t)
	for _, c := range []struct{ name, caller, query, want string }{
		{"one's own, those that have not ended", "ann", "", "domain off red soon stale used"},
		{"one's own by name", "ann", "?owner=ann", "domain off red soon stale used"},
		{"everybody's in one's tenants", "redadmin", "", "admins domain off red soon stale used"},
		{"everybody's", "root", "", "admins bobs bobsblue domain off red soon stale used"},
		{"who may read others' sees his own list by name", "redadmin", "?owner=redadmin", "admins"},
		{"another's", "auditor", "?owner=ann", "domain off red soon stale used"},
		{"another's that reach beyond one's tenants are left out", "redadmin", "?owner=bob", ""},
		{"an owner who does not exist", "root", "?owner=zoe", ""},
		{"a tenant, with those for every tenant", "root", "?tenant=blue", "bobs bobsblue"},
		{"a domain", "root", "?tenant=red&domain=red.example.com", "domain"},
		{"an API", "root", "?api=management&owner=bob", "bobs bobsblue"},
		{"an API that made none", "root", "?api=user_tokens", ""},
		{"a name", "root", "?owner=ann&name=red", "red"},
		{"one state", "root", "?state=disabled", "off"},
		{"states with a comma", "root", "?state=disabled,pending", "off soon"},
		{"states repeated", "root", "?state=disabled&state=pending", "off soon"},
		{"ended ones", "root", "?state=expired,revoked", "gone old"},
		{"used up ones, of which there are none", "root", "?state=used_up", ""},
		{"all states", "root", "?state=all&owner=ann", "domain gone off old red soon stale used"},
		{"a text in the name", "root", "?q=BOBS", "bobs bobsblue"},
		{"a text in the metadata", "root", "?q=ops", "used"},
		{"a text in the description of an ended one", "root", "?q=wind&state=all", "old"},
		{"unused since a time", "root", "?unused_since=2031-05-18T00:00:00Z", "stale"},
		{"unused for a while", "root", "?stale_for=24h", "stale"},
		{"unused for longer than there are tokens", "root", "?stale_for=9000h", ""},
		{"a text that is in none", "root", "?q=nothing", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.call(c.caller, "GET", "tokens"+c.query, "")
			if got := namesOf(t, a); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if a.header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be kept")
			}
		})
	}
}

func TestListRefuses(t *testing.T) {
	w := crowd(t)
	long := strings.Repeat("x", 1025)
	for _, c := range []struct {
		name, caller, query string
		status              int
		part                string
	}{
		{"nobody", "", "", 401, "unauthenticated"},
		{"another's, without the right", "ann", "?owner=bob", 403, "permission"},
		{"another tenant", "redadmin", "?tenant=blue", 403, "other_tenant"},
		{"an unknown argument", "ann", "?onwer=ann", 400, `\"onwer\" is not known`},
		{"an argument of another API", "ann", "?x-owner-meta=ann", 400, "not known"},
		{"an argument twice", "ann", "?owner=ann&owner=bob", 400, "2 times"},
		{"an empty argument", "ann", "?owner=", 400, "owner is empty"},
		{"a long argument", "ann", "?q=" + long, 400, "1024"},
		{"a control character", "ann", "?q=%00", 400, "control character"},
		{"no UTF-8", "ann", "?q=%ff", 400, "UTF-8"},
		{"a query that cannot be read", "ann", "?owner=%zz", 400, "query cannot be read"},
		{"a domain without a tenant", "ann", "?domain=nobody.example.net", 400, "without a tenant"},
		{"a tenant that is not there", "root", "?tenant=nosuch", 400, "no tenant"},
		{"a name without an owner", "ann", "?name=red", 400, "without an owner"},
		{"an API that is none", "ann", "?api=soap", 400, `\"soap\"`},
		{"a state that is none", "ann", "?state=active,dead", 400, `\"dead\"`},
		{"an empty state", "ann", "?state=active,", 400, "state was read as"},
		{"a time that is none", "ann", "?unused_since=yesterday", 400, "unused_since was read as"},
		{"a length of time that is none", "ann", "?stale_for=90d", 400, "stale_for was read as"},
		{"both", "ann", "?stale_for=1h&unused_since=2031-05-17T00:00:00Z", 400, "one of them"},
		{"no limit", "ann", "?limit=0", 400, "from 1 to 1000"},
		{"more than the limit", "ann", "?limit=1001", 400, "from 1 to 1000"},
		{"a limit in words", "ann", "?limit=ten", 400, "from 1 to 1000"},
		{"a cursor that is none", "ann", "?after=x", 400, "bad_cursor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.call(c.caller, "GET", "tokens"+c.query, "").is(t, c.status, c.part)
		})
	}
}

// TestPages follows the links, with a credential in the query that the links
// must not have.
func TestPages(t *testing.T) {
	w := crowd(t)
	login := w.make("root", `{"name":"login"}`)
	path, seen, pages := tokensPath+"?limit=2&state=all&_token="+login.value, []string{}, 0
	for path != "" {
		if pages++; pages > 20 {
			t.Fatal("the list does not end")
		}
		a := w.send(request{method: "GET", path: path})
		if pages > 1 {
			a = w.call("root", "GET", path, "")
		}
		if names := namesOf(t, a); names != "" {
			seen = append(seen, strings.Fields(names)...)
		}
		link, next := a.header.Get("Link"), a.object(t)["next"]
		if strings.Contains(link, login.value) || strings.Contains(link, "_token") {
			t.Fatalf("the link repeats a credential: %s", link)
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if (next == nil) != (link == "") {
			t.Fatalf("next is %v, Link is %q", next, link)
		}
		if next != nil {
			u, err := url.Parse(path)
			if err != nil || u.Query().Get("after") != next || u.Query().Get("limit") != "2" || u.Query().Get("state") != "all" {
				t.Fatalf("next is %v, Link is %q", next, link)
			}
		}
	}
	slices.Sort(seen)
	if got := strings.Join(seen, " "); got != "admins bobs bobsblue domain gone login off old red soon stale used" || pages < 6 {
		t.Errorf("%d pages with %s", pages, got)
	}
}

func TestLimitDefaultsTo100(t *testing.T) {
	w := newWorld(t)
	for range 101 {
		w.make("ann", `{}`)
	}
	for query, want := range map[string]int{"": 100, "?limit=1": 1, "?limit=1000": 101} {
		if n := len(w.call("ann", "GET", "tokens"+query, "").is(t, 200).object(t)["tokens"].([]any)); n != want {
			t.Errorf("%q gives %d", query, n)
		}
	}
}

func TestLastUseIsShown(t *testing.T) {
	w := crowd(t)
	for _, item := range w.call("ann", "GET", "tokens", "").object(t)["tokens"].([]any) {
		o := item.(map[string]any)
		last, used := o["last_used"].(map[string]any)
		if used != (o["name"] == "used") {
			t.Errorf("%s was used: %v", o["name"], last)
		}
		if used && (last["at"] != "2031-05-19T08:30:00.000Z" || last["address"] != "192.0.2.1" || last["user_agent"] != "curl" || last["count"] != 1.0) {
			t.Errorf("used %v", last)
		}
	}
}

// TestEveryPathTakesASlash: with and without it, GET and HEAD.
func TestEveryPathTakesASlash(t *testing.T) {
	w := newWorld(t)
	m := w.make("root", `{}`)
	for _, path := range []string{"tokens", "tokens/" + m.id, "users", "users/ann"} {
		for _, slash := range []string{"", "/"} {
			w.call("root", "GET", path+slash, "").is(t, 200)
			if a := w.call("root", "HEAD", path+slash, "").is(t, 200); a.body != "" {
				t.Errorf("HEAD %s answers with a body", path)
			}
		}
	}
	w.call("root", "POST", "tokens/", `{}`).is(t, 201)
	w.call("root", "GET", "tokens/revoke", "").is(t, 404)
}
