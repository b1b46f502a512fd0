package sdktest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
)

// seeds are what the targets begin with: keys that are easy to get wrong.
var seeds = []struct{ method, key, query, headers string }{
	{"GET", "/b/k", "", ""},
	{"GET", "", "prefix\ta/b\ndelimiter\t/\nlist-type\t2", ""},
	{"PUT", "/b/a b+c%2Fd~e'f", "partNumber\t1\nuploadId\tx y+z", "Content-Type:text/plain\nX-Amz-Meta-A: two  spaces "},
	{"PUT", "/b/é/日本/\U0001f600", "é\tü", "X-Amz-Meta-A:é\nX-Amz-Storage-Class:STANDARD"},
	{"DELETE", "/b/k;v=1&w=2", "versionId\t;\n&\t=\n=\t&", "If-Match:\"a\""},
	{"HEAD", "/b//a/../c/./", "acl\nacl\t\nacl\tz\nacl\ta", "Range:bytes=0-9"},
	{"POST", "/b/!*'();:@&=$,[]#?", "uploads\nx\ta/b\nx\ta-b", "X-Amz-Meta-A:1\nx-amz-meta-a:2\nX-Amz-Acl:private\nX-Amz-Request-Payer:requester"},
	{"GET", "/b/%00\x00\xff\n", "%\t%\n+\t+\n \t ", "X_amz_a:b\nX.Amz.B:c\nUser-Agent:x\nExpect:100-continue\nCache-Control:\tno-cache\t"},
	{"GET", "//b/%c3%a9/%2f/%41", "a\nb\n\t\n\tx", "Date:Fri, 24 May 2013 00:00:00 GMT\nX-Amz-Foo:hoisted\nConnection:close"},
	{"PUT", "/b/k", "partNumber\t1", "Content-MD5:1B2M2Y8AsgTpgAmY7PhCfg==\nAmz-Sdk-Request:attempt=1; max=3\nAmz-Sdk-Invocation-Id:1\nX-Amz-Meta-Tab:a\t  b \t c"},
	{"M-SEARCH", "/b/.", "Signature\tx\nExpires\t1", "Pragma:no-cache\nAccept-Encoding:identity"},
}

// The flags of FuzzSDKSignsGatewayVerifies: the lowest two bits say how the
// URL is written.
const (
	inQuery    = 1 << 2 // presigned
	isUnsigned = 1 << 3 // the payload is UNSIGNED-PAYLOAD
	otherHost  = 1 << 4 // a host with the port of its scheme, which is not sent
	unknown    = 1 << 5 // the length of the body is not known
)

// FuzzSDKSignsGatewayVerifies: what the SDK signs, in the header and presigned,
// Verify accepts as it arrives over the wire. After a change of the method, the
// target, the host, a signed header (the date and the payload are such) or of
// the signature it does not, unless the change means nothing to S3.
// TestVoidChanges has all that these are; of any one change, canonicals and
// claim say whether it is.
func FuzzSDKSignsGatewayVerifies(f *testing.F) {
	for i, s := range seeds {
		for flags := range byte(8) {
			f.Add(s.method, s.key, s.query, s.headers, "secret", uint64(1369353600), "body"[:i%5], flags|byte(i)<<3, flags, uint16(i), byte('a'))
		}
	}
	for what := range byte(8) { // every kind of change, in each way
		for how := range byte(3) {
			f.Add("PUT", "/b/a ~$", "acl\nx\ty z", "X-Amz-Meta-A:a  b", "s", uint64(1), "abc", what%4, what|how<<4, uint16(80*what), byte(' '))
			f.Add("PUT", "/b/a ~$", "acl\nx\ty z", "X-Amz-Meta-A:a  b", "s", uint64(1), "abc", byte(inQuery|isUnsigned|unknown), what|how<<4, uint16(80*what), byte('+'))
		}
	}
	f.Fuzz(func(t *testing.T, method, key, query, headers, secret string, seconds uint64, body string, flags, what byte, at uint16, with byte) {
		if !isToken(method) || method == http.MethodConnect || len(headers) > maxHeaders {
			return
		}
		now := momentOf(seconds)
		v, want := signedBySDK(t, request(method, key, query, headers, body, flags), secret, body, flags, now)
		s, err := verify(v, secret, now)
		if err != nil {
			t.Fatalf("what the SDK signed: %v: %+v", err, v)
		}
		if got, _ := url.PathUnescape(v.Path); got != want && v.Path != "/" {
			t.Fatalf("the path %q is sent as %q", want, v.Path)
		}
		checkPayload(t, s, body, flags)
		texts := canonicals(v, s.SignedHeaders)
		if len(texts) == 0 {
			t.Fatalf("no canonical request of %+v", v)
		}
		signed := texts[len(texts)-1] // the SDK signs the path as it sends it

		other, err := change(v, s, what, at, with)
		if err != nil {
			return // refused by net/http or before signatures matter
		}
		void := claim(other) == claim(v) && slices.Contains(canonicals(other, s.SignedHeaders), signed) && what%8 != addHeader
		if _, err := verify(other, secret, now); (err == nil) != void {
			t.Fatalf("after change %d void is %v, and verify says %v:\n%+v\n%+v", what%8, void, err, v, other)
		}
	})
}

