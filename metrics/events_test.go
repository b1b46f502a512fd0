package metrics_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tollgate/metrics"
)

func TestDecisionIsCountedByFormAndReason(t *testing.T) {
	long := strings.Repeat("r", 65)
	for name, c := range map[string]struct {
		event func(m *metrics.Metrics)
		want  string
	}{
		"allowed":                    {func(m *metrics.Metrics) { m.Allowed("bearer") }, `decision="allow",form="bearer",reason=""`},
		"allowed to nobody":          {func(m *metrics.Metrics) { m.Allowed("") }, `decision="allow",form="none",reason=""`},
		"refused":                    {func(m *metrics.Metrics) { m.Refused("sigv4", "expired") }, `decision="refuse",form="sigv4",reason="expired"`},
		"refused to nobody":          {func(m *metrics.Metrics) { m.Refused("", "anonymous") }, `decision="refuse",form="none",reason="anonymous"`},
		"refused for no reason":      {func(m *metrics.Metrics) { m.Refused("basic", "") }, `decision="refuse",form="basic",reason="other"`},
		"a reason with spaces":       {func(m *metrics.Metrics) { m.Refused("basic", "no such user") }, `decision="other",form="other",reason="other"`},
		"a reason that is too long":  {func(m *metrics.Metrics) { m.Refused("basic", long) }, `decision="other",form="other",reason="other"`},
		"a form that is no UTF-8":    {func(m *metrics.Metrics) { m.Allowed("\xff") }, `decision="other",form="other",reason="other"`},
		"a reason in S3's own style": {func(m *metrics.Metrics) { m.Refused("sigv4", "AccessDenied") }, `decision="refuse",form="sigv4",reason="AccessDenied"`},
	} {
		t.Run(name, func(t *testing.T) {
			m, reg := fresh(t)
			c.event(m)
			wantValue(t, reg, "tollgate_decisions_total{"+c.want+"}", "1")
			if n, err := testutil.GatherAndCount(reg, "tollgate_decisions_total"); n != 1 || err != nil {
				t.Errorf("%d series, want 1 (%v)", n, err)
			}
		})
	}
}

func TestSeriesStayBoundedWhateverIsFedIn(t *testing.T) {
	for name, c := range map[string]struct {
		feed  func(m *metrics.Metrics, s string)
		limit int
	}{
		"tollgate_decisions_total":                  {func(m *metrics.Metrics, s string) { m.Refused("bearer", s) }, 1024},
		"tollgate_tokens_issued_total":              {func(m *metrics.Metrics, s string) { m.TokenIssued(s) }, 64},
		"tollgate_tokens_ended_total":               {func(m *metrics.Metrics, s string) { m.TokenEnded(s, s) }, 64},
		"tollgate_password_checks_total":            {func(m *metrics.Metrics, s string) { m.PasswordChecked(s) }, 64},
		"tollgate_transfers_cut_total":              {func(m *metrics.Metrics, s string) { m.TransferCut(s) }, 64},
		"tollgate_store_operation_duration_seconds": {func(m *metrics.Metrics, s string) { m.StoreOperation(s, 1) }, 64},
		"tollgate_store_errors_total":               {func(m *metrics.Metrics, s string) { m.StoreFailed(s, s) }, 64},
		"tollgate_upstream_failures_total":          {func(m *metrics.Metrics, s string) { m.Upstream("storage").Failed(s) }, 64},
		"tollgate_upstream_healthy":                 {func(m *metrics.Metrics, s string) { m.ServerHealthy("storage", s) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m, reg := fresh(t)
			m.SetUpstreams(map[string][]string{"storage": {"http://a"}})
			for i := range 2000 {
				c.feed(m, fmt.Sprintf("w%d", i))
				c.feed(m, "w1")
			}
			n, err := testutil.GatherAndCount(reg, name)
			if err != nil || n > c.limit+1 || n < c.limit {
				t.Errorf("%d series (%v), want %d and the rest", n, err, c.limit)
			}
		})
	}
}

func TestFormsStayBoundedWhateverIsFedIn(t *testing.T) {
	const forms = 3000
	m, reg := fresh(t)
	for i := range forms {
		m.Allowed(fmt.Sprintf("f%d", i))
		m.Allowed(fmt.Sprintf("no form %d", i))
		m.Allowed("f0")
		m.Allowed("")
	}
	n, err := testutil.GatherAndCount(reg, "tollgate_decisions_total")
	if err != nil || n < 1000 || n > 1025 {
		t.Errorf("%d series (%v), want at most 1024 and the rest", n, err)
	}
	wantValue(t, reg, `tollgate_decisions_total{decision="allow",form="f0",reason=""}`, fmt.Sprint(forms+1))
	wantValue(t, reg, `tollgate_decisions_total{decision="allow",form="none",reason=""}`, fmt.Sprint(forms))
	wantValue(t, reg, `tollgate_decisions_total{decision="other",form="other",reason="other"}`, fmt.Sprint(4*forms-(forms+1)-forms-(n-3)))
}

