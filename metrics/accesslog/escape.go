package accesslog

import (
	"encoding/binary"
	"strings"
)

// appendName appends a key, of which the text ends with the quotation mark
// before the value, and a text of the program or the configuration. There is
// no field without text. The field is whole if it is there and has the text as
// it is.
func appendName(b []byte, key, s string) (field []byte, whole bool) {
	if s == "" {
		return b, false
	}
	b = append(b, key...)
	if len(s) <= maxName {
		if text := append(b, s...); isPlain(text, len(s)) {
			return append(text, '"'), true
		}
	}
	return append(appendEscaped(b, name(s)), '"'), false
}

// appendText is appendName for a text that a client may have written.
func appendText(b []byte, key, s string, limit int) (field []byte, whole bool) {
	if s == "" {
		return b, false
	}
	b = append(b, key...)
	if len(s) <= limit {
		if text := append(b, s...); isHarmless(s, signsOf(text, len(s))) {
			return append(text, '"'), true
		}
	}
	return append(appendEscaped(b, clientText(s, limit)), '"'), false
}

// isHarmless reports whether the text with these signs can be written as it
// is. Only a text that may hold a secret is searched for one: user and
// password and a query have a mark, an access token and a UUID a hyphen, a
// token of the own form an underscore, and the hex digits of a token are seen
// as such.
func isHarmless(s string, found signs) bool {
	if found.unfit != 0 {
		return false
	}
	if found.marks == 0 && (found.joints == 0 || !hasTokenHyphen(s) && !strings.Contains(s, ownStart)) && !hasHexRun(s) {
		return true
	}
	from, _ := nextSecret(s, 0)
	return from < 0
}

// hasTokenHyphen reports whether a hyphen stands as in an access token or as
// the first one in a UUID.
func hasTokenHyphen(s string) bool {
	for i := strings.IndexByte(s, '-'); i >= 0; {
		rest := s[i+1:]
		if strings.HasPrefix(rest, "v1") || len(rest) > 14 && rest[4] == '-' && rest[9] == '-' && rest[14] == '-' {
			return true
		}
		next := strings.IndexByte(rest, '-')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}

// hasHexRun reports whether there are as many lower-case hex digits in a row
// as a token has. It looks at the last place of each row that there could be,
// and goes backwards from there, so that most bytes need not be looked at.
func hasHexRun(s string) bool {
	for last := hexDigits - 1; last < len(s); {
		i := last
		for i > last-hexDigits && isLowerHex(s[i]) {
			i--
		}
		if i == last-hexDigits {
			return true
		}
		last = i + hexDigits
	}
	return false
}

// For the search in eight bytes at once: a one in each, and the top bit of
// each.
const (
	each = 0x0101010101010101
	top  = 0x80 * each
)

// isPlain reports whether the last n bytes of b need neither an escape nor
// what printable does.
func isPlain(b []byte, n int) bool {
	found := unfitIn(lastEight(b, n))
	for text := b[len(b)-n:]; len(text) > 8; text = text[8:] {
		found |= unfitIn(binary.LittleEndian.Uint64(text))
	}
	return found&top == 0
}

// signs says by bits that are not zero what is in a text: what isPlain does
// not let pass, question marks and at signs, hyphens and underscores.
type signs struct{ unfit, marks, joints uint64 }

// signsOf looks at the last n bytes of b.
func signsOf(b []byte, n int) signs {
	w := lastEight(b, n)
	unfit, marks, joints := unfitIn(w), marksIn(w), jointsIn(w)
	for text := b[len(b)-n:]; len(text) > 8; text = text[8:] {
		w = binary.LittleEndian.Uint64(text)
		unfit |= unfitIn(w)
		marks |= marksIn(w)
		joints |= jointsIn(w)
	}
	return signs{unfit: unfit & top, marks: marks & top, joints: joints & top}
}

// lastEight returns the last eight bytes of b. It must have as many, also
// when the text at its end has only n: what stands before that is left out.
func lastEight(b []byte, n int) uint64 {
	w := binary.LittleEndian.Uint64(b[len(b)-8:])
	if n < 8 {
		before := uint64(1)<<(8*(8-n)) - 1
		w = w&^before | 'a'*each&before
	}
	return w
}

// unfitIn sets top bits if one of eight bytes is a control character, beyond
// ASCII, a quotation mark or a backslash. One more than a byte has the top bit
// from 0x7f to 0xfe, a space less has it below the space and at 0xff. A byte b
// that is c gives zero in b^c, and one less than zero has it. A carry or
// borrow comes only from a byte that is unfit itself: a sign may be seen where
// there is none, but none is missed.
func unfitIn(w uint64) uint64 {
	return (w + each) | (w - ' '*each) | ((w ^ '"'*each) - each) | ((w ^ '\\'*each) - each)
}

// marksIn does so for the question mark and the at sign, which have none of
// seven bits in common: where one gives zero, the other gives 0x7f.
func marksIn(w uint64) uint64 {
	w ^= '?' * each
	return (w - each) | (w + each)
}

// jointsIn does so for the hyphen and the underscore.
func jointsIn(w uint64) uint64 {
	return ((w ^ '-'*each) - each) | ((w ^ '_'*each) - each)
}

// appendEscaped appends a text that printable has cleaned, with the escapes
// of zap's encoder: RFC 8259, section 7, and none for the sake of HTML.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	done := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	return append(b, s[done:]...)
}
