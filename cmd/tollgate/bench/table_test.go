package main

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// measured is a report of two rounds, of which the second was disturbed.
func measured() *report {
	r := newReport(settings{rounds: 2, duration: time.Second, conns: 64, part: partProxy}, corePlan{note: "not pinned: a test"})
	t := newTable("GET", rowProxy, rowBackend, rowProxy, rowCookie, rowSigned, rowBearer)
	r.Tables = []*table{t}
	t.add(rowBackend, newCell(loaded{Requests: 8000, Took: time.Second, P50: time.Millisecond, P99: 2 * time.Millisecond}, 0, errNoGateway))
	t.add(rowBackend, newCell(loaded{Requests: 4000, Took: time.Second, P50: time.Millisecond, P99: 2 * time.Millisecond}, 0, errNoGateway))
	t.add(rowProxy, newCell(loaded{Requests: 2000, Took: time.Second, P50: 4 * time.Millisecond}, 500*time.Millisecond, nil))
	t.add(rowProxy, newCell(loaded{Requests: 1000, Took: time.Second, P50: 8 * time.Millisecond}, 250*time.Millisecond, nil))
	for _, name := range []string{rowCookie, rowSigned, rowBearer} {
		t.add(name, newCell(loaded{Requests: 1000, Took: time.Second}, 500*time.Millisecond, nil))
		t.add(name, newCell(loaded{Requests: 1490, Errors: 10, Failure: "status 401", Took: 2 * time.Second}, 600*time.Millisecond, nil))
	}
	t.summarise()
	return r
}

func TestRatiosAreThoseOfTheSameRound(t *testing.T) {
	t.Parallel()
	rows := measured().Tables[0].Rows
	backend, proxy, token := rows[0], rows[1], rows[2]
	// 8000/2000 and 4000/1000: the disturbance is in both.
	if backend.Ratio != 4 || backend.RatioMin != 4 || backend.RatioMax != 4 || backend.Rate != 6000 {
		t.Errorf("backend: %+v", backend)
	}
	if !math.IsNaN(float64(backend.CPU)) || !math.IsNaN(float64(backend.Busy)) || !math.IsNaN(float64(backend.CPURatio)) {
		t.Errorf("backend has processor time: %+v", backend)
	}
	if proxy.Ratio != 1 || proxy.CPURatio != 1 || proxy.CPU != 250 || proxy.P50 != 6000 {
		t.Errorf("reverse proxy: %+v", proxy)
	}
	if token.RatioMin != 0.5 || token.RatioMax != 0.745 || token.Ratio != (0.5+0.745)/2 {
		t.Errorf("tollgate's ratios: %+v", token)
	}
	if token.CPUMin != 1.6 || token.CPUMax != 2 {
		t.Errorf("tollgate's processor time by round: %+v", token)
	}
	if token.CPU != 450 || token.CPURatio != 1.8 || token.Busy != 0.4 {
		t.Errorf("tollgate's processor time: %+v", token)
	}
	if token.Errors != 10 || token.Failure != "status 401" {
		t.Errorf("tollgate's errors: %+v", token)
	}
}

