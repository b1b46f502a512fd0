package storetest

import (
	"slices"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/etcdstore"
	"tollgate/tokens/feed"
)

// TestReplicaGoesOnWhereItWas closes a gateway, has things happen, and opens it
// again with the replica that it left.
func TestReplicaGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		meanwhile func(t *testing.T, c *members.Cluster, other *gateway, tok *tokens.Token)
		want      string
		loads     []etcdstore.Reason
	}{
		"nothing came": {func(*testing.T, *members.Cluster, *gateway, *tokens.Token) {}, "active", nil},
		"a revocation came": {func(t *testing.T, _ *members.Cluster, other *gateway, tok *tokens.Token) {
			put(t, other, revoked(tok))
		}, "revoked", nil},
		"others were compacted": {func(t *testing.T, c *members.Cluster, _ *gateway, _ *tokens.Token) {
			elsewhere(t, c)
			c.Compact(t)
		}, "active", nil},
		"a revocation was compacted": {func(t *testing.T, c *members.Cluster, other *gateway, tok *tokens.Token) {
			put(t, other, revoked(tok))
			put(t, other, sample(2))
			elsewhere(t, c)
			c.Compact(t)
		}, "revoked", []etcdstore.Reason{etcdstore.Compacted}},
		"a removal was compacted": {func(t *testing.T, c *members.Cluster, other *gateway, tok *tokens.Token) {
			put(t, other, revoked(tok))
			if n, err := other.Purge(t.Context(), time.Now().Add(time.Minute)); n != 1 || err != nil {
				t.Errorf("Purge = %d, %v", n, err)
			}
			elsewhere(t, c)
			c.Compact(t)
		}, "unknown", []etcdstore.Reason{etcdstore.Compacted}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := members.Single(t)
			one, two := fresh(t, c, "/x/"), fresh(t, c, "/x/")
			tok := put(t, one, sample(1))
			one = one.reopen(t, c, func() { row.meanwhile(t, c, two, tok) })
			one.awaitFresh(t)
			says(t, "when it is fresh", one, tok, row.want)
			one.note(func() {
				if !slices.Equal(one.loads, row.loads) {
					t.Errorf("loads %q, want %q", one.loads, row.loads)
				}
			})
		})
	}
}

// elsewhere has revisions go by that no gateway is told of.
func elsewhere(t *testing.T, c *members.Cluster) {
	t.Helper()
	cl := c.Client(t)
	for range 10 {
		if _, err := cl.Put(t.Context(), "somebody else's", "x"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOlderSnapshotOfTheEngine restores etcd to what it was earlier, with the
// same cluster id, while gateways run: they decide nothing by what they had.
func TestOlderSnapshotOfTheEngine(t *testing.T) {
	t.Parallel()
	rows := map[string][]members.RestoreOption{
		"as it was":                   nil,
		"with the revisions moved on": {members.Bump(1_000_000)},
		"as another cluster":          {members.AnotherCluster()},
	}
	for name, options := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := members.Single(t)
			g := fresh(t, c, "/x/")
			kept := put(t, g, sample(1))
			file := c.Snapshot(t)
			for n := range 10 {
				put(t, g, sample(10+n))
			}
			c.Restore(t, file, options...)
			until(t, "what the engine does not have is unknown", func() bool { return look(t, g, sample(19)) == "unknown" })
			g.awaitFresh(t)
			says(t, "what it has", g, kept, "active")
			insist(t, g, revoked(kept))
			says(t, "what was revoked since", g, kept, "revoked")
			if got := g.Status(); got.Diverged != 0 || got.Loads != 2 {
				t.Errorf("status %+v, want one more load and nothing diverged", got)
			}
		})
	}
}

