package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/memstore"
)

// The tests in this file run a few calls in every order that their steps can
// have: each stops before and after what it does in the store below. The rule
// is that nobody sees less than was acknowledged, or seen by somebody, before
// he began.

// fate is what becomes of a write.
type fate uint8

const (
	happens    fate = iota
	isRefused       // the answer says that it did not happen
	isLost          // it does not happen, and the answer does not say so
	goesWrong       // it happens, and the answer does not say so
	comesLater      // it happens some time after such an answer
)

// never is the revision of a token that is gone for good.
const never = math.MaxUint64

// stage is one run: a store that stops at every step, and the calls on it.
type stage struct {
	*memstore.Store
	cache *cachestore.Store
	pause func()
	hash  tokens.Hash // of the token that all is about
	fate  fate
	later []func()
	// least is what everybody who begins now must see.
	least uint64
	gone  bool // a purge has begun
	fault string
}

func (s *stage) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	if h != s.hash {
		return s.Store.ByHash(ctx, h)
	}
	s.pause()
	t, err := s.Store.ByHash(ctx, h)
	s.pause()
	return t, err
}

func (s *stage) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	become := s.fate
	s.pause()
	switch become {
	case happens:
	case isRefused:
		return 0, tokens.ErrStoreFull
	case isLost:
		return 0, errBroken
	case comesLater:
		own := t.Clone()
		s.later = append(s.later, func() { _, _ = s.Store.Put(ctx, own) })
		return 0, errBroken
	case goesWrong:
		if _, err := s.Store.Put(ctx, t); err != nil {
			return 0, err
		}
		s.pause()
		return 0, errBroken
	}
	revision, err := s.Store.Put(ctx, t)
	s.pause()
	return revision, err
}

func (s *stage) Purge(ctx context.Context, before time.Time) (int, error) {
	s.pause()
	n, err := s.Store.Purge(ctx, before)
	s.pause()
	return n, err
}

// seen returns what a look-up saw.
func seen(t *tokens.Token, err error) uint64 {
	switch {
	case err == nil:
		return t.Revision
	case errors.Is(err, tokens.ErrUnknown):
		return never
	}
	return 0
}

// calls are what can be done on a stage, by name.
type call func(s *stage)

// look is one look-up.
func look(s *stage) {
	least := s.least
	got := seen(s.cache.ByHash(context.Background(), s.hash))
	if got == never && least == 0 {
		return // it was not made yet
	}
	if got < least || got == never && !s.gone {
		s.fault = fmt.Sprintf("revision %d was seen after %d", got, least)
	}
	s.least = max(s.least, got)
}

// change disables or enables the token.
func change(become fate) call {
	return func(s *stage) {
		t, err := s.Store.ByHash(context.Background(), s.hash)
		if err != nil {
			return
		}
		if t.Disabled.At.IsZero() {
			t.Disabled = tokens.Mark{At: epoch(), By: "root"}
		} else {
			t.Disabled = tokens.Mark{}
		}
		s.write(t, become)
	}
}

// create makes the token.
func create(become fate) call {
	return func(s *stage) { s.write(usual(1), become) }
}

// write puts a token and, if that comes later, waits for it.
func (s *stage) write(t *tokens.Token, become fate) {
	s.fate = become
	revision, err := s.cache.Put(context.Background(), t)
	if err == nil {
		s.least = max(s.least, revision)
	}
	if become == comesLater {
		s.pause()
		late := s.later[0]
		s.later = s.later[1:]
		late()
	}
}

// purge removes the token if it ends early enough.
func purge(s *stage) {
	s.gone = true
	_, err := s.cache.Purge(context.Background(), epoch().Add(2*time.Hour))
	if err == nil && seen(s.Store.ByHash(context.Background(), s.hash)) == never {
		s.least = never // unless it was made longer before
	}
}

// prolong gives the token a later end than what is purged has.
func prolong(s *stage) {
	t, err := s.Store.ByHash(context.Background(), s.hash)
	if err != nil {
		return
	}
	t.Expires = epoch().Add(3 * time.Hour)
	s.write(t, happens)
}

// crowd looks up another token, which takes the room of the first.
func crowd(s *stage) { _, _ = s.cache.ByHash(context.Background(), usual(2).Hash) }

// past changes the token past the cache and tells it.
func past(tell func(*stage)) call {
	return func(s *stage) {
		t, _ := s.Store.ByHash(context.Background(), s.hash)
		t.Disabled = tokens.Mark{At: epoch(), By: "root"}
		revision, _ := s.Store.Put(context.Background(), t)
		s.pause()
		tell(s)
		s.least = max(s.least, revision)
	}
}

func twice(s *stage) { look(s); look(s) }

// lookAlone is a look-up whose result binds nobody: of a change past the cache
// look-ups can see something before it is told.
func lookAlone(s *stage) {
	least := s.least
	look(s)
	s.least = least
}

type plot struct {
	name  string
	calls []call
	cold  bool // nobody looked before
	empty bool // the token is not made yet
	most  int64
}

