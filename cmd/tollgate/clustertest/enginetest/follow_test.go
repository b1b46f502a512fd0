package enginetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// TestSnapshotsWhileOthersWrite: whatever moment a snapshot is of, going on from
// its position leads to what is there in the end.
func TestSnapshotsWhileOthersWrite(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	fill(t, a, 0, 1100) // more than a page
	writing, stop := context.WithCancel(t.Context())
	defer stop()
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			for n := 0; writing.Err() == nil && n < 100; n++ {
				write(t, a, 10_000*(w+1)+n)
			}
		})
	}
	var all []*replica
	for range 4 {
		r := newReplica()
		r.load(t, b.Session())
		r.follow(t, b.Session())
		all = append(all, r)
	}
	stop()
	wait.Wait()
	for i, r := range all {
		agrees(t, a, r)
		if i > 0 {
			same(t, fmt.Sprint("replica ", i), r, all[0])
		}
	}
}

// TestSnapshotsOfManyPages: what is read in pages that grow is all there is, in
// order, each once.
func TestSnapshotsOfManyPages(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	e := open(t, configFor(prefix, cluster.Endpoints()...))
	const users, each = 20_050, 100
	c := cluster.Client(t)
	for n := 0; n < users; n += each {
		var ops []clientv3.Op
		for i := n; i < min(n+each, users); i++ {
			ops = append(ops, clientv3.OpPut(prefix+"d/u/"+fmt.Sprintf("%06d", i), fmt.Sprint(i)))
		}
		if _, err := c.Txn(t.Context()).Then(ops...).Commit(); err != nil {
			t.Fatal(err)
		}
	}
	last := put(t, e, token(1))
	next, pages := 0, 0
	at, err := e.Session().Snapshot(t.Context(), func(changes []feed.Change) error {
		if pages++; len(changes) > 1000 {
			return fmt.Errorf("a page of %d", len(changes))
		}
		for _, change := range changes {
			if change.User == nil {
				continue
			}
			if want := fmt.Sprintf("%06d", next); change.User.Name != want || string(change.User.Account) != fmt.Sprint(next) {
				return fmt.Errorf("%+v comes, want %s", change.User, want)
			}
			next++
		}
		return nil
	})
	if err != nil || next != users || at.Revision != last.Revision {
		t.Errorf("%d users in %d pages at %+v, %v, want %d", next, pages, at, err, users)
	}
}

// write makes a change of each kind.
func write(t *testing.T, e *engine.Engine, n int) {
	tok := put(t, e, named(n, fmt.Sprint(n)))
	var err error
	switch n % 4 {
	case 0:
		put(t, e, revoked(tok))
	case 1:
		_, _, err = e.Remove(t.Context(), []*tokens.Token{tok})
	case 2:
		_, err = e.AddUsages(t.Context(), []tokens.Usage{{ID: tok.ID, Count: 1}})
	default:
		_, err = e.PutUser(t.Context(), feed.User{Name: fmt.Sprint(n % 16), Account: []byte(fmt.Sprint(n))})
	}
	if err != nil {
		t.Error(err)
	}
}

// TestWhatWasCompactedIsMissed: by a watch that was away, and by a snapshot
// that takes too long.
func TestWhatWasCompactedIsMissed(t *testing.T) {
	cluster := members.Single(t)
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	put(t, e, token(0))
	before := positionOf(t, e)
	fill(t, e, 1, 1100)
	now := positionOf(t, e)
	cluster.Compact(t)
	none := func(b engine.Batch) error { return fmt.Errorf("a batch at %d comes", b.At.Revision) }
	if err := e.Session().Watch(t.Context(), before, none); !errors.Is(err, engine.ErrCompacted) {
		t.Errorf("a watch from before: %v, want ErrCompacted", err)
	}
	r := newReplica()
	r.at = now
	r.follow(t, e.Session())
	tok := put(t, e, with(token(9_999), func(*tokens.Token) {}))
	r.has(t, tok.Revision)

	pages := 0
	_, err := e.Session().Snapshot(t.Context(), func([]feed.Change) error {
		if pages++; pages == 1 {
			put(t, e, token(10_000))
			cluster.Compact(t)
		}
		return nil
	})
	if !errors.Is(err, engine.ErrCompacted) {
		t.Errorf("a snapshot over a compaction: %v after %d pages, want ErrCompacted", err, pages)
	}
}

