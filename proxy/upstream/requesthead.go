package upstream

import (
	"cmp"
	"fmt"
	"slices"
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
	var few [24]headerLine // more go to the heap
	lines := few[:0]
	for name, values := range out.Request.Header {
		if len(values) > 0 && !isFraming(name) {
			lines = append(lines, headerLine{name, values})
		}
	}
	sortLines(lines)
	for i := range lines {
		if !isToken(lines[i].name) {
			return b, fmt.Errorf("%w: %q is no name of a header", ErrBadRequest, lines[i].name)
		}
		for _, value := range lines[i].values {
			b = append(b, lines[i].name...)
			b = append(b, ": "...)
			start := len(b)
			b = append(b, value...)
			if !isFieldValue(b[start:]) {
				return b, fmt.Errorf("%w: the value of header %s", ErrBadRequest, lines[i].name)
			}
			b = append(b, "\r\n"...)
		}
	}
	return append(b, "\r\n"...), nil
}

// sortLines sorts by name. Few lines, as nearly all requests have, are sorted
// on the spot.
func sortLines(lines []headerLine) {
	if len(lines) > 24 {
		slices.SortFunc(lines, func(a, b headerLine) int { return cmp.Compare(a.name, b.name) })
		return
	}
	for i := 1; i < len(lines); i++ {
		line := lines[i]
		at := i
		for ; at > 0 && line.name < lines[at-1].name; at-- {
			lines[at] = lines[at-1]
		}
		lines[at] = line
	}
}

// isFraming reports whether a header says where a request goes or how long it
// is. That is for whoever writes the request to say, and a plain one has no
// body.
func isFraming(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}
