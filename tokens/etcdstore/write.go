package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tollgate/tokens"
)

// The bounds of a write.
const (
	writeTimeout = 5 * time.Second // for the engine
	pokeAfter    = 10 * time.Millisecond
	maxPurge     = 1000 // tokens that one call of Purge removes
	purgeBatch   = 100  // of them at a time
)

// Put implements tokens.Store: it writes to the engine and returns once the
// own replica has it. tokens.ErrStale at once if the store may not write now;
// tokens.ErrEngine if the engine fails, or the replica does not follow: then the
// write has happened, as the error says.
func (s *Store) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	before, err := s.progress.writable()
	if err != nil {
		return 0, err
	}
	within, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	revision, err := s.truth.Put(within, t)
	if err := s.settle(ctx, before, revision, err); err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	return revision, nil
}

// AddUsages implements tokens.UsageStore, with the errors of Put.
func (s *Store) AddUsages(ctx context.Context, all []tokens.Usage) error {
	before, err := s.progress.writable()
	if err != nil {
		return err
	}
	revision, err := s.truth.AddUsages(ctx, all)
	if err := s.settle(ctx, before, revision, err); err != nil {
		return fmt.Errorf("add usages: %w", err)
	}
	return nil
}

// Purge implements tokens.Store, with the errors of Put. What it removed before
// an error stays removed. Gateways that purge at the same time share the work.
// It refuses while the clock of this gateway is far ahead of another's.
func (s *Store) Purge(ctx context.Context, before time.Time) (removed int, err error) {
	if err := s.Writable(); err != nil {
		return 0, err
	}
	if err := s.clocks.check(ctx); err != nil {
		return 0, fmt.Errorf("purge tokens: %w", err)
	}
	for removed < maxPurge {
		n, more, err := s.purge(ctx, before, min(maxPurge-removed, purgeBatch))
		removed += n
		if err != nil {
			return removed, fmt.Errorf("purge tokens: %w", err)
		}
		if !more {
			break
		}
	}
	return removed, nil
}

// purge removes one batch. It reports whether there was one.
func (s *Store) purge(ctx context.Context, ended time.Time, most int) (removed int, more bool, err error) {
	before, err := s.progress.writable()
	if err != nil {
		return 0, false, err
	}
	batch, err := s.ended(ctx, ended, most)
	if err != nil || len(batch) == 0 {
		return 0, false, err
	}
	within, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	removed, revision, err := s.truth.Remove(within, batch)
	return removed, true, s.settle(ctx, before, revision, err)
}

// ended returns those tokens that ended before a time, the first to end first.
func (s *Store) ended(ctx context.Context, before time.Time, most int) ([]*tokens.Token, error) {
	q := tokens.Query{Limit: most}
	for {
		page, err := s.replica.List(ctx, q)
		if err != nil {
			return nil, err
		}
		live := slices.IndexFunc(page.Tokens, func(t *tokens.Token) bool {
			end := t.Ends()
			return end.IsZero() || !end.Before(before)
		})
		if live >= 0 {
			return page.Tokens[:live], nil
		}
		if q.After = page.Next; len(page.Tokens) > 0 || page.Next == "" {
			return page.Tokens, nil
		}
	}
}

// settle waits until the own replica has what a write, or the refusal of one,
// is based on: who is told of it and asks again is not told the opposite. before
// is what the replica had when the write began. It returns the refusal, or
// tokens.ErrEngine if the write happened and the replica has not got it.
func (s *Store) settle(ctx context.Context, before, revision uint64, refused error) error {
	if refused == nil && revision > 0 && revision < before {
		// The engine went back in time, and the replica is of what it was.
		s.progress.doubt()
		s.prover.poke()
		return fmt.Errorf("%w: the write has happened, in an engine that was restored", tokens.ErrEngine)
	}
	within, cancel := context.WithTimeout(ctx, s.own)
	defer cancel()
	err := s.prover.catchUp(within, revision)
	switch {
	case refused != nil:
		return refused
	case errors.Is(err, tokens.ErrStoreClosed):
		return fmt.Errorf("%w: the write has happened", err)
	case err != nil:
		return fmt.Errorf("%w: the write has happened, but this gateway has not received it: %w", tokens.ErrEngine, err)
	}
	return nil
}

// catchUp waits until the replica has everything up to a revision of the
// engine. What is not there at once may be the revision of something that the
// replica is not told of; that it has all before that takes a proof.
func (p *prover) catchUp(ctx context.Context, revision uint64) error {
	late := time.AfterFunc(pokeAfter, p.poke)
	defer late.Stop()
	return p.progress.awaitRevision(ctx, revision)
}
