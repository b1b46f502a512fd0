package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testAddresses() peerAddresses {
	return peerAddresses{
		backend: "127.0.0.1:9001", plain: "127.0.0.1:9002", big: "127.0.0.1:9003",
		unbuffered: "127.0.0.1:9004", checking: "127.0.0.1:9005", haproxy: "127.0.0.1:9006",
	}
}

func TestNginxIsConfiguredForEveryRow(t *testing.T) {
	t.Parallel()
	text := string(nginxConfiguration("/dir", testAddresses()))
	for _, want := range []string{
		"daemon off;", "master_process off;", "worker_processes 1;", "access_log off;", "server 127.0.0.1:9001;",
		`proxy_set_header Connection "";`, "proxy_http_version 1.1;", "keepalive 512;",
		"    \"Bearer " + peerToken(0) + "\" 1;\n", "    \"Bearer " + peerToken(peerTokens-1) + "\" 1;\n",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is there %d times", want, strings.Count(text, want))
		}
	}
	servers := strings.Split(text, "  server {\n")[1:]
	own := []struct{ address, line string }{
		{"127.0.0.1:9002", ""}, {"127.0.0.1:9003", "proxy_buffers 16 64k;"},
		{"127.0.0.1:9004", "proxy_request_buffering off;"}, {"127.0.0.1:9005", "auth_request /auth;"},
	}
	if len(servers) != len(own) {
		t.Fatalf("%d servers", len(servers))
	}
	for i, s := range servers {
		if !strings.Contains(s, "listen "+own[i].address+";") || !strings.Contains(s, own[i].line) {
			t.Errorf("server %d is %s", i, s)
		}
		for j, other := range own {
			if i != j && other.line != "" && strings.Contains(s, other.line) {
				t.Errorf("server %d has %s", i, other.line)
			}
		}
	}
	if strings.Count(text, "{") != strings.Count(text, "}") {
		t.Error("a brace is missing")
	}
}

func TestHaproxyKnowsTheTokens(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(string(haproxyMap()), "\n"), "\n")
	if len(lines) != peerTokens || lines[0] != peerToken(0)+" allow" {
		t.Errorf("%d lines, the first is %q", len(lines), lines[0])
	}
	text := string(haproxyConfiguration("/dir/map", testAddresses()))
	for _, want := range []string{"nbthread 1\n", "bind 127.0.0.1:9006\n", "server one 127.0.0.1:9001\n", "map(/dir/map,deny)", "unless bearer known\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
}

func TestPeerTokensHaveTheFormOfOurs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{wrongToken: true}
	for n := range peerTokens {
		token := peerToken(n)
		if len(token) != len(wrongToken) || seen[token] {
			t.Fatalf("token %d is %q", n, token)
		}
		seen[token] = true
	}
}

func TestPeersAcceptTheirConfigurations(t *testing.T) {
	t.Parallel()
	needsPeers(t)
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	nginx, haproxy := write("nginx.conf", nginxConfiguration(dir, testAddresses())), ""
	known := write("map", haproxyMap())
	haproxy = write("haproxy.cfg", haproxyConfiguration(known, testAddresses()))
	for name, args := range map[string][]string{
		"nginx":   {"-t", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", nginx},
		"haproxy": {"-c", "-f", haproxy},
	} {
		binary, err := findPeer(name)
		if err != nil {
			t.Fatal(err)
		}
		if said, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, said)
		}
	}
}

func TestPeersCheckAndPassOn(t *testing.T) {
	t.Parallel()
	needsPeers(t)
	l := newLauncher(t, corePlan{})
	backend := startBackend(t, "5")
	p, err := l.startPeers(t.Context(), backend)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []way{p.plain, p.big, p.unbuffered, p.checking, p.haproxy} {
		if err := w.get(70_000).verify(t.Context()); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
		if err := w.put(300_000).verify(t.Context()); err != nil {
			t.Errorf("%s: an upload: %v", w.name, err)
		}
		if cpu, err := w.gateway.cpu(); err != nil {
			t.Errorf("%s: %s, %v", w.name, cpu, err)
		}
	}
	c := httpClient(t)
	for _, w := range []way{p.checking, p.haproxy} {
		for credential, want := range map[string]int{
			"Bearer " + peerToken(peerTokens-1): http.StatusOK,
			"Bearer " + peerToken(peerTokens):   http.StatusUnauthorized,
			"Basic " + peerToken(0):             http.StatusUnauthorized,
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.address+"/x/3", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", credential)
			response, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s: %s: %d, want %d", w.name, credential, response.StatusCode, want)
			}
		}
	}
}

func TestPeersThatAreNotInstalledAreNamed(t *testing.T) {
	t.Parallel()
	_, err := newLauncher(t, corePlan{}).startPeer(t.Context(), "no-such-gateway")
	if err == nil || !strings.Contains(err.Error(), "no-such-gateway is not installed: run cmd/tollgate/bench/install.sh") {
		t.Errorf("got %v", err)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	tries := 0
	err := await(ctx, "test", func() error { tries++; return io.ErrUnexpectedEOF })
	if err == nil || tries == 0 || !strings.HasPrefix(err.Error(), "test did not start") || !strings.HasSuffix(err.Error(), io.ErrUnexpectedEOF.Error()) {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

func TestComplaintsOfPeersAreShown(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, corePlan{})
	if got := l.complaintOf("nobody"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if err := os.WriteFile(l.complaintFile("nginx"), []byte("no room\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := l.complaintOf("nginx"); string(got) != "no room" {
		t.Errorf("got %q", got)
	}
}
