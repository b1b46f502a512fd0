package enginetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// onMember leaves members until the current one is the given one.
func onMember(e *engine.Engine, m *members.Member) *engine.Session {
	for {
		s := e.Session()
		if s.Endpoint() == "http://"+m.Endpoint() {
			return s
		}
		e.Leave(s)
	}
}

// secondProof is a proof with the time that gateways give it.
func secondProof(t *testing.T, s *engine.Session, have feed.Position) (engine.Proof, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return s.Proof(ctx, have)
}

// TestAMemberThatStandsStillIsLeft: SIGSTOP to the current member, a follower
// or the leader. Its watch is silent, its proof fails, and all goes on at the
// next one without a change lost.
func TestAMemberThatStandsStillIsLeft(t *testing.T) {
	cluster := members.Three(t)
	for _, role := range []string{"follower", "leader"} {
		t.Run(role, func(t *testing.T) {
			stopped := cluster.Leader(t)
			if role == "follower" {
				stopped = cluster.Follower(t)
			}
			e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
			first := put(t, e, token(1))
			s := onMember(e, stopped)
			r := newReplica()
			r.load(t, s)
			stop := r.follow(t, s)
			first = put(t, e, with(first, func(*tokens.Token) {}))
			r.has(t, first.Revision) // it watches
			if p := proven(t, e, r.position()); p.History != engine.Same || p.Head.Revision != first.Revision {
				t.Fatalf("before the fault: %+v", p)
			}
			stopped.Stop()
			defer stopped.Continue()
			if _, err := secondProof(t, s, r.position()); !errors.Is(err, tokens.ErrEngine) {
				t.Fatalf("a proof of a member that stands still: %v, want ErrEngine", err)
			}
			e.Leave(s)
			e.Leave(s) // it is not the current one any more
			if next := e.Session(); next.Endpoint() == s.Endpoint() {
				t.Fatalf("after leaving it the session is on %s again", next.Endpoint())
			}
			second := put(t, e, token(2))
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("the silent watch ends with %v", err)
			}
			r.follow(t, e.Session())
			r.has(t, second.Revision)
			agrees(t, e, r)
			if _, err := e.Turn(t.Context(), "x"); err != nil {
				t.Errorf("a turn: %v", err)
			}
		})
	}
}

// TestWritesGoOnWhileMembersDie: whatever was acknowledged is there afterwards,
// once.
func TestWritesGoOnWhileMembersDie(t *testing.T) {
	cluster := members.Three(t)
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	written := map[tokens.ID]uint64{}
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				tok := named(100_000*w+n, fmt.Sprint(w, " ", n))
				revision, err := e.Put(ctx, tok)
				if err != nil {
					if ctx.Err() == nil && !errors.Is(err, tokens.ErrEngine) {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				written[tok.ID] = revision
				mu.Unlock()
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(written)
	}
	for range 2 {
		for _, m := range []*members.Member{cluster.Leader(t), cluster.Follower(t)} {
			m.Kill()
			before := count()
			until(t, "writes beside a member that is dead", func() bool { return count() > before+5 })
			m.Restart()
		}
	}
	cancel()
	wait.Wait()
	r := newReplica()
	r.loadFromAny(t, open(t, configFor("/none/", cluster.Endpoints()...)))
	if len(r.tokens) != 0 {
		t.Error("another prefix has tokens")
	}
	r.loadFromAny(t, e)
	for id, revision := range written {
		if got := r.tokens[id]; got == nil || got.Revision != revision {
			t.Errorf("token %s was acknowledged at %d and is %+v", id, revision, got)
		}
	}
	t.Logf("%d writes were acknowledged, %d are there", len(written), len(r.tokens))
}

// TestAnEngineWithoutAMajorityProvesNothing and its watch ends, as it cannot
// know what it misses.
func TestAnEngineWithoutAMajorityProvesNothing(t *testing.T) {
	cluster := members.Three(t)
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	put(t, e, token(1))
	last := cluster.Follower(t)
	s := onMember(e, last)
	r := newReplica()
	r.load(t, s)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- s.Watch(ctx, r.position(), r.apply) }()
	r.has(t, put(t, e, token(2)).Revision) // it watches
	for _, m := range cluster.Members() {
		if m != last {
			m.Kill()
		}
	}
	if _, err := secondProof(t, s, r.position()); !errors.Is(err, tokens.ErrEngine) {
		t.Errorf("a proof without a majority: %v, want ErrEngine", err)
	}
	if _, err := e.Put(t.Context(), token(3)); !errors.Is(err, tokens.ErrEngine) {
		t.Errorf("a write without a majority: %v, want ErrEngine", err)
	}
	if err := <-ended; !errors.Is(err, tokens.ErrEngine) {
		t.Errorf("the watch ends with %v, want ErrEngine", err)
	}
	cluster.Restart(t)
	until(t, "proof once the majority is back", func() bool {
		p, err := secondProof(t, e.Session(), r.position())
		return err == nil && p.History != engine.Foreign
	})
}

// TestAFullEngine refuses writes as full, proves and tells what it has, and
// writes again once there is room.
func TestAFullEngine(t *testing.T) {
	cluster := members.Single(t, members.QuotaBytes(3<<20))
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	r := replicaOf(t, e)
	tok := put(t, e, token(1))
	var full error
	large := feed.User{Name: "large", Account: make([]byte, 256<<10)}
	for range 100 {
		if _, full = e.PutUser(t.Context(), large); full != nil {
			break
		}
	}
	writes := map[string]func() error{
		"user":   func() error { _, err := e.PutUser(t.Context(), large); return err },
		"create": func() error { _, err := e.Put(t.Context(), token(2)); return err },
		"update": func() error { _, err := e.Put(t.Context(), revoked(tok)); return err },
		"usages": func() error { _, err := e.AddUsages(t.Context(), []tokens.Usage{{ID: tok.ID, Count: 1}}); return err },
		"turn":   func() error { _, err := e.Turn(t.Context(), "x"); return err },
	}
	if !errors.Is(full, tokens.ErrStoreFull) || errors.Is(full, tokens.ErrEngine) {
		t.Fatalf("the write that fills it: %v, want ErrStoreFull", full)
	}
	for name, write := range writes {
		if err := write(); !errors.Is(err, tokens.ErrStoreFull) {
			t.Errorf("%s: %v, want ErrStoreFull", name, err)
		}
	}
	if p := proven(t, e, r.position()); p.History != engine.Same {
		t.Errorf("a proof: %+v", p)
	}
	agrees(t, e, r)

	cluster.Compact(t)
	c := cluster.Client(t)
	if _, err := c.Defragment(t.Context(), cluster.Endpoints()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AlarmDisarm(t.Context(), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	last := put(t, e, revoked(tok))
	r.has(t, last.Revision)
	agrees(t, e, r)
}
