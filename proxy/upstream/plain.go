package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/net/http/httpguts"
)

// A plain request goes over a connection of our own, written and read by the
// goroutine that serves the client: net/http.Transport hands each request to
// two other goroutines, which costs more than all the rest. What is not plain
// is the Transport's.

// errSwitched refuses a change of protocol.
var errSwitched = errors.New("switched to a protocol that nobody asked for")

// isPlain reports whether a request can take a connection of our own: nothing
// follows its head but a body of known length, for which no leave is asked.
func (ex *exchange) isPlain(s *server) bool {
	r := ex.out.Request
	if ex.out.Upgrade != "" || s.url.Scheme != "http" || len(r.Header["Expect"]) > 0 {
		return false
	}
	if ex.body != nil && ex.body.length < 0 {
		return false
	}
	// Or the Transport says what is wrong with it.
	return isToken(r.Method) && r.Method != http.MethodConnect && httpguts.ValidHostHeader(r.Host)
}

// line is an exchange's hold on a connection of our own.
type line struct {
	conn   *plainConn // nil = none
	server *server
	halt   *Cut // what ends the exchange; nil = nothing does
	unbind func() bool
	in     inbox
	letter letter
	head   answerHead
	chunks chunks
	infos  int
	vague  bool      // an informational answer left doubts
	events bool      // the client is told of an event stream
	now    time.Time // of late
}

// forget lets go of all that belongs to an exchange that is over.
func (l *line) forget() {
	l.conn, l.server, l.halt, l.unbind = nil, nil, nil, nil
	l.in, l.letter, l.chunks = inbox{}, letter{}, chunks{}
	l.infos, l.vague, l.events, l.now = 0, false, false, time.Time{}
	l.head.forget()
}

