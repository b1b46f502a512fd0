package badgerstore

import (
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens/record"
)

// counts keeps how many tokens end in which minute, so that the number of
// live ones is known at any time without reading the store.
type counts struct {
	mu sync.Mutex // guards what follows

	ending  map[uint64]int // by minute, tokens that were not revoked; used-up ones by that of their last use
	total   int            // of ending, and those that never end
	revoked int

	// ended is the sum of ending before the minute passed.
	passed uint64
	ended  int

	ready chan struct{} // closed once scan has ended
}

func newCounts() *counts {
	return &counts{ending: make(map[uint64]int), ready: make(chan struct{})}
}

func minute(ms uint64) uint64 { return ms / uint64(time.Minute/time.Millisecond) }

// add is called with mu held.
func (c *counts) add(e ending, n int) {
	if e.how == byRevocation {
		c.revoked += n
		return
	}
	c.total += n
	if e.end == never {
		return
	}
	m := minute(e.end)
	c.bump(m, n)
	if m < c.passed {
		c.ended += n
	}
}

// bump is called with mu held.
func (c *counts) bump(m uint64, n int) {
	if c.ending[m] += n; c.ending[m] == 0 {
		delete(c.ending, m)
	}
}

func (c *counts) apply(changes []*change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range changes {
		if ch.leaves {
			c.add(ch.left, -1)
		}
		if ch.adds {
			c.add(ch.came, 1)
		}
	}
}

// at moves the border between live and ended to a time and counts.
func (c *counts) at(now time.Time) (active, expired, revoked int) {
	m := uint64(0)
	if now.UnixMilli() > 0 {
		m = minute(record.Millis(now))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(m)
	return max(c.total-c.ended, 0), max(c.ended, 0), max(c.revoked, 0)
}

// move is called with mu held. It walks the minutes or the buckets, whichever
// are fewer.
func (c *counts) move(m uint64) {
	far := max(m, c.passed)-min(m, c.passed) > uint64(len(c.ending))
	switch {
	case far:
		c.ended = 0
		for at, n := range c.ending {
			if at < m {
				c.ended += n
			}
		}
	case m > c.passed:
		for at := c.passed; at < m; at++ {
			c.ended += c.ending[at]
		}
	default:
		for at := m; at < c.passed; at++ {
			c.ended -= c.ending[at]
		}
	}
	c.passed = m
}

// scan counts what a snapshot holds and discards the snapshot. Changes that
// are committed later are applied meanwhile; the order makes no difference.
func (c *counts) scan(snapshot *badger.Txn, stop <-chan struct{}) {
	defer close(c.ready)
	defer snapshot.Discard()
	it := newEndIterator(snapshot)
	defer it.Close()
	found := newCounts()
	n := 0
	for it.Rewind(); it.Valid(); it.Next() {
		if n%checkEvery == 0 && isClosed(stop) {
			return
		}
		n++
		if e, err := endingAt(it.Item()); err == nil {
			found.add(e, 1)
		}
	}
	c.merge(found)
}

// endingAt reads how the token of an entry ends.
func endingAt(item *badger.Item) (ending, error) {
	at, err := positionOf(item.Key(), endPrefix())
	if err != nil {
		return ending{}, err
	}
	e := ending{end: at.end}
	err = item.Value(func(data []byte) error {
		e.how, err = entryClosing(data)
		return err
	})
	return e, err
}

func (c *counts) merge(found *counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, n := range found.ending {
		c.bump(m, n)
		if m < c.passed {
			c.ended += n
		}
	}
	c.total += found.total
	c.revoked += found.revoked
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
