package upstream

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// The body of a request goes over a connection of our own from the goroutine
// that serves the client: it reads a piece and writes it. Most are sent at once
// and then the answer is waited for, as after a request without a body. Only
// where that takes its time somebody else listens to the server meanwhile: it
// may answer before it has read the body (uploadaside.go).

// aloneFor is how long sending may take until somebody else listens, and how
// long a head waits for the first bytes of its body, to go in one packet with
// them.
const aloneFor = 5 * time.Millisecond

// errNotWhole: the body cannot be sent to its end. The body knows why.
var errNotWhole = errors.New("request body is not whole")

// upload is the sending of a request with a body. One goroutine sends, which
// is that of Forward. From the moment when another listens only that one may
// use the line of the exchange.
type upload struct {
	ex      *exchange
	conn    *plainConn // for sending
	armed   reset
	timer   *time.Timer   // of tick
	unblock func(_ error) // ends a read of the client; a method, bound once
	rest    [1]byte       // for what comes after the body
	buffer  []byte        // in which bytes wait
	small   []byte        // that of the letter
	large   *[largeSize]byte
	slow    bool // the client is
	spoilt  bool // tick may come late: not to be used again

	sending sync.Mutex // held while the buffer is written to the server

	mu         sync.Mutex // guards what follows
	have, gone int        // buffer[gone:have] is still to be sent
	over       bool       // nothing more is sent
	whole      bool       // all was sent
	aside      *aside     // who listens; nil = nobody
	seen       uint32     // of exchange.moved
	since      time.Time  // of the last move
}

// converseWithBody sends the letter, which is the head, and the body, and reads
// the head of the answer.
func (ex *exchange) converseWithBody(s *server, t *try) error {
	err := ex.connectQuietly(s, t)
	if err == nil {
		err = ex.beginUpload().run(t)
	}
	if err != nil {
		t.late = t.late || isTimeout(err) && ex.line.conn != nil && ex.sent()
		ex.hangUp()
		if t.stale && ex.body.fault() == nil {
			s.plain.drop() // the others are no better
		}
	}
	return err
}

// connectQuietly takes an idle connection of which the server has not said
// anything, or makes one. That must be known before the body is touched: then
// it is too late for another server.
func (ex *exchange) connectQuietly(s *server, t *try) error {
	for {
		from, err := ex.connect(s)
		if err != nil {
			return err
		}
		t.stale = from == wireListen
		if !t.stale || ex.line.conn.raw == nil {
			return nil
		}
		if err := ex.line.conn.run(wireListen); !errors.Is(err, errSpoke) {
			return err
		}
		ex.hangUp()
	}
}

func (ex *exchange) beginUpload() *upload {
	u := ex.upload
	if u == nil {
		u = &upload{ex: ex}
		u.unblock = u.endReading
		ex.upload = u
	}
	letter := ex.line.letter
	u.conn = ex.line.conn
	u.small = letter.lent[:]
	u.buffer = letter.left[:cap(letter.left)]
	u.mu.Lock() // or tick might be quicker
	defer u.mu.Unlock()
	u.have = len(letter.left)
	if u.timer == nil {
		u.timer = time.AfterFunc(aloneFor, u.tick)
	} else {
		u.timer.Reset(aloneFor)
	}
	return u
}

// forgetUpload makes the upload ready for another exchange.
func (ex *exchange) forgetUpload() {
	u := ex.upload
	ex.moved.Store(0)
	ex.stalled = nil
	if u.spoilt {
		ex.upload = nil
		return
	}
	u.conn, u.buffer, u.small, u.slow = nil, nil, nil, false
	u.have, u.gone, u.over, u.whole, u.aside = 0, 0, false, false, nil
	u.seen, u.since = 0, time.Time{}
}

// run sends all, and waits for the head of the answer if nobody else does.
func (u *upload) run(t *try) error {
	ex := u.ex
	err := ex.line.halt.bind(u.unblock) // the cut has the connection already
	if err == nil {
		err = u.fill()
	}
	if err == nil && ex.body.done() && u.stop() {
		if err = u.sendAtOnce(t); !errors.Is(err, errNotAllSent) {
			return err
		}
		u.resume()
		err = nil
	}
	if err == nil {
		err = u.pump()
	}
	u.release()
	if a := u.end(err); a != nil {
		return a.join(t)
	}
	return u.listenAlone(t, err)
}

// fill reads the first piece of the body into the letter, if there is room.
func (u *upload) fill() error {
	if u.have == len(u.buffer) {
		return nil
	}
	return u.read()
}

// read puts a piece of the body behind what waits in the buffer. With the last
// one it makes sure that nothing comes after: before it is sent, so that the
// server never has a body whole that its reader has not let go of.
func (u *upload) read() error {
	b := u.ex.body
	free := u.buffer[u.have:]
	if left := b.left(); int64(len(free)) > left {
		free = free[:left]
	}
	n, err := b.take(free)
	if err == nil && b.left() == 0 {
		_, err = b.take(u.rest[:])
	}
	if err != nil && !b.done() || b.fault() != nil {
		return errNotWhole
	}
	u.ex.moved.Add(1)
	u.mu.Lock()
	u.have += n
	u.mu.Unlock()
	return nil
}

