package lane

import (
	"net"
	"time"
)

// step is what a connection does next.
type step uint8

const (
	stops    step = iota // it is at its end: fault says why
	finishes             // likewise, after a request
	wants                // wait for more bytes
	serves               // serve the request that was understood
	hands                // leave what was read to the server
)

// next judges what was read.
func (c *conn) next() step {
	switch {
	case c.lane.closing.Load():
		// Looked at in each phase of waiting: Shutdown closes those that it
		// finds waiting, and leaves the others to find out.
		c.fault = errEnded
		return stops
	case !c.hasBeginning():
		return wants
	case !c.understands():
		return hands
	}
	return serves
}

// serveOne serves the request that was understood.
func (c *conn) serveOne() step {
	if !c.phase.CompareAndSwap(waiting, serving) {
		c.fault = c.wrap(net.ErrClosed)
		return stops
	}
	if !c.answer(c.x) || !c.phase.CompareAndSwap(serving, waiting) {
		return finishes
	}
	c.served = true
	return c.next()
}

// A request without a body is served inside of the wait for it: RawConn.Read
// watches the socket from one call of its function to the next, so that bytes
// that come while an answer is made are not missed, and no read is needed that
// only finds out that there are none. The function must not close the
// connection, and nothing in it may read from the socket by other ways: both
// would wait for the function to return.

// receive waits for more bytes, and serves what can be served meanwhile. If
// there are none it holds no buffer.
func (c *conn) receive() step {
	c.readErr = nil
	err := c.raw.Read(c.turn)
	if err == nil {
		err = c.readErr
	}
	if err == nil {
		return c.then
	}
	if isTimeout(err) && c.trusted() {
		c.distrust()
		return wants
	}
	c.fault = c.wrap(err)
	return stops
}

// makeTurn does what can be done without waiting. It reports false to be called
// again when there is something to read.
func (c *conn) makeTurn(fd uintptr) bool {
	for c.tryReceive(fd) {
		if c.readErr != nil {
			return true
		}
		c.then = c.next()
		for c.then == serves && c.x.body == nil {
			c.then = c.serveOne()
		}
		if c.then != wants {
			return true
		}
		if c.drained && c.trusted() {
			return false
		}
	}
	if c.served {
		c.waits, c.served = min(c.waits+1, c.lane.regular), false
	}
	return false
}

// A read that got less than it had room for has emptied the socket, and what
// comes after it is told (epoll(7)). Only the end of the stream is not, if it
// came together with those bytes. So that is relied upon with clients alone
// that have come back several times, and then for no longer than a glance.
const (
	regular = 8
	glance  = 500 * time.Millisecond
)

// distrusts makes every wait begin with a look where idle connections are
// closed so soon that a glance would be much of it.
func (l *Lane) distrusts() bool {
	return l.cfg.IdleTimeout > 0 && l.cfg.IdleTimeout < 2*l.glance
}

// trusted reports whether the end of the stream does not come together with a
// request, so that nothing is there after a short read.
func (c *conn) trusted() bool { return c.waits >= c.lane.regular && !c.lane.distrusts() }

// distrust has the next wait begin with a look, and take as long as it may.
func (c *conn) distrust() {
	c.waits, c.idleUntil = 0, time.Time{}
	c.limitIdle(c.lane.clock())
}

// limitIdle sets the deadline for the next request, unless that which is set
// does: it is up to an eighth early.
func (c *conn) limitIdle(now time.Time) {
	limit := c.lane.cfg.IdleTimeout
	if c.trusted() {
		limit = c.lane.glance
	}
	left := c.idleUntil.Sub(now)
	if !c.idleUntil.IsZero() && (limit <= 0 || left >= limit-limit/8 && left <= limit) {
		return
	}
	until, known := time.Time{}, now
	if limit > 0 {
		until, known = now.Add(limit), now.Add(limit)
	}
	c.idleUntil = known
	_ = c.tcp.SetReadDeadline(until) // fails only if the socket is closed, which reading tells
}
