package upstream

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// headerLine is a name with its values.
type headerLine struct {
	name   string
	values []string
}

// appendHead appends the head of the request as RFC 9112 has it, its fields in
// the order of their names, as net/http writes them. The host is that of the
// server if the request names none. What cannot be sent is ErrBadRequest.
func appendHead(b []byte, out *Outgoing, host string) ([]byte, error) {
	if out.Request.Host != "" {
		host = out.Request.Host
	}
	b = append(b, out.Request.Method...)
	b = append(b, ' ')
	b = append(b, out.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, "\r\n"...)
	if length := lengthOf(out.Request); length >= 0 {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, length, 10)
		b = append(b, "\r\n"...)
	}
	var err error
	if b, err = appendFields(b, out.Request.Header); err != nil {
		return b, err
	}
	return append(b, "\r\n"...), nil
}

// lengthOf returns what Content-Length says, -1 = it is not sent. Without a
// body it is sent with the methods that mostly have one (RFC 9110, 8.6).
func lengthOf(r *http.Request) int64 {
	if hasBody(r) {
		return r.ContentLength
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return 0
	}
	return -1
}

// hasBody reports whether something follows the head; a length of -1 is not
// known.
func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}

// appendFields appends the fields of h in the order of their names.
func appendFields(b []byte, h http.Header) ([]byte, error) {
	var (
		lines [fewLines]headerLine
		order [fewLines]rank
		n     int
		err   error
	)
	for name, values := range h {
		if len(values) == 0 || isFraming(name) {
			continue
		}
		if n == fewLines {
			return appendManyFields(b, h)
		}
		line := &lines[n] // a composite literal would be copied
		line.name, line.values = name, values
		n++
	}
	rankLines(&order, lines[:n])
	for i := range n {
		if b, err = lines[order[i].at%fewLines].appendTo(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendManyFields is for more names than appendFields has room for.
func appendManyFields(b []byte, h http.Header) ([]byte, error) {
	var err error
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if isFraming(name) || len(h[name]) == 0 {
			continue
		}
		line := headerLine{name, h[name]}
		if b, err = line.appendTo(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendTo appends the lines of one name.
func (l *headerLine) appendTo(b []byte) ([]byte, error) {
	if !isToken(l.name) {
		return b, fmt.Errorf("%w: %q is no name of a header", ErrBadRequest, l.name)
	}
	for _, value := range l.values {
		if !isFieldValue(value) {
			return b, fmt.Errorf("%w: the value of header %s", ErrBadRequest, l.name)
		}
		at, n := len(b), len(l.name)+len(value)+len(": \r\n")
		b = slices.Grow(b, n)[:at+n]
		line := b[at:]
		copy(line, l.name)
		rest := line[len(l.name):]
		rest[0], rest[1] = ':', ' '
		rest = rest[2:]
		copy(rest, value)
		rest = rest[len(value):]
		rest[0], rest[1] = '\r', '\n'
	}
	return b, nil
}

// fewLines is how many names nearly all requests have at most. These are
// sorted on the spot.
const fewLines = 24

// rank is the place of a line: key are the first bytes of its name, which tell
// most names apart.
type rank struct {
	key uint64
	at  uint
}

// rankLines puts the places of lines into the order of their names.
func rankLines(order *[fewLines]rank, lines []headerLine) {
	for i := range lines {
		name := lines[i].name
		key, at := nameKey(name), i
		for ; at > 0; at-- {
			before := &order[at-1]
			if key > before.key || key == before.key && name > lines[before.at].name {
				break
			}
			order[at] = *before
		}
		order[at] = rank{key, uint(i)}
	}
}

// nameKey returns the first eight bytes of a name as a number of the same
// order, with zeros after a shorter one.
func nameKey(s string) uint64 {
	if len(s) >= 8 {
		return uint64(s[0])<<56 | uint64(s[1])<<48 | uint64(s[2])<<40 | uint64(s[3])<<32 |
			uint64(s[4])<<24 | uint64(s[5])<<16 | uint64(s[6])<<8 | uint64(s[7])
	}
	key := uint64(0)
	for i := range len(s) {
		key |= uint64(s[i]) << (56 - 8*i)
	}
	return key
}

// isFraming reports whether a header says where a request goes or how long it
// is. That is for whoever writes the request to say.
func isFraming(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}
