package badgerstore

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// TestALockIsReleasedAlthoughAChildHasTheFile plays a process that was started
// and has not got to its own program yet.
func TestALockIsReleasedAlthoughAChildHasTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	inherited, err := syscall.Dup(lock.fd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(inherited) }()
	if _, err := lockDir(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("a second lock: %v, want ErrInUse", err)
	}
	if err := lock.release(); err != nil {
		t.Fatal(err)
	}
	again, err := lockDir(dir)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := again.release(); err != nil {
		t.Error(err)
	}
	if _, err := lockDir(dir + "/nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
