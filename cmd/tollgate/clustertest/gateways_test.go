package clustertest

import (
	"os"
	"testing"
)

// TestGatewaysAreKilled kills each gateway; the last one loses its data, too.
// The others do not notice.
func TestGatewaysAreKilled(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	for range given.rounds {
		for i, g := range s.gateways {
			away := s.history.Away(g.name)
			g.kill()
			s.goOn(s.others(g)...)
			s.writes(4, s.others(g)...)
			if i == len(s.gateways)-1 {
				if err := os.RemoveAll(g.dir); err != nil {
					t.Fatal(err)
				}
			}
			at := s.history.Now()
			g.start()
			s.recovered(g)
			t.Logf("%s is open %v after its start", g.name, s.history.Now()-at)
			away.End()
			s.goOn()
		}
	}
	s.finish()
}

// TestGatewayIsStopped halts a gateway for longer than it may go on without
// proof. When it goes on it accepts nothing until it has proved that it is
// fresh: the second time it is cut off, so that it cannot.
func TestGatewayIsStopped(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	g := s.gateways[0]
	for range given.rounds {
		away := s.history.Away(g.name)
		g.stop()
		s.pass(bounds.Faulty)
		g.resume()
		s.recovered(g)
		away.End()
		s.goOn()

		away = s.history.Away(g.name)
		g.stop()
		s.pass(bounds.Faulty)
		g.cut(silent)
		g.resume()
		s.closed(g)
		g.cut(whole)
		s.recovered(g)
		away.End()
		s.goOn()
	}
	s.finish()
}

// TestGatewayIsCutOff cuts a gateway off from all members, once so that it does
// not notice and once so that it does.
func TestGatewayIsCutOff(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	for i := range 2 * given.rounds {
		g := s.gateways[i%len(s.gateways)]
		how, name := silent, "silently"
		if i%2 == 1 {
			how, name = refused, "with resets"
		}
		age := g.staleness()
		away, at := s.history.Away(g.name), s.history.Now()
		g.cut(how)
		s.goOn(s.others(g)...)
		s.writes(4, s.others(g)...)
		s.pass(bounds.Faulty)
		s.closed(g)
		back := s.history.Now()
		g.cut(whole)
		s.recovered(g)
		s.goOn()
		away.End()
		t.Logf("%s, cut off %s with a proof of %v: closed after %v, open %v after the end of that", g.name, name, age, s.lastAccepted(g, at, back), s.firstAccepted(g, back))
	}
	s.finish()
}

// TestHistoryIsForgotten has etcd forget its history while one gateway is cut
// off and another is dead: they cannot be told what they missed, and find out by
// loading everything.
func TestHistoryIsForgotten(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	for range given.rounds {
		lost, dead, left := s.gateways[0], s.gateways[1], s.gateways[2]
		awayLost, awayDead := s.history.Away(lost.name), s.history.Away(dead.name)
		lost.cut(refused)
		dead.kill()
		before := lost.shut.Load()
		s.writes(30, left)
		s.members.Compact(t)
		s.writes(4, left)
		until(t, "the gateway that is cut off writes nothing", func() bool { return lost.shut.Load() >= before+2 })
		lost.cut(whole)
		dead.start()
		s.recovered(lost)
		s.recovered(dead)
		awayLost.End()
		awayDead.End()
		s.goOn()
	}
	s.finish()
}
