package clustertest

import (
	"testing"

	"tollgate/cmd/tollgate/clustertest/members"
)

// TestEngineGoesBack restores an older snapshot of the engine. What was written
// after it is lost, for all gateways alike: also for one that was cut off
// meanwhile, and that finds the engine at a later revision than its own again.
func TestEngineGoesBack(t *testing.T) {
	for name, options := range map[string][]members.RestoreOption{
		"and keeps its name": nil,
		"as another cluster": {members.AnotherCluster()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 3)
			for range given.rounds {
				goBack(s, options)
			}
			s.finish()
		})
	}
}

func goBack(s *scene, options []members.RestoreOption) {
	s.t.Helper()
	s.writes(10, s.gateways...)
	back := s.history.RollBack()
	file := s.members.Snapshot(s.t)
	s.writes(10, s.gateways...)
	fault, ends := s.history.Fault(), s.awayAll()
	lost, rest := s.gateways[0], s.gateways[1:]
	lost.cut(silent)
	had := lost.applied()
	for _, m := range s.members.Members() {
		m.Kill()
	}
	back.End()
	s.members.Restore(s.t, file, options...)
	for _, g := range rest {
		s.recovered(g)
	}
	until(s.t, "the engine is beyond what the gateway that is cut off has", func() bool { return rest[0].applied() > had+20 })
	lost.cut(whole)
	s.recovered(lost)
	s.goOn()
	ends()
	fault.End()
}
