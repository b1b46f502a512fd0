package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// summary is what comes of the measurements of a row.
type summary struct {
	Name        string  `json:"name"`
	Rate        float64 `json:"requests_per_second"`
	Ratio       float64 `json:"ratio"` // to the table's reference: median of the rounds' ratios
	RatioMin    float64 `json:"ratio_min"`
	RatioMax    float64 `json:"ratio_max"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	CPU         number  `json:"cpu_us_per_request"`
	CPURatio    number  `json:"cpu_ratio"` // likewise
	CPUMin      number  `json:"cpu_ratio_min"`
	CPUMax      number  `json:"cpu_ratio_max"`
	Allocations number  `json:"allocations_per_request"`
	Busy        number  `json:"busy"`
	Limit       string  `json:"limit"`
	Errors      uint64  `json:"errors"`
	Failure     string  `json:"failure,omitempty"` // the first
}

// table collects the measurements of a group.
type table struct {
	Name      string    `json:"name"`
	Reference string    `json:"reference"` // the row that the others are measured by
	Rows      []summary `json:"rows"`

	names []string
	cells map[string][]cell // by row, in the order of the rounds
}

func newTable(name, reference string, rows ...string) *table {
	return &table{Name: name, Reference: reference, names: rows, cells: map[string][]cell{}}
}

func (t *table) add(row string, c cell) { t.cells[row] = append(t.cells[row], c) }

// rate is the median of a row's rates.
func (t *table) rate(row string) float64 {
	return median(each(t.cells[row], func(c cell) float64 { return c.Rate }))
}

// summarise makes the rows of what was added.
func (t *table) summarise() {
	t.Rows = nil
	for _, name := range t.names {
		t.Rows = append(t.Rows, summarise(name, t.cells[name], t.cells[t.Reference]))
	}
}

func each(cells []cell, value func(cell) float64) []float64 {
	all := make([]float64, 0, len(cells))
	for _, c := range cells {
		all = append(all, value(c))
	}
	return all
}

func summarise(name string, cells, reference []cell) summary {
	ratios := perRound(cells, reference, func(c cell) float64 { return c.Rate })
	times := perRound(cells, reference, func(c cell) float64 { return c.CPU })
	s := summary{
		Name:  name,
		Rate:  median(each(cells, func(c cell) float64 { return c.Rate })),
		Ratio: median(ratios), RatioMin: slices.Min(ratios), RatioMax: slices.Max(ratios),
		P50:      median(each(cells, func(c cell) float64 { return c.P50 })),
		P99:      median(each(cells, func(c cell) float64 { return c.P99 })),
		CPU:      number(median(each(cells, func(c cell) float64 { return c.CPU }))),
		CPURatio: number(median(times)), CPUMin: number(slices.Min(times)), CPUMax: number(slices.Max(times)),
		Allocations: number(median(each(cells, func(c cell) float64 { return c.Allocations }))),
		Busy:        number(median(each(cells, func(c cell) float64 { return c.Busy }))),
	}
	for _, c := range cells {
		s.Errors += c.Errors
		s.Failure = cmp.Or(s.Failure, c.Failure)
	}
	s.Limit = limitOf(s, cells)
	return s
}

// What limited the rate of a row.
const (
	limitGateway = "gateway"
	limitLoad    = "load" // the core of load and backend
	limitRate    = "rate" // that was wanted
	limitBehind  = "behind"
)

// enoughBusy is the share of its core from which on a gateway is the limit.
const enoughBusy = 0.9

// limitOf tells what limited the rate: limitBehind if less was answered than
// was to be sent.
func limitOf(s summary, cells []cell) string {
	if len(cells) == 0 {
		return ""
	}
	const kept = 0.98
	wanted := cells[0].Wanted
	switch {
	case wanted > 0 && s.Rate < kept*wanted:
		return limitBehind
	case wanted > 0:
		return limitRate
	case s.Busy >= enoughBusy:
		return limitGateway
	default: // no gateway among them
		return limitLoad
	}
}

// write writes the table. Its name is the head of the first column, which
// begins at the left.
func (t *table) write(out io.Writer) {
	width := len(t.Name)
	for _, s := range t.Rows {
		width = max(width, len(s.Name))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	// Writing to a Builder does not fail.
	_, _ = fmt.Fprintf(w, "%-*s\treq/s\tratio\t(range)\tp50 ms\tp99 ms\tcpu us/req\tcpu ratio\t(range)\tallocs\tbusy\tlimit\terrors\t\n", width, t.Name)
	for _, s := range t.Rows {
		_, _ = fmt.Fprintf(w, "%-*s\t%s\t%.2f\t%s\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", width, s.Name, threeDigits(s.Rate),
			s.Ratio, span(number(s.RatioMin), number(s.RatioMax)), s.P50/1000, s.P99/1000,
			s.CPU.text("%.1f"), s.CPURatio.text("%.2f"), span(s.CPUMin, s.CPUMax), s.Allocations.text("%.1f"), s.Busy.text("%.2f"), s.Limit, s.Errors)
	}
	_ = w.Flush()
}

// writeMemory writes how memory grows.
func writeMemory(out io.Writer, rows []memory) {
	const mib = 1 << 20
	width := 0
	for _, m := range rows {
		width = max(width, len(m.Name))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "%-*s\tgrows with\t\tbefore MiB\tafter MiB\tof it files\tKiB each\t\n", width, "memory")
	for _, m := range rows {
		_, _ = fmt.Fprintf(w, "%-*s\t%d\t%s\t%.1f\t%.1f\t%.1f\t%.2f\t\n", width, m.Name, m.Count, m.What,
			float64(m.Before.Resident)/mib, float64(m.After.Resident)/mib, float64(m.After.Files)/mib, m.each()/1024)
	}
	_ = w.Flush()
}

// each is how many bytes each of what the memory grew with took.
func (m memory) each() float64 {
	return float64(m.After.Resident-m.Before.Resident) / math.Max(float64(m.Count), 1)
}
