package lane

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// response is the http.ResponseWriter. Beyond that it is what
// http.ResponseController asks for, but for Hijack; an io.ReaderFrom that lets
// the kernel move bytes; and it has Gone.
type response struct {
	x       *exchange
	header  http.Header // the handler's
	isHead  bool
	over    bool // no request is under way
	done    bool // the handler has returned
	started bool // a status is fixed, and wire begins with what is certain of the head
	laid    bool // the head is complete
	chunked bool
	duplex  bool // the request's body is left alone
	closes  bool // the connection ends with this answer
	lingers bool // and the client may still be sending
	status  int
	length  int64 // declared, or -1
	written int64
	special special
	trailer []string // declared

	buffer *outBuffer // from the first output on
	wire   []byte     // goes out next
	dateAt int        // where in wire the text of the Date belongs, or zero
	stage  []byte     // of the body, while it may be the whole of it, or not yet a chunk
	err    error      // of the socket; nothing is written after it
	now    time.Time  // when it was written to last
	pieces [2][]byte  // for writev, with vector
	vector net.Buffers

	deadlines deadlines
}

// deadlines are those that the handler has set, from any of its goroutines.
type deadlines struct {
	open        atomic.Bool // a handler is running; it becomes false under mu
	mu          sync.Mutex  // guards what follows, and is held while one is set
	read, write bool        // it has set them
	// loose: it has taken its write deadline back, so that there is none.
	// Changes under mu.
	loose atomic.Bool
}

func (d *deadlines) begin() { d.open.Store(true) }

// end lets nobody set them any more, and says which were set.
func (d *deadlines) end() (read, write bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open.Store(false)
	read, write = d.read, d.loose.Swap(false) || d.write
	d.read, d.write = false, false
	return read, write
}

var errOver = errors.New("use of a ResponseWriter whose handler has returned")

// begin makes it ready for the next request.
func (w *response) begin(x *exchange) {
	if w.header == nil {
		w.header = make(http.Header, 8)
	}
	w.x, w.isHead, w.length, w.done = x, x.head.method == "HEAD", -1, false
	w.over = false
	w.deadlines.begin()
}

