package enginetest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
)

// gateway is an engine that is listed as live, with a replica.
type gateway struct {
	*engine.Engine
	replica *replica
	leave   func() // gives the presence up
}

func newGateway(t *testing.T, cfg engine.Config) *gateway {
	t.Helper()
	g := &gateway{Engine: open(t, cfg), replica: newReplica()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.Announce(ctx)
	}()
	g.leave = func() {
		cancel()
		<-ended
	}
	t.Cleanup(g.leave)
	until(t, "presence", func() bool {
		from, until := g.Present()
		return !from.IsZero() && until.After(from)
	})
	return g
}

// until asks again and again: what is waited for happens in etcd.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	limit := time.After(patience)
	for !so() {
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("no %s", what)
		}
	}
}

// acks has a gateway follow and ack what it applies.
func (g *gateway) acks(t *testing.T) {
	t.Helper()
	s := g.Session()
	g.replica.load(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Watch(ctx, g.replica.position(), func(b engine.Batch) error {
			if err := g.replica.apply(b); err != nil {
				t.Error(err)
			}
			for _, nonce := range b.Barriers {
				for g.Ack(ctx, nonce) != nil && ctx.Err() == nil { // it may be said again
				}
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func TestEverywhereIsWhereAllLiveGatewaysAre(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	a, b := newGateway(t, configFor(prefix, cluster.Endpoints()...)), newGateway(t, configFor(prefix, cluster.Endpoints()...))
	a.acks(t)
	b.acks(t)
	for n := range 5 {
		tok := put(t, a.Engine, token(n))
		gateways, err := a.Everywhere(t.Context())
		if gateways != 2 || err != nil {
			t.Fatalf("Everywhere = %d, %v, want 2", gateways, err)
		}
		if got := b.replica.position().Revision; got < tok.Revision {
			t.Errorf("it is said to be everywhere, and one is at %d of %d", got, tok.Revision)
		}
	}
	live, err := b.Gateways(t.Context())
	if err != nil || len(live) != 2 || live[0].Name == live[1].Name || live[0].Since.IsZero() {
		t.Errorf("Gateways = %+v, %v", live, err)
	}
	until(t, "end of barriers and acks", func() bool {
		left, err := cluster.Client(t).Get(t.Context(), prefix+"a/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		barriers, err2 := cluster.Client(t).Get(t.Context(), prefix+"d/b/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		return errors.Join(err, err2) == nil && left.Count == 0 && barriers.Count == 0
	})
}

// TestAGatewayThatDoesNotAckIsWaitedFor until it is live no more, also if
// another one has its name.
func TestAGatewayThatDoesNotAckIsWaitedFor(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	cfg := configFor(prefix, cluster.Endpoints()...)
	a, silent := newGateway(t, cfg), newGateway(t, cfg)
	a.acks(t)
	asked, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := a.Everywhere(asked)
		gaveUp <- err
	}()
	a.replica.await(t, "the barrier", func() bool { return len(a.replica.barriers) == 1 })
	cancel()
	if err := <-gaveUp; !errors.Is(err, tokens.ErrEngine) || !errors.Is(err, context.Canceled) {
		t.Errorf("Everywhere = %v, want ErrEngine and context.Canceled: one has not acked", err)
	}
	type answer struct {
		n   int
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		n, err := a.Everywhere(t.Context())
		answers <- answer{n, err}
	}()
	a.replica.await(t, "the barrier", func() bool { return len(a.replica.barriers) == 2 })
	select {
	case got := <-answers:
		t.Fatalf("Everywhere = %+v before all have acked", got)
	default:
	}
	silent.leave()
	if got := <-answers; got.n != 1 || got.err != nil {
		t.Errorf("Everywhere = %+v, want 1", got)
	}
}

// TestAGatewayThatWasLoadedAcksToo: the barrier went up before, and does not
// come in its watch.
func TestAGatewayThatWasLoadedAcksToo(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	a, late := newGateway(t, configFor(prefix, cluster.Endpoints()...)), newGateway(t, configFor(prefix, cluster.Endpoints()...))
	a.acks(t)
	ended := make(chan error, 1)
	go func() {
		n, err := a.Everywhere(t.Context())
		if n != 2 {
			err = errors.Join(err, errors.New("not both have acked"))
		}
		ended <- err
	}()
	a.replica.await(t, "the barrier", func() bool { return len(a.replica.barriers) == 1 })
	late.acks(t)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAcksThatNobodyWaitsForLeaveNothing has nonces that are over or never were.
func TestAcksThatNobodyWaitsForLeaveNothing(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	e := open(t, configFor(prefix, cluster.Endpoints()...))
	for _, nonce := range []string{"00", "", "a/b"} {
		if err := e.Ack(t.Context(), nonce); err != nil {
			t.Errorf("Ack(%q) = %v", nonce, err)
		}
	}
	if _, err := cluster.Client(t).Put(t.Context(), prefix+"d/b/ff", ""); err != nil { // bound to no lease: none of ours
		t.Fatal(err)
	}
	if err := e.Ack(t.Context(), "ff"); err != nil {
		t.Error(err)
	}
	left, err := cluster.Client(t).Get(t.Context(), prefix+"a/", clientv3.WithPrefix())
	if err != nil || left.Count != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestPresenceIsGivenUpAndTakenAgain: at the end of the context, of the engine,
// and when its lease is lost.
func TestPresenceIsGivenUpAndTakenAgain(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	watcher := open(t, configFor(prefix, cluster.Endpoints()...))
	live := func() int {
		all, err := watcher.Gateways(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	var lost atomic.Int32
	cfg := configFor(prefix, cluster.Endpoints()...)
	cfg.Log = func(said string) {
		if strings.Contains(said, "not listed") {
			lost.Add(1)
		}
	}
	a, b := newGateway(t, configFor(prefix, cluster.Endpoints()...)), newGateway(t, cfg)
	a.leave()
	if from, until := a.Present(); !from.IsZero() || !until.IsZero() {
		t.Errorf("after it left it is present from %v until %v", from, until)
	}
	if n := live(); n != 1 {
		t.Errorf("%d gateways are live, want the other one", n)
	}
	c := cluster.Client(t)
	held, err := c.Get(t.Context(), prefix+"g/", clientv3.WithPrefix())
	if err != nil || len(held.Kvs) != 1 {
		t.Fatalf("listed: %v, %v", held, err)
	}
	first, _ := b.Present()
	if _, err := c.Revoke(t.Context(), clientv3.LeaseID(held.Kvs[0].Lease)); err != nil {
		t.Fatal(err)
	}
	until(t, "presence again", func() bool {
		from, _ := b.Present()
		return from.After(first) && live() == 1
	})
	first, _ = b.Present()
	b.Relist()
	if from, _ := b.Present(); from.Equal(first) {
		t.Error("it is present as before although it is to begin anew")
	}
	until(t, "another presence", func() bool {
		from, _ := b.Present()
		return from.After(first) && live() == 1
	})
	if n := lost.Load(); n != 1 {
		t.Errorf("it said %d times that it is not listed, want once: it was the gateway that began anew", n)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n := live(); n != 0 {
		t.Errorf("%d gateways are live after the engine was closed", n)
	}
}
