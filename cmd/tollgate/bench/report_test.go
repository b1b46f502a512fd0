package main

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestNotesSayWhatWasMeasuredAndWhatFailed(t *testing.T) {
	t.Parallel()
	got := measured().text()
	for _, want := range []string{
		"- first error of GET, " + rowCookie + ": status 401\n", "- first error of GET, " + rowBearer + ": status 401\n",
		" cores, ", "- not pinned: a test\n", "2 interleaved rounds of 1s, 64 keep-alive connections, for bodies of 1 MiB and more 8", "70 % of what the slowest",
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
	var whole struct {
		Tables []struct{ Rows []map[string]any }
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	got := whole.Tables[0]
	if cpu, has := got.Rows[0]["cpu_us_per_request"]; !has || cpu != nil {
		t.Errorf("backend: %v", got.Rows[0])
	}
	if allocs, has := got.Rows[1]["allocations_per_request"]; !has || allocs != nil {
		t.Errorf("reverse proxy: %v", got.Rows[1])
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

func TestNotesAreThoseOfThePart(t *testing.T) {
	t.Parallel()
	for part, want := range map[string][2]bool{
		partProxy: {true, true}, partTokens: {true, false}, partMemory: {false, false}, partS3: {false, false}, partAll: {true, true},
	} {
		got := strings.Join(newReport(settings{part: part}, corePlan{}).Notes, "\n")
		if has := strings.Contains(got, "interleaved"); has != want[0] {
			t.Errorf("%s: rounds are mentioned: %v", part, has)
		}
		if has := strings.Contains(got, "even rate"); has != want[1] {
			t.Errorf("%s: the even load is mentioned: %v", part, has)
		}
	}
}
