// Package browsertest drives a real browser against the real program: what a
// browser does with cookies, redirects, forms and foreign pages is no matter of
// reading standards alone. It is a module of its own so that the gateway does
// not depend on what drives a browser.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programVariable names the program under test, which TestMain builds.
const programVariable = "TOLLGATE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tollgate-browsertest-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	root, err := repositoryRoot()
	if err != nil {
		return 1, err
	}
	program := filepath.Join(dir, "tollgate")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", program, "./cmd/tollgate") // #nosec G204 -- a path of our own
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	if err := os.Setenv(programVariable, program); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// repositoryRoot returns the directory of the module tollgate, the first above
// the working directory.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod")) // #nosec G304 -- below the working directory's parents
		if err == nil && strings.HasPrefix(string(data), "module tollgate\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod of the module tollgate in a directory above")
		}
		dir = filepath.Dir(dir)
	}
}
