package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
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

// load sends requests, one at a time on each of its connections, from one
// thread.
type load struct {
	address  string
	request  []byte
	body     int64 // bytes of filler after the request
	conns    int
	size     int64 // of each answer's body
	duration time.Duration
	plan     schedule
	values   *values // what is put into each request; nil = nothing

	poller    *poller
	clock     socket // that tells when to look at the schedule; 0 = there is none
	filler    []byte
	clients   map[socket]*client
	free      queue // those that wait for the time of a request
	busy      int   // clients with a request under way
	end       time.Time
	latencies histogram
	errors    uint64
	failure   error // the first
}

// client is a connection.
type client struct {
	socket  socket
	request []byte // the request, for the value to be changed in it
	in      answerReader
	how     receiving
	out     sending
	busy    bool
	gone    bool
	due     time.Time // when the request under way should have been sent
}

// runLoad reads the request from in, so that the token in it shows in no list
// of processes, and prints what it saw as JSON.
func runLoad(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	l := &load{}
	f := flag.NewFlagSet(roleLoad, flag.ContinueOnError)
	f.StringVar(&l.address, "address", "", "where to send requests")
	f.IntVar(&l.conns, "conns", 64, "connections")
	f.Int64Var(&l.size, "size", 1024, "bytes of an answer's body")
	f.Int64Var(&l.body, "body", 0, "bytes of a body that follows the request")
	f.DurationVar(&l.duration, "duration", time.Second, "how long")
	f.Float64Var(&l.plan.rate, "rate", 0, "requests per second, at even distances; 0 = as many as are answered")
	f.Uint64Var(&l.plan.most, "requests", 0, "how many requests at most; 0 = as many as the duration allows")
	list := f.String("values", "", "`file` of values, one a line, that are put in place of the first in the request")
	inTurn := f.Bool("inturn", false, "take the values in turn, not at random")
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if l.request, err = io.ReadAll(in); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if *list != "" {
		text, err := os.ReadFile(*list) // #nosec G304 -- the benchmark's own
		if err != nil {
			return err
		}
		if l.values, err = newValues(text, l.request, *inTurn); err != nil {
			return err
		}
	}
	result, err := l.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// run connects, and then sends for the whole duration.
func (l *load) run(ctx context.Context) (loaded, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer l.close()
	if err := l.connect(); err != nil {
		return loaded{}, err
	}
	start := time.Now()
	l.end = start.Add(l.duration)
	l.plan.begin(start, l.end)
	l.dispatch(start)
	if err := l.loop(ctx); err != nil {
		return loaded{}, err
	}
	result := loaded{
		Requests: l.latencies.count(), Errors: l.errors, Took: time.Since(start),
		P50: l.latencies.quantile(0.5), P99: l.latencies.quantile(0.99),
	}
	if l.failure != nil {
		result.Failure = l.failure.Error()
	}
	return result, nil
}

func (l *load) connect() (err error) {
	l.clients, l.filler = map[socket]*client{}, newFiller()
	if l.poller, err = newPoller(); err != nil {
		return err
	}
	scratch := make([]byte, pieceSize)
	for range l.conns {
		s, err := connectTo(l.address)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		c := &client{socket: s, request: append([]byte(nil), l.request...), how: receiving{scratch: scratch}}
		l.clients[s] = c
		l.free.put(c)
		if err := l.poller.watch(s); err != nil {
			return err
		}
	}
	if l.plan.rate > 0 {
		l.clock, err = l.poller.tick(l.plan.resolution())
	}
	return err
}

func (l *load) close() {
	for s := range l.clients {
		s.close()
	}
	if l.clock > 0 {
		l.clock.close()
	}
	if l.poller != nil {
		l.poller.close()
	}
}

// loop serves what arrives until all that is to be sent is answered.
func (l *load) loop(ctx context.Context) error {
	var ticks [8]byte
	last, now := l.end.Add(lateAnswers), l.plan.start
	for l.busy > 0 || len(l.clients) > 0 && l.plan.goesOn(now) {
		ready, err := l.poller.wait(stopPoll)
		if err != nil {
			return err
		}
		for _, s := range ready {
			if c := l.clients[s]; c != nil {
				l.turn(c)
			} else if s == l.clock {
				_, _ = s.read(ticks[:]) // how many they are is of no interest
			}
		}
		now = time.Now()
		if now.After(last) {
			l.fail(errors.New("answers did not come"))
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		l.dispatch(now)
	}
	return nil
}

func (l *load) fail(err error) {
	l.errors++
	if l.failure == nil {
		l.failure = err
	}
}

// dispatch sends what is due on the connections that are free.
func (l *load) dispatch(now time.Time) {
	for !l.free.empty() {
		due, is := l.plan.next(now)
		if !is {
			return
		}
		l.send(l.free.take(), due)
	}
}

// send begins a request.
func (l *load) send(c *client, due time.Time) {
	if l.values != nil {
		l.values.choose(c.request)
	}
	c.due, c.busy = due, true
	l.busy++
	c.out = sending{bytes: c.request, rest: l.body}
	if _, err := c.out.flush(c.socket, l.filler); err != nil {
		l.drop(c, err)
	}
}

// drop ends a connection that failed.
func (l *load) drop(c *client, err error) {
	if c.gone {
		return
	}
	c.gone = true
	l.fail(err)
	if c.busy {
		l.busy--
	} else {
		l.free.remove(c)
	}
	delete(l.clients, c.socket)
	c.socket.close()
}

// turn serves a connection as far as it goes now.
func (l *load) turn(c *client) {
	c.how.drained = false
	_, err := c.out.flush(c.socket, l.filler)
	for more := true; more && err == nil && !c.gone; {
		more, err = l.receive(c)
	}
	if err != nil {
		l.drop(c, err)
	}
}

var errEarly = errors.New("an answer before all of the request was sent")

// receive reads what there is and reports whether there may be more.
func (l *load) receive(c *client) (more bool, err error) {
	n, dropped, err := c.how.receive(c.socket, &c.in)
	if n == 0 || err != nil {
		return false, err
	}
	if !c.busy {
		return false, errNotAsked
	}
	a, done, err := c.taken(n, dropped)
	if err != nil || !done {
		return err == nil, err
	}
	if len(c.out.bytes) > 0 || c.out.rest > 0 {
		return false, errEarly
	}
	now := time.Now()
	l.count(a, now.Sub(c.due))
	c.busy = false
	l.busy--
	l.free.put(c)
	l.dispatch(now)
	return true, nil
}

func (c *client) taken(n int, dropped bool) (answer, bool, error) {
	if dropped {
		return c.in.pass(int64(n))
	}
	return c.in.take(n)
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
