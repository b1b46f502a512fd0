package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// children keeps the members of one metric vector by what callers name them
// with, so that an event costs one look-up without a lock. Members are made
// when they are first needed: a series that never had an event is not shown.
type children[K comparable, C any] struct {
	limit int          // how many there may be at most, rest not counted
	admit func(K) bool // what may become a label; nil = everything
	rest  K            // stands for all that is not admitted or above the limit
	make  func(K) C

	known atomic.Pointer[map[K]C]
	mu    sync.Mutex // held while a member is added; known is replaced, never changed
}

// of returns the member for a key.
func (c *children[K, C]) of(key K) C {
	if known := c.known.Load(); known != nil {
		if child, ok := (*known)[key]; ok {
			return child
		}
	}
	return c.add(key)
}

func (c *children[K, C]) add(key K) C {
	c.mu.Lock()
	defer c.mu.Unlock()
	var known map[K]C
	if p := c.known.Load(); p != nil {
		known = *p
	}
	if len(known) >= c.limit || (c.admit != nil && !c.admit(key)) {
		key = c.pick(known, key)
	}
	if child, ok := known[key]; ok {
		return child
	}
	grown := make(map[K]C, len(known)+1)
	maps.Copy(grown, known)
	child := c.make(key)
	grown[key] = child
	c.known.Store(&grown)
	return child
}

// pick returns the key itself if somebody else has added it meanwhile.
func (c *children[K, C]) pick(known map[K]C, key K) K {
	if _, ok := known[key]; ok {
		return key
	}
	return c.rest
}

// slot keeps one member that is found by its place and not by a key, so that
// an event costs no look-up at all. The zero value is empty.
type slot[C any] struct{ child atomic.Pointer[C] }

// fill puts a member into the slot, and returns it. Two callers may do so at
// once, but only with members of the same series.
func (s *slot[C]) fill(child C) C {
	s.child.Store(&child)
	return child
}
