package lane

import (
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"
)

// linger is how long a client may go on to send a body that nobody reads,
// before the connection is closed: a reset could take the answer from it
// (RFC 9112, 9.6).
const linger = 500 * time.Millisecond

// errEnded: the lane has closed the connection. net/http closes without an
// answer then.
var errEnded = io.EOF

// serve serves requests until one does not fit. Then it returns nil, and the
// mode of the connection says what the server may read. With an error the
// connection is at its end.
func (c *conn) serve() error {
	if !c.phase.CompareAndSwap(theirs, waiting) && c.phase.Load() != waiting {
		return c.wrap(net.ErrClosed)
	}
	returns := false
	defer func() {
		if !returns { // runtime.Goexit in the handler
			c.finish(c.x)
		}
	}()
	err := c.serveAll()
	returns = true
	return err
}

func (c *conn) serveAll() error {
	for step := c.next(); ; {
		switch step {
		case wants:
			step = c.receive()
		case serves:
			step = c.serveOne()
		case hands:
			return c.handOver()
		case finishes:
			c.finish(c.x)
			return errEnded
		default:
			return c.fault
		}
	}
}

// understands reads the head, and reports whether the lane serves the request.
func (c *conn) understands() bool {
	if c.x == nil {
		c.x = &exchange{conn: c, memory: newMemory(), remote: c.tcp.RemoteAddr().String()}
	}
	x := c.x
	x.head.read(c.in[c.from:c.to])
	return x.head.verdict == fits && x.fill() && c.takes(x)
}

func (c *conn) takes(x *exchange) bool {
	return c.lane.cfg.Takes == nil || c.lane.cfg.Takes(&x.memory.request)
}

// hasBeginning reports whether enough is there to be judged. net/http tolerates
// up to four bytes of line ends after a POST. After the first request it takes
// nothing for the beginning of another until there are four bytes.
func (c *conn) hasBeginning() bool {
	for c.from < c.to && c.afterPost && c.lineEnds < atLeast && isLineEnd(c.in[c.from]) {
		c.from++
		c.lineEnds++
	}
	c.shed()
	if c.in == nil || !c.later || c.to-c.from+c.lineEnds >= atLeast {
		return c.in != nil
	}
	c.to = copy(c.in[:], c.in[c.from:c.to])
	c.from = 0
	return false
}

// atLeast is what net/http waits for between requests, in bytes.
const atLeast = 4

func isLineEnd(b byte) bool { return b == '\r' || b == '\n' }

// handOver leaves what was read to the server.
func (c *conn) handOver() error {
	h := &c.x.head
	c.mode, c.left = passThrough, 0
	if h.verdict != foreign {
		c.mode, c.left = counted, h.size+h.length
		c.nextAfter(h.method)
	}
	// The server skips line ends after a POST too, but knows only of those that
	// it has served itself. What it would refuse it must refuse.
	c.spoil = isLineEnd(c.in[c.from])
	c.x.forget()
	if !c.wasIdle { // then the server sets the deadline itself
		if err := c.tcp.SetReadDeadline(after(c.lane.cfg.HeaderTimeout)); err != nil {
			return err
		}
	}
	if c.writeOdd || !c.writeUntil.IsZero() {
		c.writeOdd, c.writeUntil = false, time.Time{}
		if err := c.tcp.SetWriteDeadline(time.Time{}); err != nil {
			return err
		}
	}
	if !c.phase.CompareAndSwap(waiting, theirs) {
		return c.wrap(net.ErrClosed)
	}
	return nil
}

// after returns the moment in d from now, or zero if there is no limit.
func after(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

func (c *conn) nextAfter(method string) {
	c.afterPost, c.lineEnds = method == "POST", 0
}

// answer serves the request that was read. It reports whether the connection
// can go on.
func (c *conn) answer(x *exchange) bool {
	c.later = true
	c.from += int(x.head.size)
	if x.body != nil {
		x.body.claim()
	}
	x.w.begin(x)
	c.shed()
	if x.body != nil && x.body.fromSocket() {
		c.idleUntil = time.Time{}
		_ = c.tcp.SetReadDeadline(time.Time{}) // fails only if the socket is closed, which reading tells
	}
	if !x.run() {
		return false
	}
	if !x.w.finish() {
		return false
	}
	if x.body != nil {
		x.body.release(c)
	}
	c.nextAfter(x.head.method)
	c.afterAnswer(&x.w)
	x.w.forget()
	x.forget()
	return true
}

// run calls the handler. It reports false if that panicked.
func (x *exchange) run() (whole bool) {
	defer func() {
		if whole {
			return
		}
		err := recover()
		if err != nil && !isAbort(err) { // nil: runtime.Goexit
			stack := make([]byte, 64<<10)
			stack = stack[:runtime.Stack(stack, false)]
			x.conn.lane.logf("http: panic serving %v: %v\n%s", x.remote, err, stack)
		}
	}()
	x.conn.lane.cfg.Handler.ServeHTTP(&x.w, &x.memory.request)
	return true
}

func isAbort(recovered any) bool {
	err, ok := recovered.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// afterAnswer sets the deadlines for the wait that follows, if those that are
// set do not do.
func (c *conn) afterAnswer(w *response) {
	read, write := w.deadlines.end()
	if write {
		c.writeUntil, c.writeOdd = time.Time{}, true
	}
	if read {
		c.idleUntil = time.Time{}
	}
	c.limitIdle(w.now)
}

// finish closes the connection after its last request.
func (c *conn) finish(x *exchange) {
	if x.body != nil {
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0)) // whoever still reads the body
		x.body.abandon()
	}
	_, _ = x.w.deadlines.end()
	if x.w.lingers {
		c.linger()
	}
	x.w.forget()
	x.forget()
	if c.in != nil {
		c.from = c.to
		c.shed()
	}
	if c.phase.Swap(closed) != closed {
		_ = c.end()
	}
}

// linger ends the stream to the client, and takes what still comes for a while.
func (c *conn) linger() {
	_ = c.tcp.CloseWrite()
	_ = c.tcp.SetReadDeadline(time.Now().Add(linger))
	buffer, _ := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buffer)
	for {
		if _, err := c.tcp.Read(buffer[:]); err != nil {
			return
		}
	}
}
