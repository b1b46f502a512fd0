package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// measure runs the benchmark. With an error the report has what was measured
// before.
func measure(ctx context.Context, s settings, progress io.Writer) (*report, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tollgate-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	plan := planCores()
	result := newReport(s, plan)
	for _, part := range parts() {
		if !s.includes(part.name) {
			continue
		}
		l := &launcher{self: self, dir: filepath.Join(dir, part.name), plan: plan}
		if err = os.Mkdir(l.dir, 0o700); err == nil {
			err = part.measure(l, ctx, s, result, progress)
			l.stop()
		}
		if err != nil {
			return result, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return result, nil
}

// startBackend starts the backend and returns its address.
func (l *launcher) startBackend(ctx context.Context) (string, error) {
	_, address, err := l.startAnnounced(roleBackend, l.command(ctx, l.plan.others, l.self, roleBackend))
	return address, err
}

// verify holds that a row does what it is measured for.
func (r row) verify(ctx context.Context) error {
	if err := expect(ctx, r, answer{http.StatusOK, r.size}); err != nil {
		return fmt.Errorf("the request that is measured: %w", err)
	}
	if r.refuses == nil {
		return nil
	}
	refused := answer{status: http.StatusUnauthorized, length: -1}
	if err := expect(ctx, r.asking(requestBytes(http.MethodGet, "/bucket/1", r.address, "")), refused); err != nil {
		return fmt.Errorf("no credential: %w", err)
	}
	refused.status = cmp.Or(r.refusal, refused.status)
	if err := expect(ctx, r.asking(r.refuses), refused); err != nil {
		return fmt.Errorf("a wrong credential: %w", err)
	}
	return nil
}

// asking is the row with another request, which has no body.
func (r row) asking(request []byte) row {
	r.request, r.body = request, 0
	return r
}

// expect sends the request of a row on a connection of its own.
func expect(ctx context.Context, r row, want answer) error {
	conn, err := ask(ctx, r, want)
	if err != nil {
		return err
	}
	return conn.Close()
}

// ask sends the request of a row and returns the connection once it is
// answered as wanted. A wanted length below zero is any.
func ask(ctx context.Context, r row, want answer) (_ net.Conn, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(cellLimit)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(r.request); err != nil {
		return nil, err
	}
	filler := newFiller()
	for rest := r.body; rest > 0; rest -= int64(len(filler)) {
		if _, err := conn.Write(filler[:min(rest, int64(len(filler)))]); err != nil {
			return nil, err
		}
	}
	return conn, awaitAnswer(conn, want)
}

func awaitAnswer(conn net.Conn, want answer) error {
	var reader answerReader
	for {
		n, err := conn.Read(reader.space())
		if err != nil {
			return err
		}
		got, done, err := reader.take(n)
		if err != nil {
			return err
		}
		if done && (got.status != want.status || want.length >= 0 && got.length != want.length) {
			return fmt.Errorf("status %d with %d bytes, expected was %d", got.status, got.length, want.status)
		}
		if done {
			return nil
		}
	}
}

// inOrder returns the rows in the order of a round: every other one goes
// backwards, so that no row always has the same one before it.
func inOrder(rows []row, number int) []row {
	ordered := slices.Clone(rows)
	if number%2 == 1 {
		slices.Reverse(ordered)
	}
	return ordered
}

// round measures each row of a group once.
func (l *launcher) round(ctx context.Context, s settings, number int, g group) error {
	for _, r := range inOrder(g.rows, number) {
		c, err := l.measure(ctx, s, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		g.table.add(r.name, c)
	}
	return nil
}

// measure measures a row once.
func (l *launcher) measure(ctx context.Context, s settings, r row) (cell, error) {
	if r.sign != nil {
		var err error
		if r.request, err = r.sign(time.Now()); err != nil {
			return cell{}, err
		}
	}
	if _, err := l.load(ctx, r, s.warmUp()); err != nil {
		return cell{}, err
	}
	allocated, err := r.allocations(ctx)
	if err != nil {
		return cell{}, err
	}
	before, cpuErr := r.cpu()
	seen, err := l.load(ctx, r, s.duration)
	if err != nil {
		return cell{}, err
	}
	if seen.Requests == 0 {
		return cell{}, fmt.Errorf("no request succeeded: %s", seen.Failure)
	}
	after, err := r.cpu()
	if err = errors.Join(cpuErr, err); err != nil {
		before, after = 0, 0
	}
	c := newCell(seen, after-before, err)
	c.Wanted = r.rate
	c.Allocations, err = allocated.perRequest(ctx, seen)
	return c, err
}

// cpu returns the processor time of the row's gateway.
func (r row) cpu() (time.Duration, error) {
	if r.gateway == nil {
		return 0, errNoGateway
	}
	return r.gateway.cpu()
}

var errNoGateway = errors.New("there is no gateway")

func newCell(seen loaded, cpu time.Duration, unknown error) cell {
	c := cell{
		Rate: float64(seen.Requests) / seen.Took.Seconds(), P50: micros(seen.P50), P99: micros(seen.P99),
		CPU: math.NaN(), Busy: math.NaN(), Allocations: math.NaN(), Errors: seen.Errors, Failure: seen.Failure,
	}
	if unknown == nil {
		c.CPU = micros(cpu) / float64(seen.Requests+seen.Errors)
		c.Busy = cpu.Seconds() / seen.Took.Seconds()
	}
	return c
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// load runs the load on a row.
func (l *launcher) load(ctx context.Context, r row, length time.Duration, more ...string) (loaded, error) {
	ctx, done := context.WithTimeout(ctx, length+cellLimit)
	defer done()
	args := []string{roleLoad, "-address", r.address, "-conns", strconv.Itoa(r.conns), "-size", strconv.FormatInt(r.size, 10),
		"-body", strconv.FormatInt(r.body, 10), "-rate", strconv.FormatFloat(r.rate, 'f', -1, 64), "-values", r.values,
		"-duration", length.String()}
	out, err := output(roleLoad, l.command(ctx, l.plan.others, l.self, append(args, more...)...), bytes.NewReader(r.request))
	if err != nil {
		return loaded{}, err
	}
	var seen loaded
	if err := json.Unmarshal(out, &seen); err != nil {
		return loaded{}, fmt.Errorf("result of the load: %w", err)
	}
	return seen, nil
}

// profile runs the load of a row while tollgate makes a profile.
func (l *launcher) profile(ctx context.Context, s settings, g *tollgate, r row) error {
	ctx, done := context.WithTimeout(ctx, 2*s.duration+cellLimit)
	defer done()
	profiled := make(chan error, 1)
	go func() { profiled <- g.profile(ctx, s.profile, s.duration) }()
	_, err := l.load(ctx, r, s.duration+s.duration/4)
	return errors.Join(err, <-profiled)
}
