package lane

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A conn is in one of these phases, which say who may close the socket.
const (
	theirs  int32 = iota // in the hands of the http.Server: whoever calls Close
	waiting              // in the lane, for a request: likewise
	serving              // in the lane, a request is under way: the lane, after it
	ending               // like serving, and Close was called meanwhile
	closed
)

// Who reads from a conn. Only the goroutine of the http.Server that reads
// changes it, or the hook that it calls between reads.
const (
	atBoundary  = iota // the lane: what comes is the beginning of a request
	counted            // the server: left bytes to the end of the request, and no more
	passThrough        // the server, for the rest of the connection's life
)

// conn is a connection of which the lane serves what it understands.
type conn struct {
	lane  *Lane
	tcp   *net.TCPConn
	raw   syscall.RawConn
	phase atomic.Int32
	mode  int
	left  int64 // in mode counted

	mu    sync.Mutex // guards in, from and to while the server reads: after a hijack from any goroutine
	in    *[inSize]byte
	from  int // in[from:to] is read and not yet taken
	to    int
	spoil bool // a byte that cannot begin a request goes first

	turn, peek func(fd uintptr) bool // for raw.Read, made once
	readErr    error                 // of turn and peek
	then       step                  // what came of the last turn
	fault      error                 // why the connection stops
	drained    bool                  // the last read left nothing
	served     bool                  // a request, since the last wait
	waits      uint8                 // that came after a request, up to regular

	afterPost  bool // the request before was a POST
	lineEnds   int  // that were skipped since
	later      bool // it is not the first request
	wasIdle    bool // the server has come to StateIdle
	idleUntil  time.Time
	writeUntil time.Time // the write deadline that the lane set, or zero
	writeOdd   bool      // there may be another one
	x          *exchange // once a head was read
}

// Read implements net.Conn. Plain requests are served in it.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	switch c.mode {
	case atBoundary:
		if err := c.serve(); err != nil {
			return 0, err
		}
		return c.Read(p)
	case counted:
		if c.left == 0 {
			return 0, c.watch()
		}
		n, err := c.deliver(p[:min(int64(len(p)), c.left)])
		c.left -= int64(n)
		return n, err
	case passThrough:
		return c.deliver(p)
	default:
		return 0, net.ErrClosed
	}
}

// deliver gives what is buffered, or what the socket has.
func (c *conn) deliver(p []byte) (int, error) {
	if n := c.take(p); n > 0 {
		return n, nil
	}
	return c.tcp.Read(p)
}

func (c *conn) take(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spoil {
		c.spoil, p[0] = false, 0
		return 1
	}
	if c.in == nil {
		return 0
	}
	n := copy(p, c.in[c.from:c.to])
	c.from += n
	c.shed()
	return n
}

// shed gives the buffer back when all of it was taken.
func (c *conn) shed() {
	if c.in != nil && c.from == c.to {
		headBuffers.Put(c.in)
		c.in, c.from, c.to = nil, 0, 0
	}
}

// watch is a read of the server while its handler runs. What follows the
// request is not for it: it learns only that the client has gone, and that its
// deadline is over.
func (c *conn) watch() error {
	c.readErr = nil
	if err := c.raw.Read(c.peek); err != nil {
		return c.wrap(err)
	}
	return c.wrap(c.readErr)
}

// wrap gives an error the form that it has from net.Conn.Read, by which the
// server knows what to do.
func (c *conn) wrap(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if op := new(net.OpError); errors.As(err, &op) {
		err = op.Err
	}
	return &net.OpError{Op: "read", Net: "tcp", Source: c.tcp.LocalAddr(), Addr: c.tcp.RemoteAddr(), Err: err}
}

// note hears from the server how the connection stands.
func (c *conn) note(state http.ConnState) {
	switch state {
	case http.StateIdle:
		c.later, c.wasIdle, c.idleUntil = true, true, time.Time{} // the server sets its own deadline next
		switch {
		case c.mode == counted && c.left == 0:
			c.mode = atBoundary
		case c.mode == counted:
			c.mode = passThrough
		}
	case http.StateHijacked:
		c.mode = passThrough
	case http.StateNew, http.StateActive, http.StateClosed:
	}
}

// Close implements net.Conn. While a request is under way in the lane it
// returns at once, and the connection is closed when the request has its
// answer.
func (c *conn) Close() error {
	for {
		switch p := c.phase.Load(); p {
		case serving:
			if c.phase.CompareAndSwap(serving, ending) {
				return nil
			}
		case ending:
			return nil
		case closed:
			return c.tcp.Close()
		default:
			if c.phase.CompareAndSwap(p, closed) {
				return c.end()
			}
		}
	}
}

// end closes the socket of a connection that has just become closed.
func (c *conn) end() error {
	err := c.tcp.Close()
	c.lane.forget(c)
	return err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) { return c.tcp.Write(p) }

// ReadFrom implements io.ReaderFrom: files and sockets are moved by the kernel.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return c.tcp.ReadFrom(r) }

// CloseWrite ends the stream to the client.
func (c *conn) CloseWrite() error { return c.tcp.CloseWrite() }

// NetConn returns the socket. Whoever reads from it misses what the lane has
// read.
func (c *conn) NetConn() net.Conn { return c.tcp }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.tcp.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.tcp.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.tcp.SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.tcp.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.tcp.SetWriteDeadline(t) }

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
