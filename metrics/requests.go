package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Listener takes the events of the requests that come in by one listener.
// Metrics.Listener makes it.
type Listener struct {
	inFlight      prometheus.Gauge
	requestBytes  prometheus.Counter
	responseBytes prometheus.Counter
	answers       *answers
}

// Request is what is counted of a request that is done.
type Request struct {
	Method   string // as sent; what is not well known is counted as "other"
	Status   int    // of the answer; 499 when the client left before there was one
	BytesIn  int64  // of the body, as read
	BytesOut int64  // of the body, as written
	Duration time.Duration
}

type request struct {
	method string
	code   code
}

func requestBuckets() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
}

func (m *Metrics) addRequests(f factory) {
	m.requests = f.counter("http_requests_total",
		"Requests that were answered.", "listener", "method", "code")
	m.latency = f.histogram("http_request_duration_seconds",
		"Time from the request's header to the end of the answer.", requestBuckets(), "listener", "code_class")
	m.inFlight = f.gauge("http_requests_in_flight",
		"Requests that are being answered, upgraded connections included.", "listener")
	m.requestBytes = f.counter("http_request_bytes_total",
		"Bytes of request bodies that were read.", "listener")
	m.responseBytes = f.counter("http_response_bytes_total",
		"Bytes of response bodies that were written.", "listener")
}

// Listener returns the counters of the listener with that name, such as
// "public". The name becomes a label, so it must come from the program. Two
// calls with the same name count into the same series.
func (m *Metrics) Listener(name string) *Listener {
	if !word(name) {
		name = other
	}
	l := &Listener{
		inFlight:      m.inFlight.WithLabelValues(name),
		requestBytes:  m.requestBytes.WithLabelValues(name),
		responseBytes: m.responseBytes.WithLabelValues(name),
		answers:       newAnswers(),
	}
	a := l.answers
	a.requests.limit, a.requests.rest = maxRequests, request{method: other}
	a.requests.make = func(r request) prometheus.Counter {
		return m.requests.WithLabelValues(name, r.method, r.code.String())
	}
	a.latency.limit = classes
	a.latency.make = func(c class) prometheus.Observer {
		return m.latency.WithLabelValues(name, c.String())
	}
	return l
}

// maxRequests is how many combinations of method and code one listener shows
// at most; classes is the number of classes, none included.
const (
	maxRequests = 512
	classes     = 6
)

// RequestStarted counts a request as in flight until RequestFinished.
func (l *Listener) RequestStarted() { l.inFlight.Inc() }

// RequestFinished ends what RequestStarted began and counts the request.
func (l *Listener) RequestFinished(r Request) {
	l.inFlight.Dec()
	answer := l.answers.of(r.Method, r.Status)
	answer.requests.Inc()
	answer.latency.Observe(seconds(r.Duration))
	if r.BytesIn > 0 {
		l.requestBytes.Add(float64(r.BytesIn))
	}
	if r.BytesOut > 0 {
		l.responseBytes.Add(float64(r.BytesOut))
	}
}
