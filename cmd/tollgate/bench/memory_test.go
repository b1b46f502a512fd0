package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

func TestMemoryOfAProcess(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, status string
		want         footprint // zero = an error
	}{
		{"among others", "Name:\tx\nVmHWM:\t   99 kB\nVmRSS:\t   12 kB\nRssAnon:\t  8 kB\nRssFile:\t   4 kB\nRssShmem:\t 0 kB\n", footprint{12 << 10, 4 << 10}},
		{"one of both", "VmRSS:\t   12 kB\n", footprint{}},
		{"a process that has ended", "Name:\tx\nState:\tZ (zombie)\n", footprint{}},
		{"in words", "VmRSS:\tmany kB\nRssFile:\t   4 kB\n", footprint{}},
		{"nothing", "", footprint{}},
	}
	for _, row := range rows {
		got, err := parseStatus([]byte(row.status))
		if got != row.want || errors.Is(err, errBadStatus) != (row.want == footprint{}) {
			t.Errorf("%s: %+v, %v, want %+v", row.name, got, err, row.want)
		}
	}
}

func FuzzStatus(f *testing.F) {
	f.Add("VmRSS:\t   12 kB\nRssFile:\t   4 kB\n")
	f.Add("VmRSS:")
	f.Fuzz(func(t *testing.T, status string) {
		if _, err := parseStatus([]byte(status)); err == nil && !strings.Contains(status, "RssFile") {
			t.Fatalf("found in %q", status)
		}
	})
}

// itself is the process of the tests, as one that is measured.
func itself(t *testing.T) *process {
	t.Helper()
	me, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return &process{name: "test", cmd: &exec.Cmd{Process: me}}
}

func TestIdleConnectionsHaveEachMadeARequest(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip(err)
	}
	var asked, refused atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refused.Load() > 0 && asked.Load() >= refused.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		asked.Add(1)
		_, _ = w.Write(make([]byte, 1024))
	}))
	t.Cleanup(server.Close)
	w := way{name: "test", address: server.Listener.Addr().String(), gateway: itself(t)}
	m, err := w.withIdle(t.Context(), 20)
	if err != nil || asked.Load() != 21 {
		t.Fatalf("%d requests, %v", asked.Load(), err)
	}
	if m.Name != "test" || m.Count != 20 || m.Before.Resident <= 0 || m.After.Resident <= 0 {
		t.Errorf("got %+v", m)
	}
	asked.Store(0)
	refused.Store(5)
	if _, err := w.withIdle(t.Context(), 20); err == nil || !strings.Contains(err.Error(), "connection 5 ") {
		t.Errorf("a gateway that takes 4: %v", err)
	}
}
