package enginetest

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// atWrite is the source of randomness of an engine, which is asked right before
// a write is sent.
type atWrite struct{ do atomic.Pointer[func()] }

func (a *atWrite) Read(b []byte) (int, error) {
	if do := a.do.Swap(nil); do != nil {
		(*do)()
	}
	return rand.Read(b)
}

// next has the next write lose its answer or not arrive.
func (a *atWrite) next(what *atomic.Bool) {
	lose := func() { what.Store(true) }
	a.do.Store(&lose)
}

// relayed returns an engine whose current member is reached through a relay and
// whose other one is the same member without it.
func relayed(t *testing.T, cluster *members.Cluster, prefix string) (*engine.Engine, *relay, *atWrite) {
	t.Helper()
	r, random := newRelay(t, cluster.Endpoints()[0]), &atWrite{}
	cfg := configFor(prefix, r.endpoint(), cluster.Endpoints()[0])
	cfg.Random = random
	e := open(t, cfg)
	for {
		s := e.Session()
		if s.Endpoint() == "http://"+r.endpoint() {
			break
		}
		e.Leave(s)
	}
	if _, err := e.Empty(t.Context()); err != nil { // connects
		t.Fatal(err)
	}
	return e, r, random
}

// TestLostAnswersAreFound: a write whose answer is lost happened once, and its
// caller is told so with its revision.
func TestLostAnswersAreFound(t *testing.T) {
	cluster := members.Single(t)
	rows := map[string]func(t *testing.T, e *engine.Engine, lose func()) uint64{
		"create": func(t *testing.T, e *engine.Engine, lose func()) uint64 {
			lose()
			return put(t, e, named(1, "deploy")).Revision
		},
		"update": func(t *testing.T, e *engine.Engine, lose func()) uint64 {
			tok := put(t, e, token(1))
			lose()
			return put(t, e, revoked(tok)).Revision
		},
		"user": func(t *testing.T, e *engine.Engine, lose func()) uint64 {
			lose()
			revision, err := e.PutUser(t.Context(), feed.User{Name: "ada", Account: []byte("x")})
			if err != nil {
				t.Fatal(err)
			}
			return revision
		},
		"no user": func(t *testing.T, e *engine.Engine, lose func()) uint64 {
			if _, err := e.PutUser(t.Context(), feed.User{Name: "ada", Account: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			lose()
			revision, err := e.PutUser(t.Context(), feed.User{Name: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			return revision
		},
		"usages": func(t *testing.T, e *engine.Engine, lose func()) uint64 {
			put(t, e, token(1))
			lose()
			revision, err := e.AddUsages(t.Context(), []tokens.Usage{{ID: token(1).ID, Count: 3}})
			if err != nil {
				t.Fatal(err)
			}
			return revision
		},
		"removal": func(t *testing.T, e *engine.Engine, lose func()) uint64 {
			tok := put(t, e, token(1))
			lose()
			n, revision, err := e.Remove(t.Context(), []*tokens.Token{tok})
			if n != 1 || err != nil {
				t.Fatalf("Remove = %d, %v", n, err)
			}
			return revision
		},
	}
	for name, write := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix := newPrefix()
			e, r, random := relayed(t, cluster, prefix)
			revision := write(t, e, func() { random.next(&r.mute) })
			if !r.mute.Load() {
				t.Error("no answer was lost")
			}
			other := open(t, configFor(prefix, cluster.Endpoints()...))
			fresh := newReplica()
			fresh.load(t, other.Session())
			if fresh.at.Revision != revision {
				t.Errorf("the write is said to be at %d, the last one is at %d", revision, fresh.at.Revision)
			}
			if u := fresh.usages[token(1).ID]; name == "usages" && u.Count != 3 {
				t.Errorf("usage is %+v, want a count of 3", u)
			}
		})
	}
}

// TestWritesThatNeverArriveAreSentAgain: the other member takes them.
func TestWritesThatNeverArriveAreSentAgain(t *testing.T) {
	cluster := members.Single(t)
	e, r, random := relayed(t, cluster, newPrefix())
	random.next(&r.deaf)
	tok := put(t, e, named(1, "deploy"))
	fresh := newReplica()
	fresh.load(t, func() *engine.Session {
		e.Leave(e.Session())
		return e.Session()
	}())
	if len(fresh.tokens) != 1 || fresh.at.Revision != tok.Revision {
		t.Errorf("%v is there at %d, want the token at %d", fresh.tokens, fresh.at.Revision, tok.Revision)
	}
}

// TestTheSameBytesOfAnotherAreNotMine: two gateways count the same use at once.
// The one whose answer is lost must not take the write of the other for its own.
func TestTheSameBytesOfAnotherAreNotMine(t *testing.T) {
	cluster := members.Single(t)
	prefix := newPrefix()
	other := open(t, configFor(prefix, cluster.Endpoints()...))
	tok := put(t, other, with(token(1), func(c *tokens.Token) { c.Only.Uses = 5 }))
	use := with(tok, func(c *tokens.Token) { c.Used = 1 })
	e, r, random := relayed(t, cluster, prefix)
	random.next(&r.deaf)
	ended := make(chan error, 1)
	go func() {
		_, err := e.Put(t.Context(), use)
		ended <- err
	}()
	<-r.swallowed
	put(t, other, use)
	if err := <-ended; err == nil {
		t.Error("both uses are said to be counted, and one is")
	} else if !errors.Is(err, tokens.ErrEngine) && !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("the other use: %v, want ErrEngine or ErrConflict", err)
	}
}

// TestEngineThatIsAwayIsAnError: within bounded time, of the right kind.
func TestEngineThatIsAwayIsAnError(t *testing.T) {
	cluster := members.Single(t)
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	tok := put(t, e, token(1))
	cluster.Member(0).Kill()
	s := e.Session()
	rows := map[string]func() error{
		"create":   func() error { _, err := e.Put(t.Context(), token(2)); return err },
		"update":   func() error { _, err := e.Put(t.Context(), tok); return err },
		"remove":   func() error { _, _, err := e.Remove(t.Context(), []*tokens.Token{tok}); return err },
		"user":     func() error { _, err := e.PutUser(t.Context(), feed.User{Name: "ada", Account: []byte{}}); return err },
		"usages":   func() error { _, err := e.AddUsages(t.Context(), []tokens.Usage{{ID: tok.ID}}); return err },
		"proof":    func() error { _, err := s.Proof(t.Context(), feed.Position{}); return err },
		"snapshot": func() error { _, err := s.Snapshot(t.Context(), func([]feed.Change) error { return nil }); return err },
		"stamps":   func() error { _, err := s.Stamps(t.Context(), func([]engine.Stamp) error { return nil }); return err },
		"read":     func() error { _, _, err := s.Read(t.Context(), []engine.Stamp{{User: "ada"}}); return err },
		"watch": func() error {
			return s.Watch(t.Context(), feed.Position{Revision: 1}, func(engine.Batch) error { return nil })
		},
		"ack":      func() error { return e.Ack(t.Context(), "ff") },
		"barrier":  func() error { _, err := e.Everywhere(t.Context()); return err },
		"gateways": func() error { _, err := e.Gateways(t.Context()); return err },
		"turn":     func() error { _, err := e.Turn(t.Context(), "x"); return err },
		"empty":    func() error { _, err := e.Empty(t.Context()); return err },
	}
	for name, ask := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := ask(); !errors.Is(err, tokens.ErrEngine) {
				t.Errorf("%v, want ErrEngine", err)
			}
		})
	}
}
