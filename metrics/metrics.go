// Package metrics counts what the gateway does and shows it to Prometheus.
// There is one method for each event; callers name the event and never a
// metric. Labels are bounded: whatever comes from clients is mapped to a
// closed list, the rest comes from closed lists of the program or from the
// configuration. No token, user, path or address is ever a label.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

const namespace = "tollgate"

// The shape of all native histograms: buckets are at most 10 % wide, at most
// this many of them are kept, and once an hour they may start afresh when
// they would become more.
// https://prometheus.io/docs/specs/native_histograms/
const (
	nativeFactor  = 1.1
	nativeBuckets = 160
	nativeReset   = time.Hour
)

// Build says which program runs. Empty fields are shown as "unknown", an
// empty GoVersion as the version of the running program.
type Build struct {
	Version   string
	Revision  string
	GoVersion string
}

// Metrics takes the events. Make it with New; the zero value is of no use.
// All methods are safe for concurrent use.
type Metrics struct {
	requests      *prometheus.CounterVec
	latency       *prometheus.HistogramVec
	inFlight      *prometheus.GaugeVec
	requestBytes  *prometheus.CounterVec
	responseBytes *prometheus.CounterVec

	decisions children[verdict, prometheus.Counter]
	allowed   children[string, prometheus.Counter] // of decisions, by form; the empty one is their rest
	issued    children[string, prometheus.Counter]
	ended     children[ending, prometheus.Counter]
	passwords children[string, prometheus.Counter]
	cut       children[string, prometheus.Counter]

	storeLatency children[string, prometheus.Observer]
	storeErrors  children[storeFault, prometheus.Counter]
	store        storeCollector
	cache        cacheCollector

	replica       replicaCollector
	engineLatency children[string, prometheus.Observer]
	engineErrors  children[string, prometheus.Counter]

	upstreams upstreamSet
	settings  settings
}

// New makes the metrics and registers them, together with the collectors of
// the Go runtime and of the process, with reg. It panics if reg has them
// already. With a nil reg they count but nobody sees them.
func New(reg prometheus.Registerer, build Build) *Metrics {
	m := &Metrics{}
	f := factory{reg: reg}
	f.register(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f.buildInfo(build)
	m.addRequests(f)
	m.addDecisions(f)
	m.addStore(f)
	m.addCache(f)
	m.addReplica(f)
	m.upstreams.add(f)
	m.settings.add(f)
	return m
}

// factory makes metrics of this product and registers them.
type factory struct{ reg prometheus.Registerer }

func (f factory) register(cs ...prometheus.Collector) {
	if f.reg != nil {
		f.reg.MustRegister(cs...)
	}
}

func (f factory) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.register(v)
	return v
}

func (f factory) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.register(v)
	return v
}

// histogram makes a histogram of durations in seconds that has classic
// buckets for every Prometheus and native ones for those that ask for them.
func (f factory) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace:                       namespace,
		Name:                            name,
		Help:                            help,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     nativeFactor,
		NativeHistogramMaxBucketNumber:  nativeBuckets,
		NativeHistogramMinResetDuration: nativeReset,
	}, labels)
	f.register(v)
	return v
}

func (f factory) buildInfo(b Build) {
	if b.GoVersion == "" {
		b.GoVersion = runtime.Version()
	}
	f.gauge("build_info", "Always 1; the labels say which program runs.", "version", "revision", "goversion").
		WithLabelValues(known(b.Version), known(b.Revision), known(b.GoVersion)).Set(1)
}

func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return text(s)
}

// seconds is what histograms of durations take; a clock that was set back
// does not make a duration negative.
func seconds(d time.Duration) float64 { return float64(max(d, 0)) / float64(time.Second) }
