package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tollgate/metrics"
)

// fresh returns metrics on a registry of their own that checks what it is
// given.
func fresh(t testing.TB) (*metrics.Metrics, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	return metrics.New(reg, metrics.Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1.26"}), reg
}

// everything makes each event happen once.
func everything(m *metrics.Metrics) {
	l := m.Listener("public")
	l.RequestStarted()
	l.RequestStarted()
	l.RequestFinished(metrics.Request{Method: "GET", Status: 200, BytesIn: 3, BytesOut: 5, Duration: 7 * time.Millisecond})
	m.Allowed("bearer")
	m.Refused("cookie", "expired")
	m.TokenIssued("content_gateway")
	m.TokenEnded("content_gateway", "revoked")
	m.PasswordChecked(metrics.PasswordBusy)
	m.TransferCut("revoked")
	m.StoreOperation("by_hash", 30*time.Microsecond)
	m.StoreFailed("put", metrics.StoreFull)
	m.WatchStore(
		func() (int, int, int) { return 4, 5, 6 },
		func() (int64, int64) { return 1 << 20, 2 << 20 })
	m.WatchCache(func() metrics.Cache { return metrics.Cache{Tokens: 1, Bytes: 2, Misses: 3, Evictions: 4} })
	m.WatchReplica(func() metrics.Replica { return metrics.Replica{Applied: 1, Head: 2} })
	m.EngineOperation("put", time.Millisecond, io.EOF)
	m.SetUpstreams(map[string][]string{"storage": {"http://127.0.0.1:9000"}})
	m.ServerHealthy("storage", "http://127.0.0.1:9000")
	m.Upstream("storage").Answered(200, time.Millisecond)
	m.Upstream("storage").Failed("dial")
	m.ConfigLoaded(time.Unix(1700000000, 0))
	m.ConfigReloaded(time.Unix(1700000100, 500e6))
	m.ConfigReloadFailed()
	m.CertificateLoaded(time.Unix(1800000000, 0))
}

// wantText compares the metrics of these names with what they should be.
func wantText(t *testing.T, g prometheus.Gatherer, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(g, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// value returns the value of the series that is written like this, and false
// if it is not shown.
func value(t *testing.T, g prometheus.Gatherer, series string) (string, bool) {
	t.Helper()
	for line := range strings.Lines(scrape(t, g, "text/plain")) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

func wantValue(t *testing.T, g prometheus.Gatherer, series, want string) {
	t.Helper()
	if got, ok := value(t, g, series); !ok || got != want {
		t.Errorf("%s is %q (shown: %v), want %q", series, got, ok, want)
	}
}

func wantAbsent(t *testing.T, g prometheus.Gatherer, series string) {
	t.Helper()
	if got, ok := value(t, g, series); ok {
		t.Errorf("%s is shown with %s, want it to be absent", series, got)
	}
}

func scrape(t *testing.T, g prometheus.Gatherer, accept string) string {
	t.Helper()
	server := httptest.NewServer(promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("scrape answers %d: %s", res.StatusCode, body)
	}
	if kind, _, _ := strings.Cut(accept, ";"); !strings.HasPrefix(res.Header.Get("Content-Type"), kind) {
		t.Fatalf("scrape gives %s, want %s", res.Header.Get("Content-Type"), kind)
	}
	return string(body)
}

func TestNamesAndHelpPassTheLinterOfPrometheus(t *testing.T) {
	m, reg := fresh(t)
	everything(m)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestRuntimeAndProcessAreShown(t *testing.T) {
	_, reg := fresh(t)
	if _, ok := value(t, reg, "go_goroutines"); !ok {
		t.Error("go_goroutines is missing")
	}
	if _, ok := value(t, reg, "process_start_time_seconds"); !ok && runtime.GOOS == "linux" {
		t.Error("process_start_time_seconds is missing")
	}
}

func TestBuildInfo(t *testing.T) {
	for name, c := range map[string]struct {
		build metrics.Build
		want  string
	}{
		"shows what it was given": {
			metrics.Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1.26"},
			`tollgate_build_info{goversion="go1.26",revision="abc",version="1.2.3"}`,
		},
		"fills in what is empty": {
			metrics.Build{},
			`tollgate_build_info{goversion="` + runtime.Version() + `",revision="unknown",version="unknown"}`,
		},
		"takes text that is no UTF-8": {
			metrics.Build{Version: "1\xff2", Revision: "r", GoVersion: "go"},
			`tollgate_build_info{goversion="go",revision="r",version="12"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			metrics.New(reg, c.build)
			wantValue(t, reg, c.want, "1")
		})
	}
}

func TestSecondSetOnOneRegistryPanics(t *testing.T) {
	_, reg := fresh(t)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	metrics.New(reg, metrics.Build{})
}

func TestWithoutRegistryEventsAreTaken(t *testing.T) {
	everything(metrics.New(nil, metrics.Build{}))
}

func TestTwoSetsDoNotShareAnything(t *testing.T) {
	m, reg := fresh(t)
	_, bystander := fresh(t)
	everything(m)
	wantValue(t, reg, `tollgate_tokens_issued_total{api="content_gateway"}`, "1")
	wantAbsent(t, bystander, `tollgate_tokens_issued_total{api="content_gateway"}`)
}

func TestNativeHistogramsReachScrapersThatAskForThem(t *testing.T) {
	m, reg := fresh(t)
	everything(m)
	const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	body := scrape(t, reg, protobuf)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range families {
		h := f.GetMetric()[0].GetHistogram()
		if h == nil || !strings.HasPrefix(f.GetName(), "tollgate_") {
			continue
		}
		seen++
		if !strings.Contains(body, f.GetName()) {
			t.Errorf("%s is not in the protobuf answer", f.GetName())
		}
		// Factor 1.1 is schema 3: 2^(2^-3) = 1.09.
		if h.GetSchema() != 3 || len(h.GetPositiveSpan()) == 0 {
			t.Errorf("%s is not native: schema %d, %d spans", f.GetName(), h.GetSchema(), len(h.GetPositiveSpan()))
		}
		if len(h.GetBucket()) == 0 {
			t.Errorf("%s has no classic buckets", f.GetName())
		}
	}
	if seen != 4 {
		t.Errorf("%d histograms seen, want 4", seen)
	}
}

func TestNativeHistogramKeepsABoundedNumberOfBuckets(t *testing.T) {
	m, reg := fresh(t)
	for d := time.Nanosecond; d < 1000*time.Hour; d += d/50 + 1 {
		m.StoreOperation("put", d)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tollgate_store_operation_duration_seconds" {
			continue
		}
		if n := len(f.GetMetric()[0].GetHistogram().GetPositiveDelta()); n == 0 || n > 400 {
			t.Errorf("%d native buckets", n)
		}
		return
	}
	t.Error("histogram is not shown")
}

func TestEventsFromManyGoroutinesAreAllCounted(t *testing.T) {
	m, reg := fresh(t)
	l := m.Listener("public")
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	const workers, each = 8, 500
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				l.RequestStarted()
				l.RequestFinished(metrics.Request{Method: "PUT", Status: 201, BytesIn: 2, BytesOut: 1, Duration: time.Millisecond})
				m.Refused("cookie", "expired")
				m.Upstream("storage").Answered(201, time.Millisecond)
				m.Upstream("storage").Failed("dial")
				m.StoreOperation("by_hash", time.Microsecond)
			}
		})
	}
	wg.Wait()
	wantValue(t, reg, `tollgate_http_requests_total{code="201",listener="public",method="PUT"}`, "4000")
	wantValue(t, reg, `tollgate_http_request_duration_seconds_count{code_class="2xx",listener="public"}`, "4000")
	wantValue(t, reg, `tollgate_http_requests_in_flight{listener="public"}`, "0")
	wantValue(t, reg, `tollgate_http_request_bytes_total{listener="public"}`, "8000")
	wantValue(t, reg, `tollgate_http_response_bytes_total{listener="public"}`, "4000")
	wantValue(t, reg, `tollgate_decisions_total{decision="refuse",form="cookie",reason="expired"}`, "4000")
	wantValue(t, reg, `tollgate_upstream_request_duration_seconds_count{code_class="2xx",upstream="storage"}`, "4000")
	wantValue(t, reg, `tollgate_upstream_failures_total{reason="dial",upstream="storage"}`, "4000")
	wantValue(t, reg, `tollgate_store_operation_duration_seconds_count{op="by_hash"}`, "4000")
}

func TestEveryRefusalSeriesHasAReason(t *testing.T) {
	m, reg := fresh(t)
	m.Allowed("bearer")
	m.Refused("bearer", "expired")
	m.Refused("bearer", "")
	m.Refused("", "no credential")
	empty := regexp.MustCompile(`decision="refuse".*reason=""`)
	if line := empty.FindString(scrape(t, reg, "text/plain")); line != "" {
		t.Errorf("refusal without a reason: %s", line)
	}
}
