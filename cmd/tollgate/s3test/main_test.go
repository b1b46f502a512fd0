// Package s3test runs the programs that people use with S3 against a real S3
// server behind the real gateway: what an SDK signs and how it sends it is no
// matter of reading standards alone. It is a module of its own so that the
// gateway does not depend on SDKs.
//
// Two variables choose what is under test; both are for a person who looks for
// a fault.
//
//	TOLLGATE_S3_TARGET  gateway (the default): programs - gateway - server
//	                    direct: programs - server
//	TOLLGATE_S3_SERVER  versitygw (the default), minio or rclone
package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The bounds of time: patience of a single wait, which nothing reaches unless
// it hangs, clientTime of all that one client does, installTime of what is
// installed on a new machine.
const (
	patience    = 30 * time.Second
	clientTime  = 4 * time.Minute
	installTime = 15 * time.Minute
)

// The targets.
const (
	targetDirect  = "direct"
	targetGateway = "gateway"
)

// machine is what the tests were given: TestMain fills it.
type machine struct {
	target      string // direct or gateway
	server      string // name of the S3 server
	serverPath  string // its program
	nodeModules string // directory of the Node.js packages
	gateway     string // program of the gateway; empty = not needed
}

// given is filled once by TestMain, before the first test.
var given machine

func TestMain(m *testing.M) {
	code, err := prepareAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepareAndRun(m *testing.M) (int, error) {
	// What the machine tells AWS's programs is not for these tests.
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			if err := os.Unsetenv(name); err != nil {
				return 1, err
			}
		}
	}
	given.target = choice("TOLLGATE_S3_TARGET", targetGateway)
	given.server = choice("TOLLGATE_S3_SERVER", "versitygw")
	if given.target != targetDirect && given.target != targetGateway {
		return 1, fmt.Errorf("TOLLGATE_S3_TARGET is %q, want %s or %s", given.target, targetDirect, targetGateway)
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTime)
	defer cancel()
	if err := install(ctx); err != nil {
		return 1, err
	}
	if given.target == targetGateway {
		dir, err := os.MkdirTemp("", "tollgate-s3test-")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(dir)
		given.gateway = filepath.Join(dir, "tollgate")
		if err := buildGateway(ctx, given.gateway); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

func choice(variable, fallback string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return fallback
}

// install runs the script beside this file, which prints where things are.
func install(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	script := exec.CommandContext(ctx, "./install", filepath.Join(cache, "tollgate-tests"), given.server)
	var log bytes.Buffer
	script.Stderr = &log
	script.WaitDelay = patience
	out, err := script.Output()
	if err != nil {
		return fmt.Errorf("install what the tests run: %w\n%s", err, &log)
	}
	for line := range strings.Lines(string(out)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "server":
			given.serverPath = value
		case "node_modules":
			given.nodeModules = value
		}
	}
	if given.serverPath == "" || given.nodeModules == "" {
		return fmt.Errorf("install does not say where things are:\n%s", out)
	}
	return nil
}

func buildGateway(ctx context.Context, path string) error {
	root, err := repositoryRoot()
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/tollgate")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return nil
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
