package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestTokenAPIReservedPaths: what is below the management paths and no route
// is answered here, in the form for programs, and never proxied.
func TestTokenAPIReservedPaths(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	own := g.issue(john, hostOne, nil)
	paths := []string{
		tokenPath, "/.TOKEN", tokenPath + own.id, tokenPath + own.id + "/", tokenPath + "login", tokenPath + "logout",
		tenantPath, strings.TrimSuffix(tenantPath, "/"), tenantPath + own.id, domainPath, strings.TrimSuffix(domainPath, "/"), domainPath + own.id,
	}
	for _, path := range paths {
		for _, method := range []string{"PUT", "PATCH", "OPTIONS", "PROPFIND", "MKCOL", "COPY", "LOCK", "PURGE", "QUERY", "TRACE", "FOO", "get"} {
			t.Run(method+path, func(t *testing.T) {
				unserved(t, b, g.do(ask{method: method, target: path, user: john}))
			})
		}
	}
	for _, path := range []string{tokenPath, "/.TOKEN", tenantPath, strings.TrimSuffix(tenantPath, "/"), domainPath} {
		t.Run("DELETE"+path, func(t *testing.T) { unserved(t, b, g.do(ask{method: "DELETE", target: path, user: john})) })
	}
	for _, path := range []string{tokenPath + own.id, tenantPath + own.id, tokenPath + "login"} {
		t.Run("POST"+path, func(t *testing.T) { unserved(t, b, g.do(ask{method: "POST", target: path, user: john})) })
	}
	for _, path := range []string{
		tokenPath + "a/b", tokenPath + "login/x", tokenPath + "/", tokenPath + "%2f", tokenPath + "../x", tokenPath + "a%2fb/c",
		"/_admin/", "/_admin/x", "/_admin/manage", "/_admin/manage/tenants", "/_admin/manage/tenants/one", "/_admin/manage/tenants/one/",
		"/_admin/manage/tenants/one/token", "/_admin/manage/tenants//tokens/", "/_admin/manage/tenants/one/tokens/a/b",
		"/_admin/manage/tenants/one/domains/", "/_admin/manage/tenants/one/domains/" + hostOne, "/_admin/manage/tenants/one/domains//tokens/",
		"/_admin/manage/version", "/_admin/manage/tenants/one/etc/policy.json", "/_admin/manage/../../x",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PURGE"} {
			t.Run(method+path, func(t *testing.T) { unserved(t, b, g.do(ask{method: method, target: path, user: john})) })
		}
	}
	for _, path := range []string{"/.token/", "/TOKEN/", "/.TOKENS/", "/x/.TOKEN/", "/_administration", "/x/_admin/manage"} {
		t.Run("Proxied"+path, func(t *testing.T) {
			got := g.do(ask{target: path, user: john})
			if arrived := b.take(); got.status != 200 || len(arrived) != 1 || arrived[0].Target != path {
				t.Errorf("%d, %v", got.status, arrived)
			}
		})
	}
	if got := g.do(ask{target: tokenPath + own.id, user: john}); got.status != 200 {
		t.Errorf("the token is gone: %d", got.status)
	}
}

// unserved fails unless a request was refused as one for which there is no
// route.
func unserved(t *testing.T, b *backend, got answer) {
	t.Helper()
	if n := len(b.take()); n != 0 {
		t.Errorf("reached the upstream %d times", n)
	}
	if got.status == http.StatusMethodNotAllowed && got.header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
	if got.status != http.StatusMethodNotAllowed {
		wantProblem(t, got, http.StatusNotFound)
		return
	}
	wantProblem(t, got, http.StatusMethodNotAllowed)
}

// TestTokenAPIAdminHosts: elsewhere the paths are proxied like any other.
func TestTokenAPIAdminHosts(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: "admin_hosts: [" + hostOneB + "]\n"})
	for _, path := range []string{tokenPath, "/.TOKEN", tokenPath + "login", tenantPath, tenantPath + unknownID, "/_admin/x"} {
		got := g.do(ask{target: path, host: hostOne, user: john})
		if arrived := b.take(); got.status != 200 || got.body != "upstream" || len(arrived) != 1 || arrived[0].Target != path {
			t.Errorf("%s on another host: %d, arrived %v", path, got.status, arrived)
		}
	}
	if got := g.do(ask{method: "POST", target: tokenPath, host: hostOneB + ":8080", user: john}); got.status != 201 || len(b.take()) != 0 {
		t.Errorf("on the admin host: %d", got.status)
	}
	named := g.do(ask{method: "POST", target: tokenPath + "?domain=" + hostOne, host: strings.ToUpper(hostOneB), user: john})
	if named.status != 201 || !strings.HasSuffix(named.body, " in "+hostOne) {
		t.Errorf("for another domain: %d %s", named.status, named.body)
	}
	for host, want := range map[string]int{hostOne: 401, hostOneB: 303} {
		got := g.do(ask{target: "/x", host: host, header: headers("Sec-Fetch-Mode", "navigate")})
		if got.status != want || len(b.take()) != 0 {
			t.Errorf("navigation on %s: %d, want %d", host, got.status, want)
		}
	}
}

