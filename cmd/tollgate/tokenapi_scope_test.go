package main

import (
	"net/http"
	"strings"
	"testing"
)

// holds returns the status of a proxied request with a token on a host, and
// fails if the upstream saw another verdict.
func (g *gateway) holds(b *backend, value, host string) int {
	g.t.Helper()
	got := g.do(ask{target: "/bucket/key", host: host, header: bearer(value)})
	if forwarded := len(b.take()); (forwarded == 1) != (got.status == 200) {
		g.t.Errorf("%s: %d, and forwarded %d times", host, got.status, forwarded)
	}
	return got.status
}

// TestTokenAPIDomains holds which domain a token is for, and where it holds.
func TestTokenAPIDomains(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	const (
		good  = 200
		wrong = 403
	)
	type verdicts = map[string]int
	onlyOne := verdicts{hostOne: good, hostOneB: wrong, hostTwo: wrong, hostNoOne: 404}
	onlyB := verdicts{hostOne: wrong, hostOneB: good, hostTwo: wrong, hostNoOne: 404}
	allOne := verdicts{hostOne: good, hostOneB: good, hostTwo: wrong, hostNoOne: 404}
	for _, row := range []struct {
		name, target, host string
		status             int
		scope              string
		holds              verdicts
	}{
		{"Host", tokenPath, hostOne, 201, hostOne, onlyOne},
		{"HostWithPort", tokenPath, hostOne + ":8080", 201, hostOne, onlyOne},
		{"HostUpperCase", tokenPath, "One.EXAMPLE.com", 201, hostOne, onlyOne},
		{"HostTrailingDot", tokenPath, hostOne + ".", 201, hostOne, onlyOne},
		{"OtherHostOfTenant", tokenPath, hostOneB, 201, hostOneB, onlyB},
		{"NamedOwn", tokenPath + "?domain=" + hostOneB, hostOne, 201, hostOneB, onlyB},
		{"NamedNoSlash", "/.TOKEN?domain=" + hostOneB, hostOne, 201, hostOneB, onlyB},
		{"NamedUpperCase", tokenPath + "?domain=B.One.Example.Com", hostOne, 201, hostOneB, onlyB},
		{"NamedFromOtherTenantsHost", tokenPath + "?domain=" + hostOne, hostTwo, 201, hostOne, onlyOne},
		{"NamedFromNobodysHost", tokenPath + "?domain=" + hostOne, hostNoOne, 201, hostOne, onlyOne},
		{"NamedEmptyIsHost", tokenPath + "?domain=", hostOne, 201, hostOne, onlyOne},
		{"Tenant", tenantPath, hostOne, 201, "+one", allOne},
		{"TenantFromNobodysHost", tenantPath, hostNoOne, 201, "+one", allOne},
		{"Domain", domainPath, hostOneB, 201, hostOne, onlyOne},
		{"DomainFromNobodysHost", domainPath, hostNoOne, 201, hostOne, onlyOne},
		{"DomainOther", strings.Replace(domainPath, hostOne, hostOneB, 1), hostOne, 201, hostOneB, onlyB},

		{"HostOfOtherTenant", tokenPath, hostTwo, 403, "", nil},
		{"HostOfNobody", tokenPath, hostNoOne, 404, "", nil},
		{"NamedOtherTenant", tokenPath + "?domain=" + hostTwo, hostOne, 403, "", nil},
		{"NamedUnknown", tokenPath + "?domain=" + hostNoOne, hostOne, 404, "", nil},
		{"NamedNoHost", tokenPath + "?domain=a/b", hostOne, 404, "", nil},
		{"NamedTenant", tokenPath + "?domain=one", hostOne, 404, "", nil},
		{"TenantOther", strings.Replace(tenantPath, "/one/", "/two/", 1), hostOne, 403, "", nil},
		{"TenantUnknown", strings.Replace(tenantPath, "/one/", "/three/", 1), hostOne, 404, "", nil},
		{"TenantUpperCase", strings.Replace(tenantPath, "/one/", "/ONE/", 1), hostOne, 404, "", nil},
		{"TenantIsDomain", strings.Replace(tenantPath, "/one/", "/"+hostOne+"/", 1), hostOne, 404, "", nil},
		{"DomainUnknown", strings.Replace(domainPath, hostOne, hostNoOne, 1), hostOne, 404, "", nil},
		{"DomainOfOtherTenant", strings.Replace(domainPath, hostOne, hostTwo, 1), hostOne, 404, "", nil},
		{"DomainBelowOtherTenant", "/_admin/manage/tenants/two/domains/" + hostTwo + "/tokens/", hostOne, 403, "", nil},
		{"DomainBelowUnknownTenant", "/_admin/manage/tenants/three/domains/" + hostOne + "/tokens/", hostOne, 404, "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			target := row.target + "?setcookie=false"
			if strings.Contains(row.target, "?") {
				target = row.target + "&setcookie=false"
			}
			got := g.do(ask{method: "POST", target: target, host: row.host, user: john})
			if n := len(b.take()); n != 0 {
				t.Errorf("reached the upstream %d times", n)
			}
			if row.status != 201 {
				wantProblem(t, got, row.status)
				return
			}
			if got.status != row.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			value := got.header.Get("Gateway-Token")
			if shown := describe(t, g.do(ask{target: tenantPath + value, user: john})); shown.Scope != row.scope {
				t.Errorf("scope %q, want %q", shown.Scope, row.scope)
			}
			for host, want := range row.holds {
				if status := g.holds(b, value, host); status != want {
					t.Errorf("on %s: %d, want %d", host, status, want)
				}
			}
		})
	}
}

