package accesslog

import "strings"

// hidden stands where something was that must not be read.
const hidden = "***"

// The forms of token values, and the shortest text in which anything can be
// found.
const (
	hexDigits   = 32          // a token of the content gateway, in lower case
	uuidDigits  = 36          // a token of the file repository, in upper case
	bearerStart = "access-v1" // an access token, before a colon and base64
	ownStart    = "tgt_"      // a token of the gateway's own form
	ownDigits   = 33          // and what follows: letters and digits
	shortest    = len("?=")
)

// Redact replaces by *** what looks like the value of a token, as is done with
// the fields of the log.
func Redact(s string) string { return redact(s) }

// redact replaces by *** what looks like the value of a token, what stands
// for user and password in a URL, and queries. A token is found as a whole
// word, a word being letters and digits: a longer row of hex digits is a
// checksum and stays. A percent escape is no part of a word.
//
// Text in which nothing is found comes back as it is, for the price of
// looking at each byte once.
func redact(s string) string {
	if len(s) < shortest {
		return s
	}
	from, to := nextSecret(s, 0)
	if from < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	done := 0
	for from >= 0 {
		b.WriteString(s[done:from])
		b.WriteString(hidden)
		done = to
		from, to = nextSecret(s, done)
	}
	b.WriteString(s[done:])
	return b.String()
}

// nextSecret returns where the next thing to hide begins and ends, -1 if
// there is none. The text before at ends a word.
func nextSecret(s string, at int) (from, to int) {
	for i := at; i < len(s); {
		switch kind(s[i]) {
		case 0:
			i++
		case markByte:
			if from, to, i = marked(s, i); to > 0 {
				return from, to
			}
		default:
			end, lowerHex := wordEnd(s, i)
			if to = tokenEnd(s, i, end, lowerHex); to > 0 {
				return i, to
			}
			i = end
		}
	}
	return -1, -1
}

// marked looks at what follows the mark at i, and returns where to go on if
// there is nothing to hide.
func marked(s string, i int) (from, to, next int) {
	from = i + 1
	switch {
	case s[i] == '%':
		return escaped(s, i)
	case s[i] == '?':
		to = queryEnd(s, from)
	case strings.HasPrefix(s[i:], "://"):
		from = i + len("://")
		to = userinfoEnd(s, from)
	}
	return from, to, i + 1
}

// escaped looks at the percent sign at i. It may stand in front of a token by
// itself; otherwise it begins an escape, behind which the next word begins.
func escaped(s string, i int) (from, to, next int) {
	if end, lowerHex := wordEnd(s, i+1); end > i+1 {
		if to = tokenEnd(s, i+1, end, lowerHex); to > 0 {
			return i + 1, to, to
		}
	}
	if isEscape(s, i) {
		return 0, 0, i + 3
	}
	return 0, 0, i + 1
}

// What a byte means to the search, as bits of its place in kinds.
const (
	wordByte = 1 << iota // letters and digits
	hexByte              // the digits of a token in lower case
	markByte             // what may stand before something to hide
)

// kinds holds a byte for each character of ASCII; it is what costs so little
// when nothing is found.
const kinds = "" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x04\x00\x00\x00\x00\x04" +
	"\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" +
	"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00" +
	"\x00\x03\x03\x03\x03\x03\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01" +
	"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00"

func kind(c byte) byte {
	if c >= 0x80 {
		return 0
	}
	return kinds[c]
}

func isWord(c byte) bool { return kind(c)&wordByte != 0 }

func isLowerHex(c byte) bool { return kind(c)&hexByte != 0 }

func isUpperHex(c byte) bool { return c-'0' <= 9 || c-'A' <= 'F'-'A' }

func isHex(c byte) bool { return isLowerHex(c) || isUpperHex(c) }

func isEscape(s string, i int) bool { return i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) }

// wordEnd returns the end of the word that begins at i and whether it is made
// of lower-case hex digits alone.
func wordEnd(s string, i int) (end int, lowerHex bool) {
	all := byte(hexByte)
	for end = i; end < len(s); end++ {
		k := kind(s[end])
		if k&wordByte == 0 {
			break
		}
		all &= k
	}
	return end, all != 0
}

// tokenEnd returns where the token ends whose first word is s[i:end], zero if
// that begins none.
func tokenEnd(s string, i, end int, lowerHex bool) int {
	switch end - i {
	case hexDigits:
		if lowerHex {
			return end
		}
	case len("01234567"):
		if isUUID(s[i:]) {
			return i + uuidDigits
		}
	case len("tgt"):
		if strings.HasPrefix(s[i:], ownStart) {
			if last, _ := wordEnd(s, i+len(ownStart)); last == i+len(ownStart)+ownDigits {
				return last
			}
		}
	case len("access"):
		if strings.HasPrefix(s[i:], bearerStart) {
			return bearerEnd(s, i+len(bearerStart))
		}
	}
	return 0
}

// isUUID reports whether s begins with an upper-case UUID that is followed by
// no other letter or digit.
func isUUID(s string) bool {
	if len(s) < uuidDigits || len(s) > uuidDigits && isWord(s[uuidDigits]) {
		return false
	}
	for i := range uuidDigits {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash && s[i] != '-' || !dash && !isUpperHex(s[i]) {
			return false
		}
	}
	return true
}

// bearerEnd returns the end of the base64 text that follows the colon at i,
// which may be percent-encoded, as may be what follows it; zero if there is
// none.
func bearerEnd(s string, i int) int {
	colon := 1
	if strings.HasPrefix(s[i:], "%3") && isEscape(s, i) && s[i+2]|0x20 == 'a' {
		colon = 3
	} else if !strings.HasPrefix(s[i:], ":") {
		return 0
	}
	begin := i + colon
	end := begin
	for end < len(s) && (isWord(s[end]) || strings.IndexByte("+/=_-%", s[end]) >= 0) {
		end++
	}
	if end == begin {
		return 0
	}
	return end
}

// endsURL reports whether a byte cannot be a part of a URL inside a text.
func endsURL(c byte) bool { return c <= ' ' || strings.IndexByte("\"'<>`\\", c) >= 0 }

// queryEnd returns the end of the query that begins at i, zero if it has no
// value: a question mark is common in other places.
func queryEnd(s string, i int) int {
	values := false
	end := i
	for ; end < len(s) && !endsURL(s[end]); end++ {
		values = values || s[end] == '='
	}
	if !values {
		return 0
	}
	return end
}

// userinfoEnd returns where the user and the password end in the URL whose
// authority begins at i, zero if there are none. What should have been
// encoded, such as a question mark, does not end the search: messages about
// URLs that cannot be read carry just those.
func userinfoEnd(s string, i int) int {
	at := 0
	for ; i < len(s) && s[i] != '/' && !endsURL(s[i]); i++ {
		if s[i] == '@' {
			at = i
		}
	}
	return at
}
