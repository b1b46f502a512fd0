package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
)

// Cases of AWS's Signature Version 4 test suite, which is for services that
// normalise paths. As S3, what needs no normalising has the published
// signature and what needs it must not.
func TestSuiteOfVersion4(t *testing.T) {
	const date, scope = "20150830T123600Z", "20150830/us-east-1/service/aws4_request"
	key := deriveKey(keyName{"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "service"})
	const vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	for _, c := range []struct {
		name, method, target string
		header               http.Header
		signature            string
		same                 bool
	}{
		{"get-vanilla", "GET", "/", nil, vanilla, true},
		{"post-vanilla", "POST", "/", nil, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", true},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", nil, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500", true},
		{"get-vanilla-utf8-query", "GET", "/?%E1%88%B4=bar", nil, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04", true},
		{"get-vanilla-utf8-query, sent raw", "GET", "/?ሴ=bar", nil, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04", true},
		{"get-utf8", "GET", "/ሴ", nil, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", true},
		{"get-utf8, sent escaped", "GET", "/%e1%88%b4", nil, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", true},
		{"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", nil, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f", true},
		{"get-space-unnormalized", "GET", "/example%20space/", nil, "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741", true},
		{"post-header-key-sort", "POST", "/", http.Header{"My-Header1": {"value1"}}, "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c", true},
		{"get-header-value-trim", "GET", "/", http.Header{"My-Header1": {" value1"}, "My-Header2": {` "a   b   c"`}}, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736", true},
		{"get-header-key-duplicate", "GET", "/", http.Header{"My-Header1": {"value2", "value2", "value1"}}, "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea", true},

		{"get-slash normalises", "GET", "//", nil, vanilla, false},
		{"get-slash-dot-slash normalises", "GET", "/./", nil, vanilla, false},
		{"get-relative normalises", "GET", "/example/..", nil, vanilla, false},
		{"get-relative-relative normalises", "GET", "/example1/example2/../..", nil, vanilla, false},
		{"get-slashes normalises", "GET", "//example//", nil, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84", false},
		{"get-slash-pointless-dot normalises", "GET", "/./example", nil, "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5", false},
		{"the order of values counts", "GET", "/", http.Header{"My-Header1": {"value1", "value2", "value2"}}, "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, query, _ := strings.Cut(c.target, "?")
			header := c.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			header.Set("X-Amz-Date", date)
			m := message{method: c.method, host: "example.amazonaws.com", path: path, query: query, header: header, payload: EmptyDigest, reading: reading{plus: ' '}}
			m.signed = m.namesToSign(nil)
			for name := range c.header {
				m.signed = append(m.signed, strings.ToLower(name))
			}
			sortNames(m.signed)
			var work scratch
			digest, present := work.digest(&m)
			sum := key.sum(work.stringToSign(digest, date, scope))
			if !present || (hex.EncodeToString(sum[:]) == c.signature) != c.same {
				t.Errorf("signature %x, want %s: %v", sum, c.signature, c.same)
			}
		})
	}
}

func sortNames(names []string) {
	for i := range names {
		for j := i; j > 0 && names[j] < names[j-1]; j-- {
			names[j], names[j-1] = names[j-1], names[j]
		}
	}
}

// What stands in the lines of a canonical request, in the forms that are easy
// to get wrong.
func TestCanonicalForms(t *testing.T) {
	for _, c := range []struct {
		name, path, query, wantPath, wantQuery string
		plus                                   byte
	}{
		{"the empty path is the root", "", "", "/", "", ' '},
		{"escapes in lower case", "/%c3%a9", "", "/%C3%A9", "", ' '},
		{"unreserved that was escaped", "/%61%7E%2d", "", "/a~-", "", ' '},
		{"an escaped slash is a slash of the key", "/a%2Fb", "", "/a/b", "", ' '},
		{"a plus in the path is a plus", "/a+b", "", "/a%2Bb", "", ' '},
		{"escaped once only", "/a%2520b", "", "/a%2520b", "", ' '},
		{"dots and slashes stay", "/a/../b//./c/", "", "/a/../b//./c/", "", ' '},
		{"reserved characters", "/!*'();:@&=$,[]", "", "/%21%2A%27%28%29%3B%3A%40%26%3D%24%2C%5B%5D", "", ' '},
		{"no value is an empty value", "/", "acl", "/", "acl=", ' '},
		{"empty pairs vanish", "/", "&a=1&&b=2&", "/", "a=1&b=2", ' '},
		{"an equals sign in a value", "/", "a=b=c", "/", "a=b%3Dc", ' '},
		{"a slash in a value", "/", "prefix=a/b", "/", "prefix=a%2Fb", ' '},
		{"plus as space", "/", "a=b+c%2B", "/", "a=b%20c%2B", ' '},
		{"plus as plus", "/", "a=b+c%20", "/", "a=b%2Bc%20", '+'},
		{"sorted by name, then value", "/", "b=2&a=2&a=1&a-b=0&A=9", "/", "A=9&a=1&a=2&a-b=0&b=2", ' '},
		{"sorted as encoded", "/", "a%7E=1&a%C3%A9=2&aa=3", "/", "a%C3%A9=2&aa=3&a~=1", ' '},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := message{method: "GET", host: "h", path: c.path, query: c.query, signed: []string{"host"}, payload: "p", reading: reading{plus: c.plus}}
			var work scratch
			if _, present := work.digest(&m); !present {
				t.Fatal("a header is absent")
			}
			want := "GET\n" + c.wantPath + "\n" + c.wantQuery + "\nhost:h\n\nhost\np"
			if got := string(work.buf); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Which paths may have been signed as they were sent, besides canonically.
func TestRawPath(t *testing.T) {
	for path, want := range map[string]bool{
		"": false, "/": false, "/a/b-._~": false, "/a%20b": false, "/a%25b": false, "/%C3%A9": false,
		"/a$b": true, "/%c3%a9": true, "/a%2Fb": true, "/%61": true, "/é": true, "/a+b": true,
		"/a b": false, "/a\nb$": false, "/$\x7f": false, "/a$\x00": false,
	} {
		if got := signsRawPath(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
		canonical := string(appendPath(nil, path))
		if signsRawPath(canonical) {
			t.Errorf("%q: the canonical form %q is not its own", path, canonical)
		}
	}
}

// A signing key depends on all that it is remembered under.
func TestKeysDependOnAllTheyAreNamedBy(t *testing.T) {
	base := keyName{"secret", "20130524", "us-east-1", "s3"}
	keys := NewKeys(1000)
	want := keys.key(base).sum([]byte("x"))
	for name, other := range map[string]keyName{
		"secret": {"secreT", base.day, base.region, base.service}, "day": {base.secret, "20130525", base.region, base.service},
		"region": {base.secret, base.day, "us-east-2", base.service}, "service": {base.secret, base.day, base.region, "s3tables"},
	} {
		if keys.key(other).sum([]byte("x")) == want {
			t.Errorf("another %s has the same key", name)
		}
		if keys.key(other).sum([]byte("x")) != deriveKey(other).sum([]byte("x")) {
			t.Errorf("another %s: remembered otherwise than derived", name)
		}
	}
	if first := keys.key(base); keys.key(base) != first {
		t.Error("not remembered")
	}
}

// The HMAC that is written out is that of crypto/hmac, at every length round
// the sizes of blocks and of the room on the stack.
func TestSumIsHMAC(t *testing.T) {
	name := keyName{"secret", "20130524", "us-east-1", "s3"}
	step := []byte("AWS4secret")
	for _, part := range []string{name.day, name.region, name.service, "aws4_request"} {
		h := hmac.New(sha256.New, step)
		h.Write([]byte(part))
		step = h.Sum(nil)
	}
	key := deriveKey(name)
	message := make([]byte, 1100)
	for length := range message {
		message[length] = byte(length)
		h := hmac.New(sha256.New, step)
		h.Write(message[:length])
		if sum := key.sum(message[:length]); !hmac.Equal(sum[:], h.Sum(nil)) {
			t.Fatalf("another sum of %d bytes", length)
		}
	}
}

// However many keys are asked for, no more are remembered than was said, and
// one that is in use is not forgotten.
func TestKeysAreBounded(t *testing.T) {
	for _, most := range []int{-1, 0, 1, 32, 64, 1000} {
		keys := NewKeys(most)
		hot := keyName{"hot", "20130524", "r", "s3"}
		first := keys.key(hot)
		for i := range 3000 {
			keys.key(keyName{"secret", "20130524", strings.Repeat("r", i%60) + string(rune('a'+i%26)), "s3"})
			if again := keys.key(hot); most >= 64 && again != first {
				t.Fatalf("%d: forgotten in use after %d", most, i)
			}
		}
		held := 0
		for i := range keys.shards {
			held += len(keys.shards[i].fresh) + len(keys.shards[i].old)
		}
		if bound := max(most, 32); most > 0 && held > bound || most <= 0 && held > 0 {
			t.Errorf("%d: %d held", most, held)
		}
	}
}

// BenchmarkHashesAlone is the floor of Verify: what SHA-256 takes for the same
// bytes, which are the canonical request of a small GET, and the two hashes of
// the HMAC.
func BenchmarkHashesAlone(b *testing.B) {
	m := message{
		method: "GET", host: "storage.example", path: "/bucket/photos/2026/puppy.jpg", payload: EmptyDigest, reading: reading{plus: ' '},
		header: http.Header{"Range": {"bytes=0-9"}, "X-Amz-Date": {"20130524T000000Z"}, headerSHA256: {EmptyDigest}},
	}
	m.signed = m.namesToSign(nil)
	var work scratch
	digest, _ := work.digest(&m)
	request := append([]byte(nil), work.buf...)
	inner := append(make([]byte, sha256.BlockSize), work.stringToSign(digest, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request")...)
	outer := make([]byte, sha256.BlockSize+sha256.Size)
	b.ReportAllocs()
	b.SetBytes(int64(len(request) + len(inner) + len(outer)))
	for b.Loop() {
		digest[0] ^= sha256.Sum256(request)[0] ^ sha256.Sum256(inner)[0] ^ sha256.Sum256(outer)[0]
	}
}
