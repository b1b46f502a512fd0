package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLostSealingKeysAreNotReplaced: new keys would open none of the secrets
// that are there.
func TestLostSealingKeysAreNotReplaced(t *testing.T) {
	g := startGateway(t, setup{})
	g.issue(john, hostOne, headers("X-User-Secret-Key-Meta", "a secret key of some length"))
	g.end()
	if err := os.RemoveAll(filepath.Join(g.dir, "keys")); err != nil {
		t.Fatal(err)
	}
	errs := &lockedBuffer{}
	code := run(t.Context(), []string{"serve", "--config", g.config}, Process{Stdin: strings.NewReader(""), Stdout: errs, Stderr: errs})
	if code != exitFailed || !strings.Contains(errs.String(), "sealing keys are missing") || !strings.Contains(errs.String(), "--accept-new-keys") {
		t.Errorf("exit %d:\n%s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(g.dir, "keys")); err == nil {
		t.Error("keys were made all the same")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	code = run(ctx, []string{"serve", "--config", g.config, "--accept-new-keys"}, Process{Stdin: strings.NewReader(""), Stdout: errs, Stderr: errs})
	if _, err := os.Stat(filepath.Join(g.dir, "keys", "seal.keys")); err != nil || code == exitConfig {
		t.Errorf("accepted, but exit %d, %v:\n%s", code, err, errs)
	}
}
