package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tollgate/metrics"
)

func TestRequestIsCountedUnderMethodAndCode(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		status int
		want   string
	}{
		"a plain one":                         {"GET", 200, `code="200",listener="public",method="GET"`},
		"WebDAV":                              {"PROPFIND", 207, `code="207",listener="public",method="PROPFIND"`},
		"an upgrade":                          {"GET", 101, `code="101",listener="public",method="GET"`},
		"the client left":                     {"GET", 499, `code="499",listener="public",method="GET"`},
		"an invented method":                  {"BREW", 405, `code="405",listener="public",method="other"`},
		"a method in lower case":              {"get", 400, `code="400",listener="public",method="other"`},
		"no method":                           {"", 400, `code="400",listener="public",method="other"`},
		"a code nobody registered":            {"GET", 299, `code="2xx",listener="public",method="GET"`},
		"a code below the range":              {"GET", 99, `code="other",listener="public",method="GET"`},
		"a code above the range":              {"GET", 600, `code="other",listener="public",method="GET"`},
		"no code":                             {"GET", 0, `code="other",listener="public",method="GET"`},
		"a negative code":                     {"GET", -200, `code="other",listener="public",method="GET"`},
		"the negative of how a class is kept": {"GET", -2, `code="other",listener="public",method="GET"`},
	} {
		t.Run(name, func(t *testing.T) {
			m, reg := fresh(t)
			l := m.Listener("public")
			l.RequestStarted()
			l.RequestFinished(metrics.Request{Method: c.method, Status: c.status})
			wantValue(t, reg, "tollgate_http_requests_total{"+c.want+"}", "1")
			if n, err := testutil.GatherAndCount(reg, "tollgate_http_requests_total"); n != 1 || err != nil {
				t.Errorf("%d series, want 1 (%v)", n, err)
			}
		})
	}
}

func TestMethodsOfTheListHaveTheirNames(t *testing.T) {
	m, reg := fresh(t)
	l := m.Listener("public")
	list := strings.Fields(`GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK
		REPORT SEARCH ACL BIND UNBIND REBIND PURGE`)
	const each = 3
	for range each {
		for _, method := range list {
			l.RequestStarted()
			l.RequestFinished(metrics.Request{Method: method, Status: 200})
		}
		for _, method := range []string{"GE", "GETT", "other", "purge", "M-SEARCH"} {
			l.RequestStarted()
			l.RequestFinished(metrics.Request{Method: method, Status: 200})
		}
	}
	for _, method := range list {
		wantValue(t, reg, `tollgate_http_requests_total{code="200",listener="public",method="`+method+`"}`, fmt.Sprint(each))
	}
	wantValue(t, reg, `tollgate_http_requests_total{code="200",listener="public",method="other"}`, fmt.Sprint(5*each))
}

func TestEveryStatusIsCountedAsItsCode(t *testing.T) {
	m, reg := fresh(t)
	l := m.Listener("public")
	for range 2 {
		for status := -700; status <= 1100; status++ {
			l.RequestStarted()
			l.RequestFinished(metrics.Request{Method: "GET", Status: status})
		}
	}
	registered := map[int]int{} // by class
	for status := 100; status <= 599; status++ {
		if http.StatusText(status) == "" && status != 499 {
			continue
		}
		registered[status/100]++
		wantValue(t, reg, fmt.Sprintf(`tollgate_http_requests_total{code="%d",listener="public",method="GET"}`, status), "2")
	}
	for class := 1; class <= 5; class++ {
		want := fmt.Sprint(2 * (100 - registered[class]))
		wantValue(t, reg, fmt.Sprintf(`tollgate_http_requests_total{code="%dxx",listener="public",method="GET"}`, class), want)
	}
	wantValue(t, reg, `tollgate_http_requests_total{code="other",listener="public",method="GET"}`, fmt.Sprint(2*(1801-500)))
}

