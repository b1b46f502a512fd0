package enginetest

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// proven returns a proof about a position.
func proven(t *testing.T, e *engine.Engine, have feed.Position) engine.Proof {
	t.Helper()
	p, err := e.Session().Proof(t.Context(), have)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// positionOf returns where a replica would be that is loaded now.
func positionOf(t *testing.T, e *engine.Engine) feed.Position {
	t.Helper()
	r := newReplica()
	r.load(t, e.Session())
	return r.at
}

func TestProofsOfAnEngineThatWasNeverWritten(t *testing.T) {
	cluster := members.Single(t)
	other := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	for n := range 5 {
		put(t, other, token(n)) // below another prefix
	}
	e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
	if p := proven(t, e, feed.Position{}); p.Head.Revision != 0 || p.Head.Mark != "" || p.Head.Cluster == 0 || p.History != engine.Foreign {
		t.Errorf("about nothing: %+v, want no head and Foreign", p)
	}
	have := positionOf(t, e)
	if have.Revision == 0 || have.Mark != "" {
		t.Fatalf("a snapshot of nothing is at %+v", have)
	}
	if empty, err := e.Empty(t.Context()); !empty || err != nil {
		t.Errorf("Empty = %v, %v", empty, err)
	}
	if p := proven(t, e, have); p.History != engine.Same || p.Head.Revision > have.Revision {
		t.Errorf("about a snapshot of nothing: %+v, want Same", p)
	}
	cluster.Compact(t)
	r := newReplica()
	r.at = have
	r.follow(t, e.Session())
	tok := put(t, e, token(1))
	r.has(t, tok.Revision) // the compaction has not taken it
	if p := proven(t, e, have); p.History != engine.Same && p.History != engine.Unknown {
		t.Errorf("about a snapshot of nothing, after a write: %+v", p)
	}
	if empty, err := e.Empty(t.Context()); empty || err != nil {
		t.Errorf("Empty after a write = %v, %v", empty, err)
	}
	if p := proven(t, e, feed.Position{Cluster: have.Cluster, Revision: tok.Revision}); p.History != engine.Foreign {
		t.Errorf("about nothing at a time when there was something: %+v, want Foreign", p)
	}
}

func TestProofsOfOneHistory(t *testing.T) {
	cluster, prefix := members.Single(t), newPrefix()
	e := open(t, configFor(prefix, cluster.Endpoints()...))
	put(t, e, token(1))
	first := positionOf(t, e)
	put(t, e, token(2))
	second := positionOf(t, e)
	third := put(t, e, token(3))

	spoilt := func(p feed.Position, change func(*feed.Position)) feed.Position {
		change(&p)
		return p
	}
	rows := map[string]struct {
		have feed.Position
		want engine.History
	}{
		"the head":               {positionOf(t, e), engine.Same},
		"before it":              {second, engine.Same},
		"long before it":         {first, engine.Same},
		"another mark":           {spoilt(first, func(p *feed.Position) { p.Mark = "0123456789abcdef" }), engine.Foreign},
		"no mark":                {spoilt(first, func(p *feed.Position) { p.Mark = "" }), engine.Foreign},
		"the mark of another":    {spoilt(second, func(p *feed.Position) { p.Mark = first.Mark }), engine.Foreign},
		"no head at the time":    {spoilt(first, func(p *feed.Position) { p.Revision = 1 }), engine.Foreign},
		"another cluster":        {spoilt(second, func(p *feed.Position) { p.Cluster++ }), engine.Foreign},
		"a revision to come":     {spoilt(second, func(p *feed.Position) { p.Revision += 1000 }), engine.Foreign},
		"a revision beyond all":  {spoilt(second, func(p *feed.Position) { p.Revision = 1<<64 - 1 }), engine.Foreign},
		"nothing":                {feed.Position{}, engine.Foreign},
		"nothing of this engine": {feed.Position{Cluster: first.Cluster}, engine.Foreign},
	}
	for name, row := range rows {
		p := proven(t, e, row.have)
		if p.History != row.want || p.Head.Revision != third.Revision || len(p.Head.Mark) != 16 || p.Revision < p.Head.Revision {
			t.Errorf("%s: %+v, want %d and the head at %d", name, p, row.want, third.Revision)
		}
	}

	cluster.Compact(t)
	if p := proven(t, e, first); p.History != engine.Unknown {
		t.Errorf("before a compaction: %+v, want Unknown", p)
	}
	if p := proven(t, e, positionOf(t, e)); p.History != engine.Same {
		t.Errorf("the head, compacted: %+v, want Same", p)
	}
	have := positionOf(t, e)
	if _, err := cluster.Client(t).Delete(t.Context(), prefix, clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	if p := proven(t, e, have); p.History != engine.Foreign || p.Head.Revision != 0 {
		t.Errorf("the engine was wiped: %+v, want Foreign and no head", p)
	}
}

// TestProofsAfterARestore has the engine go back, with its own cluster id and
// with another one.
func TestProofsAfterARestore(t *testing.T) {
	cluster := members.Single(t)
	prefix := newPrefix()
	e := open(t, configFor(prefix, cluster.Endpoints()...))
	put(t, e, token(1))
	kept := positionOf(t, e)
	file := cluster.Snapshot(t)
	put(t, e, token(2))
	lost := positionOf(t, e)
	beside := newReplica()
	beside.at = lost
	stop := beside.follow(t, e.Session())

	cluster.Restore(t, file)
	e = open(t, configFor(prefix, cluster.Endpoints()...))
	if p := proven(t, e, kept); p.History != engine.Same {
		t.Errorf("from before the backup: %+v, want Same", p)
	}
	if p := proven(t, e, lost); p.History != engine.Foreign {
		t.Errorf("from after the backup: %+v, want Foreign", p)
	}
	// As many writes as were lost: the revision is the same, the mark is not.
	other := put(t, e, token(3))
	if p := proven(t, e, lost); other.Revision != lost.Revision || p.History != engine.Foreign {
		t.Errorf("the same revision of another history: %+v, want Foreign at %d", p, lost.Revision)
	}
	put(t, e, token(4))
	if p := proven(t, e, lost); p.History != engine.Foreign {
		t.Errorf("the same revision, and more: %+v, want Foreign", p)
	}
	_ = stop() // what the old watch made of it is the reader's to throw away

	cluster.Restore(t, file, members.AnotherCluster())
	e = open(t, configFor(prefix, cluster.Endpoints()...))
	if p := proven(t, e, kept); p.History != engine.Foreign || p.Head.Cluster == kept.Cluster {
		t.Errorf("another cluster: %+v, want Foreign", p)
	}
	r := newReplica()
	r.at = kept
	ended := make(chan error, 1)
	go func() { ended <- e.Session().Watch(t.Context(), r.at, r.apply) }()
	put(t, e, token(5))
	if err := <-ended; err == nil {
		t.Error("a watch goes on in another cluster")
	}
	if r.at != kept {
		t.Errorf("the replica went on to %+v", r.at)
	}
}
