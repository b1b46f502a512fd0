package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

var errIdentity = errors.New("hash, API, name, owner and scope of a token never change")

// Put implements tokens.Store. When the context ends while the write is under
// way, whether it happened is unknown. Times are rounded down to milliseconds;
// one outside the years 1970 to 9999 is an error.
func (s *Store) Put(ctx context.Context, t *tokens.Token) (revision uint64, err error) {
	defer s.observe("put")(&err)
	t, err = record.Canonical(t)
	if err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	room, plan := s.cfg.roomToChange(), planUpdate
	if t.Revision == 0 {
		room, plan = s.cfg.roomToGrow(), planCreate
	}
	revision, err = s.submit(ctx, room, func(on state, sequence uint64) (*change, error) {
		return plan(on, t, sequence)
	})
	if err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	return revision, nil
}

func planCreate(on state, t *tokens.Token, revision uint64) (*change, error) {
	for _, key := range [][]byte{recordKey(t.Hash), idKey(t.ID)} {
		switch taken, err := has(on, key); {
		case err != nil:
			return nil, err
		case taken:
			return nil, tokens.ErrExists
		}
	}
	c := &change{}
	if err := c.claimName(on, t); err != nil {
		return nil, err
	}
	c.set(idKey(t.ID), t.Hash[:])
	c.index(t)
	return c, c.record(t, revision)
}

func planUpdate(on state, t *tokens.Token, revision uint64) (*change, error) {
	old, err := recordByID(on, t.ID)
	switch {
	case err != nil:
		return nil, err
	case old.Revision != t.Revision:
		return nil, tokens.ErrConflict
	case !isSame(old, t):
		return nil, errIdentity
	}
	c := &change{}
	if revives(old, t) {
		if err := c.claimName(on, t); err != nil {
			return nil, err
		}
	}
	if endingOf(old) != endingOf(t) {
		c.unindex(old)
		c.index(t)
	}
	return c, c.record(t, revision)
}

// isSame reports whether two records are of one token.
func isSame(old, t *tokens.Token) bool {
	return old.Hash == t.Hash && old.API == t.API && old.Name == t.Name && old.Owner == t.Owner && old.Scope == t.Scope
}

// recordByHash reads one record: one look-up and the decoding.
func recordByHash(from state, h tokens.Hash) (t *tokens.Token, err error) {
	err = from.read(recordKey(h), func(data []byte) (err error) {
		t, err = record.Decode(data)
		return err
	})
	switch {
	case isAbsent(err):
		return nil, tokens.ErrUnknown
	case err != nil:
		return nil, err
	case t.Hash != h:
		return nil, fmt.Errorf("%w: it is stored under another hash", record.ErrDamaged)
	}
	return t, nil
}

func recordByID(from state, id tokens.ID) (*tokens.Token, error) {
	h, err := hashAt(from, idKey(id))
	if err != nil {
		return nil, err
	}
	return indexedRecord(from, h, id)
}

// indexedRecord reads the record that an index promised.
func indexedRecord(from state, h tokens.Hash, id tokens.ID) (*tokens.Token, error) {
	t, err := recordByHash(from, h)
	switch {
	case errors.Is(err, tokens.ErrUnknown):
		return nil, fmt.Errorf("%w: token %s has no record", errIndex, id)
	case err != nil:
		return nil, err
	case t.ID != id:
		return nil, fmt.Errorf("%w: token %s leads to the record of %s", errIndex, id, t.ID)
	}
	return t, nil
}

// hashAt returns the hash that is stored under a key, or tokens.ErrUnknown.
func hashAt(from state, key []byte) (h tokens.Hash, err error) {
	err = from.read(key, func(data []byte) error {
		if len(data) != len(h) {
			return fmt.Errorf("%w: a hash of %d bytes", errIndex, len(data))
		}
		copy(h[:], data)
		return nil
	})
	if isAbsent(err) {
		return tokens.Hash{}, tokens.ErrUnknown
	}
	return h, err
}
