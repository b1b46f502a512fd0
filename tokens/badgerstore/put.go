package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

var errIdentity = errors.New("hash, API, name, owner and scope of a token never change")

// Put implements tokens.Store. When the context ends while the write is under
// way, whether it happened is unknown. Times are rounded down to milliseconds;
// one outside the years 1970 to 9999 is an error.
func (s *Store) Put(ctx context.Context, t *tokens.Token) (revision uint64, err error) {
	defer s.observe("put")(&err)
	t, err = canonical(t)
	if err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	room, plan := s.cfg.roomToChange(), planUpdate
	if t.Revision == 0 {
		room, plan = s.cfg.roomToGrow(), planCreate
	}
	revision, err = s.submit(ctx, room, func(txn *badger.Txn, sequence uint64) (*change, error) {
		return plan(txn, t, sequence)
	})
	if err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	return revision, nil
}

func planCreate(txn *badger.Txn, t *tokens.Token, revision uint64) (*change, error) {
	for _, key := range [][]byte{recordKey(t.Hash), idKey(t.ID)} {
		switch _, err := txn.Get(key); {
		case err == nil:
			return nil, tokens.ErrExists
		case !errors.Is(err, badger.ErrKeyNotFound):
			return nil, err
		}
	}
	c := &change{}
	if err := c.claimName(txn, t); err != nil {
		return nil, err
	}
	c.set(idKey(t.ID), t.Hash[:])
	c.index(t)
	return c, c.record(t, revision)
}

func planUpdate(txn *badger.Txn, t *tokens.Token, revision uint64) (*change, error) {
	old, err := recordByID(txn, t.ID)
	switch {
	case err != nil:
		return nil, err
	case old.Revision != t.Revision:
		return nil, tokens.ErrConflict
	case old.Hash != t.Hash || old.API != t.API || old.Name != t.Name || old.Owner != t.Owner || old.Scope != t.Scope:
		return nil, errIdentity
	}
	c := &change{}
	if revives(old, t) {
		if err := c.claimName(txn, t); err != nil {
			return nil, err
		}
	}
	if endingOf(old) != endingOf(t) {
		c.unindex(old)
		c.index(t)
	}
	return c, c.record(t, revision)
}

// recordByHash reads one record: one look-up and the decoding.
func recordByHash(txn *badger.Txn, h tokens.Hash) (*tokens.Token, error) {
	item, err := txn.Get(recordKey(h))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, tokens.ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	var t *tokens.Token
	err = item.Value(func(data []byte) error {
		t, err = decodeRecord(data)
		return err
	})
	if err != nil {
		return nil, err
	}
	if t.Hash != h {
		return nil, fmt.Errorf("%w: it is stored under another hash", errRecord)
	}
	return t, nil
}

func recordByID(txn *badger.Txn, id tokens.ID) (*tokens.Token, error) {
	h, err := hashAt(txn, idKey(id))
	if err != nil {
		return nil, err
	}
	return indexedRecord(txn, h, id)
}

// indexedRecord reads the record that an index promised.
func indexedRecord(txn *badger.Txn, h tokens.Hash, id tokens.ID) (*tokens.Token, error) {
	t, err := recordByHash(txn, h)
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

func hashOf(item *badger.Item) (tokens.Hash, error) {
	var h tokens.Hash
	err := item.Value(func(data []byte) error {
		if len(data) != len(h) {
			return fmt.Errorf("%w: a hash of %d bytes", errIndex, len(data))
		}
		copy(h[:], data)
		return nil
	})
	return h, err
}

// change is what one write does to the database and to the counts.
type change struct {
	entries      []*badger.Entry
	removals     [][]byte
	size         int64
	came, left   ending
	adds, leaves bool
}

// entryCost is more than Badger counts for an entry beside its key and value.
const entryCost = 32

func (c *change) set(key, value []byte) {
	c.entries = append(c.entries, badger.NewEntry(key, value))
	c.size += int64(len(key) + len(value) + entryCost)
}

func (c *change) remove(key []byte) {
	c.removals = append(c.removals, key)
	c.size += int64(len(key) + entryCost)
}

func (c *change) record(t *tokens.Token, revision uint64) error {
	stored := *t
	stored.Revision = revision
	data := encodeRecord(&stored)
	if len(data) > maxRecord {
		return fmt.Errorf("%w: %d bytes, at most %d are taken", errTooLong, len(data), maxRecord)
	}
	c.set(recordKey(t.Hash), data)
	return nil
}

func (c *change) index(t *tokens.Token) {
	value := entryOf(t)
	for _, key := range listKeys(t) {
		c.set(key, value)
	}
	c.came, c.adds = endingOf(t), true
}

func (c *change) unindex(t *tokens.Token) {
	for _, key := range listKeys(t) {
		c.remove(key)
	}
	c.left, c.leaves = endingOf(t), true
}

func listKeys(t *tokens.Token) [3][]byte {
	at := position{end: endOf(t), id: t.ID}
	return [3][]byte{
		at.key(indexPrefix(kindOwner, t.Owner)),
		at.key(indexPrefix(kindTenant, t.Scope.Tenant)),
		at.key(endPrefix()),
	}
}

// stage puts the change into a transaction: first what goes, then what comes,
// for a key may be among both.
func (c *change) stage(txn *badger.Txn) error {
	for _, key := range c.removals {
		if err := txn.Delete(key); err != nil {
			return err
		}
	}
	for _, e := range c.entries {
		if err := txn.SetEntry(e); err != nil {
			return err
		}
	}
	return nil
}
