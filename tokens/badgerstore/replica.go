package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

// ErrReplicaDamaged says that what a replica holds cannot be read or is torn.
// It has to be loaded anew. Test with errors.Is.
var ErrReplicaDamaged = errors.New("replica is damaged")

// ReplicaConfig says where a replica lives and whom it tells. Only Dir is
// required.
type ReplicaConfig struct {
	// Dir is the directory of this replica alone. OpenReplica makes it, with
	// mode 0700, and removes generations in it that are not in force.
	Dir string

	// Now is the clock; nil = time.Now.
	Now func() time.Time

	// MinFree is the room in bytes that OpenReplica and Begin ask for; zero =
	// DefaultMinFree. A generation is loaded down to a half of it, and changes
	// are taken down to three eighths.
	MinFree uint64

	// FreeSpace returns the bytes that may be written below a directory;
	// nil = what the file system says.
	FreeSpace func(dir string) (uint64, error)

	// Observe is told of every operation: by_hash, by_id, list, usages,
	// accounts, each, apply, add and flip, how long it took and how it ended.
	// It is called by many goroutines at a time and must not block. nil =
	// nobody.
	Observe func(op string, took time.Duration, err error)

	// Log takes what was thrown away and why, and the warnings and errors of
	// Badger, one line each; nil = nobody.
	Log func(line string)
}

// Replica is what one gateway has on its own disk of the tokens, usages and
// user accounts of an engine that several share. It reads as a Store does and
// is written by who feeds it alone. It is a copy and nothing more: whatever of
// it cannot be trusted is thrown away. OpenReplica makes one, whoever opened it
// closes it; it is safe for concurrent use. The zero value is not usable.
type Replica struct {
	reader
	cfg  Config
	boot string  // this start of the machine; empty = unknown
	lock dirLock // held while the replica is open

	current atomic.Pointer[generation] // in force

	writing sync.Mutex  // held by who writes; guards what follows
	last    uint64      // number of the newest generation
	loading *Generation // nil = none
	retired sync.WaitGroup
}

// OpenReplica opens the replica in a directory. One that cannot be trusted is
// thrown away, with a line to Log, and begins empty: after a crash of the
// machine, with damaged files, with another layout. It refuses with ErrInUse,
// tokens.ErrStoreFull, or what the system says when it may not write.
func OpenReplica(cfg ReplicaConfig) (*Replica, error) {
	r, err := openReplica(cfg, bootID())
	if err != nil {
		return nil, fmt.Errorf("open replica in %s: %w", cfg.Dir, err)
	}
	return r, nil
}

