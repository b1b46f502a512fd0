package badgerstore

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// change is what one write does to the database and to the counts. Keys and
// values are not changed any more once they are in it.
type change struct {
	entries      []badger.Entry
	removals     [][]byte
	size         int64
	came, left   ending
	adds, leaves bool
	user         string // whose account it changes; "" = nobody's
}

// usualEntries is how many entries a new token has, with its name.
const usualEntries = 6

// entryCost is more than Badger counts for an entry beside its key and value.
const entryCost = 32

func (c *change) set(key, value []byte) {
	if c.entries == nil {
		c.entries = make([]badger.Entry, 0, usualEntries)
	}
	c.entries = append(c.entries, badger.Entry{Key: key, Value: value})
	c.size += int64(len(key) + len(value) + entryCost)
}

func (c *change) remove(key []byte) {
	c.removals = append(c.removals, key)
	c.size += int64(len(key) + entryCost)
}

func (c *change) record(t *tokens.Token, revision uint64) error {
	stored := *t
	stored.Revision = revision
	data := record.Encode(&stored)
	if len(data) > record.MaxSize {
		return fmt.Errorf("%w: %d bytes, at most %d are taken", record.ErrTooLong, len(data), record.MaxSize)
	}
	c.set(recordKey(t.Hash), data)
	return nil
}

// erase removes a token, but for its name and its usage.
func (c *change) erase(t *tokens.Token) {
	c.remove(recordKey(t.Hash))
	c.remove(idKey(t.ID))
	c.unindex(t)
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

// listKeys returns the keys of a token in the three indexes.
func listKeys(t *tokens.Token) [3][]byte {
	owner, tenant := t.Owner, t.Scope.Tenant
	room := 3*(1+endSize+len(t.ID)) + len(owner) + len(tenant) + 2*binary.MaxVarintLen16
	at := position{end: endOf(t), id: t.ID}
	b := make([]byte, 0, room)
	b = at.append(record.AppendString(append(b, kindOwner), owner))
	first := len(b)
	b = at.append(record.AppendString(append(b, kindTenant), tenant))
	second := len(b)
	b = at.append(append(b, kindEnd))
	return [3][]byte{b[:first:first], b[first:second:second], b[second:]}
}

// stage puts the change into a transaction: first what goes, then what comes,
// for a key may be among both.
func (c *change) stage(txn *badger.Txn) error {
	for _, key := range c.removals {
		if err := txn.Delete(key); err != nil {
			return err
		}
	}
	for i := range c.entries {
		if err := txn.SetEntry(&c.entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// pending is what the changes of one commit leave under the keys that they
// touch.
type pending map[string]leaving

type leaving struct {
	value []byte
	gone  bool // the key
}

func (p pending) add(c *change) {
	keys := c.keys()
	for _, key := range c.removals {
		p[keys[:len(key)]], keys = leaving{gone: true}, keys[len(key):]
	}
	for i := range c.entries {
		n := len(c.entries[i].Key)
		p[keys[:n]], keys = leaving{value: c.entries[i].Value}, keys[n:]
	}
}

// keys returns all keys, one behind the other.
func (c *change) keys() string {
	size := 0
	for _, key := range c.removals {
		size += len(key)
	}
	for i := range c.entries {
		size += len(c.entries[i].Key)
	}
	var b strings.Builder
	b.Grow(size)
	for _, key := range c.removals {
		_, _ = b.Write(key)
	}
	for i := range c.entries {
		_, _ = b.Write(c.entries[i].Key)
	}
	return b.String()
}

// planning is the state that a write is planned on: what the commits before
// it will have left once they are done. A layer that has the key hides those
// behind it.
type planning struct {
	layers    [2]pending // the commit that is being filled, the one under way
	committed *snapshot
}

func (p *planning) read(key []byte, use func([]byte) error) error {
	for _, layer := range p.layers {
		switch l, known := layer[string(key)]; {
		case known && l.gone:
			return badger.ErrKeyNotFound
		case known:
			return use(l.value)
		}
	}
	return p.committed.read(key, use)
}
