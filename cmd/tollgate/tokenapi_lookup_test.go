package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestTokenAPIValidate holds what a look-up of one token answers, and to whom.
func TestTokenAPIValidate(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	plain := g.issue(john, hostOne, headers("X-Custom-Meta-Source", "x"))
	whole := g.manage(john, tenantPath, nil)
	pair := g.manage(john, domainPath, headers("X-User-Secret-Key-Meta", "a long secret"))
	revoked := g.issue(john, hostOne, nil)
	g.revoke(john, revoked.id)
	others := g.issue(other, hostTwo, nil)
	domainB := strings.Replace(domainPath, hostOne, hostOneB, 1)
	tenantTwo := strings.Replace(tenantPath, "/one/", "/two/", 1)
	for _, row := range []struct {
		name, user, path, ref string
		status                int
	}{
		{"ByValue", john, tokenPath, plain.value, 200},
		{"ByID", john, tokenPath, plain.id, 200},
		{"ByAccessKey", john, tokenPath, pair.Token, 200},
		{"PairByID", john, tokenPath, pair.ID, 200},
		{"WholeByValue", john, tokenPath, whole.Token, 200},
		{"TenantByValue", john, tenantPath, plain.value, 200},
		{"TenantByID", john, tenantPath, whole.ID, 200},
		{"DomainByValue", john, domainPath, plain.value, 200},
		{"DomainByID", john, domainPath, pair.ID, 200},
		{"ByAdmin", boss, tokenPath, plain.value, 200},
		{"ByAdminByID", boss, tenantPath, plain.id, 200},
		{"ByStranger", jane, tokenPath, plain.id, 403},
		{"ByStrangerByValue", jane, tokenPath, plain.value, 403},
		{"ByStrangerOnTenantPath", jane, tenantPath, plain.id, 403},
		{"ByStrangerOfOtherTenant", other, tokenPath, plain.id, 403},
		{"ByAdminOfOtherTenant", boss, tokenPath, others.id, 403},
		{"ByUserOfNoTenant", none, tokenPath, plain.id, 403},
		{"Unknown", john, tokenPath, unknownValue, 404},
		{"UnknownID", john, tokenPath, unknownID, 404},
		{"UnknownOnTenantPath", john, tenantPath, unknownValue, 404},
		{"Garbage", john, tokenPath, "x", 404},
		{"LongGarbage", john, tokenPath, strings.Repeat("f", 5000), 404},
		{"UpperCaseValue", john, tokenPath, strings.ToUpper(plain.value), 404},
		{"EncodedValue", john, tokenPath, fmt.Sprintf("%%%02x", plain.value[0]) + plain.value[1:], 404},
		{"Revoked", john, tokenPath, revoked.value, 404},
		{"RevokedID", john, tenantPath, revoked.id, 404},
		{"RevokedByAdmin", boss, tenantPath, revoked.id, 404},
		{"WholeIsNoDomains", john, domainPath, whole.ID, 404},
		{"OtherDomains", john, domainB, plain.id, 404},
		{"OtherTenants", root, tenantTwo, plain.id, 404},
		{"UnknownTenant", root, strings.Replace(tenantPath, "/one/", "/three/", 1), plain.id, 404},
		{"ByNobody", "", tokenPath, plain.id, 401},
		{"ByNobodyUnknown", "", tokenPath, unknownID, 401},
	} {
		for _, slash := range []string{"", "/"} {
			t.Run(row.name+slash, func(t *testing.T) {
				got := g.do(ask{target: row.path + row.ref + slash, user: row.user})
				head := g.do(ask{method: "HEAD", target: row.path + row.ref + slash, user: row.user})
				if head.status != row.status || head.body != "" {
					t.Errorf("HEAD: %d %q, want %d", head.status, head.body, row.status)
				}
				if row.status != 200 {
					wantProblem(t, got, row.status)
					return
				}
				if got.status != 200 || got.header.Get("Cache-Control") != "no-store" {
					t.Fatalf("%d %s %v", got.status, got.body, got.header)
				}
				wantKeys(t, got.body, "token id owner scope expiration creation")
				if d := describe(t, got); d.Token != row.ref || d.Owner != john {
					t.Errorf("%+v, asked for %q", d, row.ref)
				}
				if strings.Contains(got.body, plain.value) && row.ref != plain.value {
					t.Errorf("shows the value: %s", got.body)
				}
			})
		}
	}
	if made, shown := whole, describe(t, g.do(ask{target: tokenPath + whole.Token, user: john})); made != shown {
		t.Errorf("made as %+v, shown as %+v", made, shown)
	}
	if n := len(b.take()); n != 0 {
		t.Errorf("%d management requests reached the upstream", n)
	}
}

