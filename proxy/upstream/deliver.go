package upstream

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// holdHead is how long an answer's head waits for the body's first bytes, to
// go in one packet with them.
const holdHead = 20 * time.Millisecond

// smallPiece is what net/http keeps to itself until the handler returns: a
// write of that much does not wait for the client.
const smallPiece = 4 << 10

// deliver sends the answer whose head was read to the client.
func (ex *exchange) deliver() error {
	l := &ex.line
	if l.head.framing == noBody {
		if l.in.len() > 0 {
			l.head.keep = false
			l.in.release()
		}
		ex.giveBack()
		ex.writeHead()
		return nil
	}
	ex.writeHead()
	if l.in.len() == 0 {
		if err := ex.awaitBody(); err != nil && !errors.Is(err, io.EOF) {
			return ex.lost(err)
		}
	}
	switch l.head.framing {
	case counted:
		return ex.deliverCounted(l.head.length)
	case chunked:
		return ex.deliverChunks()
	default:
		return ex.deliverRest()
	}
}

// writeHead gives the client's header the fields of the answer and begins the
// answer. What stood there before stays unless the server says it as well and
// Response leaves that.
func (ex *exchange) writeHead() {
	l := &ex.line
	dst := ex.w.Header()
	var few [8]headerLine
	before := few[:0]
	for name, values := range dst {
		before = append(before, headerLine{})
		line := &before[len(before)-1] // a composite literal would be copied
		line.name, line.values = name, values
	}
	if l.head.clashes(before) {
		ex.mergeHead(dst)
	} else {
		l.head.copyTo(dst)
		if ex.out.Response != nil {
			ex.out.Response(l.head.status, dst)
		}
		for i := range before {
			if _, ok := dst[before[i].name]; !ok {
				dst[before[i].name] = before[i].values
			}
		}
	}
	kind, ok := dst["Content-Type"]
	if !ok {
		dst["Content-Type"] = nil // or the server would guess one
	}
	l.events = isEventStream(kind)
	if len(l.head.trailer) > 0 {
		dst["Trailer"] = slices.Sorted(maps.Keys(l.head.trailer))
	}
	if ex.body != nil && !ex.body.done() {
		ex.answerEarly(dst)
	}
	ex.report.Status = l.head.status
	ex.w.WriteHeader(l.head.status)
}

// clashes reports whether the answer has a field of those, or if there is
// another reason to keep the two apart.
func (a *answerHead) clashes(before []headerLine) bool {
	for i := range before {
		if before[i].name == "Content-Type" {
			return true
		}
		for _, f := range a.fields {
			if f.name == before[i].name {
				return true
			}
		}
	}
	return false
}

// mergeHead is for an answer that says what stood in dst before: Response sees
// only what the server said.
func (ex *exchange) mergeHead(dst http.Header) {
	h := make(http.Header, len(ex.line.head.fields))
	ex.line.head.copyTo(h)
	if ex.out.Response != nil {
		ex.out.Response(ex.line.head.status, h)
	}
	maps.Copy(dst, h)
	if _, ok := h["Content-Type"]; !ok {
		dst["Content-Type"] = nil
	}
}

// awaitBody waits for the first bytes of the body. If they take their time the
// client gets the head alone.
func (ex *exchange) awaitBody() error {
	l := &ex.line
	l.bound()
	err := l.conn.try()
	if !errors.Is(err, errNothingYet) && !isTimeout(err) { // the limit was that of the head
		return err
	}
	l.now = time.Now()
	idle := ex.up.cfg.Timeouts.Idle
	if idle == 0 || idle > holdHead {
		if err := ex.expectBy(l.now.Add(holdHead)); err != nil {
			return err
		}
		if err := l.conn.receive(); !isTimeout(err) {
			return err
		}
		// A client that is gone is noticed by the next write.
		watch := ex.watchWrites()
		watch.begin(time.Now())
		_ = http.NewResponseController(ex.w).Flush()
		watch.done()
	}
	return ex.receive()
}

// bound keeps the inbox from taking in more than the body.
func (l *line) bound() {
	l.in.bound = 0
	if l.head.framing == counted {
		l.in.bound = int(min(l.head.length, 1<<30))
	}
}

// receive waits for more of the answer's body. As long as that of the request
// moves nothing stands still.
func (ex *exchange) receive() error {
	l := &ex.line
	for {
		moved := ex.moved.Load()
		l.now = time.Now()
		if err := ex.expect(ex.up.cfg.Timeouts.Idle); err != nil {
			return err
		}
		if err := l.conn.receive(); err == nil || ex.moved.Load() == moved || !isTimeout(err) {
			return err
		}
	}
}

