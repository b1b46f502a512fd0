package proxy

import "strings"

// fate is what happens to a header of the client.
type fate uint8

const (
	goesOn fate = iota
	stops
	credential // goes on only where another service is meant
)

// fates of single headers: those that are for one connection only (RFC 9110
// section 7.6.1), and those by which a client could tell a server behind that
// the request is another one.
var fates = map[string]fate{
	"authorization":          credential,
	"gateway-token":          credential,
	"token":                  credential,
	"x-auth-token":           credential,
	"connection":             stops,
	"content-length":         stops, // set anew from what the body is
	"host":                   stops, // beside the :authority of HTTP/2
	"keep-alive":             stops,
	"proxy-authenticate":     stops,
	"proxy-authorization":    stops,
	"proxy-connection":       stops,
	"te":                     stops,
	"trailer":                stops,
	"transfer-encoding":      stops,
	"upgrade":                stops,
	"forwarded":              stops,
	"cf-connecting-ip":       stops,
	"http2-settings":         stops,
	"true-client-ip":         stops,
	"x-client-ip":            stops,
	"x-cluster-client-ip":    stops,
	"x-forwarded":            stops,
	"x-host":                 stops,
	"x-real-ip":              stops,
	"x-http-method":          stops,
	"x-http-method-override": stops,
	"x-method-override":      stops,
	"x-amz-security-token":   stops,
}

// stoppedFamilies are the beginnings of names that tell who asks, from where
// and for what; the gateway alone says that.
var stoppedFamilies = [...]string{"x-gateway-", "x-forwarded-", "x-original-", "x-rewrite-"}

// isOrdinary reports whether a name is common, goes on and is judged nowhere.
func isOrdinary(name string) bool {
	switch name {
	case "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Cookie",
		"If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since",
		"Origin", "Range", "Referer", "User-Agent":
		return true
	}
	return false
}

// fateOf returns the fate of a header by the name as servers behind may read
// it: some turn _ and . into the - that others tell from it.
func fateOf(name string) fate {
	var buffer [plainRoom]byte
	plain := appendPlain(buffer[:0], name)
	if f, ok := fates[string(plain)]; ok {
		return f
	}
	for _, family := range stoppedFamilies {
		if len(plain) >= len(family) && string(plain[:len(family)]) == family {
			return stops
		}
	}
	return goesOn
}

// isMisspelt reports whether some servers read a name as one that says what is
// stored, or as one of Amazon's, and others do not: Content_Type, X_Amz_Acl.
func isMisspelt(name string) bool {
	if isPlain(name) {
		return false
	}
	plain := plainName(name)
	return (strings.HasPrefix(plain, "x-amz-") || strings.HasPrefix(plain, "content-")) && !strings.EqualFold(plain, name)
}

// isJudged reports whether a header says something of what is stored that was
// held to the restrictions of a token: it must arrive as it was judged.
func isJudged(name string) bool {
	return strings.HasPrefix(name, "Content-") || strings.EqualFold(name, "X-Amz-Tagging")
}

// isPlain reports whether a name has letters, digits and - alone, so that
// nobody can read it as another.
func isPlain(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isLetterOrDigit(c) && c != '-' {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// plainRoom is enough for the names that there are.
const plainRoom = 64

// plainName returns a header name in lower case with - for everything that is
// neither a letter nor a digit.
func plainName(name string) string {
	var buffer [plainRoom]byte
	return string(appendPlain(buffer[:0], name))
}

func appendPlain(b []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case !isLetterOrDigit(c):
			c = '-'
		case c >= 'A':
			c |= 0x20
		}
		b = append(b, c)
	}
	return b
}
