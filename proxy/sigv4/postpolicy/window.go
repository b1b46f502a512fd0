package postpolicy

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"tollgate/proxy/sigv4"
)

// windowSize bounds what is held of a body. It is more than maxPrefix, so that
// a field is never cut by the end of the buffer.
const windowSize = 32 << 10

// maxEmptyReads is how often in turn a reader may return nothing and no error.
const maxEmptyReads = 100

// window is the part of a body that is being looked at.
type window struct {
	src   io.Reader
	buf   []byte
	from  int // first byte that was not skipped
	to    int // end of what was read
	taken int64
	err   error // of src, after which nothing more is read
}

func newWindow(src io.Reader) *window { return &window{src: src, buf: make([]byte, windowSize)} }

// rest is what was read and not skipped yet. It is valid until the next fill.
func (w *window) rest() []byte { return w.buf[w.from:w.to] }

func (w *window) skip(n int) {
	w.from += n
	w.taken += int64(n)
	if w.from == w.to {
		w.from, w.to = 0, 0
	}
}

// fill reads on. io.EOF says that the body has ended; every other error is an
// ErrIncomplete that wraps what src said, and is no io.EOF.
func (w *window) fill() error {
	if w.to == len(w.buf) {
		w.to = copy(w.buf, w.rest())
		w.from = 0
	}
	for range maxEmptyReads {
		if w.err != nil {
			return w.err
		}
		n, err := w.src.Read(w.buf[w.to:])
		w.to += n
		if err != nil {
			w.err = broken(err)
		}
		if n > 0 {
			return nil
		}
	}
	w.err = broken(io.ErrNoProgress)
	return w.err
}

func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("%w: %w", sigv4.Faultf(ErrIncomplete, "The body of the request broke off"), err)
}

// ended turns the end of the body into a refusal.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return sigv4.Faultf(ErrIncomplete, "The body of the request ended before the closing boundary of the form")
	}
	return err
}

// upTo returns what precedes sep and moves behind sep. All of it must end
// within the first maxPrefix bytes of the body. The result is valid until the
// next fill.
func (w *window) upTo(sep []byte) ([]byte, error) {
	seen := 0
	for {
		rest := w.rest()
		if i := bytes.Index(rest[seen:], sep); i >= 0 {
			end := seen + i + len(sep)
			if w.taken+int64(end) > maxPrefix {
				return nil, tooLong()
			}
			w.from += end // not skip, which may give the bytes up for reuse
			w.taken += int64(end)
			return rest[:end-len(sep)], nil
		}
		if w.taken+int64(len(rest)) >= maxPrefix {
			return nil, tooLong()
		}
		seen = max(0, len(rest)-len(sep)+1)
		if err := w.fill(); err != nil {
			return nil, ended(err)
		}
	}
}

// need reads on until n bytes are there, or the body has ended.
func (w *window) need(n int) error {
	for len(w.rest()) < n {
		if err := w.fill(); err != nil {
			return err
		}
	}
	return nil
}

// content returns how many bytes of a part's content are at hand, and whether
// the delimiter (CRLF, two hyphens, boundary) follows on them. Zero and false
// are never returned together without an error.
//
// The boundary at the beginning of a line that does not end in CRLF is
// refused: some readers take it for a delimiter and some do not.
func (w *window) content(delimiter []byte) (n int, last bool, err error) {
	for {
		rest := w.rest()
		line := bytes.Index(rest, delimiter[1:])
		if line > 0 && rest[line-1] == '\r' {
			return line - 1, true, nil
		}
		if line >= 0 {
			return 0, false, sigv4.Faultf(ErrMalformed, "The boundary stands at the beginning of a line after a bare line feed, lines of a form end in CRLF")
		}
		// A delimiter that has come in part begins behind these. So the byte in
		// front of rest is never the CR of one.
		if whole := len(rest) - len(delimiter) + 1; whole > 0 {
			return whole, false, nil
		}
		if err := w.fill(); err != nil {
			return 0, false, ended(err)
		}
	}
}

func tooLong() error {
	return sigv4.Faultf(ErrTooLong, "Your POST request fields preceding the upload file were too large, at most %d bytes are accepted", maxPrefix)
}