// TestTokenAPILeftOut: an API that is not served leaves its paths to the
// upstream.
func TestTokenAPILeftOut(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, more: "apis: [file_repository]\n"})
	for _, path := range []string{tokenPath, "/.TOKEN", tokenPath + "login", tenantPath, "/_admin/x"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			got := g.do(ask{method: method, target: path, user: john})
			if arrived := b.take(); got.status != 200 || len(arrived) != 1 || arrived[0].Target != path || arrived[0].Method != method {
				t.Errorf("%s %s: %d, arrived %v", method, path, got.status, arrived)
			}
		}
	}
	if got := g.do(ask{target: "/x", header: headers("Sec-Fetch-Mode", "navigate")}); got.status != 401 {
		t.Errorf("a navigation is sent to a login page that is not there: %d %v", got.status, got.header)
	}
}

// TestTokenAPIOwnPath: the token path can be configured.
func TestTokenAPIOwnPath(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL, tokens: "  path: /-/gate/\n"})
	for _, path := range []string{"/-/gate/", "/-/gate"} {
		if got := g.do(ask{method: "POST", target: path, user: john}); got.status != 201 || len(b.take()) != 0 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := g.do(ask{method: "POST", target: tokenPath, user: john}); got.status != 200 || len(b.take()) != 1 {
		t.Errorf("the path that is not configured: %d", got.status)
	}
	page := g.do(ask{target: "/-/gate/login"})
	if page.status != 200 || !strings.Contains(page.body, `action="/-/gate/"`) {
		t.Errorf("login page: %d\n%s", page.status, page.body)
	}
	if got := g.do(ask{target: "/x", header: headers("Sec-Fetch-Mode", "navigate")}); got.header.Get("Location") != "/-/gate/login?next=%2Fx" {
		t.Errorf("navigation: %v", got.header)
	}
}

// logLine returns the line of the access log for an answer.
func (g *gateway) logLine(a answer) map[string]any {
	g.t.Helper()
	id := a.header.Get("Gateway-Request-Id")
	var line map[string]any
	waitFor(g.t, func() bool {
		for _, l := range strings.Split(g.err.String(), "\n") {
			var m map[string]any
			if json.Unmarshal([]byte(l), &m) == nil && m["request_id"] == id && m["status"] != nil {
				line = m
				return true
			}
		}
		return false
	})
	return line
}

