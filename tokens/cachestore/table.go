package cachestore

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"tollgate/tokens"
)

// entry is a token that is kept. It is made for one stay in the table and never
// put back into it.
type entry struct {
	// What a look-up needs lies together, with the hash that token begins with.
	next   atomic.Pointer[entry] // in its bucket
	used   atomic.Bool           // since the hand passed it
	slot   int32                 // in the ring of its shard, whose lock guards it
	weight int64
	token  tokens.Token // never changes: whoever looked it up may hold it
}

// touch notes a use. It writes only where that is news, so that a token that
// everybody uses does not go from processor to processor.
func (e *entry) touch() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// table finds entries by hash without a lock. Whoever changes a bucket holds the
// lock of the shard that the bucket belongs to. Its size is fixed.
//
// A reader beside a change may miss an entry that is there, which costs a read
// of the store below. One that begins after an entry was taken out does not
// find it: entries come in at the head alone, and one that was taken out leads
// nowhere and is led to by nothing that is still in.
type table struct {
	buckets []atomic.Pointer[entry] // a power of two
}

func newTable(buckets int) table { return table{buckets: make([]atomic.Pointer[entry], buckets)} }

// place returns the number of a hash's bucket. Its low bits are the shard's. A
// hash is evenly spread by itself.
func (t *table) place(h *tokens.Hash) int {
	return int(binary.LittleEndian.Uint32(h[:4])) & (len(t.buckets) - 1)
}

// find returns the entry of a hash, nil if there is none.
func (t *table) find(h *tokens.Hash) *entry {
	for e := t.buckets[t.place(h)].Load(); e != nil; e = e.next.Load() {
		if e.token.Hash == *h {
			return e
		}
	}
	return nil
}

// link puts an entry in whose hash has none.
func (t *table) link(e *entry) {
	head := &t.buckets[t.place(&e.token.Hash)]
	e.next.Store(head.Load())
	head.Store(e)
}

// unlink takes an entry out that is in.
func (t *table) unlink(e *entry) {
	at := &t.buckets[t.place(&e.token.Hash)]
	for at.Load() != e {
		at = &at.Load().next
	}
	at.Store(e.next.Load())
	e.next.Store(nil) // who holds the token does not hold its neighbours
}

// Sizes of the parts of a cache.
const (
	maxShards   = 256
	shardBytes  = 1 << 20 // of a shard at least, so that the largest tokens fit many times
	bucketBytes = 1 << 10 // tokens of usual size have a bucket each
)

// shardsFor returns the number of shards of a cache of that size, a power of
// two.
func shardsFor(most int64) int { return min(powerOfTwo(most/shardBytes), maxShards) }

// bucketsFor returns the number of buckets of a shard of that size, a power of
// two.
func bucketsFor(most int64) int { return powerOfTwo(most / bucketBytes) }

// powerOfTwo returns the largest that is not above n, and at least one.
func powerOfTwo(n int64) int {
	if n < 1 {
		return 1
	}
	return 1 << (bits.Len64(uint64(n)) - 1)
}
