package upstream

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// lingerBody bounds the wait for a body that nobody wants any more.
const lingerBody = time.Second

// requestBody is the body of a request, which one attempt at a time may read.
type requestBody struct {
	src      io.Reader
	length   int64 // -1 = unknown
	expected bool  // the client waits for 100 Continue

	mu      sync.Mutex // guards the fields below
	reader  *attempt   // who may read; nil = nobody any more
	touched bool
	reading bool
	eof     bool
	taken   int64
	err     error         // of src, but for io.EOF
	retired bool          // nothing more is read
	quiet   chan struct{} // closed when the read under way ends; nil = nobody waits
}

// give lets a, and nobody else from now on, read.
func (b *requestBody) give(a *attempt) {
	b.mu.Lock()
	b.reader = a
	b.mu.Unlock()
}

func (b *requestBody) read(a *attempt, p []byte) (int, error) {
	b.mu.Lock()
	if b.reader != a {
		b.mu.Unlock()
		return 0, errNotWanted
	}
	b.touched, b.reading = true, true
	b.mu.Unlock()

	n, err := b.src.Read(p)
	b.took(int64(n), err)
	return n, err
}

// took notes what came of a read.
func (b *requestBody) took(n int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	b.taken += n
	if err == io.EOF { //nolint:errorlint // only the plain io.EOF is an end
		b.eof = true
	} else if err != nil && b.err == nil {
		b.err = err
	}
	if b.quiet != nil {
		close(b.quiet)
		b.quiet = nil
	}
}

// untouched reports whether nothing was read, and takes the body from a, so
// that it stays so.
func (b *requestBody) untouched(a *attempt) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader == a {
		b.reader = nil
	}
	return !b.touched && !b.retired
}

func (b *requestBody) untouchedYet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.touched
}

// done reports whether the body was read to its end.
func (b *requestBody) done() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.eof
}

// fault returns the error of the body's own reader, or ErrBadRequest if the
// body was not as long as announced.
func (b *requestBody) fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return fmt.Errorf("request body: %w", b.err)
	case b.length >= 0 && (b.taken > b.length || b.eof && b.taken < b.length):
		return fmt.Errorf("%w: body has %d bytes of %d", ErrBadRequest, b.taken, b.length)
	}
	return nil
}

// retire ends all reading. What is left of the body the server would read, to
// use the connection again, before it lets go of it. That gets an end here by a
// deadline on the client's connection, which the server sets anew for each
// request: at once if a read is under way or the client was not told to go on,
// and otherwise late enough to spare a client that is still sending a reset. A
// client that is gone, or whose exchange was cut, is spared nothing.
func (b *requestBody) retire(w http.ResponseWriter, gone error) {
	b.mu.Lock()
	b.reader = nil
	if b.eof || b.retired {
		b.mu.Unlock()
		return
	}
	b.retired = true
	deadline := time.Unix(1, 0)
	if !b.reading && gone == nil && (b.touched || !b.expected) {
		deadline = time.Now().Add(lingerBody)
	}
	var quiet chan struct{}
	if b.reading {
		quiet = make(chan struct{})
		b.quiet = quiet
	}
	b.mu.Unlock()
	if http.NewResponseController(w).SetReadDeadline(deadline) != nil || quiet == nil {
		return
	}
	// The body may come from elsewhere than the connection.
	patience := time.NewTimer(lingerBody)
	defer patience.Stop()
	select {
	case <-quiet:
	case <-patience.C:
	}
}
