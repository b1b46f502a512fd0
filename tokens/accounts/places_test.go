package accounts_test

import (
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

func threeTenants() accounts.Config {
	return accounts.Config{Tenants: []accounts.TenantConfig{
		{Name: "red", Domains: []string{"red.example.com", "*.red.example.com", "*.shared.example.com", "[::1]", "10.0.0.1"}},
		{Name: "blue", Domains: []string{"Blue.Example.COM.", "deep.shared.example.com", "*.deep.shared.example.com", "my_bucket.example.com"}},
		{Name: "rest", Domains: []string{"*"}},
		{Name: "hostless"},
	}}
}

func TestPlace(t *testing.T) {
	d := accounts.NewDirectory(threeTenants(), nil, nil)
	for _, c := range []struct{ name, host, tenant, domain string }{
		{"exact", "red.example.com", "red", "red.example.com"},
		{"port is off", "red.example.com:8080", "red", "red.example.com"},
		{"empty port is off", "red.example.com:", "red", "red.example.com"},
		{"case is folded", "RED.Example.Com", "red", "red.example.com"},
		{"one trailing dot is off", "red.example.com.", "red", "red.example.com"},
		{"port behind the dot is off", "red.example.com.:443", "red", "red.example.com"},
		{"pattern was folded too", "blue.example.com", "blue", "blue.example.com"},
		{"below a suffix", "a.red.example.com", "red", "a.red.example.com"},
		{"far below a suffix", "c.b.a.red.example.com", "red", "c.b.a.red.example.com"},
		{"exact beats a suffix", "deep.shared.example.com", "blue", "deep.shared.example.com"},
		{"longer suffix beats a shorter", "x.deep.shared.example.com", "blue", "x.deep.shared.example.com"},
		{"shorter suffix has the others", "x.y.shared.example.com", "red", "x.y.shared.example.com"},
		{"a suffix is not the name itself", "shared.example.com", "rest", "shared.example.com"},
		{"a suffix ends at a dot", "xred.example.com", "rest", "xred.example.com"},
		{"the star has what is left", "localhost", "rest", "localhost"},
		{"underscore", "my_bucket.example.com", "blue", "my_bucket.example.com"},
		{"IPv4", "10.0.0.1:80", "red", "10.0.0.1"},
		{"IPv6", "[::1]", "red", "[::1]"},
		{"IPv6 with a port", "[::1]:80", "red", "[::1]"},
		{"IPv6 with an empty port", "[::1]:", "red", "[::1]"},
		{"IPv6 in full", "[0:0:0:0:0:0:0:1]:80", "red", "[::1]"},
		{"IPv6 in capitals", "[FE80::A]", "rest", "[fe80::a]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := d.Place(c.host)
			want := accounts.Place{Scope: tokens.Scope{Tenant: c.tenant, Domain: c.domain}}
			if !ok || got != want {
				t.Fatalf("%q is at %+v, %v; want %+v", c.host, got, ok, want)
			}
			if normal := accounts.NormalHost(c.host); normal != c.domain {
				t.Fatalf("%q is %q in normal form, want %q", c.host, normal, c.domain)
			}
		})
	}
}

// notHosts are refused even where * has every host.
func notHosts() []string {
	return []string{
		"", ".", "..", "a..b", ".a", "a..", ":80", "a:b", "a:80:80", "a:123456", "a:-1", "a b", " a", "a ", "a/b", "a\\b",
		"a?b", "a#b", "a@b", "a%41", "ä.example.com", "a\x00b", "a\n", "a\r\nb", "*.a", "*", "a,b", "::1", "1::2:80",
		"[::1", "[::1]x", "[::1]:x", "[::1]:123456", "[]", "[a]", "[127.0.0.1]", "[fe80::1%25eth0]", "[fe80::1%eth0]",
		"[::1]]", "]", "[[::1]]", strings.Repeat("a", 254), strings.Repeat("a.", 127) + "b",
	}
}

func TestPlaceRefusesWhatIsNoHost(t *testing.T) {
	for name, d := range map[string]*accounts.Directory{
		"with tenants":    accounts.NewDirectory(threeTenants(), nil, nil),
		"without tenants": accounts.NewDirectory(accounts.Config{}, nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			for _, host := range notHosts() {
				if p, ok := d.Place(host); ok || p != (accounts.Place{}) {
					t.Errorf("%q is at %+v", host, p)
				}
				if normal := accounts.NormalHost(host); normal != "" {
					t.Errorf("%q is %q in normal form", host, normal)
				}
			}
		})
	}
}

func TestPlaceOfAnUnknownHostIsNowhere(t *testing.T) {
	cfg := threeTenants()
	cfg.Tenants = cfg.Tenants[:2] // less the *
	d := accounts.NewDirectory(cfg, nil, nil)
	for _, host := range []string{"localhost", "example.com", "shared.example.com", "red.example.com.evil.org", "[::2]", "10.0.0.2"} {
		if p, ok := d.Place(host); ok {
			t.Errorf("%q is at %+v", host, p)
		}
	}
}

