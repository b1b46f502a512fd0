package accesslog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many bytes of a text go into a line.
const (
	maxPath   = 1024
	maxError  = 1024
	maxAgent  = 256
	maxHost   = 255
	maxName   = 128
	maxMethod = 32
)

// beyond is how far behind the part of a text that is shown redact must look,
// so that it sees a token as a whole that the end of that part cuts in two.
const beyond = 64

const ellipsis = "…"

// clientText makes a text that a client may have written fit for a line of at
// most limit bytes: nothing secret, nothing that a terminal or a reader of
// lines could take for more than text.
func clientText(s string, limit int) string {
	if len(s) <= limit+beyond {
		s = redact(s)
		if len(s) > limit {
			s = shorten(s, limit)
		}
		return printable(s)
	}
	s = redact(hideOpenUserinfo(s[:limit+beyond]))
	// What is left of the last bytes may be the beginning of a token.
	s = s[:max(len(s)-beyond, 0)]
	return printable(shorten(s, min(limit, len(s)+len(ellipsis))))
}

// hideOpenUserinfo hides what follows the last :// of a text that was cut off
// before one could see whether user and password stand there.
func hideOpenUserinfo(s string) string {
	i := strings.LastIndex(s, "://")
	if i < 0 || strings.ContainsAny(s[i+3:], "/ ") {
		return s
	}
	return s[:i+3] + hidden
}

// shorten cuts a text at the beginning of a character and says so.
func shorten(s string, limit int) string {
	end := max(min(limit-len(ellipsis), len(s)), 0)
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

// printable replaces what is no UTF-8, and the control and formatting
// characters that the JSON encoder passes on: DEL, C1, line separators and
// those that turn the direction of writing. The encoder escapes the control
// characters of ASCII.
func printable(s string) string {
	for i := range len(s) {
		if s[i] >= 0x7f {
			return strings.Map(graphic, s)
		}
	}
	return s
}

func graphic(r rune) rune {
	if r < ' ' || unicode.IsGraphic(r) {
		return r
	}
	return unicode.ReplacementChar
}

// name bounds a text that comes from the program or the configuration.
func name(s string) string {
	if len(s) > maxName {
		s = shorten(s, maxName)
	}
	return printable(s)
}

// publicID returns the public id of a token. Anything else in its place may
// be a value that slipped in, and is hidden.
func publicID(s string) string {
	if len(s) < 20 || len(s) > 24 {
		return hidden
	}
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return hidden
		}
	}
	return s
}
