package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// logIn sends the login page's form.
func (g *gateway) logIn(name, password, next string, more http.Header) answer {
	g.t.Helper()
	header := headers("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range more {
		header[k] = v
	}
	form := url.Values{"username": {name}, "password": {password}, "next": {next}}
	return g.do(ask{method: "POST", target: tokenPath, header: header, body: form.Encode()})
}

func TestTokenAPILoginPage(t *testing.T) {
	g := startGateway(t, setup{})
	live := g.issue(john, hostOne, nil)
	page := g.do(ask{target: tokenPath + "login?next=" + url.QueryEscape(`/a"b<c>?x=1&y=2`)})
	for _, want := range []string{`method="post" action="/.TOKEN/"`, `name="username"`, `name="password"`, `name="next" value="/a&#34;b&lt;c&gt;?x=1&amp;y=2"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page has no %s:\n%s", want, page.body)
		}
	}
	if page.status != 200 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || page.header.Get("Cache-Control") != "no-store" ||
		!strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", page.status, page.header)
	}
	if head := g.do(ask{method: "HEAD", target: tokenPath + "login"}); head.status != 200 || head.body != "" {
		t.Errorf("HEAD: %d %q", head.status, head.body)
	}
	if again := g.do(ask{target: tokenPath + "login", header: cookie(live.value)}); again.status != 200 || !strings.Contains(again.body, john) || strings.Contains(again.body, live.value) {
		t.Errorf("logged in already: %d\n%s", again.status, again.body)
	}
	if dead := g.do(ask{target: tokenPath + "login", header: cookie(unknownValue)}); dead.status != 200 || !clears(t, dead) {
		t.Errorf("with a dead cookie: %d %v", dead.status, dead.header)
	}
}

func TestTokenAPILogin(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for _, row := range []struct{ name, next, location string }{
		{"Local", "/a%20b/c?x=1&y=2", "/a%20b/c?x=1&y=2"},
		{"Root", "/", "/"},
		{"Missing", "", "/"},
		{"OtherSite", "https://evil.example/", "/"},
		{"SchemeRelative", "//evil.example/", "/"},
		{"ThreeSlashes", "///evil.example/", "/"},
		{"Backslash", `/\evil.example/`, "/"},
		{"BackslashFirst", `\\evil.example/`, "/"},
		{"TabInFront", "\t//evil.example/", "/"},
		{"TabInside", "/\t/evil.example/", "/"},
		{"NewlineInside", "/\n/evil.example/", "/"},
		{"SpaceInside", "/a b", "/"},
		{"HeaderSplit", "/x\r\nSet-Cookie: token=y", "/"},
		{"Script", "javascript:alert(1)", "/"},
		{"Relative", "evil", "/"},
		{"UserInfo", "@evil.example", "/"},
		{"BadEscape", "/%zz", "/"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.logIn(john, passwordOf(john), row.next, nil)
			if got.status != 303 || got.header.Get("Location") != row.location {
				t.Fatalf("%d to %q, want %q", got.status, got.header.Get("Location"), row.location)
			}
			set := got.header.Values("Set-Cookie")
			if len(set) != 1 || len(got.header.Values("Gateway-Token")) != 0 || !idForm.MatchString(got.header.Get("Gateway-Token-Id")) || got.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%v", got.header)
			}
			value, attributes, _ := strings.Cut(strings.TrimPrefix(set[0], "token="), ";")
			if !valueForm.MatchString(value) || !strings.HasPrefix(attributes, " path=/") {
				t.Errorf("cookie %q", set[0])
			}
			if strings.Contains(got.body, value) {
				t.Error("the body shows the value")
			}
			if status := g.holds(b, value, hostOne); status != 200 {
				t.Errorf("the cookie does not hold: %d", status)
			}
			if status := g.holds(b, value, hostOneB); status != 403 {
				t.Errorf("the cookie holds elsewhere: %d", status)
			}
		})
	}
	t.Run("ContentTypeWithCharset", func(t *testing.T) {
		got := g.logIn(john, passwordOf(john), "/x", headers("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"))
		if got.status != 303 {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("BesideDeadCookie", func(t *testing.T) {
		got := g.logIn(john, passwordOf(john), "/x", cookie(unknownValue))
		if set := got.header.Values("Set-Cookie"); got.status != 303 || len(set) != 1 || strings.HasPrefix(set[0], "token=;") {
			t.Errorf("%d %q", got.status, set)
		}
	})
}

func TestTokenAPILoginRefused(t *testing.T) {
	b := startBackend(t)
	g := startGateway(t, setup{upstream: b.URL})
	for _, row := range []struct {
		name, user, password string
		status               int
	}{
		{"WrongPassword", john, "wrong-" + unknownValue, 401},
		{"EmptyPassword", john, "", 401},
		{"UnknownUser", "nobody", "wrong-" + unknownValue, 401},
		{"EmptyUser", "", "wrong-" + unknownValue, 401},
		{"OtherTenant", other, passwordOf(other), 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.logIn(row.user, row.password, "/a?b=c", nil)
			if got.status != row.status || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
				t.Errorf("%d %v", got.status, got.header)
			}
			if len(got.header.Values("Set-Cookie")) != 0 || got.header.Get("Gateway-Token-Id") != "" {
				t.Errorf("a token was made: %v", got.header)
			}
			if !strings.Contains(got.body, `name="username"`) || !strings.Contains(got.body, `value="/a?b=c"`) || !strings.Contains(got.body, `role="alert"`) {
				t.Errorf("not the page with what is wrong:\n%s", got.body)
			}
			if row.password != "" && strings.Contains(got.body, row.password) {
				t.Error("the page shows the password")
			}
			if row.status == 401 && len(got.header.Values("WWW-Authenticate")) == 0 {
				t.Error("401 without a challenge")
			}
		})
	}
	large := g.logIn(john, passwordOf(john)+strings.Repeat("x", 100<<10), "/", nil)
	if large.status != 413 {
		t.Errorf("a form of 100 KiB: %d", large.status)
	}
	if n := len(b.take()); n != 0 {
		t.Errorf("%d management requests reached the upstream", n)
	}
}

// TestTokenAPICrossSite: what a browser adds by itself is not for other sites.
func TestTokenAPICrossSite(t *testing.T) {
	g := startGateway(t, setup{more: "trusted_origins: [\"https://console.example.org\"]\n"})
	own := g.issue(john, hostOne, nil).value
	for _, row := range []struct {
		name   string
		site   http.Header
		passes bool
	}{
		{"NoBrowser", http.Header{}, true},
		{"SameOrigin", headers("Sec-Fetch-Site", "same-origin"), true},
		{"TypedIn", headers("Sec-Fetch-Site", "none"), true},
		{"OwnOrigin", headers("Origin", "http://"+hostOne), true},
		{"TrustedOrigin", headers("Origin", "https://console.example.org", "Sec-Fetch-Site", "cross-site"), true},
		{"CrossSite", headers("Sec-Fetch-Site", "cross-site"), false},
		{"SameSite", headers("Sec-Fetch-Site", "same-site"), false},
		{"OtherOrigin", headers("Origin", evilSite), false},
		{"NullOrigin", headers("Origin", "null"), false},
		{"OtherHostOfTenant", headers("Origin", "http://"+hostOneB), false},
	} {
		with := func(h http.Header) http.Header {
			for k, v := range row.site {
				h[k] = v
			}
			return h
		}
		verdict := func(what string, got answer, passed int) {
			t.Helper()
			want := passed
			if !row.passes {
				want = 403
			}
			if got.status != want {
				t.Errorf("%s/%s: %d %s, want %d", row.name, what, got.status, got.body, want)
			}
			if want == 403 && len(got.header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s/%s: %q", row.name, what, got.header.Values("Set-Cookie"))
			}
		}
		for _, path := range []string{tokenPath, tenantPath} {
			verdict("CookieCreates"+path, g.do(ask{method: "POST", target: path, header: with(cookie(g.manage(john, tenantPath, nil).Token))}), 201)
			verdict("BasicCreates"+path, g.do(ask{method: "POST", target: path, header: with(http.Header{}), user: john}), 201)
			verdict("CookieDeletes"+path, g.do(ask{method: "DELETE", target: path + g.issue(john, hostOne, nil).id, header: with(cookie(own))}), 200)
			verdict("BasicDeletes"+path, g.do(ask{method: "DELETE", target: path + g.issue(john, hostOne, nil).id, header: with(http.Header{}), user: john}), 200)
		}
		verdict("LogsIn", g.logIn(john, passwordOf(john), "/", row.site), 303)
		verdict("LogsOut", g.do(ask{method: "POST", target: tokenPath + "logout", header: with(cookie(g.issue(john, hostOne, nil).value))}), 303)
		for what, header := range map[string]http.Header{"Bearer": bearer(own), "GatewayToken": headers("Gateway-Token", own)} {
			if got := g.do(ask{method: "POST", target: tokenPath, header: with(header)}); got.status != 201 {
				t.Errorf("%s: %s: %d, want 201: a browser adds no such header by itself", row.name, what, got.status)
			}
		}
		if got := g.do(ask{target: tokenPath, header: with(cookie(own))}); got.status != 200 {
			t.Errorf("%s: reading: %d", row.name, got.status)
		}
	}
}
