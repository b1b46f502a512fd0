package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

// lines gathers what a replica logs.
type lines struct {
	mu  sync.Mutex // guards all
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// leave makes a replica with one token, at position 5, and closes it.
func leave(t *testing.T, boot string) (dir string, tok *tokens.Token) {
	t.Helper()
	dir, tok = filepath.Join(t.TempDir(), "replica"), fedTokenAt(1, 5)
	r, err := openReplica(ReplicaConfig{Dir: dir}, boot)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, r, 5, came(tok)...)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, tok
}

// unclosed makes what a crash leaves of a replica with one token: a copy of
// one that is open.
func unclosed(t *testing.T, boot string) (dir string, tok *tokens.Token) {
	t.Helper()
	dir, tok = t.TempDir(), fedTokenAt(1, 5)
	live := t.TempDir()
	r, err := openReplica(ReplicaConfig{Dir: live}, boot)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, r, 5, came(tok)...)
	if err := os.CopyFS(dir, os.DirFS(live)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, tok
}

func TestWhatIsTrustedAfterAnEnd(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		leave      func(*testing.T, string) (string, *tokens.Token)
		then, now  string
		trusted    bool
		spoil      func(dir string) error
		mentioning string // in the log, if it is thrown away
	}{
		"closed":                              {leave, "a", "a", true, nil, ""},
		"closed, another start":               {leave, "a", "b", true, nil, ""},
		"closed, starts unknown":              {leave, "", "", true, nil, ""},
		"killed":                              {unclosed, "a", "a", true, nil, ""},
		"killed, another start":               {unclosed, "a", "b", false, nil, "not closed"},
		"killed, starts unknown":              {unclosed, "", "", false, nil, "not closed"},
		"killed, start unknown now":           {unclosed, "a", "", false, nil, "not closed"},
		"closed, the name of it damaged":      {leave, "a", "a", false, spoilStanding, "damaged"},
		"closed, the name of it gone":         {leave, "a", "a", false, removeStanding, ""},
		"closed, found damaged":               {leave, "a", "a", false, distrustStanding, "damaged"},
		"closed, its files gone":              {leave, "a", "a", false, removeFiles, "layout"},
		"closed, its tables gone":             {leave, "a", "a", false, removeTables, "no such file"},
		"closed, of another layout":           {leave, "a", "a", false, otherLayout, "layout"},
		"closed, with a position of 15 bytes": {leave, "a", "a", false, shortPosition, ""},
		"closed, named by another version":    {leave, "a", "a", false, otherVersion, "another version"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, tok := row.leave(t, row.then)
			if row.spoil != nil {
				if err := row.spoil(dir); err != nil {
					t.Fatal(err)
				}
			}
			var log lines
			r, err := openReplica(ReplicaConfig{Dir: dir, Log: log.add}, row.now)
			if err != nil {
				t.Fatalf("OpenReplica = %v", err)
			}
			<-r.current.Load().counts.ready // which testReplica would wait for
			if row.trusted {
				shows(t, r, name, tok)
			} else {
				shows(t, r, name)
			}
			if got := r.Position(); row.trusted && got != at(5) || !row.trusted && got != (feed.Position{}) {
				t.Errorf("position is %+v", got)
			}
			if text := log.text(); !strings.Contains(text, row.mentioning) || row.trusted && text != "" {
				t.Errorf("log is %q, want %q in it", text, row.mentioning)
			}
			apply(t, r, 6, came(fedTokenAt(2, 6))...)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if names := generations(t, dir); len(names) != 1 {
				t.Errorf("left are %v, want one", names)
			}
			again := testReplica(t, ReplicaConfig{Dir: dir})
			if got := again.Position(); got != at(6) {
				t.Errorf("opened again, position is %+v", got)
			}
		})
	}
}

func current(dir string) string { return filepath.Join(dir, currentName) }

func spoilStanding(dir string) error {
	return os.WriteFile(current(dir), []byte("tollgate replica 1 1 always  00000000\n"), 0o600)
}

func removeStanding(dir string) error { return os.Remove(current(dir)) }

func distrustStanding(dir string) error { return standing{1, trustNever, ""}.save(dir) }

func removeFiles(dir string) error { return os.RemoveAll(filepath.Join(dir, generationPrefix+"1")) }