func TestDecidedIsAllowedWithoutAReasonAndElseRefused(t *testing.T) {
	m, reg := fresh(t)
	m.Decided("bearer", "")
	m.Allowed("bearer")
	m.Decided("bearer", "expired")
	m.Refused("bearer", "expired")
	m.Decided("", "anonymous")
	wantValue(t, reg, `tollgate_decisions_total{decision="allow",form="bearer",reason=""}`, "2")
	wantValue(t, reg, `tollgate_decisions_total{decision="refuse",form="bearer",reason="expired"}`, "2")
	wantValue(t, reg, `tollgate_decisions_total{decision="refuse",form="none",reason="anonymous"}`, "1")
}

func TestWhatIsAboveTheLimitIsCountedAsOther(t *testing.T) {
	m, reg := fresh(t)
	for i := range 100 {
		m.TokenIssued(fmt.Sprintf("api%d", i))
	}
	m.TokenIssued("api0")
	wantValue(t, reg, `tollgate_tokens_issued_total{api="api0"}`, "2")
	wantValue(t, reg, `tollgate_tokens_issued_total{api="other"}`, "36")
}

func TestTokensAndTransfersAreCounted(t *testing.T) {
	m, reg := fresh(t)
	m.TokenIssued("user_tokens")
	m.TokenIssued("user_tokens")
	m.TokenEnded("user_tokens", "revoked")
	m.TokenEnded("user_tokens", "expired")
	m.TokenEnded("", "expired")
	m.TransferCut("revoked")
	wantValue(t, reg, `tollgate_tokens_issued_total{api="user_tokens"}`, "2")
	wantValue(t, reg, `tollgate_tokens_ended_total{api="user_tokens",how="revoked"}`, "1")
	wantValue(t, reg, `tollgate_tokens_ended_total{api="user_tokens",how="expired"}`, "1")
	wantValue(t, reg, `tollgate_tokens_ended_total{api="other",how="other"}`, "1")
	wantValue(t, reg, `tollgate_transfers_cut_total{reason="revoked"}`, "1")
}

func TestPasswordResultsAreShownFromTheStart(t *testing.T) {
	m, reg := fresh(t)
	m.PasswordChecked(metrics.PasswordWrong)
	wantText(t, reg, `
# HELP tollgate_password_checks_total Checks of a password, by result.
# TYPE tollgate_password_checks_total counter
tollgate_password_checks_total{result="busy"} 0
tollgate_password_checks_total{result="right"} 0
tollgate_password_checks_total{result="wrong"} 1
`, "tollgate_password_checks_total")
}

func TestStoreOperationsAndFailures(t *testing.T) {
	m, reg := fresh(t)
	m.StoreOperation("by_hash", 3*time.Microsecond)
	m.StoreOperation("put", 3*time.Millisecond)
	m.StoreFailed("put", metrics.StoreFull)
	wantValue(t, reg, `tollgate_store_operation_duration_seconds_bucket{op="by_hash",le="2e-06"}`, "0")
	wantValue(t, reg, `tollgate_store_operation_duration_seconds_bucket{op="by_hash",le="5e-06"}`, "1")
	wantValue(t, reg, `tollgate_store_operation_duration_seconds_sum{op="put"}`, "0.003")
	wantValue(t, reg, `tollgate_store_errors_total{op="put",reason="full"}`, "1")
	wantAbsent(t, reg, `tollgate_store_errors_total{op="by_hash",reason="full"}`)
}

func TestStoreIsAskedOnEachScrape(t *testing.T) {
	m, reg := fresh(t)
	wantAbsent(t, reg, `tollgate_tokens{state="active"}`)

	asked := 0
	m.WatchStore(
		func() (int, int, int) { asked++; return 10 + asked, 2, 3 },
		func() (int64, int64) { return 1 << 20, 1 << 40 })
	wantText(t, reg, `
# HELP tollgate_store_size_bytes Bytes that the token store takes on disk: its sorted tables (lsm) and its value log (vlog).
# TYPE tollgate_store_size_bytes gauge
tollgate_store_size_bytes{part="lsm"} 1.048576e+06
tollgate_store_size_bytes{part="vlog"} 1.099511627776e+12
# HELP tollgate_tokens Tokens in the store, by state.
# TYPE tollgate_tokens gauge
tollgate_tokens{state="active"} 11
tollgate_tokens{state="expired"} 2
tollgate_tokens{state="revoked"} 3
`, "tollgate_tokens", "tollgate_store_size_bytes")
	wantValue(t, reg, `tollgate_tokens{state="active"}`, "12")

	m.WatchStore(func() (int, int, int) { return 0, 0, 7 }, nil)
	wantValue(t, reg, `tollgate_tokens{state="revoked"}`, "7")
	wantAbsent(t, reg, `tollgate_store_size_bytes{part="lsm"}`)

	m.WatchStore(nil, func() (int64, int64) { return 5, 6 })
	wantAbsent(t, reg, `tollgate_tokens{state="revoked"}`)
	wantValue(t, reg, `tollgate_store_size_bytes{part="vlog"}`, "6")

	m.WatchStore(nil, nil)
	wantAbsent(t, reg, `tollgate_store_size_bytes{part="vlog"}`)
}