// forget drops what the answer left.
func (w *response) forget() {
	if w.buffer != nil {
		chunkBuffers.Put(w.buffer)
	}
	header := w.header
	if len(header) > maxKept {
		header = nil
	}
	clear(header)
	w.header, w.trailer, w.special = header, nil, special{}
	w.buffer, w.wire, w.stage, w.err, w.vector = nil, nil, nil, nil, nil
	w.started, w.laid, w.chunked, w.duplex, w.closes, w.lingers = false, false, false, false, false, false
	w.status, w.written, w.dateAt, w.over = 0, 0, 0, true
	w.pieces = [2][]byte{}
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. 1xx other than 101 is sent at
// once.
func (w *response) WriteHeader(status int) {
	switch {
	case w.over:
		return
	case w.started:
		w.x.conn.lane.logf("http: superfluous response.WriteHeader call")
		return
	case status < 100 || status > 999:
		panic("invalid WriteHeader code " + strconv.Itoa(status))
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.inform(status)
		return
	}
	w.status, w.started = status, true
	w.startHead()
	if w.isCertain() {
		w.layHead(nil)
	}
}

// isCertain reports whether nothing that the handler writes can change the
// head, and making it now reads nothing of the request.
func (w *response) isCertain() bool {
	if w.x.body != nil && !w.duplex && w.x.body.isOpen() {
		return false
	}
	return !bodyAllowed(w.status) || w.length >= 0 && (w.special.contentType.set || w.special.encoded)
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if err := w.admit(int64(len(p))); err != nil || len(p) == 0 {
		return 0, err
	}
	if w.laid && !w.chunked {
		w.emitStage()
		w.emit(p)
	} else {
		w.hold(p)
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// admit counts n bytes that are to be written, or says why they cannot be.
func (w *response) admit(n int64) error {
	if w.over {
		return errOver
	}
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case n == 0:
		return nil
	case !bodyAllowed(w.status):
		return http.ErrBodyNotAllowed
	case w.err != nil:
		return w.err
	}
	w.written += n
	if w.length >= 0 && w.written > w.length {
		return http.ErrContentLength
	}
	return nil
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() } // the error stays for the next Write

// FlushError is for http.ResponseController.
func (w *response) FlushError() error {
	if w.over {
		return errOver
	}
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	w.emitStage()
	if !w.laid {
		w.layHead(nil)
	}
	w.flush()
	return w.err
}

// SetReadDeadline is for http.ResponseController. It may be called from any
// goroutine while the handler runs.
func (w *response) SetReadDeadline(t time.Time) error {
	w.deadlines.mu.Lock()
	defer w.deadlines.mu.Unlock()
	if !w.deadlines.open.Load() {
		return errOver
	}
	w.deadlines.read = true
	return w.x.conn.tcp.SetReadDeadline(t)
}

// SetWriteDeadline is for http.ResponseController, and replaces the lane's own
// limit. With the zero time that one holds again: no client may take nothing for
// ever. It may be called from any goroutine while the handler runs.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.deadlines.mu.Lock()
	defer w.deadlines.mu.Unlock()
	if !w.deadlines.open.Load() {
		return errOver
	}
	w.deadlines.write = !t.IsZero()
	w.deadlines.loose.Store(t.IsZero())
	return w.x.conn.tcp.SetWriteDeadline(t)
}

// EnableFullDuplex is for http.ResponseController.
func (w *response) EnableFullDuplex() error {
	w.duplex = true
	return nil
}

// Gone reports whether the client has closed the connection or reset it, or
// its sending side, even if bytes wait that nobody has read. It may be called
// from any goroutine while the handler runs.
func (w *response) Gone() bool { return w.x.conn.gone() }

// limitDiscard gives the client a second for the next bytes of a body that
// nobody wants, unless the handler has set a limit.
func (w *response) limitDiscard() {
	w.deadlines.mu.Lock()
	defer w.deadlines.mu.Unlock()
	if !w.deadlines.read {
		_ = w.x.conn.tcp.SetReadDeadline(w.x.conn.lane.clock().Add(time.Second)) // fails only if the socket is closed, which reading tells
	}
}

// finish ends the answer after the handler. It reports whether the connection
// can be used again.
func (w *response) finish() bool {
	w.done = true
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	w.emitStage()
	if !w.laid {
		w.layHead(nil)
	}
	if w.chunked {
		w.endChunks()
	}
	w.flush()
	if form := w.x.memory.request.MultipartForm; form != nil {
		_ = form.RemoveAll() // as net/http: nobody is left to be told
	}
	whole := w.err == nil && (w.isHead || w.length < 0 || !bodyAllowed(w.status) || w.length == w.written)
	return w.finishBody() && whole && !w.closes
}

// finishBody reads what is left of the request's body where that is worth it.
func (w *response) finishBody() bool {
	b := w.x.body
	if b == nil {
		return true
	}
	if w.err != nil {
		return false
	}
	if !w.closes {
		_ = b.Close() // what it could not read counts below
	}
	whole, early := b.ended()
	w.lingers = w.lingers || early || !whole && w.closes
	return whole
}

// bodyAllowed reports whether an answer may have a body (RFC 9110, 6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// trailers returns what goes behind the last chunk.
func (w *response) trailers() http.Header {
	var t http.Header
	add := func(name string, values []string) {
		if t == nil {
			t = make(http.Header)
		}
		t[name] = append(t[name], values...)
	}
	for name, values := range w.header {
		if isTrailer(name) {
			add(name[len(http.TrailerPrefix):], slices.Clone(values))
		}
	}
	for _, name := range w.trailer {
		add(name, w.header[name])
	}
	return t
}

var (
	_ http.Flusher    = (*response)(nil)
	_ io.StringWriter = (*response)(nil)
	_ io.ReaderFrom   = (*response)(nil)
)
