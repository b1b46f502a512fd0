package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
)

// allocations is how many objects a gateway had allocated when it was asked.
type allocations struct {
	internal string  // where it is asked; empty = it cannot be
	count    float64 // so far
	asking   float64 // by being asked
}

// allocations asks the gateway of a row, twice: being asked allocates, too.
func (r row) allocations(ctx context.Context) (allocations, error) {
	a := allocations{internal: r.internal}
	if a.internal == "" {
		return a, nil
	}
	first, err := mallocs(ctx, a.internal)
	if err != nil {
		return a, err
	}
	a.count, err = mallocs(ctx, a.internal)
	a.asking = a.count - first
	return a, err
}

// perRequest is how many objects each request has cost since then, those of
// the connections among them; NaN = not known.
func (a allocations) perRequest(ctx context.Context, seen loaded) (float64, error) {
	if a.internal == "" {
		return math.NaN(), nil
	}
	now, err := mallocs(ctx, a.internal)
	if err != nil {
		return 0, err
	}
	return max(now-a.count-a.asking, 0) / float64(seen.Requests+seen.Errors), nil
}

// mallocs reads the counter of a gateway's metrics.
func mallocs(ctx context.Context, internal string) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+internal+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, fmt.Errorf("metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, fmt.Errorf("metrics: %w", err)
	}
	return sample(text, "go_memstats_mallocs_total")
}

var errNoSample = errors.New("not among the metrics")

// sample finds a metric without labels in the text format of Prometheus.
func sample(text []byte, name string) (float64, error) {
	for line := range bytes.Lines(text) {
		value, ok := bytes.CutPrefix(line, []byte(name+" "))
		if !ok {
			continue
		}
		value, _, _ = bytes.Cut(bytes.TrimSpace(value), []byte(" ")) // a time may follow
		v, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		return v, nil
	}
	return 0, fmt.Errorf("%s: %w", name, errNoSample)
}
