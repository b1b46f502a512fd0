package upstream

import (
	"net/url"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// plainPool keeps idle connections to one server, the last used on top. Set
// size and keepAlive before use.
type plainPool struct {
	size      int
	keepAlive time.Duration

	mu       sync.Mutex
	idle     []*plainConn // guarded by mu
	sweeping bool         // a sweep is due; guarded by mu
	closed   bool         // guarded by mu
}

// take returns an idle connection that is fit for use, or nil.
func (p *plainPool) take() *plainConn {
	for {
		p.mu.Lock()
		last := len(p.idle) - 1
		if last < 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		p.mu.Unlock()
		if time.Since(c.idleSince) < p.keepAlive && c.isQuiet() {
			return c
		}
		_ = c.Close()
	}
}

// put keeps a connection, or closes it if there are enough.
func (p *plainPool) put(c *plainConn) {
	c.idleSince = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.size {
		_ = c.Close()
		return
	}
	p.idle = append(p.idle, c)
	if !p.sweeping {
		p.sweeping = true
		time.AfterFunc(p.keepAlive, p.sweep)
	}
}

// sweep closes what was idle for too long, and comes again if there is more.
func (p *plainPool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.idle[:0]
	for _, c := range p.idle {
		if time.Since(c.idleSince) >= p.keepAlive {
			_ = c.Close()
			continue
		}
		kept = append(kept, c)
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	if p.sweeping = len(kept) > 0; p.sweeping {
		time.AfterFunc(p.keepAlive/2, p.sweep)
	}
}

// drop closes all idle connections.
func (p *plainPool) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		_ = c.Close()
	}
	clear(p.idle)
	p.idle = p.idle[:0]
}

// close is drop for good.
func (p *plainPool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.drop()
}

// isQuiet reports whether an idle connection has nothing to read: neither an
// end, nor bytes that would be taken for the answer to the next request.
func (c *plainConn) isQuiet() bool {
	raw, ok := c.Conn.(syscall.Conn)
	if !ok {
		return true // not a socket: a pipe of a test
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = control.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT) // #nosec G115 -- a descriptor
		quiet = err == unix.EAGAIN
		return true
	})
	return err == nil && quiet
}

// hostPort returns the address to connect to.
func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return u.Host + ":80"
	}
	return u.Host
}
