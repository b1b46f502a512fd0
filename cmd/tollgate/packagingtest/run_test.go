package packagingtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"debug/elf"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestImage builds the image once; every part below runs in files of its own.
func TestImage(t *testing.T) {
	i := buildImage(t)
	t.Run("program is static and knows its version", func(t *testing.T) { checkProgram(t, i.fresh(t)) })
	t.Run("image holds what is needed and nothing else", func(t *testing.T) { checkFiles(t, i.fresh(t)) })
	t.Run("bundle has roots of trust", func(t *testing.T) { checkBundle(t, i.fresh(t)) })
	t.Run("first run works and writes to the data directory alone", func(t *testing.T) { checkFirstRun(t, i.fresh(t)) })
	t.Run("https upstream is trusted by the bundle alone", func(t *testing.T) { checkTrust(t, i.fresh(t)) })
	t.Run("health check follows the environment and the file", func(t *testing.T) { checkHealth(t, i.fresh(t)) })
}

func checkProgram(t *testing.T, i *image) {
	t.Helper()
	f, err := elf.Open(filepath.Join(i.root, i.entrypoint[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a %s: it is not static", p.Type)
		}
	}
	if f.Section(".symtab") != nil || f.Section(".debug_info") != nil {
		t.Error("the program has symbols that nobody needs")
	}
	out, err := i.start(t.Context(), nil, i.entrypoint[0], "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "tollgate "+testVersion+", ") {
		t.Errorf("version prints %q, %v", out, err)
	}
}

// snapshot returns what a root directory holds, less what is in /data.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if name == "/data" {
			found[name] = info.Mode().String()
			return fs.SkipDir
		}
		found[name] = fmt.Sprint(info.Mode(), info.ModTime())
		if !d.IsDir() {
			found[name] += fmt.Sprint(info.Size())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func checkFiles(t *testing.T, i *image) {
	t.Helper()
	want := []string{
		"", "/data", "/etc", "/etc/group", "/etc/passwd", "/etc/ssl", "/etc/ssl/certs", systemBundle, "/tmp", "/tollgate",
	}
	if names := slices.Sorted(maps.Keys(snapshot(t, i.root))); !slices.Equal(names, want) {
		t.Errorf("the image holds\n%q, want\n%q", names, want)
	}
	if i.user.Uid == 0 || i.user.Gid == 0 {
		t.Errorf("the image runs as %d:%d", i.user.Uid, i.user.Gid)
	}
	for _, name := range []string{"/etc/passwd", "/etc/group"} {
		if text := read(t, i.root+name); !strings.Contains(text, fmt.Sprintf(":x:%d:", i.user.Uid)) {
			t.Errorf("%s does not know the user: %q", name, text)
		}
	}
	for name, mode := range map[string]fs.FileMode{"/tmp": fs.ModeDir | fs.ModeSticky | 0o777, "/tollgate": 0o755} {
		info, err := os.Stat(i.root + name)
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want %s", name, info.Mode(), err, mode)
		}
	}
}

func checkBundle(t *testing.T, i *image) {
	t.Helper()
	valid, rest := 0, []byte(read(t, i.root+systemBundle))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && c.IsCA && time.Now().Before(c.NotAfter) {
			valid++
		}
	}
	if valid < 20 {
		t.Errorf("the bundle has %d roots that are valid", valid)
	}
}