func TestFirstRequestsFromManyGoroutinesAreAllCounted(t *testing.T) {
	const workers, each = 8, 50
	m, reg := fresh(t)
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	l, u := m.Listener("public"), m.Upstream("storage")
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				status := 200 + i
				l.RequestStarted()
				u.Answered(status, time.Millisecond)
				m.Decided(fmt.Sprint("form", i), "")
				l.RequestFinished(metrics.Request{Method: "GET", Status: status, Duration: time.Millisecond})
			}
		})
	}
	wg.Wait()
	wantValue(t, reg, `tollgate_http_requests_total{code="206",listener="public",method="GET"}`, fmt.Sprint(workers))
	wantValue(t, reg, `tollgate_http_request_duration_seconds_count{code_class="2xx",listener="public"}`, fmt.Sprint(workers*each))
	wantValue(t, reg, `tollgate_upstream_request_duration_seconds_count{code_class="2xx",upstream="storage"}`, fmt.Sprint(workers*each))
	wantValue(t, reg, `tollgate_decisions_total{decision="allow",form="form49",reason=""}`, fmt.Sprint(workers))
	wantValue(t, reg, `tollgate_http_requests_in_flight{listener="public"}`, "0")
}

func TestLatencyIsKeptByClass(t *testing.T) {
	m, reg := fresh(t)
	l := m.Listener("internal")
	for _, status := range []int{101, 200, 204, 299, 304, 404, 503, 0, 1000} {
		l.RequestStarted()
		l.RequestFinished(metrics.Request{Method: "GET", Status: status, Duration: 20 * time.Millisecond})
	}
	for class, want := range map[string]string{"1xx": "1", "2xx": "3", "3xx": "1", "4xx": "1", "5xx": "1", "other": "2"} {
		labels := fmt.Sprintf(`{code_class=%q,listener="internal"`, class)
		wantValue(t, reg, "tollgate_http_request_duration_seconds_count"+labels+"}", want)
		wantValue(t, reg, "tollgate_http_request_duration_seconds_bucket"+labels+`,le="0.01"}`, "0")
		wantValue(t, reg, "tollgate_http_request_duration_seconds_bucket"+labels+`,le="0.025"}`, want)
	}
}

func TestOddNumbersDoNoHarm(t *testing.T) {
	m, reg := fresh(t)
	l := m.Listener("public")
	l.RequestStarted()
	l.RequestFinished(metrics.Request{Method: "GET", Status: 200, BytesIn: -1, BytesOut: -1, Duration: -time.Second})
	wantValue(t, reg, `tollgate_http_request_bytes_total{listener="public"}`, "0")
	wantValue(t, reg, `tollgate_http_response_bytes_total{listener="public"}`, "0")
	wantValue(t, reg, `tollgate_http_request_duration_seconds_sum{code_class="2xx",listener="public"}`, "0")
}

func TestInFlightRisesAndFalls(t *testing.T) {
	m, reg := fresh(t)
	public, internal := m.Listener("public"), m.Listener("internal")
	public.RequestStarted()
	public.RequestStarted()
	internal.RequestStarted()
	public.RequestFinished(metrics.Request{Method: "GET", Status: 200})
	wantText(t, reg, `
# HELP tollgate_http_requests_in_flight Requests that are being answered, upgraded connections included.
# TYPE tollgate_http_requests_in_flight gauge
tollgate_http_requests_in_flight{listener="internal"} 1
tollgate_http_requests_in_flight{listener="public"} 1
`, "tollgate_http_requests_in_flight")
}

func TestOneListenerTwiceCountsIntoTheSameSeries(t *testing.T) {
	m, reg := fresh(t)
	for range 2 {
		l := m.Listener("public")
		l.RequestStarted()
		l.RequestFinished(metrics.Request{Method: "GET", Status: 200, BytesOut: 10})
	}
	wantValue(t, reg, `tollgate_http_requests_total{code="200",listener="public",method="GET"}`, "2")
	wantValue(t, reg, `tollgate_http_response_bytes_total{listener="public"}`, "20")
}

func TestListenerWithABadNameIsOther(t *testing.T) {
	m, reg := fresh(t)
	for _, name := range []string{"", "a b", "\xff", strings.Repeat("x", 65)} {
		m.Listener(name).RequestStarted()
	}
	wantValue(t, reg, `tollgate_http_requests_in_flight{listener="other"}`, "4")
}

