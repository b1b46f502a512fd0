package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"time"
)

// backend answers every request with the same bytes, as cheaply as can be: one
// thread serves all connections. A path that ends in a number asks for an
// answer of that size.
type backend struct {
	size    int64 // of an answer to a path without a number
	answers map[int64]prepared
	filler  []byte
	scratch []byte
	poller  *poller
	served  map[socket]*served
}

// prepared is an answer of one size.
type prepared struct {
	head  []byte // the answer to HEAD
	begin []byte // the head and the first piece of the body
	rest  int64  // of the body
}

// served is a connection.
type served struct {
	in  requestReader
	how receiving
	out sending
}

func newBackend(size int) *backend {
	return &backend{
		size: int64(size), answers: map[int64]prepared{},
		filler: newFiller(), scratch: make([]byte, pieceSize), served: map[socket]*served{},
	}
}

// runBackend serves until ctx ends.
func runBackend(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet(roleBackend, flag.ContinueOnError)
	size := f.Int("size", 1024, "bytes of an answer's body, where the path names none")
	if err := f.Parse(args); err != nil {
		return err
	}
	l, address, err := listenOnLoopback()
	if err != nil {
		return err
	}
	defer l.close()
	if _, err := fmt.Fprintf(out, "%s%s\n", announcement, address); err != nil {
		return err
	}
	return newBackend(*size).serve(ctx, l)
}

// stopPoll is how often it is looked whether the context has ended.
const stopPoll = 50 * time.Millisecond

func (b *backend) serve(ctx context.Context, l socket) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var err error
	if b.poller, err = newPoller(); err != nil {
		return err
	}
	defer b.close()
	if err := b.poller.watch(l); err != nil {
		return err
	}
	for ctx.Err() == nil {
		ready, err := b.poller.wait(stopPoll)
		if err != nil {
			return err
		}
		for _, s := range ready {
			if s == l {
				if err := b.acceptAll(l); err != nil {
					return err
				}
				continue
			}
			b.turn(s)
		}
	}
	return nil
}

func (b *backend) close() {
	for s := range b.served {
		s.close()
	}
	b.poller.close()
}

func (b *backend) acceptAll(l socket) error {
	for {
		s, err := l.accept()
		if errors.Is(err, errAgain) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		b.served[s] = &served{how: receiving{scratch: b.scratch}}
		if err := b.poller.watch(s); err != nil {
			return err
		}
	}
}

// turn serves a connection as far as it goes now, and ends one that is gone or
// sends what is not understood.
func (b *backend) turn(s socket) {
	c := b.served[s]
	if c == nil {
		return
	}
	c.how.drained = false
	if err := b.serveConn(s, c); err != nil {
		s.close()
		delete(b.served, s)
	}
}

func (b *backend) serveConn(s socket, c *served) error {
	got, err := request{}, error(nil)
	for {
		if got.found {
			b.answer(c, got)
		}
		if done, err := c.out.flush(s, b.filler); !done || err != nil {
			return err
		}
		// What came together with the one before.
		if got, err = c.in.take(0); err != nil {
			return err
		}
		if got.found {
			continue
		}
		n, dropped, err := c.how.receive(s, &c.in)
		if n == 0 || err != nil {
			return err
		}
		if dropped {
			got = c.in.pass(int64(n))
		} else if got, err = c.in.take(n); err != nil {
			return err
		}
	}
}

// answer prepares the answer to a request.
func (b *backend) answer(c *served, r request) {
	size := r.size
	if size < 0 {
		size = b.size
	}
	p, known := b.answers[size]
	if !known {
		p = prepare(size, b.filler)
		b.answers[size] = p
	}
	c.out = sending{bytes: p.begin, rest: p.rest}
	if r.headOnly {
		c.out = sending{bytes: p.head}
	}
}

func prepare(size int64, filler []byte) prepared {
	head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/octet-stream\r\n"+
		"ETag: \"bench\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n", size)
	first := min(size, int64(len(filler)))
	begin := append(append(make([]byte, 0, len(head)+int(first)), head...), filler[:first]...)
	return prepared{head: head, begin: begin, rest: size - first}
}
