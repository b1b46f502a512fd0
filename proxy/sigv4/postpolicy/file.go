package postpolicy

import (
	"errors"
	"io"

	"tollgate/proxy/sigv4"
)

// maxTail is how much may follow the file: the fields behind it, which are
// ignored, the closing boundary and the epilogue.
const maxTail = 64 << 10

// File returns the content of the file, once. Its reader fails with ErrTooLarge
// as soon as the file is longer than the content-length-range allows, with
// ErrTooSmall at the end, with ErrIncomplete when the body ends before the
// closing boundary, with ErrMalformed when the boundary is followed by
// something else than a form has, and with ErrMisuse when Check, Verify and
// Conditions did not all pass. io.EOF says that the body was read to its end
// and nothing was wrong.
func (f *Form) File() io.Reader {
	if err := f.open(); err != nil {
		return &fileReader{err: err}
	}
	return f.content()
}

// open lets the content be taken once, and from a judged form only.
func (f *Form) open() error {
	if f.policy == nil || !f.verified || f.bucket == "" || f.opened {
		return sigv4.Faultf(ErrMisuse, "A form must be checked, verified and judged by its conditions, and is read once")
	}
	f.opened = true
	return nil
}

func (f *Form) content() *fileReader {
	return &fileReader{body: f.body, delim: f.delim, allowed: f.policy.size}
}

// fileReader reads the content of the file.
type fileReader struct {
	body    *window
	delim   []byte
	allowed size

	ready int   // bytes at the front of body that are known to be content
	last  bool  // the delimiter follows on them
	count int64 // of bytes given out or ready
	err   error // once it ended
}

// Read implements io.Reader.
func (r *fileReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil && r.ready == 0 {
		r.err = r.advance()
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.body.rest()[:r.ready])
	r.body.skip(n)
	r.ready -= n
	return n, nil
}

// advance finds more content, or io.EOF behind a form that is whole.
func (r *fileReader) advance() error {
	if r.last {
		if r.count < r.allowed.min {
			return tooSmall(r.allowed)
		}
		return r.end()
	}
	n, last, err := r.body.content(r.delim)
	if err != nil {
		return err
	}
	if r.count += int64(n); r.count > r.allowed.max {
		return tooLarge(r.allowed)
	}
	r.ready, r.last = n, last
	return nil
}

// end reads over what follows the file. It stands before its delimiter.
func (r *fileReader) end() error {
	stop := r.body.taken + maxTail
	for {
		r.body.skip(len(r.delim))
		if err := r.body.need(2); err != nil {
			return ended(err)
		}
		mark := string(r.body.rest()[:2])
		r.body.skip(2)
		if mark == "--" {
			return r.epilogue(stop)
		}
		if mark != "\r\n" {
			return sigv4.Faultf(ErrMalformed, "The boundary at the beginning of a line is followed by something else than CRLF or --")
		}
		if err := r.skipPart(stop); err != nil {
			return err
		}
	}
}

// skipPart moves to the delimiter behind a part that is ignored.
func (r *fileReader) skipPart(stop int64) error {
	for {
		n, last, err := r.body.content(r.delim)
		if err != nil {
			return err
		}
		if r.body.taken+int64(n) > stop {
			return longTail()
		}
		r.body.skip(n)
		if last {
			return nil
		}
	}
}

// epilogue reads what follows the closing boundary up to the end of the body.
func (r *fileReader) epilogue(stop int64) error {
	switch err := r.body.need(2); {
	case err == nil:
		if string(r.body.rest()[:2]) != "\r\n" {
			return sigv4.Faultf(ErrMalformed, "The closing boundary is followed by something else than CRLF")
		}
	case !errors.Is(err, io.EOF):
		return err
	case len(r.body.rest()) > 0:
		return sigv4.Faultf(ErrMalformed, "The closing boundary is followed by something else than CRLF")
	}
	for {
		r.body.skip(len(r.body.rest()))
		if r.body.taken > stop {
			return longTail()
		}
		if err := r.body.fill(); err != nil {
			return err
		}
	}
}

func tooLarge(s size) error {
	return sigv4.Faultf(ErrTooLarge, "Your proposed upload exceeds the maximum allowed size of %d bytes", s.max)
}

func tooSmall(s size) error {
	return sigv4.Faultf(ErrTooSmall, "Your proposed upload is smaller than the minimum allowed size of %d bytes", s.min)
}

func longTail() error {
	return sigv4.Faultf(ErrMalformed, "More than %d bytes follow the file, which must be the last field of the form", maxTail)
}
