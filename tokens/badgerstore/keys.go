package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"tollgate/tokens"
)

// What is stored under which key. Names are preceded by their length, so that
// no name is the beginning of another.
//
//	h hash                  -> record
//	i id                    -> hash
//	o len owner end id      -> index entry
//	t len tenant end id     -> index entry
//	e end revoked(0|1) id   -> hash
//	u name                  -> user account
//	s                       -> number of the last commit
//	v                       -> layout version
//
// end is when the token ends, in milliseconds since 1970, 8 bytes, big-endian.
const (
	kindRecord   = 'h'
	kindID       = 'i'
	kindOwner    = 'o'
	kindTenant   = 't'
	kindEnd      = 'e'
	kindUser     = 'u'
	kindSequence = 's'
	kindLayout   = 'v'
)

const layoutVersion = 1

// never is the end of a token that has none: it sorts last.
const never = math.MaxUint64

const endSize = 8

var errIndex = errors.New("damaged token index")

// endOf returns when a token with canonical times ends.
func endOf(t *tokens.Token) uint64 {
	at := t.Ends()
	if at.IsZero() {
		return never
	}
	return millis(at)
}

func revoked(t *tokens.Token) bool { return !t.Revoked.At.IsZero() }

func recordKey(h tokens.Hash) []byte { return append([]byte{kindRecord}, h[:]...) }

func idKey(id tokens.ID) []byte { return append([]byte{kindID}, id...) }

func userKey(name string) []byte { return append([]byte{kindUser}, name...) }

// indexPrefix returns what all keys of one owner or one tenant begin with.
func indexPrefix(kind byte, name string) []byte { return appendString([]byte{kind}, name) }

// position is a place in an index.
type position struct {
	end uint64
	id  tokens.ID
}

func (p position) key(prefix []byte) []byte {
	k := make([]byte, 0, len(prefix)+endSize+len(p.id)+1)
	k = append(k, prefix...)
	k = binary.BigEndian.AppendUint64(k, p.end)
	return append(k, p.id...)
}

func positionOf(key, prefix []byte) (position, error) {
	rest := key[min(len(prefix), len(key)):]
	if len(rest) <= endSize {
		return position{}, fmt.Errorf("%w: a key of %d bytes", errIndex, len(key))
	}
	return position{end: binary.BigEndian.Uint64(rest), id: tokens.ID(rest[endSize:])}, nil
}

// ending is a place in the index of ends.
type ending struct {
	end     uint64
	revoked bool
	id      tokens.ID
}

func endingOf(t *tokens.Token) ending {
	return ending{end: endOf(t), revoked: revoked(t), id: t.ID}
}

func (e ending) key() []byte {
	k := binary.BigEndian.AppendUint64([]byte{kindEnd}, e.end)
	return append(append(k, flag(e.revoked)), e.id...)
}

func parseEnding(key []byte) (ending, error) {
	if len(key) < 1+endSize+2 || key[1+endSize] > 1 {
		return ending{}, fmt.Errorf("%w: an end of %d bytes", errIndex, len(key))
	}
	return ending{
		end:     binary.BigEndian.Uint64(key[1:]),
		revoked: key[1+endSize] == 1,
		id:      tokens.ID(key[1+endSize+1:]),
	}, nil
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// entry is what an index says about a token, enough to filter by it without
// reading the record.
type entry struct {
	hash                  tokens.Hash
	revoked               bool
	owner, tenant, domain string
}

func entryOf(t *tokens.Token) []byte {
	b := append(make([]byte, 0, 128), t.Hash[:]...)
	b = append(b, flag(revoked(t)))
	b = appendString(b, t.Owner)
	b = appendString(b, t.Scope.Tenant)
	return appendString(b, t.Scope.Domain)
}

func parseEntry(data []byte) (entry, error) {
	var e entry
	if len(data) < len(e.hash)+1 || data[len(e.hash)] > 1 {
		return e, fmt.Errorf("%w: an entry of %d bytes", errIndex, len(data))
	}
	n := copy(e.hash[:], data)
	e.revoked = data[n] == 1
	s := string(data[n+1:])
	for _, name := range []*string{&e.owner, &e.tenant, &e.domain} {
		var ok bool
		if *name, s, ok = cutString(s); !ok {
			return e, fmt.Errorf("%w: an entry is cut off", errIndex)
		}
	}
	if s != "" {
		return e, fmt.Errorf("%w: an entry is too long", errIndex)
	}
	return e, nil
}

// matches says the same as q.Matches does of the token, its end aside.
func (e *entry) matches(q *tokens.Query) bool {
	return (q.Owner == "" || q.Owner == e.owner) &&
		(q.Tenant == "" || q.Tenant == e.tenant) &&
		(q.Domain == "" || q.Domain == e.domain) &&
		(q.LiveAt.IsZero() || !e.revoked)
}
