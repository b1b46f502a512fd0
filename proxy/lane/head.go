package lane

import (
	"bytes"
	"encoding/binary"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// verdict says who serves a request.
type verdict uint8

const (
	foreign verdict = iota // the server, and nobody here knows where the request ends
	known                  // the server; head and body have exactly the size that was read
	fits                   // the lane, if it is asked to
)

// field is a line of the header, its name in canonical form.
type field struct{ name, value string }

// head is what the lane understands of the beginning of a request. Every
// string is cut from one that was made for this request.
type head struct {
	verdict verdict
	size    int64 // of the head in bytes, with the empty line
	length  int64 // of the body in bytes
	sized   bool  // there is a Content-Length

	method, target, host string
	plain                bool    // the path of the target means what it says: no escapes
	fields               []field // without Host
}

const endOfHead = "\r\n\r\n"

// read judges what begins with b. Whatever is in doubt is foreign.
// The grammar is RFC 9112's without all that is optional or for old clients.
func (h *head) read(b []byte) {
	clear(h.fields)
	*h = head{fields: h.fields[:0]}
	end := bytes.Index(b, []byte(endOfHead))
	if end < 0 {
		return
	}
	b = b[:end+2]
	text := string(b)
	first := strings.IndexByte(text, '\n') + 1
	v := h.readRequestLine(text[:first-1], b)
	for at := first; at < len(b) && v != foreign; {
		next := at + strings.IndexByte(text[at:], '\n') + 1
		v = min(v, h.readField(text[at:next-1], b[at:next-1]))
		at = next
	}
	if h.host == "" {
		v = foreign
	}
	h.verdict, h.size = v, int64(end+len(endOfHead))
}

// readRequestLine takes `METHOD SP target SP HTTP/1.1 CR`.
func (h *head) readRequestLine(line string, b []byte) verdict {
	line, ok := strings.CutSuffix(line, " HTTP/1.1\r")
	if !ok {
		return foreign
	}
	h.method, h.target, ok = strings.Cut(line, " ")
	if !ok || !h.readTarget(b[len(h.method)+1:len(line)]) {
		return foreign
	}
	switch h.method {
	case "GET", "HEAD", "PUT", "POST", "DELETE":
		return fits
	case "", "CONNECT", "PRI":
		return foreign
	}
	for _, c := range []byte(h.method) {
		if c < 'A' || c > 'Z' {
			return foreign
		}
	}
	return known
}

// readTarget takes a target in origin-form.
func (h *head) readTarget(target []byte) bool {
	if len(target) == 0 || target[0] != '/' {
		return false
	}
	h.plain = true
	for i, c := range target {
		switch class := byteClasses[c]; {
		case class&inTarget == 0:
			return false
		case c == '?':
			for _, c := range target[i:] {
				if byteClasses[c]&inTarget == 0 {
					return false
				}
			}
			return true
		case class&inPlainPath == 0:
			h.plain = false
		}
	}
	return true
}

// readField takes `name: value CR`.
func (h *head) readField(line string, b []byte) verdict {
	if len(line) < 3 || line[len(line)-1] != '\r' {
		return foreign
	}
	line, b = line[:len(line)-1], b[:len(b)-1]
	colon, canonical := scanName(b)
	if colon <= 0 {
		return foreign
	}
	value := b[colon+1:]
	if !isText(value) {
		return foreign
	}
	from, to := colon+1, len(line)
	for from < to && (line[from] == ' ' || line[from] == '\t') {
		from++
	}
	for from < to && (line[to-1] == ' ' || line[to-1] == '\t') {
		to--
	}
	name := line[:colon]
	if !canonical {
		name = textproto.CanonicalMIMEHeaderKey(name)
	}
	return h.add(name, line[from:to])
}

// add keeps a field, and judges those about which the server does something of
// its own.
func (h *head) add(name, value string) verdict {
	v := fits
	switch name {
	case "Host":
		return h.setHost(value)
	case "Content-Length":
		v = h.setLength(value)
	case "Connection":
		switch {
		case value == "keep-alive":
		case strings.EqualFold(value, "keep-alive"):
			v = known
		default:
			v = foreign
		}
	case "Transfer-Encoding", "Upgrade", "Http2-Settings":
		v = foreign
	case "Expect", "Trailer", "Pragma", "Proxy-Connection":
		v = known
	}
	h.fields = append(h.fields, field{name, value})
	return v
}

// setHost takes the only Host.
func (h *head) setHost(value string) verdict {
	if h.host != "" || value == "" || !httpguts.ValidHostHeader(value) {
		return foreign
	}
	h.host = value
	return fits
}

// setLength takes the only Content-Length, in its only spelling.
func (h *head) setLength(value string) verdict {
	if h.sized || value == "" || len(value) > 1 && value[0] == '0' {
		return foreign
	}
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return foreign
		}
	}
	n, err := strconv.ParseInt(value, 10, 64)
	h.length, h.sized = n, true
	if err != nil || n >= 1<<62 { // so that sizes can be added
		return foreign
	}
	return fits
}

// scanName returns where the colon after a name is, or -1, and whether the
// name is in canonical form: capitals at the beginning and after hyphens.
func scanName(b []byte) (colon int, canonical bool) {
	canonical = true
	wrong := uint8(isLower) // here
	for i, c := range b {
		class := byteClasses[c]
		if class&inToken == 0 {
			if c == ':' {
				return i, canonical
			}
			return -1, false
		}
		if class&wrong != 0 {
			canonical = false
		}
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

// isText reports whether there are no control characters but tabs.
func isText(b []byte) bool {
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ eachByte*0x7f
		if ((x-eachByte*0x20)&^x|(del-eachByte)&^del)&eachHigh != 0 && !isSlowText(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return isSlowText(b)
}

func isSlowText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
