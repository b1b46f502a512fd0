package main

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// measured is a report of two rounds, of which the second was disturbed.
func measured() *report {
	r := newReport(settings{rounds: 2, duration: time.Second, conns: 64, size: 1024}, corePlan{note: "not pinned: a test"})
	r.add(rowBackend, newCell(loaded{Requests: 8000, Took: time.Second, P50: time.Millisecond, P99: 2 * time.Millisecond}, 0, errNoGateway))
	r.add(rowBackend, newCell(loaded{Requests: 4000, Took: time.Second, P50: time.Millisecond, P99: 2 * time.Millisecond}, 0, errNoGateway))
	r.add(rowProxy, newCell(loaded{Requests: 2000, Took: time.Second, P50: 4 * time.Millisecond}, 500*time.Millisecond, nil))
	r.add(rowProxy, newCell(loaded{Requests: 1000, Took: time.Second, P50: 8 * time.Millisecond}, 250*time.Millisecond, nil))
	for _, name := range []string{rowCookie, rowSigned, rowBearer} {
		r.add(name, newCell(loaded{Requests: 1000, Took: time.Second}, 500*time.Millisecond, nil))
		r.add(name, newCell(loaded{Requests: 1490, Errors: 10, Failure: "status 401", Took: 2 * time.Second}, 600*time.Millisecond, nil))
	}
	r.summarise()
	return r
}

func TestRatiosAreThoseOfTheSameRound(t *testing.T) {
	t.Parallel()
	r := measured()
	backend, proxy, token := r.Rows[0], r.Rows[1], r.Rows[2]
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
		{"gateway", "req/s", "ratio", "(range)", "p50", "ms", "p99", "ms", "cpu", "us/req", "cpu", "ratio", "(range)", "busy", "errors"},
		{"backend", "alone", "6000", "4.00", "(4.00-4.00)", "1.00", "2.00", "-", "-", "-", "-", "0"},
		{rowProxy, "1500", "1.00", "(1.00-1.00)", "6.00", "0.00", "250.0", "1.00", "(1.00-1.00)", "0.38", "0"},
		{"tollgate,", "cookie", "872", "0.62", "(0.50-0.74)", "0.00", "0.00", "450.0", "1.80", "(1.60-2.00)", "0.40", "10"},
		{"tollgate,", "S3", "signed", "872", "0.62", "(0.50-0.74)", "0.00", "0.00", "450.0", "1.80", "(1.60-2.00)", "0.40", "10"},
		{"tollgate,", "bearer", "872", "0.62", "(0.50-0.74)", "0.00", "0.00", "450.0", "1.80", "(1.60-2.00)", "0.40", "10"},
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

func TestNotesSayWhatWasMeasuredAndWhatFailed(t *testing.T) {
	t.Parallel()
	got := measured().text()
	for _, want := range []string{
		"- first error of " + rowCookie + ": status 401\n", "- first error of " + rowBearer + ": status 401\n",
		" cores, ", "- not pinned: a test\n", "2 interleaved rounds of 1s, 64 keep-alive connections, answers of 1024 bytes",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swant %q in it", got, want)
		}
	}
}

func TestJSONHasNullForWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(measured())
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Rows []map[string]any }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if cpu, has := got.Rows[0]["cpu_us_per_request"]; !has || cpu != nil {
		t.Errorf("backend: %v", got.Rows[0])
	}
	if got.Rows[1]["cpu_us_per_request"] != 250.0 || got.Rows[2]["failure"] != "status 401" {
		t.Errorf("got %v", got.Rows)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	rows := []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5},
	}
	for _, row := range rows {
		if got := median(row.values); got != row.want {
			t.Errorf("of %v: %v, want %v", row.values, got, row.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("of none: %v", got)
	}
	values := []float64{2, 1}
	if median(values); values[0] != 2 {
		t.Error("the values were sorted in place")
	}
}

func TestUnknownProcessorTimeIsNotZero(t *testing.T) {
	t.Parallel()
	c := newCell(loaded{Requests: 10, Took: time.Second}, time.Second, errors.New("unreadable"))
	if !math.IsNaN(c.CPU) || !math.IsNaN(c.Busy) || c.Rate != 10 {
		t.Errorf("got %+v", c)
	}
}
