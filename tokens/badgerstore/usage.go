package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"tollgate/tokens"
)

// A usage is stored as
//
//	version byte | fields as in a record
//
// beside the token and not in it: what is written of it between two reads of
// the token changes neither the token nor its revision.
const usageVersion = 1

const (
	usageTagCount = 1 + iota
	usageTagAt
	usageTagAddress
	usageTagAgent
	usageTags // one more than the last
)

const (
	// usageBatch is how many usages share one place in a commit.
	usageBatch = 500
	// maxAgent is what tokens.Usage says of its agent.
	maxAgent = 256
)

var (
	errUsage = errors.New("damaged or unknown usage of a token")
	// errNothing says that there is nothing to write.
	errNothing = errors.New("nothing to write")
)

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
		if len(u.Agent) > maxAgent {
			return nil, fmt.Errorf("%w: a user agent of %d bytes, at most %d are taken", errTooLong, len(u.Agent), maxAgent)
		}
		if err := canonicalTime(&u.At); err != nil {
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
		c.set(usageKey(u.ID), encodeUsage(old.Merge(u)))
	}
	if len(c.entries) == 0 {
		return nil, errNothing
	}
	return c, nil
}

// hasToken does not read the token.
func hasToken(from state, id tokens.ID) (bool, error) {
	if id == "" || len(id) > maxName {
		return false, nil
	}
	return has(from, idKey(id))
}

func has(from state, key []byte) (bool, error) {
	err := from.read(key, func([]byte) error { return nil })
	if isAbsent(err) {
		return false, nil
	}
	return err == nil, err
}

// Usages implements tokens.UsageStore.
func (s *Store) Usages(ctx context.Context, ids []tokens.ID) (all []tokens.Usage, err error) {
	defer s.observe("usages")(&err)
	all = make([]tokens.Usage, len(ids))
	err = s.view(ctx, func(from *snapshot) error {
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
	if len(id) > maxName {
		return u, nil
	}
	err := from.read(usageKey(id), func(data []byte) (err error) {
		u, err = decodeUsage(data)
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

// encodeUsage returns the one encoding of u, whose time is canonical.
func encodeUsage(u tokens.Usage) []byte {
	b := append(make([]byte, 0, 64), usageVersion)
	b = appendCount(b, usageTagCount, u.Count)
	b = appendTime(b, usageTagAt, u.At)
	address, _ := u.Address.MarshalBinary() // it has no error to return
	b = appendField(b, usageTagAddress, string(address))
	return appendField(b, usageTagAgent, u.Agent)
}

// decodeUsage reads what encodeUsage wrote and nothing else.
func decodeUsage(data []byte) (tokens.Usage, error) {
	if len(data) == 0 || data[0] != usageVersion {
		return tokens.Usage{}, fmt.Errorf("%w: %d bytes of another version than %d", errUsage, len(data), usageVersion)
	}
	var fields [usageTags]string
	if err := splitFields(string(data[1:]), fields[:]); err != nil {
		return tokens.Usage{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	r := reading{fields: fields[:]}
	u := tokens.Usage{
		Count:   r.count(usageTagCount, math.MaxUint64),
		At:      r.time(usageTagAt),
		Address: parsed(&r, usageTagAddress, addressOf),
		Agent:   parsed(&r, usageTagAgent, agentOf),
	}
	if r.failed != 0 {
		return tokens.Usage{}, fmt.Errorf("%w: field %d cannot be read", errUsage, r.failed)
	}
	return u, nil
}

func agentOf(s string) (string, bool) { return s, len(s) <= maxAgent }

func addressOf(s string) (addr netip.Addr, ok bool) {
	err := addr.UnmarshalBinary([]byte(s))
	return addr, err == nil
}
