package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/etcdstore"
	"tollgate/tokens/etcdstore/engine"
)

// patience bounds a single wait. Nothing reaches it unless it hangs.
const patience = 60 * time.Second

// gateway is one store, and what it told.
type gateway struct {
	*etcdstore.Store
	cfg etcdstore.Config

	mu       sync.Mutex // guards what follows
	lines    []string
	loads    []etcdstore.Reason
	states   []etcdstore.State
	diverged int
}

// open opens a store of a cluster below a prefix, in a directory, and closes
// it at the end of the test.
func open(t *testing.T, c *members.Cluster, prefix, dir string, change ...func(*etcdstore.Config)) *gateway {
	t.Helper()
	g := &gateway{}
	g.cfg = etcdstore.Config{
		Engine:  engine.Config{Endpoints: c.Endpoints(), Prefix: prefix, Gateway: "gateway"},
		Replica: badgerstore.ReplicaConfig{Dir: dir},
		// A machine that has too much to do is no fault that is tested here.
		MaxStaleness: patience, Patience: patience / 2,
		Log: func(line string) { g.note(func() { g.lines = append(g.lines, line) }) },
		Events: etcdstore.Events{
			Loaded: func(why etcdstore.Reason, _ int, _ time.Duration) {
				g.note(func() { g.loads = append(g.loads, why) })
			},
			State:    func(s etcdstore.State) { g.note(func() { g.states = append(g.states, s) }) },
			Diverged: func(n int) { g.note(func() { g.diverged += n }) },
		},
	}
	g.cfg.Engine.Log = g.cfg.Log
	for _, f := range change {
		f(&g.cfg)
	}
	s, err := etcdstore.Open(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.Store = s
	t.Cleanup(func() {
		g.close(t)
		if t.Failed() {
			g.note(func() { t.Logf("a gateway told %q", g.lines) })
		}
	})
	return g
}

func (g *gateway) note(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

func (g *gateway) close(t *testing.T) {
	t.Helper()
	if err := g.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func (g *gateway) awaitFresh(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := g.AwaitFresh(ctx); err != nil {
		t.Fatalf("AwaitFresh = %v", err)
	}
}

// fresh opens a store with a new replica and waits until it is fresh.
func fresh(t *testing.T, c *members.Cluster, prefix string, change ...func(*etcdstore.Config)) *gateway {
	t.Helper()
	g := open(t, c, prefix, t.TempDir(), change...)
	g.awaitFresh(t)
	return g
}

// reopen closes a store and opens it again with the replica that it left.
func (g *gateway) reopen(t *testing.T, c *members.Cluster, between func()) *gateway {
	t.Helper()
	g.close(t)
	between()
	return open(t, c, g.cfg.Engine.Prefix, g.cfg.Replica.Dir)
}

// prefixes makes a prefix for each store of a test.
func prefixOf(t *testing.T) string { return "/" + t.Name() + "/" }

// sample returns a live token made from n.
func sample(n int) *tokens.Token {
	now := time.Now().Truncate(time.Millisecond)
	return &tokens.Token{
		ID: tokens.ID(fmt.Sprintf("%022d", n)), Hash: tokens.HashOf(fmt.Sprint("value ", n)), API: tokens.UserTokens,
		Owner: "ada", Creator: "ada", Scope: tokens.Scope{Tenant: "acme"}, Created: now, Expires: now.Add(time.Hour),
	}
}

func revoked(tok *tokens.Token) *tokens.Token {
	r := tok.Clone()
	r.Revoked = tokens.Mark{At: time.Now().Truncate(time.Millisecond), By: "grace"}
	return r
}

func put(t *testing.T, s tokens.Store, tok *tokens.Token) *tokens.Token {
	t.Helper()
	revision, err := s.Put(t.Context(), tok)
	if err != nil {
		t.Fatalf("Put(%s) = %v", tok.ID, err)
	}
	stored := tok.Clone()
	stored.Revision = revision
	return stored
}

// insist puts a token however often the engine fails meanwhile.
func insist(t *testing.T, s tokens.Store, tok *tokens.Token) *tokens.Token {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		revision, err := s.Put(t.Context(), tok)
		switch {
		case err == nil:
			stored := tok.Clone()
			stored.Revision = revision
			return stored
		case errors.Is(err, tokens.ErrEngine), errors.Is(err, tokens.ErrStale):
			time.Sleep(20 * time.Millisecond)
			if old, err := s.ByID(t.Context(), tok.ID); err == nil && old.Revision > tok.Revision && old.Revoked == tok.Revoked {
				return old // an attempt that failed has happened
			}
		default:
			t.Fatalf("Put(%s) = %v", tok.ID, err)
		}
	}
	t.Fatalf("Put(%s) never succeeds", tok.ID)
	return nil
}

// look returns what a store says of a token.
func look(t *testing.T, s tokens.Store, tok *tokens.Token) string {
	t.Helper()
	got, err := s.ByHash(t.Context(), tok.Hash)
	switch {
	case errors.Is(err, tokens.ErrStale):
		return "stale"
	case errors.Is(err, tokens.ErrUnknown):
		return "unknown"
	case err != nil:
		return err.Error()
	}
	return string(got.StateAt(time.Now()))
}

func says(t *testing.T, when string, s tokens.Store, tok *tokens.Token, want string) {
	t.Helper()
	if got := look(t, s, tok); got != want {
		t.Errorf("%s: the token is %q, want %q", when, got, want)
	}
}

// until waits until something is so, and returns how long that took.
func until(t *testing.T, what string, is func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > patience {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}
