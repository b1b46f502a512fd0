// Package cachestore keeps the live tokens of another store in memory, so that
// a look-up by hash costs no decoding, no allocation and no lock. It never
// gives a record that is older than what was acknowledged or seen before.
//
// What it holds is bounded by MaxBytes. It holds hashes and no values. Values
// that no token has are not remembered at all: garbage can fill no memory, and
// whether it is cheap is the matter of the store below.
//
// Why nothing is ever stale: a write takes the record out before the store
// below sees it, and a look-up that did not find it may keep what it read only
// if no write of it is under way and none of its part of the cache has ended
// since it began to read. A write that failed without a clear refusal can still happen later, after its
// answer: as it replaces one revision alone, nothing up to that revision is
// kept any more.
package cachestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tollgate/tokens"
)

// DefaultMaxBytes is the bound when Config says nothing. It is enough for some
// 130,000 tokens of usual size.
const DefaultMaxBytes = 128 << 20

// Config bounds a Store.
type Config struct {
	// MaxBytes is how much memory the tokens may take that are kept, as far as
	// it can be estimated; zero = DefaultMaxBytes, less than zero = none are.
	// The tables take less than a hundredth beside it.
	MaxBytes int64
}

// Store implements tokens.Store and tokens.UsageStore over another store. New
// makes one; there is nothing to close. All writes of tokens that the store
// below sees go through it, or are told to it by Forget or Clear.
type Store struct {
	inner  tokens.Store
	table  table
	shards []shard // a power of two
}

var (
	_ tokens.Store      = (*Store)(nil)
	_ tokens.UsageStore = (*Store)(nil)
)

// New returns a store over another one, with nothing kept yet.
func New(inner tokens.Store, cfg Config) *Store {
	most := cfg.MaxBytes
	if most == 0 {
		most = DefaultMaxBytes
	}
	n := shardsFor(most)
	s := &Store{inner: inner, table: newTable(n * bucketsFor(most/int64(n))), shards: make([]shard, n)}
	for i := range s.shards {
		s.shards[i] = newShard(&s.table, most/int64(n))
	}
	return s
}

// ByHash implements tokens.Store. The token is shared. One that is kept is
// given whether or not the context has ended.
func (s *Store) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	if e := s.table.find(&h); e != nil {
		e.touch()
		return &e.token, nil
	}
	return s.fetch(ctx, h)
}

// fetch reads from the store below and keeps what it read if it still may.
func (s *Store) fetch(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	sh := s.shardOf(&h)
	ticket := sh.miss()
	t, err := s.inner.ByHash(ctx, h)
	if err != nil {
		return nil, err
	}
	if t.Hash == h {
		sh.keep(t, ticket)
	}
	return t, nil
}

// ByID implements tokens.Store: it asks the store below.
func (s *Store) ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
	return s.inner.ByID(ctx, id)
}

// Put implements tokens.Store. From its beginning on look-ups of the token go
// to the store below.
func (s *Store) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err // nothing has been tried, so nothing is in doubt
	}
	h, replaced := t.Hash, t.Revision
	sh := s.shardOf(&h)
	sh.begin(&h)
	revision, err := s.inner.Put(ctx, t)
	switch {
	case err == nil:
		sh.written(&h, revision)
	case isRefusal(err):
		sh.refused(&h)
	default:
		sh.doubt(&h, replaced)
	}
	return revision, err
}

// isRefusal reports whether an error of Put says that the write has not happened
// and will not.
func isRefusal(err error) bool {
	for _, clear := range [...]error{
		tokens.ErrExists, tokens.ErrName, tokens.ErrConflict, tokens.ErrUnknown, tokens.ErrBasis, tokens.ErrStoreFull,
	} {
		if errors.Is(err, clear) {
			return true
		}
	}
	return false
}

// List implements tokens.Store: it asks the store below.
func (s *Store) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	return s.inner.List(ctx, q)
}

// Purge implements tokens.Store. What ends before that time is not kept from
// the beginning of the call on, whatever comes of it.
func (s *Store) Purge(ctx context.Context, before time.Time) (int, error) {
	for i := range s.shards {
		s.shards[i].purge(before)
	}
	return s.inner.Purge(ctx, before)
}

// Forget says that the token with this hash was changed past the store. What
// was read before is not given any more when it returns.
func (s *Store) Forget(h tokens.Hash) { s.shardOf(&h).forget(&h) }

// Clear says that any tokens may have been changed past the store. What was
// read before is not given any more when it returns.
func (s *Store) Clear() {
	for i := range s.shards {
		s.shards[i].clear()
	}
}

// AddUsages implements tokens.UsageStore: it asks the store below, and is
// errors.ErrUnsupported if that is none.
func (s *Store) AddUsages(ctx context.Context, all []tokens.Usage) error {
	usage, ok := s.inner.(tokens.UsageStore)
	if !ok {
		return fmt.Errorf("add usages: %w", errors.ErrUnsupported)
	}
	return usage.AddUsages(ctx, all)
}

// Usages implements tokens.UsageStore: it asks the store below, and is
// errors.ErrUnsupported if that is none.
func (s *Store) Usages(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
	usage, ok := s.inner.(tokens.UsageStore)
	if !ok {
		return nil, fmt.Errorf("usages: %w", errors.ErrUnsupported)
	}
	return usage.Usages(ctx, ids)
}

// Stats is what a Store holds now and did so far. Hits are not counted, for
// counting would make them slower: they are all look-ups but the misses.
type Stats struct {
	Tokens    int    // kept now
	Bytes     int64  // their estimated memory
	InDoubt   int    // tokens that are not kept now because a write of theirs failed
	Misses    uint64 // look-ups that asked the store below
	Evictions uint64 // tokens that had to make room for others
}

// Stats adds up what all parts of the store hold. The figures are not of one
// instant.
func (s *Store) Stats() Stats {
	var all Stats
	for i := range s.shards {
		s.shards[i].addTo(&all)
	}
	return all
}

func (s *Store) shardOf(h *tokens.Hash) *shard {
	return &s.shards[s.table.place(h)&(len(s.shards)-1)]
}
