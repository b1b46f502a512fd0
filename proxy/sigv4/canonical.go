package sigv4

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
)

// message is what a canonical request is made of. AWS: "Authenticating
// Requests: Using the Authorization Header", task 1.
type message struct {
	method, host, path, query string
	header                    http.Header
	length                    int64
	signed                    []string // names of headers in lower case, sorted
	payload                   string   // the last line
	presigned                 bool     // X-Amz-Signature in the query is not signed
	reading                   reading

	// What Explain tries: a header with another value, and spaces in the
	// query as +.
	otherName, otherValue string
	formSpaces            bool
}

// reading is one of the ways to read what AWS's rules do not settle.
//
// A path that clients send with fewer or more escapes than the canonical form
// has, some of them sign as they send it. Accepting that too is unambiguous:
// the canonical form of a canonical form is itself, and both forms decode to
// the same key, so a signature for one is never good for another object.
//
// A + in the query is a space to AWS, and a plus to clients that escape
// spaces as %20. Whoever judges such a request must judge it under both.
type reading struct {
	rawPath bool
	plus    byte // what + stands for
}

// span is an argument of the canonical query within scratch.args.
type span struct{ name, value, end int }

// digest returns the SHA-256 of the canonical request; false if a header that
// was signed is not there.
func (c *scratch) digest(m *message) ([sha256.Size]byte, bool) {
	b := append(c.buf[:0], m.method...)
	b = append(b, '\n')
	if m.reading.rawPath {
		b = append(b, m.path...)
	} else {
		b = appendPath(b, m.path)
		c.pathSame = string(b[len(m.method)+1:]) == m.path
	}
	b = append(b, '\n')
	c.buf = b
	c.appendQuery(m)
	b = append(c.buf, '\n')
	for _, name := range m.signed {
		b = append(b, name...)
		b = append(b, ':')
		var present bool
		if b, present = m.appendHeader(b, name); !present {
			c.buf = b
			return [sha256.Size]byte{}, false
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = appendNames(b, m.signed)
	b = append(b, '\n')
	b = append(b, m.payload...)
	c.buf = b
	return sha256.Sum256(b), true
}

// appendNames appends names of headers with ; between.
func appendNames(dst []byte, names []string) []byte {
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, name...)
	}
	return dst
}

// appendQuery appends the canonical query: decoded and encoded once, sorted
// by encoded name, then value.
func (c *scratch) appendQuery(m *message) {
	c.args, c.spans = c.args[:0], c.spans[:0]
	for rest := m.query; rest != ""; {
		var pair string
		pair, rest, _ = cut(rest, '&')
		name, value, _ := cut(pair, '=')
		if pair == "" || m.presigned && decodeQuery(name) == argSignature {
			continue
		}
		at := span{name: len(c.args)}
		c.args = appendArgument(c.args, name, m.reading.plus)
		at.value = len(c.args)
		c.args = appendArgument(c.args, value, m.reading.plus)
		at.end = len(c.args)
		c.spans = append(c.spans, at)
	}
	args := c.args
	if len(c.spans) == 0 {
		return
	}
	slices.SortFunc(c.spans, func(a, b span) int {
		if order := bytes.Compare(args[a.name:a.value], args[b.name:b.value]); order != 0 {
			return order
		}
		return bytes.Compare(args[a.value:a.end], args[b.value:b.end])
	})
	start := len(c.buf)
	for i, at := range c.spans {
		if i > 0 {
			c.buf = append(c.buf, '&')
		}
		c.buf = append(c.buf, args[at.name:at.value]...)
		c.buf = append(c.buf, '=')
		c.buf = append(c.buf, args[at.value:at.end]...)
	}
	if m.formSpaces {
		c.buf = append(c.buf[:start], bytes.ReplaceAll(c.buf[start:], []byte("%20"), []byte{'+'})...)
	}
}

// appendHeader appends the canonical value of a header, found where net/http
// puts it; false if it is not there.
func (m *message) appendHeader(dst []byte, name string) ([]byte, bool) {
	if m.otherName != "" && name == m.otherName {
		return append(dst, m.otherValue...), true
	}
	values, present := m.values(name)
	switch {
	case present:
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, value)
		}
		return dst, true
	case name == "host":
		return appendValue(dst, m.host), m.host != ""
	case name == "content-length":
		return strconv.AppendInt(dst, m.length, 10), m.length >= 0
	case name == "transfer-encoding":
		return append(dst, "chunked"...), m.length < 0
	default:
		return dst, false
	}
}

// values looks a header up by its name in lower case. Host and
// Transfer-Encoding never come from the header map, where net/http has none.
func (m *message) values(name string) ([]string, bool) {
	if name == "host" || name == "transfer-encoding" {
		return nil, false
	}
	if known := canonicalName(name); known != "" {
		values := m.header[known]
		return values, len(values) > 0
	}
	var space [64]byte
	values := m.header[string(appendCanonicalName(space[:0], name))]
	return values, len(values) > 0
}

// appendCanonicalName appends a name in lower case as net/http writes it: with
// a letter in upper case at the beginning and behind each hyphen.
func appendCanonicalName(dst []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
		upper = c == '-'
	}
	return dst
}

// isCanonicalOf reports whether values finds a header by its plain name.
func isCanonicalOf(name, plain string) bool {
	var space [64]byte
	return string(appendCanonicalName(space[:0], plain)) == name
}

// canonicalName has the headers that most requests sign, as net/http writes
// them; others are "".
func canonicalName(name string) string {
	switch name {
	case "accept-encoding":
		return "Accept-Encoding"
	case "amz-sdk-invocation-id":
		return "Amz-Sdk-Invocation-Id"
	case "amz-sdk-request":
		return "Amz-Sdk-Request"
	case "content-length":
		return "Content-Length"
	case "content-type":
		return "Content-Type"
	case "range":
		return "Range"
	case "user-agent":
		return "User-Agent"
	case "x-amz-checksum-mode":
		return "X-Amz-Checksum-Mode"
	case "x-amz-content-sha256":
		return headerSHA256
	case "x-amz-date":
		return headerDate
	default:
		return ""
	}
}

// present reports whether appendHeader finds a header.
func (m *message) present(name string) bool {
	_, given := m.values(name)
	switch {
	case given:
		return true
	case name == "host":
		return m.host != ""
	case name == "content-length":
		return m.length >= 0
	case name == "transfer-encoding":
		return m.length < 0
	default:
		return false
	}
}

// stringToSign returns the string to sign of Version 4, valid until the next
// use of the scratch.
func (c *scratch) stringToSign(digest [sha256.Size]byte, timestamp, scope string) []byte {
	b := append(c.buf[:0], algorithm...)
	b = append(b, '\n')
	b = append(b, timestamp...)
	b = append(b, '\n')
	b = append(b, scope...)
	b = append(b, '\n')
	b = appendHex(b, &digest)
	c.buf = b
	return b
}
