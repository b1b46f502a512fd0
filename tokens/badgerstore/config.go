package badgerstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// DefaultMinFree is the room that Open asks for when Config says nothing.
const DefaultMinFree = 256 << 20

// Sizes of Badger's parts. memTableSize must never become smaller: Badger
// ends the process when it replays a log that was written with a larger one.
const (
	memTableSize     = 16 << 20
	valueLogFileSize = 64 << 20
	// closingRoom is what Badger needs to write out its tables in memory.
	closingRoom = 3 * memTableSize
)

// Config says where a store lives and whom it tells. Only Dir is required.
type Config struct {
	// Dir is the directory of this store alone. Open makes it, with mode
	// 0700. Badger's files are in its folder db, the file high-water beside
	// them.
	Dir string

	// Now is the clock; nil = time.Now.
	Now func() time.Time

	// MinFree is the room in bytes that Open asks for; zero =
	// DefaultMinFree. A running store takes new tokens, user accounts and
	// usages down to a half of it, and changes and removals of tokens down to
	// three eighths: whoever ran out of room can still revoke. The rest is
	// for Badger, which dies if it has no room for its own housekeeping.
	MinFree uint64

	// AcceptRollback opens a store that has lost writes it had
	// acknowledged, which Open refuses otherwise. Tokens revoked by one of
	// the lost writes are live again.
	AcceptRollback bool

	// FreeSpace returns the bytes that may be written below a directory;
	// nil = what the file system says.
	FreeSpace func(dir string) (uint64, error)

	// Observe is told of every operation: by_hash, by_id, put, list, purge,
	// add_usages, usages, users_all, users_put, users_delete and commit, how
	// long it took and how it ended. It is called by many goroutines at a
	// time and must not block. nil = nobody.
	Observe func(op string, took time.Duration, err error)

	// Log takes the warnings and errors of Badger, one line each; nil =
	// nobody.
	Log func(line string)
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("token store: no directory is given")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MinFree == 0 {
		c.MinFree = DefaultMinFree
	}
	if c.FreeSpace == nil {
		c.FreeSpace = freeSpace
	}
	return c, nil
}

func (c Config) dbDir() string { return filepath.Join(c.Dir, "db") }

// roomToGrow is the room below which nothing new is taken.
func (c Config) roomToGrow() uint64 { return c.MinFree / 2 }

// roomToChange is the room below which no token can be changed or removed.
func (c Config) roomToChange() uint64 { return c.MinFree / 8 * 3 }

// badgerOptions returns the settings under which a directory is always opened.
// The checksums of all tables are verified when they are opened: a damaged
// block could otherwise hide the newest version of a record and show an older
// one, in which a revoked token is live. Verifying each read as well would not
// help: Badger takes a block that fails for one that has not got the key. Who
// opens the directory locks it.
func (c Config) badgerOptions() badger.Options {
	return badger.DefaultOptions(c.dbDir()).
		WithSyncWrites(true).
		WithBypassLockGuard(true).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false).
		WithCompression(options.None).
		WithChecksumVerificationMode(options.OnTableRead).
		WithMemTableSize(memTableSize).
		WithValueLogFileSize(valueLogFileSize).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(5).
		WithNumCompactors(2).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithMetricsEnabled(false).
		WithLogger(logger{c.Log})
}

// freeSpace asks the file system, counting what an ordinary process may use.
func freeSpace(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return st.Bavail * uint64(st.Bsize), nil //nolint:gosec // a block size is positive
}

// logger hands on what Badger thinks somebody should know.
type logger struct{ line func(string) }

func (l logger) Errorf(format string, args ...any)   { l.print("error", format, args) }
func (l logger) Warningf(format string, args ...any) { l.print("warning", format, args) }
func (logger) Infof(string, ...any)                  {}
func (logger) Debugf(string, ...any)                 {}

func (l logger) print(level, format string, args []any) {
	if l.line != nil {
		l.line("badger: " + level + ": " + fmt.Sprintf(format, args...))
	}
}
