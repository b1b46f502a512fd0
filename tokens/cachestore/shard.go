package cachestore

import (
	"sync"
	"time"

	"tollgate/tokens"
)

// shard is the part of the cache for some of the hashes: what is kept of them,
// and what may be kept.
type shard struct {
	table *table // of all shards; the buckets of this one's hashes
	limit int64  // of bytes

	mu sync.Mutex // guards what follows, and the shard's buckets
	// turn counts whatever can make a record old that was read before: a
	// record is kept only in the turn in which its reading began.
	turn              uint64
	writes            map[tokens.Hash]write // only those under way or in doubt
	doubts            int                   // how many of them are in doubt
	floor             uint64                // no record up to this revision is kept
	purged            time.Time             // no record that ends before this is kept
	ring              []*entry              // everything that is kept, in no order
	hand              int                   // where in the ring room is sought next
	bytes             int64
	misses, evictions uint64
	_                 [64]byte // keeps neighbours off the cache line
}

// write is what is known about the writes of a token.
type write struct {
	underWay int
	// inDoubt: a write of revision replaces may happen yet.
	inDoubt  bool
	replaces uint64
}

// maxDoubts is how many tokens of a shard can be in doubt by name. Beyond that
// all tokens up to the highest revision are, until they are written again.
const maxDoubts = 256

func newShard(t *table, limit int64) shard {
	return shard{table: t, limit: limit, writes: make(map[tokens.Hash]write)}
}

// miss begins a look-up that asks the store below. It returns the turn.
func (s *shard) miss() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.misses++
	return s.turn
}

// keep puts a token into the cache that was read since the given turn, if it
// cannot be old and there is a point in keeping it.
func (s *shard) keep(t *tokens.Token, turn uint64) {
	weight := weightOf(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != turn || !s.certain(t) || !s.lasts(t) || weight > s.limit || s.table.find(&t.Hash) != nil {
		return
	}
	for s.bytes+weight > s.limit {
		s.evict()
	}
	e := &entry{token: *t, weight: weight, slot: int32(len(s.ring))} // #nosec G115 -- a token takes 700 bytes and more
	s.ring = append(s.ring, e)
	s.bytes += weight
	s.table.link(e)
}

// certain reports whether no write that began before can replace t any more
// without being noticed. It is called with mu held.
func (s *shard) certain(t *tokens.Token) bool {
	w, known := s.writes[t.Hash]
	if w.underWay > 0 || t.Revision <= s.floor {
		return false
	}
	if !known {
		return true
	}
	// Not under way, so in doubt. If the record has a later revision than the
	// one that is replaced, the write has happened or never will.
	if t.Revision <= w.replaces {
		return false
	}
	s.settle(&t.Hash, w)
	return true
}

// lasts reports whether a record is worth keeping. What was ended is not, for
// it must not take the room of live ones; and what may be purged must not stay.
// It is called with mu held.
func (s *shard) lasts(t *tokens.Token) bool {
	return t.Revoked.At.IsZero() && t.Spent.IsZero() && (t.Expires.IsZero() || !t.Expires.Before(s.purged))
}

// settle ends a doubt. Who read before may have read what was there before the
// write, so another turn begins. It is called with mu held.
func (s *shard) settle(h *tokens.Hash, w write) {
	s.turn++
	s.doubts--
	w.inDoubt, w.replaces = false, 0
	s.note(h, w)
}

// note remembers what is known about the writes of a token. It is called with mu
// held.
func (s *shard) note(h *tokens.Hash, w write) {
	if w.underWay == 0 && !w.inDoubt {
		delete(s.writes, *h)
		return
	}
	s.writes[*h] = w
}

// begin is called before a write is tried, and followed by written, refused or
// doubt. Until then nothing of the token is kept, and then another turn begins.
// A write for which none of them is called stays under way.
func (s *shard) begin(h *tokens.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(h)
	w := s.writes[*h]
	w.underWay++
	s.note(h, w)
}

// written ends a write that happened and gave the token that revision.
func (s *shard) written(h *tokens.Hash, revision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.end(h)
	if w.inDoubt && revision > w.replaces {
		s.settle(h, w)
	}
}

// refused ends a write that will never happen.
func (s *shard) refused(h *tokens.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(h)
}

// doubt ends a write that may have happened or happen yet, in place of that
// revision. One in place of none makes a token, and of that there is nothing
// older.
func (s *shard) doubt(h *tokens.Hash, replaces uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.end(h)
	if replaces == 0 {
		return
	}
	if !w.inDoubt {
		s.doubts++
	}
	w.inDoubt, w.replaces = true, max(w.replaces, replaces)
	s.note(h, w)
	if s.doubts > maxDoubts {
		s.doubtAll()
	}
}

// doubtAll bounds the memory that doubts take. It is called with mu held.
func (s *shard) doubtAll() {
	for h, w := range s.writes {
		if w.inDoubt {
			s.floor = max(s.floor, w.replaces)
			s.settle(&h, w)
		}
	}
}

// end notes that a write is no longer under way. It is called with mu held.
func (s *shard) end(h *tokens.Hash) write {
	s.turn++
	w := s.writes[*h]
	w.underWay--
	s.note(h, w)
	return w
}

// forget drops what is kept of a token, and what is being read.
func (s *shard) forget(h *tokens.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	s.drop(h)
}

// drop takes a token out. It is called with mu held.
func (s *shard) drop(h *tokens.Hash) {
	if e := s.table.find(h); e != nil {
		s.remove(e)
	}
}

// clear drops everything that is kept or being read.
func (s *shard) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	for len(s.ring) > 0 {
		s.remove(s.ring[len(s.ring)-1])
	}
}

// purge drops what ends before a time, for good. Time goes on, so that what ends
// earlier than any time that was given stays out.
func (s *shard) purge(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !before.After(s.purged) {
		return // nothing such is kept since
	}
	s.purged = before
	for i := len(s.ring) - 1; i >= 0; i-- { // removing moves what was passed already
		if e := s.ring[i]; !s.lasts(&e.token) {
			s.remove(e)
		}
	}
}

// evict makes room: the hand goes round and takes the first token that was not
// used since it came by. It is called with mu held and something in the ring.
func (s *shard) evict() {
	for {
		s.hand %= len(s.ring)
		e := s.ring[s.hand]
		if !e.used.Swap(false) {
			s.evictions++
			s.remove(e)
			return
		}
		s.hand++
	}
}

// remove takes an entry out. It is called with mu held.
func (s *shard) remove(e *entry) {
	s.table.unlink(e)
	last := len(s.ring) - 1
	s.ring[e.slot] = s.ring[last]
	s.ring[e.slot].slot = e.slot
	s.ring[last] = nil
	s.ring = s.ring[:last]
	s.bytes -= e.weight
}

func (s *shard) addTo(all *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all.Tokens += len(s.ring)
	all.Bytes += s.bytes
	all.InDoubt += s.doubts
	all.Misses += s.misses
	all.Evictions += s.evictions
}
