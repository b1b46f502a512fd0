package clustertest

import (
	"cmp"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// relay passes on what goes between one gateway and one member. It can be cut
// in two ways: one that nobody notices, and one that everybody does.
type relay struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup
	ended    context.Context

	mu    sync.Mutex
	state cut
	moved chan struct{}         // guarded by mu; closed and made anew when state changes
	open  map[net.Conn]struct{} // guarded by mu
}

// cut is how a relay is cut.
type cut int

const (
	whole   cut = iota
	silent      // connections stay, and nothing comes through; what is sent meanwhile comes through later
	refused     // connections are reset, and new ones at once
)

// startRelay runs a relay to a server until the test ends.
func startRelay(t testing.TB, server string) *relay {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.Background())
	r := &relay{listener: l, server: server, ended: ended, moved: make(chan struct{}), open: map[net.Conn]struct{}{}}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		end()
		_ = l.Close() // only accepts
		r.reset()
		r.running.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// set cuts the relay, or makes it whole again.
func (r *relay) set(state cut) {
	r.mu.Lock()
	r.state = state
	close(r.moved)
	r.moved = make(chan struct{})
	r.mu.Unlock()
	if state == refused {
		r.reset()
	}
}

// reset ends every connection with RST.
func (r *relay) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		_ = c.(*net.TCPConn).SetLinger(0) // fails for one that is closed
		_ = c.Close()
	}
}

// keep notes a connection, so that it can be reset, unless all are refused.
func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == refused || r.ended.Err() != nil {
		_ = c.(*net.TCPConn).SetLinger(0) // it is closed next
		_ = c.Close()
		return false
	}
	r.open[c] = struct{}{}
	return true
}

func (r *relay) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
	_ = c.Close() // both ways are over
}

func (r *relay) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.running.Go(func() { r.join(c) })
	}
}

// join connects a client with the server, once the relay is not silent.
func (r *relay) join(client net.Conn) {
	if !r.keep(client) {
		return
	}
	defer r.drop(client)
	if !r.passes() {
		return
	}
	server, err := (&net.Dialer{Timeout: time.Second}).DialContext(r.ended, "tcp", r.server)
	if err != nil || !r.keep(server) {
		_ = client.(*net.TCPConn).SetLinger(0) // a server that is not there refuses
		return
	}
	defer r.drop(server)
	var back sync.WaitGroup
	back.Go(func() { r.copy(client, server) })
	r.copy(server, client)
	back.Wait()
}

// copy passes on until one end closes, and closes both then.
func (r *relay) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && r.passes() {
			_, writeErr := to.Write(buffer[:n])
			err = cmp.Or(err, writeErr)
		}
		if err != nil {
			r.passes() // an end comes through no earlier than the rest
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// passes waits while the relay is silent, and says whether it passes on.
func (r *relay) passes() bool {
	for {
		r.mu.Lock()
		state, moved := r.state, r.moved
		r.mu.Unlock()
		switch state {
		case whole:
			return r.ended.Err() == nil
		case silent:
		default:
			return false
		}
		select {
		case <-moved:
		case <-r.ended.Done():
			return false
		}
	}
}

// echo runs a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				_, _ = io.Copy(c, c) // ends with the client
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return l.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// echoes says whether what is written to a connection comes back within a time.
func echoes(t *testing.T, c net.Conn, within time.Duration) error {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestRelayThatIsSilentLosesNothing(t *testing.T) {
	r := startRelay(t, echo(t))
	old := dial(t, r.address())
	if err := echoes(t, old, patience); err != nil {
		t.Fatal(err)
	}
	r.set(silent)
	fresh := dial(t, r.address())
	for name, c := range map[string]net.Conn{"old": old, "new": fresh} {
		err := echoes(t, c, 50*time.Millisecond)
		if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() { //nolint:errorlint // net gives it as it is
			t.Errorf("the %s connection, while it is silent: %v", name, err)
		}
	}
	r.set(whole)
	for name, c := range map[string]net.Conn{"old": old, "new": fresh} {
		if err := echoes(t, c, patience); err != nil { // what was sent before comes first
			t.Errorf("the %s connection, afterwards: %v", name, err)
		}
	}
}

// ends says whether a relay ends what is begun with it, and does not just say
// nothing.
func ends(t *testing.T, c net.Conn) bool {
	t.Helper()
	err := echoes(t, c, patience)
	timeout, ok := err.(net.Error) //nolint:errorlint // net gives it as it is
	return err != nil && (!ok || !timeout.Timeout())
}

// refuses says whether a relay ends a new connection.
func refuses(t *testing.T, r *relay) bool {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.address())
	if err != nil {
		return true // reset before it was used
	}
	defer c.Close()
	return ends(t, c)
}

func TestRelayThatRefusesEndsConnections(t *testing.T) {
	r := startRelay(t, echo(t))
	old := dial(t, r.address())
	if err := echoes(t, old, patience); err != nil {
		t.Fatal(err)
	}
	r.set(refused)
	if !ends(t, old) || !refuses(t, r) {
		t.Error("a connection goes on")
	}
	r.set(whole)
	if err := echoes(t, dial(t, r.address()), patience); err != nil {
		t.Error("afterwards:", err)
	}
}

func TestRelayToNobodyRefuses(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if !refuses(t, startRelay(t, l.Addr().String())) {
		t.Error("a connection to nobody goes on")
	}
}
