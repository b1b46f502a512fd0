package upstream

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// ticksPerIdle is how often the watch looks within the idle timeout.
	ticksPerIdle = 4
	// holdHead is how long an answer's head waits for the body's first bytes,
	// to go in one packet with them.
	holdHead = 20 * time.Millisecond
)

// watchUpload starts the watch over a request body.
func (ex *exchange) watchUpload() {
	if idle := ex.up.cfg.Timeouts.Idle; idle > 0 {
		ex.mu.Lock()
		defer ex.mu.Unlock()
		ex.timer = time.AfterFunc(idle/ticksPerIdle, ex.tick)
	}
}

// watchAnswer turns the watch to the answer's body, and to its head as long
// as that waits in the server's buffers.
func (ex *exchange) watchAnswer(resp *http.Response) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.answer = resp
	ex.headHeld = true
	ex.seen, ex.still = ex.moved.Load(), 0
	if ex.timer == nil {
		ex.timer = time.AfterFunc(holdHead, ex.tick)
	} else {
		ex.timer.Reset(holdHead)
	}
}

// releaseHead is called before the answer's first body byte is written. After
// it only the goroutine of Forward uses w.
func (ex *exchange) releaseHead() {
	ex.mu.Lock()
	ex.headHeld = false
	ex.mu.Unlock()
}

// tick is what the timer does: it lets a held head go and counts how long
// nothing moved.
func (ex *exchange) tick() {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.ended {
		return
	}
	if ex.headHeld {
		ex.headHeld = false
		// A client that is gone is noticed by the next write.
		_ = http.NewResponseController(ex.w).Flush()
		ex.still = -1 // the time so far was short
	}
	idle := ex.up.cfg.Timeouts.Idle
	if idle == 0 {
		return
	}
	limit := ex.patience(idle / ticksPerIdle)
	if moved := ex.moved.Load(); limit == 0 || moved != ex.seen {
		ex.seen, ex.still = moved, 0
	} else {
		ex.still++
	}
	if limit > 0 && ex.still >= limit {
		ex.giveUp()
		return
	}
	ex.timer.Reset(idle / ticksPerIdle)
}

// patience is the number of ticks without a move after which an exchange is
// given up; 0 = nothing need move now. The caller holds mu.
func (ex *exchange) patience(period time.Duration) int {
	if ex.answer != nil {
		return ticksPerIdle
	}
	ex.body.mu.Lock()
	defer ex.body.mu.Unlock()
	switch {
	case !ex.body.touched:
		return 0
	case ex.body.eof:
		// The wait for the head has a limit of its own, but that begins only
		// when the server has taken the last bytes.
		return ticksPerIdle + int(ex.up.cfg.Timeouts.FirstByte/period)
	}
	return ticksPerIdle
}

// giveUp ends an exchange in which nothing moves. The caller holds mu.
func (ex *exchange) giveUp() {
	client := ex.toClient.Load()
	if ex.answer == nil {
		ex.body.mu.Lock()
		client = ex.body.reading
		ex.body.mu.Unlock()
	}
	if client {
		ex.stalled = fmt.Errorf("%w: no byte for %s", ErrClientGone, ex.up.cfg.Timeouts.Idle)
	} else {
		ex.stalled = fmt.Errorf("%w: no byte for %s", ErrTimeout, ex.up.cfg.Timeouts.Idle)
	}
	if ex.cancel != nil {
		ex.cancel(ex.stalled)
	}
	if ex.answer == nil {
		if client {
			// net/http waits for the read under way before it returns.
			_ = http.NewResponseController(ex.w).SetReadDeadline(time.Unix(1, 0))
		}
		return
	}
	_ = ex.answer.Body.Close() // which ends a Read under way
	if client {
		// Not every writer can; then the write ends with the connection.
		_ = http.NewResponseController(ex.w).SetWriteDeadline(time.Unix(1, 0))
	}
}

// stall returns why the exchange was given up, or nil.
func (ex *exchange) stall() error {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.stalled
}

func (ex *exchange) endWatch() {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.ended = true
	if ex.timer != nil {
		ex.timer.Stop()
	}
}
