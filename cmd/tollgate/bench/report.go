package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
)

// cell is one measurement. CPU and Busy are NaN where there is no gateway or
// its processor time cannot be read.
type cell struct {
	Rate     float64 // requests per second
	P50, P99 float64 // microseconds
	CPU      float64 // microseconds of the gateway for each request
	Busy     float64 // share of a core that the gateway used
	Errors   uint64
	Failure  string

	Wanted      float64 // requests per second that were to be sent; 0 = as many as are answered
	Allocations float64 // objects for each request; NaN = not known
}

// number is null in JSON and - in the table if it is NaN or infinite: not known,
// or divided by what was too little to be seen.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if !n.known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func (n number) known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

func (n number) text(verb string) string {
	if !n.known() {
		return "-"
	}
	return fmt.Sprintf(verb, float64(n))
}

// span returns a range for the table.
func span(least, greatest number) string {
	if !least.known() || !greatest.known() {
		return "-"
	}
	return fmt.Sprintf("(%.2f-%.2f)", float64(least), float64(greatest))
}

// report collects what comes of the parts.
type report struct {
	Notes  []string  `json:"notes"`
	Tables []*table  `json:"tables,omitempty"`
	S3     []objects `json:"s3,omitempty"`
	Memory []memory  `json:"memory,omitempty"`
}

func newReport(s settings, plan corePlan) *report {
	r := &report{Notes: []string{
		fmt.Sprintf("%s, %d cores, %s/%s, %s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		plan.note,
		"cpu: processor time of the gateway for each request; allocs: objects that tollgate allocated for each; busy: share of a core that the gateway got. Where that is below about 0.9, load, backend, or other work on the machine was the limit: rely on cpu",
	}}
	if s.includes(partProxy) || s.includes(partTokens) {
		r.Notes = append(r.Notes,
			fmt.Sprintf("medians of %d interleaved rounds of %s, %d keep-alive connections, for bodies of 1 MiB and more %d; one token where nothing else is said", s.rounds, s.duration, s.conns, min(s.conns, proxiedLargeConns)),
			"ratios: a round's figure by that of the row with ratio 1 in the same round; median (least to greatest)",
			"tollgate writes its access log to a file and counts its metrics; nginx, haproxy and "+rowProxy+" log nothing, and "+rowNginx+" and "+rowProxy+" check nothing",
		)
	}
	if s.includes(partProxy) {
		r.Notes = append(r.Notes, fmt.Sprintf("at an even rate, %.0f %% of what the slowest of these can, times count from when a request was due", 100*evenShare))
	}
	return r
}

// processor returns the name of the machine's processor.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if key, name, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(name)
		}
	}
	return "unknown processor"
}

// perRound divides the values of the same round.
func perRound(cells, by []cell, value func(cell) float64) []float64 {
	var all []float64
	for i := range min(len(cells), len(by)) {
		all = append(all, value(cells[i])/value(by[i]))
	}
	return all
}

// median returns the middle of values, NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// text returns the tables and the notes.
func (r *report) text() string {
	var b strings.Builder
	for _, t := range r.Tables {
		t.write(&b)
		b.WriteString("\n")
	}
	if len(r.S3) > 0 {
		writeObjects(&b, r.S3)
		b.WriteString("\n")
	}
	if len(r.Memory) > 0 {
		writeMemory(&b, r.Memory)
		b.WriteString("\n")
	}
	b.WriteString(failures(r))
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return b.String()
}