// All the changes that mean nothing to S3, of a request that the SDK signed in
// its canonical spelling; and beside each, with !, the next thing to it that
// does mean something.
func TestVoidChanges(t *testing.T) {
	const presigned = inQuery | isUnsigned
	for _, c := range []struct {
		name, from, to string // in the target or a header
		flags          byte
	}{
		{"path: an escape in lower case", "/b/%C3%A9", "/b/%c3%A9", 0},
		{"path: an escape of what needs none", "/b/%C3%A9/a~", "/b/%C3%A9/%61%7E", 0},
		{"path: what needs an escape without", "%24%2B", "$+", 0},
		{"path: a slash of the key escaped", "/a~", "%2Fa~", 0},
		{"! path: a plus for a space", "%20", "+", 0},
		{"! path: escaped once more", "%20", "%2520", 0},
		{"! path: slashes merged", "a~//", "a~/", 0},
		{"! path: an escape cut short", "%24", "%2", 0},
		{"! path: a path signed as it was sent, with an escape in lower case", "/b/%C3%A9", "/b/%c3%A9", 1},
		{"! path: the same, with what needed an escape escaped", "$+", "%24+", 1},

		{"query: an escape in lower case", "x=y%20z%2F", "x=y%20z%2f", 0},
		{"query: an escape of what needs none", "x=y", "%78=%79", 0},
		{"query: what needs an escape without", "z%2F", "z/", 0},
		{"query: a plus for a space", "x=y%20z", "x=y+z", 0},
		{"query: no = where no value is", "?acl=", "?acl", 0},
		{"query: another order", "?acl=&w=%2B&x=y%20z%2F", "?x=y%20z%2F&acl=&w=%2B", 0},
		{"query: an empty argument", "?acl=", "?&acl=&", 0},
		{"! query: a value where none was", "?acl=", "?acl=a", 0},
		{"! query: an argument more", "?acl=", "?acl=&a", 0},
		{"! query: an argument twice", "?acl=", "?acl=&acl=", 0},
		{"! query: an argument less", "?acl=&", "?", 0},
		{"! query: pluses of two meanings", "w=%2B&x=y%20z", "w=+&x=y+z", 0},
		{"! query: a semicolon for an ampersand", "=&w=", "=;w=", 0},
		{"query: presigned, an escape in lower case", "%2F20130524", "%2f20130524", presigned},
		{"! query: presigned, other headers", "SignedHeaders=content-length%3Bhost", "SignedHeaders=host", presigned},
		{"! query: presigned, another end", "Expires=900", "Expires=901", presigned},
		{"! query: presigned, a digit of the signature in the other case", "X-Amz-Signature=", "X-Amz-Signature=A", presigned},

		{"header: spaces within", "a b", "a   b", 0},
		{"header: white space around", "a b", "\t a b ", 0},
		{"! header: a tab within", "a b", "a\tb", 0},
		{"! header: a space less", "a b", "ab", 0},
		{"! header: the case of a value", "a b", "A b", 0},
		{"Authorization: spaces at the commas", ", SignedHeaders", " ,  SignedHeaders", 0},
		{"Authorization: no spaces at the commas", ", SignedHeaders", ",SignedHeaders", 0},
		{"! Authorization: a header less", "SignedHeaders=content-length;", "SignedHeaders=", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := momentOf(1369353600)
			r := request("PUT", "/b/é/a~//$+ ", "acl\nx\ty z/\nw\t+", "X-Amz-Meta-A:a b", "abc", c.flags)
			v, _ := signedBySDK(t, r, "secret", "abc", c.flags, now)
			changed := strings.Replace(v.Path+"?"+v.Query, c.from, c.to, 1)
			for _, name := range []string{"X-Amz-Meta-A", "Authorization"} {
				if v.Header.Get(name) != "" {
					v.Header.Set(name, strings.Replace(v.Header.Get(name), c.from, c.to, 1))
				}
			}
			other := v
			other.Path, other.Query, _ = strings.Cut(changed, "?")
			unchanged, _ := signedBySDK(t, request("PUT", "/b/é/a~//$+ ", "acl\nx\ty z/\nw\t+", "X-Amz-Meta-A:a b", "abc", c.flags), "secret", "abc", c.flags, now)
			if reflect.DeepEqual(other, unchanged) {
				t.Fatalf("nothing has changed in %+v", other)
			}
			if _, err := verify(other, "secret", now); (err != nil) != strings.HasPrefix(c.name, "!") {
				t.Errorf("%v: %+v", err, other)
			}
		})
	}
}