func TestWithoutTenantsEveryHostIsTheDefaults(t *testing.T) {
	d := accounts.NewDirectory(accounts.Config{}, nil, nil)
	for host, domain := range map[string]string{
		"localhost:8080": "localhost", "A.B.": "a.b", "127.0.0.1:8080": "127.0.0.1", "[::1]:8080": "[::1]",
		strings.Repeat("a", 253): strings.Repeat("a", 253),
	} {
		want := accounts.Place{Scope: tokens.Scope{Tenant: accounts.DefaultTenant, Domain: domain}, AnyDomain: true}
		if p, ok := d.Place(host); !ok || p != want {
			t.Errorf("%q is at %+v, %v", host, p, ok)
		}
	}
	if !d.Tenant(accounts.DefaultTenant) || d.Tenant("red") || d.Tenant("") {
		t.Error("default is not the only tenant")
	}
}

func TestTenant(t *testing.T) {
	d := accounts.NewDirectory(threeTenants(), nil, nil)
	for name, want := range map[string]bool{
		"red": true, "hostless": true, "Red": false, "": false, accounts.DefaultTenant: false, accounts.AnyTenant: false,
	} {
		if got := d.Tenant(name); got != want {
			t.Errorf("tenant %q: %v", name, got)
		}
	}
}

func TestZeroDirectoryKnowsNothing(t *testing.T) {
	var d accounts.Directory
	if _, ok := d.Place("localhost"); ok {
		t.Error("a place")
	}
	if _, ok := d.Lookup("admin"); ok {
		t.Error("a user")
	}
	if d.Tenant(accounts.DefaultTenant) {
		t.Error("a tenant")
	}
}

func TestPlaceIgnoresPatternsThatAreNone(t *testing.T) {
	d := accounts.NewDirectory(accounts.Config{Tenants: []accounts.TenantConfig{
		{Name: "red", Domains: []string{"http://a", "b:80", "", "a.*", "c"}},
		{Name: "blue", Domains: []string{"c", "*"}},
		{Name: "late", Domains: []string{"*"}},
	}}, nil, nil)
	for host, want := range map[string]string{"a": "blue", "b": "blue", "c": "red"} {
		if p, ok := d.Place(host); !ok || p.Scope.Tenant != want {
			t.Errorf("%q is at %+v", host, p)
		}
	}
}

func TestPlaceDoesNotAllocate(t *testing.T) {
	d := accounts.NewDirectory(threeTenants(), nil, nil)
	for _, host := range []string{
		"red.example.com", "red.example.com:8080", "red.example.com.", "a.b.red.example.com", "localhost:1", "[::1]:80", "a..b",
	} {
		if n := testing.AllocsPerRun(100, func() { d.Place(host) }); n != 0 {
			t.Errorf("%q: %v allocations", host, n)
		}
	}
}

// FuzzPlace: a host's normal form is its own normal form, lower case, without
// a port, and a pattern made of it has that host.
func FuzzPlace(f *testing.F) {
	for _, h := range notHosts() {
		f.Add(h)
	}
	for _, h := range []string{"Red.Example.com.:80", "[::FFFF:1.2.3.4]:9", "[0::1]", "a_b-c.d", "xn--e1afmkfd.example"} {
		f.Add(h)
	}
	all := accounts.NewDirectory(accounts.Config{}, nil, nil)
	f.Fuzz(func(t *testing.T, host string) {
		p, ok := all.Place(host)
		if !ok {
			return
		}
		domain := p.Scope.Domain
		if domain == "" || domain != strings.ToLower(domain) || strings.ContainsAny(domain, " /\\@%*?#,\r\n\t\x00") ||
			strings.HasSuffix(domain, ".") || !strings.HasPrefix(domain, "[") && strings.Contains(domain, ":") {
			t.Fatalf("%q has the domain %q", host, domain)
		}
		if again, ok := all.Place(domain); !ok || again != p {
			t.Fatalf("%q is at %+v, its domain at %+v", host, p, again)
		}
		if again, ok := all.Place(domain + ":8080"); !ok || again != p {
			t.Fatalf("%q with a port is at %+v", domain, again)
		}
		cfg := accounts.Config{Tenants: []accounts.TenantConfig{
			{Name: "one", Domains: []string{domain}},
			{Name: "other", Domains: []string{"*"}},
		}}
		cfg.Validate(func(path, message string) { t.Fatalf("%q: %s %s", domain, path, message) })
		if q, ok := accounts.NewDirectory(cfg, nil, nil).Place(host); !ok || q.Scope.Tenant != "one" || q.AnyDomain {
			t.Fatalf("%q is at %+v", host, q)
		}
	})
}
