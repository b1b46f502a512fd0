package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

var errDown = errors.New("connection refused")

// history is what an engine holds and held. It is copied to make backups.
type past struct {
	cluster, revision, compacted uint64
	heads                        map[uint64]feed.Position // by revision
	head                         feed.Position
	tokens                       map[tokens.ID]*tokens.Token
	users                        map[string]feed.User
	stamps                       map[string]uint64 // of users
	usages                       map[tokens.ID]tokens.Usage
	log                          []engine.Batch
}

func (p past) clone() past {
	p.heads, p.tokens, p.users = maps.Clone(p.heads), maps.Clone(p.tokens), maps.Clone(p.users)
	p.stamps, p.usages, p.log = maps.Clone(p.stamps), maps.Clone(p.usages), slices.Clone(p.log)
	return p
}

// fault is what a member does instead of its work.
type fault int

const (
	well    fault = iota
	stopped       // nothing ever comes back
	down          // everything fails at once
	mute          // watches bring nothing, all else works
)

// fakeEngine is an engine in memory that does what no real one does when it is
// told to.
type fakeEngine struct {
	mu       sync.Mutex
	past     past
	writes   int           // makes marks
	life     int           // a restore ends all watches
	changed  chan struct{} // closed at every change
	faults   map[string]fault
	lose     func(b engine.Batch) bool // whether watches leave a batch out; nil = none
	others   []engine.Gateway          // that live
	relisted int                       // how often this one was put on the list anew
	unlists  bool                      // and is on no list until from is set
	onPage   func()                    // called, without mu, before each page of a snapshot
	onStamp  func()                    // called, without mu, before each page of stamps
	names    []string
	current  int
	proofs   int
	acks     []string
	waiting  []string // barriers that a watch meets at its beginning
	turns    sync.Mutex
	closed   bool
	from     time.Time // since when the gateway is listed; zero = it is not
	until    time.Time // until when; zero = for ever
}

func newFakeEngine(members ...string) *fakeEngine {
	e := &fakeEngine{changed: make(chan struct{}), faults: map[string]fault{}, names: members}
	e.past = emptyPast(7)
	e.from = time.Now()
	return e
}

func emptyPast(cluster uint64) past {
	return past{
		cluster: cluster, revision: 1, heads: map[uint64]feed.Position{}, head: feed.Position{Cluster: cluster},
		tokens: map[tokens.ID]*tokens.Token{}, users: map[string]feed.User{}, stamps: map[string]uint64{},
		usages: map[tokens.ID]tokens.Usage{},
	}
}

func (e *fakeEngine) truth() truth {
	return truth{members: e, writer: e, group: e, list: e, close: func() error {
		e.locked(func() { e.closed = true })
		return nil
	}}
}

// locked runs f and tells everybody who waits.
func (e *fakeEngine) locked(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	close(e.changed)
	e.changed = make(chan struct{})
}

// commit writes changes. It is called with mu held.
func (e *fakeEngine) commit(barriers []string, changes ...feed.Change) uint64 {
	e.past.revision++
	e.writes++
	e.past.head = feed.Position{Cluster: e.past.cluster, Revision: e.past.revision, Mark: fmt.Sprint("mark ", e.writes)}
	e.past.heads[e.past.revision] = e.past.head
	for i, c := range changes {
		changes[i] = e.keep(c)
	}
	e.past.log = append(e.past.log, engine.Batch{At: e.past.head, Changes: changes, Barriers: barriers})
	return e.past.revision
}

func (e *fakeEngine) keep(c feed.Change) feed.Change {
	switch {
	case c.Token != nil:
		t := c.Token.Clone()
		t.Revision = e.past.revision
		e.past.tokens[t.ID] = t
		return feed.Change{Token: t}
	case c.User != nil:
		e.past.users[c.User.Name], e.past.stamps[c.User.Name] = *c.User, e.past.revision
		if c.User.Account == nil {
			delete(e.past.users, c.User.Name)
			delete(e.past.stamps, c.User.Name)
		}
	case c.Usage != nil:
		e.past.usages[c.Usage.ID] = *c.Usage
	default:
		delete(e.past.tokens, c.Gone)
		delete(e.past.usages, c.Gone)
	}
	return c
}

// change writes past all stores, as another gateway does.
func (e *fakeEngine) change(changes ...feed.Change) (revision uint64) {
	e.locked(func() { revision = e.commit(nil, changes...) })
	return revision
}

// pass lets n revisions go by that nobody is told of.
func (e *fakeEngine) pass(n uint64) { e.locked(func() { e.past.revision += n }) }

func (e *fakeEngine) compact() { e.locked(func() { e.past.compacted = e.past.revision }) }

func (e *fakeEngine) set(member string, f fault) { e.locked(func() { e.faults[member] = f }) }

// calling calls the function that is set, if there is one.
func (e *fakeEngine) calling(which func(*fakeEngine) func()) {
	e.mu.Lock()
	f := which(e)
	e.mu.Unlock()
	if f != nil {
		f()
	}
}

func (e *fakeEngine) paging(f func()) { e.locked(func() { e.onPage = f }) }

func (e *fakeEngine) stamping(f func()) { e.locked(func() { e.onStamp = f }) }

func (e *fakeEngine) losing(f func(engine.Batch) bool) { e.locked(func() { e.lose = f }) }

func (e *fakeEngine) backup() (p past) {
	e.locked(func() { p = e.past.clone() })
	return p
}

// restore puts the engine back to a backup, which ends all watches.
func (e *fakeEngine) restore(p past) {
	e.locked(func() { e.past, e.life = p.clone(), e.life+1 })
}

