package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
)

// backend answers every request with the same bytes, as cheaply as a
// goroutine for each connection can.
type backend struct {
	full []byte // the answer
	head []byte // the answer to HEAD
}

func newBackend(size int) *backend {
	head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/octet-stream\r\n"+
		"ETag: \"bench\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n", size)
	return &backend{full: append(bytes.Clone(head), bytes.Repeat([]byte("x"), size)...), head: head}
}

// runBackend serves until ctx ends.
func runBackend(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet(roleBackend, flag.ContinueOnError)
	size := f.Int("size", 1024, "bytes of an answer's body")
	if err := f.Parse(args); err != nil {
		return err
	}
	return serveAnnounced(ctx, out, newBackend(*size).serve)
}

func (b *backend) serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go b.serveConn(conn)
	}
}

// serveConn answers until the client is gone or sends what is not understood.
func (b *backend) serveConn(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	raw, err := rawOf(conn)
	if err != nil {
		return
	}
	r := requestReader{}
	_ = raw.Read(func(fd uintptr) bool { // the client is gone
		for {
			space := r.space()
			if len(space) == 0 {
				return true // a head that long is no request of ours
			}
			n, err := syscall.Read(int(fd), space)
			switch {
			case errors.Is(err, syscall.EINTR):
				continue
			case errors.Is(err, syscall.EAGAIN):
				return false
			case err != nil || n <= 0 || !b.answerAll(conn, &r, n):
				return true
			case n < len(space): // what comes later wakes us again, epoll(7)
				return false
			}
		}
	})
}

// answerAll answers the requests that n more bytes complete, and reports
// whether there may come others.
func (b *backend) answerAll(conn net.Conn, r *requestReader, n int) bool {
	for {
		got, err := r.take(n)
		if err != nil {
			return false
		}
		if got == noRequest {
			return true
		}
		answer := b.full
		if got == headRequest {
			answer = b.head
		}
		if _, err := conn.Write(answer); err != nil {
			return false
		}
		n = 0
	}
}

// rawOf gives access to the descriptor. A goroutine that stays inside
// RawConn.Read is woken by each arrival and need not find out by a failing
// read that there is nothing yet.
func rawOf(conn net.Conn) (syscall.RawConn, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, errors.New("a connection without a descriptor")
	}
	return c.SyscallConn()
}

// request is what requestReader found.
type request int

const (
	noRequest request = iota
	bodyRequest
	headRequest // no body is wanted
)

var errBadRequest = errors.New("a request that cannot be read")

// requestReader tells requests apart and drops their bodies. Bodies without a
// length it does not take.
type requestReader struct {
	buf  [maxHead]byte
	used int
	left int64 // bytes of the body still to come
	now  request
}

func (r *requestReader) space() []byte { return r.buf[r.used:] }

// take takes the next n bytes in space and returns the request that ends with
// them or, for n = 0, with bytes taken before.
func (r *requestReader) take(n int) (request, error) {
	r.used += n
	if r.now == noRequest {
		end := bytes.Index(r.buf[:r.used], []byte("\r\n\r\n"))
		if end < 0 {
			return noRequest, nil
		}
		var err error
		if r.now, r.left, err = parseRequest(r.buf[:end]); err != nil {
			return noRequest, err
		}
		r.drop(end + len("\r\n\r\n"))
	}
	body := min(r.left, int64(r.used))
	r.drop(int(body))
	if r.left -= body; r.left > 0 {
		return noRequest, nil
	}
	got := r.now
	r.now = noRequest
	return got, nil
}

func (r *requestReader) drop(n int) { r.used = copy(r.buf[:], r.buf[n:r.used]) }

// parseRequest reads a head without the empty line at its end.
func parseRequest(head []byte) (request, int64, error) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasSuffix(line, []byte(" HTTP/1.1")) {
		return noRequest, 0, errBadRequest
	}
	if _, chunked := field(fields, "Transfer-Encoding"); chunked {
		return noRequest, 0, errBadRequest
	}
	kind := bodyRequest
	if bytes.HasPrefix(line, []byte("HEAD ")) {
		kind = headRequest
	}
	value, ok := field(fields, "Content-Length")
	if !ok {
		return kind, 0, nil
	}
	length, err := strconv.ParseUint(string(value), 10, 62)
	if err != nil {
		return noRequest, 0, errBadRequest
	}
	return kind, int64(length), nil // #nosec G115 -- 62 bits
}
