package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Cache is what is to be shown of the tokens that are kept in memory.
type Cache struct {
	Tokens    int    // kept now
	Bytes     int64  // of memory that they take
	Misses    uint64 // look-ups that asked the store
	Evictions uint64 // tokens that made room for others
}

// cacheCollector asks for the numbers when Prometheus asks for them.
type cacheCollector struct {
	tokens, bytes, misses, evictions *prometheus.Desc
	watched                          atomic.Pointer[func() Cache]
}

func (m *Metrics) addCache(f factory) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_token_cache_"+name, help, nil, nil)
	}
	c := &m.cache
	c.tokens = desc("tokens", "Tokens that are kept in memory.")
	c.bytes = desc("bytes", "Memory that the kept tokens take, estimated.")
	c.misses = desc("misses_total", "Look-ups of a token that had to ask the store.")
	c.evictions = desc("evictions_total", "Kept tokens that had to make room for others.")
	f.register(c)
}

// WatchCache says where the numbers of the kept tokens come from. It is called
// on every scrape, possibly at the same time, so it must be quick and safe for
// concurrent use. Nil ends the watch. A later call replaces an earlier one.
func (m *Metrics) WatchCache(read func() Cache) {
	if read == nil {
		m.cache.watched.Store(nil)
		return
	}
	m.cache.watched.Store(&read)
}

// Describe implements prometheus.Collector.
func (c *cacheCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{c.tokens, c.bytes, c.misses, c.evictions} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *cacheCollector) Collect(ch chan<- prometheus.Metric) {
	read := c.watched.Load()
	if read == nil {
		return
	}
	now := (*read)()
	ch <- prometheus.MustNewConstMetric(c.tokens, prometheus.GaugeValue, float64(now.Tokens))
	ch <- prometheus.MustNewConstMetric(c.bytes, prometheus.GaugeValue, float64(now.Bytes))
	ch <- prometheus.MustNewConstMetric(c.misses, prometheus.CounterValue, float64(now.Misses))
	ch <- prometheus.MustNewConstMetric(c.evictions, prometheus.CounterValue, float64(now.Evictions))
}
