package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// objects is what comes of the measurements of one kind of request on one way.
type objects struct {
	Request   string  `json:"request"`
	Way       string  `json:"way"`
	Rate      float64 `json:"requests_per_second"`
	Megabytes float64 `json:"megabytes_per_second"`   // of the objects, 10^6 bytes
	Ratio     float64 `json:"ratio_to_storage_alone"` // median of the rounds' ratios
	RatioMin  float64 `json:"ratio_min"`
	RatioMax  float64 `json:"ratio_max"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	CPU       number  `json:"cpu_us_per_request"`
	CPUMin    number  `json:"cpu_us_min"`
	CPUMax    number  `json:"cpu_us_max"`
	Busy      number  `json:"busy"`
	Errors    uint64  `json:"errors"`
	Failure   string  `json:"failure,omitempty"` // the first
}

// objectReport collects the measurements of the S3 part.
type objectReport struct {
	kinds []object
	cells map[string]map[string][]cell // by kind and way, in the order of the rounds
}

func newObjectReport(kinds []object) *objectReport {
	return &objectReport{kinds: kinds, cells: map[string]map[string][]cell{}}
}

func (r *objectReport) add(kind, way string, c cell) {
	if r.cells[kind] == nil {
		r.cells[kind] = map[string][]cell{}
	}
	r.cells[kind][way] = append(r.cells[kind][way], c)
}

// summarise makes a row of every kind and way.
func (r *objectReport) summarise() []objects {
	var all []objects
	for _, o := range r.kinds {
		for _, way := range [...]string{rowStorage, rowGateway} {
			all = append(all, o.summarise(way, r.cells[o.name][way], r.cells[o.name][rowStorage]))
		}
	}
	return all
}

func (o object) summarise(way string, cells, alone []cell) objects {
	ratios := perRound(cells, alone, func(c cell) float64 { return c.Rate })
	times := each(cells, func(c cell) float64 { return c.CPU })
	s := objects{
		Request: o.name, Way: way,
		Rate:  median(each(cells, func(c cell) float64 { return c.Rate })),
		Ratio: median(ratios), RatioMin: slices.Min(ratios), RatioMax: slices.Max(ratios),
		P50: median(each(cells, func(c cell) float64 { return c.P50 })),
		P99: median(each(cells, func(c cell) float64 { return c.P99 })),
		CPU: number(median(times)), CPUMin: number(slices.Min(times)), CPUMax: number(slices.Max(times)),
		Busy: number(median(each(cells, func(c cell) float64 { return c.Busy }))),
	}
	s.Megabytes = s.Rate * float64(o.size) / 1e6
	for _, c := range cells {
		s.Errors += c.Errors
		s.Failure = cmp.Or(s.Failure, c.Failure)
	}
	return s
}

// objectNotes say how the S3 part was measured.
func objectNotes(s settings) []string {
	return []string{
		fmt.Sprintf("S3: medians of %d interleaved rounds of %s to %s %s on files, %d keep-alive connections, for objects of 1 MiB and more %d; each load repeats one request that was signed before, so that the client computes nothing",
			s.rounds, s.duration, storageProgram, storageVersion, s.conns, min(s.conns, largeConns)),
		"S3 ratios: a round's rate by that of " + rowStorage + " in the same round. " + rowStorage + " checks the same signatures and bodies itself; behind tollgate it does so a second time",
	}
}

// writeObjects writes the table.
func writeObjects(out io.Writer, rows []objects) {
	width := len("request")
	for _, r := range rows {
		width = max(width, len(r.Request))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	// Writing to a Builder does not fail.
	_, _ = fmt.Fprintf(w, "%-*s\tway\treq/s\tMB/s\tratio\t(range)\tp50 ms\tp99 ms\tcpu us/req\t(range)\tbusy\terrors\t\n", width, "request")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%-*s\t%s\t%s\t%s\t%.2f\t%s\t%.2f\t%.2f\t%s\t%s\t%s\t%d\t\n", width, r.Request, r.Way,
			threeDigits(r.Rate), threeDigits(r.Megabytes), r.Ratio, span(number(r.RatioMin), number(r.RatioMax)),
			r.P50/1000, r.P99/1000, r.CPU.text("%.1f"), wideSpan(r.CPUMin, r.CPUMax), r.Busy.text("%.2f"), r.Errors)
	}
	_ = w.Flush()
}

// threeDigits keeps what small rates tell.
func threeDigits(v float64) string {
	return fmt.Sprintf("%.*f", max(0, min(2, 2-int(math.Floor(math.Log10(max(v, 1)))))), v)
}

// wideSpan is span for values that need no fraction.
func wideSpan(least, greatest number) string {
	if !least.known() || !greatest.known() {
		return "-"
	}
	return fmt.Sprintf("(%.0f-%.0f)", float64(least), float64(greatest))
}

// failures names the first error of each row that had one.
func failures(r *report) string {
	var b strings.Builder
	for _, t := range r.Tables {
		for _, s := range t.Rows {
			if s.Failure != "" {
				fmt.Fprintf(&b, "- first error of %s, %s: %s\n", t.Name, s.Name, s.Failure)
			}
		}
	}
	for _, s := range r.S3 {
		if s.Failure != "" {
			fmt.Fprintf(&b, "- first error of %s, %s: %s\n", s.Request, s.Way, s.Failure)
		}
	}
	return b.String()
}