// TestTokenAPILog: every answer has an id, and its line in the log names the
// route and not what was sent.
func TestTokenAPILog(t *testing.T) {
	g := startGateway(t, setup{})
	own := g.issue(john, hostOne, nil)
	basic := headers("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("john:wrong-"+unknownValue)))
	rows := []struct {
		name   string
		ask    ask
		status int
		route  string
		fields map[string]string
	}{
		{"Create", ask{method: "POST", target: tokenPath, user: john}, 201, tokenPath, map[string]string{"user": john, "form": "basic"}},
		{"CreateNoSlash", ask{method: "POST", target: "/.TOKEN?x=" + unknownValue, user: john}, 201, "/.TOKEN", nil},
		{"List", ask{target: tokenPath, header: bearer(own.value)}, 200, tokenPath, map[string]string{"user": john, "token_id": own.id}},
		{"Show", ask{target: tokenPath + own.value, user: john}, 200, "/.TOKEN/:token", nil},
		{"ShowUnknown", ask{target: tokenPath + unknownValue, user: john}, 404, "/.TOKEN/:token", map[string]string{"reason": "no_such_token"}},
		{"ShowStrangers", ask{target: tokenPath + own.value, user: jane}, 403, "/.TOKEN/:token", map[string]string{"reason": "not_owner", "user": jane}},
		{"Tenant", ask{target: tenantPath, user: john}, 200, "/_admin/manage/tenants/:tenant/tokens/", map[string]string{"tenant": "one"}},
		{"TenantShow", ask{target: tenantPath + own.value, user: john}, 200, "/_admin/manage/tenants/:tenant/tokens/:token", nil},
		{"DomainShow", ask{target: domainPath + own.value, user: john}, 200, "/_admin/manage/tenants/:tenant/domains/:domain/tokens/:token", nil},
		{"NoRoute", ask{target: tokenPath + "x/" + unknownValue, user: john}, 404, "/.TOKEN/*", map[string]string{"reason": "not_found"}},
		{"NoRouteAdmin", ask{target: "/_admin/" + unknownValue, user: john}, 404, "/_admin/*", nil},
		{"WrongMethod", ask{method: "PUT", target: "/.TOKEN", user: john}, 0, "/.TOKEN", nil},
		{"Login", ask{target: tokenPath + "login?next=/" + unknownValue}, 200, "/.TOKEN/login", nil},
		{"WrongPassword", ask{target: tokenPath, header: basic}, 401, tokenPath, map[string]string{"reason": "bad_password"}},
		{"WrongBearer", ask{target: tokenPath, header: bearer(unknownValue)}, 401, tokenPath, map[string]string{"reason": "unknown_token", "form": "bearer"}},
		{"CrossSite", ask{method: "POST", target: tokenPath, user: john, header: headers("Origin", evilSite)}, 403, tokenPath, map[string]string{"reason": "cross_site"}},
		{"BadArgument", ask{method: "POST", target: tokenPath + "?setcookie=x", user: john}, 400, tokenPath, map[string]string{"reason": "invalid"}},
		{"LoginFails", ask{
			method: "POST", target: tokenPath, header: headers("Content-Type", "application/x-www-form-urlencoded"),
			body: "username=john&password=wrong-" + unknownValue,
		}, 401, tokenPath, map[string]string{"reason": "bad_password"}},
		{"Delete", ask{method: "DELETE", target: tokenPath + own.value, user: john}, 200, "/.TOKEN/:token", nil},
		{"RevokedBearer", ask{target: tokenPath, header: bearer(own.value)}, 401, tokenPath, map[string]string{"reason": "revoked", "token_id": own.id}},
	}
	answers := make([]answer, len(rows)) // first, since lines are written once a second
	for i, row := range rows {
		answers[i] = g.do(row.ask)
	}
	ids := map[string]bool{}
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := answers[i]
			if row.status != 0 && got.status != row.status {
				t.Errorf("%d %s, want %d", got.status, got.body, row.status)
			}
			id := got.header.Get("Gateway-Request-Id")
			if len(id) != 16 || strings.Trim(id, "0123456789ABCDEF") != "" || ids[id] {
				t.Fatalf("request id %q", id)
			}
			ids[id] = true
			line := g.logLine(got)
			if line["route"] != row.route || line["path"] != nil {
				t.Errorf("route %v, path %v, want the route %q alone", line["route"], line["path"], row.route)
			}
			for k, v := range row.fields {
				if line[k] != v {
					t.Errorf("%s is %v, want %q", k, line[k], v)
				}
			}
			if status, _ := line["status"].(float64); int(status) != got.status {
				t.Errorf("logged %v, answered %d", line["status"], got.status)
			}
			if _, refused := line["reason"]; refused != (got.status >= 400) {
				t.Errorf("reason %v with %d", line["reason"], got.status)
			}
		})
	}
	log := g.err.String()
	for _, secret := range []string{own.value, unknownValue, passwordOf(john), base64.StdEncoding.EncodeToString([]byte(john + ":" + passwordOf(john)))} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestTokenAPIAudit: who made and who ended a token is on record.
func TestTokenAPIAudit(t *testing.T) {
	g := startGateway(t, setup{})
	made := g.do(ask{method: "POST", target: tenantPath, user: boss, header: headers("X-Owner-Meta", john)})
	id := made.header.Get("Gateway-Token-Id")
	ended := g.do(ask{method: "DELETE", target: tenantPath + id, user: root})
	events := map[string]map[string]any{}
	waitFor(t, func() bool {
		for _, l := range strings.Split(g.err.String(), "\n") {
			var m map[string]any
			if json.Unmarshal([]byte(l), &m) == nil && m["token_id"] == id && m["actor"] != nil {
				for _, event := range []string{"token issued", "token revoked"} {
					if strings.Contains(l, `"`+event+`"`) {
						events[event] = m
					}
				}
			}
		}
		return len(events) == 2
	})
	for event, want := range map[string]map[string]any{
		"token issued":  {"actor": boss, "owner": john, "scope": "+one", "api": "content_gateway", "request_id": made.header.Get("Gateway-Request-Id"), "client_ip": "127.0.0.1"},
		"token revoked": {"actor": root, "owner": john, "scope": "+one", "api": "content_gateway", "request_id": ended.header.Get("Gateway-Request-Id"), "client_ip": "127.0.0.1"},
	} {
		for k, v := range want {
			if events[event][k] != v {
				t.Errorf("%s: %s is %v, want %v", event, k, events[event][k], v)
			}
		}
	}
	families := g.scrape()
	for _, want := range []string{`tollgate_tokens_issued_total{api="content_gateway"} 1`, `tollgate_tokens_ended_total{api="content_gateway",how="revoked"} 1`} {
		if !slices.Contains(strings.Split(families, "\n"), want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
}
