package main

import (
	"bytes"
	"errors"
	"strconv"
)

// request is what requestReader found. The zero value is none.
type request struct {
	found    bool
	headOnly bool  // no body is wanted
	size     int64 // of the answer, as the path names it; -1 = it names none
}

var errBadRequest = errors.New("a request that cannot be read")

// requestReader tells requests apart and drops their bodies. Bodies without a
// length it does not take.
type requestReader struct {
	buf  [maxHead]byte
	used int
	left int64 // bytes of the body still to come
	now  request
}

func (r *requestReader) space() []byte { return r.buf[r.used:] }

// rest is how many bytes of the body are still to come.
func (r *requestReader) rest() int64 { return r.left }

// take takes the next n bytes in space and returns the request that ends with
// them or, for n = 0, with bytes taken before.
func (r *requestReader) take(n int) (request, error) {
	r.used += n
	if !r.now.found {
		end := bytes.Index(r.buf[:r.used], []byte("\r\n\r\n"))
		if end < 0 && r.used == len(r.buf) {
			return request{}, errHeadTooLong
		}
		if end < 0 {
			return request{}, nil
		}
		var err error
		if r.now, r.left, err = parseRequest(r.buf[:end]); err != nil {
			return request{}, err
		}
		r.drop(end + len("\r\n\r\n"))
	}
	body := min(r.left, int64(r.used))
	r.drop(int(body))
	return r.pass(body), nil
}

// pass takes the next n bytes of a body, which need not be in space.
func (r *requestReader) pass(n int64) request {
	if r.left -= n; r.left > 0 {
		return request{}
	}
	got := r.now
	r.now = request{}
	return got
}

func (r *requestReader) drop(n int) { r.used = copy(r.buf[:], r.buf[n:r.used]) }

// parseRequest reads a head without the empty line at its end, and returns the
// length of the body, too.
func parseRequest(head []byte) (request, int64, error) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	target, ok := bytes.CutSuffix(line, []byte(" HTTP/1.1"))
	if !ok {
		return request{}, 0, errBadRequest
	}
	if _, chunked := field(fields, "Transfer-Encoding"); chunked {
		return request{}, 0, errBadRequest
	}
	r := request{found: true, headOnly: bytes.HasPrefix(line, []byte("HEAD ")), size: sizeIn(target)}
	value, ok := field(fields, "Content-Length")
	if !ok {
		return r, 0, nil
	}
	length, err := strconv.ParseUint(string(value), 10, 62)
	if err != nil {
		return request{}, 0, errBadRequest
	}
	return r, int64(length), nil // #nosec G115 -- 62 bits
}

// maxSize bounds what a path may ask for.
const maxSize = 1 << 30

// sizeIn returns the number that is the last element of a path, -1 = it is
// none, or above maxSize.
func sizeIn(target []byte) int64 {
	digits := target[bytes.LastIndexByte(target, '/')+1:]
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' || n > maxSize {
			return -1
		}
		n = 10*n + int64(c-'0')
	}
	if len(digits) == 0 || n > maxSize {
		return -1
	}
	return n
}
