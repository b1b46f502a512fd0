package main

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// measuredObjects is a report of two rounds of two kinds.
func measuredObjects() *report {
	kinds := objectKinds(settings{size: 1024, object: 64 << 20})[:2]
	c := newObjectReport(kinds)
	alone := func(requests uint64) cell {
		return newCell(loaded{Requests: requests, Took: time.Second, P50: time.Millisecond, P99: 2 * time.Millisecond}, 0, errNoGateway)
	}
	through := func(requests uint64, cpu time.Duration) cell {
		return newCell(loaded{Requests: requests, Took: time.Second, P50: 2 * time.Millisecond, P99: 3 * time.Millisecond}, cpu, nil)
	}
	small, large := kinds[0].name, kinds[1].name
	c.add(small, rowStorage, alone(8000))
	c.add(small, rowGateway, through(4000, 400*time.Millisecond))
	c.add(small, rowGateway, through(3000, 600*time.Millisecond))
	c.add(small, rowStorage, alone(4000)) // the second round, gateway first, disturbed
	for range 2 {
		c.add(large, rowStorage, alone(10))
		c.add(large, rowGateway, newCell(loaded{Requests: 5, Errors: 1, Failure: "status 503", Took: time.Second}, 600*time.Millisecond, nil))
	}
	r := &report{Notes: []string{"a note"}, S3: c.summarise()}
	return r
}

func TestObjectsAreComparedWithTheStorageInTheSameRound(t *testing.T) {
	t.Parallel()
	r := measuredObjects()
	if len(r.S3) != 4 {
		t.Fatalf("got %d rows", len(r.S3))
	}
	alone, through, large := r.S3[0], r.S3[1], r.S3[3]
	if alone.Request != "GET 1 KiB" || alone.Way != rowStorage || alone.Rate != 6000 || alone.Ratio != 1 {
		t.Errorf("storage alone: %+v", alone)
	}
	if !math.IsNaN(float64(alone.CPU)) || !math.IsNaN(float64(alone.Busy)) || !math.IsNaN(float64(alone.CPUMin)) {
		t.Errorf("storage alone has a gateway's time: %+v", alone)
	}
	if through.Way != rowGateway || through.RatioMin != 0.5 || through.RatioMax != 0.75 || through.Ratio != 0.625 {
		t.Errorf("tollgate's ratios: %+v", through)
	}
	if through.CPUMin != 100 || through.CPUMax != 200 || through.CPU != 150 || through.Busy != 0.5 {
		t.Errorf("tollgate's time: %+v", through)
	}
	if through.Megabytes != 3500*1024/1e6 {
		t.Errorf("tollgate's rate: %+v", through)
	}
	if large.Request != "GET 64 MiB" || large.Megabytes != 5*float64(64<<20)/1e6 || large.Errors != 2 || large.Failure != "status 503" || large.CPU != 100_000 {
		t.Errorf("large: %+v", large)
	}
}

func TestObjectsTableHasTheWaysSideBySide(t *testing.T) {
	t.Parallel()
	text := measuredObjects().text()
	lines := strings.Split(text, "\n")
	want := [][]string{
		{"request", "way", "req/s", "MB/s", "ratio", "(range)", "p50", "ms", "p99", "ms", "cpu", "us/req", "(range)", "busy", "errors"},
		{"GET", "1", "KiB", "storage", "alone", "6000", "6.14", "1.00", "(1.00-1.00)", "1.00", "2.00", "-", "-", "-", "0"},
		{"GET", "1", "KiB", "tollgate", "3500", "3.58", "0.62", "(0.50-0.75)", "2.00", "3.00", "150.0", "(100-200)", "0.50", "0"},
		{"GET", "64", "MiB", "storage", "alone", "10.0", "671", "1.00", "(1.00-1.00)", "1.00", "2.00", "-", "-", "-", "0"},
		{"GET", "64", "MiB", "tollgate", "5.00", "336", "0.50", "(0.50-0.50)", "0.00", "0.00", "100000.0", "(100000-100000)", "0.60", "2"},
	}
	for i, fields := range want {
		if got := strings.Fields(lines[i]); !slices.Equal(got, fields) {
			t.Errorf("line %d has %q, want %q", i, got, fields)
		}
		if len(lines[i]) != len(lines[0]) {
			t.Errorf("line %d is %d wide, the first %d", i, len(lines[i]), len(lines[0]))
		}
	}
	if !strings.HasSuffix(text, "\n\n- first error of GET 64 MiB, tollgate: status 503\n- a note\n") {
		t.Errorf("got\n%s", text)
	}
	if strings.Contains(text, "limit") || strings.Contains(text, rowProxy) {
		t.Errorf("a table without rows is printed:\n%s", text)
	}
}

func TestObjectsInJSONHaveNullForWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(measuredObjects())
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		Rows []any
		S3   []map[string]any
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	if len(whole.Rows) != 0 || len(whole.S3) != 4 {
		t.Fatalf("got %s", text)
	}
	if cpu, has := whole.S3[0]["cpu_us_per_request"]; !has || cpu != nil {
		t.Errorf("storage alone: %v", whole.S3[0])
	}
	if whole.S3[3]["failure"] != "status 503" || whole.S3[3]["way"] != rowGateway {
		t.Errorf("tollgate: %v", whole.S3[3])
	}
}

func TestRatesKeepThreeDigits(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0.00", 0.12: "0.12", 1.234: "1.23", 12.34: "12.3", 99.94: "99.9", 123.4: "123", 12345: "12345",
	} {
		if got := threeDigits(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestObjectNotesSayWhatWasMeasured(t *testing.T) {
	t.Parallel()
	got := strings.Join(objectNotes(settings{rounds: 3, duration: time.Second, conns: 64}), "\n")
	for _, want := range []string{"3 interleaved rounds of 1s", storageProgram + " " + storageVersion, "64 keep-alive connections", "1 MiB and more 2;"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
	if got := objectNotes(settings{conns: 1})[0]; !strings.Contains(got, "1 MiB and more 1;") {
		t.Errorf("one connection: %s", got)
	}
}
