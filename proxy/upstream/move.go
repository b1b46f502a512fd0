package upstream

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

const (
	// moveFrom is how much of a body must be left for it to be worth while
	// that the kernel moves it (splice(2)).
	moveFrom = 512 << 10
	// movePiece is what it moves at a time: a client has the idle time for the
	// first, and is then known to be slow or not.
	movePiece = 256 << 10
)

// move has the kernel move what it can of a body of which so much is left, and
// returns what is left then. It stops at a client that is slow.
func (ex *exchange) move(left int64) (int64, error) {
	to, from := ex.movable(left)
	if from == nil {
		return left, nil
	}
	l := &ex.line
	for left > 0 && !ex.slow {
		if err := ex.expect(ex.up.cfg.Timeouts.Idle); err != nil {
			return left, ex.lost(err)
		}
		want := min(left, movePiece)
		watch, began := ex.watchWrites(), time.Now()
		watch.begin(began)
		n, err := to.ReadFrom(&io.LimitedReader{R: from, N: want})
		watch.done()
		ex.learn(began)
		left -= n
		if n == want && err == nil {
			ex.report.Bytes += n
			continue
		}
		return left, ex.stuck(n, err)
	}
	if left == 0 {
		ex.giveBack()
		l.in.release()
	}
	return left, nil
}

// movable returns the two ends between which the kernel can move a body; nil =
// it cannot, or it is not worth while.
func (ex *exchange) movable(left int64) (io.ReaderFrom, *net.TCPConn) {
	l := &ex.line
	if left < moveFrom || ex.slow || ex.widest() < movePiece || l.events || l.in.len() > 0 || ex.out.Request.ProtoMajor != 1 {
		return nil, nil
	}
	to, ok := ex.w.(io.ReaderFrom)
	if !ok {
		return nil, nil
	}
	from, _ := l.conn.Conn.(*net.TCPConn)
	return to, from
}

// stuck says why no more was moved than n bytes.
func (ex *exchange) stuck(n int64, err error) error {
	if err == nil { // the server has closed the connection
		ex.report.Bytes += n
		return ex.lost(io.EOF)
	}
	if ended := ex.ended(); ended != nil {
		return ended
	}
	if ex.writes.end() || errors.Is(err, syscall.EPIPE) {
		return ex.passed(n, err)
	}
	ex.report.Bytes += n
	if isTimeout(err) {
		return ex.standstill()
	}
	if there := ex.line.conn.try(); there == nil || errors.Is(there, errNothingYet) {
		return ex.passed(0, err) // the server is well
	}
	return ex.lost(err)
}
