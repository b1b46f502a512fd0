package badgerstore_test

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/storetest"
)

// childEnv names what a process that a test has started from this binary is
// to do.
const childEnv = "TOLLGATE_STORE_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		goleak.VerifyTestMain(m)
	default:
		os.Exit(m.Run())
	}
}

// openStore opens a store that is closed at the end of the test.
func openStore(t *testing.T, cfg badgerstore.Config) *badgerstore.Store {
	t.Helper()
	s, err := badgerstore.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t *testing.T, s *badgerstore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) tokens.Store {
		t.Helper()
		return openStore(t, badgerstore.Config{Dir: t.TempDir()})
	})
}

func TestStoreKeepsTheDurableContract(t *testing.T) {
	t.Parallel()
	storetest.RunDurable(t, func(t *testing.T, dir string) (tokens.Store, func()) {
		t.Helper()
		s := openStore(t, badgerstore.Config{Dir: dir})
		return s, func() { closeStore(t, s) }
	})
}

// child returns the command that runs one test of this binary as a process of
// its own. Under the race detector it would sleep for a second at its end.
func child(t testing.TB, test, what string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+test+"$")
	cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0", childEnv+"="+what), env...)
	return cmd
}
