package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// loaded is what a load saw.
type loaded struct {
	Requests uint64        `json:"requests"` // answers of status 200
	Errors   uint64        `json:"errors"`   // other answers, and connections that failed
	Failure  string        `json:"failure"`  // the first error in words
	Took     time.Duration `json:"took"`
	P50      time.Duration `json:"p50"`
	P99      time.Duration `json:"p99"`
}

// lateAnswers is how long answers may come after the end.
const lateAnswers = 20 * time.Second

// load sends one request over and over on each of its connections.
type load struct {
	address  string
	request  []byte
	conns    int
	size     int64 // of each answer's body
	duration time.Duration

	latencies histogram
	errors    atomic.Uint64
	first     sync.Once // guards the writing of failure
	failure   error
}

// runLoad reads the request from in, so that the token in it shows in no list
// of processes, and prints what it saw as JSON.
func runLoad(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	l := &load{}
	f := flag.NewFlagSet(roleLoad, flag.ContinueOnError)
	f.StringVar(&l.address, "address", "", "where to send requests")
	f.IntVar(&l.conns, "conns", 64, "connections")
	f.Int64Var(&l.size, "size", 1024, "bytes of an answer's body")
	f.DurationVar(&l.duration, "duration", time.Second, "how long")
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if l.request, err = io.ReadAll(in); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	result, err := l.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// run connects, and then sends for the whole duration.
func (l *load) run(ctx context.Context) (loaded, error) {
	conns, err := l.connect(ctx)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	if err != nil {
		return loaded{}, err
	}
	start := time.Now()
	end := start.Add(l.duration)
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			if err := l.drive(c, end); err != nil {
				l.fail(err)
			}
		})
	}
	all.Wait()
	result := loaded{
		Requests: l.latencies.count(), Errors: l.errors.Load(), Took: time.Since(start),
		P50: l.latencies.quantile(0.5), P99: l.latencies.quantile(0.99),
	}
	if l.failure != nil {
		result.Failure = l.failure.Error()
	}
	return result, nil
}

func (l *load) connect(ctx context.Context) ([]net.Conn, error) {
	var dialer net.Dialer
	conns := make([]net.Conn, 0, l.conns)
	for range l.conns {
		c, err := dialer.DialContext(ctx, "tcp", l.address)
		if err != nil {
			return conns, fmt.Errorf("connect: %w", err)
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func (l *load) fail(err error) {
	l.errors.Add(1)
	l.first.Do(func() { l.failure = err })
}

// drive keeps one request under way until the end.
func (l *load) drive(conn net.Conn, end time.Time) error {
	if err := conn.SetDeadline(end.Add(lateAnswers)); err != nil {
		return err
	}
	raw, err := rawOf(conn)
	if err != nil {
		return err
	}
	var (
		reader answerReader
		sent   time.Time
		failed error
	)
	send := func(at time.Time) bool {
		sent = at
		_, failed = conn.Write(l.request)
		return failed != nil
	}
	err = raw.Read(func(fd uintptr) bool {
		if sent.IsZero() {
			return send(time.Now())
		}
		var now time.Time
		now, failed = l.receive(int(fd), &reader, sent)
		switch {
		case failed != nil || now.After(end):
			return true
		case now.IsZero():
			return false
		}
		return send(now)
	})
	return errors.Join(failed, err)
}

// receive reads what there is. It returns the time if that completed an
// answer, else zero.
func (l *load) receive(fd int, r *answerReader, sent time.Time) (time.Time, error) {
	for {
		n, err := syscall.Read(fd, r.space())
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return time.Time{}, nil
		case err != nil:
			return time.Time{}, fmt.Errorf("read: %w", err)
		case n == 0:
			return time.Time{}, errors.New("the connection was closed")
		}
		a, done, err := r.take(n)
		if err != nil {
			return time.Time{}, err
		}
		if done {
			now := time.Now()
			l.count(a, now.Sub(sent))
			return now, nil
		}
	}
}

func (l *load) count(a answer, took time.Duration) {
	switch {
	case a.status != http.StatusOK:
		l.fail(fmt.Errorf("status %d", a.status))
	case a.length != l.size:
		l.fail(fmt.Errorf("an answer of %d bytes instead of %d", a.length, l.size))
	default:
		l.latencies.add(took)
	}
}