// TestTokenAPIDelete holds who may end which token, and that it is at once.
func TestTokenAPIDelete(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for _, path := range []string{tokenPath, tenantPath, domainPath} {
		for _, slash := range []string{"", "/"} {
			for _, by := range []string{"value", "id"} {
				t.Run(path+by+slash, func(t *testing.T) {
					token := g.issue(john, hostOne, nil)
					ref := map[string]string{"value": token.value, "id": token.id}[by]
					for _, row := range []struct {
						user   string
						status int
					}{{"", 401}, {jane, 403}, {other, 403}, {none, 403}} {
						wantProblem(t, g.do(ask{method: "DELETE", target: path + ref + slash, user: row.user}), row.status)
						if status := g.holds(b, token.value, hostOne); status != 200 {
							t.Fatalf("%q ended it: %d", row.user, status)
						}
					}
					got := g.do(ask{method: "DELETE", target: path + ref + slash, user: john})
					if got.status != 200 || got.body != "" || got.header.Get("Content-Length") != "0" || len(got.header.Values("Set-Cookie")) != 0 {
						t.Errorf("%d %q %v", got.status, got.body, got.header)
					}
					if status := g.holds(b, token.value, hostOne); status != 401 {
						t.Errorf("the next request with it: %d, want 401", status)
					}
					wantProblem(t, g.do(ask{method: "DELETE", target: path + ref + slash, user: john}), 404)
				})
			}
		}
	}
	for _, row := range []struct {
		name, user, path, ref string
		status                int
	}{
		{"Admin", boss, tokenPath, g.issue(john, hostOne, nil).id, 200},
		{"AdminOnTenantPath", boss, tenantPath, g.issue(jane, hostOneB, nil).id, 200},
		{"Superuser", root, tokenPath, g.issue(other, hostTwo, nil).id, 200},
		{"AdminOfOtherTenant", boss, tokenPath, g.issue(other, hostTwo, nil).id, 403},
		{"AccessKey", john, tenantPath, g.manage(john, tenantPath, headers("X-User-Secret-Key-Meta", "a long secret")).Token, 200},
		{"OtherDomainsPath", john, domainPath, g.issue(john, hostOneB, nil).id, 404},
		{"Unknown", john, tokenPath, unknownValue, 404},
		{"UnknownByAdmin", boss, tenantPath, unknownID, 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := g.do(ask{method: "DELETE", target: row.path + row.ref, user: row.user}); got.status != row.status {
				t.Errorf("%d %s, want %d", got.status, got.body, row.status)
			}
		})
	}
	if n := len(b.take()); n != 0 {
		t.Errorf("%d management requests reached the upstream", n)
	}
}

// TestTokenAPILogOut: the cookie goes when the token in it was ended by it.
func TestTokenAPILogOut(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for _, row := range []struct {
		name    string
		header  func(own string) http.Header
		user    string
		another bool // the token that is ended is not the one that is shown
		cleared bool
	}{
		{"Cookie", cookie, "", false, true},
		{"CookieTwice", func(v string) http.Header { return headers("Cookie", "token="+v+"; a=b; token="+v) }, "", false, true},
		{"CookieEndsAnother", cookie, "", true, false},
		{"Basic", func(string) http.Header { return http.Header{} }, john, false, false},
		{"BasicBesideCookie", cookie, john, false, false},
		{"Bearer", bearer, "", false, false},
		{"GatewayToken", func(v string) http.Header { return headers("Gateway-Token", v) }, "", false, false},
	} {
		for _, path := range []string{tokenPath, tenantPath} {
			t.Run(row.name+path, func(t *testing.T) {
				own := g.issue(john, hostOne, nil)
				ended := own
				if row.another {
					ended = g.issue(john, hostOne, nil)
				}
				for _, ref := range []string{ended.value} {
					got := g.do(ask{method: "DELETE", target: path + ref, user: row.user, header: row.header(own.value)})
					if got.status != 200 || got.body != "" {
						t.Fatalf("%d %s", got.status, got.body)
					}
					if clears(t, got) != row.cleared {
						t.Errorf("Set-Cookie %q, want it cleared: %v", got.header.Values("Set-Cookie"), row.cleared)
					}
				}
				if status := g.holds(b, ended.value, hostOne); status != 401 {
					t.Errorf("it still holds: %d", status)
				}
			})
		}
	}
	t.Run("ByID", func(t *testing.T) {
		own := g.issue(john, hostOne, nil)
		if got := g.do(ask{method: "DELETE", target: tokenPath + own.id, header: cookie(own.value)}); got.status != 200 || !clears(t, got) {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
	t.Run("Button", func(t *testing.T) {
		own := g.issue(john, hostOne, nil)
		got := g.do(ask{method: "POST", target: tokenPath + "logout", header: cookie(own.value)})
		if got.status != 303 || got.header.Get("Location") != tokenPath+"login" || !clears(t, got) {
			t.Errorf("%d %v", got.status, got.header)
		}
		if status := g.holds(b, own.value, hostOne); status != 401 {
			t.Errorf("it still holds: %d", status)
		}
	})
}
