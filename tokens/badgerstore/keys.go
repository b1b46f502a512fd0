package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// What is stored under which key. Names are preceded by their length, so that
// no name is the beginning of another.
//
//	h hash                  -> record
//	i id                    -> hash
//	o len owner end id      -> index entry
//	t len tenant end id     -> index entry
//	e end id                -> index entry
//	n len owner len name    -> hash of the token that has the name
//	l id                    -> usage
//	u name                  -> user account
//	s                       -> number of the last commit
//	v                       -> layout version
//
// A replica has the same keys but for two:
//
//	n len owner len name rank -> hash of a token with the name, the one that has it being the first
//	p                         -> position
//
// end is when the token ends, in milliseconds since 1970, 8 bytes, big-endian.
const (
	kindRecord   = 'h'
	kindID       = 'i'
	kindOwner    = 'o'
	kindTenant   = 't'
	kindEnd      = 'e'
	kindName     = 'n'
	kindUsage    = 'l'
	kindUser     = 'u'
	kindSequence = 's'
	kindPosition = 'p'
	kindLayout   = 'v'
)

// layoutVersion is another one whenever a key or the value of an index gets
// another form.
const layoutVersion = 2

// never is the end of a token that has none: it sorts last.
const never = math.MaxUint64

const endSize = 8

var errIndex = errors.New("damaged token index")

// endOf returns when a token with record.Canonical times ends.
func endOf(t *tokens.Token) uint64 {
	at := t.Ends()
	if at.IsZero() {
		return never
	}
	return record.Millis(at)
}

// closing says what was done to a token that ended it, whatever its times
// say. What no write has ended is ended by time.
type closing byte

const (
	byTime closing = iota
	byRevocation
	byLastUse
	closings // one more than the last
)

func closingOf(t *tokens.Token) closing {
	switch {
	case !t.Revoked.At.IsZero():
		return byRevocation
	case !t.Spent.IsZero():
		return byLastUse
	}
	return byTime
}

func recordKey(h tokens.Hash) []byte {
	return append(append(make([]byte, 0, 1+len(h)), kindRecord), h[:]...)
}

func idKey(id tokens.ID) []byte {
	return append(append(make([]byte, 0, 1+len(id)), kindID), id...)
}

func nameKey(owner, name string) []byte {
	return record.AppendString(record.AppendString([]byte{kindName}, owner), name)
}

func usageKey(id tokens.ID) []byte { return append([]byte{kindUsage}, id...) }

func userKey(name string) []byte { return append([]byte{kindUser}, name...) }

// indexPrefix returns what all keys of one owner or one tenant begin with.
func indexPrefix(kind byte, name string) []byte { return record.AppendString([]byte{kind}, name) }

// endPrefix returns what the keys of all tokens begin with, in the index that
// has them all.
func endPrefix() []byte { return []byte{kindEnd} }

// position is a place in an index.
type position struct {
	end uint64
	id  tokens.ID
}

func (p position) key(prefix []byte) []byte {
	k := make([]byte, 0, len(prefix)+endSize+len(p.id)+1)
	return p.append(append(k, prefix...))
}

func (p position) append(key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(key, p.end), p.id...)
}

func positionOf(key, prefix []byte) (position, error) {
	rest := key[min(len(prefix), len(key)):]
	if len(rest) <= endSize {
		return position{}, fmt.Errorf("%w: a key of %d bytes", errIndex, len(key))
	}
	return position{end: binary.BigEndian.Uint64(rest), id: tokens.ID(rest[endSize:])}, nil
}

// ending is how a token ends: what its place in the indexes and its part in
// the counts depend on.
type ending struct {
	end uint64
	how closing
}

func endingOf(t *tokens.Token) ending { return ending{end: endOf(t), how: closingOf(t)} }

// entry is what an index says about a token, enough to filter by it without
// reading the record.
type entry struct {
	hash                       tokens.Hash
	how                        closing
	owner, tenant, domain, api string
}

func entryOf(t *tokens.Token) []byte {
	b := append(make([]byte, 0, 128), t.Hash[:]...)
	b = append(b, byte(closingOf(t)))
	b = record.AppendString(b, t.Owner)
	b = record.AppendString(b, t.Scope.Tenant)
	b = record.AppendString(b, t.Scope.Domain)
	return record.AppendString(b, string(t.API))
}

func parseEntry(data []byte) (entry, error) {
	var e entry
	how, err := entryClosing(data)
	if err != nil {
		return e, err
	}
	e.how = how
	n := copy(e.hash[:], data)
	s := string(data[n+1:])
	for _, name := range []*string{&e.owner, &e.tenant, &e.domain, &e.api} {
		var ok bool
		if *name, s, ok = record.CutString(s); !ok {
			return e, fmt.Errorf("%w: an entry is cut off", errIndex)
		}
	}
	if s != "" {
		return e, fmt.Errorf("%w: an entry is too long", errIndex)
	}
	return e, nil
}

// entryClosing reads no more of an entry than how its token was ended.
func entryClosing(data []byte) (closing, error) {
	const at = len(tokens.Hash{})
	if len(data) <= at || data[at] >= byte(closings) {
		return 0, fmt.Errorf("%w: an entry of %d bytes", errIndex, len(data))
	}
	return closing(data[at]), nil
}

// matches says the same as q.Matches does of the token, its end and its name
// aside.
func (e *entry) matches(q *tokens.Query) bool {
	return (q.Owner == "" || q.Owner == e.owner) &&
		(q.Tenant == "" || q.Tenant == e.tenant) &&
		(q.Domain == "" || q.Domain == e.domain) &&
		(q.API == "" || string(q.API) == e.api) &&
		(q.LiveAt.IsZero() || e.how == byTime)
}
