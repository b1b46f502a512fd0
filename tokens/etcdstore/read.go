package etcdstore

import (
	"context"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/cachestore"
)

// ByHash implements tokens.Store. tokens.ErrStale if the store is not fresh.
func (s *Store) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	if !s.progress.fresh() {
		return nil, s.progress.refusal()
	}
	return s.cache.ByHash(ctx, h)
}

// ByID implements tokens.Store. tokens.ErrStale if the store is not fresh.
func (s *Store) ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
	if err := s.Fresh(); err != nil {
		return nil, err
	}
	return s.replica.ByID(ctx, id)
}

// List implements tokens.Store. tokens.ErrStale if the store is not fresh. A
// cursor goes on with the gateway that gave it, and with any other.
func (s *Store) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	if err := s.Fresh(); err != nil {
		return tokens.Page{}, err
	}
	return s.replica.List(ctx, q)
}

// Usages implements tokens.UsageStore. tokens.ErrStale if the store is not
// fresh.
func (s *Store) Usages(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
	if err := s.Fresh(); err != nil {
		return nil, err
	}
	return s.replica.Usages(ctx, ids)
}

// Counts returns how many of the replica's tokens are active, expired and
// revoked at a time, whether or not it is fresh.
func (s *Store) Counts(now time.Time) (active, expired, revoked int) { return s.replica.Counts(now) }

// Size returns the bytes that the replica takes on the disk.
func (s *Store) Size() (lsm, vlog int64) { return s.replica.Size() }

// Stats returns what the cache of tokens holds.
func (s *Store) Stats() cachestore.Stats { return s.cache.Stats() }
