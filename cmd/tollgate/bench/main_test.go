package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test program be the processes of the benchmark, too.
func TestMain(m *testing.M) {
	roles := []string{roleBackend, roleProxy, roleLoad, roleFill, rolePinned}
	if len(os.Args) < 2 || !slices.Contains(roles, os.Args[1]) {
		// With the race detector each of the processes would wait for a second
		// before it ends.
		if err := os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
		goleak.VerifyTestMain(m)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestSettingsHaveDefaultsAndBounds(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		args []string
		want string // part of the error; empty = accepted
	}{
		{"nothing", nil, ""},
		{"everything", []string{"-rounds=1", "-duration=100ms", "-conns=1", "-size=1", "-object=1", "-upload=1", "-idle=1", "-tokens=1", "-sizes=1,2", "-part=s3", "-json", "-profile=x"}, ""},
		{"no round", []string{"-rounds=0"}, "-rounds was read as 0"},
		{"too many rounds", []string{"-rounds=1001"}, "-rounds was read as 1001"},
		{"a short time", []string{"-duration=99ms"}, "-duration was read as 99ms"},
		{"a long time", []string{"-duration=11m"}, "-duration was read as 11m0s"},
		{"no connection", []string{"-conns=0"}, "-conns was read as 0"},
		{"too many connections", []string{"-conns=10001"}, "-conns was read as 10001"},
		{"no body", []string{"-size=0"}, "-size was read as 0"},
		{"a huge body", []string{"-size=1073741825"}, "-size was read as 1073741825"},
		{"no object", []string{"-object=0"}, "-object was read as 0"},
		{"a huge object", []string{"-object=1073741825"}, "-object was read as 1073741825"},
		{"no upload", []string{"-upload=0"}, "-upload was read as 0"},
		{"no idle connection", []string{"-idle=0"}, "-idle was read as 0"},
		{"no stored token", []string{"-tokens=0"}, "-tokens was read as 0"},
		{"too many stored tokens", []string{"-tokens=100000001"}, "-tokens was read as 100000001"},
		{"no sizes", []string{"-sizes="}, `-sizes was read as ""`},
		{"sizes in words", []string{"-sizes=1,many"}, `-sizes was read as "1,many"`},
		{"a size of nothing", []string{"-sizes=0"}, `-sizes was read as "0"`},
		{"a huge size", []string{"-sizes=1,1073741825"}, `-sizes was read as "1,1073741825"`},
		{"the memory part", []string{"-part=memory"}, ""},
		{"the tokens part", []string{"-part=tokens"}, ""},
		{"no part", []string{"-part="}, `-part was read as ""`},
		{"an unknown part", []string{"-part=S3"}, `-part was read as "S3"`},
		{"an unknown role", []string{"server"}, `unexpected argument "server"`},
		{"an unknown flag", []string{"-x"}, "not defined"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, err := parseSettings(row.args, io.Discard)
			if row.want == "" {
				if err != nil || s.rounds < 1 || s.limit() < time.Minute || s.warmUp() < 200*time.Millisecond {
					t.Fatalf("got %+v and error %v", s, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got error %v, want %q", err, row.want)
			}
		})
	}
}

func TestHelpIsNoFailureOfTheBenchmark(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	err := run(t.Context(), []string{"-h"}, nil, io.Discard, &said)
	if !errors.Is(err, flag.ErrHelp) || !strings.Contains(said.String(), "-rounds") {
		t.Fatalf("got error %v and %q", err, said.String())
	}
}

func TestRolesRefuseFlagsTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	for _, role := range []string{roleBackend, roleProxy, roleLoad, roleFill} {
		if err := run(t.Context(), []string{role, "-unknown"}, strings.NewReader(""), io.Discard, io.Discard); err == nil {
			t.Errorf("%s accepts an unknown flag", role)
		}
	}
}

// printed is what the benchmark prints as JSON.
type printed struct {
	Notes  []string
	Memory []memory
	Tables []struct {
		Name, Reference string
		Rows            []struct {
			Name        string
			Rate        float64  `json:"requests_per_second"`
			P99         float64  `json:"p99_us"`
			CPU         *float64 `json:"cpu_us_per_request"`
			Allocations *float64 `json:"allocations_per_request"`
			Errors      uint64
			Failure     string
		}
	}
}

// benchmark runs parts of it, as short as can be.
func benchmark(t *testing.T, args ...string) (got printed, progress string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the gateway and takes some seconds")
	}
	var out, said bytes.Buffer
	if err := run(t.Context(), append([]string{"-rounds=1", "-duration=100ms", "-conns=4", "-json"}, args...), nil, &out, &said); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	return got, said.String()
}

