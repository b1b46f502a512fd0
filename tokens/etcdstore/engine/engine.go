// Package engine keeps the tokens and user accounts that several gateways share
// in etcd, 3.4 or later: it writes them there, tells of what others write, and
// proves what the newest state is. All that tollgate says to etcd is said here.
//
// Every transaction that writes something that is told also puts the head, a
// key of its own, with a random mark. A linearizable read of the head gives the
// revision up to which one must know everything, and the mark tells one
// history from another. Progress notifications of a watch are not used for
// that: some members send them too early.
package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/tokens"
)

// Engine is what several gateways share. It is safe for concurrent use. The
// revisions that its methods return are those of the head, which is the only
// thing that a replica can wait for: zero = unknown.
type Engine struct {
	cfg      Config
	keys     keys
	members  []*member
	instance string // tells this process from every other of the same name
	life     context.Context
	end      context.CancelFunc
	present  atomic.Pointer[presence]
	again    chan struct{} // has room for one: the presence is to begin anew
	cluster  atomic.Uint64 // of which proofs were; zero = of none yet
	random   sync.Mutex    // guards cfg.Random
	usages   sync.Mutex    // held while usages are added, so that only other gateways come in between

	mu      sync.Mutex // guards all below
	current int        // among members: that of sessions
	serving int        // among members: that of all else
	closed  bool
	running sync.WaitGroup // what goes on in the background; nothing is added once it is closed
}

// Open returns the engine that cfg describes. It does not wait for etcd, nor
// for anything else: only faults of cfg are errors. The caller closes it.
func Open(cfg Config) (*Engine, error) {
	cfg, err := cfg.completed()
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	e := &Engine{cfg: cfg, keys: keys{prefix: cfg.Prefix}, again: make(chan struct{}, 1)}
	mark, err := e.mark()
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	e.instance = cfg.Gateway + "/" + hex.EncodeToString([]byte(mark))
	e.life, e.end = context.WithCancel(context.Background())
	for _, i := range rand.Perm(len(cfg.Endpoints)) { //nolint:gosec // it spreads load and protects nothing
		e.members = append(e.members, newMember(cfg, cfg.Endpoints[i]))
	}
	return e, nil
}

// Close ends everything that goes on, gives up the presence and the turns of
// this gateway and closes the connections. It takes a few seconds at most,
// with etcd away too. Closing again does nothing.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.end()
	e.running.Wait()
	for _, m := range e.members {
		m.close()
	}
	return nil
}

// begin registers something that goes on in the background, which calls the
// returned function at its end. False: the engine is closed.
func (e *Engine) begin() (ended func(), ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, false
	}
	e.running.Add(1)
	return e.running.Done, true
}

// observe notes when an operation begins; the function that it returns notes
// its end, and the error that it is shown then.
func (e *Engine) observe(op string) func(*error) {
	began := time.Now()
	return func(err *error) { e.cfg.Observe(op, time.Since(began), *err) }
}

// markSize is how many random bytes tell one write from another.
const markSize = 16

// mark returns a random mark.
func (e *Engine) mark() (string, error) {
	e.random.Lock()
	defer e.random.Unlock()
	var b [markSize]byte
	if _, err := io.ReadFull(e.cfg.Random, b[:]); err != nil {
		return "", fmt.Errorf("%w: no random bytes: %w", tokens.ErrEngine, err)
	}
	return string(b[:]), nil
}