// TestLostEventIsFoundByTheComparison takes from a replica what no watch brings
// again.
func TestLostEventIsFoundByTheComparison(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		lose func(before, now *tokens.Token) []feed.Change
		want string
	}{
		"a revocation": {func(before, now *tokens.Token) []feed.Change {
			return []feed.Change{{Gone: now.ID}, {Token: before}}
		}, "revoked"},
		"a creation": {func(_, now *tokens.Token) []feed.Change { return []feed.Change{{Gone: now.ID}} }, "revoked"},
		"a removal": {func(_, now *tokens.Token) []feed.Change {
			stray := sample(7)
			stray.Revision = now.Revision
			return []feed.Change{{Token: stray}}
		}, "revoked"},
		"a user": {func(_, _ *tokens.Token) []feed.Change { return []feed.Change{{User: &feed.User{Name: "eve"}}} }, "revoked"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := members.Single(t)
			g := fresh(t, c, "/x/")
			before := put(t, g, sample(1))
			now := put(t, g, revoked(before))
			if err := g.Users().Put(t.Context(), "eve", []byte("disabled")); err != nil {
				t.Fatal(err)
			}
			g = g.reopen(t, c, func() { tamper(t, g.cfg.Replica, row.lose(before, now)) })
			until(t, "it is found", func() bool { return g.Status().Diverged == 1 })
			says(t, "after the repair", g, before, row.want)
			says(t, "after the repair", g, sample(7), "unknown")
			if all, err := g.Users().All(t.Context()); err != nil || string(all["eve"]) != "disabled" {
				t.Errorf("All = %q, %v", all, err)
			}
			g.note(func() {
				if g.diverged != 1 {
					t.Errorf("told of %d", g.diverged)
				}
			})
		})
	}
}

// tamper changes a replica that nobody has open, without moving its position.
func tamper(t *testing.T, cfg badgerstore.ReplicaConfig, changes []feed.Change) {
	t.Helper()
	r, err := badgerstore.OpenReplica(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Apply(t.Context(), r.Position(), changes); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestOneMemberIsNotMissed plays what can happen to one member of three: the
// gateways never stop to decide, and a revocation still arrives.
func TestOneMemberIsNotMissed(t *testing.T) {
	if testing.Short() {
		t.Skip("three members")
	}
	t.Parallel()
	c := members.Three(t)
	usual := func(cfg *etcdstore.Config) { cfg.Patience = etcdstore.DefaultPatience }
	one, two := fresh(t, c, prefixOf(t), usual), fresh(t, c, prefixOf(t), usual)
	n := 0
	for _, row := range []struct {
		name         string
		hurt, mended func(m *members.Member)
	}{
		{"stopped", (*members.Member).Stop, (*members.Member).Continue},
		{"killed", (*members.Member).Kill, (*members.Member).Restart},
	} {
		for _, leads := range []bool{true, false} {
			m := c.Follower(t)
			if leads {
				m = c.Leader(t)
			}
			n++
			tok := put(t, one, sample(n))
			until(t, "both know the token", func() bool { return look(t, two, tok) == "active" })
			row.hurt(m)
			began := time.Now()
			insist(t, one, revoked(tok))
			acknowledged := time.Since(began)
			late := until(t, "the other refuses it", func() bool { return look(t, two, tok) == "revoked" })
			t.Logf("a member %s (leader: %t): acknowledged after %s, refused %s later", row.name, leads, acknowledged, late)
			row.mended(m)
			until(t, "both can write again", func() bool { return one.Writable() == nil && two.Writable() == nil })
		}
	}
	for _, g := range []*gateway{one, two} {
		g.note(func() {
			if !slices.Equal(g.states, []etcdstore.State{etcdstore.Fresh}) {
				t.Errorf("the states were %v, want fresh throughout", g.states)
			}
		})
		if g.Status().Diverged != 0 {
			t.Error("a replica diverged")
		}
	}
}

// TestEngineThatIsAway: gateways stop to decide when they have to, start
// without an engine, and go on when it is back.
func TestEngineThatIsAway(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	g := fresh(t, c, "/x/", func(cfg *etcdstore.Config) {
		cfg.MaxStaleness, cfg.Patience = 2*time.Second, time.Second
	})
	tok := put(t, g, sample(1))
	c.Member(0).Kill()
	closed := until(t, "nothing is decided any more", func() bool { return look(t, g, tok) == "stale" })
	g = g.reopen(t, c, func() {})
	says(t, "of a gateway that starts without an engine", g, tok, "stale")
	c.Restart(t)
	opened := until(t, "it is fresh again", func() bool { return look(t, g, tok) == "active" })
	t.Logf("closed %s after the engine was lost, open %s after it was back", closed, opened)
}
