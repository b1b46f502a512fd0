package metrics

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// upstreamSet is the closed list of upstreams and servers that have series.
type upstreamSet struct {
	healthy  *prometheus.GaugeVec
	latency  *prometheus.HistogramVec
	failures *prometheus.CounterVec

	mu    sync.Mutex // held by SetUpstreams
	known atomic.Pointer[map[string]*upstream]
}

// upstream is one of the list. Once gone it makes no series any more: an
// answer that comes in after a reload must not bring deleted ones back.
type upstream struct {
	name     string
	latency  [classes]slot[prometheus.Observer]
	failures children[string, prometheus.Counter]

	mu      sync.Mutex // guards what follows and the making of series
	gone    bool
	servers []string
}

func (s *upstreamSet) add(f factory) {
	s.healthy = f.gauge("upstream_healthy",
		"1 if the server of an upstream is in use, 0 if its health check or its requests failed.", "upstream", "server")
	s.latency = f.histogram("upstream_request_duration_seconds",
		"Time from sending a request to an upstream to the header of its answer.", requestBuckets(), "upstream", "code_class")
	s.failures = f.counter("upstream_failures_total",
		"Requests to an upstream that got no answer, by reason.", "upstream", "reason")
	s.known.Store(&map[string]*upstream{})
}

// SetUpstreams says which upstreams there are and the servers of each, by
// the names that the events below will use; it is called with the first
// configuration and after every reload. The series of those that are gone are
// deleted. Events of upstreams that are not on the list are not counted, so a
// request that outlives its upstream does no harm.
func (m *Metrics) SetUpstreams(servers map[string][]string) {
	s := &m.upstreams
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.known.Load()
	next := make(map[string]*upstream, len(servers))
	for name, list := range servers {
		u, ok := old[name]
		if !ok {
			u = s.newUpstream(name)
		}
		u.setServers(s, list)
		next[name] = u
	}
	s.known.Store(&next)
	for name, u := range old {
		if _, stays := next[name]; !stays {
			u.end(s)
		}
	}
}

func (s *upstreamSet) newUpstream(name string) *upstream {
	u := &upstream{name: text(name)}
	u.failures.limit, u.failures.admit, u.failures.rest = maxWords, word, other
	u.failures.make = func(reason string) prometheus.Counter {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.gone {
			return prometheus.NewCounter(prometheus.CounterOpts{})
		}
		return s.failures.WithLabelValues(u.name, reason)
	}
	return u
}

// answered returns where answers of a class are counted.
func (u *upstream) answered(s *upstreamSet, c class) prometheus.Observer {
	if found := u.latency[c].child.Load(); found != nil {
		return *found
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.gone {
		return prometheus.ObserverFunc(func(float64) {})
	}
	return u.latency[c].fill(s.latency.WithLabelValues(u.name, c.String()))
}

func (u *upstream) setServers(s *upstreamSet, servers []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, server := range u.servers {
		if !slices.Contains(servers, server) {
			s.healthy.DeleteLabelValues(u.name, serverLabel(server))
		}
	}
	u.servers = slices.Clone(servers)
}

func (u *upstream) end(s *upstreamSet) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.gone, u.servers = true, nil
	of := prometheus.Labels{"upstream": u.name}
	s.healthy.DeletePartialMatch(of)
	s.latency.DeletePartialMatch(of)
	s.failures.DeletePartialMatch(of)
}

// serverLabel returns a server's URL without the user and the password that
// may stand in it.
func serverLabel(server string) string {
	scheme, rest, found := strings.Cut(server, "://")
	if !found {
		return text(server)
	}
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	if path != "" {
		authority += "/" + path
	}
	return text(scheme + "://" + authority)
}

// ServerHealthy says that a server of an upstream is in use.
func (m *Metrics) ServerHealthy(upstream, server string) { m.upstreams.health(upstream, server, 1) }

// ServerUnhealthy says that a server of an upstream is not in use.
func (m *Metrics) ServerUnhealthy(upstream, server string) { m.upstreams.health(upstream, server, 0) }

func (s *upstreamSet) health(name, server string, value float64) {
	u, ok := (*s.known.Load())[name]
	if !ok {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if slices.Contains(u.servers, server) {
		s.healthy.WithLabelValues(u.name, serverLabel(server)).Set(value)
	}
}

// Upstream takes the events of the requests to one upstream. Metrics.Upstream
// makes it; the zero value counts nothing. It is safe for concurrent use.
type Upstream struct {
	set   *upstreamSet
	name  string
	found atomic.Pointer[finding]
}

// finding is which upstream had the name when these were known; nil = none.
type finding struct {
	known    *map[string]*upstream
	upstream *upstream
}

// Upstream returns where the events of the upstream with that name are
// counted. It saves looking for the name at each of them. It may be asked for
// before SetUpstreams has the name on its list, and lasts for ever: as long as
// the name is not on the list, nothing is counted.
func (m *Metrics) Upstream(name string) *Upstream {
	return &Upstream{set: &m.upstreams, name: name}
}

// now returns the upstream that has the name, nil if it is not on the list.
func (u *Upstream) now() *upstream {
	if u.set == nil {
		return nil
	}
	known := u.set.known.Load()
	if found := u.found.Load(); found != nil && found.known == known {
		return found.upstream
	}
	found := &finding{known: known, upstream: (*known)[u.name]}
	u.found.Store(found)
	return found.upstream
}

// Answered counts an answer of the upstream: its status, and the time from
// sending the request to the header of the answer.
func (u *Upstream) Answered(status int, took time.Duration) {
	if now := u.now(); now != nil {
		now.answered(u.set, classOf(status)).Observe(seconds(took))
	}
}

// Failed counts a request to the upstream that got no answer, with a reason
// from a closed list of the caller's, such as "dial".
func (u *Upstream) Failed(reason string) {
	if now := u.now(); now != nil {
		now.failures.of(reason).Inc()
	}
}
