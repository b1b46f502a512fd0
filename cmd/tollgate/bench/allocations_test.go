package main

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSamplesAreFoundAmongOthers(t *testing.T) {
	t.Parallel()
	const name = "go_memstats_mallocs_total"
	rows := []struct {
		name, text string
		want       float64 // below zero = an error
	}{
		{"alone", name + " 12\n", 12},
		{"with an exponent", "# HELP " + name + " x\n# TYPE " + name + " counter\nother 1\n" + name + " 1.5e+06\nlast 2\n", 1.5e6},
		{"with a time", name + " 7 1395066363000\n", 7},
		{"without an end", name + " 3", 3},
		{"in words", name + " many\n", -1},
		{"with labels", name + "{a=\"b\"} 1\n", -1},
		{"a longer name", name + "_x 1\n", -1},
		{"nothing", "", -1},
	}
	for _, row := range rows {
		got, err := sample([]byte(row.text), name)
		if (err != nil) != (row.want < 0) || err == nil && got != row.want {
			t.Errorf("%s: %v, %v, want %v", row.name, got, err, row.want)
		}
	}
	if _, err := sample(nil, name); !errors.Is(err, errNoSample) {
		t.Errorf("got %v", err)
	}
}

func FuzzSample(f *testing.F) {
	f.Add("x 1\nname 2 3\n")
	f.Add("name nan")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := sample([]byte(text), "name"); err == nil && !strings.Contains(text, "name ") {
			t.Fatalf("found in %q", text)
		}
	})
}

func TestAllocationsAreThoseOfTheRequestsAlone(t *testing.T) {
	t.Parallel()
	count, status := 1000, http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = fmt.Fprintf(w, "go_memstats_mallocs_total %d\n", count)
		}
		count += 30 // what being asked costs
	}))
	t.Cleanup(server.Close)
	r := row{internal: server.Listener.Addr().String()}
	before, err := r.allocations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	count += 200
	if got, err := before.perRequest(t.Context(), loaded{Requests: 9, Errors: 1}); err != nil || got != 20 {
		t.Errorf("got %v, %v, want 20", got, err)
	}
	status = http.StatusNotFound
	if _, err := r.allocations(t.Context()); err == nil {
		t.Error("no metrics are no error")
	}
	if _, err := before.perRequest(t.Context(), loaded{Requests: 1}); err == nil {
		t.Error("no metrics any more are no error")
	}
}

func TestAllocationsOfOthersAreNotKnown(t *testing.T) {
	t.Parallel()
	before, err := row{}.allocations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := before.perRequest(t.Context(), loaded{Requests: 1}); err != nil || !math.IsNaN(got) {
		t.Errorf("got %v, %v", got, err)
	}
}
