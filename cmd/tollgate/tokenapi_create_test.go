package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// createPaths are all the paths that make a token, with the scope that it
// gets.
var createPaths = []struct{ name, path, scope string }{
	{"Token", tokenPath, hostOne},
	{"TokenNoSlash", "/.TOKEN", hostOne},
	{"Tenant", tenantPath, "+one"},
	{"TenantNoSlash", strings.TrimSuffix(tenantPath, "/"), "+one"},
	{"Domain", domainPath, hostOne},
	{"DomainNoSlash", strings.TrimSuffix(domainPath, "/"), hostOne},
}

func TestTokenAPICreate(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for _, p := range createPaths {
		for _, delivery := range []string{"", "?setcookie=true", "?setcookie=false"} {
			for _, secret := range []string{"", "MyS3Secret"} {
				t.Run(p.name+delivery+secret, func(t *testing.T) {
					header := http.Header{}
					if secret != "" {
						header.Set("X-User-Secret-Key-Meta", secret)
					}
					got := g.do(ask{method: "POST", target: p.path + delivery, user: john, header: header})
					if got.status != 201 {
						t.Fatalf("%d %s", got.status, got.body)
					}
					checkCreated(t, got, p.scope, secret)
					checkDelivery(t, got, valueIn(t, got), delivery != "?setcookie=false")
				})
			}
		}
	}
	if n := len(b.take()); n != 0 {
		t.Errorf("%d management requests reached the upstream", n)
	}
}

// valueIn returns the value from the body of a create answer.
func valueIn(t testing.TB, a answer) string {
	t.Helper()
	if strings.HasPrefix(a.body, "{") {
		return describe(t, a).Token
	}
	words := strings.Fields(a.body) // as clients of the original do
	if len(words) < 2 {
		t.Fatalf("body %q", a.body)
	}
	return words[1]
}

// checkCreated holds what every create answer has, and the two bodies.
func checkCreated(t *testing.T, a answer, scope, secret string) {
	t.Helper()
	value, id := valueIn(t, a), a.header.Get("Gateway-Token-Id")
	if !valueForm.MatchString(value) || !idForm.MatchString(id) {
		t.Errorf("value %q, id %q", value, id)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.header)
	}
	if !strings.HasPrefix(a.body, "{") {
		if want := fmt.Sprintf("Token %s issued for john in %s", value, scope); a.body != want {
			t.Errorf("body %q, want %q", a.body, want)
		}
		if kind := a.header.Get("Content-Type"); kind != "text/plain; charset=UTF-8" {
			t.Errorf("content type %q", kind)
		}
		return
	}
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		t.Errorf("content type %q", kind)
	}
	d := describe(t, a)
	keys := "token id owner scope expiration creation"
	if secret != "" {
		keys += " secret"
	}
	wantKeys(t, a.body, keys)
	if d.ID != id || d.Owner != john || d.Scope != scope || d.Secret != secret {
		t.Errorf("%+v", d)
	}
	if !strings.HasSuffix(d.Creation, ".000Z") {
		t.Errorf("creation %s is no whole second", d.Creation)
	}
	if ttl := d.lifetime(t); ttl < 24*time.Hour || ttl >= 24*time.Hour+time.Second {
		t.Errorf("lives %v, want a day", ttl)
	}
	if age := time.Since(instant(t, d.Creation)); age < 0 || age > time.Minute {
		t.Errorf("created %v ago", age)
	}
}

// checkDelivery holds that the value comes in exactly one header.
func checkDelivery(t *testing.T, a answer, value string, byCookie bool) {
	t.Helper()
	set, bare := a.header.Values("Set-Cookie"), a.header.Values("Gateway-Token")
	if byCookie {
		want := "token=" + value + "; path=/; HttpOnly; SameSite=Lax; Max-Age=86400"
		if len(set) != 1 || set[0] != want || len(bare) != 0 {
			t.Errorf("Set-Cookie %q, want %q; Gateway-Token %q", set, want, bare)
		}
		return
	}
	if len(bare) != 1 || bare[0] != value || len(set) != 0 {
		t.Errorf("Gateway-Token %q, want %q; Set-Cookie %q", bare, value, set)
	}
}

