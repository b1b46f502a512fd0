package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// maxHead bounds the head of a message, and what is read at once of a body.
const maxHead = 16 << 10

// The faults of an answer that cannot be read.
var (
	errHeadTooLong = fmt.Errorf("head of more than %d bytes", maxHead)
	errNotAsked    = errors.New("more bytes than the answer has")
	errNoLength    = errors.New("answer without a Content-Length")
	errNoAnswer    = errors.New("not an HTTP/1.1 answer")
)

// answer is the final line of what was read.
type answer struct {
	status int
	length int64 // of the body
}

// answerReader tells where answers end, one at a time: bytes are read into
// space and then given to take. It keeps no body. Zero value: waits for an
// answer.
type answerReader struct {
	buf    [maxHead]byte
	used   int   // bytes of the head so far
	left   int64 // bytes of the body still to come
	inBody bool
	now    answer
}

// space is where the next bytes go; it is never empty.
func (r *answerReader) space() []byte { return r.buf[r.used:] }

// rest is how many bytes of the body are still to come.
func (r *answerReader) rest() int64 {
	if !r.inBody {
		return 0
	}
	return r.left
}

// take takes the next n bytes in space, and reports whether the answer ends
// with them.
func (r *answerReader) take(n int) (answer, bool, error) {
	body := int64(n)
	if !r.inBody {
		r.used += n
		end := bytes.Index(r.buf[:r.used], []byte("\r\n\r\n"))
		if end < 0 && r.used == len(r.buf) {
			return answer{}, false, errHeadTooLong
		}
		if end < 0 {
			return answer{}, false, nil
		}
		var err error
		if r.now, err = parseAnswer(r.buf[:end]); err != nil {
			return answer{}, false, err
		}
		body = int64(r.used - end - len("\r\n\r\n"))
		r.inBody, r.left, r.used = true, r.now.length, 0
	}
	return r.pass(body)
}

// pass takes the next n bytes of a body, which need not be in space.
func (r *answerReader) pass(n int64) (answer, bool, error) {
	if r.left -= n; r.left < 0 {
		return answer{}, false, errNotAsked
	}
	if r.left > 0 {
		return answer{}, false, nil
	}
	r.inBody = false
	return r.now, true, nil
}

// parseAnswer reads a head without the empty line at its end.
func parseAnswer(head []byte) (answer, error) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(code) < 3 {
		return answer{}, errNoAnswer
	}
	status, err := strconv.Atoi(string(code[:3]))
	if err != nil || status < 200 {
		return answer{}, errNoAnswer
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return answer{status: status}, nil
	}
	value, ok := field(fields, "Content-Length")
	if !ok {
		return answer{}, errNoLength
	}
	length, err := strconv.ParseUint(string(value), 10, 62)
	if err != nil {
		return answer{}, fmt.Errorf("content length: %w", err)
	}
	return answer{status: status, length: int64(length)}, nil // #nosec G115 -- 62 bits
}

// field returns the value of a header field.
func field(fields []byte, name string) ([]byte, bool) {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:]), true
		}
	}
	return nil, false
}