// deliverCounted sends a body of which so many bytes are left.
func (ex *exchange) deliverCounted(left int64) error {
	l := &ex.line
	flush := l.events
	for {
		piece := l.in.bytes()
		if int64(len(piece)) > left {
			piece = piece[:left]
			l.head.keep = false
		}
		if left -= int64(len(piece)); left == 0 {
			ex.giveBack()
		}
		if err := ex.pass(piece, flush && left > 0); err != nil {
			return err
		}
		if left == 0 {
			l.in.release()
			return nil
		}
		l.in.use(len(piece))
		var err error
		if left, err = ex.move(left); left == 0 || err != nil {
			return err
		}
		l.in.wantsLarge = left > pieceSize && !ex.slow
		l.in.bound = int(min(left, 1<<30))
		if err := ex.receive(); err != nil {
			return ex.lost(err)
		}
	}
}

// deliverChunks sends a body in chunks, and passes on at once whatever comes.
func (ex *exchange) deliverChunks() error {
	l := &ex.line
	announced := len(l.head.trailer)
	for {
		came := l.in.bytes()
		data, used, err := l.chunks.decode(came)
		if err == nil && l.chunks.over() {
			err = ex.endChunks(used == len(came))
		}
		more := err == nil && !l.chunks.over()
		if werr := ex.pass(data, more); werr != nil {
			return werr
		}
		if err != nil {
			return ex.lost(err)
		}
		l.in.wantsLarge = len(came) >= pieceSize && !ex.slow
		l.in.release()
		if !more {
			break
		}
		if err := ex.receive(); err != nil {
			return ex.lost(err)
		}
	}
	if len(l.head.trailer) > 0 {
		ex.sendTrailer(l.head.trailer, announced)
	}
	return nil
}

// endChunks reads the trailer and gives the connection back.
func (ex *exchange) endChunks(exact bool) error {
	l := &ex.line
	trailer, err := l.chunks.addTrailer(l.head.trailer)
	if err != nil {
		return err
	}
	l.head.trailer = trailer
	l.head.keep = l.head.keep && exact
	ex.giveBack()
	return nil
}

// deliverRest sends all that comes until the server closes the connection.
func (ex *exchange) deliverRest() error {
	l := &ex.line
	for {
		if piece := l.in.bytes(); len(piece) > 0 {
			if err := ex.pass(piece, true); err != nil {
				return err
			}
			l.in.wantsLarge = len(piece) >= pieceSize && !ex.slow
			l.in.release()
		}
		err := ex.receive()
		if errors.Is(err, io.EOF) {
			ex.giveBack()
			return nil
		}
		if err != nil {
			return ex.lost(err)
		}
	}
}

// pass writes a piece of the body to the client.
func (ex *exchange) pass(p []byte, flush bool) error {
	if len(p) <= smallPiece && ex.report.Bytes == 0 && !flush {
		n, err := ex.w.Write(p) // which only keeps it
		return ex.passed(int64(n), err)
	}
	for len(p) > 0 {
		n := min(len(p), ex.stride)
		if err := ex.put(p[:n], flush && n == len(p)); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// put writes under watch, and learns how quick the client is.
func (ex *exchange) put(p []byte, flush bool) error {
	watch, began := ex.watchWrites(), time.Now()
	watch.begin(began)
	n, err := ex.w.Write(p)
	if err == nil && flush {
		err = http.NewResponseController(ex.w).Flush()
	}
	watch.done()
	ex.learn(began)
	return ex.passed(int64(n), err)
}

// learn chooses the next pieces by how long the last one took.
func (ex *exchange) learn(began time.Time) {
	ex.line.now = time.Now()
	if ex.slow = ex.line.now.Sub(began) >= slowWrite; ex.slow {
		ex.stride = slowStride
		return
	}
	ex.stride = min(2*ex.stride, ex.widest())
}

// passed counts what the client took, and says why it took no more.
func (ex *exchange) passed(n int64, err error) error {
	ex.report.Bytes += n
	switch {
	case err == nil:
		return nil
	case ex.writes.end():
		return fmt.Errorf("%w: no byte for %s", ErrClientGone, ex.up.cfg.Timeouts.Idle)
	}
	return fmt.Errorf("%w: %w", ErrClientGone, err)
}

// lost says why reading the answer's body failed.
func (ex *exchange) lost(err error) error {
	if ended := ex.ended(); ended != nil {
		return ended
	}
	if ex.body != nil {
		if stalled := ex.stall(); stalled != nil {
			return stalled
		}
		if bad := ex.body.fault(); bad != nil {
			return bad
		}
	}
	switch {
	case isTimeout(err):
		return ex.standstill()
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrBrokenAnswer, err)
}
