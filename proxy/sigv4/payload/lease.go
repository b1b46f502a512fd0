package payload

import "sync"

// chunkBuffers holds the buffers of signed chunks that no Encoder uses.
var chunkBuffers = sync.Pool{New: func() any { return new([encodedChunk]byte) }}

// lease gives a buffer back exactly once, though Close may come from another
// goroutine in the middle of a Read, as net/http does when a request is
// cancelled. Neither waits for the other: a buffer in use goes back when its
// Read ends. The zero lease holds none.
type lease struct {
	mu      sync.Mutex // guards the fields below
	buf     *[encodedChunk]byte
	reading bool
	closed  bool
}

// begin opens a Read.
func (l *lease) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return errClosed
	case l.reading:
		return errConcurrent
	}
	l.reading = true
	return nil
}

// end ends a Read that began. After the last one the buffer goes back.
func (l *lease) end(last error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	if l.closed || last != nil {
		l.release()
	}
}

// close ends the lease, now or with the Read under way.
func (l *lease) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if !l.reading {
		l.release()
	}
}

// buffer returns the buffer. Only a Read that began may ask.
func (l *lease) buffer() []byte {
	if l.buf == nil {
		l.buf, _ = chunkBuffers.Get().(*[encodedChunk]byte)
	}
	return l.buf[:]
}

// release is called under mu. It clears the buffer, so that the data of one
// request does not wait in memory for the next.
func (l *lease) release() {
	if l.buf != nil {
		clear(l.buf[:])
		chunkBuffers.Put(l.buf)
		l.buf = nil
	}
}
