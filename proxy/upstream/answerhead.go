package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Why the head of an answer is refused. Whoever reads them wraps ErrBadAnswer
// round them.
var (
	errHeadTooLarge = fmt.Errorf("head of more than %d bytes", maxAnswerHead)
	errStatusLine   = errors.New("malformed status line")
	errLineEnd      = errors.New("line with control characters, or without CR LF at its end")
	errField        = errors.New("malformed header field")
	errFraming      = errors.New("length of the body is in doubt")
)

// framing says how the end of a body is known (RFC 9112, 6.3).
type framing uint8

const (
	noBody     framing = iota
	counted            // Content-Length
	chunked            // Transfer-Encoding: chunked
	untilClose         // the end of the connection
)

// field is one header field, its name canonical.
type field struct{ name, value string }

// answerHead is the head of an answer. Its fields are only those that are for
// the client.
type answerHead struct {
	status  int
	fields  []field
	framing framing
	length  int64       // of a counted body, in bytes
	keep    bool        // the connection may be used again after the answer
	trailer http.Header // announced fields without values; nil = none

	about connectionFields
	first int    // where the first field stands
	spans []span // of the fields there
}

// connectionFields are the fields that hold for the connection, and those that
// say how long the body is.
type connectionFields struct {
	old        bool     // HTTP/1.0
	connection []string // what Connection says beside keep-alive
	encodings  []string
	trailers   []string
	lengths    int    // how often Content-Length is said
	length     string // what it says
	differ     bool   // it says different things
}

// headEnd returns the length of the head at the beginning of b with its empty
// line; 0 = it is not all there. What cannot become a head is an error.
// Everything before from was looked at before.
func headEnd(b []byte, from int) (int, error) {
	for i := from; ; i++ {
		next := bytes.IndexByte(b[i:], '\n')
		if next < 0 {
			return 0, nil
		}
		i += next
		switch {
		case i == 0 || b[i-1] != '\r':
			return 0, errLineEnd // or the wait for the end would be for nothing
		case i >= 3 && b[i-2] == '\n':
			return i + 1, nil
		}
	}
}

// scan looks for a whole head at the beginning of b and returns its length;
// 0 = it is not all there. It is stricter than RFC 9112 asks: lines end with
// CR LF, nothing is folded, and a name that is no token is refused. Names
// become canonical, in b.
func (a *answerHead) scan(b []byte) (int, error) {
	*a = answerHead{fields: a.fields[:0], spans: a.spans}
	line := bytes.IndexByte(b, '\n') + 1
	if line == 0 {
		return 0, nil
	}
	if err := a.parseStatus(b[:line]); err != nil {
		return 0, err
	}
	n, err := a.scanFields(b[line:])
	if n == 0 || err != nil {
		return 0, err
	}
	a.first = line
	return line + n, nil
}

// understand reads the head that scan has found to be b. method is that of
// the request.
func (a *answerHead) understand(b []byte, method string) error {
	a.addFields(b[a.first:])
	return a.settle(method)
}

// parseStatus reads the status line with its line end (RFC 9112, 4). The space
// after the code may be missing, as many servers without a reason have it.
func (a *answerHead) parseStatus(line []byte) error {
	const shortest = len("HTTP/1.1 200\r\n")
	if len(line) < shortest || bytes.IndexByte(line, '\r') != len(line)-2 || bytes.IndexByte(line, 0) >= 0 {
		return errStatusLine
	}
	switch string(line[:9]) {
	case "HTTP/1.1 ":
	case "HTTP/1.0 ":
		a.about.old = true
	default:
		return errStatusLine
	}
	if a.status = statusCode(line[9:12]); a.status < 100 || len(line) > shortest && line[12] != ' ' {
		return errStatusLine
	}
	return nil
}

// statusCode returns the number that three digits say, 0 if they are none.
func statusCode(digits []byte) int {
	code := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0
		}
		code = code*10 + int(c-'0')
	}
	return code
}

// add takes a field. What holds for the connection does not go on
// (RFC 9110, 7.6.1).
func (a *answerHead) add(name, value string) {
	switch name {
	case "Connection":
		if !strings.EqualFold(value, "keep-alive") {
			a.about.connection = append(a.about.connection, value)
		}
	case "Transfer-Encoding":
		a.about.encodings = append(a.about.encodings, value)
	case "Trailer":
		a.about.trailers = append(a.about.trailers, value)
	case "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Upgrade":
	case "Content-Length":
		if a.about.lengths++; a.about.lengths > 1 {
			a.about.differ = a.about.differ || value != a.about.length
			return
		}
		a.about.length = value
		fallthrough
	default:
		a.fields = append(a.fields, field{name, value})
	}
}

