package clustertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/cmd/tollgate/clustertest/members"
)

// TestMembersAreKilled kills each member once, the one that leads first. No
// gateway refuses a request for that.
func TestMembersAreKilled(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	for range given.rounds {
		leader := s.members.Leader(t)
		for _, m := range append([]*members.Member{leader}, without(s.members.Members(), leader)...) {
			fault, at := s.history.Fault(), s.history.Now()
			m.Kill()
			s.goOn()
			s.writes(4, s.gateways...)
			t.Logf("%s killed (leader: %t): all gateways wrote again within %v", m.Name(), m == leader, s.history.Now()-at)
			m.Restart()
			fault.End()
			s.goOn()
		}
	}
	s.finish()
}

func without(all []*members.Member, one *members.Member) []*members.Member {
	var rest []*members.Member
	for _, m := range all {
		if m != one {
			rest = append(rest, m)
		}
	}
	return rest
}

// TestMemberIsStopped halts the member that leads, and in the long form others
// too, for longer than a gateway may go on without proof. It says nothing and
// its connections stay: no gateway refuses a request for that.
func TestMemberIsStopped(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	for round := range given.rounds {
		m := s.members.Leader(t)
		if round%2 == 1 {
			m = s.members.Follower(t)
		}
		fault := s.history.Fault()
		m.Stop()
		s.pass(maxStaleness + 2*time.Second)
		s.goOn()
		s.writes(4, s.gateways...)
		m.Continue()
		fault.End()
		s.goOn()
	}
	s.finish()
}

// TestEngineIsLost kills two of three members: the one that is left answers some
// questions, and proves nothing. All gateways are closed until another is back.
func TestEngineIsLost(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	for range given.rounds {
		fault, ends := s.history.Fault(), s.awayAll()
		at := s.history.Now()
		dead := []*members.Member{s.members.Member(0), s.members.Member(1)}
		for _, m := range dead {
			m.Kill()
		}
		s.pass(bounds.Faulty)
		s.closed(s.gateways...)
		lost := s.history.Now()
		dead[0].Restart()
		back := s.history.Now()
		for _, g := range s.gateways {
			s.recovered(g)
		}
		s.goOn()
		ends()
		dead[1].Restart()
		fault.End()
		for _, g := range s.gateways {
			t.Logf("%s: closed %v after the loss of the engine, open %v after its return", g.name, s.lastAccepted(g, at, lost), s.firstAccepted(g, back))
		}
	}
	s.finish()
}

// awayAll says that no gateway need decide anything, until it is ended.
func (s *scene) awayAll() (end func()) {
	var ends []func()
	for _, g := range s.gateways {
		ends = append(ends, s.history.Away(g.name).End)
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// quota is small, so that it is soon full.
const quota = 16 << 20

// TestQuotaIsFull fills the engine until it takes no writes. Tokens go on being
// decided; writes are refused until there is room again.
func TestQuotaIsFull(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3, members.QuotaBytes(quota))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := s.members.Client(t)
	fault := s.history.Fault()
	fill(ctx, t, c)
	s.more(2, "writes nothing", func(g *gateway) int64 { return g.shut.Load() }, s.gateways)
	s.goOn()
	for _, g := range s.gateways {
		if n := g.number(`tollgate_store_errors_total{op="put",reason="full"}`); n == 0 {
			t.Errorf("%s counts no refusal", g.name)
		}
	}
	empty(ctx, t, s.members)
	s.writes(4, s.gateways...)
	fault.End()
	s.finish()
}

// fill writes until etcd refuses.
func fill(ctx context.Context, t *testing.T, c *clientv3.Client) {
	t.Helper()
	text := string(make([]byte, 1<<20))
	for i := range 2 * quota >> 20 {
		_, err := c.Put(ctx, fmt.Sprint("/others/", i), text)
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("etcd is never full")
}

// empty makes room again as etcd's manual says: delete, compact, defragment,
// disarm the alarm.
// https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota
func empty(ctx context.Context, t *testing.T, all *members.Cluster) {
	t.Helper()
	c := all.Client(t)
	if _, err := c.Delete(ctx, "/others/", clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	all.Compact(t)
	for _, e := range all.Endpoints() {
		if _, err := c.Defragment(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.AlarmDisarm(ctx, &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
}
