package accounts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"
)

// digest names a check without giving away anything of it.
type digest [sha256.Size]byte

// mac makes digests. It is not safe for concurrent use.
type mac struct {
	hash hash.Hash
	text []byte
}

func newMAC(key []byte) *mac { return &mac{hash: hmac.New(sha256.New, key)} }

// sum returns the digest of the parts, each with its length in front so that
// no two lists run into one.
func (m *mac) sum(parts ...string) digest {
	m.text = m.text[:0]
	for _, p := range parts {
		m.text = binary.BigEndian.AppendUint64(m.text, uint64(len(p)))
		m.text = append(m.text, p...)
	}
	m.hash.Reset()
	_, _ = m.hash.Write(m.text) // a hash never fails
	clear(m.text)
	m.text = m.hash.Sum(m.text[:0])
	return digest(m.text)
}

func (g *Gate) digest(name, password, hashText string) digest {
	m, _ := g.macs.Get().(*mac) // the pool holds nothing else
	defer g.macs.Put(m)
	return m.sum(name, password, hashText)
}

// memory is a bounded set of digests that ends each of them at its time. All
// are kept for the same span, so the first that came is the first that ends
// and the first to go when there is no room.
type memory struct {
	mu    sync.Mutex // guards all below
	ends  map[digest]time.Time
	order []digest // a ring of the keys of ends
	first int
}

func newMemory(size int) *memory {
	return &memory{ends: make(map[digest]time.Time), order: make([]digest, size)}
}

func (m *memory) has(d digest, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	end, ok := m.ends[d]
	return ok && now.Before(end)
}

// add remembers d for a span. One that is remembered already keeps its end.
func (m *memory) add(d digest, now time.Time, span time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.ends) > 0 && !now.Before(m.ends[m.order[m.first]]) {
		m.dropFirst()
	}
	if _, ok := m.ends[d]; ok {
		return
	}
	if len(m.ends) == len(m.order) {
		m.dropFirst()
	}
	m.order[(m.first+len(m.ends))%len(m.order)] = d
	m.ends[d] = now.Add(span)
}

// dropFirst needs mu and at least one digest.
func (m *memory) dropFirst() {
	delete(m.ends, m.order[m.first])
	m.first = (m.first + 1) % len(m.order)
}