func TestTableHasAllRowsSideBySide(t *testing.T) {
	t.Parallel()
	lines := strings.Split(measured().text(), "\n")
	want := [][]string{
		{"GET", "req/s", "ratio", "(range)", "p50", "ms", "p99", "ms", "cpu", "us/req", "cpu", "ratio", "(range)", "allocs", "busy", "limit", "errors"},
		{"backend", "alone", "6000", "4.00", "(4.00-4.00)", "1.00", "2.00", "-", "-", "-", "-", "-", limitLoad, "0"},
		{rowProxy, "1500", "1.00", "(1.00-1.00)", "6.00", "0.00", "250.0", "1.00", "(1.00-1.00)", "-", "0.38", limitLoad, "0"},
		{"tollgate,", "cookie", "872", "0.62", "(0.50-0.74)", "0.00", "0.00", "450.0", "1.80", "(1.60-2.00)", "-", "0.40", limitLoad, "10"},
		{"tollgate,", "S3", "signed", "872", "0.62", "(0.50-0.74)", "0.00", "0.00", "450.0", "1.80", "(1.60-2.00)", "-", "0.40", limitLoad, "10"},
		{"tollgate,", "bearer", "872", "0.62", "(0.50-0.74)", "0.00", "0.00", "450.0", "1.80", "(1.60-2.00)", "-", "0.40", limitLoad, "10"},
	}
	for i, fields := range want {
		if got := strings.Fields(lines[i]); !slices.Equal(got, fields) {
			t.Errorf("line %d has %q, want %q", i, got, fields)
		}
		if len(lines[i]) != len(lines[0]) {
			t.Errorf("line %d is %d wide, the first %d", i, len(lines[i]), len(lines[0]))
		}
	}
}

func TestTableSaysWhatTheLimitWas(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name              string
		rate, wanted, use float64
		want              string
	}{
		{"a busy gateway", 100, 0, 0.9, limitGateway},
		{"an idle gateway", 100, 0, 0.89, limitLoad},
		{"no gateway", 100, 0, math.NaN(), limitLoad},
		{"a rate that was kept", 98, 100, 1, limitRate},
		{"a rate that was not", 97, 100, 1, limitBehind},
	}
	for _, row := range rows {
		tab := newTable("x", "a", "a")
		tab.add("a", cell{Rate: row.rate, Wanted: row.wanted, Busy: row.use})
		tab.summarise()
		if got := tab.Rows[0].Limit; got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
	if got := limitOf(summary{}, nil); got != "" {
		t.Errorf("nothing measured: %q", got)
	}
}

func TestTimesTooShortToBeSeenHaveNoRatio(t *testing.T) {
	t.Parallel()
	tab := newTable("x", "a", "a", "b")
	tab.add("a", cell{Rate: 1, CPU: 0})
	tab.add("b", cell{Rate: 1, CPU: 5})
	tab.summarise()
	for _, r := range tab.Rows {
		if text, err := r.CPURatio.MarshalJSON(); err != nil || string(text) != "null" {
			t.Errorf("%s: %s, %v", r.Name, text, err)
		}
	}
	if got := (&report{Tables: []*table{tab}}).text(); strings.Contains(got, "Inf") || strings.Contains(got, "NaN") {
		t.Errorf("got\n%s", got)
	}
}

func TestRateOfARowIsTheMedian(t *testing.T) {
	t.Parallel()
	tab := newTable("x", "a", "a")
	for _, rate := range []float64{5, 1, 3} {
		tab.add("a", cell{Rate: rate})
	}
	if got := tab.rate("a"); got != 3 {
		t.Errorf("got %v", got)
	}
	if got := tab.rate("b"); !math.IsNaN(got) {
		t.Errorf("of a row that is not there: %v", got)
	}
}

func TestMemoryIsPrintedInAllItsParts(t *testing.T) {
	t.Parallel()
	r := &report{Memory: []memory{
		{Name: "nginx", What: "idle connections", Count: 1024, Before: footprint{8 << 20, 1 << 20}, After: footprint{9 << 20, 2 << 20}},
		{Name: "none", What: "idle connections", Before: footprint{1 << 20, 0}, After: footprint{1 << 20, 0}},
	}}
	lines := strings.Split(r.text(), "\n")
	want := [][]string{
		{"memory", "grows", "with", "before", "MiB", "after", "MiB", "of", "it", "files", "KiB", "each"},
		{"nginx", "1024", "idle", "connections", "8.0", "9.0", "2.0", "1.00"},
		{"none", "0", "idle", "connections", "1.0", "1.0", "0.0", "0.00"},
	}
	for i, fields := range want {
		if got := strings.Fields(lines[i]); !slices.Equal(got, fields) {
			t.Errorf("line %d has %q, want %q", i, got, fields)
		}
	}
}
