package upstream

import "encoding/binary"

// byteClasses says of each byte whether it may stand in a token
// (RFC 9110, 5.6.2).
var byteClasses = func() (table [256]bool) {
	for c := range 256 {
		table[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		table[c] = true
	}
	return table
}()

// isToken reports whether s is a token.
func isToken(s string) bool {
	for i := range len(s) {
		if !byteClasses[s[i]] {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether b holds no control characters but tabs, eight
// bytes at a time.
func isFieldValue(b []byte) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		deleted := x ^ ones*0x7f
		if ((x-ones*0x20)&^x|(deleted-ones)&^deleted)&highs != 0 && !areFieldBytes(b[:8]) {
			return false
		}
	}
	return areFieldBytes(b)
}

func areFieldBytes(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