// settle draws the conclusions from the fields.
func (a *answerHead) settle(method string) error {
	length, err := a.announcedLength()
	if err != nil {
		return err
	}
	isChunked, err := a.isChunked()
	if err != nil {
		return err
	}
	a.keep = !a.about.old
	a.frame(method, length, isChunked)
	if isChunked {
		if err := a.announceTrailer(); err != nil {
			return err
		}
	}
	if err := a.obeyConnection(); err != nil {
		return err
	}
	a.explainPragma()
	return nil
}

// announcedLength returns the value of Content-Length, -1 = there is none.
// Equal ones count once (RFC 9110, 8.6).
func (a *answerHead) announcedLength() (int64, error) {
	if a.about.lengths == 0 {
		return -1, nil
	}
	text := a.about.length
	if text == "" || len(text) > 18 || a.about.differ { // 18 digits fit an int64
		return 0, errFraming
	}
	n := int64(0)
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, errFraming
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n, nil
}

// isChunked reports whether the body comes in chunks, which is the only
// encoding that is understood, and only from HTTP/1.1 on (RFC 9112, 6.1).
func (a *answerHead) isChunked() (bool, error) {
	switch {
	case len(a.about.encodings) == 0:
		return false, nil
	case a.about.old || len(a.about.encodings) > 1 || !strings.EqualFold(a.about.encodings[0], "chunked"):
		return false, errFraming
	}
	return true, nil
}

// frame says how the body ends (RFC 9112, 6.3). length is -1 if there was
// none. A server that announces a body where none may be does perhaps send it:
// its connection is not used again.
func (a *answerHead) frame(method string, length int64, isChunked bool) {
	if isChunked && length >= 0 {
		a.keep = false
	}
	switch {
	case a.status < 200 || a.status == http.StatusNoContent:
		if isChunked || length > 0 {
			a.keep = false
		}
		a.drop("Content-Length")
	case method == http.MethodHead || a.status == http.StatusNotModified:
	case isChunked:
		a.framing = chunked
		a.drop("Content-Length")
	case length > 0:
		a.framing, a.length = counted, length
	case length < 0:
		a.framing, a.keep = untilClose, false
	}
}

// announceTrailer reads the Trailer fields.
func (a *answerHead) announceTrailer() error {
	for _, list := range a.about.trailers {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(trim(name))
			switch name {
			case "":
				continue
			case "Transfer-Encoding", "Trailer", "Content-Length":
				return errField
			}
			if a.trailer == nil {
				a.trailer = make(http.Header)
			}
			a.trailer[name] = nil
		}
	}
	return nil
}

// maxListed bounds the fields that Connection names: each is looked for among
// all others.
const maxListed = 32

// obeyConnection drops the fields that Connection names (RFC 9110, 7.6.1).
func (a *answerHead) obeyConnection() error {
	listed := 0
	for _, list := range a.about.connection {
		for name := range strings.SplitSeq(list, ",") {
			if listed++; listed > maxListed {
				return errField
			}
			name = trim(name)
			switch {
			case strings.EqualFold(name, "close"):
				a.keep = false
			case name == "" || strings.EqualFold(name, "keep-alive"):
			default:
				a.drop(http.CanonicalHeaderKey(name))
			}
		}
	}
	return nil
}

// drop takes all fields of a name out.
func (a *answerHead) drop(name string) {
	kept := a.fields[:0]
	for _, f := range a.fields {
		if f.name != name {
			kept = append(kept, f)
		}
	}
	clear(a.fields[len(kept):])
	a.fields = kept
}

// explainPragma says what Pragma: no-cache means, as net/http does.
func (a *answerHead) explainPragma() {
	if a.value("Pragma") != "no-cache" {
		return
	}
	for _, f := range a.fields {
		if f.name == "Cache-Control" {
			return
		}
	}
	a.fields = append(a.fields, field{"Cache-Control", "no-cache"})
}

// value returns the first value of a field, empty if there is none.
func (a *answerHead) value(name string) string {
	for _, f := range a.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// copyTo adds the fields to h. Their values share one array; each has a slice
// of its own, of which nothing is left over.
func (a *answerHead) copyTo(h http.Header) {
	values := make([]string, len(a.fields))
	var seen uint64 // a bit for each name: what is not set is new
	for i, f := range a.fields {
		values[i] = f.value
		bit := uint64(1) << ((len(f.name)*5 + int(f.name[0]) + int(f.name[len(f.name)-1])*3) & 63)
		if seen&bit != 0 {
			if old, again := h[f.name]; again {
				h[f.name] = append(old, f.value)
				continue
			}
		}
		seen |= bit
		h[f.name] = values[i : i+1 : i+1]
	}
}

// manyFields is how many no common answer has: no memory is kept for so many.
const manyFields = 128

// forget lets go of all that belongs to an answer.
func (a *answerHead) forget() {
	if cap(a.fields) > manyFields || cap(a.spans) > manyFields {
		*a = answerHead{}
		return
	}
	clear(a.fields[:cap(a.fields)])
	*a = answerHead{fields: a.fields[:0], spans: a.spans[:0]}
}