func TestTokenAPIRefusedCreatesMakeNothing(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	basic := func(s string) http.Header {
		return headers("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s)))
	}
	for _, row := range []struct {
		name   string
		ask    ask
		status int
	}{
		{"SetcookieUpperCase", ask{target: "?setcookie=TRUE", user: john}, 400},
		{"SetcookieOne", ask{target: "?setcookie=1", user: john}, 400},
		{"SetcookieEmpty", ask{target: "?setcookie=", user: john}, 400},
		{"SetcookieNoValue", ask{target: "?setcookie", user: john}, 400},
		{"SetcookieTwice", ask{target: "?setcookie=true&setcookie=true", user: john}, 400},
		{"SetcookieBoth", ask{target: "?setcookie=false&setcookie=true", user: john}, 400},
		{"SetcookiePadded", ask{target: "?setcookie=false%20", user: john}, 400},
		{"SetcookieBadEscape", ask{target: "?setcookie=false%zz", user: john}, 400},
		{"SetcookieSemicolon", ask{target: "?setcookie=false;x=1", user: john}, 400},
		{"Nobody", ask{}, 401},
		{"WrongPassword", ask{header: basic("john:wrong")}, 401},
		{"UnknownUser", ask{header: basic("nobody:x")}, 401},
		{"NotBase64", ask{header: headers("Authorization", "Basic ?")}, 401},
		{"UnknownBearer", ask{header: bearer(unknownValue)}, 401},
		{"UnknownGatewayToken", ask{header: headers("Gateway-Token", unknownValue)}, 401},
		{"TwoAuthorizations", ask{header: headers("Authorization", "Bearer x", "Authorization", "Bearer x")}, 400},
		{"OwnerTwice", ask{user: boss, header: headers("X-Owner-Meta", john, "X-Owner-Meta", john)}, 400},
		{"ExpiryTwice", ask{user: john, header: headers("X-User-Token-Expires-Meta", "+1", "X-User-Token-Expires-Meta", "+1")}, 400},
		{"SecretTwice", ask{user: john, header: headers("X-User-Secret-Key-Meta", "12345678", "X-User-Secret-Key-Meta", "12345678")}, 400},
		{"UserOfOtherTenant", ask{user: other}, 403},
		{"UserOfNoTenant", ask{user: none}, 403},
	} {
		for _, path := range []string{tokenPath, tenantPath, domainPath} {
			t.Run(row.name+path, func(t *testing.T) {
				a := row.ask
				a.method, a.target = "POST", path+a.target
				got := g.do(a)
				wantProblem(t, got, row.status)
				for _, name := range []string{"Set-Cookie", "Gateway-Token", "Gateway-Token-Id"} {
					if v := got.header.Values(name); len(v) != 0 {
						t.Errorf("%s: %q", name, v)
					}
				}
				if challenges := len(got.header.Values("WWW-Authenticate")); (challenges > 0) != (row.status == 401) {
					t.Errorf("%d challenges with %d", challenges, row.status)
				}
			})
		}
	}
	if ids := g.listedIDs(root, tenantPath); len(ids) != 0 {
		t.Errorf("tokens were made all the same: %v", ids)
	}
	if n := len(b.take()); n != 0 {
		t.Errorf("%d management requests reached the upstream", n)
	}
}

// TestTokenAPICallers holds in which forms one may come to manage tokens.
func TestTokenAPICallers(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	live := g.issue(john, hostOne, nil)
	signing := g.issue(john, hostOne, headers("X-User-Secret-Key-Meta", "a long enough secret"))
	revoked := g.issue(john, hostOne, nil)
	g.revoke(john, revoked.id)
	for _, row := range []struct {
		name, value string
		created     bool
		clear       bool // when it comes in the cookie
	}{
		{"Live", live.value, true, false},
		{"Signing", signing.value, false, false},
		{"Revoked", revoked.value, false, true},
		{"Unknown", unknownValue, false, true},
		{"PublicID", live.id, false, true},
	} {
		for form, present := range presentations {
			t.Run(row.name+"/"+form, func(t *testing.T) {
				for _, method := range []string{"POST", "GET", "HEAD"} {
					a := ask{method: method, target: tokenPath + "?setcookie=false", header: http.Header{}}
					present(&a, row.value)
					got := g.do(a)
					want := 401
					if row.created {
						want = map[string]int{"POST": 201, "GET": 200, "HEAD": 200}[method]
					}
					if got.status != want {
						t.Errorf("%s: %d %s, want %d", method, got.status, got.body, want)
					}
					if want := form == "Cookie" && row.clear; clears(t, got) != want {
						t.Errorf("%s: Set-Cookie %q, want it cleared: %v", method, got.header.Values("Set-Cookie"), want)
					}
				}
				a := ask{method: "DELETE", target: tokenPath + unknownID, header: http.Header{}}
				present(&a, row.value)
				if got := g.do(a); got.status != map[bool]int{true: 404, false: 401}[row.created] {
					t.Errorf("DELETE: %d", got.status)
				}
			})
		}
	}
	if n := len(b.take()); n != 0 {
		t.Errorf("%d management requests reached the upstream", n)
	}
}

// TestTokenAPIPlainFormPostIsNoLogin: some clients name the form content type
// whatever they send.
func TestTokenAPIPlainFormPostIsNoLogin(t *testing.T) {
	g := startGateway(t, setup{})
	live := g.issue(john, hostOne, nil)
	form := func(more http.Header) http.Header {
		more.Set("Content-Type", "application/x-www-form-urlencoded")
		return more
	}
	for _, row := range []struct {
		name   string
		header http.Header
		user   string
		body   string
		status int
	}{
		{"BasicEmptyBody", form(http.Header{}), john, "", 201},
		{"BasicWithForm", form(http.Header{}), john, "username=jane&password=x", 201},
		{"BearerEmptyBody", form(bearer(live.value)), "", "", 201},
		{"CookieEmptyBody", form(cookie(live.value)), "", "", 201},
		{"GatewayTokenOtherFields", form(headers("Gateway-Token", live.value)), "", "a=b", 201},
		{"NobodyEmptyBody", form(http.Header{}), "", "", 401},
		{"JSONBody", headers("Content-Type", "application/json"), john, `{"a":1}`, 201},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.do(ask{method: "POST", target: tokenPath, user: row.user, header: row.header, body: row.body})
			if got.status != row.status {
				t.Errorf("%d %s, want %d", got.status, got.body, row.status)
			}
			if row.status == 201 && !strings.Contains(got.body, " issued for john in ") {
				t.Errorf("body %q", got.body)
			}
		})
	}
}
