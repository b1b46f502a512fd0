package badgerstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// reader is the half of a store that reads. Each call reads one snapshot from
// its beginning to its end; whoever writes puts the newest one in place.
type reader struct {
	now    func() time.Time
	told   func(op string, took time.Duration, err error) // nil = nobody
	byName func(from *snapshot, owner, name string) (*tokens.Token, error)

	// life guards closed and is held for reading while the database is read:
	// Badger unmaps its files when it is closed.
	life   sync.RWMutex
	closed bool

	newest atomic.Pointer[snapshot]
}

// shut makes all calls from now on fail, and waits for those under way. It
// returns false if that was done before.
func (r *reader) shut() bool {
	r.life.Lock()
	defer r.life.Unlock()
	was := r.closed
	r.closed = true
	return !was
}

// enter returns the newest snapshot, which the reader outlives, for the caller
// to leave.
func (r *reader) enter(ctx context.Context) (*snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.life.RLock()
	if r.closed {
		r.life.RUnlock()
		return nil, tokens.ErrStoreClosed
	}
	for { // one that is discarded has been replaced before
		if newest := r.newest.Load(); newest.enter() {
			return newest, nil
		}
	}
}

func (r *reader) leave(from *snapshot) {
	from.leave()
	r.life.RUnlock()
}

func (r *reader) view(ctx context.Context, read func(*snapshot) error) error {
	from, err := r.enter(ctx)
	if err != nil {
		return err
	}
	defer r.leave(from)
	err = read(from)
	from.suspect(err)
	return err
}

// check says why nothing can be done.
func (r *reader) check(ctx context.Context) error {
	r.life.RLock()
	defer r.life.RUnlock()
	if r.closed {
		return tokens.ErrStoreClosed
	}
	return ctx.Err()
}

// show makes all reads that start from now on see a snapshot.
func (r *reader) show(fresh *snapshot) {
	if old := r.newest.Swap(fresh); old != nil {
		old.leave()
	}
}

// observe starts the clock of an operation; the function that it returns
// stops it.
func (r *reader) observe(op string) func(*error) {
	if r.told == nil {
		return func(*error) {}
	}
	start := r.now()
	return func(err *error) { r.told(op, r.now().Sub(start), *err) }
}

// ByHash implements tokens.Store.
func (r *reader) ByHash(ctx context.Context, h tokens.Hash) (t *tokens.Token, err error) {
	defer r.observe("by_hash")(&err)
	from, err := r.enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("token by hash: %w", err)
	}
	defer r.leave(from)
	if t, err = recordByHash(from, h); err != nil {
		from.suspect(err)
		return nil, fmt.Errorf("token by hash: %w", err)
	}
	return t, nil
}

// ByID implements tokens.Store.
func (r *reader) ByID(ctx context.Context, id tokens.ID) (t *tokens.Token, err error) {
	defer r.observe("by_id")(&err)
	if len(id) > record.MaxName {
		return nil, fmt.Errorf("token by id: %w", tokens.ErrUnknown)
	}
	err = r.view(ctx, func(from *snapshot) error {
		t, err = recordByID(from, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("token by id: %w", err)
	}
	return t, nil
}

// accounts returns every user account by the name of its user.
func (r *reader) accounts(ctx context.Context) (map[string][]byte, error) {
	accounts := make(map[string][]byte)
	err := r.view(ctx, func(from *snapshot) error {
		opts := badger.DefaultIteratorOptions
		opts.Prefix = []byte{kindUser}
		it := from.txn.NewIterator(opts)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			data, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			accounts[string(it.Item().Key()[1:])] = data
		}
		return nil
	})
	return accounts, err
}
