package lane

import (
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

const (
	wireSize  = 4 << 10 // of the buffer before the socket
	stageSize = 2 << 10 // of a body that is not yet a chunk, as in net/http
	// pieceSize is what the kernel moves between two looks at the clock: a
	// client that takes 5 KiB a second is still served.
	pieceSize = 256 << 10
)

// outBuffer is held while an answer is made.
type outBuffer struct {
	wire  [wireSize]byte
	stage [stageSize]byte
}

func (w *response) acquire() {
	if w.buffer == nil {
		w.buffer, _ = chunkBuffers.Get().(*outBuffer)
		w.wire, w.stage = w.buffer.wire[:0], w.buffer.stage[:0]
	}
}

// hold keeps bytes of the body until they are a chunk, or the handler returns.
func (w *response) hold(p []byte) {
	for len(p) > stageSize-len(w.stage) && w.err == nil {
		if len(w.stage) == 0 {
			w.emit(p)
			return
		}
		n := stageSize - len(w.stage)
		w.stage = append(w.stage, p[:n]...)
		p = p[n:]
		w.emitStage()
	}
	w.stage = append(w.stage, p...)
}

func (w *response) emitStage() {
	if len(w.stage) > 0 {
		w.emit(w.stage)
		w.stage = w.stage[:0]
	}
}

// emit sends bytes of the body, after the head and in the form that it says.
func (w *response) emit(p []byte) {
	if !w.laid {
		w.layHead(p)
	}
	switch {
	case w.isHead:
	case w.chunked:
		w.wire = strconv.AppendInt(w.wire, int64(len(p)), 16)
		w.wire = append(w.wire, '\r', '\n')
		w.send(p)
		w.wire = append(w.wire, '\r', '\n')
	default:
		w.send(p)
	}
}

// endChunks ends a body in chunks.
func (w *response) endChunks() {
	w.wire = append(w.wire, "0\r\n"...)
	for name, all := range w.trailers() {
		w.wire = appendField(w.wire, name, all)
	}
	w.wire = append(w.wire, '\r', '\n')
}

// send puts bytes on the wire: into the buffer if they fit, otherwise out,
// together with what is there.
func (w *response) send(p []byte) {
	if len(w.wire)+len(p) <= wireSize {
		w.wire = append(w.wire, p...)
		return
	}
	w.push(w.wire, p)
	w.wire = w.wire[:0]
}

// flush writes out what is buffered.
func (w *response) flush() {
	if len(w.wire) > 0 {
		w.push(nil, w.wire)
		w.wire = w.wire[:0]
	}
}

// push writes to the socket, in one system call if that takes all. A client
// that takes some of it in time may go on. The Date of a head, which is still
// in wire, is that of its first write: the clock is read once.
func (w *response) push(first, rest []byte) {
	if w.err != nil {
		return
	}
	w.arm()
	if w.dateAt > 0 {
		copy(w.wire[w.dateAt:], w.x.conn.lane.date.at(w.now))
		w.dateAt = 0
	}
	w.pieces = [2][]byte{first, rest}
	w.vector = w.pieces[:]
	if len(first) == 0 {
		w.vector = w.pieces[1:]
	}
	last := false
	for {
		n, err := w.write()
		if err == nil {
			break
		}
		last = n == 0 && !last // a try shows whether there is room, of which the kernel tells only when it is much
		if !isTimeout(err) || n == 0 && !last || !w.rearm(last) {
			w.err = err
			break
		}
	}
	w.pieces, w.vector = [2][]byte{}, nil
}

func (w *response) write() (int64, error) {
	if len(w.vector) > 1 {
		return w.vector.WriteTo(w.x.conn.tcp)
	}
	n, err := w.x.conn.tcp.Write(w.vector[0])
	w.vector[0] = w.vector[0][n:]
	return int64(n), err
}

// arm sees to it that a write does not wait for ever.
func (w *response) arm() {
	w.now = w.x.conn.lane.clock()
	limit := w.x.conn.lane.allowance
	if w.deadlines.loose.Load() || w.x.conn.writeUntil.Sub(w.now) < limit-limit/8 {
		w.setAllowance(w.now, limit)
	}
}

// rearm reports whether the limit was the lane's own, and set anew: to a short
// one for the last try.
func (w *response) rearm(last bool) bool {
	limit := w.x.conn.lane.allowance
	if last {
		limit /= 8
	}
	return w.setAllowance(w.x.conn.lane.clock(), limit)
}

func (w *response) setAllowance(now time.Time, limit time.Duration) bool {
	w.deadlines.mu.Lock()
	defer w.deadlines.mu.Unlock()
	if w.deadlines.write {
		return false
	}
	w.deadlines.loose.Store(false)
	c := w.x.conn
	c.writeUntil = now.Add(limit)
	return c.tcp.SetWriteDeadline(c.writeUntil) == nil
}

// ReadFrom implements io.ReaderFrom. Where the length of the answer is known
// and src is a TCP connection or a file, or an io.LimitedReader round one, the
// kernel moves the bytes.
func (w *response) ReadFrom(src io.Reader) (n int64, err error) {
	buffer, _ := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buffer)
	out := struct{ io.Writer }{w}
	if !w.laid { // what comes first may tell the type
		n, err = io.CopyBuffer(out, struct{ io.Reader }{io.LimitReader(src, 512)}, buffer[:])
		if err != nil || n < 512 {
			return n, err
		}
		w.emitStage()
	}
	var more int64
	if from, limit := movable(src); from != nil && w.canMove() {
		more, err = w.move(from, limit)
	} else {
		more, err = io.CopyBuffer(out, struct{ io.Reader }{src}, buffer[:])
	}
	return n + more, err
}

// movable returns what the kernel can read from by itself, and the limit that
// goes with it, or nil.
func movable(src io.Reader) (from io.Reader, limit *io.LimitedReader) {
	limit, _ = src.(*io.LimitedReader)
	if limit != nil {
		src = limit.R
	}
	switch src.(type) {
	case *net.TCPConn, *os.File:
		return src, limit
	}
	return nil, nil
}

func (w *response) canMove() bool {
	return w.laid && !w.over && !w.chunked && !w.isHead && w.length >= 0 && bodyAllowed(w.status)
}

// move lets the kernel copy, never more than the length that was declared.
func (w *response) move(from io.Reader, limit *io.LimitedReader) (n int64, err error) {
	w.emitStage()
	w.flush()
	for w.err == nil {
		piece := io.LimitedReader{R: from, N: min(pieceSize, w.length-w.written)}
		if limit != nil {
			piece.N = min(piece.N, limit.N)
		}
		if piece.N <= 0 {
			break
		}
		want := piece.N
		w.arm()
		moved, err := w.x.conn.tcp.ReadFrom(&piece)
		n += moved
		w.written += moved
		if limit != nil {
			limit.N -= want - piece.N
		}
		switch {
		case err != nil:
			w.err = err // bytes may be lost on the way: there is no going on
			return n, err
		case moved < want:
			return n, nil
		}
	}
	if w.err == nil && limit != nil && limit.N > 0 {
		return n, http.ErrContentLength
	}
	return n, w.err
}
