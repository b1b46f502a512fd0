package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// usageBatch is how many usages share one place in a commit.
const usageBatch = 500

// errNothing says that there is nothing to write.
var errNothing = errors.New("nothing to write")

// AddUsages implements tokens.UsageStore. Usages of tokens that the store does
// not have are left out. Times are rounded down to milliseconds.
func (s *Store) AddUsages(ctx context.Context, all []tokens.Usage) (err error) {
	defer s.observe("add_usages")(&err)
	mine, err := canonicalUsages(all)
	if err != nil {
		return fmt.Errorf("add usages: %w", err)
	}
	for part := range slices.Chunk(mine, usageBatch) {
		_, err := s.submit(ctx, s.cfg.roomToGrow(), func(on state, _ uint64) (*change, error) {
			return planUsages(on, part)
		})
		if err != nil && !errors.Is(err, errNothing) {
			return fmt.Errorf("add usages: %w", err)
		}
	}
	return nil
}

// canonicalUsages returns one usage for each token, in the form in which it
// can be stored, the caller's own.
func canonicalUsages(all []tokens.Usage) ([]tokens.Usage, error) {
	mine := make([]tokens.Usage, 0, len(all))
	places := make(map[tokens.ID]int, len(all))
	for _, u := range all {
		if len(u.Agent) > record.MaxAgent {
			return nil, fmt.Errorf("%w: a user agent of %d bytes, at most %d are taken", record.ErrTooLong, len(u.Agent), record.MaxAgent)
		}
		if err := record.CanonicalTime(&u.At); err != nil {
			return nil, err
		}
		if at, known := places[u.ID]; known {
			mine[at] = mine[at].Merge(u)
			continue
		}
		places[u.ID] = len(mine)
		mine = append(mine, u)
	}
	return mine, nil
}

func planUsages(on state, part []tokens.Usage) (*change, error) {
	c := &change{}
	for _, u := range part {
		known, err := hasToken(on, u.ID)
		if err != nil {
			return nil, err
		}
		if !known {
			continue
		}
		old, err := usageOf(on, u.ID)
		if err != nil {
			return nil, err
		}
		c.set(usageKey(u.ID), record.EncodeUsage(old.Merge(u)))
	}
	if len(c.entries) == 0 {
		return nil, errNothing
	}
	return c, nil
}

// hasToken does not read the token.
func hasToken(from state, id tokens.ID) (bool, error) {
	if !isTokenID(id) {
		return false, nil
	}
	return has(from, idKey(id))
}

// isTokenID reports whether a token can have that id.
func isTokenID(id tokens.ID) bool { return id != "" && len(id) <= record.MaxName }

func has(from state, key []byte) (bool, error) {
	err := from.read(key, func([]byte) error { return nil })
	if isAbsent(err) {
		return false, nil
	}
	return err == nil, err
}

// Usages implements tokens.UsageStore.
func (r *reader) Usages(ctx context.Context, ids []tokens.ID) (all []tokens.Usage, err error) {
	defer r.observe("usages")(&err)
	all = make([]tokens.Usage, len(ids))
	err = r.view(ctx, func(from *snapshot) error {
		for i, id := range ids {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if all[i], err = usageOf(from, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("usages: %w", err)
	}
	return all, nil
}

// usageOf returns what is kept of a token's use, the zero usage if nothing is.
func usageOf(from state, id tokens.ID) (tokens.Usage, error) {
	u := tokens.Usage{ID: id}
	if len(id) > record.MaxName {
		return u, nil
	}
	err := from.read(usageKey(id), func(data []byte) (err error) {
		u, err = record.DecodeUsage(data)
		return err
	})
	if isAbsent(err) {
		return u, nil
	}
	u.ID = id
	return u, err
}

// forgetUsage removes what is kept of a token's use.
func (c *change) forgetUsage(on state, id tokens.ID) error {
	known, err := has(on, usageKey(id))
	if known {
		c.remove(usageKey(id))
	}
	return err
}
