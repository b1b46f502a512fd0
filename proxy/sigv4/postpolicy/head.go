package postpolicy

import (
	"strings"
	"unicode/utf8"

	"tollgate/proxy/sigv4"
)

// maxBoundary is the longest boundary (RFC 2046, 5.1.1).
const maxBoundary = 70

// maxName is how long the name of a field may be in bytes.
const maxName = 256

// boundaryOf returns the boundary that a Content-Type names. There must be
// exactly one, in the letters of RFC 2046, 5.1.1.
func boundaryOf(contentType string) (string, error) {
	kind, rest := contentType, ""
	if i := strings.IndexByte(contentType, ';'); i >= 0 {
		kind, rest = contentType[:i], contentType[i:]
	}
	if !strings.EqualFold(strings.Trim(kind, " \t"), "multipart/form-data") {
		return "", sigv4.Faultf(ErrNotMultipart, "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	given, err := parametersOf(rest)
	if err != nil {
		return "", err
	}
	b, ok := given["boundary"]
	if !ok || b == "" || len(b) > maxBoundary || b[len(b)-1] == ' ' {
		return "", sigv4.Faultf(ErrMalformed, "The Content-Type must name one boundary of 1 to %d characters", maxBoundary)
	}
	for i := range len(b) {
		if !isAlnum(b[i]) && !strings.ContainsRune("'()+_,-./:=? ", rune(b[i])) {
			return "", sigv4.Faultf(ErrMalformed, "The boundary in the Content-Type holds a character that no boundary may have")
		}
	}
	return b, nil
}

// head is what is kept of the head of a part.
type head struct {
	name        string // of the field, as sent
	filename    string // as sent
	contentType string
}

// readHead reads the head of a part and moves to its content.
func readHead(w *window) (head, error) {
	var h head
	seen := map[string]bool{}
	for {
		raw, err := w.upTo([]byte("\r\n"))
		if err != nil {
			return head{}, err
		}
		if len(raw) == 0 {
			break
		}
		name, value, err := headerOf(string(raw))
		if err != nil {
			return head{}, err
		}
		if seen[name] {
			return head{}, sigv4.Faultf(ErrMalformed, "The head of a part names %s twice", name)
		}
		seen[name] = true
		if err := h.take(name, value); err != nil {
			return head{}, err
		}
	}
	if h.name == "" {
		return head{}, sigv4.Faultf(ErrMalformed, `A part has no "Content-Disposition: form-data" with a name`)
	}
	return h, nil
}

// headerOf splits a line of a part's head. The name comes in lower case.
func headerOf(line string) (name, value string, err error) {
	for i := range len(line) {
		if line[i] < ' ' && line[i] != '\t' || line[i] == 0x7f {
			return "", "", sigv4.Faultf(ErrMalformed, "The head of a part holds a control character, lines end in CRLF")
		}
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) || !utf8.ValidString(value) {
		return "", "", sigv4.Faultf(ErrMalformed, "The head of a part holds a line that is no header in UTF-8")
	}
	return strings.ToLower(name), strings.Trim(value, " \t"), nil
}

// take notes one header. Others than these have no meaning in a form and are
// ignored (RFC 7578, 4.8).
func (h *head) take(name, value string) (err error) {
	switch name {
	case "content-disposition":
		h.name, h.filename, err = dispositionOf(value)
	case "content-type":
		h.contentType = value
	case "content-transfer-encoding":
		switch strings.ToLower(value) {
		case "7bit", "8bit", "binary":
		default:
			err = sigv4.Faultf(ErrMalformed, "A part has a Content-Transfer-Encoding, parts are accepted as they are only")
		}
	default:
	}
	return err
}

// dispositionOf reads a Content-Disposition. A filename is taken as it stands
// between its quotes, since browsers escape nothing but the quote itself, as
// %22; a backslash in front of a quote has two readings and is refused.
func dispositionOf(value string) (name, filename string, err error) {
	kind, rest := value, ""
	if i := strings.IndexByte(value, ';'); i >= 0 {
		kind, rest = value[:i], value[i:]
	}
	if !strings.EqualFold(strings.Trim(kind, " \t"), "form-data") {
		return "", "", sigv4.Faultf(ErrMalformed, "A part has another Content-Disposition than form-data")
	}
	given, err := parametersOf(rest)
	if err != nil {
		return "", "", err
	}
	name, filename = given["name"], given["filename"]
	if len(name) > maxName {
		return "", "", sigv4.Faultf(ErrMalformed, "The name of a field is longer than %d bytes", maxName)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return "", "", sigv4.Faultf(ErrMalformed, "The name of a field holds another character than visible ASCII without backslash")
		}
	}
	return name, filename, nil
}

// parametersOf reads "; name=value; name=value". Names come in lower case; one
// that is there twice and the extended notation name*= are refused.
func parametersOf(s string) (map[string]string, error) {
	given := make(map[string]string, 2)
	for s = strings.Trim(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		after, ok := strings.CutPrefix(s, ";")
		if !ok {
			return nil, badParameter()
		}
		name, rest, ok := strings.Cut(strings.TrimLeft(after, " \t"), "=")
		name = strings.ToLower(name)
		if _, twice := given[name]; !ok || twice || !isToken(name) || strings.ContainsRune(name, '*') {
			return nil, badParameter()
		}
		given[name], s, ok = parameterValue(rest)
		if !ok {
			return nil, badParameter()
		}
	}
	return given, nil
}

// parameterValue reads a token or a quoted string and returns what follows.
func parameterValue(s string) (value, rest string, ok bool) {
	quoted, isQuoted := strings.CutPrefix(s, `"`)
	if isQuoted {
		value, rest, ok = strings.Cut(quoted, `"`)
		return value, rest, ok && !strings.HasSuffix(value, `\`)
	}
	end := strings.IndexAny(s, "; \t")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:], isToken(s[:end])
}

func badParameter() error {
	return sigv4.Faultf(ErrMalformed, `A header of the form has parameters that are not of the form name="value", each once, without name*= and without \"`)
}

// isToken reports whether s is a token of RFC 9110, 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(s[i])) {
			return false
		}
	}
	return s != ""
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