func TestCacheIsAskedOnEachScrape(t *testing.T) {
	m, reg := fresh(t)
	wantAbsent(t, reg, "tollgate_token_cache_tokens")
	asked := 0
	m.WatchCache(func() metrics.Cache {
		asked++
		return metrics.Cache{Tokens: asked, Bytes: 1000, Misses: 7, Evictions: 8}
	})
	wantValue(t, reg, "tollgate_token_cache_tokens", "1")
	wantValue(t, reg, "tollgate_token_cache_tokens", "2")
	wantValue(t, reg, "tollgate_token_cache_bytes", "1000")
	wantValue(t, reg, "tollgate_token_cache_misses_total", "7")
	wantValue(t, reg, "tollgate_token_cache_evictions_total", "8")
	m.WatchCache(nil)
	wantAbsent(t, reg, "tollgate_token_cache_tokens")
}

func TestReplicaIsAskedOnEachScrape(t *testing.T) {
	m, reg := fresh(t)
	wantAbsent(t, reg, "tollgate_replica_fresh")
	shown := metrics.Replica{Applied: 7, Head: 9, Fresh: true, Staleness: 1500 * time.Millisecond, Diverged: 3, Loads: 2, LastLoaded: 2 * time.Second}
	m.WatchReplica(func() metrics.Replica { return shown })
	for series, want := range map[string]string{
		"applied_revision": "7", "lag_revisions": "2", "fresh": "1", "serving_stale": "0", "staleness_seconds": "1.5",
		"divergence_total": "3", "loads_total": "2", "last_load_seconds": "2",
	} {
		wantValue(t, reg, "tollgate_replica_"+series, want)
	}
	shown = metrics.Replica{Applied: 9, Head: 7, OnCredit: true}
	for series, want := range map[string]string{"lag_revisions": "0", "fresh": "0", "serving_stale": "1"} {
		wantValue(t, reg, "tollgate_replica_"+series, want)
	}
	m.WatchReplica(nil)
	wantAbsent(t, reg, "tollgate_replica_fresh")
}

func TestEngineOperationsAreCountedByHowTheyEnd(t *testing.T) {
	m, reg := fresh(t)
	m.EngineOperation("put", time.Millisecond, nil)
	m.EngineOperation("put", time.Millisecond, io.EOF)
	wantValue(t, reg, `tollgate_engine_operation_duration_seconds_count{op="put"}`, "2")
	wantValue(t, reg, `tollgate_engine_errors_total{op="put"}`, "1")
}

func TestReloadsAreShown(t *testing.T) {
	m, reg := fresh(t)
	state := func(successful, since, success, failure string) {
		t.Helper()
		wantValue(t, reg, "tollgate_config_last_reload_successful", successful)
		wantValue(t, reg, "tollgate_config_last_reload_success_timestamp_seconds", since)
		wantValue(t, reg, `tollgate_config_reloads_total{result="success"}`, success)
		wantValue(t, reg, `tollgate_config_reloads_total{result="failure"}`, failure)
	}
	state("0", "0", "0", "0")
	m.ConfigLoaded(time.Unix(1000, 0))
	state("1", "1000", "0", "0")
	m.ConfigReloadFailed()
	state("0", "1000", "0", "1")
	m.ConfigReloaded(time.Unix(2000, 250e6))
	state("1", "2000.25", "1", "1")
}

func TestCertificateIsShownOnlyWithTLS(t *testing.T) {
	const series = "tollgate_tls_certificate_expiry_timestamp_seconds"
	m, reg := fresh(t)
	wantAbsent(t, reg, series)
	m.CertificateLoaded(time.Unix(5000, 0))
	wantValue(t, reg, series, "5000")
	m.CertificateLoaded(time.Unix(6000, 0))
	wantValue(t, reg, series, "6000")
	m.CertificateLoaded(time.Time{})
	wantAbsent(t, reg, series)
}
