package payload

import (
	"bytes"

	"tollgate/proxy/sigv4"
)

const (
	maxSizeDigits = 20
	signaturePart = ";chunk-signature="

	// maxChunkLine bounds the line before a chunk, with its end.
	maxChunkLine = maxSizeDigits + len(signaturePart) + signatureLength + len(crlf)

	// directRead is the least wish for data that is read past the buffer.
	directRead = 1 << 10

	crlf = "\r\n"
)

// framing reads a source that mixes lines with data. Lines go through its
// buffer, data straight into the caller's wherever that saves a copy.
type framing struct {
	feed   feed
	buf    [maxTrailer + len(crlf)]byte
	lo, hi int // what is buffered: buf[lo:hi]
}

func (f *framing) buffered() int { return f.hi - f.lo }

// fill reads more into the buffer, which is not full.
func (f *framing) fill() error {
	if f.lo > 0 {
		f.hi = copy(f.buf[:], f.buf[f.lo:f.hi])
		f.lo = 0
	}
	n, err := f.feed.read(f.buf[f.hi:])
	f.hi += n
	return err
}

// data reads at least one byte into p, which is not empty, or fails.
func (f *framing) data(p []byte) (int, error) {
	if f.buffered() == 0 && len(p) >= directRead {
		return f.feed.read(p)
	}
	if f.buffered() == 0 {
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.buf[f.lo:f.hi])
	f.lo += n
	return n, nil
}

// line reads a line of at most limit bytes with its end and returns it without,
// valid until the next read. The end is CRLF or, if bare, LF. A line that is
// too long or has a CR elsewhere is a fault of kind.
func (f *framing) line(kind error, limit int) (text []byte, bare bool, err error) {
	end := -1
	for seen := 0; ; {
		if end = bytes.IndexByte(f.buf[f.lo+seen:f.hi], '\n'); end >= 0 {
			end += seen
			break
		}
		if seen = f.buffered(); seen >= limit {
			break
		}
		if err := f.fill(); err != nil {
			return nil, false, broken(err, "The request body terminated unexpectedly.")
		}
	}
	if end < 0 || end >= limit {
		return nil, false, sigv4.Faultf(kind, "A line of the body's framing is longer than %d bytes.", limit)
	}
	text = f.buf[f.lo : f.lo+end]
	f.lo += end + 1
	text, crBefore := bytes.CutSuffix(text, []byte{'\r'})
	if bytes.IndexByte(text, '\r') >= 0 {
		return nil, false, sigv4.Faultf(kind, "A line of the body's framing holds a carriage return.")
	}
	return text, !crBefore, nil
}

// end reads the CRLF behind the data of a chunk.
func (f *framing) end() error {
	for f.buffered() < len(crlf) {
		if err := f.fill(); err != nil {
			return broken(err, "The request body terminated unexpectedly.")
		}
	}
	if f.buf[f.lo] != '\r' || f.buf[f.lo+1] != '\n' {
		return sigv4.Faultf(ErrChunk, "The data of a chunk does not end with CRLF.")
	}
	f.lo += len(crlf)
	return nil
}

// ended is feed.ended behind the buffer.
func (f *framing) ended(excess func() error) error {
	if f.buffered() > 0 {
		return excess()
	}
	return f.feed.ended(excess)
}

// parseChunkLine splits the line before a chunk into the size of the chunk and
// the signature, which is nil if the line has none. A size beyond int64 is
// given as a negative one.
func parseChunkLine(line []byte) (size int64, signature []byte, err error) {
	digits := line
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		digits = line[:i]
		var ok bool
		if signature, ok = bytes.CutPrefix(line[i:], []byte(signaturePart)); !ok || !isSignature(signature) {
			return 0, nil, sigv4.Faultf(ErrChunk, "The only extension of a chunk is chunk-signature, of %d lower-case hex digits.", signatureLength)
		}
	}
	if len(digits) == 0 || len(digits) > maxSizeDigits {
		return 0, nil, sigv4.Faultf(ErrChunk, "A chunk begins with its size in 1 to %d hex digits.", maxSizeDigits)
	}
	for _, c := range digits {
		v, ok := hexDigit(c)
		if !ok {
			return 0, nil, sigv4.Faultf(ErrChunk, "A chunk begins with its size in hex digits; read %q.", digits)
		}
		if size < 0 || size>>59 != 0 {
			size = -1
			continue
		}
		size = size<<4 | int64(v)
	}
	return size, signature, nil
}

func hexDigit(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	default:
		return 0, false
	}
}
