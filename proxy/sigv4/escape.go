package sigv4

import (
	"strconv"
	"strings"
)

// validEscapes reports whether every % begins an escape of two hex digits.
func validEscapes(s string) bool {
	for i := strings.IndexByte(s, '%'); i >= 0; {
		if i+2 >= len(s) || unhex(s[i+1]) > 15 || unhex(s[i+2]) > 15 {
			return false
		}
		s = s[i+3:]
		i = strings.IndexByte(s, '%')
	}
	return true
}

// decodeQuery decodes a name or value of a query, + as a space. Without
// escapes it is s itself.
func decodeQuery(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	var space [128]byte // a credential fits
	plain := space[:0]
	for i := 0; i < len(s); i++ {
		c, width := unescape(s, i)
		if s[i] == '+' {
			c = ' '
		}
		plain = append(plain, c)
		i += width - 1
	}
	return string(plain)
}

// unescape returns the byte that s has at i, decoded once, and how many bytes
// of s stand for it. A % that begins no escape is itself.
func unescape(s string, i int) (byte, int) {
	if s[i] != '%' || i+2 >= len(s) {
		return s[i], 1
	}
	high, low := unhex(s[i+1]), unhex(s[i+2])
	if high > 15 || low > 15 {
		return s[i], 1
	}
	return high<<4 | low, 3
}

// unhex returns the value of a hex digit, or 16 for what is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	default:
		return 16
	}
}

const upperHex = "0123456789ABCDEF"

// appendEscaped appends a byte as AWS's UriEncode has it: letters, digits and
// -._~ stay, all others become %XX in upper case. AWS: "Authenticating
// Requests: Using the Authorization Header", task 1.
func appendEscaped(dst []byte, c byte) []byte {
	if isUnreserved(c) {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// class is a set of bytes.
type class uint8

const (
	unreserved class = 1 << iota // what appendEscaped leaves as it is
	plainPath                    // the same and the slash
	tokenChar                    // of RFC 9110, without letters in upper case
	keyChar                      // of access keys
)

// byteClasses has the classes of each byte. It is only read.
var byteClasses = classify()

func classify() (of [256]class) {
	add := func(set string, in class) {
		for i := range len(set) {
			of[set[i]] |= in
		}
	}
	add("abcdefghijklmnopqrstuvwxyz0123456789-._~", unreserved|plainPath|tokenChar)
	add("ABCDEFGHIJKLMNOPQRSTUVWXYZ", unreserved|plainPath)
	add("!#$%&'*+^`|", tokenChar)
	add("/", plainPath)
	for c := '!'; c <= '~'; c++ {
		if c != ',' && c != '/' {
			of[c] |= keyChar
		}
	}
	return of
}

func isUnreserved(c byte) bool { return byteClasses[c]&unreserved != 0 }

// lengthOf returns how many bytes at the beginning of s are in a class.
func lengthOf(s string, in class) int {
	for i := range len(s) {
		if byteClasses[s[i]]&in == 0 {
			return i
		}
	}
	return len(s)
}

// appendPath appends the canonical form of a raw path: decoded once and
// encoded once, slashes as they are. S3 normalises nothing: no dot segments
// are resolved and no slashes merged, for they are part of keys.
func appendPath(dst []byte, path string) []byte {
	if path == "" {
		return append(dst, '/')
	}
	for {
		plain := lengthOf(path, plainPath)
		dst = append(dst, path[:plain]...)
		if path = path[plain:]; path == "" {
			return dst
		}
		c, width := unescape(path, 0)
		path = path[width:]
		if c == '/' {
			dst = append(dst, c)
			continue
		}
		dst = appendEscaped(dst, c)
	}
}

// appendArgument appends the canonical form of a raw name or value of a
// query. plus is what a + stands for, a space or itself.
func appendArgument(dst []byte, raw string, plus byte) []byte {
	for {
		plain := lengthOf(raw, unreserved)
		dst = append(dst, raw[:plain]...)
		if raw = raw[plain:]; raw == "" {
			return dst
		}
		c, width := unescape(raw, 0)
		if raw[0] == '+' {
			c = plus
		}
		raw = raw[width:]
		dst = appendEscaped(dst, c)
	}
}

// appendValue appends the canonical form of one value of a header: trimmed,
// runs of spaces within made one.
func appendValue(dst []byte, value string) []byte {
	value = trim(value)
	if strings.IndexByte(value, ' ') < 0 || !strings.Contains(value, "  ") {
		return append(dst, value...)
	}
	for i := range len(value) {
		if value[i] == ' ' && value[i-1] == ' ' {
			continue
		}
		dst = append(dst, value[i])
	}
	return dst
}

// trim cuts spaces and tabs off both ends.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// isAmazon reports whether a name of a header or argument begins with x-amz-
// for any reader: in any case, and with _ or . in place of -, which CGI-like
// servers do not tell apart.
func isAmazon(name string) bool {
	const prefix = "x-amz-"
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := lower(name[i])
		if c == '_' || c == '.' {
			c = '-'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// cut is strings.Cut at a byte, which is quicker.
func cut(s string, at byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, at); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// word returns the first eight bytes of s, of which there must be so many.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// quoted makes what a client sent fit for a message: bounded and escaped.
func quoted(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}
