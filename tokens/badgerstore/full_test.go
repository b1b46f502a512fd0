package badgerstore_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

func TestAFullStoreStillRevokesAndReads(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	var free atomic.Uint64
	free.Store(1000 * mib)
	s := openStore(t, badgerstore.Config{
		Dir:       t.TempDir(),
		MinFree:   800 * mib,
		FreeSpace: func(string) (uint64, error) { return free.Load(), nil },
	})
	old := putNumbered(t, s, 1)
	rows := []struct {
		free                  uint64
		creates, changesEnded bool
	}{
		{400 * mib, true, true},
		{400*mib - 1, false, true},
		{300 * mib, false, true},
		{300*mib - 1, false, false},
		{0, false, false},
		{1000 * mib, true, true},
	}
	for i, row := range rows {
		free.Store(row.free)
		_, err := s.Put(t.Context(), numbered(100+i))
		verdict(t, "create", row.free, err, row.creates)
		verdict(t, "user", row.free, s.Users().Put(t.Context(), "ada", nil), row.creates)
		verdict(t, "usage", row.free, s.AddUsages(t.Context(), []tokens.Usage{{ID: old.ID, Count: 1}}), row.creates)
		verdict(t, "no user", row.free, s.Users().Delete(t.Context(), "ada"), row.changesEnded)
		old.Revoked = tokens.Mark{At: revokedAt().Add(time.Duration(i) * time.Second), By: "grace"}
		revision, err := s.Put(t.Context(), old)
		verdict(t, "revoke", row.free, err, row.changesEnded)
		if err == nil {
			old.Revision = revision
		}
		if _, err := s.ByHash(t.Context(), old.Hash); err != nil {
			t.Errorf("%d bytes free: read = %v", row.free, err)
		}
		if err := s.Healthy(); err != nil {
			t.Errorf("%d bytes free: Healthy = %v", row.free, err)
		}
	}
	free.Store(300*mib - 1)
	_, err := s.Purge(t.Context(), revokedAt().Add(time.Hour))
	verdict(t, "purge", 300*mib-1, err, false)
	free.Store(300 * mib)
	_, err = s.Purge(t.Context(), revokedAt().Add(time.Hour))
	verdict(t, "purge", 300*mib, err, true)
}

func verdict(t *testing.T, what string, free uint64, err error, want bool) {
	t.Helper()
	if want && err != nil || !want && !errors.Is(err, tokens.ErrStoreFull) {
		t.Errorf("%s with %d bytes free = %v", what, free, err)
	}
}

