// Package sdktest holds AWS's own signer, that of aws-sdk-go-v2, against
// tollgate/proxy/sigv4: what the one signs, the other has to verify, and both
// have to sign alike. It is a module of its own so that the gateway does not
// depend on the SDK.
package sdktest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/httpbinding"
)

const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	region    = "us-east-1"
	host      = "storage.example:9000"

	emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	unsigned    = "UNSIGNED-PAYLOAD"
)

// pair is an argument of a query, decoded.
type pair struct{ name, value string }

// pairsOf reads fuzzed arguments: lines, name and value with a tab between.
// Arguments that are themselves authentication are left out: what they mean is
// not for the client to choose, and Parse refuses them beside a signature.
func pairsOf(lines string) []pair {
	var pairs []pair
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, _ := strings.Cut(line, "\t")
		if line != "" && !authenticates(name) && !strings.EqualFold(name, "AWSAccessKeyId") {
			pairs = append(pairs, pair{name, value})
		}
	}
	return pairs
}

// authenticates has the arguments of query authentication, and the headers
// that become such arguments when the SDK presigns.
func authenticates(name string) bool {
	switch strings.ToLower(name) {
	case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
		"x-amz-signature", "x-amz-content-sha256", "x-amz-security-token":
		return true
	default:
		return false
	}
}

// valuesOf is a query as clients that use net/url hold it.
func valuesOf(pairs []pair) url.Values {
	values := url.Values{}
	for _, p := range pairs {
		values.Add(p.name, p.value)
	}
	return values
}

// maxHeaders bounds the fuzzed headers, whose names have to fit into an
// Authorization header. Of 8192 bytes and 128 names more is refused.
const maxHeaders = 2048

// headersOf reads fuzzed headers: lines, name and value with a colon between.
// Left out is:
//   - what net/http's client refuses to send: names that are no tokens, values
//     with control characters;
//   - what it does not send from the map although the SDK signs it: Host,
//     Content-Length, Transfer-Encoding and Trailer;
//   - headers of authentication, which the tests set themselves, and
//     X-Amz-Trailer and X-Amz-Decoded-Content-Length, which Parse accepts only
//     with the payloads that they belong to, and that from the 65th on;
//   - white space of Unicode around a value. AWS says that white space is
//     trimmed, HTTP that it is spaces and tabs (RFC 9110, section 5.5). The SDK
//     alone trims U+00A0 and the like from what it signs and sends it all the
//     same; to HTTP these bytes are part of the value.
func headersOf(lines string) http.Header {
	header := http.Header{}
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, found := strings.Cut(line, ":")
		if len(header) == 64 || !found || !isToken(name) || authenticates(name) || !isFieldValue(value) || strings.TrimSpace(value) != strings.Trim(value, " \t") {
			continue
		}
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Authorization", "X-Amz-Trailer", "X-Amz-Decoded-Content-Length":
		default:
			header.Add(name, value)
		}
	}
	return header
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || 'z' < c) && (s[i] < '0' || '9' < s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func isFieldValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// momentOf is any second from 1970 to 9999: dates of other years are not
// eight digits long.
func momentOf(seconds uint64) time.Time {
	return time.Unix(int64(seconds%253402300800), 0).UTC()
}

// pathOf is a path to a key, or none at all.
func pathOf(key string) string {
	if key == "" || key[0] == '/' {
		return key
	}
	return "/" + key
}

// locate returns the URL of a path in one of the ways in which clients write
// it: escaped as the SDK's S3 client does, as net/url does, or, where the
// fuzzer made a path with escapes that are valid, just as it is.
func locate(path string, way byte) *url.URL {
	u := &url.URL{Scheme: "http", Host: host, Path: path}
	switch way % 3 {
	case 0:
		u.RawPath = httpbinding.EscapePath(path, false)
	case 1:
	default:
		if plain, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = plain, path
		}
	}
	return u
}

// spell escapes a text in a way that only a client with an escaping of its own
// has: for each byte, in turn, choices says whether it is sent as it is, where
// that is possible, escaped, or escaped with hex digits in lower case.
func spell(text, choices, never string, plus bool) string {
	const upper, lower = "0123456789ABCDEF", "0123456789abcdef"
	var b strings.Builder
	for i := range len(text) {
		c, choice := text[i], byte(0)
		if choices != "" {
			choice = choices[i%len(choices)] % 3
		}
		switch {
		case choice == 0 && c == ' ' && plus:
			b.WriteByte('+')
		case choice == 0 && c > ' ' && c != 0x7f && c != '%' && strings.IndexByte(never, c) < 0:
			b.WriteByte(c)
		case choice == 2:
			b.WriteString("%" + string(lower[c>>4]) + string(lower[c&15]))
		default:
			b.WriteString("%" + string(upper[c>>4]) + string(upper[c&15]))
		}
	}
	return b.String()
}

// spellPath spells a path; its first slash is what makes it one.
func spellPath(path, choices string) string {
	if path == "" {
		return "/"
	}
	return "/" + spell(path[1:], choices, "?", false)
}

// spellQuery spells arguments, turned round or not, with empty arguments among
// them or not, and those without a value with = or without.
func spellQuery(pairs []pair, choices string) string {
	first := byte(0)
	if choices != "" {
		first = choices[0]
	}
	pairs = slices.Clone(pairs)
	if first&4 != 0 {
		slices.Reverse(pairs)
	}
	parts := make([]string, 0, len(pairs))
	for _, p := range pairs {
		part := spell(p.name, choices, "&=+", true)
		if p.value != "" || p.name == "" || first&8 != 0 {
			part += "=" + spell(p.value, choices, "&+", true)
		}
		if parts = append(parts, part); first&16 != 0 {
			parts = append(parts, "")
		}
	}
	return strings.Join(parts, "&")
}

func TestSpelling(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{spellPath("/a é/?+", "\x00"), "/a%20\xc3\xa9/%3F+"},
		{spellPath("/aé", "\x02"), "/%61%c3%a9"},
		{spellPath("", "\x02"), "/"},
		{spellQuery([]pair{{"a", "b +&="}, {"acl", ""}}, "\x00"), "a=b+%2B%26=&acl"},
		{spellQuery([]pair{{"a", "/"}, {"acl", ""}}, "\x1c"), "%61%63%6C=&&%61=%2F&"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
