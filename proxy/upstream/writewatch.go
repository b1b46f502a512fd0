package upstream

import (
	"net/http"
	"sync"
	"time"
)

// The pieces in which a body is written to a client.
const (
	// firstStride goes with the head. Nothing is known yet of the client.
	firstStride = pieceSize
	// slowStride is for a client that lets a write wait: each of its pieces has
	// the idle time.
	slowStride = 32 << 10
	// slowestRate is what a client must take in large pieces, in bytes a second.
	slowestRate = 5 << 10
	// slowWrite is how long the write of a piece takes to a slow client.
	slowWrite = 100 * time.Millisecond
)

// writeWatch ends an exchange whose client takes nothing for the idle time. It
// looks from time to time and leaves the client's connection alone else: a
// deadline on it would also hold while the server is waited for.
type writeWatch struct {
	w     http.ResponseWriter
	limit time.Duration

	mu      sync.Mutex // guards what follows, and w while a deadline is set
	timer   *time.Timer
	since   time.Time // when the write under way began; zero = there is none
	stalled bool
	ended   bool
}

// widest is the largest piece that is written: a client that has become slow
// must be able to take it within the idle time.
func (ex *exchange) widest() int {
	idle := ex.up.cfg.Timeouts.Idle
	if idle == 0 || idle >= largeSize/slowestRate*time.Second {
		return largeSize
	}
	return max(slowStride, int(idle.Seconds()*slowestRate))
}

// watchWrites returns a watch, nil if there is no limit.
func (ex *exchange) watchWrites() *writeWatch {
	if ex.up.cfg.Timeouts.Idle == 0 {
		return nil
	}
	if ex.writes == nil {
		ex.writes = &writeWatch{w: ex.w, limit: ex.up.cfg.Timeouts.Idle}
	}
	return ex.writes
}

// begin says that a write begins.
func (b *writeWatch) begin(now time.Time) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since = now
	if b.timer == nil {
		b.timer = time.AfterFunc(max(b.limit/ticksPerIdle, soonest), b.tick)
	}
}

// done says that it is over.
func (b *writeWatch) done() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since = time.Time{}
}

// tick looks whether the client takes too long.
func (b *writeWatch) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	if !b.since.IsZero() && time.Since(b.since) >= b.limit {
		b.stalled = true
		// Not every writer can; then the write ends with the connection.
		_ = http.NewResponseController(b.w).SetWriteDeadline(past())
		return
	}
	b.timer.Reset(max(b.limit/ticksPerIdle, soonest))
}

// end ends the watch, and reports whether it ended a write.
func (b *writeWatch) end() (stalled bool) {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.timer != nil {
		b.timer.Stop()
	}
	return b.stalled
}
