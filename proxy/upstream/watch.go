package upstream

import (
	"fmt"
	"math"
	"net/http"
	"time"
)

const (
	// ticksPerIdle is how often the watch looks within the idle timeout.
	ticksPerIdle = 4
	// soonest is the shortest time between two looks.
	soonest = time.Millisecond
)

// startWatch starts the one timer of an exchange.
func (ex *exchange) startWatch() {
	first := holdHead
	if limit := ex.up.cfg.Timeouts.FirstByte; limit > 0 {
		first = min(first, limit)
	}
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.since = time.Now()
	ex.timer = time.AfterFunc(first, ex.tick)
}

// watchAnswer turns the watch to the answer's body, and to its head as long
// as that waits in the server's buffers.
func (ex *exchange) watchAnswer(resp *http.Response) {
	now := time.Now()
	ex.mu.Lock()
	defer ex.mu.Unlock()
	ex.answer = resp
	ex.headHeld = true
	ex.seen, ex.since = ex.moved.Load(), now
	if now.Sub(ex.start) > holdHead/2 { // else the first tick comes soon enough
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

// tick is what the timer does: it lets a held head go and ends what takes too
// long.
func (ex *exchange) tick() {
	now := time.Now()
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.over {
		return
	}
	if ex.headHeld {
		ex.headHeld = false
		// A client that is gone is noticed by the next write.
		_ = http.NewResponseController(ex.w).Flush()
	}
	limit := ex.patience()
	if moved := ex.moved.Load(); limit == 0 || moved != ex.seen {
		ex.seen, ex.since = moved, now
	}
	left := ex.headLeft()
	switch {
	case limit > 0 && now.Sub(ex.since) >= limit:
		ex.giveUp()
		return
	case left <= 0:
		ex.attempt.timeOut()
	}
	if next := ex.nextTick(left); next > 0 {
		ex.timer.Reset(next)
	}
}

// unlimited stands for the time that is left where there is no limit.
const unlimited = time.Duration(math.MaxInt64)

// headLeft returns how long the answer's head may still take; at most zero
// means that it is late. The time runs from the end of the request. The
// caller holds mu.
func (ex *exchange) headLeft() time.Duration {
	limit := ex.up.cfg.Timeouts.FirstByte
	if limit == 0 || ex.answer != nil || ex.attempt == nil || ex.attempt.timedOut {
		return unlimited
	}
	wrote := ex.attempt.wrote.Load()
	if wrote == 0 {
		return limit // at least
	}
	return limit - (time.Since(ex.start) - time.Duration(wrote))
}

// nextTick returns when to look again; 0 = there is nothing to look for.
func (ex *exchange) nextTick(headLeft time.Duration) time.Duration {
	next := ex.up.cfg.Timeouts.Idle / ticksPerIdle
	if headLeft <= 0 { // another attempt may follow
		headLeft = ex.up.cfg.Timeouts.FirstByte
	}
	switch {
	case headLeft == unlimited && next == 0:
		return 0
	case next == 0:
		next = headLeft
	}
	return max(min(next, headLeft), soonest)
}

// patience is the time without a move after which an exchange is given up; 0 =
// nothing need move now. The caller holds mu.
func (ex *exchange) patience() time.Duration {
	idle := ex.up.cfg.Timeouts.Idle
	if ex.answer != nil {
		return idle
	}
	if ex.body == nil {
		return 0
	}
	ex.body.mu.Lock()
	defer ex.body.mu.Unlock()
	if !ex.body.touched || ex.body.eof && ex.attempt != nil && ex.attempt.wrote.Load() != 0 {
		return 0 // the wait for the head has a limit of its own
	}
	return idle
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
	if ex.attempt != nil {
		ex.attempt.cancel(ex.stalled)
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
	ex.over = true
	if ex.timer != nil {
		ex.timer.Stop()
	}
}
