package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// Why Open refuses, beside tokens.ErrStoreFull. Test with errors.Is.
var (
	// ErrInUse: another process has the directory open.
	ErrInUse = errors.New("another process uses this directory")
	// ErrRolledBack: writes are missing that had been acknowledged.
	ErrRolledBack = errors.New("acknowledged writes are missing")
	// ErrLayout: the directory was written by another version of tollgate.
	ErrLayout = errors.New("unknown layout of the token store")
)

// openTries is how often Badger is asked to open a directory: after a power
// cut it can fail once on a log file that was never filled and then succeed
// with everything there. https://github.com/dgraph-io/badger/issues/2207
const openTries = 2

// Open opens the store in a directory, or makes a new one if there never was
// one. It refuses with ErrInUse, tokens.ErrStoreFull, ErrRolledBack,
// ErrDamagedMark, ErrLayout, or whatever Badger found wrong with its files,
// and never begins anew where data has been.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := open(cfg)
	if err != nil {
		return nil, fmt.Errorf("open token store in %s: %w", cfg.Dir, err)
	}
	s.start()
	return s, nil
}

func open(cfg Config) (*Store, error) {
	if err := prepare(cfg); err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.dbDir())
	if err != nil {
		return nil, err
	}
	s, err := openLocked(cfg)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.lock = lock
	return s, nil
}

// openLocked opens what nobody else has open.
func openLocked(cfg Config) (*Store, error) {
	mark, err := loadMark(cfg.Dir)
	if err != nil && (!cfg.AcceptRollback || !errors.Is(err, ErrDamagedMark)) {
		return nil, fmt.Errorf("%w; whether writes are missing cannot be told: restore the file or the whole "+
			"directory from a backup, or start with the flag that accepts missing writes", err)
	}
	if !cfg.AcceptRollback && mark.saved > 0 && !hasDatabase(cfg) {
		return nil, rolledBack(0, mark.saved)
	}
	db, err := openBadger(cfg.badgerOptions())
	if err != nil {
		return nil, fmt.Errorf("%w; the files in %s cannot be read: restore a backup", err, cfg.dbDir())
	}
	s, err := newStore(cfg, db, mark)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// prepare makes the directories, for this user alone, and looks for room.
func prepare(cfg Config) error {
	if err := makeDirs(cfg.Dir, cfg.dbDir()); err != nil {
		return err
	}
	return checkRoom(cfg, cfg.dbDir())
}

// makeDirs makes directories for this user alone.
func makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory needs the x bit
			return err
		}
	}
	return nil
}

// checkRoom refuses to open where there is too little room.
func checkRoom(cfg Config, dir string) error {
	free, err := cfg.FreeSpace(dir)
	if err != nil {
		return err
	}
	if free < cfg.MinFree {
		return fmt.Errorf("%w: %d bytes are free, at least %d are needed to open it; make room and start again",
			tokens.ErrStoreFull, free, cfg.MinFree)
	}
	return nil
}

func hasDatabase(cfg Config) bool {
	_, err := os.Stat(filepath.Join(cfg.dbDir(), badger.ManifestFilename))
	return err == nil
}

func rolledBack(found, want uint64) error {
	return fmt.Errorf("%w: the database ends with commit %d, but commit %d was acknowledged; tokens may be missing "+
		"and revoked ones be live: restore a backup, or start with the flag that accepts missing writes",
		ErrRolledBack, found, want)
}

func openBadger(opts badger.Options) (*badger.DB, error) {
	var err error
	for range openTries {
		var db *badger.DB
		if db, err = tryBadger(opts); err == nil {
			return db, nil
		}
		// Badger flattens the errors of the system into text.
		if !strings.Contains(err.Error(), "Create a new file") {
			break
		}
	}
	return nil, err
}

// tryBadger turns the panics and crashes with which Badger meets some kinds of
// damage into errors.
func tryBadger(opts badger.Options) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("badger: %v", p)
		}
	}()
	if err := checkTables(opts); err != nil {
		return nil, err
	}
	return badger.Open(opts)
}

// newStore checks the database against the mark and brings the mark up to it.
func newStore(cfg Config, db *badger.DB, mark highWater) (*Store, error) {
	found, err := checkLayout(db)
	if err != nil {
		return nil, err
	}
	if found < mark.saved && !cfg.AcceptRollback {
		return nil, rolledBack(found, mark.saved)
	}
	if err := mark.save(found); err != nil {
		return nil, err
	}
	s := &Store{
		reader:   reader{now: cfg.Now, told: cfg.Observe, byName: heldName},
		cfg:      cfg,
		db:       db,
		counts:   newCounts(),
		mark:     mark,
		commit:   (*badger.Txn).CommitWith,
		queue:    make(chan *request, maxBatch),
		stopping: make(chan struct{}),
		written:  make(chan struct{}),
	}
	s.committed.Store(found)
	s.renew()
	return s, nil
}

// checkLayout returns the number of the last commit. An empty database gets
// the version of the layout.
func checkLayout(db *badger.DB) (uint64, error) {
	var found uint64
	err := db.Update(func(txn *badger.Txn) error {
		var err error
		if found, err = storedSequence(&snapshot{txn: txn}); err != nil {
			return err
		}
		item, err := txn.Get([]byte{kindLayout})
		if errors.Is(err, badger.ErrKeyNotFound) && found == 0 {
			return txn.Set([]byte{kindLayout}, []byte{layoutVersion})
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLayout, err)
		}
		return item.Value(func(data []byte) error {
			if len(data) != 1 || data[0] != layoutVersion {
				return fmt.Errorf("%w: version %v, known is %d", ErrLayout, data, layoutVersion)
			}
			return nil
		})
	})
	return found, err
}
