// Package badgerstore keeps tokens and user accounts in an embedded Badger
// database. A write is on the disk when it is acknowledged, and a store that
// has lost acknowledged writes is not opened unless somebody says so.
package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

const (
	markInterval = time.Second
	gcInterval   = time.Hour
	// gcDiscard is the share of a value log file that must be garbage to
	// have the file rewritten.
	gcDiscard = 0.5
)

// Store implements tokens.Store and tokens.UsageStore. Open makes one, whoever opened it closes it.
// The zero value is not usable.
type Store struct {
	cfg    Config
	db     *badger.DB
	counts *counts

	// Used by the keeper, and by Close after that has ended.
	mark       highWater
	markFailed bool

	// commit hands a transaction to Badger, discards it and calls the function
	// with its end: badger.Txn.CommitWith, but for tests.
	commit func(*badger.Txn, func(error))

	// life guards closed and is held for reading while the database is read:
	// Badger unmaps its files when it is closed.
	life   sync.RWMutex
	closed bool

	newest atomic.Pointer[snapshot] // the writer replaces it

	queue      chan *request
	requests   sync.Pool     // of *request that nobody refers to
	stopping   chan struct{} // closed: take no more writes
	written    chan struct{} // closed: the writer has ended
	background sync.WaitGroup

	committed atomic.Uint64         // number of the last commit that went well
	failure   atomic.Pointer[error] // of the last commit; nil = it went well
}

var (
	_ tokens.Store      = (*Store)(nil)
	_ tokens.UsageStore = (*Store)(nil)
)

// start starts the goroutines that Close stops.
func (s *Store) start() {
	go newWriter(s).run()
	s.background.Go(s.keep)
	s.background.Go(s.collect)
	snapshot := s.db.NewTransaction(false)
	s.background.Go(func() { s.counts.scan(snapshot, s.stopping) })
}

// keep writes the high-water mark once a second if it has moved, and tries
// whether writing works again after it failed.
func (s *Store) keep() {
	ticker := time.NewTicker(markInterval)
	defer ticker.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		select {
		case <-ticker.C:
		case <-s.stopping:
			return
		}
		s.saveMark()
		if s.failure.Load() != nil {
			_ = s.probe(ctx) // Healthy tells the result
		}
	}
}

// saveMark does not fail the store if there is no room for the mark: it is
// tried again, and until then detects less. The log has only the first of
// several failures in a row.
func (s *Store) saveMark() {
	err := s.mark.save(s.committed.Load())
	if err != nil && !s.markFailed && s.cfg.Log != nil {
		s.cfg.Log("token store: " + err.Error())
	}
	s.markFailed = err != nil
}

func (s *Store) collect() {
	ticker := time.NewTicker(gcInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.stopping:
			return
		}
		for s.db.RunValueLogGC(gcDiscard) == nil {
			if isClosed(s.stopping) {
				return
			}
		}
	}
}

// Close ends the store: calls that wait for a write that has not begun get
// tokens.ErrStoreClosed, as do all later ones. If there is no room for what
// Badger writes at its end, the database is left as it is, with everything
// that was acknowledged on the disk, and the error says so; its directory
// stays locked until the process ends. Closing twice does nothing.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return nil
	}
	s.closed = true
	s.life.Unlock()
	close(s.stopping)
	<-s.written
	s.background.Wait()
	s.newest.Load().leave()

	err := s.mark.save(s.committed.Load())
	if free, spaceErr := s.cfg.FreeSpace(s.cfg.dbDir()); spaceErr == nil && free < closingRoom {
		return errors.Join(err, fmt.Errorf("close %s: %w: %d bytes are free, the database is left unclosed "+
			"and loses nothing by that", s.cfg.Dir, tokens.ErrStoreFull, free))
	}
	if dbErr := s.db.Close(); dbErr != nil {
		err = errors.Join(err, fmt.Errorf("close %s: %w", s.cfg.dbDir(), dbErr))
	}
	return err
}

// ByHash implements tokens.Store.
func (s *Store) ByHash(ctx context.Context, h tokens.Hash) (t *tokens.Token, err error) {
	defer s.observe("by_hash")(&err)
	from, err := s.enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("token by hash: %w", err)
	}
	defer s.leave(from)
	if t, err = recordByHash(from, h); err != nil {
		return nil, fmt.Errorf("token by hash: %w", err)
	}
	return t, nil
}

// ByID implements tokens.Store.
func (s *Store) ByID(ctx context.Context, id tokens.ID) (t *tokens.Token, err error) {
	defer s.observe("by_id")(&err)
	if len(id) > record.MaxName {
		return nil, fmt.Errorf("token by id: %w", tokens.ErrUnknown)
	}
	err = s.view(ctx, func(from *snapshot) error {
		t, err = recordByID(from, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("token by id: %w", err)
	}
	return t, nil
}

// observe starts the clock of an operation; the function that it returns
// stops it.
func (s *Store) observe(op string) func(*error) {
	if s.cfg.Observe == nil {
		return func(*error) {}
	}
	start := s.cfg.Now()
	return func(err *error) { s.cfg.Observe(op, s.cfg.Now().Sub(start), *err) }
}

// Healthy returns nil while the store is open and its last commit went well.
// A store that is full is healthy: it reads.
func (s *Store) Healthy() error {
	if isClosed(s.stopping) {
		return tokens.ErrStoreClosed
	}
	if err := s.failure.Load(); err != nil {
		return fmt.Errorf("token store cannot write: %w", *err)
	}
	return nil
}

// Counts returns how many tokens are active, expired and revoked at a time.
// One that is disabled or whose time has not come counts as active, for it can
// be used yet; one that was used up counts as expired from its last use on.
// Revoked ones are exact; between active and expired the end of a token counts
// by the whole minute. Right after Open, until the tokens have been counted in
// the background, all numbers are too low.
func (s *Store) Counts(now time.Time) (active, expired, revoked int) {
	return s.counts.at(now)
}

// Size returns the bytes that the tables with their logs, and the value log,
// take on the disk. It is zero for what cannot be read.
func (s *Store) Size() (lsm, vlog int64) {
	files, err := os.ReadDir(s.cfg.dbDir())
	if err != nil {
		return 0, 0
	}
	for _, f := range files {
		switch filepath.Ext(f.Name()) {
		case ".sst", ".mem":
			lsm += allocated(f)
		case ".vlog":
			vlog += allocated(f)
		}
	}
	return lsm, vlog
}

// allocated returns what a file really takes: Badger's logs are sparse.
func allocated(f fs.DirEntry) int64 {
	info, err := f.Info()
	if err != nil {
		return 0
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512 // stat(2): always units of 512 bytes
	}
	return info.Size()
}
