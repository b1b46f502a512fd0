package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
)

// values are the tokens that a load uses, one of them in each request.
type values struct {
	all    []byte // one after the other
	length int    // of each
	at     int    // where it stands in a request
	inTurn bool
	next   int
	random *rand.Rand
}

// The faults of a list of values.
var (
	errNoValues     = errors.New("a list of no values")
	errOddValue     = errors.New("a list of values of different lengths")
	errNotInRequest = errors.New("the first value is not in the request")
)

// newValues reads a list, one value a line and all of one length. The first of
// them stands in the request where the others shall.
func newValues(list, request []byte, inTurn bool) (*values, error) {
	lines := bytes.Fields(list)
	if len(lines) == 0 {
		return nil, errNoValues
	}
	v := &values{length: len(lines[0]), at: bytes.Index(request, lines[0]), inTurn: inTurn}
	if v.at < 0 {
		return nil, errNotInRequest
	}
	for _, line := range lines {
		if len(line) != v.length {
			return nil, errOddValue
		}
	}
	v.all = bytes.Join(lines, nil)
	v.random = rand.New(rand.NewPCG(uint64(len(lines)), 1)) // #nosec G404 -- the same each time, on purpose
	return v, nil
}

// choose puts a value into a request.
func (v *values) choose(request []byte) {
	count := len(v.all) / v.length
	n := v.next
	if v.inTurn {
		v.next = (v.next + 1) % count
	} else {
		n = v.random.IntN(count)
	}
	copy(request[v.at:], v.all[n*v.length:(n+1)*v.length])
}
