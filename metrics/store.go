package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// StoreFull is the reason of a write that failed because there is no room. An
// alert looks for it.
const StoreFull = "full"

type storeFault struct{ op, reason string }

func (f storeFault) admissible() bool { return word(f.op) && word(f.reason) }

func storeBuckets() []float64 {
	return []float64{2e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}
}

func (m *Metrics) addStore(f factory) {
	latency := f.histogram("store_operation_duration_seconds",
		"Time that the token store took for an operation.", storeBuckets(), "op")
	m.storeLatency.limit, m.storeLatency.admit, m.storeLatency.rest = maxWords, word, other
	m.storeLatency.make = func(op string) prometheus.Observer { return latency.WithLabelValues(op) }

	faults := f.counter("store_errors_total",
		"Operations of the token store that failed, by reason; that a token is unknown is no failure.", "op", "reason")
	m.storeErrors.limit, m.storeErrors.admit = maxWords, storeFault.admissible
	m.storeErrors.rest = storeFault{op: other, reason: other}
	m.storeErrors.make = func(k storeFault) prometheus.Counter { return faults.WithLabelValues(k.op, k.reason) }

	m.store.tokens = prometheus.NewDesc(namespace+"_tokens", "Tokens in the store, by state.", []string{"state"}, nil)
	m.store.size = prometheus.NewDesc(namespace+"_store_size_bytes",
		"Bytes that the token store takes on disk: its sorted tables (lsm) and its value log (vlog).", []string{"part"}, nil)
	f.register(&m.store)
}

// StoreOperation counts an operation of the token store and what it took,
// whether it failed or not. The name is the method's, such as "by_hash".
func (m *Metrics) StoreOperation(op string, took time.Duration) {
	m.storeLatency.of(op).Observe(seconds(took))
}

// StoreFailed counts an operation that failed, beside StoreOperation. The
// reason is from a closed list of the caller's; StoreFull is one.
func (m *Metrics) StoreFailed(op, reason string) {
	m.storeErrors.of(storeFault{op: op, reason: reason}).Inc()
}

// storeCollector asks the store for its numbers when Prometheus asks for
// them.
type storeCollector struct {
	tokens, size *prometheus.Desc
	watched      atomic.Pointer[watched]
}

type watched struct {
	counts func() (active, expired, revoked int)
	size   func() (lsm, vlog int64)
}

// WatchStore says where the number of tokens and the size of the store in
// bytes come from. Both are called on every scrape, possibly at the same
// time, so they must be quick and safe for concurrent use. A nil function
// leaves its metric out; two of them end the watch, which is to be done
// before the store is closed. A later call replaces an earlier one.
func (m *Metrics) WatchStore(counts func() (active, expired, revoked int), size func() (lsm, vlog int64)) {
	m.store.watched.Store(&watched{counts: counts, size: size})
}

// Describe implements prometheus.Collector.
func (s *storeCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.tokens
	ch <- s.size
}

// Collect implements prometheus.Collector.
func (s *storeCollector) Collect(ch chan<- prometheus.Metric) {
	w := s.watched.Load()
	if w == nil {
		return
	}
	show := func(d *prometheus.Desc, v float64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label)
	}
	if w.counts != nil {
		active, expired, revoked := w.counts()
		show(s.tokens, float64(active), "active")
		show(s.tokens, float64(expired), "expired")
		show(s.tokens, float64(revoked), "revoked")
	}
	if w.size != nil {
		lsm, vlog := w.size()
		show(s.size, float64(lsm), "lsm")
		show(s.size, float64(vlog), "vlog")
	}
}
