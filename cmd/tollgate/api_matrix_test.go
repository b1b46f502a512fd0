package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// tokenAPI is one of the token APIs, as its clients see it. In paths ID stands
// for a public id, and LOCATOR for john's.
type tokenAPI struct {
	name         string
	create, body string
	value        func(t *testing.T, a answer) string // of a create answer
	list         string                              // "" = it has none
	show, end    string
}

// inBody returns the reader of a member of a create answer.
func inBody(name string) func(*testing.T, answer) string {
	return func(t *testing.T, a answer) string {
		t.Helper()
		var made map[string]any
		if err := json.Unmarshal([]byte(a.body), &made); err != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		value, _ := made[name].(string)
		return value
	}
}

var tokenAPIs = []tokenAPI{
	{
		name: "ContentGateway", create: tokenPath + "?setcookie=false",
		value: func(_ *testing.T, a answer) string { return a.header.Get("Gateway-Token") },
		list:  tenantPath, show: tokenPath + "ID", end: tokenPath + "ID",
	},
	{
		name: "FileRepository", create: "/auth/token/generate", value: inBody("tokenId"),
		body: `{"roles":["view.any_file","view.can_use_listing_endpoint_at_all","upload.all","security.overwrite","deletion.all_files_including_protected_and_unprotected"]}`,
		show: "/auth/token/ID", end: "/auth/token/ID",
	},
	{
		name: "UserTokens", create: "/auth/users/tokens", value: inBody("token"),
		body: `{"name":"matrix","expiresAt":null,"permissions":["storage.*"],"tenants":["one"]}`,
		list: "/auth/users/tokens", end: "/auth/users/tokens/ID",
	},
	{
		name: "AccessTokens", create: "/v1/auth/access-tokens/", value: inBody("bearer_token"),
		body: `{"user":{"name":"john"}}`,
		list: "/v1/auth/access-tokens/", show: "/v1/auth/access-tokens/ID", end: "/v1/auth/access-tokens/ID",
	},
	{
		name: "Management", create: ownAPI, value: inBody("token"), body: `{"permissions":["storage.*"]}`,
		list: ownAPI, show: ownAPI + "/ID", end: ownAPI + "/ID",
	},
}

// make makes a token of john's.
func (api tokenAPI) make(t *testing.T, g *gateway) issued {
	t.Helper()
	a := g.do(ask{method: http.MethodPost, target: api.create, body: api.body, user: john})
	if a.status/100 != 2 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	made := issued{api.value(t, a), a.header.Get("Gateway-Token-Id")}
	if made.value == "" || !idForm.MatchString(made.id) {
		t.Fatalf("value of %d bytes, id %q: %s", len(made.value), made.id, a.body)
	}
	return made
}

// TestEveryAPIKnowsTheTokensOfAll: what one makes the others list, show and
// end, and the end holds at once.
func TestEveryAPIKnowsTheTokensOfAll(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for _, maker := range tokenAPIs {
		for _, other := range tokenAPIs {
			t.Run(maker.name+"/"+other.name, func(t *testing.T) {
				made := maker.make(t, g)
				bearer := headers("Authorization", "Bearer "+made.value)
				if got := g.do(ask{target: "/a", header: bearer}); got.status != 200 {
					t.Fatalf("proxied: %d %s", got.status, got.body)
				}
				at := func(path string) string { return strings.ReplaceAll(path, "ID", made.id) }
				if other.list != "" {
					got := g.do(ask{target: other.list, user: john})
					if got.status != 200 || !strings.Contains(got.body, made.id) || strings.Contains(got.body, made.value) {
						t.Errorf("listed: %d %s", got.status, got.body)
					}
				}
				if other.show != "" {
					got := g.do(ask{target: at(other.show), user: john})
					if got.status != 200 || !strings.Contains(got.body, made.id) || strings.Contains(got.body, made.value) {
						t.Errorf("shown: %d %s", got.status, got.body)
					}
				}
				if got := g.do(ask{method: http.MethodDelete, target: at(other.end), user: jane}); got.status != 403 && got.status != 404 {
					t.Errorf("ended by somebody else: %d %s", got.status, got.body)
				}
				if got := g.do(ask{method: http.MethodDelete, target: at(other.end), user: john}); got.status/100 != 2 {
					t.Errorf("ended: %d %s", got.status, got.body)
				}
				b.take()
				if got := g.do(ask{target: "/a", header: bearer}); got.status != 401 || len(b.take()) != 0 {
					t.Errorf("proxied after its end: %d %s", got.status, got.body)
				}
				if got := g.do(ask{method: http.MethodDelete, target: at(other.end), user: john}); got.status != 404 && got.status != 403 {
					t.Errorf("ended twice: %d %s", got.status, got.body)
				}
			})
		}
	}
}

