// Command bench measures a proxied request through tollgate, from socket to
// socket, beside a bare httputil.ReverseProxy and no gateway at all:
//
//	go run ./cmd/tollgate/bench
//
// A second part measures signed S3 requests to a real storage, versitygw, with
// the gateway and without; versitygw is built if it is not there.
//
// Backend, gateways and load are processes of their own on loopback. The rounds
// are interleaved, so that a machine that others use too disturbs all rows
// alike: the ratios can be relied on, the rates are context.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// The parts of the benchmark.
const (
	partProxy = "proxy"
	partS3    = "s3"
	partAll   = "all"
)

// settings are what the flags say.
type settings struct {
	rounds   int
	duration time.Duration
	conns    int
	size     int
	object   int
	part     string
	json     bool
	profile  string
}

func main() {
	// The children end with the thread that started them.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program: the benchmark itself, or one of the processes that it
// makes of itself.
func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case roleBackend:
			return runBackend(ctx, args[1:], out)
		case roleProxy:
			return runReverseProxy(ctx, args[1:], out)
		case roleLoad:
			return runLoad(ctx, args[1:], in, out)
		case rolePinned:
			return runPinned(args[1:])
		}
	}
	s, err := parseSettings(args, progress)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, s.limit())
	defer done()
	r, err := measure(ctx, s, progress)
	if err != nil {
		return err
	}
	if s.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	_, err = io.WriteString(out, r.text())
	return err
}

func parseSettings(args []string, messages io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(messages)
	f.IntVar(&s.rounds, "rounds", 5, "how often each row is measured")
	f.DurationVar(&s.duration, "duration", 4*time.Second, "how long each measurement takes")
	f.IntVar(&s.conns, "conns", 64, "keep-alive connections of the load")
	f.IntVar(&s.size, "size", 1024, "bytes of an answer's body")
	f.IntVar(&s.object, "object", 64<<20, "bytes of a large object in the S3 part")
	f.StringVar(&s.part, "part", partAll, "what is measured: proxy, s3 or all")
	f.BoolVar(&s.json, "json", false, "print JSON instead of the table")
	f.StringVar(&s.profile, "profile", "", "also write a CPU profile of tollgate to this `file`, under the load of a bearer token or, with -part s3, of signed GETs")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return s, s.check()
}

// check holds the settings to their bounds.
func (s settings) check() error {
	for _, bound := range [...]struct {
		flag       string
		value, max int
	}{{"rounds", s.rounds, 1000}, {"conns", s.conns, 10_000}, {"size", s.size, 1 << 30}, {"object", s.object, 1 << 30}} {
		if bound.value < 1 || bound.value > bound.max {
			return fmt.Errorf("-%s was read as %d, accepted is 1 to %d", bound.flag, bound.value, bound.max)
		}
	}
	switch {
	case s.duration < 100*time.Millisecond || s.duration > 10*time.Minute:
		return fmt.Errorf("-duration was read as %s, accepted is 100ms to 10m", s.duration)
	case s.part != partAll && s.part != partProxy && s.part != partS3:
		return fmt.Errorf("-part was read as %q, accepted are proxy, s3 and all", s.part)
	}
	return nil
}

// The bounds of what is not measurement.
const (
	startLimit = 15 * time.Minute // building and starting, the storage too
	cellLimit  = 30 * time.Second // around one measurement
)

// limit is how long the whole run may take.
func (s settings) limit() time.Duration {
	rows := 5 + 2*len(objectKinds(s))
	return startLimit + time.Duration(s.rounds*rows+1)*(2*s.duration+cellLimit)
}

// warmUp is how long the load runs before it counts.
func (s settings) warmUp() time.Duration { return max(s.duration/10, 200*time.Millisecond) }
