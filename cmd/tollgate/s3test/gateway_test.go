package s3test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The one user of the gateway.
const (
	userName = "john"
	password = "correct horse"
)

// startGateway runs `tollgate serve` in front of an S3 server until the test
// ends and returns its URL.
func startGateway(t *testing.T, upstream string) string {
	t.Helper()
	dir := t.TempDir()
	env := environment(dir)
	hash := exec.CommandContext(t.Context(), given.gateway, "user", "hash-password")
	hash.Stdin, hash.Env = strings.NewReader(password+"\n"), env
	hashed, err := hash.Output()
	if err != nil {
		t.Fatalf("hash the password: %v", err)
	}
	address := freeAddress(t)
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
listen: %s
internal: {listen: 127.0.0.1:0}
data_dir: %s
store: {min_free: 1048576}
users: [{name: %s, password_hash: %q}]
upstreams: [{name: storage, urls: [%q], s3: {access_key: %q, secret_key: %q, region: %s}}]
s3: {sigv2: true}
`, address, filepath.Join(dir, "data"), userName, strings.TrimSpace(string(hashed)), upstream, rootKey, rootSecret, region), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, address, env, given.gateway, "serve", "--config", config)
	return "http://" + address
}

// issueKeyPair makes a token for S3 clients at a gateway: the access key that
// it returns, with the secret key that it is given.
func issueKeyPair(t *testing.T, gateway, secretKey string) (accessKey string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gateway+"/.TOKEN/?setcookie=false", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(userName, password)
	r.Header.Set("X-User-Secret-Key-Meta", secretKey)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	accessKey = response.Header.Get("Gateway-Token")
	if response.StatusCode != http.StatusCreated || accessKey == "" {
		t.Fatalf("a token for S3: %d %s", response.StatusCode, body)
	}
	return accessKey
}

// hostOf returns the host of an http URL without a path.
func hostOf(t *testing.T, url string) string {
	t.Helper()
	host := url[strings.Index(url, "://")+len("://"):]
	if _, _, err := net.SplitHostPort(host); err != nil {
		t.Fatal(err)
	}
	return host
}
