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
	"slices"
	"strconv"
	"time"
)

// row is a way to the backend.
type row struct {
	name    string
	address string
	request []byte
	gateway *process // nil = there is none
	refuses []byte   // a request that must be refused; nil = none is
	refusal int      // the status of that; 0 = 401

	// sign makes the request anew, which is good for some minutes only; nil =
	// it stays good.
	sign func(now time.Time) ([]byte, error)
}

// The names of the rows.
const (
	rowBackend = "backend alone"
	rowProxy   = "httputil.ReverseProxy"
	rowCookie  = "tollgate, cookie"
	rowBearer  = "tollgate, bearer"
	rowSigned  = "tollgate, S3 signed" // and signed anew for the backend
)

// wrongToken has the form of a token.
const wrongToken = "00000000000000000000000000000000" // #nosec G101 -- nobody has it

// measure runs the benchmark.
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
	l := &launcher{self: self, dir: dir, plan: planCores()}
	defer l.stop()
	result := newReport(s, l.plan)
	if s.part != partS3 {
		if err := l.measureProxy(ctx, s, result, progress); err != nil {
			return nil, err
		}
		l.stop()
	}
	if s.part != partProxy {
		if err := l.measureS3(ctx, s, result, progress); err != nil {
			return nil, fmt.Errorf("s3: %w", err)
		}
	}
	return result, nil
}

// measureProxy measures proxied requests that carry a token.
func (l *launcher) measureProxy(ctx context.Context, s settings, result *report, progress io.Writer) error {
	g, rows, err := startAll(ctx, l, s)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := r.verify(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	for round := range s.rounds {
		if _, err := fmt.Fprintf(progress, "round %d of %d\n", round+1, s.rounds); err != nil {
			return err
		}
		if err := l.round(ctx, s, round, rows, result); err != nil {
			return err
		}
	}
	if s.profile != "" {
		err = l.profile(ctx, s, g, rows[len(rows)-1])
	}
	result.summarise()
	return err
}

// startAll starts backend and gateways. They stay for all rounds: a gateway
// that gets no requests takes no time.
func startAll(ctx context.Context, l *launcher, s settings) (*tollgate, []row, error) {
	_, backend, err := l.startAnnounced(roleBackend,
		l.command(ctx, l.plan.others, l.self, roleBackend, "-size", strconv.Itoa(s.size)))
	if err != nil {
		return nil, nil, err
	}
	proxy, proxyAddress, err := l.startAnnounced(roleProxy, l.gateway(ctx, l.self, roleProxy, "-target", "http://"+backend))
	if err != nil {
		return nil, nil, err
	}
	g, err := startTollgate(ctx, l, gatewayOf{name: partProxy, upstream: fmt.Sprintf(`urls: ["http://%s"], max_idle_connections: 10000`, backend)})
	if err != nil {
		return nil, nil, err
	}
	signed, err := startSigned(ctx, l, s, backend)
	if err != nil {
		return nil, nil, err
	}
	through := func(name string, carry func(token string) string) row {
		return row{
			name: name, address: g.address, gateway: g.process,
			request: requestBytes(g.address, carry(g.token)),
			refuses: requestBytes(g.address, carry(wrongToken)),
		}
	}
	return g, []row{
		{name: rowBackend, address: backend, request: requestBytes(backend, "")},
		{name: rowProxy, address: proxyAddress, request: requestBytes(proxyAddress, ""), gateway: proxy},
		through(rowCookie, cookie),
		signed,
		through(rowBearer, bearer),
	}, nil
}

// startSigned starts the gateway that takes the backend for an S3 storage: it
// checks a signature and makes one.
func startSigned(ctx context.Context, l *launcher, s settings, backend string) (row, error) {
	g, err := startStorageGateway(ctx, l, "signed", backend)
	if err != nil {
		return row{}, err
	}
	at := g.site()
	o := object{method: http.MethodGet, key: "object", size: s.size}
	r := row{
		name: rowSigned, address: g.address, gateway: g.process, refusal: http.StatusForbidden,
		sign: func(now time.Time) ([]byte, error) { return o.request(at.signer, at.address, now) },
	}
	if r.request, err = r.sign(time.Now()); err != nil {
		return row{}, err
	}
	r.refuses, err = o.request(signerOf(at.signer.AccessKey, wrongToken), at.address, time.Now())
	return r, err
}

// verify holds that a row does what it is measured for.
func (r row) verify(ctx context.Context, s settings) error {
	if err := expect(ctx, r.address, r.request, answer{http.StatusOK, int64(s.size)}); err != nil {
		return fmt.Errorf("the request that is measured: %w", err)
	}
	if r.refuses == nil {
		return nil
	}
	refused := answer{status: http.StatusUnauthorized, length: -1}
	if err := expect(ctx, r.address, requestBytes(r.address, ""), refused); err != nil {
		return fmt.Errorf("no credential: %w", err)
	}
	refused.status = cmp.Or(r.refusal, refused.status)
	if err := expect(ctx, r.address, r.refuses, refused); err != nil {
		return fmt.Errorf("a wrong credential: %w", err)
	}
	return nil
}

// expect sends a request on a connection of its own. A wanted length below
// zero is any.
func expect(ctx context.Context, address string, request []byte, want answer) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(cellLimit)); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
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

// round measures each row once.
func (l *launcher) round(ctx context.Context, s settings, number int, rows []row, result *report) error {
	for _, r := range inOrder(rows, number) {
		c, err := l.measure(ctx, s, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		result.add(r.name, c)
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
	if _, err := l.load(ctx, s, r, s.warmUp()); err != nil {
		return cell{}, err
	}
	before, cpuErr := r.cpu()
	seen, err := l.load(ctx, s, r, s.duration)
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
	return newCell(seen, after-before, err), nil
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
		CPU: math.NaN(), Busy: math.NaN(), Errors: seen.Errors, Failure: seen.Failure,
	}
	if unknown == nil {
		c.CPU = micros(cpu) / float64(seen.Requests+seen.Errors)
		c.Busy = cpu.Seconds() / seen.Took.Seconds()
	}
	return c
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// load runs the load on a row.
func (l *launcher) load(ctx context.Context, s settings, r row, length time.Duration) (loaded, error) {
	ctx, done := context.WithTimeout(ctx, length+cellLimit)
	defer done()
	out, err := output(roleLoad, l.command(ctx, l.plan.others, l.self, roleLoad, "-address", r.address,
		"-conns", strconv.Itoa(s.conns), "-size", strconv.Itoa(s.size), "-duration", length.String()), bytes.NewReader(r.request))
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
	_, err := l.load(ctx, s, r, s.duration+s.duration/4)
	return errors.Join(err, <-profiled)
}