// hasTable holds that a table has just these rows, and that all of them were
// measured.
func (p printed) hasTable(t *testing.T, at int, name string, rows ...string) {
	t.Helper()
	if at >= len(p.Tables) || !strings.HasPrefix(p.Tables[at].Name, name) || len(p.Tables[at].Rows) != len(rows) {
		t.Fatalf("table %d is not %q with %q: %+v", at, name, rows, p.Tables)
	}
	for i, r := range p.Tables[at].Rows {
		if r.Name != rows[i] || r.Rate <= 0 || r.P99 <= 0 || r.Errors != 0 {
			t.Errorf("%s: row %d is %+v, want %s", name, i, r, rows[i])
		}
		if gateway := r.Name != rowBackend; gateway != (r.CPU != nil) {
			t.Errorf("%s: processor time of %s: %v", name, r.Name, r.CPU)
		}
		if ours := strings.Contains(r.Name, "tollgate") || strings.Contains(r.Name, "stored"); ours != (r.Allocations != nil) {
			t.Errorf("%s: allocations of %s: %v", name, r.Name, r.Allocations)
		}
	}
}

func needsPeers(t *testing.T) {
	t.Helper()
	for _, name := range []string{"nginx", "haproxy"} {
		if _, err := findPeer(name); err != nil {
			t.Fatalf("%v; install.sh installs it", err)
		}
	}
}

// The whole proxy part, with nginx and haproxy, which make test installs.
func TestBenchmarkMeasuresEveryRowAndWritesAProfile(t *testing.T) {
	needsPeers(t)
	profile := filepath.Join(t.TempDir(), "cpu")
	got, progress := benchmark(t, "-part=proxy", "-sizes=1024,65536", "-upload=100000", "-profile="+profile)
	if len(got.Notes) == 0 || len(got.Tables) != 4 {
		t.Fatalf("got %+v", got)
	}
	got.hasTable(t, 0, "GET 1 KiB", rowBackend, rowNginx, rowHaproxy, rowAuthRequest, rowProxy, rowSigned, rowSlow, rowCookie, rowBearer)
	got.hasTable(t, 1, "GET 64 KiB", rowBackend, rowNginx, rowNginxBig, rowHaproxy, rowAuthRequest, rowSlow, rowCookie, rowBearer)
	got.hasTable(t, 2, "PUT 100000 B", rowBackend, rowNginxUnbuffered, rowSlow, rowBearer)
	got.hasTable(t, 3, "GET 1 KiB, ", rowNginx, rowCookie, rowBearer)
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	if progress != "round 1 of 1\neven load: round 1 of 1\n" {
		t.Errorf("progress is %q", progress)
	}
}

func TestBenchmarkMeasuresMemory(t *testing.T) {
	needsPeers(t)
	got, _ := benchmark(t, "-part=memory", "-idle=50")
	if len(got.Memory) != 3 {
		t.Fatalf("got %+v", got)
	}
	for i, name := range []string{rowNginx, rowBearer, rowSlow} {
		if m := got.Memory[i]; m.Name != name || m.Count != 50 || m.Before.Resident <= 0 || m.After.Resident <= 0 {
			t.Errorf("row %d is %+v", i, m)
		}
	}
}

func TestBenchmarkMeasuresStoredTokens(t *testing.T) {
	got, progress := benchmark(t, "-part=tokens", "-tokens=1500")
	if len(got.Tables) != 2 || len(got.Memory) != 2 {
		t.Fatalf("got %+v", got)
	}
	got.hasTable(t, 0, "GET 1 KiB, one", "1000 stored", "1500 stored")
	got.hasTable(t, 1, "GET 1 KiB, tokens", "1000 stored, 1000 used", "1500 stored, 1500 used")
	for i, count := range []int{1000, 1500} {
		if m := got.Memory[i]; m.Count != count || m.Before.Resident <= 0 || m.After.Files <= 0 {
			t.Errorf("row %d is %+v", i, m)
		}
	}
	if progress != "storing 1000 tokens\nstoring 1500 tokens\ntokens: round 1 of 1\n" {
		t.Errorf("progress is %q", progress)
	}
}
