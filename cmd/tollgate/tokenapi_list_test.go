package main

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTokenAPILists holds the two forms of a list and who sees what.
func TestTokenAPILists(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	plain := g.issue(john, hostOne, headers("X-User-Token-Expires-Meta", "2099-05-12", "X-Custom-Meta-Source", "access key"))
	elsewhere := g.issue(john, hostOneB, headers("X-User-Token-Expires-Meta", "+30"))
	whole := g.manage(john, tenantPath, headers("X-User-Token-Expires-Meta", "+40"))
	pair := g.manage(john, domainPath, headers("X-User-Secret-Key-Meta", "a long secret", "X-User-Token-Expires-Meta", "+50"))
	janes := g.issue(jane, hostOne, nil)
	others := g.issue(other, hostTwo, nil)
	revoked := g.issue(john, hostOne, nil)
	g.revoke(john, revoked.id)

	johns := []string{plain.id, elsewhere.id, whole.ID, pair.Token} // the key pair's name is its access key
	for _, row := range []struct {
		name, user, target string
		status             int
		want               []string
	}{
		{"Own", john, tokenPath, 200, johns},
		{"OwnNoSlash", john, "/.TOKEN", 200, johns},
		{"OwnByName", john, tokenPath + "?x-owner-meta=john", 200, johns},
		{"OwnByEmptyName", john, tokenPath + "?x-owner-meta=", 200, johns},
		{"OwnOfAdmin", boss, tokenPath, 200, nil},
		{"OwnOfOther", other, tokenPath, 200, []string{others.id}},
		{"PlainUserOfAnother", john, tokenPath + "?x-owner-meta=jane", 403, nil},
		{"PlainUserOfUnknown", john, tokenPath + "?x-owner-meta=nobody", 403, nil},
		{"AdminOfAnother", boss, tokenPath + "?x-owner-meta=john", 200, johns},
		{"AdminOfAnotherElse", boss, tokenPath + "?x-owner-meta=jane", 200, []string{janes.id}},
		{"AdminOfOtherTenant", boss, tokenPath + "?x-owner-meta=other", 200, nil},
		{"AdminOfUnknown", boss, tokenPath + "?x-owner-meta=nobody", 200, nil},
		{"AdminOfEndlessName", boss, tokenPath + "?x-owner-meta=" + strings.Repeat("x", 5000), 400, nil},
		{"SuperuserOfOtherTenant", root, tokenPath + "?x-owner-meta=other", 200, []string{others.id}},
		{"Nobody", "", tokenPath, 401, nil},
	} {
		t.Run("TokenPath/"+row.name, func(t *testing.T) {
			text := g.do(ask{target: row.target, user: row.user})
			if row.status != 200 {
				wantProblem(t, text, row.status)
				return
			}
			if kind := text.header.Get("Content-Type"); text.status != 200 || !strings.HasPrefix(kind, "text/plain") {
				t.Errorf("%d, content type %q", text.status, kind)
			}
			if text.body != "" && !strings.HasSuffix(text.body, "\n") {
				t.Errorf("body %q", text.body)
			}
			wantSame(t, "text", strings.Fields(text.body), row.want)
			target := row.target + "?format=json"
			if strings.Contains(row.target, "?") {
				target = row.target + "&format=json"
			}
			var names []string
			for _, o := range objects(t, g.do(ask{target: target, user: row.user})) {
				names = append(names, member(t, o, "name"))
			}
			wantSame(t, "JSON", names, row.want)
			if got := g.do(ask{method: "HEAD", target: target, user: row.user}); got.status != 200 || got.body != "" {
				t.Errorf("HEAD: %d %q", got.status, got.body)
			}
		})
	}
	for _, row := range []struct {
		name, user, target string
		status             int
		want               []string
	}{
		{"Plain", john, tenantPath, 200, []string{plain.id, elsewhere.id, whole.ID, pair.ID}},
		{"PlainNoSlash", john, strings.TrimSuffix(tenantPath, "/"), 200, []string{plain.id, elsewhere.id, whole.ID, pair.ID}},
		{"PlainOfAnother", john, tenantPath + "?x-owner-meta=jane", 403, nil},
		{"Admin", boss, tenantPath, 200, []string{plain.id, elsewhere.id, whole.ID, pair.ID, janes.id}},
		{"AdminOfAnother", boss, tenantPath + "?x-owner-meta=jane", 200, []string{janes.id}},
		{"Domain", john, domainPath, 200, []string{plain.id, pair.ID}},
		{"DomainAdmin", boss, domainPath, 200, []string{plain.id, pair.ID, janes.id}},
		{"OtherTenant", john, strings.Replace(tenantPath, "/one/", "/two/", 1), 403, nil},
		{"OtherTenantAdmin", boss, strings.Replace(tenantPath, "/one/", "/two/", 1), 403, nil},
		{"OtherTenantSuperuser", root, strings.Replace(tenantPath, "/one/", "/two/", 1), 200, []string{others.id}},
		{"UnknownTenant", root, strings.Replace(tenantPath, "/one/", "/three/", 1), 404, nil},
		{"UnknownDomain", root, strings.Replace(domainPath, hostOne, hostNoOne, 1), 404, nil},
		{"UserOfNoTenant", none, tenantPath, 403, nil},
		{"Nobody", "", tenantPath, 401, nil},
	} {
		t.Run("TenantPath/"+row.name, func(t *testing.T) {
			if row.status != 200 {
				wantProblem(t, g.do(ask{target: row.target, user: row.user}), row.status)
				return
			}
			wantSame(t, "list", g.listedIDs(row.user, row.target), row.want)
		})
	}
	t.Run("StorageObject", func(t *testing.T) {
		o := find(t, g.do(ask{target: tokenPath + "?format=json", user: john}), "name", plain.id)
		wantKeys(t, o, "x_owner_meta last_modified x_token_domain_meta name lifepoint x_custom_meta_source")
		if got := member(t, o, "lifepoint"); got != "[Tue, 12 May 2099 00:00:00 GMT] reps=2, [] delete" {
			t.Errorf("lifepoint %q", got)
		}
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`).MatchString(member(t, o, "last_modified")) {
			t.Errorf("last_modified %q", member(t, o, "last_modified"))
		}
		if member(t, o, "x_owner_meta") != john || member(t, o, "x_token_domain_meta") != hostOne || member(t, o, "x_custom_meta_source") != "access key" {
			t.Errorf("%s", o)
		}
		wholeObject := find(t, g.do(ask{target: tokenPath + "?format=json", user: john}), "name", whole.ID)
		if got := member(t, wholeObject, "x_token_domain_meta"); got != "+one" {
			t.Errorf("scope of a tenant's token %q", got)
		}
	})
	t.Run("ManagementObject", func(t *testing.T) {
		list := g.do(ask{target: tenantPath, user: john})
		wantKeys(t, find(t, list, "id", plain.id), "id owner scope expiration creation x_custom_meta_source")
		wantKeys(t, find(t, list, "id", pair.ID), "token id owner scope expiration creation")
		wantKeys(t, find(t, list, "id", whole.ID), "id owner scope expiration creation")
		if o := find(t, list, "id", pair.ID); member(t, o, "token") != pair.Token || member(t, o, "expiration") != pair.Expiration || member(t, o, "creation") != pair.Creation {
			t.Errorf("%s, and it was made as %+v", o, pair)
		}
	})
	if n := len(b.take()); n != 0 {
		t.Errorf("%d management requests reached the upstream", n)
	}
}

// wantSame compares two sets.
func wantSame(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// find returns the one object of a list with that member.
func find(t *testing.T, list answer, name, value string) string {
	t.Helper()
	var found []string
	for _, o := range objects(t, list) {
		if member(t, o, name) == value {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects with %s %q in %s", len(found), name, value, list.body)
	}
	return found[0]
}

// TestTokenAPIListsForgetExpired: a token is gone from lists and look-ups the
// moment that it ends.
func TestTokenAPIListsForgetExpired(t *testing.T) {
	g := startGateway(t, setup{})
	end := time.Now().Add(5 * time.Second).UTC()
	short := g.manage(john, tenantPath, headers("X-User-Token-Expires-Meta", end.Format("2006-01-02T15:04:05.000Z")))
	stays := g.manage(john, tenantPath, nil)
	if ids := g.listedIDs(john, tenantPath); len(ids) != 2 && time.Now().Before(end) { // a busy machine can be late
		t.Fatalf("before: %v", ids)
	}
	waitFor(t, func() bool { return g.do(ask{target: tokenPath + short.ID, user: john}).status == 404 })
	if time.Now().Before(end.Truncate(time.Millisecond)) {
		t.Error("the token ended before its time")
	}
	wantSame(t, "tenant path", g.listedIDs(john, tenantPath), []string{stays.ID})
	wantSame(t, "token path", strings.Fields(g.do(ask{target: tokenPath, user: john}).body), []string{stays.ID})
	for _, target := range []string{tokenPath + short.Token, tenantPath + short.ID, tenantPath + short.Token} {
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			if got := g.do(ask{method: method, target: target, user: john}); got.status != 404 {
				t.Errorf("%s of an expired token: %d, want 404", method, got.status)
			}
		}
	}
	dead := g.do(ask{target: tokenPath, header: cookie(short.Token)})
	if dead.status != 401 || !clears(t, dead) {
		t.Errorf("expired cookie: %d %v", dead.status, dead.header)
	}
}

// TestTokenAPIPaging walks lists to their end while tokens come and go.
func TestTokenAPIPaging(t *testing.T) {
	g := startGateway(t, setup{})
	var all []string
	for i := range 11 {
		expires := "+" + strconv.Itoa(10+i%3) // some end at the same time, nearly
		all = append(all, g.issue(john, hostOne, headers("X-User-Token-Expires-Meta", expires)).id)
	}
	for _, start := range []string{tokenPath + "?format=json", tokenPath, tenantPath, domainPath, tenantPath + "?x-owner-meta=john"} {
		for _, limit := range []int{1, 3, 10, 11, 12, 1000} {
			t.Run(start+"/"+strconv.Itoa(limit), func(t *testing.T) {
				wantSame(t, "all pages", walk(t, g, start, limit, nil), all)
			})
		}
	}
	t.Run("WhileOthersCreate", func(t *testing.T) {
		got := walk(t, g, tenantPath, 2, func() {
			g.issue(john, hostOneB, headers("X-User-Token-Expires-Meta", "+1"))
			g.issue(john, hostOneB, headers("X-User-Token-Expires-Meta", "+11"))
			g.issue(jane, hostOne, nil)
		})
		counts := map[string]int{}
		for _, id := range got {
			counts[id]++
		}
		for _, id := range all {
			if counts[id] != 1 {
				t.Errorf("token %s was listed %d times", id, counts[id])
			}
		}
	})
	for _, query := range []string{
		"limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=%201", "limit=99999999999999999999",
		"after=x", "after=%00", "after=" + unknownID, "after=%2e%2e", "after=" + strings.Repeat("A", 2000),
	} {
		for _, path := range []string{tokenPath, tenantPath, domainPath} {
			t.Run("Refused/"+query[:min(len(query), 20)]+path, func(t *testing.T) {
				wantProblem(t, g.do(ask{target: path + "?" + query, user: john}), 400)
			})
		}
	}
	if got := g.do(ask{target: tenantPath + "?limit=1001", user: john}); got.status != 200 {
		t.Errorf("a limit above what one page holds: %d %s", got.status, got.body)
	}
}

// walk follows the links of a list and returns what names the tokens.
func walk(t *testing.T, g *gateway, start string, limit int, between func()) []string {
	t.Helper()
	sep := "?"
	if strings.Contains(start, "?") {
		sep = "&"
	}
	var names []string
	base, err := url.Parse(g.url)
	if err != nil {
		t.Fatal(err)
	}
	for target := start + sep + "limit=" + strconv.Itoa(limit); target != ""; {
		a := g.do(ask{target: target, user: john})
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", target, a.status, a.body)
		}
		page := namesIn(t, a)
		if len(page) > limit {
			t.Fatalf("%d tokens on a page of %d", len(page), limit)
		}
		names = append(names, page...)
		if len(names) > 1000 {
			t.Fatal("the list does not end")
		}
		target = ""
		if link := a.header.Get("Link"); link != "" {
			m := regexp.MustCompile(`^<([^>]+)>; rel="next"$`).FindStringSubmatch(link)
			if m == nil {
				t.Fatalf("Link %q", link)
			}
			u, err := base.Parse(m[1])
			if err != nil || u.Host != base.Host {
				t.Fatalf("Link %q: %v", link, err)
			}
			target = u.RequestURI()
			if between != nil {
				between()
			}
		}
	}
	return names
}

func namesIn(t *testing.T, a answer) []string {
	t.Helper()
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		return strings.Fields(a.body)
	}
	var names []string
	for _, o := range objects(t, a) {
		name := member(t, o, "id")
		if name == "" {
			name = member(t, o, "name")
		}
		names = append(names, name)
	}
	return names
}
