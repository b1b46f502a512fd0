package lane

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/textproto"

	"golang.org/x/net/http/httpguts"
)

// verdict says who serves a request.
type verdict uint8

const (
	foreign verdict = iota // the server, and nobody here knows where the request ends
	known                  // the server; head and body have exactly the size that was read
	fits                   // the lane, if it is asked to
)

// field is where a line of the header stands in the text of the head.
type field struct {
	name, colon int // text[name:colon] is the name
	value, end  int // text[value:end] is the value
	spelt       int // where in names its canonical form is, plus one; zero: it is canonical
}

// head is what the lane understands of the beginning of a request. Every
// string is cut from one that was made for this request.
type head struct {
	verdict verdict
	plain   bool  // the path of the target means what it says: no escapes
	sized   bool  // there is a Content-Length
	hosts   int   // how many lines with a Host there are
	size    int64 // of the head in bytes, with the empty line
	length  int64 // of the body in bytes

	text                 string // the head without the empty line
	method, target, host string
	query                int      // where in the target the question mark is, or its length
	fields               []field  // without Host
	names                []string // that are canonical only now
	at                   field    // the Host's
}

// read judges what begins with b. Whatever is in doubt is foreign.
// The grammar is RFC 9112's without all that is optional or for old clients.
// It looks at each byte once, as far as the head goes.
func (h *head) read(b []byte) {
	clear(h.names)
	*h = head{fields: h.fields[:0], names: h.names[:0]}
	method, target, at, v := h.readRequestLine(b)
	for v != foreign {
		if len(b)-at < 2 {
			return // the end is still to come
		}
		if b[at] == '\r' {
			break
		}
		var of verdict
		at, of = h.readField(b, at)
		v = min(v, of)
	}
	if v == foreign || b[at+1] != '\n' || h.hosts != 1 {
		return
	}
	h.text = string(b[:at])
	h.method, h.target = h.text[:method], h.text[method+1:target]
	h.host = h.text[h.at.value:h.at.end]
	if h.host == "" || !httpguts.ValidHostHeader(h.host) {
		return
	}
	h.verdict, h.size = v, int64(at+2)
}

const afterTarget = " HTTP/1.1\r\n"

// readRequestLine takes `METHOD SP target SP HTTP/1.1 CRLF`, and returns where
// the method, the target and the line end.
func (h *head) readRequestLine(b []byte) (method, target, end int, v verdict) {
	for method < len(b) && b[method]-'A' <= 'Z'-'A' {
		method++
	}
	if method == len(b) || b[method] != ' ' {
		return 0, 0, 0, foreign
	}
	target = h.readTarget(b, method+1)
	if target < 0 || len(b)-target < len(afterTarget) || string(b[target:target+len(afterTarget)]) != afterTarget {
		return 0, 0, 0, foreign
	}
	switch string(b[:method]) {
	case "GET", "HEAD", "PUT", "POST", "DELETE":
		v = fits
	case "", "CONNECT", "PRI":
		v = foreign
	default:
		v = known
	}
	return method, target, target + len(afterTarget), v
}

// readTarget takes a target in origin-form that begins at from, and returns
// where it ends, or -1.
func (h *head) readTarget(b []byte, from int) int {
	if from == len(b) || b[from] != '/' {
		return -1
	}
	i, all := from, uint8(inPlainPath)
	for ; i < len(b) && b[i] != '?'; i++ {
		class := byteClasses[b[i]]
		if class&inTarget == 0 {
			break
		}
		all &= class
	}
	h.plain, h.query = all != 0, i-from
	for i < len(b) && byteClasses[b[i]]&inTarget != 0 {
		i++
	}
	return i
}

// readField takes `name: value CRLF` that begins at from, and returns where
// the line ends.
func (h *head) readField(b []byte, from int) (next int, v verdict) {
	colon, canonical := scanName(b, from)
	if colon <= from {
		return from, foreign
	}
	value := colon + 1
	for value < len(b) && (b[value] == ' ' || b[value] == '\t') {
		value++
	}
	end := textEnd(b, value)
	if len(b)-end < 2 || b[end] != '\r' || b[end+1] != '\n' {
		return from, foreign
	}
	next = end + 2
	for end > value && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	f := field{name: from, colon: colon, value: value, end: end}
	if canonical {
		return next, h.add(b[from:colon], b[value:end], f)
	}
	name := textproto.CanonicalMIMEHeaderKey(string(b[from:colon]))
	h.names = append(h.names, name)
	f.spelt = len(h.names)
	return next, h.add([]byte(name), b[value:end], f)
}

// add keeps a field, and judges those about which the server does something of
// its own.
func (h *head) add(name, value []byte, f field) verdict {
	v := fits
	switch string(name) {
	case "Host":
		h.at = f
		h.hosts++
		return fits
	case "Content-Length":
		v = h.setLength(value)
	case "Connection":
		switch {
		case string(value) == "keep-alive":
		case bytes.EqualFold(value, []byte("keep-alive")):
			v = known
		default:
			v = foreign
		}
	case "Transfer-Encoding", "Upgrade", "Http2-Settings":
		v = foreign
	case "Expect", "Trailer", "Pragma", "Proxy-Connection":
		v = known
	}
	h.fields = append(h.fields, f)
	return v
}

// mostDigits is how many digits a length may have so that sizes can be added.
const mostDigits = 18

// setLength takes the only Content-Length, in its only spelling.
func (h *head) setLength(value []byte) verdict {
	if h.sized || len(value) == 0 || len(value) > mostDigits || len(value) > 1 && value[0] == '0' {
		return foreign
	}
	h.sized = true
	for _, c := range value {
		if c < '0' || c > '9' {
			return foreign
		}
		h.length = h.length*10 + int64(c-'0')
	}
	return fits
}

// scanName returns where the colon after the name is that begins at from, or
// -1, and whether the name is in canonical form: capitals at the beginning and
// after hyphens.
func scanName(b []byte, from int) (colon int, canonical bool) {
	odd, wrong := uint8(0), uint8(isLower) // here
	for i := from; i < len(b); i++ {
		c := b[i]
		class := byteClasses[c]
		if class&inToken == 0 {
			if c == ':' {
				return i, odd == 0
			}
			return -1, false
		}
		odd |= class & wrong
		wrong = isUpper
		if c == '-' {
			wrong = isLower
		}
	}
	return -1, false
}

const (
	eachByte = 0x0101010101010101
	eachHigh = 0x8080808080808080
)

// textEnd returns where the first control character that is no tab is, from
// i on, or the length of b. It looks at eight bytes at once; a borrow may show
// a byte as one that is none, behind one that is, but misses none.
func textEnd(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		del := x ^ eachByte*0x7f
		seen := ((x-eachByte*0x20)&^x | (del-eachByte)&^del) & eachHigh
		for ; seen != 0; seen &= seen - 1 {
			if at := i + bits.TrailingZeros64(seen)/8; isControl(b[at]) {
				return at
			}
		}
	}
	for i < len(b) && !isControl(b[i]) {
		i++
	}
	return i
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }
