package upstream

import (
	"errors"
	"fmt"
	"time"
)

// settleFor is how long an answer that is over waits for the last write of a
// body that was read to its end.
const settleFor = 50 * time.Millisecond

// aside is who listens to the server while the body is sent. It has the line
// of the exchange, but for the sending, from its beginning to its end.
type aside struct {
	sent chan struct{} // closed when sending is over
	done chan struct{} // closed when listening is over; what follows is to be read only then

	head     bool // of the answer is there; guarded by the upload's mu
	try      try
	err      error // why there is no head
	answered bool  // delivered is valid
	broken   error // what came of delivering the answer
	panicked any
}

// tick lets somebody listen when sending takes its time, and gives up a body
// that stands still.
func (u *upload) tick() {
	u.mu.Lock()
	first := !u.over && u.aside == nil
	switch {
	case first:
		u.seen, u.since = u.ex.moved.Load(), time.Now()
		u.aside = &aside{sent: make(chan struct{}), done: make(chan struct{})}
		// The limit for the head runs from the end of the request.
		_ = u.ex.line.halt.limitRead(u.conn.Conn, time.Time{}) // fails only if it was ended, which listening tells
		u.tickAgain()
	case u.over || u.aside.head: // the answer has limits of its own
	case u.standsStill():
		u.giveUp()
	default:
		u.tickAgain()
	}
	a := u.aside
	u.mu.Unlock()
	if first {
		u.listen(a)
	}
}

// tickAgain sets the timer. The caller holds mu.
func (u *upload) tickAgain() {
	if idle := u.ex.up.cfg.Timeouts.Idle; idle > 0 {
		u.timer.Reset(max(idle/ticksPerIdle, soonest))
	}
}

// standsStill reports whether no byte moved for the idle time. The caller holds
// mu.
func (u *upload) standsStill() bool {
	now := time.Now()
	if moved := u.ex.moved.Load(); moved != u.seen {
		u.seen, u.since = moved, now
	}
	return now.Sub(u.since) >= u.ex.up.cfg.Timeouts.Idle
}

// giveUp ends the sending of a body that stands still. The caller holds mu.
func (u *upload) giveUp() {
	ex := u.ex
	reason, client := ErrTimeout, u.gone == u.have && ex.body.isRead() && u.conn.takesMore()
	if client {
		reason = ErrClientGone
	}
	ex.mu.Lock()
	ex.stalled = fmt.Errorf("%w: no byte for %s", reason, ex.up.cfg.Timeouts.Idle)
	ex.mu.Unlock()
	if client {
		u.endReading(nil)
		return
	}
	_ = u.conn.SetDeadline(past()) // fails only if it is closed
}

// listen waits for the answer and delivers it.
func (u *upload) listen(a *aside) {
	defer close(a.done)
	whole := false
	defer func() {
		if !whole {
			a.panicked = recover()
			u.giveLineUp()
		}
	}()
	ex := u.ex
	ex.line.conn.readBy = past() // not known any more
	if a.err = u.awaitHead(a); a.err != nil {
		v := ex.judge(&a.try, a.err) // before the client's connection feels it
		a.try.verdict = &v
	} else {
		ex.noteHead()
		a.answered, a.broken = true, ex.deliver()
	}
	u.giveLineUp()
	whole = true
}

// giveLineUp ends the sending if it is still under way.
func (u *upload) giveLineUp() {
	u.ex.hangUp()
	u.ex.body.retire(u.ex.w, u.ex.ended())
}

// awaitHead reads the head of the answer. If the body is late its head goes
// first.
func (u *upload) awaitHead(a *aside) error {
	if u.sending.TryLock() {
		_ = u.push() // what fails here fails again when it is gone on with
		u.sending.Unlock()
	}
	ex, l := u.ex, &u.ex.line
	before := l.in.everything
	err := l.conn.receive()
	if err == nil {
		err = ex.readHead()
	}
	a.try.began = l.in.everything > before
	u.mu.Lock()
	defer u.mu.Unlock()
	a.head = err == nil
	a.try.late = isTimeout(err) && u.whole
	return err
}

// join waits for the end of listening and takes its result over.
func (a *aside) join(t *try) error {
	<-a.done
	if a.panicked != nil {
		panic(a.panicked)
	}
	a.try.stale = t.stale
	*t = a.try
	return a.err
}

// conclude delivers the answer whose head was read, unless who read it has done
// so.
func (ex *exchange) conclude() error {
	if u := ex.upload; u != nil && u.aside != nil && u.aside.answered {
		return u.aside.broken
	}
	return ex.deliver()
}

// bodySent reports whether the server got the whole body, so that its
// connection can be used again.
func (ex *exchange) bodySent() bool {
	if ex.body == nil {
		return true
	}
	u := ex.upload
	u.mu.Lock()
	a, over, whole := u.aside, u.over, u.whole
	u.mu.Unlock()
	if over || a == nil || !ex.body.done() {
		return over && whole
	}
	// The server may have been quicker than the end of the last write.
	patience := time.NewTimer(settleFor)
	defer patience.Stop()
	select {
	case <-a.sent:
		return ex.sent()
	case <-patience.C:
		return false
	}
}

// take reads from the body, unless nobody may any more.
func (b *requestBody) take(p []byte) (n int, err error) {
	b.mu.Lock()
	if b.retired {
		b.mu.Unlock()
		return 0, errNotWanted
	}
	b.touched, b.reading = true, true
	b.mu.Unlock()
	for range maxEmptyReads {
		if n, err = b.src.Read(p); n > 0 || err != nil {
			b.took(int64(n), err)
			return n, err
		}
	}
	b.took(0, errNoProgress)
	return 0, errNoProgress
}

// maxEmptyReads is how often in a row a reader may have nothing to say.
const maxEmptyReads = 100

var errNoProgress = errors.New("reader makes no progress")

// left returns how much is still to be read.
func (b *requestBody) left() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.length - b.taken
}

// isRead reports whether somebody waits for more of it.
func (b *requestBody) isRead() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reading
}
