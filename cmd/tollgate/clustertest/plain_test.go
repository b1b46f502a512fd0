package clustertest

import (
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/model"
)

// TestAloneGateway plays with one gateway that shares its tokens with nobody:
// what the clients and the model do is right if it is found to be so.
func TestAloneGateway(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	g := s.addGateway()
	g.awaitOpen()
	s.traffic = startTraffic(t.Context(), s.gateways)
	s.goOn()
	away := s.history.Away(g.name)
	g.kill()
	g.start()
	g.awaitOpen()
	away.End()
	s.goOn()
	away = s.history.Away(g.name)
	g.stop()
	s.pass(time.Second)
	g.resume()
	g.awaitOpen()
	away.End()
	s.goOn()
	s.finish()
	seen := map[model.Kind]map[model.Outcome]bool{}
	for _, o := range s.history.Operations() {
		if seen[o.Kind] == nil {
			seen[o.Kind] = map[model.Outcome]bool{}
		}
		seen[o.Kind][o.Outcome] = true
	}
	if !seen[model.Create][model.Accepted] || !seen[model.Revoke][model.Accepted] || !seen[model.Use][model.Refused] || !seen[model.Use][model.NoAnswer] {
		t.Errorf("the clients saw %v", seen)
	}
}

// TestUnknownTokensAreRefused shows that the clients can tell the outcomes.
func TestUnknownTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	g := s.addGateway()
	g.awaitOpen()
	if got := g.use(t.Context(), token{"1", "0123456789abcdef0123456789abcdef"}); got != model.Refused {
		t.Errorf("an unknown token is %s", got)
	}
	k, ok := g.create(t.Context())
	if !ok || g.use(t.Context(), k) != model.Accepted || !g.revoke(t.Context(), k) || g.use(t.Context(), k) != model.Refused {
		t.Errorf("the life of a token: %v", s.history.Operations())
	}
	if _, ok := g.metric("tollgate_replica_divergence_total"); ok {
		t.Error("a gateway that is alone has a replica")
	}
	if _, ok := g.metric("tollgate_build_info"); ok {
		t.Error("a metric with labels is taken for one without")
	}
}
