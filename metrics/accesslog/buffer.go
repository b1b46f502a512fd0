package accesslog

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap/zapcore"
)

// The buffer of an access log.
const (
	bufferSize    = 256 << 10
	flushInterval = time.Second
)

// Buffer is a zapcore.WriteSyncer that collects lines and writes many of them
// at once: when it is half full, once an interval, and on Sync and Close. That
// happens in the background, so that Write waits for the sink only when the
// buffer is full. Lines are not dropped as long as the sink takes them.
//
// A sink that fails, such as a full disk, is tried again with the lines that
// it did not take. Only when there is no room left is a new line lost, and
// counted. Nothing is written twice, and a line that was written in part is
// completed first.
//
// It is safe for concurrent use. Whoever makes it closes it.
type Buffer struct {
	size int

	mu      sync.Mutex // guards what follows; never held while the sink writes
	pending []byte     // at most size bytes, or one line
	lost    uint64
	fault   error // of the last flush, nil once one succeeds
	closed  bool

	sinkMu sync.Mutex // guards the sink and what follows; taken before mu
	sink   zapcore.WriteSyncer
	out    []byte // on its way to the sink
	taken  int    // how much of out the sink has

	wake chan struct{} // has room for one
	stop chan struct{}
	done chan struct{}
}

// NewBuffer returns a buffer before the sink that takes size bytes, and as
// many again while it writes, and starts its flushing once an interval, which
// Close ends. Zero or less of either means 256 KiB and one second. Nothing
// else should write to the sink; the buffer does not close it.
func NewBuffer(sink zapcore.WriteSyncer, size int, interval time.Duration) *Buffer {
	if size <= 0 {
		size = bufferSize
	}
	if interval <= 0 {
		interval = flushInterval
	}
	b := &Buffer{
		sink:    sink,
		size:    size,
		pending: make([]byte, 0, size),
		out:     make([]byte, 0, size),
		wake:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go b.flushEvery(interval)
	return b
}

func (b *Buffer) flushEvery(interval time.Duration) {
	defer close(b.done)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-ticker.C:
		case <-b.wake:
		}
		_ = b.flush() // the lines are kept; Sync and Lost say why
	}
}

// Write takes one or more whole lines. The error is the sink's; it says that
// the lines are lost. After Close they go to the sink at once.
func (b *Buffer) Write(lines []byte) (int, error) {
	var err error
	for !b.take(lines) {
		if err != nil {
			b.mu.Lock()
			b.lost++
			b.mu.Unlock()
			return 0, err
		}
		err = b.flush()
	}
	return len(lines), nil
}

// take reports whether there was room for the lines.
func (b *Buffer) take(lines []byte) bool {
	b.mu.Lock()
	room := len(b.pending) == 0 || len(b.pending)+len(lines) <= b.size
	if room {
		b.pending = append(b.pending, lines...)
	}
	half, closed := len(b.pending) >= b.size/2, b.closed
	b.mu.Unlock()
	switch {
	case room && closed:
		_ = b.flush() // the lines are kept; Sync and Lost say why
	case half:
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	return room
}

// flush hands the sink what it did not take before, and then all that is
// pending.
func (b *Buffer) flush() error {
	b.sinkMu.Lock()
	defer b.sinkMu.Unlock()
	err := b.drain()
	if err == nil {
		b.swap()
		err = b.drain()
	}
	b.mu.Lock()
	b.fault = err
	b.mu.Unlock()
	return err
}

// swap makes what is pending the next to be written. A buffer that one huge
// line has blown up is not used again.
func (b *Buffer) swap() {
	empty := b.out[:0]
	if cap(empty) > 2*b.size {
		empty = make([]byte, 0, b.size)
	}
	b.mu.Lock()
	b.out, b.pending = b.pending, empty
	b.mu.Unlock()
	b.taken = 0
}

// drain writes until the sink has all of out or fails.
func (b *Buffer) drain() error {
	for b.taken < len(b.out) {
		n, err := b.sink.Write(b.out[b.taken:])
		b.taken += min(max(n, 0), len(b.out)-b.taken)
		if err != nil {
			return err
		}
		if n <= 0 {
			return errNoProgress
		}
	}
	return nil
}

// errNoProgress: the sink took nothing and gave no reason.
var errNoProgress = errors.New("log sink takes no data")

// Sync hands all lines to the sink and has it store them.
func (b *Buffer) Sync() error {
	if err := b.flush(); err != nil {
		return err
	}
	b.sinkMu.Lock()
	defer b.sinkMu.Unlock()
	err := b.sink.Sync()
	// Terminals, pipes and sockets cannot be synced, which is no fault:
	// https://man7.org/linux/man-pages/man2/fsync.2.html
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTTY) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// Close ends the flushing in the background and syncs. The error is that of
// the sink; the lines it did not take are lost, unless Sync is called again.
// A second Close only syncs.
func (b *Buffer) Close() error {
	b.mu.Lock()
	first := !b.closed
	b.closed = true
	b.mu.Unlock()
	if first {
		close(b.stop)
	}
	<-b.done
	return b.Sync()
}

// Lost returns how many writes were lost, and the error of the sink if it did
// not take the lines of the last flush.
func (b *Buffer) Lost() (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost, b.fault
}