// watchClient lets the end of the request's context end the exchange, if that
// context can end.
func (ex *exchange) watchClient() error {
	l := &ex.line
	ctx := ex.client
	if l.unbind != nil { // an attempt by the Transport may have bound the cut to itself meanwhile
		if err := ctx.Err(); err != nil {
			return err // its function may be late
		}
		return ex.out.Cut.bind(l.halt.Now)
	}
	if l.halt != nil {
		return ctx.Err()
	}
	if ctx.Done() == nil { // a cut shows when it is to hold a connection
		l.halt = ex.out.Cut
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	halt := new(Cut) // its own: the function below may still be about to run when the exchange is over
	l.halt = halt
	l.unbind = context.AfterFunc(ctx, func() { halt.Now(ctx.Err()) })
	return ex.out.Cut.bind(halt.Now)
}

// converse sends the request to s over a connection of our own and reads the
// head of the answer.
func (ex *exchange) converse(s *server) (try, error) {
	l := &ex.line
	t := try{}
	if err := ex.watchClient(); err != nil {
		return t, err
	}
	ex.sign(s)
	l.letter.lent = headBuffers.Get().(*[pieceSize]byte)
	defer l.letter.giveBack()
	var err error
	if l.letter.left, err = appendHead(l.letter.lent[:0], ex.out, s.url.Host); err != nil {
		return t, err
	}
	l.now = ex.start
	if ex.report.Attempts > 1 {
		l.now = time.Now()
	}
	if ex.body != nil {
		err = ex.converseWithBody(s, &t)
		return t, err
	}
	before := l.in.everything
	if err = ex.ask(s, &t); err == nil {
		err = ex.readHead()
	}
	t.began = l.in.everything > before
	if err != nil {
		t.late = isTimeout(err) && l.conn != nil
		ex.hangUp()
		if t.stale {
			s.plain.drop() // the others are no better
		}
	}
	return t, err
}

// ask sends the letter over an idle connection, or over a new one, and waits
// for the first bytes of the answer.
func (ex *exchange) ask(s *server, t *try) error {
	for {
		from, err := ex.connect(s)
		if err != nil {
			return err
		}
		l := &ex.line
		t.stale = from == wireListen
		if err := ex.expect(ex.up.cfg.Timeouts.FirstByte); err != nil {
			return err
		}
		switch err = l.conn.ask(&l.letter, from); {
		case errors.Is(err, errNotAllSent):
			return ex.sendRest()
		case !errors.Is(err, errSpoke):
			return err
		}
		ex.hangUp()
	}
}

// sendRest sends what is left of the letter and waits for the first bytes of
// the answer.
func (ex *exchange) sendRest() error {
	l := &ex.line
	if err := l.halt.limitWrite(l.conn.Conn, l.now.Add(ex.up.cfg.Timeouts.FirstByte)); err != nil {
		return err
	}
	if _, err := l.conn.Write(l.letter.left); err != nil {
		return err
	}
	l.letter.giveBack()
	if err := l.halt.limitWrite(l.conn.Conn, time.Time{}); err != nil {
		return err
	}
	l.now = time.Now()
	if err := ex.expect(ex.up.cfg.Timeouts.FirstByte); err != nil {
		return err
	}
	return l.conn.receive()
}

// connect takes an idle connection, or makes one. A second attempt does not
// trust the idle ones any more.
func (ex *exchange) connect(s *server) (wireStage, error) {
	l := &ex.line
	if ex.report.Attempts == 1 {
		if c := s.plain.take(l.now); c != nil {
			return wireListen, ex.hold(s, c)
		}
	}
	ctx, cancel := context.WithCancelCause(ex.client)
	defer cancel(nil)
	if err := l.halt.bind(cancel); err != nil {
		return wireSend, err
	}
	conn, err := s.dial(ctx, "tcp", hostPort(s.url))
	if err != nil {
		_ = l.halt.letGo()
		return wireSend, &dialError{err}
	}
	l.now = time.Now()
	return wireSend, ex.hold(s, newPlainConn(conn))
}

// hold makes c the connection of the exchange.
func (ex *exchange) hold(s *server, c *plainConn) error {
	l := &ex.line
	if err := l.halt.hold(c.Conn); err != nil {
		_ = c.Close()
		return err
	}
	c.in = &l.in
	l.conn, l.server = c, s
	return nil
}

// hangUp closes the connection of the exchange, if it has one.
func (ex *exchange) hangUp() {
	l := &ex.line
	c := l.conn
	l.in.release()
	if c == nil {
		return // and nothing is held
	}
	_ = l.halt.letGo()
	l.conn, c.in = nil, nil
	_ = c.Close()
}

// giveBack ends the use of a connection whose answer was read to its end. It
// is kept only if that end is beyond doubt.
func (ex *exchange) giveBack() {
	l := &ex.line
	c := l.conn
	if l.halt.letGo() != nil || !ex.bodySent() || !l.head.keep || l.vague {
		ex.closeRead(c)
		return
	}
	l.conn, c.in = nil, nil
	l.server.plain.put(c, l.now)
}

// closeRead closes a connection from which everything was read. What of that
// is still to be sent stays in the inbox.
func (ex *exchange) closeRead(c *plainConn) {
	ex.line.conn, c.in = nil, nil
	_ = c.Close()
}

// expect limits the wait for the server. A deadline that is up to an eighth
// later than need be stays as it is, so that hardly a request sets one.
func (ex *exchange) expect(limit time.Duration) error {
	l := &ex.line
	if limit == 0 {
		if l.conn.readBy.IsZero() {
			return nil
		}
		return ex.expectBy(time.Time{})
	}
	if left := l.conn.readBy.Sub(l.now); left >= limit && left <= limit+limit/8 {
		return nil
	}
	return ex.expectBy(l.now.Add(limit + limit/8))
}

func (ex *exchange) expectBy(at time.Time) error {
	l := &ex.line
	l.conn.readBy = at
	return l.halt.limitRead(l.conn.Conn, at)
}

// readHead reads heads until that of the final answer. The first bytes are
// there.
func (ex *exchange) readHead() error {
	l := &ex.line
	budget := maxAnswerHead
	for {
		n, err := ex.readOneHead(budget)
		if err != nil {
			return err
		}
		budget -= n
		err = l.head.understand(l.in.bytes()[:n], ex.out.Request.Method)
		l.in.use(n)
		switch {
		case err != nil:
			return err
		case l.head.status == http.StatusSwitchingProtocols:
			return errSwitched
		case l.head.status >= 200:
			return nil
		}
		if err := ex.passHint(); err != nil {
			return err
		}
	}
}

// readOneHead reads until a head is whole, scans it, and returns its length.
func (ex *exchange) readOneHead(budget int) (int, error) {
	in, head := &ex.line.in, &ex.line.head
	in.bound = 0
	n, err := head.scan(in.bytes()) // mostly it is all there
	for rescan := false; ; rescan = true {
		if rescan && n > 0 && n <= budget {
			n, err = head.scan(in.bytes()[:n])
		}
		seen := in.len()
		switch {
		case err != nil:
			return 0, err
		case n > budget || n == 0 && seen > budget:
			return 0, errHeadTooLarge
		case n > 0:
			return n, nil
		}
		if err := ex.line.conn.receive(); err != nil {
			return 0, err
		}
		n, err = headEnd(in.bytes(), seen)
	}
}

// passHint passes an informational answer on.
func (ex *exchange) passHint() error {
	l := &ex.line
	l.vague = l.vague || !l.head.keep
	if l.infos++; l.infos > maxInformational {
		return errTooManyInformational
	}
	h := make(http.Header, len(l.head.fields))
	l.head.copyTo(h)
	ex.inform(l.head.status, h)
	return nil
}

// standstill is the error for a server that sends nothing within the idle
// time.
func (ex *exchange) standstill() error {
	return fmt.Errorf("%w: no byte for %s", ErrTimeout, ex.up.cfg.Timeouts.Idle)
}
