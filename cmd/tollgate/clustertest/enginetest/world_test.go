package enginetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// patience bounds a wait that nothing should come to the end of.
const patience = 60 * time.Second

func epoch() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 123e6, time.UTC) }

// newPrefix returns one that no other test uses.
func newPrefix() string { return "/" + rand.Text() + "/" }

// configFor returns the configuration of a gateway.
func configFor(prefix string, endpoints ...string) engine.Config {
	return engine.Config{Endpoints: endpoints, Prefix: prefix, Gateway: "g-" + rand.Text()[:6], Presence: engine.MinPresence}
}

// open opens an engine that is closed at the end of the test.
func open(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// token returns a live one.
func token(n int) *tokens.Token {
	return &tokens.Token{
		ID: tokens.ID(fmt.Sprintf("%022d", n)), Hash: tokens.HashOf(fmt.Sprint("value ", n)), API: tokens.UserTokens,
		Owner: "ada", Creator: "root", Scope: tokens.Scope{Tenant: "acme"}, Created: epoch(), Expires: epoch().Add(time.Hour),
	}
}

func named(n int, name string) *tokens.Token {
	t := token(n)
	t.Name = name
	return t
}

func with(t *tokens.Token, change func(*tokens.Token)) *tokens.Token {
	c := t.Clone()
	change(c)
	return c
}

func revoked(t *tokens.Token) *tokens.Token {
	return with(t, func(c *tokens.Token) { c.Revoked = tokens.Mark{At: epoch().Add(-time.Minute), By: "grace"} })
}

// put writes a token and returns it as it is stored.
func put(t testing.TB, e *engine.Engine, tok *tokens.Token) *tokens.Token {
	t.Helper()
	revision, err := e.Put(t.Context(), tok)
	if err != nil {
		t.Fatalf("Put(%s) = %v", tok.ID, err)
	}
	return with(tok, func(c *tokens.Token) { c.Revision = revision })
}

// fill creates tokens, many at a time, with the numbers from first on.
func fill(t testing.TB, e *engine.Engine, first, n int) {
	t.Helper()
	var wait sync.WaitGroup
	var next atomic.Int64
	for range 16 {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if _, err := e.Put(t.Context(), token(first+i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// replica is what a gateway would have, in memory.
type replica struct {
	mu       sync.Mutex
	at       feed.Position
	tokens   map[tokens.ID]*tokens.Token
	usages   map[tokens.ID]tokens.Usage
	users    map[string]string
	moved    chan struct{} // closed and made anew when something is applied
	barriers []string
}

func newReplica() *replica {
	return &replica{
		tokens: map[tokens.ID]*tokens.Token{}, usages: map[tokens.ID]tokens.Usage{}, users: map[string]string{},
		moved: make(chan struct{}),
	}
}

func (r *replica) add(changes []feed.Change) {
	for _, c := range changes {
		switch {
		case c.Token != nil:
			if old := r.tokens[c.Token.ID]; old == nil || old.Revision < c.Token.Revision {
				r.tokens[c.Token.ID] = c.Token
			}
		case c.Gone != "":
			delete(r.tokens, c.Gone)
			delete(r.usages, c.Gone)
		case c.Usage != nil:
			r.usages[c.Usage.ID] = *c.Usage
		case c.User != nil && c.User.Account == nil:
			delete(r.users, c.User.Name)
		case c.User != nil:
			r.users[c.User.Name] = string(c.User.Account)
		}
	}
}

func (r *replica) apply(b engine.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.At.Revision < r.at.Revision {
		return fmt.Errorf("a batch at %d after one at %d", b.At.Revision, r.at.Revision)
	}
	r.add(b.Changes)
	r.at = b.At
	r.barriers = append(r.barriers, b.Barriers...)
	close(r.moved)
	r.moved = make(chan struct{})
	return nil
}

// await waits until something is so, which is asked whenever a batch came.
func (r *replica) await(t testing.TB, what string, so func() bool) {
	t.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		yes, moved := so(), r.moved
		r.mu.Unlock()
		if yes {
			return
		}
		select {
		case <-moved:
		case <-limit:
			t.Fatalf("the replica never has %s", what)
		}
	}
}

// has waits until the replica has a revision.
func (r *replica) has(t testing.TB, revision uint64) {
	t.Helper()
	r.await(t, fmt.Sprint("revision ", revision), func() bool { return r.at.Revision >= revision })
}

func (r *replica) position() feed.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

// adding fills a replica that nobody else uses yet.
func adding(r *replica) func([]feed.Change) error {
	return func(changes []feed.Change) error {
		r.add(changes)
		return nil
	}
}

// load fills a replica that has nothing.
func (r *replica) load(t testing.TB, s *engine.Session) {
	t.Helper()
	at, err := s.Snapshot(t.Context(), adding(r))
	if err != nil {
		t.Fatal(err)
	}
	r.at = at
}

// loadFromAny fills a replica that has nothing from a member that answers: one
// that was dead a moment ago may not be connected to yet.
func (r *replica) loadFromAny(t *testing.T, e *engine.Engine) {
	t.Helper()
	until(t, "a snapshot", func() bool {
		s := e.Session()
		at, err := s.Snapshot(t.Context(), adding(r))
		if errors.Is(err, tokens.ErrEngine) {
			e.Leave(s)
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		r.at = at
		return true
	})
}

// follow watches in the background until the test ends, or the function that it
// returns is called, which returns how the watch ended.
func (r *replica) follow(t testing.TB, s *engine.Session) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	after := r.position()
	go func() { ended <- s.Watch(ctx, after, r.apply) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// replicaOf loads a replica and has it follow.
func replicaOf(t testing.TB, e *engine.Engine) *replica {
	t.Helper()
	r := newReplica()
	s := e.Session()
	r.load(t, s)
	r.follow(t, s)
	return r
}

// same compares two replicas.
func same(t testing.TB, what string, got, want *replica) {
	t.Helper()
	got.mu.Lock()
	defer got.mu.Unlock()
	want.mu.Lock()
	defer want.mu.Unlock()
	if len(got.tokens) != len(want.tokens) || !reflect.DeepEqual(got.tokens, want.tokens) {
		t.Errorf("%s: %d tokens, want the %d that others have", what, len(got.tokens), len(want.tokens))
	}
	if !reflect.DeepEqual(got.usages, want.usages) || !reflect.DeepEqual(got.users, want.users) {
		t.Errorf("%s: usages %v, users %v, want %v, %v", what, got.usages, got.users, want.usages, want.users)
	}
}

// refused checks the reason and that a replica may wait for the revision that
// the refusal is based on.
func refused(t testing.TB, e *engine.Engine, what string, revision uint64, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
		return
	}
	p, err := e.Session().Proof(t.Context(), feed.Position{})
	if err != nil {
		t.Fatal(err)
	}
	if revision == 0 || revision > p.Head.Revision {
		t.Errorf("%s: refused on the base of %d, the head is at %d", what, revision, p.Head.Revision)
	}
}
