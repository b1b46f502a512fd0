package enginetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// turn waits for one that ends with the test at the latest.
func turn(t *testing.T, e *engine.Engine, name string) *engine.Turn {
	t.Helper()
	got, err := e.Turn(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(got.End)
	return got
}

// TestTurnsComeOneAfterTheOther: a limit that looks at several records holds
// over two engines, each with a replica of its own.
func TestTurnsComeOneAfterTheOther(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	engines := []*engine.Engine{a, b}
	replicas := []*replica{replicaOf(t, a), replicaOf(t, b)}
	const most = 5
	var wait sync.WaitGroup
	for n := range 12 {
		wait.Go(func() {
			e, r := engines[n%2], replicas[n%2]
			mine, err := e.Turn(t.Context(), "tokens of ada")
			if err != nil {
				t.Error(err)
				return
			}
			defer mine.End()
			r.has(t, mine.Revision())
			r.mu.Lock()
			there := len(r.tokens)
			r.mu.Unlock()
			if there >= most {
				return
			}
			if _, err := e.Put(mine.Context(t.Context()), token(n)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	fresh := newReplica()
	fresh.load(t, a.Session())
	if len(fresh.tokens) != most {
		t.Errorf("%d tokens were made, want %d", len(fresh.tokens), most)
	}
}

func TestTurnsOfOtherNamesAreApart(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	for _, name := range []string{"", "a", "a/", "a/b", "\x00", "\xff"} {
		turn(t, a, name)
	}
	turn(t, b, "b")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := b.Turn(ctx, "a")
		ended <- err
	}()
	turn(t, b, "c") // while the other one waits
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || !errors.Is(err, tokens.ErrEngine) {
		t.Errorf("a turn that is given up: %v, want ErrEngine and context.Canceled", err)
	}
}

// TestAWriteInALostTurnIsRefused: the lease ran out, and another has the turn.
func TestAWriteInALostTurnIsRefused(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	a, b := open(t, configFor(prefix, cluster.Endpoints()...)), open(t, configFor(prefix, cluster.Endpoints()...))
	tok := put(t, a, token(1))
	lost := turn(t, a, "x")
	if _, err := a.Put(lost.Context(t.Context()), token(2)); err != nil {
		t.Fatalf("a write in a turn: %v", err)
	}
	revision, err := a.Put(lost.Context(t.Context()), token(2))
	refused(t, a, "in a turn, what is there", revision, err, tokens.ErrExists)

	c := cluster.Client(t)
	held, err := c.Get(t.Context(), prefix+"k/", clientv3.WithPrefix())
	if err != nil || len(held.Kvs) != 1 {
		t.Fatalf("locks: %v, %v", held, err)
	}
	if _, err := c.Revoke(t.Context(), clientv3.LeaseID(held.Kvs[0].Lease)); err != nil {
		t.Fatal(err)
	}
	next := turn(t, b, "x")
	if next.Revision() != positionOf(t, b).Revision {
		t.Errorf("the turn begins at %d", next.Revision())
	}
	ctx := lost.Context(t.Context())
	before := positionOf(t, b)
	for name, write := range map[string]func() error{
		"create": func() error { _, err := a.Put(ctx, token(3)); return err },
		"update": func() error { _, err := a.Put(ctx, revoked(tok)); return err },
		"user":   func() error { _, err := a.PutUser(ctx, feed.User{Name: "ada", Account: []byte("x")}); return err },
		"usages": func() error { _, err := a.AddUsages(ctx, []tokens.Usage{{ID: tok.ID, Count: 1}}); return err },
		"remove": func() error { _, _, err := a.Remove(ctx, []*tokens.Token{tok}); return err },
	} {
		if err := write(); !errors.Is(err, tokens.ErrEngine) {
			t.Errorf("%s in a lost turn: %v, want ErrEngine", name, err)
		}
	}
	if now := positionOf(t, b); now != before {
		t.Errorf("something was written: %+v, before %+v", now, before)
	}
	if _, err := b.Put(next.Context(t.Context()), token(3)); err != nil {
		t.Errorf("a write of who has the turn: %v", err)
	}
}

// TestTurnsAreGivenOn when their owner is closed, and leave nothing behind.
func TestTurnsAreGivenOn(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	a, b := open(t, configFor(prefix, cluster.Endpoints()...)), open(t, configFor(prefix, cluster.Endpoints()...))
	turn(t, a, "x")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	turn(t, b, "x").End()
	turn(t, b, "x").End()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := cluster.Client(t).Get(t.Context(), prefix, clientv3.WithPrefix())
	if err != nil || len(left.Kvs) != 0 {
		t.Errorf("%v is left, %v", left.Kvs, err)
	}
}