// request makes the request that the SDK is to sign.
func request(method, key, query, headers, body string, flags byte) *http.Request {
	r := &http.Request{Method: method, URL: locate(pathOf(key), flags), Header: headersOf(headers)}
	r.URL.RawQuery = valuesOf(pairsOf(query)).Encode()
	if flags&otherHost != 0 {
		r.URL.Host = "Bucket.storage.example:80"
	}
	if body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		if flags&unknown != 0 {
			r.ContentLength = -1
		}
	}
	return r
}

// signedBySDK signs and sends a request, and returns with it the path as a key
// has it. A presigned request says of its body nothing, which is
// UNSIGNED-PAYLOAD, or its digest in a header that is signed.
func signedBySDK(t testing.TB, r *http.Request, secret, body string, flags byte, now time.Time) (sigv4.View, string) {
	t.Helper()
	payload := digestOf(body)
	if flags&isUnsigned != 0 {
		payload = unsigned
	}
	if flags&inQuery == 0 || flags&isUnsigned == 0 {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	path := r.URL.Path
	if flags&inQuery != 0 {
		return sent(t, presignSDK(t, r, secret, payload, now)), path
	}
	signSDK(t, r, region, secret, payload, now)
	return sent(t, r), path
}

func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func checkPayload(t testing.TB, s *sigv4.Signature, body string, flags byte) {
	t.Helper()
	want := sigv4.Digest
	if flags&isUnsigned != 0 {
		want = sigv4.Unsigned
	}
	if s.Payload != want || want == sigv4.Digest && s.Digest != sha256.Sum256([]byte(body)) {
		t.Errorf("payload %v, digest %x", s.Payload, s.Digest)
	}
}

// The kinds of changes, the lowest three bits of what.
const (
	changePath = iota
	changeQuery
	changeHost
	changeHeader
	addHeader
	changeMethod
	changeClaim
	dropHeader
)

// change makes one change and sends the request again. The bits of what above
// the kind say how a text changes.
func change(v sigv4.View, s *sigv4.Signature, what byte, at uint16, with byte) (sigv4.View, error) {
	method, path, query, host, header := v.Method, v.Path, v.Query, v.Host, v.Header.Clone()
	edit := func(text string) string { return edited(text, what>>4, int(at), with) }
	name := http.CanonicalHeaderKey(s.SignedHeaders[int(at>>6)%len(s.SignedHeaders)])
	switch what % 8 {
	case changePath:
		path = edit(path)
	case changeQuery:
		query = edit(query)
	case changeHost:
		host = edit(host)
	case changeHeader:
		if header.Get(name) != "" {
			header[name][0] = edit(header[name][0])
		}
	case addHeader:
		// One that changes what the request does, or says what its body is.
		if name = "X-Amz-Acl"; len(header[name]) > 0 {
			name = "X-Amz-Grant-Read"
		}
		if with&1 != 0 && len(header["X-Amz-Content-Sha256"]) == 0 {
			name = "X-Amz-Content-Sha256"
		}
		header.Add(name, emptyDigest)
	case changeMethod:
		method = edit(method)
	case changeClaim:
		if header.Get("Authorization") != "" {
			header.Set("Authorization", edit(header.Get("Authorization")))
		} else if i := strings.Index(query, "X-Amz-Signature="); i >= 0 {
			query = query[:i] + edit(query[i:])
		}
	case dropHeader:
		header.Del(name)
	}
	for _, values := range header {
		if slices.ContainsFunc(values, func(value string) bool { return !isFieldValue(value) }) {
			return v, http.ErrNotSupported // net/http's server refuses it
		}
	}
	if !isFieldValue(host) {
		return v, http.ErrNotSupported
	}
	target := path
	if query != "" {
		target += "?" + query
	}
	return deliver(method, target, host, header)
}

// edited replaces, inserts or deletes one byte.
func edited(text string, how byte, at int, with byte) string {
	if text == "" {
		return string(rune(with & 0x7f))
	}
	at %= len(text)
	switch how % 3 {
	case 0:
		return text[:at] + string([]byte{with}) + text[at+1:]
	case 1:
		return text[:at] + string([]byte{with}) + text[at:]
	default:
		return text[:at] + text[at+1:]
	}
}
