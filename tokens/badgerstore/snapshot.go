package badgerstore

import (
	"errors"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
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

	of *generation // whose it is; nil = a store's
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
	if s.users.Add(-1) > 0 {
		return
	}
	s.txn.Discard()
	if s.of != nil {
		s.of.snapshots.Done()
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
func (s *Store) renew() { s.show(newSnapshot(s.db)) }
