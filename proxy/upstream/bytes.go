package upstream

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

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text is what can be looked at byte by byte.
type text interface{ ~string | ~[]byte }

// word returns the first eight bytes of s.
func word[T text](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// isToken reports whether s is a token, eight bytes at a time as long as they
// are letters and hyphens.
func isToken(s string) bool {
	if len(s) < 8 {
		return s != "" && areTokenBytes(s)
	}
	for rest := s; len(rest) > 8; rest = rest[8:] {
		if !isTokenWord(word(rest)) && !areTokenBytes(rest[:8]) {
			return false
		}
	}
	last := s[len(s)-8:] // some of it perhaps again
	return isTokenWord(word(last)) || areTokenBytes(last)
}

// isTokenWord reports whether x holds nothing but letters and hyphens.
func isTokenWord(x uint64) bool {
	lower := x | ones*0x20
	letters := (lower + ones*(0x80-'a')) &^ (lower + ones*(0x80-'z'-1))
	hyphens := ^((x ^ ones*'-') + ones*0x7f)
	return x&highs == 0 && (letters|hyphens)&highs == highs
}

func areTokenBytes(s string) bool {
	for i := range len(s) {
		if !byteClasses[s[i]] {
			return false
		}
	}
	return true
}

// isFieldValue reports whether s holds no control characters but tabs, eight
// bytes at a time.
func isFieldValue[T text](s T) bool {
	if len(s) < 8 {
		return areFieldBytes(s)
	}
	for rest := s; len(rest) > 8; rest = rest[8:] {
		if !isFieldWord(word(rest)) && !areFieldBytes(rest[:8]) {
			return false
		}
	}
	last := s[len(s)-8:] // some of it perhaps again
	return isFieldWord(word(last)) || areFieldBytes(last)
}

// isFieldWord reports whether x holds no control characters at all.
func isFieldWord(x uint64) bool {
	deleted := x ^ ones*0x7f
	return ((x-ones*0x20)&^x|(deleted-ones)&^deleted)&highs == 0
}

func areFieldBytes[T text](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
