package clustertest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/clustertest/members"
)

// TestTokensMoveToEtcdAndBack: they count where they are, with the users and the
// secrets, and what ended stays so.
func TestTokensMoveToEtcdAndBack(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	g := s.addGateway()
	g.awaitOpen()
	kept, ended := g.mustCreate(), g.mustCreate()
	g.revoke(t.Context(), ended)
	made := func(body string) {
		status, _, answer, err := g.ask(t.Context(), http.MethodPost, "/_admin/api/v1/tokens", body, asUser)
		if err != nil || status != http.StatusCreated {
			t.Fatalf("%s: %d %s %v", body, status, answer, err)
		}
	}
	made(`{"name":"laptop"}`)
	made(`{"s3":true}`)
	g.running.Kill()
	g.running = nil

	etcd := members.Single(t)
	shared := filepath.Join(t.TempDir(), "shared.yaml")
	text, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	store := fmt.Sprintf("store: {min_free: 1048576, etcd: {endpoints: [%q]}}\n", etcd.Endpoints()[0])
	text = []byte(strings.Replace(string(text), "store: {min_free: 1048576}\n", store, 1))
	write := func(file string, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(shared, text)
	migrate := func(to string) (string, error) {
		command := exec.CommandContext(t.Context(), given.program, "store", "migrate", "--config", shared, "--to", to)
		command.Env = g.environment()
		out, err := command.CombinedOutput()
		return string(out), err
	}
	move := func(to, want string) {
		t.Helper()
		out, err := migrate(to)
		if (err == nil) != strings.HasPrefix(want, "4 tokens") || !strings.Contains(out, want) {
			t.Errorf("to %s: %v: %s", to, err, out)
		}
	}
	move("etcd", "4 tokens, 0 users")
	move("etcd", "there are tokens or users already in etcd")
	move("badger", "there are tokens or users already in the data directory")
	if err := os.Rename(filepath.Join(g.dir, "tokens"), filepath.Join(g.dir, "before")); err != nil {
		t.Fatal(err)
	}
	alone := g.config
	g.config = shared
	g.start()
	g.awaitOpen()
	counts := func(where string) {
		t.Helper()
		for name, want := range map[string]int{kept.value: http.StatusOK, ended.value: http.StatusUnauthorized} {
			if status, _, _, err := g.ask(t.Context(), http.MethodGet, "/", "", with(name)); err != nil || status != want {
				t.Errorf("%s: %d, %v, want %d", where, status, err, want)
			}
		}
	}
	counts("in etcd")
	move("badger", "a gateway is alive on this etcd")
	if err := g.running.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-g.running.Ended()
	g.running = nil
	until(t, "the gateway is forgotten", func() bool {
		out, err := migrate("badger")
		return err == nil && strings.HasPrefix(out, "4 tokens, 0 users")
	})
	g.config = alone
	g.start()
	g.awaitOpen()
	counts("back")
}
