package upstream

import (
	"net/url"
	"sync"
	"time"
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

// take returns an idle connection, or nil. Whether its server has ended it
// shows when it is used.
func (p *plainPool) take(now time.Time) *plainConn {
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
		if now.Sub(c.idleSince) < p.keepAlive {
			return c
		}
		_ = c.Close()
	}
}

// put keeps a connection that was last used at now, or closes it if there are
// enough.
func (p *plainPool) put(c *plainConn, now time.Time) {
	c.idleSince = now
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

// hostPort returns the address to connect to.
func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return u.Host + ":80"
	}
	return u.Host
}