func putNumbered(t *testing.T, s *badgerstore.Store, n int) *tokens.Token {
	t.Helper()
	tok := numbered(n)
	var err error
	if tok.Revision, err = s.Put(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestFreeSpaceThatCannotBeReadMakesTheStoreUnhealthyUntilItCan(t *testing.T) {
	t.Parallel()
	broken := errors.New("no answer")
	var fail atomic.Bool
	s := openStore(t, badgerstore.Config{Dir: t.TempDir(), FreeSpace: func(string) (uint64, error) {
		if fail.Load() {
			return 0, broken
		}
		return 1 << 40, nil
	}})
	fail.Store(true)
	if _, err := s.Put(t.Context(), numbered(1)); !errors.Is(err, broken) {
		t.Errorf("Put = %v, want %v", err, broken)
	}
	if err := s.Healthy(); !errors.Is(err, broken) {
		t.Errorf("Healthy = %v, want %v", err, broken)
	}
	fail.Store(false)
	putNumbered(t, s, 1)
	if err := s.Healthy(); err != nil {
		t.Errorf("Healthy after a write = %v", err)
	}
}

func TestOpenRefusesWithoutRoom(t *testing.T) {
	t.Parallel()
	free := uint64(badgerstore.DefaultMinFree - 1)
	cfg := badgerstore.Config{Dir: t.TempDir(), FreeSpace: func(string) (uint64, error) { return free, nil }}
	s, err := badgerstore.Open(cfg)
	if !errors.Is(err, tokens.ErrStoreFull) || !strings.Contains(err.Error(), cfg.Dir) {
		t.Errorf("Open = %v, %v, want ErrStoreFull and the directory", s, err)
	}
	free++
	openStore(t, cfg)
}

// TestDiskFullIsSurvived fills a real file system under a running store, in a
// process with mounts of its own.
func TestDiskFullIsSurvived(t *testing.T) {
	t.Parallel()
	cmd := child(t, "TestChildMeetsAFullDisk", "full", "STORE_DIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestChildMeetsAFullDisk") {
		t.Fatalf("%v; the test needs the right to mount a tmpfs in a namespace of its own\n%s", err, out)
	}
}

// TestChildMeetsAFullDisk is the process with the small file system.
func TestChildMeetsAFullDisk(t *testing.T) {
	if os.Getenv(childEnv) != "full" {
		t.Skip("not a test of its own: TestDiskFullIsSurvived runs it as a process")
	}
	dir := os.Getenv("STORE_DIR")
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		t.Fatalf("make mounts private: %v", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=300m"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	s := openStore(t, badgerstore.Config{Dir: filepath.Join(dir, "store")})
	written := fillUp(t, s)
	t.Logf("%d tokens until the store was full", written)
	if written == 0 {
		t.Error("the store was full at once")
	}

	// Somebody else takes all the rest, once Badger has tidied up.
	untilAtRest(t, filepath.Join(dir, "store", "db"))
	ballast := filepath.Join(dir, "ballast")
	fillDisk(t, ballast)
	for range 100 {
		if _, err := s.Put(t.Context(), numbered(written)); !errors.Is(err, tokens.ErrStoreFull) {
			t.Fatalf("Put on a full disk = %v, want ErrStoreFull", err)
		}
	}
	readAll(t, s, written)
	if err := s.Healthy(); err != nil {
		t.Errorf("Healthy = %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}

	// More room: the same store, still open, takes writes again.
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=900m"); err != nil {
		t.Fatalf("remount: %v", err)
	}
	putNumbered(t, s, written)
	closeStore(t, s)
	s = openStore(t, badgerstore.Config{Dir: filepath.Join(dir, "store")})
	readAll(t, s, written+1)
}

// fillUp creates tokens with much metadata until there is no room for more.
func fillUp(t *testing.T, s *badgerstore.Store) int {
	t.Helper()
	pad := []tokens.Meta{{Name: "pad", Value: strings.Repeat("x", 400<<10)}}
	for n := range 100_000 {
		tok := numbered(n)
		tok.Meta = pad
		_, err := s.Put(t.Context(), tok)
		if errors.Is(err, tokens.ErrStoreFull) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the disk is never full")
	return 0
}

// untilAtRest waits until no file of a directory has changed for a second:
// how far its compactions are, Badger does not tell.
func untilAtRest(t *testing.T, dir string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for last, same := "", 0; same < 10; same++ {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var now strings.Builder
		for _, f := range files {
			if info, err := f.Info(); err == nil {
				fmt.Fprintln(&now, f.Name(), info.Size(), info.ModTime())
			}
		}
		if now.String() != last {
			last, same = now.String(), 0
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk ended with %v", err)
	}
	_ = f.Close()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func readAll(t *testing.T, s *badgerstore.Store, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.ByHash(t.Context(), numbered(i).Hash); err != nil {
			t.Fatalf("token %d: %v", i, err)
		}
	}
}

func TestCloseWithoutRoomLeavesTheDataWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := child(t, "TestChildClosesWithoutRoom", "close", "STORE_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestChildClosesWithoutRoom") {
		t.Fatalf("%v\n%s", err, out)
	}
	readAll(t, openStore(t, badgerstore.Config{Dir: dir}), 10)
}

func TestChildClosesWithoutRoom(t *testing.T) {
	if os.Getenv(childEnv) != "close" {
		t.Skip("not a test of its own: TestCloseWithoutRoomLeavesTheDataWhole runs it as a process")
	}
	free := uint64(1 << 40)
	s, err := badgerstore.Open(badgerstore.Config{
		Dir: os.Getenv("STORE_DIR"), FreeSpace: func(string) (uint64, error) { return free, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		putNumbered(t, s, n)
	}
	free = 1000 // the writer has answered and reads it again for the next write only
	if err := s.Close(); !errors.Is(err, tokens.ErrStoreFull) {
		t.Errorf("Close = %v, want ErrStoreFull", err)
	}
}
