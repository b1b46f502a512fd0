package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTimesOfAProcess(t *testing.T) {
	t.Parallel()
	rest := " S 1 2 3 4 5 6 7 8 9 10 123 77 5 6 20 0"
	rows := []struct {
		name, stat string
		want       time.Duration // 0 = an error
	}{
		{"a plain name", "42 (tollgate)" + rest, 2 * time.Second},
		{"a name with a parenthesis", "42 (a) b (c) d)" + rest, 2 * time.Second},
		{"too few fields", "42 (tollgate) S 1 2 3", 0},
		{"user time in words", "42 (x) S 1 2 3 4 5 6 7 8 9 10 x 77 5", 0},
		{"system time in words", "42 (x) S 1 2 3 4 5 6 7 8 9 10 1 x 5", 0},
		{"nothing", "", 0},
	}
	for _, row := range rows {
		got, err := parseStat([]byte(row.stat))
		if got != row.want || errors.Is(err, errBadStat) != (row.want == 0) {
			t.Errorf("%s: %s, %v, want %s", row.name, got, err, row.want)
		}
	}
}

// oneRound is long enough for a busy machine to answer at least once.
const oneRound = time.Second

func newLauncher(t *testing.T, plan corePlan) *launcher {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := &launcher{self: self, dir: t.TempDir(), plan: plan}
	t.Cleanup(l.stop)
	return l
}

func TestProcessesRunPinnedAndEndWithStop(t *testing.T) {
	t.Parallel()
	plan := planCores()
	if plan.note == "" {
		t.Error("the plan does not say what was done")
	}
	l := newLauncher(t, plan)
	p, address, err := l.startAnnounced(roleBackend, l.gateway(t.Context(), l.self, roleBackend, "-size", "10"))
	if err != nil {
		t.Fatal(err)
	}
	r := way{name: "test", address: address, gateway: p}.get(10)
	s := settings{duration: oneRound}
	if err := r.verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := l.measure(t.Context(), s, r)
	if err != nil || c.Rate <= 0 || c.Errors != 0 {
		t.Errorf("measured %+v, %v", c, err)
	}
	l.stop()
	if p.cmd.ProcessState == nil {
		t.Error("the process was not waited for")
	}
	if err := r.verify(t.Context()); err == nil {
		t.Error("the process still answers")
	}
}

func TestProcessEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, corePlan{})
	ctx, stop := context.WithCancel(t.Context())
	p, _, err := l.startAnnounced(roleBackend, l.command(ctx, nil, l.self, roleBackend))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := p.cmd.Wait(); err == nil {
		t.Error("the process ended by itself")
	}
}

func TestProcessesThatDoNotStartAreErrors(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, corePlan{})
	if _, err := l.start("nothing", l.command(t.Context(), nil, l.dir+"/none")); err == nil {
		t.Error("a program that is not there was started")
	}
	if _, err := output("load", l.command(t.Context(), nil, l.self, roleLoad, "-conns=x"), nil); err == nil || !strings.Contains(err.Error(), "invalid value") {
		t.Errorf("got error %v, want the program's own words", err)
	}
	if _, _, err := l.startAnnounced("pinned", l.command(t.Context(), nil, l.self, rolePinned)); err == nil {
		t.Error("a process that ended at once was taken for started")
	}
}

func TestEnvironmentLeavesOutWhatWouldChangeTheResult(t *testing.T) {
	t.Setenv("TOLLGATE_LISTEN", "x")
	t.Setenv("GOMAXPROCS", "7")
	t.Setenv("BENCH_KEEPS", "1")
	got := environment()
	if slices.Contains(got, "TOLLGATE_LISTEN=x") || slices.Contains(got, "GOMAXPROCS=7") || !slices.Contains(got, "BENCH_KEEPS=1") {
		t.Errorf("got %v", got)
	}
}

func TestReadyLineIsFoundAmongOthers(t *testing.T) {
	t.Parallel()
	const ready = `{"level":"info","msg":"ready","listen":"127.0.0.1:1","internal":"127.0.0.1:2"}`
	rows := []struct{ name, text, public, internal string }{
		{"nothing", "", "", ""},
		{"not yet", `{"msg":"starting"}` + "\n", "", ""},
		{"half a line", ready[:40], "", ""},
		{"after other lines", "plain text\n" + `{"msg":"x","listen":"y"}` + "\n" + ready + "\n", "127.0.0.1:1", "127.0.0.1:2"},
	}
	for _, row := range rows {
		if public, internal := readyLine([]byte(row.text)); public != row.public || internal != row.internal {
			t.Errorf("%s: %q and %q", row.name, public, internal)
		}
	}
}

// gatewayThat answers requests with a token, without one and with a wrong one.
func gatewayThat(t *testing.T, with, without, wrong int) row {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := without
		switch r.Header.Get("Authorization") {
		case "Bearer right":
			status = with
		case "Bearer " + wrongToken:
			status = wrong
		}
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("ok"))
	}))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	return way{name: "test", address: address, carry: bearer("right"), wrong: bearer(wrongToken)}.get(2)
}

func TestOnlyAGatewayThatChecksIsMeasured(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name                 string
		with, without, wrong int
		size                 int64
		want                 string // part of the error; empty = verified
	}{
		{"one that checks", 200, 401, 401, 2, ""},
		{"one that refuses all", 401, 401, 401, 2, "the request that is measured"},
		{"one that answers something else", 200, 401, 401, 3, "the request that is measured"},
		{"one that needs no token", 200, 200, 401, 2, "no credential"},
		{"one that takes any token", 200, 401, 200, 2, "a wrong credential"},
		{"one that forbids", 200, 401, 403, 2, "a wrong credential"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := gatewayThat(t, row.with, row.without, row.wrong)
			r.size = row.size
			err := r.verify(t.Context())
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want)) {
				t.Errorf("got error %v, want %q", err, row.want)
			}
		})
	}
}

func TestRoundsAlternateTheirOrder(t *testing.T) {
	t.Parallel()
	rows := []row{{name: "a"}, {name: "b"}, {name: "c"}}
	for number, want := range []string{"abc", "cba", "abc"} {
		got := ""
		for _, r := range inOrder(rows, number) {
			got += r.name
		}
		if got != want {
			t.Errorf("round %d: %s, want %s", number, got, want)
		}
	}
}

func TestRoundMeasuresEveryRowOnce(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, corePlan{})
	var rows []row
	for _, name := range []string{rowBackend, rowProxy} {
		r := gatewayThat(t, 200, 401, 401)
		r.name = name
		rows = append(rows, r)
	}
	s := settings{duration: oneRound}
	g := newGroup("both", rowProxy, 1, rows...)
	for number := range 2 {
		if err := l.round(t.Context(), s, number, g); err != nil {
			t.Fatal(err)
		}
	}
	if cells := g.table.cells; len(cells[rowBackend]) != 2 || len(cells[rowProxy]) != 2 || rows[0].name != rowBackend {
		t.Errorf("got %+v", g.table.cells)
	}
}

func TestMeasurementWithoutASuccessIsAnError(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, corePlan{})
	s := settings{duration: oneRound}
	_, err := l.measure(t.Context(), s, gatewayThat(t, 503, 401, 401))
	if err == nil || !strings.Contains(err.Error(), "status 503") {
		t.Errorf("got error %v, want the status", err)
	}
}