// stop ends the watch of sending, unless somebody else has begun to listen.
func (u *upload) stop() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.aside != nil {
		return false
	}
	u.over, u.whole = true, true
	u.spoilt = !u.timer.Stop() || u.spoilt
	return true
}

// resume takes stop back: not all was sent.
func (u *upload) resume() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over, u.whole = false, false
	u.gone = u.have - len(u.ex.line.letter.left)
	u.timer.Reset(aloneFor)
}

// sendAtOnce sends a letter that holds all there is to send, and reads the head
// of the answer.
func (u *upload) sendAtOnce(t *try) error {
	ex, l := u.ex, &u.ex.line
	l.letter.left = u.buffer[:u.have]
	l.now = time.Now()
	if err := ex.expect(ex.up.cfg.Timeouts.FirstByte); err != nil {
		return err
	}
	before := l.in.everything
	err := l.conn.ask(&l.letter, wireSend)
	if err == nil {
		err = ex.readHead()
	}
	t.began = l.in.everything > before
	return err
}

// pump sends what waits and reads on, to the end of the body.
func (u *upload) pump() error {
	for {
		if err := u.flush(); err != nil {
			return err
		}
		if u.ex.body.done() {
			return nil
		}
		if err := u.move(); err != nil {
			return err
		}
		if u.ex.body.done() {
			return nil
		}
		u.chooseBuffer()
		if err := u.read(); err != nil {
			return err
		}
	}
}

// flush sends what waits. The connection ends in a reset until the body is
// whole.
func (u *upload) flush() error {
	u.sending.Lock()
	defer u.sending.Unlock()
	return u.push()
}

// push is flush for who holds sending.
func (u *upload) push() error {
	u.mu.Lock()
	waits := u.buffer[u.gone:u.have]
	u.mu.Unlock()
	if len(waits) == 0 {
		return nil
	}
	u.armed.arm(u.conn.Conn)
	n, err := u.conn.transmit(waits, &u.ex.moved)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.gone += n
	return err
}

// chooseBuffer makes the buffer, from which all was sent, empty. It is a large
// one only for a client that has filled the small one: others would hold it
// while they are waited for.
func (u *upload) chooseBuffer() {
	u.mu.Lock()
	defer u.mu.Unlock()
	full := u.have == len(u.buffer)
	u.slow = u.slow && !full
	u.have, u.gone = 0, 0
	switch {
	case full && u.large == nil && u.ex.body.left() > int64(len(u.small)):
		u.large, _ = copyBuffers.Get().(*[largeSize]byte)
	case !full && u.large != nil:
		u.giveBack()
	}
	u.buffer = u.small
	if u.large != nil {
		u.buffer = u.large[:]
	}
}

func (u *upload) giveBack() {
	copyBuffers.Put(u.large)
	u.large = nil
}

// release gives the large buffer back at the end.
func (u *upload) release() {
	u.sending.Lock()
	defer u.sending.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.large != nil {
		u.buffer, u.have, u.gone = nil, 0, 0
		u.giveBack()
	}
}

// listenAlone reads the head of the answer after all was sent, or failed to be.
// The server may have answered before it took no more.
func (u *upload) listenAlone(t *try, failure error) error {
	ex, l := u.ex, &u.ex.line
	if errors.Is(failure, errNotWhole) {
		return failure
	}
	if ended := ex.ended(); ended != nil {
		return ended
	}
	l.now = time.Now()
	before := l.in.everything
	err := ex.expect(ex.up.cfg.Timeouts.FirstByte)
	if err == nil {
		err = l.conn.receive()
	}
	if err == nil {
		err = ex.readHead()
	}
	t.began = l.in.everything > before
	if err != nil && failure != nil && !t.began {
		return failure
	}
	return err
}

// end ends the watch of sending, and returns who listens, if anybody does.
// failure says why not all was sent; nil = it was.
func (u *upload) end(failure error) *aside {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over, u.whole = true, failure == nil
	u.spoilt = !u.timer.Stop() || u.spoilt
	if u.whole {
		u.armed.disarm()
	}
	a, ex := u.aside, u.ex
	if a == nil {
		return nil
	}
	u.spoilt = true
	close(a.sent)
	switch {
	case errors.Is(failure, errNotWhole) || failure != nil && (ex.stall() != nil || ex.ended() != nil):
		_ = u.conn.Close() // which ends the listening
	case !a.head: // the rest of the time is the server's
		limit := ex.up.cfg.Timeouts.FirstByte
		_ = ex.line.halt.limitRead(u.conn.Conn, time.Now().Add(limit+limit/8)) // fails only if it was ended, which listening tells
	}
	return a
}

// sent reports whether all of the request was sent.
func (ex *exchange) sent() bool {
	u := ex.upload
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.whole
}

// endReading ends a read of the client that is under way, and all that follow.
func (u *upload) endReading(error) {
	// Not every reader can be ended; then its own end is waited for.
	_ = http.NewResponseController(u.ex.w).SetReadDeadline(past())
}
