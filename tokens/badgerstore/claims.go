package badgerstore

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// A replica is not told who claimed a name and when, so it works that out from
// the records, which gives the same whatever the order in which they came. It
// keeps an index of all tokens that have a name, best claim first.
//
// A name is only taken from a token that has ended (see claimName). So of two
// that time alone ends the one that ends later has it; and a token that was
// revoked or used up, having been created later than another's end, took the
// name from that one, which otherwise took it from the first.

// rankSize is what a key of the index has between name and id.
const rankSize = 8 + 1 + 8 + 8

// claimKey returns the key of a token in the index of names.
func claimKey(t *tokens.Token) []byte {
	until, open := createdOf(t), byte(0)
	if closingOf(t) == byTime {
		until, open = endOf(t), 1
	}
	key := nameKey(t.Owner, t.Name)
	key = append(binary.BigEndian.AppendUint64(key, ^until), open)
	key = binary.BigEndian.AppendUint64(key, ^createdOf(t))
	return append(binary.BigEndian.AppendUint64(key, ^t.Revision), t.ID...)
}

// createdOf returns when a token was made, zero if nobody knows.
func createdOf(t *tokens.Token) uint64 {
	if t.Created.IsZero() {
		return 0
	}
	return record.Millis(t.Created)
}

// firstNamed is how a replica finds the token of a name.
func firstNamed(from *snapshot, owner, name string) (*tokens.Token, error) {
	prefix := nameKey(owner, name)
	it := from.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	it.Rewind()
	if !it.Valid() {
		return nil, tokens.ErrUnknown
	}
	rest := it.Item().Key()[len(prefix):]
	if len(rest) <= rankSize {
		return nil, fmt.Errorf("%w: a name's key of %d bytes", errIndex, len(rest))
	}
	id := tokens.ID(rest[rankSize:])
	h, err := hashAt(from, it.Item().Key())
	if err != nil {
		return nil, err
	}
	t, err := indexedRecord(from, h, id)
	if err == nil && (t.Owner != owner || t.Name != name) {
		return nil, fmt.Errorf("%w: a name leads to token %s, which has another", errIndex, id)
	}
	return t, err
}