func TestRandomRequestsMakeABoundedNumberOfSeries(t *testing.T) {
	m, reg := fresh(t)
	l := m.Listener("public")
	rng := rand.New(rand.NewPCG(1, 2))
	methods := []string{"GET", "PUT", "PROPFIND", "LOCK", "DELETE", "HEAD", "POST", "COPY", "MOVE", "PURGE"}
	for i := range 40000 {
		method := methods[rng.IntN(len(methods))]
		if i%2 == 0 {
			method = fmt.Sprintf("M%x", rng.Uint64())
		}
		l.RequestStarted()
		l.RequestFinished(metrics.Request{Method: method, Status: rng.IntN(2000) - 500})
	}
	n, err := testutil.GatherAndCount(reg, "tollgate_http_requests_total")
	if err != nil || n < 100 || n > 513 {
		t.Errorf("%d series (%v), want at most 512 and the rest", n, err)
	}
	if n, err := testutil.GatherAndCount(reg, "tollgate_http_request_duration_seconds"); err != nil || n != 6 {
		t.Errorf("%d histograms (%v), want one for each class", n, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() == "tollgate_http_requests_total" {
			for _, series := range f.GetMetric() {
				total += series.GetCounter().GetValue()
			}
		}
	}
	if total != 40000 {
		t.Errorf("%v requests counted, want all 40000", total)
	}
}

// account is what every request costs.
func account(m *metrics.Metrics, l *metrics.Listener) {
	l.RequestStarted()
	m.Allowed("bearer")
	l.RequestFinished(metrics.Request{Method: "GET", Status: 200, BytesOut: 4096, Duration: 900 * time.Microsecond})
}

// exchange is all that is counted of one proxied request.
func exchange(m *metrics.Metrics, l *metrics.Listener, u *metrics.Upstream) {
	l.RequestStarted()
	m.StoreOperation("by_hash", 12*time.Microsecond)
	m.Allowed("bearer")
	u.Answered(200, 800*time.Microsecond)
	l.RequestFinished(metrics.Request{Method: "GET", Status: 200, BytesIn: 0, BytesOut: 4096, Duration: 900 * time.Microsecond})
}

func TestAccountingOfARequestAllocatesLittle(t *testing.T) {
	m, _ := fresh(t)
	l := m.Listener("public")
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	u := m.Upstream("storage")
	if each := testing.AllocsPerRun(200, func() { account(m, l) }); each > 1 {
		t.Errorf("a request costs %v allocations, want at most 1", each)
	}
	// One for each of the three native histograms, inside client_golang.
	if all := testing.AllocsPerRun(200, func() { exchange(m, l, u) }); all > 3 {
		t.Errorf("a request with store and upstream costs %v allocations, want at most 3", all)
	}
}

func BenchmarkRequest(b *testing.B) {
	m, _ := fresh(b)
	l := m.Listener("public")
	b.ReportAllocs()
	for b.Loop() {
		account(m, l)
	}
}

func BenchmarkRequestParallel(b *testing.B) {
	m, _ := fresh(b)
	l := m.Listener("public")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			account(m, l)
		}
	})
}

func BenchmarkExchange(b *testing.B) {
	m, _ := fresh(b)
	l := m.Listener("public")
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	u := m.Upstream("storage")
	b.ReportAllocs()
	for b.Loop() {
		exchange(m, l, u)
	}
}

func BenchmarkExchangeParallel(b *testing.B) {
	m, _ := fresh(b)
	l := m.Listener("public")
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	u := m.Upstream("storage")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			exchange(m, l, u)
		}
	})
}

// BenchmarkEvent has each event of a request by itself.
func BenchmarkEvent(b *testing.B) {
	m, _ := fresh(b)
	m.SetUpstreams(map[string][]string{"storage": {"a"}, "archive": {"b"}})
	l, u := m.Listener("public"), m.Upstream("storage")
	for name, event := range map[string]func(){
		"started": l.RequestStarted,
		"finished": func() {
			l.RequestFinished(metrics.Request{Method: "GET", Status: 200, BytesOut: 1024, Duration: 900 * time.Microsecond})
		},
		"allowed":  func() { m.Decided("bearer", "") },
		"refused":  func() { m.Decided("bearer", "expired") },
		"answered": func() { u.Answered(200, 800*time.Microsecond) },
		"failed":   func() { u.Failed("dial") },
		"store":    func() { m.StoreOperation("by_hash", 5*time.Microsecond) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				event()
			}
		})
	}
}