// TestTokenAPINobodysHost: such a host is 404 before any check, but for what
// names a tenant or needs none.
func TestTokenAPINobodysHost(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	own := g.issue(john, hostOne, nil)
	for _, row := range []struct {
		name   string
		ask    ask
		status int
	}{
		{"CreateByNobody", ask{method: "POST", target: tokenPath}, 404},
		{"CreateByDeadBearer", ask{method: "POST", target: tokenPath, header: bearer(unknownValue)}, 404},
		{"CreateForUnknownDomainByNobody", ask{method: "POST", target: tokenPath + "?domain=x.test", host: hostOne}, 404},
		{"Create", ask{method: "POST", target: tokenPath, user: root}, 404},
		{"OwnList", ask{target: tokenPath, user: john}, 200},
		{"Show", ask{target: tokenPath + own.id, user: john}, 200},
		{"ShowByNobody", ask{target: tokenPath + own.id}, 401},
		{"TenantList", ask{target: tenantPath, user: john}, 200},
		{"LoginPage", ask{target: tokenPath + "login"}, 200},
		{"Delete", ask{method: "DELETE", target: tokenPath + own.id, user: john}, 200},
		{"Proxied", ask{target: "/x", user: john}, 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.ask.host == "" {
				row.ask.host = hostNoOne
			}
			if got := g.do(row.ask); got.status != row.status {
				t.Errorf("%d %s, want %d", got.status, got.body, row.status)
			}
			if n := len(b.take()); n != 0 {
				t.Errorf("reached the upstream %d times", n)
			}
		})
	}
}

// TestTokenAPINamedDomainCountsEverywhere: ?domain= of another tenant is 403
// and of nobody 404, whatever is done.
func TestTokenAPINamedDomainCountsEverywhere(t *testing.T) {
	g := startGateway(t, setup{})
	own := g.issue(john, hostOne, nil)
	for domain, want := range map[string]int{hostTwo: 403, hostNoOne: 404, "": 200, hostOne: 200, hostOneB: 200} {
		for _, a := range []ask{{method: "GET", target: tokenPath}, {method: "GET", target: tokenPath + own.id}, {method: "HEAD", target: tokenPath + own.value}} {
			a.user = john
			a.target += "?domain=" + domain
			if got := g.do(a); got.status != want {
				t.Errorf("%s %s: %d, want %d", a.method, a.target, got.status, want)
			}
		}
		if want == 200 {
			continue
		}
		if got := g.do(ask{method: "DELETE", target: tokenPath + own.id + "?domain=" + domain, user: john}); got.status != want {
			t.Errorf("DELETE for %s: %d, want %d", domain, got.status, want)
		}
	}
	if got := g.do(ask{target: "/", header: bearer(own.value)}); got.status == 401 {
		t.Error("a refused DELETE ended the token")
	}
}

