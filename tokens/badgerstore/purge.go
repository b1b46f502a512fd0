package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// maxPurge is the number of tokens that one call of Purge removes at most.
const maxPurge = 1000

// errStays says that a token is not to be purged after all.
var errStays = errors.New("token has not ended")

// Purge implements tokens.Store. Each token goes in a write of its own, so
// that an error or the end of the context leaves part of the work done.
func (s *Store) Purge(ctx context.Context, before time.Time) (removed int, err error) {
	defer s.observe("purge")(&err)
	limit := endLimit(before)
	for removed < maxPurge {
		ids, err := s.ended(ctx, limit, maxPurge-removed)
		if err != nil {
			return removed, fmt.Errorf("purge tokens: %w", err)
		}
		if len(ids) == 0 {
			return removed, nil
		}
		n, err := s.removeAll(ctx, ids, limit)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("purge tokens: %w", err)
		}
	}
	return removed, nil
}

// endLimit returns the first end that is not before a time.
func endLimit(before time.Time) uint64 {
	if before.UnixMilli() < 0 {
		return 0
	}
	limit := record.Millis(before)
	if before.Truncate(time.Millisecond).Before(before) {
		limit++
	}
	return limit
}

// ended returns the ids of tokens that end before the limit.
func (s *Store) ended(ctx context.Context, limit uint64, most int) ([]tokens.ID, error) {
	var ids []tokens.ID
	err := s.view(ctx, func(from *snapshot) error {
		it := newEndIterator(from.txn)
		defer it.Close()
		for it.Rewind(); it.Valid() && len(ids) < most; it.Next() {
			at, err := positionOf(it.Item().Key(), endPrefix())
			if err != nil {
				return err
			}
			if at.end >= limit {
				return nil
			}
			ids = append(ids, at.id)
		}
		return nil
	})
	return ids, err
}

func newEndIterator(txn *badger.Txn) *badger.Iterator {
	opts := badger.DefaultIteratorOptions
	opts.PrefetchValues = false
	opts.Prefix = endPrefix()
	return txn.NewIterator(opts)
}

// removeAll removes the tokens that still end before the limit. The writes
// wait together, so that they share commits.
func (s *Store) removeAll(ctx context.Context, ids []tokens.ID, limit uint64) (int, error) {
	errs := make([]error, len(ids))
	var wait sync.WaitGroup
	for i, id := range ids {
		wait.Go(func() { errs[i] = s.remove(ctx, id, limit) })
	}
	wait.Wait()
	removed := 0
	for i, err := range errs {
		switch {
		case err == nil:
			removed++
			errs[i] = nil
		case errors.Is(err, errStays), errors.Is(err, tokens.ErrUnknown):
			errs[i] = nil
		}
	}
	return removed, firstError(errs)
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) remove(ctx context.Context, id tokens.ID, limit uint64) error {
	_, err := s.submit(ctx, s.cfg.roomToChange(), func(on state, _ uint64) (*change, error) {
		t, err := recordByID(on, id)
		if err != nil {
			return nil, err
		}
		if endOf(t) >= limit {
			return nil, errStays
		}
		c := &change{}
		c.erase(t)
		return c, errors.Join(c.releaseName(on, t), c.forgetUsage(on, t.ID))
	})
	return err
}
