package badgerstore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// state is what a read or a plan sees of the database.
type state interface {
	// read calls use with the value of a key, which is valid for that long,
	// and returns its error, or badger.ErrKeyNotFound.
	read(key []byte, use func(value []byte) error) error
}

func isAbsent(err error) bool { return errors.Is(err, badger.ErrKeyNotFound) }

// snapshot is the database after one commit. All reads until the next commit
// share it: a transaction for each of them costs more than the look-up, and
// one that begins during a commit waits for its fsync. The writer puts a new
// one in place before it acknowledges a commit, so that no read that starts
// after that misses it.
type snapshot struct {
	txn *badger.Txn // for reading alone, which many goroutines may do at a time

	// users are those that read and the store, as long as it is the newest.
	// The last one out discards it; after that nobody gets in.
	users atomic.Int64
}

// newSnapshot waits for the commit that is under way.
func newSnapshot(db *badger.DB) *snapshot {
	s := &snapshot{txn: db.NewTransaction(false)}
	s.users.Store(1)
	return s
}

// enter reports whether s may be read: it may not if it has been discarded.
func (s *snapshot) enter() bool {
	for {
		n := s.users.Load()
		if n == 0 {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *snapshot) leave() {
	if s.users.Add(-1) == 0 {
		s.txn.Discard()
	}
}

func (s *snapshot) read(key []byte, use func([]byte) error) error {
	item, err := s.txn.Get(key)
	if err != nil {
		return err
	}
	return item.Value(use)
}

// renew puts a snapshot of what is committed in place. It is the writer's.
func (s *Store) renew() {
	s.newest.Swap(newSnapshot(s.db)).leave()
}

// enter returns the newest snapshot, which the store outlives, for the caller
// to leave.
func (s *Store) enter(ctx context.Context) (*snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return nil, tokens.ErrStoreClosed
	}
	for { // one that is discarded has been replaced before
		if newest := s.newest.Load(); newest.enter() {
			return newest, nil
		}
	}
}

func (s *Store) leave(from *snapshot) {
	from.leave()
	s.life.RUnlock()
}

func (s *Store) view(ctx context.Context, read func(*snapshot) error) error {
	from, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.leave(from)
	return read(from)
}