func openReplica(from ReplicaConfig, boot string) (*Replica, error) {
	cfg, err := Config{
		Dir: from.Dir, Now: from.Now, MinFree: from.MinFree, FreeSpace: from.FreeSpace, Observe: from.Observe, Log: from.Log,
	}.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDirs(cfg.Dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	r := &Replica{
		reader: reader{now: cfg.Now, told: cfg.Observe, byName: firstNamed},
		cfg:    cfg, boot: boot, lock: lock,
	}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return r, nil
}

func (r *Replica) open() error {
	kept := r.trusted()
	if err := r.sweep(kept); err != nil {
		return err
	}
	if err := checkRoom(r.cfg, r.cfg.Dir); err != nil {
		return err
	}
	g, err := r.reopen(kept)
	if err == nil && g == nil {
		g, err = r.create()
	}
	if err != nil {
		return err
	}
	if err := r.stand(g.number, trustBoot); err != nil {
		return errors.Join(err, g.close())
	}
	r.current.Store(g)
	r.show(g.snapshot())
	return nil
}

// trusted returns the number of the generation that is in force and can be
// believed; zero = there is none.
func (r *Replica) trusted() uint64 {
	s, err := loadStanding(r.cfg.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0
	case err != nil:
		r.note("what it holds is thrown away: " + err.Error())
		return 0
	case s.believes(r.boot):
		return s.generation
	}
	r.note("what it holds is thrown away: it was not closed, and the machine was started again since or cannot tell, " +
		"or opening it failed before, or it was damaged")
	return 0
}

// sweep removes all generations but one and finds out the highest number.
func (r *Replica) sweep(kept uint64) error {
	files, err := os.ReadDir(r.cfg.Dir)
	if err != nil {
		return err
	}
	r.last = kept
	for _, f := range files {
		digits, ours := strings.CutPrefix(f.Name(), generationPrefix)
		number, err := strconv.ParseUint(digits, 10, 64)
		if !ours || err != nil {
			continue
		}
		r.last = max(r.last, number)
		if number == kept {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.cfg.Dir, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// reopen opens the generation in force. It returns none if there is none, or
// if that had to be thrown away.
func (r *Replica) reopen(number uint64) (*generation, error) {
	if number == 0 {
		return nil, nil //nolint:nilnil // none is no fault
	}
	if err := r.stand(number, trustNever); err != nil {
		return nil, err
	}
	g, err := reopenGeneration(r.cfg, number)
	switch {
	case err == nil:
		return g, nil
	case !errors.Is(err, errNoPosition): // such a one had nothing yet
		r.note("what it holds is thrown away: " + err.Error())
	}
	return nil, os.RemoveAll(filepath.Join(r.cfg.Dir, generationPrefix+strconv.FormatUint(number, 10)))
}

// create is called with writing held, or by who opens.
func (r *Replica) create() (*generation, error) {
	r.last++
	return createGeneration(r.cfg, r.last)
}

// stand makes a generation the one in force.
func (r *Replica) stand(number uint64, t trust) error {
	s := standing{generation: number, trust: t}
	if t == trustBoot {
		s.boot = r.boot
	}
	return s.save(r.cfg.Dir)
}

func (r *Replica) note(line string) {
	if r.cfg.Log != nil {
		r.cfg.Log("replica in " + r.cfg.Dir + ": " + line)
	}
}

// Position returns up to where the replica has what happened: all reads that
// start from now on see at least that. Zero = it has nothing, or is damaged:
// load it.
func (r *Replica) Position() feed.Position {
	g := r.current.Load()
	if g.damage.Load() != nil {
		return feed.Position{}
	}
	return *g.position.Load()
}

// Healthy returns nil, or what wraps ErrReplicaDamaged once a read or a write
// has met with damage, until a new generation is in force. Reads of what is
// not damaged go on.
func (r *Replica) Healthy() error {
	if err := r.current.Load().damage.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrReplicaDamaged, *err)
	}
	return nil
}

// Accounts returns every user account by the name of its user. Names and bytes
// are the caller's own. tokens.ErrStoreClosed.
func (r *Replica) Accounts(ctx context.Context) (accounts map[string][]byte, err error) {
	defer r.observe("accounts")(&err)
	if accounts, err = r.accounts(ctx); err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	return accounts, nil
}

// Counts is as that of a Store: right after OpenReplica all numbers are too
// low. After a Flip they are complete.
func (r *Replica) Counts(now time.Time) (active, expired, revoked int) {
	return r.current.Load().counts.at(now)
}

// Size returns the bytes that the tables with their logs, and the value log,
// of the generation in force take on the disk. It is zero for what cannot be
// read.
func (r *Replica) Size() (lsm, vlog int64) { return sizeOf(r.current.Load().cfg.dbDir()) }

// Close ends the replica: all later calls get tokens.ErrStoreClosed, and what
// was being loaded is discarded. If there is no room for what Badger writes at
// its end, the database is left as it is, which loses nothing unless the
// machine is started again, and its directory stays locked until the process
// ends. Closing twice does nothing.
func (r *Replica) Close() error {
	if !r.shut() {
		return nil
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	var err error
	if r.loading != nil {
		err = r.loading.drop()
	}
	r.retired.Wait()
	r.newest.Load().leave()
	g := r.current.Load()
	if free, spaceErr := r.cfg.FreeSpace(r.cfg.Dir); spaceErr == nil && free < closingRoom {
		return errors.Join(err, fmt.Errorf("close %s: %w: %d bytes are free, the database is left unclosed",
			g.cfg.Dir, tokens.ErrStoreFull, free))
	}
	return errors.Join(err, r.finish(g), r.lock.release())
}

// finish closes the generation in force. Only what is all on the disk is
// trusted whatever happens to the machine.
func (r *Replica) finish(g *generation) error {
	if err := g.close(); err != nil {
		return err
	}
	if g.damage.Load() != nil {
		return r.stand(g.number, trustNever)
	}
	if err := g.sync(); err != nil {
		return err
	}
	return r.stand(g.number, trustAlways)
}
