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
	roles := []string{roleBackend, roleProxy, roleLoad, rolePinned}
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
		{"everything", []string{"-rounds=1", "-duration=100ms", "-conns=1", "-size=1", "-object=1", "-part=s3", "-json", "-profile=x"}, ""},
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
	for _, role := range []string{roleBackend, roleProxy, roleLoad} {
		if err := run(t.Context(), []string{role, "-unknown"}, strings.NewReader(""), io.Discard, io.Discard); err == nil {
			t.Errorf("%s accepts an unknown flag", role)
		}
	}
}

// The whole benchmark, as short as it can be.
func TestBenchmarkMeasuresEveryRowAndWritesAProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the gateway and takes some seconds")
	}
	profile := filepath.Join(t.TempDir(), "cpu")
	var out, progress bytes.Buffer
	args := []string{"-rounds=1", "-duration=200ms", "-conns=4", "-part=proxy", "-json", "-profile=" + profile}
	if err := run(t.Context(), args, nil, &out, &progress); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Notes []string
		Rows  []struct {
			Name   string
			Rate   float64  `json:"requests_per_second"`
			P99    float64  `json:"p99_us"`
			CPU    *float64 `json:"cpu_us_per_request"`
			Errors uint64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	names := []string{rowBackend, rowProxy, rowCookie, rowSigned, rowBearer}
	if len(got.Rows) != len(names) || len(got.Notes) == 0 {
		t.Fatalf("got %+v", got)
	}
	for i, r := range got.Rows {
		if r.Name != names[i] || r.Rate <= 0 || r.P99 <= 0 || r.Errors != 0 {
			t.Errorf("row %d is %+v", i, r)
		}
	}
	if got.Rows[0].CPU != nil {
		t.Error("processor time of a gateway that is not there")
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	if progress.String() != "round 1 of 1\n" {
		t.Errorf("progress is %q", progress.String())
	}
}
