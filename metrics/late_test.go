package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The moment between finding an upstream and making its series cannot be met
// from outside, so this test stands inside.
func TestRequestThatFoundItsUpstreamBeforeAReloadMakesNoSeries(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := New(reg, Build{})
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	found := (*m.upstreams.known.Load())["storage"]
	m.SetUpstreams(nil)

	found.failures.of("dial").Inc()
	found.answered(&m.upstreams, 2).Observe(1)

	for _, name := range []string{"tollgate_upstream_failures_total", "tollgate_upstream_request_duration_seconds"} {
		if n, err := testutil.GatherAndCount(reg, name); n != 0 || err != nil {
			t.Errorf("%d series of %s (%v), want none", n, name, err)
		}
	}
}
