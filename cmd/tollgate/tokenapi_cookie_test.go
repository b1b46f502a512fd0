package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pemPair writes a certificate and its key as PEM.
func pemPair(t *testing.T, c tls.Certificate) (cert, key []byte) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// setCookie logs john in and returns the cookie with VALUE for the token's
// value.
func (g *gateway) setCookie(header http.Header) string {
	g.t.Helper()
	a := g.do(ask{method: "POST", target: tokenPath, user: john, header: header})
	if a.status != 201 {
		g.t.Fatalf("%d %s", a.status, a.body)
	}
	return strings.Replace(a.header.Get("Set-Cookie"), valueIn(g.t, a), "VALUE", 1)
}

// TestTokenAPICookieConfiguration changes the configuration of a running
// gateway: the cookie follows it.
func TestTokenAPICookieConfiguration(t *testing.T) {
	s := setup{dir: t.TempDir()}
	g := startGateway(t, s)
	for _, row := range []struct{ name, cookie, want string }{
		{"Default", "{}", "token=VALUE; path=/; HttpOnly; SameSite=Lax; Max-Age=86400"},
		{"AlwaysStrict", "{secure: always, same_site: strict}", "token=VALUE; path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=86400"},
		{"Never", "{secure: never}", "token=VALUE; path=/; HttpOnly; SameSite=Lax; Max-Age=86400"},
		{"AlwaysNone", "{secure: always, same_site: none}", "token=VALUE; path=/; HttpOnly; Secure; SameSite=None; Max-Age=86400"},
		{"AsTheOriginal", `{http_only: false, secure: never, same_site: ""}`, "token=VALUE; path=/; Max-Age=86400"},
		{"Name", "{name: gate}", "gate=VALUE; path=/; HttpOnly; SameSite=Lax; Max-Age=86400"},
		{"HostPrefix", "{name: __Host-gate, secure: always}", "__Host-gate=VALUE; path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=86400"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.tokens = "  cookie: " + row.cookie + "\n"
			g.write(s.configuration())
			g.hangUp <- os.Interrupt
			got := ""
			for deadline := time.Now().Add(30 * time.Second); got != row.want && time.Now().Before(deadline); {
				got = g.setCookie(nil)
			}
			if got != row.want {
				t.Fatalf("cookie %q, want %q", got, row.want)
			}
			// The cookie that is cleared has the same name and attributes: a
			// browser ignores another.
			name, rest, _ := strings.Cut(row.want, "=VALUE; path=/")
			attributes := strings.TrimSuffix(rest, "; Max-Age=86400")
			dead := g.do(ask{target: tokenPath, header: headers("Cookie", name+"="+unknownValue)})
			set := dead.header.Get("Set-Cookie")
			if dead.status != 401 || !strings.HasPrefix(set, name+"=; path=/"+attributes) || !strings.Contains(set, "; Expires=Thu, 01 Jan 1970 00:00:00 GMT") {
				t.Errorf("%d, cleared by %q", dead.status, set)
			}
			live := g.issue(john, hostOne, nil)
			if a := g.do(ask{target: tokenPath, header: headers("Cookie", name+"="+live.value)}); a.status != 200 {
				t.Errorf("the cookie does not authenticate: %d", a.status)
			}
			if name != "token" {
				if a := g.do(ask{target: tokenPath, header: cookie(live.value)}); a.status != 401 || len(a.header.Values("Set-Cookie")) != 0 {
					t.Errorf("somebody else's cookie counts: %d %v", a.status, a.header)
				}
			}
		})
	}
}

// TestTokenAPICookieAge: the cookie lives as long as its token.
func TestTokenAPICookieAge(t *testing.T) {
	g := startGateway(t, setup{tokens: "  default_ttl: 90m\n"})
	for _, row := range []struct{ expires, want string }{
		{"", "; Max-Age=5400"},
		{"+2", "; Max-Age=172800"},
	} {
		header := http.Header{}
		if row.expires != "" {
			header.Set("X-User-Token-Expires-Meta", row.expires)
		}
		if got := g.setCookie(header); !strings.HasPrefix(got, "token=VALUE; path=/") || !strings.HasSuffix(got, row.want) {
			t.Errorf("%q: cookie %q, want %q", row.expires, got, row.want)
		}
	}
}

// TestTokenAPISecureCookie: a proxy's word that the client speaks TLS counts
// if the proxy is trusted.
func TestTokenAPISecureCookie(t *testing.T) {
	untrusting := startGateway(t, setup{})
	trusting := startGateway(t, setup{more: "trusted_proxies: [127.0.0.1/32]\n"})
	never := startGateway(t, setup{more: "trusted_proxies: [127.0.0.1/32]\n", tokens: "  cookie: {secure: never}\n"})
	elsewhere := startGateway(t, setup{more: "trusted_proxies: [192.0.2.0/24]\n"})
	for _, row := range []struct {
		name   string
		g      *gateway
		header http.Header
		secure bool
	}{
		{"Untrusted", untrusting, headers("X-Forwarded-Proto", "https"), false},
		{"OtherProxyTrusted", elsewhere, headers("X-Forwarded-Proto", "https"), false},
		{"Trusted", trusting, headers("X-Forwarded-Proto", "https"), true},
		{"TrustedUpperCase", trusting, headers("X-Forwarded-Proto", "HTTPS"), true},
		{"TrustedButNever", never, headers("X-Forwarded-Proto", "https"), false},
		{"TrustedSaysHTTP", trusting, headers("X-Forwarded-Proto", "http"), false},
		{"TrustedSaysNothing", trusting, nil, false},
		{"ForwardedHeaderDoesNotCount", trusting, headers("Forwarded", "proto=https"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := row.g.setCookie(row.header)
			if strings.Contains(got, "; Secure") != row.secure {
				t.Errorf("cookie %q, want it secure: %v", got, row.secure)
			}
		})
	}
}

// TestTokenAPISecureCookieOverTLS: auto is on when the gateway speaks TLS
// itself.
func TestTokenAPISecureCookieOverTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificatePair(t)
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, data := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := startGateway(t, setup{more: "tls: {cert_file: " + certFile + ", key_file: " + keyFile + "}\n"})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	client := plainClient()
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "example.com"}
	r, err := http.NewRequestWithContext(t.Context(), "POST", strings.Replace(g.url, "http:", "https:", 1)+tokenPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = hostOne
	r.SetBasicAuth(john, passwordOf(john))
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if set := response.Header.Get("Set-Cookie"); response.StatusCode != 201 || !strings.Contains(set, "; Secure; SameSite=Lax; Max-Age=86400") {
		t.Errorf("%d, cookie %q", response.StatusCode, set)
	}
}