func removeTables(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, generationPrefix+"1", "db", "*.sst"))
	if err != nil || len(tables) == 0 {
		return errors.New("there are none")
	}
	for _, path := range tables {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func otherVersion(dir string) error {
	s, err := loadStanding(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(current(dir), []byte(strings.Replace(s.text(), "replica 1", "replica 2", 1)), 0o600)
}

func otherLayout(dir string) error {
	return below(dir, func(txn *badger.Txn) error { return txn.Set([]byte{kindLayout}, []byte{layoutVersion}) })
}

func shortPosition(dir string) error {
	return below(dir, func(txn *badger.Txn) error { return txn.Set([]byte{kindPosition}, make([]byte, 15)) })
}

// below writes to the first generation of a replica that is closed.
func below(dir string, write func(*badger.Txn) error) error {
	cfg := Config{Dir: filepath.Join(dir, generationPrefix+"1")}
	db, err := badger.Open(generationOptions(cfg).WithLogger(nil))
	if err != nil {
		return err
	}
	return errors.Join(db.Update(write), db.Close())
}

// TestWhatMakesOpeningFailIsNotTriedTwice: the standing says so while a
// generation is being opened, which Badger can end the process by.
func TestWhatMakesOpeningFailIsNotTriedTwice(t *testing.T) {
	t.Parallel()
	dir, _ := leave(t, "a")
	var during []standing
	r, err := openReplica(ReplicaConfig{Dir: dir}, "a")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := loadStanding(dir); err != nil || s != (standing{1, trustBoot, "a"}) {
		t.Errorf("while it is open: %+v, %v", s, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := loadStanding(dir); err != nil || s != (standing{1, trustAlways, ""}) {
		t.Errorf("closed: %+v, %v", s, err)
	}
	probe := &Replica{cfg: Config{Dir: dir, Log: func(string) {
		s, _ := loadStanding(dir)
		during = append(during, s)
	}}}
	if err := removeTables(dir); err != nil {
		t.Fatal(err)
	}
	if g, err := probe.reopen(1); g != nil || err != nil {
		t.Errorf("reopen = %v, %v", g, err)
	}
	if len(during) == 0 || during[len(during)-1].trust != trustNever {
		t.Errorf("while it was opened: %+v, want that it is not trusted", during)
	}
}

func TestOnlyItsOwnIsRemoved(t *testing.T) {
	t.Parallel()
	dir, tok := leave(t, "a")
	others := []string{"db", "generation-x", "generation", "9", "generation-7-old"}
	stale := []string{"generation-0", "generation-7", "generation-18446744073709551614"}
	for _, name := range append(others, stale...) {
		if err := os.MkdirAll(filepath.Join(dir, name, "db"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r := testReplica(t, ReplicaConfig{Dir: dir})
	shows(t, r, "beside others", tok)
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v, want it left alone", name, err)
		}
	}
	for _, name := range stale {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want it removed", name, err)
		}
	}
	flip(t, r, 6, came(tok)...)
	shows(t, r, "after a flip", tok)
}

func TestAReplicaIsForOneProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testReplica(t, ReplicaConfig{Dir: dir})
	tok := fedTokenAt(1, 1)
	apply(t, r, 1, came(tok)...)
	g := newGeneration(t, r)
	if _, err := OpenReplica(ReplicaConfig{Dir: dir}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second opener: %v, want ErrInUse and the directory", err)
	}
	if err := g.Add(t.Context(), came(tok)); err != nil {
		t.Error(err)
	}
	if err := g.Flip(t.Context(), at(2)); err != nil {
		t.Error(err)
	}
	shows(t, r, "undisturbed", tok)
}

func TestDirectoriesOfAReplicaAreForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir, _ := leave(t, "a")
	for path, mode := range map[string]os.FileMode{
		"": 0o700, "generation-1": 0o700, "generation-1/db": 0o700, currentName: 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v, want mode %v", path, info, err, mode)
		}
	}
}

func TestWhatAReplicaIsNotOpenedFor(t *testing.T) {
	t.Parallel()
	if _, err := OpenReplica(ReplicaConfig{}); err == nil {
		t.Error("OpenReplica without a directory succeeds")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReplica(ReplicaConfig{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("OpenReplica of a file = %v", err)
	}
	dir, tok := leave(t, "a")
	for name, free := range map[string]func(string) (uint64, error){
		"no room":   func(string) (uint64, error) { return DefaultMinFree - 1, nil },
		"no answer": func(string) (uint64, error) { return 0, tokens.ErrStoreFull },
	} {
		if _, err := OpenReplica(ReplicaConfig{Dir: dir, FreeSpace: free}); !errors.Is(err, tokens.ErrStoreFull) {
			t.Errorf("%s: %v, want ErrStoreFull", name, err)
		}
	}
	shows(t, testReplica(t, ReplicaConfig{Dir: dir}), "after refusals", tok)
}

// TestAReplicaThatMayNotWriteIsNotThrownAway puts a directory where a file is to
// be written.
func TestAReplicaThatMayNotWriteIsNotThrownAway(t *testing.T) {
	t.Parallel()
	dir, tok := leave(t, "a")
	inTheWay := current(dir) + ".new"
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReplica(ReplicaConfig{Dir: dir}); err == nil || !strings.Contains(err.Error(), inTheWay) {
		t.Errorf("OpenReplica = %v, want what is in the way", err)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	shows(t, testReplica(t, ReplicaConfig{Dir: dir}), "with permission", tok)
}

func TestWithoutRoomAReplicaIsLeftUnclosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	full := false
	r, err := openReplica(ReplicaConfig{Dir: dir, FreeSpace: func(path string) (uint64, error) {
		if full {
			return closingRoom - 1, nil
		}
		return freeSpace(path)
	}}, "a")
	if err != nil {
		t.Fatal(err)
	}
	tok := fedTokenAt(1, 1)
	apply(t, r, 1, came(tok)...)
	full = true
	if err := r.Close(); !errors.Is(err, tokens.ErrStoreFull) {
		t.Errorf("Close = %v, want ErrStoreFull", err)
	}
	if s, err := loadStanding(dir); err != nil || s != (standing{1, trustBoot, "a"}) {
		t.Errorf("standing is %+v, %v", s, err)
	}
	if _, err := lockDir(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("the lock of what is unclosed: %v, want ErrInUse", err)
	}
	// So that Badger's goroutines do not outlive the test.
	if err := errors.Join(r.current.Load().close(), r.lock.release()); err != nil {
		t.Error(err)
	}
	shows(t, testReplica(t, ReplicaConfig{Dir: dir}), "under another start")
}

func TestSizeIsThatOfTheGenerationInForce(t *testing.T) {
	t.Parallel()
	r := testReplica(t, ReplicaConfig{})
	changes, _ := large(1)
	flip(t, r, 1, changes...)
	full, _ := r.Size()
	flip(t, r, 2)
	if empty, _ := r.Size(); full == 0 || empty >= full {
		t.Errorf("%d bytes, emptied %d", full, empty)
	}
}
