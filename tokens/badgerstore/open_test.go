package badgerstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

// filled returns a directory with a closed store of ten tokens.
func filled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	s, err := badgerstore.Open(badgerstore.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		putNumbered(t, s, n)
	}
	closeStore(t, s)
	return dir
}

func TestDirectoriesAreForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filled(t)
	for _, path := range []string{dir, filepath.Join(dir, "db")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v, want mode 0700", path, info.Mode(), err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "high-water"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("high-water: %v, %v, want mode 0600", info, err)
	}
}

func TestASecondOpenerIsToldWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openStore(t, badgerstore.Config{Dir: dir})
	_, err := badgerstore.Open(badgerstore.Config{Dir: dir})
	if !errors.Is(err, badgerstore.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open = %v, want ErrInUse and the directory", err)
	}
}

func TestOpenNeedsADirectory(t *testing.T) {
	t.Parallel()
	if _, err := badgerstore.Open(badgerstore.Config{}); err == nil {
		t.Error("Open without a directory succeeds")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := badgerstore.Open(badgerstore.Config{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Open of a file = %v", err)
	}
}

func TestARolledBackStoreIsRefusedUnlessSomebodyAcceptsIt(t *testing.T) {
	t.Parallel()
	rows := map[string]func(t *testing.T, dir string){
		"database gone": func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, "db")); err != nil {
				t.Fatal(err)
			}
		},
		"database empty": func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, "db")); err != nil {
				t.Fatal(err)
			}
			copySparse(t, filepath.Join(emptyStore(t), "db"), mkdir(t, filepath.Join(dir, "db")))
		},
		"older copy": func(t *testing.T, dir string) {
			t.Helper()
			bringBackOlder(t, dir)
		},
	}
	for name, rollBack := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filled(t)
			rollBack(t, dir)
			for range 2 { // also having been refused once
				_, err := badgerstore.Open(badgerstore.Config{Dir: dir})
				if !errors.Is(err, badgerstore.ErrRolledBack) || !strings.Contains(err.Error(), "backup") {
					t.Fatalf("Open = %v, want ErrRolledBack and what to do", err)
				}
			}
			s := openStore(t, badgerstore.Config{Dir: dir, AcceptRollback: true})
			putNumbered(t, s, 12)
			closeStore(t, s)
			openStore(t, badgerstore.Config{Dir: dir})
		})
	}
}

// bringBackOlder writes once more and then puts the database from before in
// place, under the new mark.
func bringBackOlder(t *testing.T, dir string) {
	t.Helper()
	mark := filepath.Join(dir, "high-water")
	old := t.TempDir()
	copySparse(t, dir, old)
	s := openStore(t, badgerstore.Config{Dir: dir})
	putNumbered(t, s, 11)
	closeStore(t, s)
	data, err := os.ReadFile(mark)
	if err = errors.Join(err, os.RemoveAll(filepath.Join(dir, "db"))); err != nil {
		t.Fatal(err)
	}
	copySparse(t, old, dir)
	if err := os.WriteFile(mark, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func emptyStore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	closeStore(t, openStore(t, badgerstore.Config{Dir: dir}))
	return dir
}

func TestADamagedMarkIsRefusedUnlessSomebodyAcceptsIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "0", "tollgate high-water 1 5\n", "tollgate high-water 1 5 00000000\n", "tollgate high-water 2 5"} {
		for name, dir := range map[string]string{"filled": filled(t), "empty": emptyStore(t)} {
			if err := os.WriteFile(filepath.Join(dir, "high-water"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := badgerstore.Open(badgerstore.Config{Dir: dir}); !errors.Is(err, badgerstore.ErrDamagedMark) {
				t.Errorf("%s with the mark %q: Open = %v, want ErrDamagedMark", name, text, err)
			}
			closeStore(t, openStore(t, badgerstore.Config{Dir: dir, AcceptRollback: true}))
			closeStore(t, openStore(t, badgerstore.Config{Dir: dir}))
		}
	}
}

func TestAMissingMarkIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := filled(t)
	mark := filepath.Join(dir, "high-water")
	before, err := os.ReadFile(mark)
	if err = errors.Join(err, os.Remove(mark)); err != nil {
		t.Fatal(err)
	}
	openStore(t, badgerstore.Config{Dir: dir})
	after, err := os.ReadFile(mark)
	if err != nil || string(after) != string(before) {
		t.Errorf("mark is %q, %v, want %q", after, err, before)
	}
}

// TestTheMarkFollowsWithinASecondOrSo waits for a real second.
func TestTheMarkFollowsWithinASecondOrSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, badgerstore.Config{Dir: dir})
	putNumbered(t, s, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		data, err := os.ReadFile(filepath.Join(dir, "high-water"))
		if err == nil && strings.HasPrefix(string(data), "tollgate high-water 1 1 ") {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the mark is %q, %v", data, err)
		}
	}
}

