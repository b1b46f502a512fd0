// Package badgerstore keeps tokens and user accounts in an embedded Badger
// database. A write is on the disk when it is acknowledged, and a store that
// has lost acknowledged writes is not opened unless somebody says so. A Replica
// is a copy of what several gateways share in an engine: read in the same way,
// fed by whoever follows the engine, and thrown away on any doubt.
package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
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
	reader
	cfg    Config
	db     *badger.DB
	lock   dirLock // on the directory of the database
	counts *counts

	// Used by the keeper, and by Close after that has ended.
	mark       highWater
	markFailed bool

	// commit hands a transaction to Badger, discards it and calls the function
	// with its end: badger.Txn.CommitWith, but for tests.
	commit func(*badger.Txn, func(error))

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
	if !s.shut() {
		return nil
	}
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
	return errors.Join(err, s.lock.release())
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
	return sizeOf(s.cfg.dbDir())
}
