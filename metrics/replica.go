package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Replica is what is to be shown of a gateway among several: how well it
// follows the tokens that they share.
type Replica struct {
	Applied    uint64        // revision up to which it has everything
	Head       uint64        // newest revision that the engine is known to have
	Fresh      bool          // it may decide
	OnCredit   bool          // it decides though it is not fresh, as stale_reads allows
	Staleness  time.Duration // since the last proof that it was fresh
	Diverged   uint64        // records that were found to differ from the engine's
	Loads      uint64        // how often everything was loaded anew
	LastLoaded time.Duration // what the last of them took; zero = there was none
}

// replicaCollector asks for the numbers when Prometheus asks for them. A
// gateway that shares its tokens with nobody has none.
type replicaCollector struct {
	applied, lag, fresh, credit, staleness, diverged, loads, loaded *prometheus.Desc
	watched                                                         atomic.Pointer[func() Replica]
}

func (m *Metrics) addReplica(f factory) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_replica_"+name, help, nil, nil)
	}
	c := &m.replica
	c.applied = desc("applied_revision", "Revision of the shared tokens up to which this gateway has everything.")
	c.lag = desc("lag_revisions", "Revisions of the engine's last write that this gateway does not have yet.")
	c.fresh = desc("fresh", "1 if the gateway can prove that its tokens are fresh, 0 if it refuses or serves stale ones.")
	c.credit = desc("serving_stale", "1 if the gateway decides by tokens that it cannot prove to be fresh, as stale_reads allows.")
	c.staleness = desc("staleness_seconds", "Time since the last proof that the gateway's tokens were fresh.")
	c.diverged = desc("divergence_total", "Records of this gateway that were found to differ from the engine's, and were mended. Anything but 0 is a fault.")
	c.loads = desc("loads_total", "How often the gateway loaded all shared tokens anew.")
	c.loaded = desc("last_load_seconds", "Time that the last load of all shared tokens took.")
	f.register(c)

	latency := f.histogram("engine_operation_duration_seconds",
		"Time that the engine of the shared tokens, etcd, took for an operation.", storeBuckets(), "op")
	m.engineLatency.limit, m.engineLatency.admit, m.engineLatency.rest = maxWords, word, other
	m.engineLatency.make = func(op string) prometheus.Observer { return latency.WithLabelValues(op) }
	faults := f.counter("engine_errors_total", "Operations of the engine of the shared tokens, etcd, that failed.", "op")
	m.engineErrors.limit, m.engineErrors.admit, m.engineErrors.rest = maxWords, word, other
	m.engineErrors.make = func(op string) prometheus.Counter { return faults.WithLabelValues(op) }
}

// EngineOperation counts an operation of the engine and what it took, and
// whether it failed. That a write was refused by a rule is no failure.
func (m *Metrics) EngineOperation(op string, took time.Duration, failed error) {
	m.engineLatency.of(op).Observe(seconds(took))
	if failed != nil {
		m.engineErrors.of(op).Inc()
	}
}

// WatchReplica says where the numbers of the replica come from. It is called
// on every scrape, possibly at the same time, so it must be quick and safe for
// concurrent use. Nil ends the watch. A later call replaces an earlier one.
func (m *Metrics) WatchReplica(read func() Replica) {
	if read == nil {
		m.replica.watched.Store(nil)
		return
	}
	m.replica.watched.Store(&read)
}

// Describe implements prometheus.Collector.
func (c *replicaCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{c.applied, c.lag, c.fresh, c.credit, c.staleness, c.diverged, c.loads, c.loaded} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *replicaCollector) Collect(ch chan<- prometheus.Metric) {
	read := c.watched.Load()
	if read == nil {
		return
	}
	now := (*read)()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	flag := func(d *prometheus.Desc, set bool) {
		if set {
			gauge(d, 1)
		} else {
			gauge(d, 0)
		}
	}
	gauge(c.applied, float64(now.Applied))
	gauge(c.lag, float64(max(now.Head, now.Applied)-now.Applied))
	flag(c.fresh, now.Fresh)
	flag(c.credit, now.OnCredit)
	gauge(c.staleness, now.Staleness.Seconds())
	gauge(c.loaded, now.LastLoaded.Seconds())
	ch <- prometheus.MustNewConstMetric(c.diverged, prometheus.CounterValue, float64(now.Diverged))
	ch <- prometheus.MustNewConstMetric(c.loads, prometheus.CounterValue, float64(now.Loads))
}
