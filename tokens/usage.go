package tokens

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Usage is when and how a token was used last, and how often in all. The zero
// Usage, but for its ID, is that of one that was not used.
type Usage struct {
	ID      ID
	At      time.Time  // UTC, milliseconds
	Address netip.Addr // invalid = unknown
	Agent   string     // at most 256 bytes of it
	Count   uint64
}

// UsageStore keeps usages apart from the tokens, so that writing one never
// meets with a change of a token. Implementations are safe for concurrent use.
type UsageStore interface {
	// AddUsages adds to what is kept, all or, when it fails, any part:
	// counts add up, and of the rest the later counts.
	AddUsages(ctx context.Context, all []Usage) error

	// Usages returns what is kept of each of the tokens, in their order.
	Usages(ctx context.Context, ids []ID) ([]Usage, error)
}

// maxAgent bounds the user agent that is kept, and heldAgent what is held until
// then: by so much more that a token's value in it, which is taken out, is never
// cut in two before.
const (
	maxAgent  = 256
	heldAgent = maxAgent + 128
)

// Bounds of what is remembered between two flushes. Beyond them uses are not
// recorded: what is lost is a figure, not a rule.
const (
	usageShards   = 64
	usagePerShard = 1 << 12
)

// usages gathers uses in memory.
type usages struct {
	seed   maphash.Seed
	shards [usageShards]usageShard
	lost   atomic.Uint64
	flush  sync.RWMutex // held while what was taken is being written
}

type usageShard struct {
	mu  sync.Mutex // guards all
	all map[ID]Usage
	_   [40]byte // keeps neighbours off the cache line
}

func newUsages() *usages { return &usages{seed: maphash.MakeSeed()} }

// note counts one use.
func (u *usages) note(id ID, at time.Time, c Circumstances) {
	s := &u.shards[maphash.String(u.seed, string(id))%usageShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	one, known := s.all[id]
	if !known {
		if len(s.all) >= usagePerShard {
			u.lost.Add(1)
			return
		}
		if s.all == nil {
			s.all = make(map[ID]Usage)
		}
	}
	one.ID, one.At, one.Address = id, at, c.Client
	if agent := clipAgent(c.Agent, heldAgent); agent != one.Agent {
		one.Agent = strings.Clone(agent) // the request's header is not kept from being freed
	}
	one.Count++
	s.all[id] = one
}

// clipAgent bounds a user agent and leaves out what is not UTF-8.
func clipAgent(agent string, most int) string {
	return strings.ToValidUTF8(agent[:min(len(agent), most)], "")
}

// take returns what was gathered and forgets it.
func (u *usages) take() []Usage {
	var all []Usage
	for i := range u.shards {
		s := &u.shards[i]
		s.mu.Lock()
		for _, one := range s.all {
			all = append(all, one)
		}
		clear(s.all)
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Usage) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// pending returns what was gathered of one token.
func (u *usages) pending(id ID) Usage {
	s := &u.shards[maphash.String(u.seed, string(id))%usageShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[id]
}

// Merge returns u with what another usage of the same token adds.
func (u Usage) Merge(other Usage) Usage {
	u.Count += other.Count
	if other.At.After(u.At) {
		u.At, u.Address, u.Agent = other.At, other.Address, other.Agent
	}
	return u
}

// Use takes note that a subject is about to do something, and of a token with
// a limited number of uses takes one away: that is durable when Use returns,
// and never given back. ErrUsedUp if there is none left; with any error the
// request must not go on. Of all others it only gathers when and how they were
// used last, which costs no write. It returns the subject with the token as it
// is then.
func (s *Service) Use(ctx context.Context, by Subject, c Circumstances) (Subject, error) {
	if by.Token == nil {
		return by, nil
	}
	if by.Token.Only.Uses > 0 {
		t, err := s.spend(ctx, by.Token.ID, 1)
		if err != nil {
			return by, err
		}
		by.Token = t
	}
	s.used.note(by.Token.ID, s.stamp(), c)
	return by, nil
}

// spend takes uses off a token and returns it as it is then.
func (s *Service) spend(ctx context.Context, id ID, n uint32) (*Token, error) {
	defer s.byToken.hold(string(id))()
	for {
		t, err := s.store.ByID(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("count use: %w", err)
		}
		now := s.stamp()
		if err := t.refusal(now); err != nil {
			return nil, err
		}
		if t.Only.Uses == 0 {
			return t, nil
		}
		if t.left() < n {
			return nil, ErrUsedUp
		}
		if t.Used += n; t.Used == t.Only.Uses {
			t.Spent = now
		}
		t.Revision, err = s.store.Put(ctx, t)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("count use: %w", err)
		}
		return t, nil
	}
}

// left returns how many uses there are left of a limited number.
func (t *Token) left() uint32 { return t.Only.Uses - min(t.Used, t.Only.Uses) }

// FlushUses writes what was gathered about uses. What cannot be written is
// lost: it is not worth a request's waiting.
func (s *Service) FlushUses(ctx context.Context) error {
	s.used.flush.Lock() // what is on its way can be seen neither here nor there
	defer s.used.flush.Unlock()
	all := s.used.take()
	if len(all) == 0 {
		return nil
	}
	for i := range all {
		all[i] = s.clean(all[i])
	}
	if err := s.usage.AddUsages(ctx, all); err != nil {
		return fmt.Errorf("record uses of %d tokens: %w", len(all), err)
	}
	return nil
}

// clean takes out of a usage what must not be kept or shown.
func (s *Service) clean(u Usage) Usage {
	if s.redact != nil {
		u.Agent = s.redact(u.Agent)
	}
	u.Agent = clipAgent(u.Agent, maxAgent)
	return u
}

// LostUses returns how many uses were not recorded for want of room.
func (s *Service) LostUses() uint64 { return s.used.lost.Load() }

// UsesOf returns how each of the tokens was used, in their order.
func (s *Service) UsesOf(ctx context.Context, all []*Token) ([]Usage, error) {
	ids := make([]ID, len(all))
	for i, t := range all {
		ids[i] = t.ID
	}
	s.used.flush.RLock()
	defer s.used.flush.RUnlock()
	found, err := s.usage.Usages(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read uses: %w", err)
	}
	for i := range found {
		found[i] = found[i].Merge(s.clean(s.used.pending(ids[i])))
	}
	return found, nil
}

// locks makes changes of the same thing wait for one another. The zero locks
// are ready.
type locks struct {
	stripes [256]sync.Mutex
}

// hold waits for its turn; the returned function ends it.
func (l *locks) hold(name string) (release func()) {
	h := uint32(2166136261) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	mu := &l.stripes[h%uint32(len(l.stripes))]
	mu.Lock()
	return mu.Unlock
}