// Current implements members.
func (e *fakeEngine) Current() session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fakeMember{e, e.names[e.current]}
}

// Leave implements members.
func (e *fakeEngine) Leave(s session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m, ok := s.(fakeMember); ok && m.name == e.names[e.current] {
		e.current = (e.current + 1) % len(e.names)
	}
}

// Endpoint implements members.
func (e *fakeEngine) Endpoint(s session) string { return s.(fakeMember).name }

// fakeMember is one member of a fakeEngine.
type fakeMember struct {
	engine *fakeEngine
	name   string
}

// ready waits while the member is stopped.
func (m fakeMember) ready(ctx context.Context) error {
	for {
		m.engine.mu.Lock()
		f, changed := m.engine.faults[m.name], m.engine.changed
		m.engine.mu.Unlock()
		switch f {
		case down:
			return errDown
		case stopped:
		default:
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Proof implements session, as the engine's contract has it.
func (m fakeMember) Proof(ctx context.Context, have feed.Position) (engine.Proof, error) {
	if err := m.ready(ctx); err != nil {
		return engine.Proof{}, err
	}
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.engine.proofs++
	p := &m.engine.past
	said := engine.Proof{Head: p.head, Revision: p.revision}
	switch {
	case have.Cluster != p.cluster, have.Revision == 0, have.Revision > p.revision:
		said.History = engine.Foreign
	case have.Revision >= p.head.Revision:
		said.History = matching(have, p.head)
	case have.Revision < p.compacted:
		said.History = engine.Unknown
	default:
		said.History = matching(have, p.heads[have.Revision])
	}
	return said, nil
}

func matching(have, head feed.Position) engine.History {
	if have.Mark == "" && head.Revision == 0 || have.Mark != "" && have == head {
		return engine.Same
	}
	return engine.Foreign
}

// Snapshot implements session with pages of two.
func (m fakeMember) Snapshot(ctx context.Context, page func([]feed.Change) error) (feed.Position, error) {
	m.engine.mu.Lock()
	p := m.engine.past.clone()
	m.engine.mu.Unlock()
	var all []feed.Change
	for _, id := range slices.Sorted(maps.Keys(p.tokens)) {
		all = append(all, feed.Change{Token: p.tokens[id]})
	}
	for _, u := range p.users {
		all = append(all, feed.Change{User: &u})
	}
	for _, u := range p.usages {
		all = append(all, feed.Change{Usage: &u})
	}
	for part := range slices.Chunk(all, 2) {
		m.engine.calling(func(e *fakeEngine) func() { return e.onPage })
		if err := m.ready(ctx); err != nil {
			return feed.Position{}, err
		}
		if m.engine.backup().compacted > p.revision {
			return feed.Position{}, engine.ErrCompacted
		}
		if err := page(part); err != nil {
			return feed.Position{}, err
		}
	}
	at := p.head
	if at.Mark == "" {
		at.Revision = p.revision
	}
	return at, m.ready(ctx)
}

// Watch implements session.
func (m fakeMember) Watch(ctx context.Context, after feed.Position, batch func(engine.Batch) error) error {
	m.engine.mu.Lock()
	life := m.engine.life
	behind := after.Revision+1 < m.engine.past.compacted
	waiting := slices.Clone(m.engine.waiting)
	m.engine.mu.Unlock()
	if behind {
		return engine.ErrCompacted
	}
	if len(waiting) > 0 {
		if err := batch(engine.Batch{At: after, Barriers: waiting}); err != nil {
			return err
		}
	}
	for {
		if err := m.ready(ctx); err != nil {
			return err
		}
		m.engine.mu.Lock()
		changed, f, lose := m.engine.changed, m.engine.faults[m.name], m.engine.lose
		var next []engine.Batch
		for _, b := range m.engine.past.log {
			if b.At.Revision > after.Revision && f != mute {
				next = append(next, b)
			}
		}
		ended := life != m.engine.life
		m.engine.mu.Unlock()
		if ended {
			return errDown
		}
		for _, b := range next {
			if after.Revision = b.At.Revision; lose != nil && lose(b) {
				continue
			}
			if err := batch(b); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Stamps implements session with pages of two.
func (m fakeMember) Stamps(ctx context.Context, page func([]engine.Stamp) error) (uint64, error) {
	if err := m.ready(ctx); err != nil {
		return 0, err
	}
	p := m.engine.backup()
	var all []engine.Stamp
	for _, id := range slices.Sorted(maps.Keys(p.tokens)) {
		all = append(all, engine.Stamp{Token: id, Revision: p.tokens[id].Revision})
	}
	for _, name := range slices.Sorted(maps.Keys(p.users)) {
		all = append(all, engine.Stamp{User: name, Revision: p.stamps[name]})
	}
	for part := range slices.Chunk(all, 2) {
		m.engine.calling(func(e *fakeEngine) func() { return e.onStamp })
		if err := m.ready(ctx); err != nil {
			return 0, err
		}
		if err := page(part); err != nil {
			return 0, err
		}
	}
	return p.revision, nil
}

// Read implements session.
func (m fakeMember) Read(ctx context.Context, which []engine.Stamp) ([]feed.Change, uint64, error) {
	if err := m.ready(ctx); err != nil {
		return nil, 0, err
	}
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	var all []feed.Change
	for _, s := range which {
		t, known := m.engine.past.tokens[s.Token]
		switch {
		case s.User != "":
			all = append(all, feed.Change{User: &feed.User{Name: s.User, Account: m.engine.past.users[s.User].Account}})
		case known:
			all = append(all, feed.Change{Token: t})
		default:
			all = append(all, feed.Change{Gone: s.Token})
		}
	}
	return all, m.engine.past.revision, nil
}
