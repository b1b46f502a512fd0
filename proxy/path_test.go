package proxy

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestPrefixCovers(t *testing.T) {
	for _, row := range []struct {
		prefix prefix
		path   string
		covers bool
	}{
		{"", "/", true}, {"/", "/x", true}, {"", "*", true},
		{"/a", "/a", true}, {"/a", "/a/", true}, {"/a", "/a/b", true}, {"/a", "/ab", false}, {"/a", "/A", false}, {"/a", "/", false}, {"/a", "/%61", false},
		{"/a/", "/a", false}, {"/a/", "/a/", true}, {"/a/", "/a/b", true}, {"/a/", "/a//b", true}, {"/a/b", "/a/b;c", false}, {"/a/b", "/a/bc", false},
	} {
		if got := row.prefix.covers(row.path); got != row.covers {
			t.Errorf("prefix %q, path %q: %v", row.prefix, row.path, got)
		}
	}
}

func TestHostsHave(t *testing.T) {
	for _, row := range []struct {
		hosts hosts
		host  string
		have  bool
	}{
		{nil, "x", true}, {hosts{"*"}, "x", true}, {hosts{"x.com"}, "x.com", true}, {hosts{"x.com"}, "a.x.com", false}, {hosts{"*.x.com"}, "a.x.com", true},
		{hosts{"*.x.com"}, "a.b.x.com", true}, {hosts{"*.x.com"}, "x.com", false}, {hosts{"*.x.com"}, "ax.com", false}, {hosts{"*.x.com"}, ".x.com", false},
		{hosts{"y.com", "x.com"}, "x.com", true}, {hosts{"y.com"}, "", false},
	} {
		if got := row.hosts.have(row.host); got != row.have {
			t.Errorf("hosts %q, host %q: %v", row.hosts, row.host, got)
		}
	}
}

func TestAmbiguousPaths(t *testing.T) {
	for _, p := range []string{
		"/.", "/..", "/./", "/../", "/a/.", "/a/..", "/a/./b", "/a/../b", "/%2e", "/%2E%2e/", "/.%2e/x", "/a%2fb", "/a%2Fb", "/a%5cb", `/a\b`, "/..;/", "/.;x/", "/..;a=b",
		"/%2e%2e;/", "/a%00", "/a%0a", "/a%0D", "/a%1f", "/a%7F", "/a\x01", "/a\x7f", "/a#b", "/a%23b", "/%2f", "/a/%2e%2e%2fb",
	} {
		if !isAmbiguous(p) {
			t.Errorf("%q counts as clear", p)
		}
	}
	for _, p := range []string{"/", "/a", "/a.b", "/.a", "/..a", "/a..", "/...", "/a%20b", "/%41", "/%C3%A4", "/ä", "/a;b", "/a//b", "/%", "/%2", "/%zz", "/a%252e", "/.well-known/x", "/a+b"} {
		if isAmbiguous(p) {
			t.Errorf("%q counts as ambiguous", p)
		}
	}
}

// FuzzAmbiguous: a path that counts as clear and is covered by a prefix stays
// below it however it is read: decoded, cleaned, with path parameters cut off,
// with backslashes for slashes.
func FuzzAmbiguous(f *testing.F) {
	for _, p := range []string{"/public/x", "/public/../x", "/public/%2e%2e/x", "/public/..;/x", `/public/..\x`, "/public/%2f..", "/public/x#"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		p = "/public/" + p
		if isAmbiguous(p) {
			return
		}
		decoded := decode(p)
		var cut []string
		for s := range strings.SplitSeq(decoded, "/") {
			s, _, _ = strings.Cut(s, ";")
			cut = append(cut, s)
		}
		readings := []string{p, decoded, strings.ReplaceAll(decoded, `\`, "/"), strings.Join(cut, "/")}
		if u, err := url.PathUnescape(p); err == nil {
			readings = append(readings, u)
		}
		for _, r := range readings {
			if clean := path.Clean(r); clean != "/public" && !strings.HasPrefix(clean, "/public/") {
				t.Errorf("%q can be read as %q", p, clean)
			}
		}
	})
}

func TestFates(t *testing.T) {
	for name, want := range map[string]fate{
		"Authorization": credential, "authorization": credential, "Gateway-Token": credential, "Gateway_Token": credential, "gateway.token": credential, "Token": credential, "X-Auth-Token": credential,
		"X-Gateway-User": stops, "X_Gateway_User": stops, "X.Gateway.User": stops, "X-Gateway": goesOn, "X-Gatewayuser": goesOn,
		"X-Forwarded-For": stops, "X-Forwarded-Anything": stops, "X-Forwarded": stops, "Forwarded": stops, "Content-Length": stops, "content_length": stops, "Host": stops, "True-Client-Ip": stops, "X-Real-Ip": stops,
		"Connection": stops, "Transfer-Encoding": stops, "Upgrade": stops, "Te": stops, "Trailer": stops, "Proxy-Authorization": stops,
		"X-Original-Url": stops, "X-Rewrite-Url": stops, "X-Http-Method-Override": stops, "X-Amz-Security-Token": stops,
		"Accept": goesOn, "Cookie": goesOn, "Range": goesOn, "Content-Type": goesOn, "X-Custom": goesOn, "": goesOn, strings.Repeat("x", 500): goesOn,
	} {
		if got := fateOf(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// TestZeroGrantIsNotForwarded: leaving the decision out does not forward.
func TestZeroGrantIsNotForwarded(t *testing.T) {
	g := &Gateway{}
	if d := denialOf(g.forward(&exchange{}, zeroGrant())); d.status != http.StatusServiceUnavailable {
		t.Errorf("got %+v", d)
	}
}