func checkFirstRun(t *testing.T, i *image) {
	t.Helper()
	before := snapshot(t, i.root)
	c := i.run(t)
	token := c.logIn(t)
	if status, _, body := ask(t, http.MethodGet, c.url+"/", bearer(token)); status != http.StatusOK {
		t.Errorf("with the token: %d %s", status, body)
	}
	if status, _, body := ask(t, http.MethodPut, c.url+"/a.txt", func(r *http.Request) {
		bearer(token)(r)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("kept")), 4
	}); status != http.StatusCreated {
		t.Errorf("PUT with the token: %d %s", status, body)
	}
	if status, _, _ := ask(t, http.MethodGet, c.url+"/", func(*http.Request) {}); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	status := processStatus(t, c.pid)
	for name, want := range map[string]string{"Uid": "65532 65532 65532 65532", "Gid": "65532 65532 65532 65532", "Groups": "", "CapEff": "0000000000000000"} {
		if status[name] != want {
			t.Errorf("the process has %s %q, want %q", name, status[name], want)
		}
	}
	if code := c.stop(); code != 0 {
		t.Errorf("serve ended with %d", code)
	}
	if after := snapshot(t, i.root); !maps.Equal(before, after) {
		t.Errorf("files outside /data changed:\n%v\n%v", before, after)
	}
	if text := read(t, i.root+"/data/files/a.txt"); text != "kept" {
		t.Errorf("/data keeps %q", text)
	}
	again := i.run(t)
	if strings.Contains(again.output(), "password") {
		t.Errorf("the second run makes another user:\n%s", again.output())
	}
	if status, _, _ := ask(t, http.MethodGet, again.url+"/a.txt", bearer(token)); status != http.StatusOK {
		t.Errorf("after a restart the token gives %d", status)
	}
}

func checkHealth(t *testing.T, i *image) {
	t.Helper()
	c := i.run(t)
	if code := c.healthcheck(t); code != 0 {
		t.Errorf("running: exit code %d", code)
	}
	if code := c.stop(); code != 0 {
		t.Errorf("serve ended with %d", code)
	}
	if code := c.healthcheck(t); code != 1 {
		t.Errorf("stopped: exit code %d", code)
	}
	// A file at the place that the Dockerfile names is read by both.
	if err := os.WriteFile(i.root+"/config.yaml", []byte("log: {level: warn}\ntokens: {path: /.login/}\n"), 0o644); err != nil { // #nosec G306 -- mounted for another user
		t.Fatal(err)
	}
	other := i.run(t, "TOLLGATE_LOG_LEVEL=info")
	if status, _, _ := ask(t, http.MethodGet, other.url+"/.login/login", func(*http.Request) {}); status != http.StatusOK {
		t.Errorf("with a file: the login page has status %d", status)
	}
	if code := other.healthcheck(t); code != 0 {
		t.Errorf("with a file: exit code %d", code)
	}
}

func checkTrust(t *testing.T, i *image) {
	t.Helper()
	authority, certificate := newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "over TLS")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	upstreams := fmt.Sprintf("TOLLGATE_UPSTREAMS=[{name: secure, urls: [%q]}]", server.URL)

	c := i.run(t, upstreams)
	token := c.logIn(t)
	if status, _, body := ask(t, http.MethodGet, c.url+"/", bearer(token)); status != http.StatusBadGateway {
		t.Errorf("of an unknown authority: %d %s", status, body)
	}
	c.stop()
	appendTo(t, i.root+systemBundle, authority)
	c = i.run(t, upstreams)
	if status, _, body := ask(t, http.MethodGet, c.url+"/", bearer(token)); status != http.StatusOK || body != "over TLS" {
		t.Errorf("of an authority in the bundle: %d %s", status, body)
	}
}

// newAuthority returns the certificate of an authority in PEM, and one for
// 127.0.0.1 that it signed.
func newAuthority(t *testing.T) ([]byte, tls.Certificate) {
	t.Helper()
	keys := [2]*ecdsa.PrivateKey{}
	for n := range keys {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[n] = key
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "upstream of a test"},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signedRoot, err := x509.CreateCertificate(rand.Reader, root, root, &keys[0].PublicKey, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	signedLeaf, err := x509.CreateCertificate(rand.Reader, leaf, root, &keys[1].PublicKey, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signedRoot}),
		tls.Certificate{Certificate: [][]byte{signedLeaf}, PrivateKey: keys[1]}
}
