package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
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
}

// summary is what comes of the measurements of a row.
type summary struct {
	Name     string  `json:"name"`
	Rate     float64 `json:"requests_per_second"`
	Ratio    float64 `json:"ratio_to_reverse_proxy"` // median of the rounds' ratios
	RatioMin float64 `json:"ratio_min"`
	RatioMax float64 `json:"ratio_max"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	CPU      number  `json:"cpu_us_per_request"`
	CPURatio number  `json:"cpu_ratio_to_reverse_proxy"` // likewise
	CPUMin   number  `json:"cpu_ratio_min"`
	CPUMax   number  `json:"cpu_ratio_max"`
	Busy     number  `json:"busy"`
	Errors   uint64  `json:"errors"`
	Failure  string  `json:"failure,omitempty"` // the first
}

// number is null in JSON and - in the table if it is NaN.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func (n number) text(verb string) string {
	if math.IsNaN(float64(n)) {
		return "-"
	}
	return fmt.Sprintf(verb, float64(n))
}

// span returns a range for the table.
func span(least, greatest number) string {
	if math.IsNaN(float64(least)) {
		return "-"
	}
	return fmt.Sprintf("(%.2f-%.2f)", float64(least), float64(greatest))
}

// report collects measurements.
type report struct {
	Notes []string  `json:"notes"`
	Rows  []summary `json:"rows,omitempty"`
	S3    []objects `json:"s3,omitempty"`

	names []string
	cells map[string][]cell // by row, in the order of the rounds
}

func newReport(s settings, plan corePlan) *report {
	r := &report{
		Notes: []string{
			fmt.Sprintf("%s, %d cores, %s/%s, %s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
			plan.note,
			"cpu: processor time of the gateway for each request; busy: share of a core that it got. Below about 0.9 the load, the storage, or other work on that core, was the limit: rely on cpu",
		},
		names: []string{rowBackend, rowProxy, rowCookie, rowSigned, rowBearer},
		cells: map[string][]cell{},
	}
	if s.part != partS3 {
		r.Notes = append(r.Notes,
			fmt.Sprintf("medians of %d interleaved rounds of %s, %d keep-alive connections, answers of %d bytes, one token", s.rounds, s.duration, s.conns, s.size),
			"ratios: a round's figure by that of "+rowProxy+" in the same round; median (least to greatest)",
			"tollgate writes its access log and counts its metrics; "+rowProxy+" checks, logs and counts nothing",
		)
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

func (r *report) add(name string, c cell) { r.cells[name] = append(r.cells[name], c) }

// summarise makes the rows of what was added.
func (r *report) summarise() {
	r.Rows = nil
	for _, name := range r.names {
		r.Rows = append(r.Rows, summarise(name, r.cells[name], r.cells[rowProxy]))
	}
}

func summarise(name string, cells, proxy []cell) summary {
	each := func(value func(cell) float64) []float64 {
		var all []float64
		for _, c := range cells {
			all = append(all, value(c))
		}
		return all
	}
	ratios := perRound(cells, proxy, func(c cell) float64 { return c.Rate })
	times := perRound(cells, proxy, func(c cell) float64 { return c.CPU })
	s := summary{
		Name:  name,
		Rate:  median(each(func(c cell) float64 { return c.Rate })),
		Ratio: median(ratios), RatioMin: slices.Min(ratios), RatioMax: slices.Max(ratios),
		P50:      median(each(func(c cell) float64 { return c.P50 })),
		P99:      median(each(func(c cell) float64 { return c.P99 })),
		CPU:      number(median(each(func(c cell) float64 { return c.CPU }))),
		CPURatio: number(median(times)), CPUMin: number(slices.Min(times)), CPUMax: number(slices.Max(times)),
		Busy: number(median(each(func(c cell) float64 { return c.Busy }))),
	}
	for _, c := range cells {
		s.Errors += c.Errors
		s.Failure = cmp.Or(s.Failure, c.Failure)
	}
	return s
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

// padded makes the first column begin at the left.
func padded(name string) string { return fmt.Sprintf("%-*s", len(rowProxy), name) }

// text returns the tables and the notes.
func (r *report) text() string {
	var b strings.Builder
	if len(r.Rows) > 0 {
		r.writeRows(&b)
		b.WriteString("\n")
	}
	if len(r.S3) > 0 {
		writeObjects(&b, r.S3)
		b.WriteString("\n")
	}
	b.WriteString(failures(r))
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return b.String()
}

func (r *report) writeRows(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	// Writing to a Builder does not fail.
	_, _ = fmt.Fprintln(w, padded("gateway")+"\treq/s\tratio\t(range)\tp50 ms\tp99 ms\tcpu us/req\tcpu ratio\t(range)\tbusy\terrors\t")
	for _, s := range r.Rows {
		_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%s\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%d\t\n", padded(s.Name), s.Rate,
			s.Ratio, span(number(s.RatioMin), number(s.RatioMax)), s.P50/1000, s.P99/1000,
			s.CPU.text("%.1f"), s.CPURatio.text("%.2f"), span(s.CPUMin, s.CPUMax), s.Busy.text("%.2f"), s.Errors)
	}
	_ = w.Flush()
}
