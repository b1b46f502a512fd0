// Package clustertest plays with three members of etcd and three gateways, each
// a process of its own: it kills, stops and cuts them off while clients make,
// use and revoke tokens, and judges what the clients saw by a model. It is a
// module of its own, so that the gateway does not depend on etcd's server.
//
// TOLLGATE_CLUSTER_ROUNDS is how often each fault is played; 1 if it is not
// given. More than 1 is the long form, which also measures.
package clustertest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/cmd/tollgate/clustertest/members"
)

// patience bounds a single wait. Nothing reaches it unless it hangs.
const patience = 2 * time.Minute

// given is filled once by TestMain, before the first test.
var given struct {
	program string // the gateway
	hash    string // of password
	rounds  int
}

func TestMain(m *testing.M) {
	members.Main()
	code, err := prepareAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepareAndRun(m *testing.M) (int, error) {
	given.rounds = 1
	if text := os.Getenv("TOLLGATE_CLUSTER_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 1, fmt.Errorf("TOLLGATE_CLUSTER_ROUNDS is %q, want a number from 1 on", text)
		}
		given.rounds = n
	}
	dir, err := os.MkdirTemp("", "tollgate-clustertest-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	given.program = filepath.Join(dir, "tollgate")
	if err := build(ctx, given.program); err != nil {
		return 1, err
	}
	if given.hash, err = hashPassword(ctx); err != nil {
		return 1, err
	}
	if err := flag.Set("test.parallel", testsTogether); err != nil {
		return 1, err
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			return 1, err
		}
	}
	return code, nil
}

// build builds the gateway, with the race detector if the tests have it.
func build(ctx context.Context, path string) error {
	root, err := repositoryRoot()
	if err != nil {
		return err
	}
	args := append(append([]string{"build"}, buildFlags...), "-o", path, "./cmd/tollgate")
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return nil
}

func hashPassword(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, given.program, "user", "hash-password")
	command.Stdin = strings.NewReader(password + "\n")
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("hash the password: %w\n%s", err, &errs)
	}
	return strings.TrimSpace(string(out)), nil
}

// repositoryRoot returns the directory of the module tollgate, the first above
// the working directory.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module tollgate\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod of the module tollgate in a directory above")
		}
		dir = filepath.Dir(dir)
	}
}
