package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"
	"sync/atomic"

	"tollgate/tokens"
)

// keyShards is the number of parts of a Keys, so that requests seldom wait
// for each other.
const (
	keyShards    = 1 << keyShardBits
	keyShardBits = 4
)

// Keys remembers signing keys, whose derivation takes longer than all the
// rest of a verification. It is safe for concurrent use. The zero Keys and the
// nil *Keys work and remember nothing.
type Keys struct {
	shards   [keyShards]keyShard
	perShard int
	moment   atomic.Pointer[moment] // of the Signer that signed last
}

// keyShard is two generations of keys: when the fresh one is full it becomes
// the old one, and what was old and not asked for since is forgotten.
type keyShard struct {
	mu         sync.RWMutex
	fresh, old map[keyName]*signingKey
	// recent is one of fresh, the one that was asked for last: most requests
	// ask for few keys, and find them here without a lock. It is written
	// under mu.
	recent atomic.Pointer[signingKey]
}

// keyName is everything that the value of a signing key depends on.
type keyName struct {
	secret               tokens.Secret
	day, region, service string
}

// NewKeys returns a Keys that remembers at most a number of keys, of which
// there is one for each access key and day; it is rounded up to 32. Zero and
// less remembers nothing.
func NewKeys(most int) *Keys {
	k := &Keys{}
	if most > 0 {
		k.perShard = max(1, most/(2*keyShards))
	}
	return k
}

// MAC returns the HMAC under the signing key of a secret for S3, on a day
// (YYYYMMDD), in a region. It is for what is signed other than by request: the
// policies of forms.
func (k *Keys) MAC(secret tokens.Secret, day, region string) MAC {
	return k.key(keyName{secret, day, region, service}).mac
}

// key returns a signing key, remembered or derived.
func (k *Keys) key(name keyName) *signingKey {
	if k == nil || k.perShard == 0 {
		return deriveKey(name)
	}
	shard := &k.shards[shardOf(name.secret)]
	if key := shard.recent.Load(); key != nil && key.name == name {
		return key
	}
	key, fresh := shard.get(name)
	if fresh {
		return key
	}
	if key == nil {
		key = deriveKey(name)
		// The names are parts of a request's headers, which they would keep.
		key.name = keyName{name.secret, strings.Clone(name.day), strings.Clone(name.region), strings.Clone(name.service)}
	}
	shard.put(key, k.perShard)
	return key
}

// get returns a remembered key and whether it is a fresh one; nil for none.
func (s *keyShard) get(name keyName) (key *signingKey, fresh bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if key, fresh = s.fresh[name]; !fresh {
		return s.old[name], false
	}
	s.recent.Store(key)
	return key, true
}

func (s *keyShard) put(key *signingKey, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh == nil || len(s.fresh) >= most {
		s.old, s.fresh = s.fresh, make(map[keyName]*signingKey)
	}
	s.fresh[key.name] = key
	s.recent.Store(key)
}

// shardOf is multiplicative hashing of eight bytes at a time, which is enough
// to spread secrets.
func shardOf(secret tokens.Secret) uint64 {
	const golden = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio
	sum, rest := uint64(0), secret.Reveal()
	for ; len(rest) >= 8; rest = rest[8:] {
		sum = (sum ^ word(rest)) * golden
		sum ^= sum >> 32
	}
	for i := range len(rest) {
		sum = (sum ^ uint64(rest[i])) * golden
	}
	return (sum ^ sum>>32) * golden >> (64 - keyShardBits)
}

// signingKey is a derived key as HMAC uses it: as the states after its inner
// and its outer block (RFC 2104). It does not change, and holds nothing that
// is for one use alone.
type signingKey struct {
	inner, outer hashed
	innerBlock   [sha256.BlockSize]byte // the key, padded, for what begins with more
	mac          MAC
	name         keyName
}

// deriveKey makes the signing key. AWS: "Authenticating Requests: Using the
// Authorization Header", task 3.
func deriveKey(name keyName) *signingKey {
	step := []byte("AWS4" + name.secret.Reveal())
	for _, part := range [...]string{name.day, name.region, name.service, terminator} {
		h := hmac.New(sha256.New, step)
		h.Write([]byte(part))
		step = h.Sum(nil)
	}
	k := &signingKey{name: name}
	var outer [sha256.BlockSize]byte
	copy(k.innerBlock[:], step)
	copy(outer[:], step)
	for i := range outer {
		k.innerBlock[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	k.inner, k.outer = hashedAfter(k.innerBlock[:]), hashedAfter(outer[:])
	k.mac = k.sum
	return k
}

// sum returns the HMAC of a message.
func (k *signingKey) sum(message []byte) [sha256.Size]byte {
	c := borrow()
	defer c.giveBack()
	return c.hasher.hmac(k, k.inner, message)
}