// TestALogThatWasNeverFilledIsOpenedAtTheSecondTry plays what a power cut
// leaves behind when a log file was made and its size did not reach the disk.
func TestALogThatWasNeverFilledIsOpenedAtTheSecondTry(t *testing.T) {
	t.Parallel()
	dir := filled(t)
	if err := os.WriteFile(filepath.Join(dir, "db", "00099.mem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// In a process of its own, for the first try leaves goroutines behind.
	if out, err := child(t, "TestChildOpensAndReads", "read", "STORE_DIR="+dir).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestChildOpensAndReads(t *testing.T) {
	if os.Getenv(childEnv) != "read" {
		t.Skip("not a test of its own: TestALogThatWasNeverFilledIsOpenedAtTheSecondTry runs it as a process")
	}
	readAll(t, openStore(t, badgerstore.Config{Dir: os.Getenv("STORE_DIR")}), 10)
}

func TestAnotherLayoutIsRefused(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*badger.Txn) error{
		"older":   func(txn *badger.Txn) error { return txn.Set([]byte("v"), []byte{1}) },
		"newer":   func(txn *badger.Txn) error { return txn.Set([]byte("v"), []byte{3}) },
		"missing": func(txn *badger.Txn) error { return txn.Delete([]byte("v")) },
		"odd":     func(txn *badger.Txn) error { return txn.Set([]byte("v"), []byte("10")) },
	} {
		dir := filled(t)
		db, err := badger.Open(bareOptions(dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Update(set), db.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err := badgerstore.Open(badgerstore.Config{Dir: dir}); !errors.Is(err, badgerstore.ErrLayout) {
			t.Errorf("%s: Open = %v, %v, want ErrLayout", name, s, err)
		}
	}
}

// bareOptions are those under which a test opens the database of a store that
// is closed. Badger's own lock can be held by a child that is being started.
func bareOptions(dir string) badger.Options {
	return badger.DefaultOptions(filepath.Join(dir, "db")).WithLogger(nil).WithMetricsEnabled(false).WithBypassLockGuard(true)
}

// TestARecordUnderAnotherHashIsRefused swaps two good records.
func TestARecordUnderAnotherHashIsRefused(t *testing.T) {
	t.Parallel()
	dir := filled(t)
	one, two := numbered(1).Hash, numbered(2).Hash
	db, err := badger.Open(bareOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get(append([]byte("h"), one[:]...))
		if err != nil {
			return err
		}
		data, err := item.ValueCopy(nil)
		return errors.Join(err, txn.Set(append([]byte("h"), two[:]...), data))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, badgerstore.Config{Dir: dir})
	if tok, err := s.ByHash(t.Context(), two); err == nil || errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByHash = %+v, %v, want an error that is not ErrUnknown", tok, err)
	}
	if tok, err := s.ByID(t.Context(), numbered(2).ID); err == nil || errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByID = %+v, %v, want an error that is not ErrUnknown", tok, err)
	}
	if _, err := s.List(t.Context(), tokens.Query{Owner: "ada"}); err == nil {
		t.Error("List succeeds")
	}
}

func TestRestartWithManyTokensKeepsAll(t *testing.T) {
	t.Parallel()
	const n = 20_000
	dir := t.TempDir()
	s := openStore(t, badgerstore.Config{Dir: dir})
	var wait sync.WaitGroup
	for worker := range 256 {
		wait.Go(func() {
			for i := worker; i < n; i += 256 {
				if _, err := s.Put(t.Context(), numbered(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	closeStore(t, s)
	s = openStore(t, badgerstore.Config{Dir: dir})
	readAll(t, s, n)
	if lsm, _ := s.Size(); lsm == 0 {
		t.Error("Size says that nothing is stored")
	}
}

func TestObserverIsToldOfEveryOperation(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards seen
	seen := map[string]int{}
	clock := time.UnixMilli(1_900_000_000_000)
	s := openStore(t, badgerstore.Config{
		Dir: t.TempDir(),
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			clock = clock.Add(time.Millisecond)
			return clock
		},
		Observe: func(op string, took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			seen[fmt.Sprint(op, " ", err != nil)]++
			if took <= 0 {
				t.Errorf("%s took %v", op, took)
			}
		},
	})
	putNumbered(t, s, 1)
	ctx := t.Context()
	_, _ = s.Put(ctx, numbered(1))
	_, _ = s.ByHash(ctx, numbered(1).Hash)
	_, _ = s.ByID(ctx, numbered(2).ID)
	_, _ = s.List(ctx, tokens.Query{After: "bad"})
	_, _ = s.Purge(ctx, revokedAt())
	_ = s.Users().Put(ctx, "", nil)
	_ = s.Users().Delete(ctx, "")
	_, _ = s.Users().All(ctx)
	_ = s.AddUsages(ctx, []tokens.Usage{{ID: numbered(2).ID, Count: 1}})
	_, _ = s.Usages(ctx, []tokens.ID{numbered(1).ID})
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{
		"put false", "commit false", "put true", "by_hash false", "by_id true", "list true",
		"purge false", "users_put true", "users_delete true", "users_all false", "add_usages false", "usages false",
	} {
		if seen[want] != 1 {
			t.Errorf("%s: seen %d times, want once (%v)", want, seen[want], seen)
		}
	}
}
