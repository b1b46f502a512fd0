package metrics_test

import (
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tollgate/metrics"
)

// upstreamSeries counts all series that carry an upstream.
func upstreamSeries(t *testing.T, g prometheus.Gatherer) int {
	t.Helper()
	n, err := testutil.GatherAndCount(g, "tollgate_upstream_healthy",
		"tollgate_upstream_request_duration_seconds", "tollgate_upstream_failures_total")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestServerHealthIsShown(t *testing.T) {
	m, reg := fresh(t)
	m.SetUpstreams(map[string][]string{"storage": {"http://a:9000", "http://b:9000"}, "files": {"dir:/srv"}})
	if n := upstreamSeries(t, reg); n != 0 {
		t.Errorf("%d series before the first event, want none: health is not known yet", n)
	}
	m.ServerHealthy("storage", "http://a:9000")
	m.ServerUnhealthy("storage", "http://b:9000")
	m.ServerUnhealthy("files", "dir:/srv")
	m.ServerHealthy("files", "dir:/srv")
	wantText(t, reg, `
# HELP tollgate_upstream_healthy 1 if the server of an upstream is in use, 0 if its health check or its requests failed.
# TYPE tollgate_upstream_healthy gauge
tollgate_upstream_healthy{server="dir:/srv",upstream="files"} 1
tollgate_upstream_healthy{server="http://a:9000",upstream="storage"} 1
tollgate_upstream_healthy{server="http://b:9000",upstream="storage"} 0
`, "tollgate_upstream_healthy")
}

func TestServerIsShownWithoutUserAndPassword(t *testing.T) {
	for name, c := range map[string]struct{ server, want string }{
		"host alone":          {"http://a:9000", "http://a:9000"},
		"user and password":   {"http://joe:secret@a:9000", "http://a:9000"},
		"at in the password":  {"https://joe:s@cret@a/p", "https://a/p"},
		"at in the path":      {"http://a/x@y", "http://a/x@y"},
		"folder":              {"dir:/srv/x@y", "dir:/srv/x@y"},
		"user and whole path": {"http://u:p@a/b/c", "http://a/b/c"},
		"invalid UTF-8":       {"dir:/srv/\xff", "dir:/srv/"},
	} {
		t.Run(name, func(t *testing.T) {
			m, reg := fresh(t)
			m.SetUpstreams(map[string][]string{"s": {c.server}})
			m.ServerHealthy("s", c.server)
			wantValue(t, reg, `tollgate_upstream_healthy{server="`+c.want+`",upstream="s"}`, "1")
			m.SetUpstreams(map[string][]string{"s": nil})
			if n := upstreamSeries(t, reg); n != 0 {
				t.Errorf("%d series left after the server went away", n)
			}
		})
	}
}

func TestAnswersAndFailuresOfUpstreams(t *testing.T) {
	m, reg := fresh(t)
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	m.Upstream("storage").Answered(200, 3*time.Millisecond)
	m.Upstream("storage").Answered(206, 3*time.Millisecond)
	m.Upstream("storage").Answered(503, time.Second)
	m.Upstream("storage").Answered(777, time.Second)
	m.Upstream("storage").Failed("dial")
	m.Upstream("storage").Failed("dial tcp 10.0.0.1:9000: refused")
	wantValue(t, reg, `tollgate_upstream_request_duration_seconds_count{code_class="2xx",upstream="storage"}`, "2")
	wantValue(t, reg, `tollgate_upstream_request_duration_seconds_sum{code_class="2xx",upstream="storage"}`, "0.006")
	wantValue(t, reg, `tollgate_upstream_request_duration_seconds_count{code_class="5xx",upstream="storage"}`, "1")
	wantValue(t, reg, `tollgate_upstream_request_duration_seconds_count{code_class="other",upstream="storage"}`, "1")
	wantValue(t, reg, `tollgate_upstream_failures_total{reason="dial",upstream="storage"}`, "1")
	wantValue(t, reg, `tollgate_upstream_failures_total{reason="other",upstream="storage"}`, "1")
}

func TestEventsByHandleAreThoseByName(t *testing.T) {
	m, reg := fresh(t)
	u := m.Upstream("storage")
	m.SetUpstreams(map[string][]string{"storage": {"a"}, "archive": {"b"}})
	again := m.Upstream("storage")
	for _, status := range []int{200, 206, 304, 503, 777, -1} {
		u.Answered(status, 3*time.Millisecond)
		again.Answered(status, 3*time.Millisecond)
		m.Upstream("storage").Answered(status, 3*time.Millisecond)
	}
	for _, reason := range []string{"dial", "dial tcp 10.0.0.1:9000: refused"} {
		u.Failed(reason)
		again.Failed(reason)
		m.Upstream("storage").Failed(reason)
	}
	for class, want := range map[string]string{"2xx": "6", "3xx": "3", "5xx": "3", "other": "6"} {
		wantValue(t, reg, `tollgate_upstream_request_duration_seconds_count{code_class="`+class+`",upstream="storage"}`, want)
	}
	wantValue(t, reg, `tollgate_upstream_failures_total{reason="dial",upstream="storage"}`, "3")
	wantValue(t, reg, `tollgate_upstream_failures_total{reason="other",upstream="storage"}`, "3")
	if n := upstreamSeries(t, reg); n != 6 {
		t.Errorf("%d series, want 6 and none of the other upstream", n)
	}
}

func TestHandleFollowsTheListOfUpstreams(t *testing.T) {
	m, reg := fresh(t)
	u := m.Upstream("storage")
	const answers = `tollgate_upstream_request_duration_seconds_count{code_class="2xx",upstream="storage"}`
	const failures = `tollgate_upstream_failures_total{reason="dial",upstream="storage"}`
	for _, step := range []struct {
		verdict string
		list    map[string][]string
		want    string // empty = no series
	}{
		{"counts nothing before it is on the list", map[string][]string{"archive": nil}, ""},
		{"counts once it is", map[string][]string{"archive": nil, "storage": nil}, "1"},
		{"goes on after a reload that keeps it", map[string][]string{"storage": {"a"}}, "2"},
		{"goes on after another", map[string][]string{"storage": {"b"}, "new": nil}, "3"},
		{"counts nothing when it is gone", map[string][]string{"new": nil}, ""},
		{"counts nothing when all are gone", nil, ""},
		{"starts afresh when it is back", map[string][]string{"storage": {"a"}}, "1"},
	} {
		m.SetUpstreams(step.list)
		u.Answered(200, time.Millisecond)
		u.Failed("dial")
		if step.want == "" {
			if n := upstreamSeries(t, reg); n != 0 {
				t.Errorf("%s: %d series", step.verdict, n)
			}
			continue
		}
		for _, series := range []string{answers, failures} {
			if got, shown := value(t, reg, series); got != step.want || !shown {
				t.Errorf("%s: %s is %q, want %s", step.verdict, series, got, step.want)
			}
		}
	}
}

func TestHandlesThatAreNoUpstreamCountNothing(t *testing.T) {
	m, reg := fresh(t)
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	for _, u := range []*metrics.Upstream{{}, m.Upstream(""), m.Upstream("Storage"), m.Upstream("\xff")} {
		u.Answered(200, time.Millisecond)
		u.Failed("dial")
	}
	if n := upstreamSeries(t, reg); n != 0 {
		t.Errorf("%d series, want none", n)
	}
}

// touch makes every event of an upstream happen.
func touch(m *metrics.Metrics, upstream, server string) {
	m.ServerHealthy(upstream, server)
	m.Upstream(upstream).Answered(200, time.Millisecond)
	m.Upstream(upstream).Failed("dial")
}

func TestUpstreamsNobodyConfiguredAreNotCounted(t *testing.T) {
	m, reg := fresh(t)
	touch(m, "storage", "a")
	m.SetUpstreams(map[string][]string{"storage": {"a"}})
	touch(m, "elsewhere", "a")
	m.ServerHealthy("storage", "another server")
	if n := upstreamSeries(t, reg); n != 0 {
		t.Errorf("%d series, want none", n)
	}
}

func TestReloadDeletesWhatIsGoneAndKeepsTheRest(t *testing.T) {
	m, reg := fresh(t)
	m.SetUpstreams(map[string][]string{"storage": {"a", "b"}, "old": {"c"}})
	touch(m, "storage", "a")
	touch(m, "storage", "b")
	touch(m, "old", "c")
	if n := upstreamSeries(t, reg); n != 7 {
		t.Fatalf("%d series before the reload, want 7", n)
	}
	m.SetUpstreams(map[string][]string{"storage": {"a", "d"}, "new": {"c"}})
	if n := upstreamSeries(t, reg); n != 3 {
		t.Errorf("%d series after the reload, want 3: those of storage less its server b", n)
	}
	wantAbsent(t, reg, `tollgate_upstream_healthy{server="b",upstream="storage"}`)
	wantValue(t, reg, `tollgate_upstream_healthy{server="a",upstream="storage"}`, "1")
	wantValue(t, reg, `tollgate_upstream_failures_total{reason="dial",upstream="storage"}`, "2")

	touch(m, "old", "c")
	touch(m, "storage", "b")
	wantAbsent(t, reg, `tollgate_upstream_failures_total{reason="dial",upstream="old"}`)
	wantAbsent(t, reg, `tollgate_upstream_healthy{server="b",upstream="storage"}`)
	wantValue(t, reg, `tollgate_upstream_failures_total{reason="dial",upstream="storage"}`, "3")
}

func TestUpstreamThatComesBackStartsAtZero(t *testing.T) {
	m, reg := fresh(t)
	for range 3 {
		m.SetUpstreams(map[string][]string{"storage": {"a"}})
		touch(m, "storage", "a")
		wantValue(t, reg, `tollgate_upstream_failures_total{reason="dial",upstream="storage"}`, "1")
		m.SetUpstreams(nil)
		if n := upstreamSeries(t, reg); n != 0 {
			t.Errorf("%d series after all upstreams went away", n)
		}
	}
}

func TestRequestsDuringReloadsLeaveNoSeriesBehind(t *testing.T) {
	m, reg := fresh(t)
	handle := m.Upstream("storage")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					touch(m, "storage", "a")
					handle.Answered(503, time.Millisecond)
					handle.Failed("reset")
				}
			}
		})
	}
	for range 300 {
		m.SetUpstreams(map[string][]string{"storage": {"a"}})
		m.SetUpstreams(map[string][]string{"other": {"a"}})
	}
	if n := upstreamSeries(t, reg); n != 0 {
		t.Errorf("%d series of an upstream that is gone", n)
	}
	close(stop)
	wg.Wait()
	if n := upstreamSeries(t, reg); n != 0 {
		t.Errorf("%d series of an upstream that is gone, after its last request", n)
	}
}