// TestSameVerdictWhoeverMadeTheToken: verb x restriction x form of credential
// gives the same, by which API the token was ever made.
func TestSameVerdictWhoeverMadeTheToken(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: forwardedFor})
	const restricted = `"allowedIpAddresses":["10.1.0.0/16"],"allowedUserAgents":["agent/1"],"allowedMimeTypes":["text/plain"],"maxAllowedFileSize":6,"tags":["team"]`
	files := g.do(ask{method: http.MethodPost, target: "/auth/token/generate", user: john, body: `{"roles":["view.any_file","upload.all","security.overwrite"],"data":{` + restricted + `}}`})
	made := map[string]issued{
		"FileRepository": {inBody("tokenId")(t, files), files.header.Get("Gateway-Token-Id")},
		"Management": g.narrow(john, `{"permissions":["storage.read","storage.write"],"restrictions":{"addresses":["10.1.0.0/16"],
			"user_agents":["agent/1"],"mime_types":["text/plain"],"max_size":5,"tags":["team"]}}`),
	}
	for _, row := range []struct {
		name, method, target, body, address, agent, kind string
		want                                             int
	}{
		{"Read", "GET", "/a", "", "10.1.2.3", "agent/1", "", 200},
		{"Head", "HEAD", "/a", "", "10.1.2.3", "agent/1", "", 200},
		{"Write", "PUT", "/a", "12345", "10.1.2.3", "agent/1", "text/plain", 200},
		{"WriteTooMuch", "PUT", "/a", "123456", "10.1.2.3", "agent/1", "text/plain", 413},
		{"WriteOtherType", "PUT", "/a", "12345", "10.1.2.3", "agent/1", "text/html", 403},
		{"OtherAddress", "GET", "/a", "", "10.2.2.3", "agent/1", "", 403},
		{"OtherAgent", "GET", "/a", "", "10.1.2.3", "agent/2", "", 403},
		{"OtherTag", "GET", "/a?tag=x", "", "10.1.2.3", "agent/1", "", 403},
		{"NoRightToDelete", "DELETE", "/a", "", "10.1.2.3", "agent/1", "", 403},
		{"NoRightToList", "PROPFIND", "/a", "", "10.1.2.3", "agent/1", "", 403},
		{"NoRightToMint", "POST", tokenPath, "", "10.1.2.3", "agent/1", "", 403},
		{"NoRightToSee", "GET", ownAPI, "", "10.1.2.3", "agent/1", "", 403},
	} {
		for api, token := range made {
			for form, present := range map[string]func(h http.Header) string{
				"Bearer":       func(h http.Header) string { h.Set("Authorization", "Bearer "+token.value); return "" },
				"Cookie":       func(h http.Header) string { h.Set("Cookie", "token="+token.value); return "" },
				"GatewayToken": func(h http.Header) string { h.Set("Gateway-Token", token.value); return "" },
				"XAuthToken":   func(h http.Header) string { h.Set("X-Auth-Token", token.value); return "" },
				"TokenHeader":  func(h http.Header) string { h.Set("Token", token.value); return "" },
				"Query":        func(http.Header) string { return "_token=" + url.QueryEscape(token.value) },
			} {
				t.Run(row.name+"/"+api+"/"+form, func(t *testing.T) {
					h := headers("X-Forwarded-For", row.address, "User-Agent", row.agent)
					if row.kind != "" {
						h.Set("Content-Type", row.kind)
					}
					target := row.target
					if argument := present(h); argument != "" {
						mark := "?"
						if strings.Contains(target, "?") {
							mark = "&"
						}
						target += mark + argument
					}
					got := g.do(ask{method: row.method, target: target, header: h, body: row.body})
					if n := len(b.take()); got.status != row.want || (n == 1) != (row.want == 200) {
						t.Errorf("%d %s, want %d; upstream got %d", got.status, got.body, row.want, n)
					}
				})
			}
		}
	}
}

