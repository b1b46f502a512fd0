// Command bench measures a proxied request through tollgate, from socket to
// socket, beside a bare httputil.ReverseProxy and no gateway at all:
//
//	go run ./cmd/tollgate/bench
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

// settings are what the flags say.
type settings struct {
	rounds   int
	duration time.Duration
	conns    int
	size     int
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
	f.BoolVar(&s.json, "json", false, "print JSON instead of the table")
	f.StringVar(&s.profile, "profile", "", "also write a CPU profile of tollgate under load to this `file`")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case s.rounds < 1 || s.rounds > 1000:
		return s, fmt.Errorf("-rounds was read as %d, accepted is 1 to 1000", s.rounds)
	case s.duration < 100*time.Millisecond || s.duration > 10*time.Minute:
		return s, fmt.Errorf("-duration was read as %s, accepted is 100ms to 10m", s.duration)
	case s.conns < 1 || s.conns > 10_000:
		return s, fmt.Errorf("-conns was read as %d, accepted is 1 to 10000", s.conns)
	case s.size < 1 || s.size > 1<<30:
		return s, fmt.Errorf("-size was read as %d, accepted is 1 to %d", s.size, 1<<30)
	}
	return s, nil
}

// The bounds of what is not measurement.
const (
	startLimit = 5 * time.Minute  // building and starting
	cellLimit  = 10 * time.Second // around one measurement
)

// limit is how long the whole run may take.
func (s settings) limit() time.Duration {
	const rows = 4
	return startLimit + time.Duration(s.rounds*rows+1)*(2*s.duration+cellLimit)
}

// warmUp is how long the load runs before it counts.
func (s settings) warmUp() time.Duration { return max(s.duration/10, 200*time.Millisecond) }
