package upstream

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Cut ends an exchange from outside. The zero Cut is ready, for one Forward.
// A nil *Cut is one that nobody can use.
type Cut struct {
	mu     sync.Mutex
	cause  error       // guarded by mu; nil = not cut
	conn   net.Conn    // what the exchange waits for now; guarded by mu
	cancel func(error) // the same, for what takes a context; guarded by mu
}

// Now ends the exchange. Forward returns an error that wraps cause, which is
// context.Canceled if it is nil. Now is safe for concurrent use, before,
// during and after Forward. Later calls do nothing.
func (c *Cut) Now(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return
	}
	c.cause = cause
	if c.conn != nil {
		_ = c.conn.SetDeadline(past())
	}
	if c.cancel != nil {
		c.cancel(cause)
	}
}

// Cause returns what was given to Now; nil = the exchange was not cut.
func (c *Cut) Cause() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// cut is the error of Forward for an exchange that was cut, nil for one that
// was not.
func (out *Outgoing) cut() error {
	if cause := out.Cut.Cause(); cause != nil {
		return fmt.Errorf("exchange was cut: %w", cause)
	}
	return nil
}

// past is a deadline that is over.
func past() time.Time { return time.Unix(1, 0) }

// hold makes Now end what waits for conn. It returns the cause if it is too
// late for that; then conn is not held.
func (c *Cut) hold(conn net.Conn) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.conn, c.cancel = conn, nil
	}
	return c.cause
}

// bind makes Now call cancel. It returns the cause if it is too late for
// that; then cancel is not bound.
func (c *Cut) bind(cancel func(error)) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cancel = cancel
	}
	return c.cause
}

// letGo ends what hold and bind began: when it returns, Now touches neither
// any more. It returns the cause if the exchange was cut before; what was held
// has a deadline in the past then.
func (c *Cut) letGo() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.cancel = nil, nil
	return c.cause
}

// limitWrite is limitRead for writing.
func (c *Cut) limitWrite(conn net.Conn, at time.Time) error {
	if c == nil {
		return conn.SetWriteDeadline(at)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	return conn.SetWriteDeadline(at)
}

// limitRead sets the deadline for reading from conn, which is held, unless the
// exchange was cut: that deadline must not be lost.
func (c *Cut) limitRead(conn net.Conn, at time.Time) error {
	if c == nil {
		return conn.SetReadDeadline(at)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	return conn.SetReadDeadline(at)
}