// TestEndsOfWatches has a row for each way in which one ends by the caller.
func TestEndsOfWatches(t *testing.T) {
	cluster := members.Single(t)
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	before := positionOf(t, e)
	tok := put(t, e, token(1))
	refusal := errors.New("refused")
	got := engine.Batch{}
	err := e.Session().Watch(t.Context(), before, func(b engine.Batch) error {
		got = b
		return refusal
	})
	if !errors.Is(err, refusal) || got.At.Revision != tok.Revision || len(got.Changes) != 1 {
		t.Errorf("a batch that is refused: %v, %+v", err, got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = e.Session().Watch(ctx, before, func(engine.Batch) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends: %v, want context.Canceled", err)
	}
	if _, err := e.Session().Snapshot(t.Context(), func([]feed.Change) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("a page that is refused: %v", err)
	}
	if _, err := e.Session().Stamps(t.Context(), func([]engine.Stamp) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("a page of stamps that is refused: %v", err)
	}
	if _, err := e.Session().Snapshot(ctx, func([]feed.Change) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a snapshot after the end: %v", err)
	}
}

// TestWhatOthersDoToTheData: an operator writes there, or something is damaged.
// Whatever cannot be read is unknown, and everything else goes on.
func TestWhatOthersDoToTheData(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	e := open(t, configFor(prefix, cluster.Endpoints()...))
	deleted, damaged := put(t, e, token(1)), put(t, e, named(2, "damaged"))
	if _, err := e.PutUser(t.Context(), feed.User{Name: "ada", Account: []byte("account")}); err != nil {
		t.Fatal(err)
	}
	r := replicaOf(t, e)
	c := cluster.Client(t)
	for _, do := range []clientv3.Op{
		clientv3.OpDelete(prefix + "d/t/" + string(deleted.ID)),
		clientv3.OpPut(prefix+"d/t/"+string(damaged.ID), "?"),
		clientv3.OpDelete(prefix + "d/u/ada"),
		clientv3.OpPut(prefix+"d/l/"+string(damaged.ID), "?"),
		clientv3.OpPut(prefix+"d/x", "?"),
		clientv3.OpPut(prefix+"d/t/", "?"),
	} {
		if _, err := c.Do(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	last := put(t, e, token(3))
	r.has(t, last.Revision)
	fresh := newReplica()
	fresh.load(t, e.Session())
	same(t, "followed", r, fresh)
	if len(r.tokens) != 1 || r.tokens[last.ID] == nil || len(r.users) != 0 {
		t.Errorf("%v and users %v are left, want the last token", r.tokens, r.users)
	}
	stamps := []engine.Stamp{{Token: deleted.ID}, {Token: damaged.ID}, {Token: last.ID}, {User: "ada"}}
	changes, revision, err := e.Session().Read(t.Context(), stamps)
	if err != nil || revision != last.Revision || len(changes) != len(stamps) {
		t.Fatalf("Read = %v, %d, %v", changes, revision, err)
	}
	if changes[0].Gone != deleted.ID || changes[1].Gone != damaged.ID || changes[2].Token == nil || changes[2].Token.Revision != last.Revision ||
		changes[3].User == nil || changes[3].User.Account != nil {
		t.Errorf("Read = %+v", changes)
	}
	if _, err := e.Put(t.Context(), with(damaged, func(c *tokens.Token) { c.Revision++ })); err == nil {
		t.Error("a damaged record is changed")
	}
	if _, err := e.Put(t.Context(), named(4, "damaged")); err == nil {
		t.Error("a name is taken from a token that cannot be read")
	}
	if _, err := e.AddUsages(t.Context(), []tokens.Usage{{ID: damaged.ID, Count: 2}}); err != nil {
		t.Errorf("a usage in place of one that cannot be read: %v", err)
	}
}

// TestReadsAreInPartsAndInOrder reads more than one transaction holds.
func TestReadsAreInPartsAndInOrder(t *testing.T) {
	cluster := members.Single(t)
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	var stamps []engine.Stamp
	for n := range 130 {
		if n%3 > 0 {
			put(t, e, token(n))
		}
		stamps = append(stamps, engine.Stamp{Token: token(n).ID})
	}
	changes, _, err := e.Session().Read(t.Context(), stamps)
	if err != nil || len(changes) != len(stamps) {
		t.Fatalf("%d, %v, want %d", len(changes), err, len(stamps))
	}
	for n, c := range changes {
		if n%3 > 0 && (c.Token == nil || c.Token.ID != stamps[n].Token) || n%3 == 0 && c.Gone != stamps[n].Token {
			t.Errorf("%d is %+v", n, c)
		}
	}
	var last engine.Stamp
	seen := 0
	revision, err := e.Session().Stamps(t.Context(), func(page []engine.Stamp) error {
		for _, s := range page {
			if s.Token <= last.Token {
				return errors.New("stamps are not in order")
			}
			last = s
			seen++
		}
		return nil
	})
	if err != nil || seen != 86 || revision != positionOf(t, e).Revision {
		t.Errorf("%d stamps at %d, %v", seen, revision, err)
	}
}
