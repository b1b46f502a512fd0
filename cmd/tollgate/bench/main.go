// Command bench measures a proxied request through tollgate, from socket to
// socket, beside nginx and haproxy, a bare httputil.ReverseProxy and no gateway
// at all:
//
//	go run ./cmd/tollgate/bench
//
// nginx and haproxy must be installed: install.sh does that. The parts:
//
//   - proxy: requests with a token for bodies of several sizes, and uploads, as
//     many as can be; then as many on each gateway, for the times of answers.
//   - s3: signed requests to a real storage, versitygw, with the gateway and
//     without; versitygw is built if it is not there.
//   - memory: what idle connections take.
//   - tokens: few stored tokens beside many.
//
// Backend, gateways and load are processes of their own on loopback. The rounds
// are interleaved, so that a machine that others use too disturbs all rows
// alike: the ratios can be relied on, the rates are context. The gateways have
// a core of their own. Load and backend share the others, are one thread each,
// and throw long bodies away inside the kernel, so that the gateway is what
// limits; where it was not, the table says so.
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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The parts of the benchmark.
const (
	partProxy  = "proxy"
	partS3     = "s3"
	partMemory = "memory"
	partTokens = "tokens"
	partAll    = "all"
)

// part is a part of the benchmark.
type part struct {
	name    string
	measure func(l *launcher, ctx context.Context, s settings, result *report, progress io.Writer) error
}

// parts are all parts in their order.
func parts() []part {
	return []part{
		{partProxy, (*launcher).measureProxy},
		{partS3, (*launcher).measureS3},
		{partMemory, (*launcher).measureMemory},
		{partTokens, (*launcher).measureTokens},
	}
}

func (s settings) includes(part string) bool { return s.part == partAll || s.part == part }

// settings are what the flags say.
type settings struct {
	rounds   int
	duration time.Duration
	conns    int
	size     int
	sizes    []int
	upload   int
	object   int
	idle     int
	tokens   int
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
			spareProcessor()
			return runBackend(ctx, args[1:], out)
		case roleProxy:
			return runReverseProxy(ctx, args[1:], out)
		case roleLoad:
			spareProcessor()
			return runLoad(ctx, args[1:], in, out)
		case roleFill:
			return runFill(ctx, args[1:])
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
	r, failed := measure(ctx, s, progress)
	if r == nil {
		return failed
	}
	if s.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return errors.Join(failed, enc.Encode(r))
	}
	_, err = io.WriteString(out, r.text())
	return errors.Join(failed, err)
}

// spareProcessor keeps Go from taking the processor away from a thread that is
// in the kernel, where it is most of the time: with one processor alone it
// would look for such threads all the time.
func spareProcessor() { runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 2)) }

func parseSettings(args []string, messages io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(messages)
	f.IntVar(&s.rounds, "rounds", 5, "how often each row is measured")
	f.DurationVar(&s.duration, "duration", 4*time.Second, "how long each measurement takes")
	f.IntVar(&s.conns, "conns", 64, "keep-alive connections of the load")
	f.IntVar(&s.size, "size", 1024, "bytes of a small body: where only one size is measured")
	sizes := f.String("sizes", "100,1024,65536,16777216", "bytes of the answers' bodies in the proxy part")
	f.IntVar(&s.upload, "upload", 16<<20, "bytes of an upload in the proxy part")
	f.IntVar(&s.idle, "idle", 10_000, "idle connections in the memory part")
	f.IntVar(&s.tokens, "tokens", 1_000_000, "stored tokens in the tokens part; making 1,000,000 takes a minute")
	f.IntVar(&s.object, "object", 64<<20, "bytes of a large object in the S3 part")
	f.StringVar(&s.part, "part", partAll, "what is measured: proxy, s3, memory, tokens or all")
	f.BoolVar(&s.json, "json", false, "print JSON instead of the table")
	f.StringVar(&s.profile, "profile", "", "also write a CPU profile of tollgate to this `file`, under the load of a bearer token or, with -part s3, of signed GETs")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	var err error
	if s.sizes, err = parseSizes(*sizes); err != nil {
		return s, err
	}
	return s, s.check()
}

// parseSizes reads numbers with commas between them.
func parseSizes(list string) ([]int, error) {
	var all []int
	for item := range strings.SplitSeq(list, ",") {
		size, err := strconv.Atoi(item)
		if err != nil || size < 1 || size > maxSize {
			return nil, fmt.Errorf("-sizes was read as %q, accepted are numbers from 1 to %d with commas between them", list, maxSize)
		}
		all = append(all, size)
	}
	return all, nil
}

// check holds the settings to their bounds.
func (s settings) check() error {
	for _, bound := range [...]struct {
		flag       string
		value, max int
	}{{"rounds", s.rounds, 1000}, {"conns", s.conns, 10_000}, {"size", s.size, maxSize}, {"object", s.object, maxSize},
		{"upload", s.upload, maxSize}, {"idle", s.idle, 1_000_000}, {"tokens", s.tokens, 100_000_000}} {
		if bound.value < 1 || bound.value > bound.max {
			return fmt.Errorf("-%s was read as %d, accepted is 1 to %d", bound.flag, bound.value, bound.max)
		}
	}
	switch {
	case s.duration < 100*time.Millisecond || s.duration > 10*time.Minute:
		return fmt.Errorf("-duration was read as %s, accepted is 100ms to 10m", s.duration)
	case !slices.ContainsFunc(parts(), func(p part) bool { return s.includes(p.name) }):
		return fmt.Errorf("-part was read as %q, accepted are proxy, s3, memory, tokens and all", s.part)
	}
	return nil
}

// The bounds of what is not measurement.
const (
	startLimit = 15 * time.Minute     // building and starting, the storage too
	cellLimit  = 30 * time.Second     // around one measurement
	storeLimit = 2 * time.Millisecond // to make a stored token
	rowsOfSize = 10                   // at most, in the proxy part
)

// limit is how long the whole run may take.
func (s settings) limit() time.Duration {
	rows := rowsOfSize*(len(s.sizes)+3) + 2*len(objectKinds(s))
	return startLimit + time.Duration(s.tokens)*storeLimit + time.Duration(s.rounds*rows+1)*(2*s.duration+cellLimit)
}

// warmUp is how long the load runs before it counts.
func (s settings) warmUp() time.Duration { return max(s.duration/10, 200*time.Millisecond) }
