package upstream

import (
	"bytes"
	"slices"
)

// span says where a field stands among the lines of a head or trailer.
type span struct {
	known           string // its name, if that is a common one; else empty
	start, nameEnd  int
	value, valueEnd int
}

// scanFields looks at lines up to the first empty one for what may not be
// there, notes where the fields stand, and returns the length of all; 0 = the
// empty line is not there.
func (a *answerHead) scanFields(lines []byte) (int, error) {
	spans := a.spans[:0]
	for at := 0; ; {
		end := bytes.IndexByte(lines[at:], '\n') + at
		switch {
		case end < at:
			return 0, nil
		case end == at || lines[end-1] != '\r':
			return 0, errLineEnd
		case end == at+1:
			a.spans = spans
			return end + 1, nil
		}
		if len(spans) == cap(spans) {
			spans = slices.Grow(spans, fewLines)
		}
		spans = spans[:len(spans)+1]
		if err := spans[len(spans)-1].read(lines[:end-1], at); err != nil {
			return 0, err
		}
		at = end + 1
	}
}

// addFields adds the fields that scanFields has found. All share one string.
func (a *answerHead) addFields(lines []byte) {
	text := string(lines)
	for i := range a.spans {
		s := &a.spans[i]
		value := text[s.value:s.valueEnd]
		switch s.known {
		case "":
			a.add(text[s.start:s.nameEnd], value)
		case "Content-Length", "Connection":
			a.add(s.known, value)
		default:
			a.fields = append(a.fields, field{s.known, value})
		}
	}
}

// read makes sure that the line that begins at that place, the last of lines,
// has a name, a colon right after it, and a value without control characters.
// The name becomes canonical. All of s is set, unless there is an error.
func (s *span) read(lines []byte, at int) error {
	line := lines[at:]
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return errField
	}
	if s.known = commonName(line[:colon]); s.known == "" && canonical(line) != colon {
		return errField
	}
	value, end := colon+1, len(line)
	for value < end && isBlank(line[value]) {
		value++
	}
	for end > value && isBlank(line[end-1]) {
		end--
	}
	if !isFieldValue(line[value:end]) {
		return errLineEnd
	}
	s.start, s.nameEnd, s.value, s.valueEnd = at, at+colon, at+value, at+end
	return nil
}

// commonName returns the canonical spelling of names that servers often send,
// as they send them; else it is empty. But for Content-Length and Connection
// they mean nothing to whoever passes them on.
func commonName(name []byte) string {
	if len(name) <= len("Content-Type") {
		return commonShortName(name)
	}
	return commonLongName(name)
}

func commonShortName(name []byte) string {
	switch string(name) {
	case "Age":
		return "Age"
	case "Date":
		return "Date"
	case "Vary":
		return "Vary"
	case "ETag", "Etag", "etag":
		return "Etag"
	case "Server":
		return "Server"
	case "Expires":
		return "Expires"
	case "Location":
		return "Location"
	case "Set-Cookie":
		return "Set-Cookie"
	case "X-Amz-Id-2", "x-amz-id-2":
		return "X-Amz-Id-2"
	case "Connection":
		return "Connection"
	case "Content-Type":
		return "Content-Type"
	}
	return ""
}

func commonLongName(name []byte) string {
	switch string(name) {
	case "Last-Modified":
		return "Last-Modified"
	case "Accept-Ranges":
		return "Accept-Ranges"
	case "Cache-Control":
		return "Cache-Control"
	case "Content-Range":
		return "Content-Range"
	case "Content-Length":
		return "Content-Length"
	case "Content-Encoding":
		return "Content-Encoding"
	case "X-Amz-Request-Id", "x-amz-request-id":
		return "X-Amz-Request-Id"
	case "Content-Disposition":
		return "Content-Disposition"
	case "X-Content-Type-Options":
		return "X-Content-Type-Options"
	case "Strict-Transport-Security":
		return "Strict-Transport-Security"
	}
	return ""
}

// canonical gives the name at the beginning of line the spelling of net/http,
// in place, and returns its length.
func canonical(line []byte) int {
	upper := true
	for i, c := range line {
		if !byteClasses[c] {
			return i
		}
		switch {
		case upper && 'a' <= c && c <= 'z':
			line[i] = c - ('a' - 'A')
		case !upper && 'A' <= c && c <= 'Z':
			line[i] = c + ('a' - 'A')
		}
		upper = c == '-'
	}
	return len(line)
}

// trim cuts the blanks at both ends off.
func trim(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
