package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens/feed"
	"tollgate/tokens/record"
)

const generationPrefix = "generation-"

// While a generation is loaded, tables come faster than they can be merged.
// They are merged more at a time than those of a store, which halves the cost
// of loading, and a look-up asks the filters of a few more of them.
const (
	loadingMemtables = 3
	loadingTables    = 8  // that have not been merged
	loadingStall     = 64 // the same, when writing waits
)

// generation is one loading of a replica: a database of its own.
type generation struct {
	number    uint64
	cfg       Config // its Dir is that of the generation
	db        *badger.DB
	counts    *counts
	stopping  chan struct{}
	scanning  sync.WaitGroup
	snapshots sync.WaitGroup // those that have not been discarded

	position atomic.Pointer[feed.Position]
	damage   atomic.Pointer[error] // what was found; nil = nothing
}

// generationOptions are those of a store that does not wait for the disk.
func generationOptions(cfg Config) badger.Options {
	return cfg.badgerOptions().
		WithSyncWrites(false).
		WithNumMemtables(loadingMemtables).
		WithNumLevelZeroTables(loadingTables).
		WithNumLevelZeroTablesStall(loadingStall)
}

func openGeneration(cfg Config, number uint64) (*generation, error) {
	cfg.Dir = filepath.Join(cfg.Dir, generationPrefix+strconv.FormatUint(number, 10))
	if err := makeDirs(cfg.Dir, cfg.dbDir()); err != nil {
		return nil, err
	}
	db, err := openBadger(generationOptions(cfg))
	if err != nil {
		return nil, err
	}
	g := &generation{number: number, cfg: cfg, db: db, counts: newCounts(), stopping: make(chan struct{})}
	g.position.Store(&feed.Position{})
	return g, nil
}

// create makes an empty generation.
func createGeneration(cfg Config, number uint64) (*generation, error) {
	g, err := openGeneration(cfg, number)
	if err != nil {
		return nil, err
	}
	close(g.counts.ready) // there is nothing to count
	err = g.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte{kindLayout}, layoutOfReplica()) })
	if err != nil {
		return nil, errors.Join(err, g.discard())
	}
	return g, nil
}

// reopenGeneration opens a generation that was in force, with its position.
func reopenGeneration(cfg Config, number uint64) (*generation, error) {
	g, err := openGeneration(cfg, number)
	if err != nil {
		return nil, err
	}
	scan := g.db.NewTransaction(false)
	g.scanning.Go(func() { g.counts.scan(scan, g.stopping) })
	at, err := g.stored()
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	g.position.Store(&at)
	return g, nil
}

func layoutOfReplica() []byte { return fmt.Appendf(nil, "replica %d", replicaLayout) }

var errNoPosition = errors.New("it has no position, or one that cannot be read")

// stored reads the layout and the position.
func (g *generation) stored() (at feed.Position, err error) {
	snap := g.snapshot()
	defer snap.leave()
	err = snap.read([]byte{kindLayout}, func(data []byte) error {
		if string(data) != string(layoutOfReplica()) {
			return ErrLayout
		}
		return nil
	})
	if err != nil {
		return at, fmt.Errorf("layout: %w", err)
	}
	err = snap.read([]byte{kindPosition}, func(data []byte) (err error) {
		at, err = parsePosition(data)
		return err
	})
	if isAbsent(err) {
		return at, errNoPosition
	}
	return at, err
}

// A position is the id of the cluster and the revision, 8 bytes each,
// big-endian, and the mark.
func positionValue(at feed.Position) []byte {
	b := binary.BigEndian.AppendUint64(nil, at.Cluster)
	return append(binary.BigEndian.AppendUint64(b, at.Revision), at.Mark...)
}

func parsePosition(data []byte) (feed.Position, error) {
	if len(data) < 16 {
		return feed.Position{}, errNoPosition
	}
	return feed.Position{
		Cluster:  binary.BigEndian.Uint64(data),
		Revision: binary.BigEndian.Uint64(data[8:]),
		Mark:     string(data[16:]),
	}, nil
}

// snapshot returns what is committed. It is called by nobody after the
// generation was closed.
func (g *generation) snapshot() *snapshot {
	g.snapshots.Add(1)
	s := newSnapshot(g.db)
	s.of = g
	return s
}

// suspect looks whether a read has met with damage.
func (s *snapshot) suspect(err error) {
	if err != nil && s.of != nil && isDamage(err) {
		s.of.damaged(err)
	}
}

func isDamage(err error) bool {
	return errors.Is(err, errIndex) || errors.Is(err, record.ErrDamaged) || errors.Is(err, record.ErrUsage)
}

// damaged remembers the first damage that was found, and says so.
func (g *generation) damaged(err error) {
	if g.damage.CompareAndSwap(nil, &err) {
		g.note(err)
	}
}

func (g *generation) note(err error) {
	if g.cfg.Log != nil {
		g.cfg.Log("replica in " + g.cfg.Dir + ": " + err.Error())
	}
}

// close waits for those that still read.
func (g *generation) close() error {
	close(g.stopping)
	g.scanning.Wait()
	g.snapshots.Wait()
	if err := g.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", g.cfg.dbDir(), err)
	}
	return nil
}

// discard closes the generation and removes its files.
func (g *generation) discard() error {
	return errors.Join(g.close(), os.RemoveAll(g.cfg.Dir))
}

// sync makes durable what the files of a closed generation hold.
func (g *generation) sync() error {
	files, err := os.ReadDir(g.cfg.dbDir())
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := syncDir(filepath.Join(g.cfg.dbDir(), f.Name())); err != nil {
			return err
		}
	}
	return errors.Join(syncDir(g.cfg.dbDir()), syncDir(g.cfg.Dir), syncDir(filepath.Dir(g.cfg.Dir)))
}