func plots() []plot {
	forget := func(s *stage) { s.cache.Forget(s.hash) }
	empty := func(s *stage) { s.cache.Clear() }
	one := []call{look, look, nil}
	with := func(c ...call) []call { return append(one[:2:2], c...) }
	return []plot{
		{name: "a change", calls: with(change(happens))},
		{name: "a change that nobody looked before", calls: with(change(happens)), cold: true},
		{name: "a change that is refused", calls: with(change(isRefused))},
		{name: "a change that is lost", calls: with(change(isLost))},
		{name: "a change that goes wrong", calls: with(change(goesWrong))},
		{name: "a change that comes later", calls: with(change(comesLater))},
		{name: "a change that comes later, and another in the room", calls: with(change(comesLater), crowd), most: 1500},
		{name: "a change that goes wrong, and another in the room", calls: with(change(goesWrong), crowd), most: 1500},
		{name: "two changes and one look", calls: []call{look, change(happens), change(happens)}},
		{name: "a change, and one that comes later", calls: []call{look, change(happens), change(comesLater)}},
		{name: "two changes that come later", calls: []call{look, change(comesLater), change(comesLater)}},
		{name: "a change after one that comes later", calls: with(func(s *stage) { change(comesLater)(s); change(happens)(s) })},
		{name: "a creation", calls: with(create(happens)), cold: true, empty: true},
		{name: "a creation that comes later", calls: with(create(comesLater)), cold: true, empty: true},
		{name: "a purge", calls: with(purge)},
		{name: "a purge that nobody looked before", calls: with(purge), cold: true},
		{name: "a purge and one who looks twice", calls: []call{look, twice, purge}, cold: true},
		{name: "a change and one who looks twice", calls: []call{look, twice, change(happens)}},
		{name: "a purge of what is made longer", calls: []call{look, purge, prolong}},
		{name: "a change past the cache of what is kept, told", calls: []call{lookAlone, lookAlone, past(forget)}},
		{name: "a change past the cache, told", calls: []call{lookAlone, lookAlone, past(forget)}, cold: true},
		{name: "a change past the cache, all told", calls: []call{lookAlone, lookAlone, past(empty)}, cold: true},
	}
}

func TestNothingIsStaleInAnyOrder(t *testing.T) {
	for _, p := range plots() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			t.Logf("%d orders", everyOrder(t, p))
		})
	}
}

// TestNothingIsStaleInManyOrders is about more calls than can be run in every
// order: it takes some, the same each time.
func TestNothingIsStaleInManyOrders(t *testing.T) {
	t.Parallel()
	calls := []call{look, look, change(happens), change(goesWrong), change(comesLater), look, crowd}
	random := rand.New(rand.NewPCG(1, 2))
	for run := range 5000 {
		path := make([]int, 64)
		for i := range path {
			path[i] = random.IntN(1 << 20)
		}
		s := newStage(plot{cold: run%2 == 0, most: int64(1500 + run%3*1000)})
		s.run(calls, &path)
		s.end()
		if s.fault != "" {
			t.Fatalf("run %d: %s", run, s.fault)
		}
	}
}

// everyOrder runs a plot in every order and returns how many there are.
func everyOrder(t *testing.T, p plot) int {
	t.Helper()
	var path []int // which of the calls that can go on does, at each step
	for runs := 1; ; runs++ {
		s := newStage(p)
		width := s.run(p.calls, &path)
		s.end()
		if s.fault != "" {
			t.Fatalf("run %d, order %v: %s", runs, path, s.fault)
		}
		last := len(path) - 1
		for last >= 0 && path[last]+1 == width[last] {
			last--
		}
		if last < 0 {
			return runs
		}
		path = path[:last+1]
		path[last]++
	}
}

func newStage(p plot) *stage {
	s := &stage{Store: memstore.New(), pause: func() {}, hash: usual(1).Hash}
	if p.most == 0 {
		p.most = 1 << 14
	}
	s.cache = cachestore.New(s, cachestore.Config{MaxBytes: p.most})
	ctx := context.Background()
	_, _ = s.Store.Put(ctx, usual(2))
	if !p.empty {
		s.least, _ = s.Store.Put(ctx, usual(1))
	}
	if !p.cold {
		_, _ = s.cache.ByHash(ctx, s.hash)
	}
	return s
}

// run does the calls step by step as path says, and goes on with the first one
// behind its end. It returns how many calls could go on at each step.
func (s *stage) run(calls []call, path *[]int) (width []int) {
	type actor struct {
		next  func() (struct{}, bool)
		pause func()
	}
	var actors []*actor
	for _, c := range calls {
		a := &actor{}
		a.next, _ = iter.Pull(func(yield func(struct{}) bool) {
			a.pause = func() { yield(struct{}{}) }
			s.pause = a.pause
			c(s)
		})
		actors = append(actors, a)
	}
	for step := 0; len(actors) > 0; step++ {
		if step == len(*path) {
			*path = append(*path, 0)
		}
		width = append(width, len(actors))
		i := (*path)[step] % len(actors)
		a := actors[i]
		if a.pause != nil {
			s.pause = a.pause
		}
		if _, goesOn := a.next(); !goesOn {
			actors = append(actors[:i:i], actors[i+1:]...)
		}
	}
	s.pause = func() {}
	return width
}

// end looks when all is over: now there is one truth.
func (s *stage) end() {
	ctx := context.Background()
	truth := seen(s.Store.ByHash(ctx, s.hash))
	for range 3 {
		if got := seen(s.cache.ByHash(ctx, s.hash)); got != truth && s.fault == "" {
			s.fault = fmt.Sprintf("revision %d is seen at the end, want %d", got, truth)
		}
	}
}