// TestUsersChangeAtOnce: what happens to a user holds on the next request of
// every token that he has.
func TestUsersChangeAtOnce(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	jsonHeader := headers("Content-Type", "application/json")
	users := strings.TrimSuffix(ownAPI, "tokens") + "users"
	call := func(method, target, user, body string, want int) answer {
		t.Helper()
		a := g.do(ask{method: method, target: target, user: user, body: body, header: jsonHeader})
		if a.status != want {
			t.Fatalf("%s %s: %d %s, want %d", method, target, a.status, a.body, want)
		}
		return a
	}
	mine := func(a answer, method string, want int) {
		t.Helper()
		token := issued{inBody("token")(t, a), ""}
		if got := g.do(ask{method: method, target: "/a", header: headers("Authorization", "Bearer "+token.value)}); got.status != want {
			t.Errorf("%s: %d %s, want %d", method, got.status, got.body, want)
		}
	}
	call("POST", users, root, `{"name":"newbie","password":"a long enough password","tenants":["one"]}`, 201)
	made := call("POST", ownAPI, root, `{"owner":"newbie"}`, 201)
	mine(made, "PUT", 200)
	call("PATCH", users+"/newbie", root, `{"roles":["read-only"],"permissions":[]}`, 200)
	mine(made, "PUT", 403)
	mine(made, "GET", 200)
	call("PATCH", users+"/newbie", root, `{"tenants":["two"]}`, 200)
	mine(made, "GET", 403)
	call("PATCH", users+"/newbie", root, `{"tenants":["one"],"enabled":false}`, 200)
	mine(made, "GET", 401)
	call("PATCH", users+"/newbie", root, `{"enabled":true}`, 200)
	mine(made, "GET", 200)
	call("DELETE", users+"/newbie", root, "", 204)
	mine(made, "GET", 401)
	call("POST", users, root, `{"name":"newbie","password":"a long enough password","tenants":["one"]}`, 201)
	mine(made, "GET", 401) // a new user of the name gets no old tokens
}

// TestLastUseIsRecorded: when, from where, with what and how often, and it
// survives a new start.
func TestLastUseIsRecorded(t *testing.T) {
	b := startBackend(t)
	s := setup{upstream: b.URL, dir: t.TempDir(), more: forwardedFor}
	g := startGateway(t, s)
	token := g.narrow(john, `{}`)
	for range 3 {
		g.do(ask{target: "/a", header: headers("Authorization", "Bearer "+token.value, "User-Agent", "agent/1", "X-Forwarded-For", "10.1.2.3")})
	}
	check := func() {
		t.Helper()
		var shown struct {
			LastUsed struct {
				At        time.Time `json:"at"`
				Address   string    `json:"address"`
				UserAgent string    `json:"user_agent"`
				Count     int       `json:"count"`
			} `json:"last_used"`
		}
		a := g.do(ask{target: ownAPI + "/" + token.id, user: john})
		if err := json.Unmarshal([]byte(a.body), &shown); err != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if u := shown.LastUsed; u.Count != 3 || u.Address != "10.1.2.3" || u.UserAgent != "agent/1" || u.At.IsZero() {
			t.Errorf("last used: %+v in %s", u, a.body)
		}
	}
	check()
	g.end()
	g.start()
	check()
	stale := g.do(ask{target: ownAPI + "?stale_for=1h", user: john})
	if stale.status != 200 || strings.Contains(stale.body, token.id) {
		t.Errorf("stale: %d %s", stale.status, stale.body)
	}
}

// TestUserChangesAreAudited: who changed whom is in the log, and no password.
func TestUserChangesAreAudited(t *testing.T) {
	g := startGateway(t, setup{})
	const users = "/_admin/api/v1/users"
	for _, step := range []struct{ method, target, body, event string }{
		{"POST", users, `{"name":"newbie","password":"audited password"}`, "user created"},
		{"PATCH", users + "/newbie", `{"enabled":false}`, "user changed"},
		{"DELETE", users + "/newbie/credentials", "", "credentials of user removed"},
		{"DELETE", users + "/newbie", "", "user removed"},
	} {
		a := g.do(ask{method: step.method, target: step.target, user: root, body: step.body})
		id := a.header.Get("Gateway-Request-Id")
		waitFor(t, func() bool {
			for line := range strings.SplitSeq(g.err.String(), "\n") {
				if strings.Contains(line, `"msg":"`+step.event+`","actor":"root","user":"newbie"`) && strings.Contains(line, id) {
					return true
				}
			}
			return false
		})
	}
	if strings.Contains(g.err.String(), "audited password") {
		t.Error("the log has the password")
	}
}
