package main

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/tokens"
)

func TestCLIHealthcheck(t *testing.T) {
	g := startGateway(t, setup{})
	at := "TOLLGATE_INTERNAL_LISTEN=" + strings.TrimPrefix(g.internal, "http://")
	if r := cli(t, []string{at}, "", "healthcheck", "--config", g.config).well(t); r.out != "ok\n" {
		t.Errorf("%q", r.out)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(g.internal, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"", "0.0.0.0", "[::]"} { // addresses to listen on and not to ask
		cli(t, []string{"TOLLGATE_INTERNAL_LISTEN=" + host + ":" + port}, "", "healthcheck", "--config", g.config).well(t)
	}
	if code := g.end(); code != exitOK {
		t.Errorf("serve ended with %d", code)
	}
	if r := cli(t, []string{at}, "", "healthcheck", "--config", g.config); r.code != exitFailed || r.out != "" || r.err == "" {
		t.Errorf("without a gateway: exit %d %q %q", r.code, r.out, r.err)
	}
	if r := cli(t, nil, "", "healthcheck", "--config", file(t, "listn: x\n")); r.code != exitConfig {
		t.Errorf("with a fault: exit %d", r.code)
	}
	backend := startBackend(t) // answers 200 to everything, but is there
	at = "TOLLGATE_INTERNAL_LISTEN=" + strings.TrimPrefix(backend.URL, "http://")
	cli(t, []string{at}, "", "healthcheck", "--config", g.config).well(t)
	if arrived := backend.take(); len(arrived) != 1 || arrived[0].Target != "/healthz" {
		t.Errorf("asked %v", arrived)
	}
	ill := httptest.NewServer(http.NotFoundHandler())
	defer ill.Close()
	at = "TOLLGATE_INTERNAL_LISTEN=" + strings.TrimPrefix(ill.URL, "http://")
	if r := cli(t, []string{at}, "", "healthcheck", "--config", g.config); r.code != exitFailed || !strings.Contains(r.err, "404") {
		t.Errorf("of what is not well: exit %d %q", r.code, r.err)
	}
}

func TestCLIServeRefusesToStart(t *testing.T) {
	g := startGateway(t, setup{})
	for _, row := range []struct {
		name, config string
		code         int
		says         []string
	}{
		{"Faults", "listn: x\ntokens: {default_ttl: soon}\n", exitConfig, []string{"listn: unknown key", "tokens.default_ttl: "}},
		{"DataDirInUse", setup{dir: g.dir}.configuration(), exitFailed, []string{g.dir, "another"}},
		{"AddressInUse", strings.Replace(setup{dir: t.TempDir()}.configuration(), "listen: 127.0.0.1:0", "listen: "+strings.TrimPrefix(g.url, "http://"), 1), exitFailed, []string{"public listener", "address already in use"}},
		{"NoKeys", setup{dir: t.TempDir(), more: "keys_file: /nonexistent/keys\n"}.configuration(), exitFailed, []string{"/nonexistent/keys"}},
		{"NoCertificate", setup{dir: t.TempDir(), more: "tls: {cert_file: /nonexistent/cert, key_file: /nonexistent/key}\n"}.configuration(), exitFailed, []string{"/nonexistent/cert"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := cli(t, nil, "", "serve", "--config", file(t, row.config))
			if r.code != row.code || r.out != "" {
				t.Errorf("exit %d, want %d; prints %q", r.code, row.code, r.out)
			}
			for _, says := range row.says {
				if !strings.Contains(r.err, says) {
					t.Errorf("does not say %q:\n%s", says, r.err)
				}
			}
		})
	}
	if got := g.do(ask{target: tokenPath, user: john}); got.status != 200 {
		t.Errorf("the first gateway was disturbed: %d", got.status)
	}
}

// newKey returns a sealing key as it stands in a file.
func newKey(t *testing.T) string {
	t.Helper()
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(key[:]) + "\n"
}

// TestCLIStoreReseal: after it the old key is needed no more.
func TestCLIStoreReseal(t *testing.T) {
	const secret = "a secret key to be resealed"
	keys := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, fresh := newKey(t), newKey(t)
	write(old)
	g := startGateway(t, setup{more: "keys_file: " + keys + "\n"})
	made := map[tokens.ID]bool{}
	for range 3 {
		made[tokens.ID(g.manage(john, tenantPath, headers("X-User-Secret-Key-Meta", secret)).ID)] = true
	}
	revoked := g.manage(john, tenantPath, headers("X-User-Secret-Key-Meta", secret)).ID
	g.revoke(john, revoked)
	made[tokens.ID(revoked)] = true
	plain := g.issue(john, hostOne, nil)

	reseal := func() result { return cli(t, nil, "", "store", "reseal", "--config", g.config) }
	if r := reseal(); r.code != exitFailed || !strings.Contains(r.err, g.dir) {
		t.Errorf("beside a running gateway: exit %d %s", r.code, r.err)
	}
	if code := g.end(); code != exitOK {
		t.Fatalf("serve ended with %d", code)
	}
	opens := func(when string, want string) {
		t.Helper()
		opened := openSecrets(t, g.dir, keys)
		if len(opened) != len(made) {
			t.Errorf("%s: %d secrets, want %d", when, len(opened), len(made))
		}
		for id := range made {
			if opened[id] != want {
				t.Errorf("%s: token %s opens to %q, want %q", when, id, opened[id], want)
			}
		}
	}
	write(fresh + old)
	opens("before", secret)
	if r := reseal().well(t); !strings.HasPrefix(r.out, "4 secrets") {
		t.Errorf("%q", r.out)
	}
	if r := reseal().well(t); !strings.HasPrefix(r.out, "0 secrets") {
		t.Errorf("a second time: %q", r.out)
	}
	write(fresh)
	opens("with the new key alone", secret)
	write(old)
	opens("with the old key alone", "")
	if r := reseal(); r.code != exitFailed || !strings.Contains(r.err, "key") {
		t.Errorf("without the key: exit %d %s", r.code, r.err)
	}
	write(fresh)
	opens("after a reseal that failed", secret)

	none := filepath.Join(t.TempDir(), "none")
	other := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(other, []byte("data_dir: "+none+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := cli(t, nil, "", "store", "reseal", "--config", other); r.code != exitFailed || !strings.Contains(r.err, none) || exists(none) {
		t.Errorf("where there is no store: exit %d %s", r.code, r.err)
	}
	g.start()
	if ids := g.listedIDs(john, tenantPath); len(ids) != 4 {
		t.Errorf("%d tokens are live, want 4", len(ids))
	}
	if got := g.do(ask{target: tokenPath, header: bearer(plain.value)}); got.status != 200 {
		t.Errorf("the plain token: %d", got.status)
	}
	if got := g.do(ask{target: tokenPath + revoked, user: john}); got.status != 404 {
		t.Errorf("the revoked token: %d", got.status)
	}
}
