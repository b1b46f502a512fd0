package record

import (
	"math"
	"time"

	"tollgate/tokens"
)

// reading takes values out of the fields of a record. A field that is not
// there is the zero value; one that does not have its one form makes the
// reading fail.
type reading struct {
	fields []string // by tag
	failed byte     // the last tag that could not be read; zero = none
}

// parsed returns what a field says.
func parsed[T any](r *reading, tag byte, parse func(string) (T, bool)) (value T) {
	s := r.fields[tag]
	if s == "" {
		return value
	}
	value, ok := parse(s)
	if !ok {
		r.failed = tag
	}
	return value
}

func (r *reading) time(tag byte) time.Time { return parsed(r, tag, timeOf) }

func (r *reading) hash(tag byte) tokens.Hash { return parsed(r, tag, hashField) }

// count returns a number up to a bound. Zero is not written.
func (r *reading) count(tag byte, most uint64) uint64 {
	n := parsed(r, tag, numberOf)
	if n > most || n == 0 && r.fields[tag] != "" {
		r.failed = tag
	}
	return n
}

func numberOf(s string) (uint64, bool) {
	if len(s) != 8 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		n = n<<8 | uint64(s[i])
	}
	return n, true
}

func timeOf(s string) (time.Time, bool) {
	n, ok := numberOf(s)
	if !ok || n > MaxMillis {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(n)).UTC(), true
}

// hashField reads a hash. The zero hash is not written.
func hashField(s string) (h tokens.Hash, ok bool) {
	ok = len(s) == len(h)
	copy(h[:], s)
	return h, ok && h != tokens.Hash{}
}

// listOf reads what listField wrote and nothing else.
func listOf[E any](s string, cut func(string) (E, string, bool)) ([]E, bool) {
	n, s, ok := cutUvarint(s)
	if !ok || n == 0 || n > uint64(len(s)) || n > math.MaxInt32 {
		return nil, false
	}
	list := make([]E, n)
	for i := range list {
		if list[i], s, ok = cut(s); !ok {
			return nil, false
		}
	}
	return list, s == ""
}
