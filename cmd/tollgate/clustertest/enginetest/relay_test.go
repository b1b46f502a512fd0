package enginetest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// relay stands between an engine and a member, and can lose what either says.
type relay struct {
	to       string
	listener net.Listener
	mute     atomic.Bool // what the member says is lost
	deaf     atomic.Bool // what the engine says is lost
	// swallowed is closed when something that the engine said was lost.
	swallowed chan struct{}
	once      sync.Once

	mu    sync.Mutex
	conns []net.Conn
	ended bool
	going sync.WaitGroup
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{to: to, listener: l, swallowed: make(chan struct{})}
	r.going.Go(r.accept)
	t.Cleanup(r.end)
	return r
}

func (r *relay) endpoint() string { return r.listener.Addr().String() }

func (r *relay) end() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.ended = true
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.going.Wait()
}

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		r.mu.Lock()
		if r.ended {
			_, _ = in.Close(), out.Close()
		}
		r.conns = append(r.conns, in, out)
		r.mu.Unlock()
		r.going.Go(func() { pass(out, in, &r.deaf, func() { r.once.Do(func() { close(r.swallowed) }) }) })
		r.going.Go(func() { pass(in, out, &r.mute, func() {}) })
	}
}

// pass copies until either side is closed, and drops what comes while lost is
// set.
func pass(to, from net.Conn, lost *atomic.Bool, dropped func()) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		switch {
		case n > 0 && lost.Load():
			dropped()
		case n > 0:
			if _, failed := to.Write(buf[:n]); failed != nil {
				err = failed
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
}