// TestTokenAPITokensMintWithinTheirScope: who comes by a token makes tokens
// where that one holds.
func TestTokenAPITokensMintWithinTheirScope(t *testing.T) {
	g := startGateway(t, setup{})
	domain := g.issue(john, hostOne, nil).value
	tenant := g.manage(john, tenantPath, nil).Token
	ofRoot := g.manage(root, tenantPath, nil).Token
	ofBoss := g.issue(boss, hostOne, nil).value
	tenantTwo := strings.Replace(tenantPath, "/one/", "/two/", 1)
	domainB := strings.Replace(domainPath, hostOne, hostOneB, 1)
	for _, row := range []struct {
		name, value, target, host string
		header                    http.Header
		status                    int
	}{
		{"DomainAtItsHost", domain, tokenPath, hostOne, nil, 201},
		{"DomainNamesItself", domain, tokenPath + "?domain=" + hostOne, hostOne, nil, 201},
		{"DomainAtOtherHost", domain, tokenPath, hostOneB, nil, 403},
		{"DomainNamesOther", domain, tokenPath + "?domain=" + hostOneB, hostOne, nil, 403},
		{"DomainOnItsPath", domain, domainPath, hostOne, nil, 201},
		{"DomainOnOtherDomainsPath", domain, domainB, hostOne, nil, 403},
		{"DomainOnTenantPath", domain, tenantPath, hostOne, nil, 403},
		{"DomainAtOtherTenant", domain, tokenPath, hostTwo, nil, 403},
		{"TenantAtItsHost", tenant, tokenPath, hostOne, nil, 201},
		{"TenantAtItsOtherHost", tenant, tokenPath, hostOneB, nil, 201},
		{"TenantOnTenantPath", tenant, tenantPath, hostOne, nil, 201},
		{"TenantOnDomainPath", tenant, domainB, hostOne, nil, 201},
		{"TenantAtOtherTenant", tenant, tokenPath, hostTwo, nil, 403},
		{"AdminsTokenAtOtherTenant", ofRoot, tokenPath, hostTwo, nil, 403},
		{"AdminsTokenOnOtherTenantPath", ofRoot, tenantTwo, hostOne, nil, 403},
		{"TokenAdminsTokenForAnother", ofBoss, tokenPath, hostOne, headers("X-Owner-Meta", john), 201},
		{"TokenAdminsDomainTokenOnTenantPath", ofBoss, tenantPath, hostOne, headers("X-Owner-Meta", john), 403},
		{"PlainUsersTokenForAnother", tenant, tokenPath, hostOne, headers("X-Owner-Meta", jane), 403},
	} {
		for _, form := range []string{"Bearer", "Cookie", "GatewayToken"} {
			t.Run(row.name+"/"+form, func(t *testing.T) {
				a := ask{method: "POST", target: row.target, host: row.host, header: row.header.Clone()}
				if a.header == nil {
					a.header = http.Header{}
				}
				presentations[form](&a, row.value)
				if got := g.do(a); got.status != row.status {
					t.Errorf("%d %s, want %d", got.status, got.body, row.status)
				}
			})
		}
	}
	// A domain's token does not hold elsewhere, for management neither.
	victim := g.issue(john, hostOne, nil).id
	for _, method := range []string{"GET", "HEAD", "DELETE"} {
		target := tokenPath + victim
		if got := g.do(ask{method: method, target: target, host: hostOneB, header: bearer(domain)}); got.status != 403 {
			t.Errorf("%s with a token of another domain: %d, want 403", method, got.status)
		}
		if got := g.do(ask{method: method, target: target, host: hostOne, header: bearer(domain)}); got.status != 200 {
			t.Errorf("%s with a token of this domain: %d, want 200", method, got.status)
		}
	}
}

// TestTokenAPIWithoutTenants: every host belongs to the one tenant there is,
// and a domain's token holds on all of them.
func TestTokenAPIWithoutTenants(t *testing.T) {
	b := startBackend(t)
	g := startWith(t, "listen: 127.0.0.1:0\ninternal: {listen: 127.0.0.1:0}\ndata_dir: DIR\nstore: {min_free: 1048576}\n"+
		"users:\n  - {name: john, password_hash: \""+hashes()[john]+"\"}\n"+
		"upstreams:\n  - {name: storage, urls: [\""+b.URL+"\"]}\n")
	for _, row := range []struct{ name, path, host, scope string }{
		{"Host", tokenPath, "a.test", "a.test"},
		{"Address", tokenPath, "127.0.0.1:8080", "127.0.0.1"},
		{"IPv6", tokenPath, "[::1]:8080", "[::1]"},
		{"Named", tokenPath + "?domain=b.test", "a.test", "b.test"},
		{"Tenant", "/_admin/manage/tenants/default/tokens/", "a.test", "+default"},
		{"Domain", "/_admin/manage/tenants/default/domains/c.test/tokens/", "a.test", "c.test"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.do(ask{method: "POST", target: row.path, host: row.host, user: john})
			if got.status != 201 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			value := valueIn(t, got)
			if shown := describe(t, g.do(ask{target: tokenPath + value, host: "x.test", user: john})); shown.Scope != row.scope {
				t.Errorf("scope %q, want %q", shown.Scope, row.scope)
			}
			for _, host := range []string{"a.test", "z.test", "127.0.0.1"} {
				if status := g.holds(b, value, host); status != 200 {
					t.Errorf("on %s: %d", host, status)
				}
			}
			if got := g.do(ask{method: "POST", target: tokenPath, host: "z.test", header: bearer(value)}); got.status != 201 {
				t.Errorf("does not mint on another host: %d %s", got.status, got.body)
			}
		})
	}
	if got := g.do(ask{method: "POST", target: tenantPath, host: "a.test", user: john}); got.status != 404 {
		t.Errorf("a tenant that is not there: %d", got.status)
	}
}
