package clustertest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/cmd/tollgate/clustertest/model"
)

// maxStaleness is that of the gateways: the default.
const maxStaleness = 5 * time.Second

// bounds are what the gateways promise: a second when all is well, and one more
// than their staleness may be with a fault.
var bounds = model.Bounds{Healthy: time.Second, Faulty: maxStaleness + time.Second, Settling: maxStaleness}

// scene is members and gateways with clients, and what happened.
type scene struct {
	t        *testing.T
	members  *members.Cluster // nil = the gateway is alone
	gateways []*gateway
	keys     string
	upstream *upstream
	history  *model.History
	traffic  *traffic
}

// newScene starts three members and n gateways, waits until these are open, and
// starts the traffic.
func newScene(t *testing.T, n int, options ...members.Option) *scene {
	t.Helper()
	s := emptyScene(t)
	s.members = members.Three(t, options...)
	for range n {
		s.addGateway()
	}
	for _, g := range s.gateways {
		g.awaitOpen()
	}
	s.traffic = startTraffic(t.Context(), s.gateways)
	s.goOn()
	return s
}

func emptyScene(t *testing.T) *scene {
	t.Helper()
	begin := time.Now()
	s := &scene{t: t, keys: writeKeys(t), history: model.New(func() time.Duration { return time.Since(begin) })}
	s.upstream = startUpstream(t)
	watchMachine(t, s.history)
	t.Cleanup(func() {
		if s.traffic != nil {
			s.traffic.stop()
		}
	})
	return s
}

// addGateway starts one more gateway, with relays of its own to the members.
func (s *scene) addGateway() *gateway {
	s.t.Helper()
	var relays []*relay
	if s.members != nil {
		for _, e := range s.members.Endpoints() {
			relays = append(relays, startRelay(s.t, e))
		}
	}
	g := startGateway(s.t, fmt.Sprintf("g%d", len(s.gateways)), s.keys, s.history, s.upstream, relays)
	s.gateways = append(s.gateways, g)
	return g
}

// goOn waits until each gateway, or each of those given, has accepted 60 uses
// more.
func (s *scene) goOn(gateways ...*gateway) {
	s.t.Helper()
	if len(gateways) == 0 {
		gateways = s.gateways
	}
	s.more(60, "accepts uses", func(g *gateway) int64 { return g.passed.Load() }, gateways)
}

// writes waits until each of some gateways has acknowledged n writes more.
func (s *scene) writes(n int64, gateways ...*gateway) {
	s.t.Helper()
	s.more(n, "writes", func(g *gateway) int64 { return g.written.Load() }, gateways)
}

// more waits until a number of each of some gateways has grown by n.
func (s *scene) more(n int64, what string, number func(*gateway) int64, gateways []*gateway) {
	s.t.Helper()
	want := make([]int64, len(gateways))
	for i, g := range gateways {
		want[i] = number(g) + n
	}
	for i, g := range gateways {
		until(s.t, g.name+" "+what, func() bool { return number(g) >= want[i] })
	}
}

// others are all gateways but one.
func (s *scene) others(than *gateway) []*gateway {
	var all []*gateway
	for _, g := range s.gateways {
		if g != than {
			all = append(all, g)
		}
	}
	return all
}

// pass lets time pass: how long a gateway may go on without proof is a matter
// of time alone.
func (s *scene) pass(d time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
		s.t.Fatal("the test ended")
	}
}

// recovered waits until a gateway decides requests again, by a proof that is
// younger than the call, and writes. It can be open by one from before what
// happened to it, and that can run out before the next.
func (s *scene) recovered(g *gateway) {
	s.t.Helper()
	g.awaitOpen()
	at := s.history.Now()
	until(s.t, g.name+" has a new proof", func() bool { return g.staleness() < s.history.Now()-at })
	s.writes(2, g)
}

// closed waits until each of some gateways that cannot be fresh has refused to
// decide a number of times, and says in the history that they must accept
// nothing in that time.
func (s *scene) closed(gateways ...*gateway) {
	s.t.Helper()
	var mute []*model.Window
	for _, g := range gateways {
		mute = append(mute, s.history.Mute(g.name))
	}
	s.more(40, "says that it is closed", func(g *gateway) int64 { return g.shut.Load() }, gateways)
	for _, w := range mute {
		w.End()
	}
}

// finish ends the traffic, asks each gateway about each token once all bounds
// are over, and judges the history.
func (s *scene) finish() {
	s.t.Helper()
	all := s.traffic.stop()
	s.pass(bounds.Healthy)
	live, ended, split := sweep(s.gateways, all)
	if live == 0 || ended == 0 || len(split) > 0 {
		s.t.Errorf("in the end %d tokens are accepted and %d refused, and the gateways do not agree about %q", live, ended, split)
	}
	s.judge()
	if s.members == nil {
		return
	}
	for _, g := range s.gateways {
		if n, ok := g.metric("tollgate_replica_divergence_total"); !ok || n != "0" {
			s.t.Errorf("%s: divergence %q, want 0", g.name, n)
		}
	}
}

// judge reports the first violations of the history, and counts what was done.
func (s *scene) judge() {
	s.t.Helper()
	found := s.history.Check(bounds)
	for _, v := range found[:min(len(found), 20)] {
		s.t.Error(v)
	}
	if len(found) > 20 {
		s.t.Errorf("and %d more", len(found)-20)
	}
	type tally struct {
		n       int
		longest time.Duration
	}
	seen := map[string]tally{}
	for _, o := range s.history.Operations() {
		what := fmt.Sprintf("%s %s", o.Kind, o.Outcome)
		seen[what] = tally{seen[what].n + 1, max(seen[what].longest, o.End-o.Start)}
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		s.t.Logf("%6d %-30s longest %v", seen[what].n, what, seen[what].longest.Round(time.Millisecond))
	}
	if d := s.history.StarvedFor(); d > 0 {
		s.t.Logf("the machine had no time for the tests for %v", d)
	}
}

// firstAccepted is how long after a time a gateway accepted a use that had
// begun by then.
func (s *scene) firstAccepted(g *gateway, after time.Duration) time.Duration {
	for _, o := range s.history.Operations() {
		if o.Kind == model.Use && o.Gateway == g.name && o.Start >= after && o.Outcome == model.Accepted {
			return o.End - after
		}
	}
	return -1
}

// lastAccepted is how long after a time, and before another, a gateway still
// accepted a use.
func (s *scene) lastAccepted(g *gateway, after, before time.Duration) time.Duration {
	last := time.Duration(0)
	for _, o := range s.history.Operations() {
		if o.Kind == model.Use && o.Gateway == g.name && o.End >= after && o.End < before && o.Outcome == model.Accepted {
			last = max(last, o.End-after)
		}
	}
	return last
}
