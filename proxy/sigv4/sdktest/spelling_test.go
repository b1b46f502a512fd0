package sdktest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/smithy-go/encoding/httpbinding"

	"tollgate/proxy/sigv4"
)

// FuzzOtherSpellings: a request that the SDK signs in its canonical spelling
// verifies in every other that only a client with an escaping of its own
// sends. AWS computes the canonical request from the decoded path and
// arguments ("Authenticating Requests: Using the Authorization Header", task
// 1), so that none of these makes a difference: escapes in lower case,
// unreserved characters escaped, reserved ones not, + for a space, arguments
// in any order, without =, and empty ones between.
func FuzzOtherSpellings(f *testing.F) {
	for i, s := range seeds {
		f.Add(s.method, s.key, s.query, s.headers, "secret", uint64(1369353600), string([]byte{byte(i), 2, 1}), byte(0))
		f.Add(s.method, s.key, s.query, s.headers, "secret", uint64(1369353600), string([]byte{byte(3 * i), 0}), byte(inQuery))
	}
	f.Fuzz(func(t *testing.T, method, key, query, headers, secret string, seconds uint64, choices string, flags byte) {
		if !isToken(method) || method == http.MethodConnect || len(headers) > maxHeaders {
			return
		}
		path, now := pathOf(key), momentOf(seconds)
		r := request(method, "", query, headers, "", 0)
		r.URL.Path, r.URL.RawPath = path, httpbinding.EscapePath(path, false)
		v, _ := signedBySDK(t, r, secret, "", flags&(inQuery|isUnsigned), now)
		pairs, valid := pairsOfQuery(v.Query)
		if !valid {
			t.Fatalf("the SDK makes the query %q", v.Query)
		}
		target := spellPath(path, choices)
		if len(pairs) > 0 {
			target += "?" + spellQuery(pairs, choices)
		}
		other, err := deliver(method, target, v.Host, v.Header)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		if _, err := verify(other, secret, now); err != nil {
			t.Errorf("%q, signed as %q ? %q: %v", target, v.Path, v.Query, err)
		}
	})
}

// What clients sign that are no Go programs, and what of it S3 accepts. The
// canonical requests are written by hand from AWS's pages: "Authenticating
// Requests: Using the Authorization Header" of the Amazon S3 API Reference,
// and "Create a signed AWS API request" of the IAM User Guide for the order of
// arguments that are there more than once.
func TestCanonicalByHand(t *testing.T) {
	for _, c := range []struct {
		name, target, path, query string // as sent, and as signed
		kind                      error
	}{
		{"escapes are in upper case", "/b/%c3%a9?a=%c3%a9", "/b/%C3%A9", "a=%C3%A9", nil},
		{"unreserved characters are not escaped", "/b/%41%7e?%61=%2D", "/b/A~", "a=-", nil},
		{"reserved characters are escaped", "/b/!*'();:@&=$,", "/b/%21%2A%27%28%29%3B%3A%40%26%3D%24%2C", "", nil},
		{"the slash is not escaped in a key", "/b/a%2Fb", "/b/a/b", "", nil},
		{"the slash is escaped in an argument", "/b?prefix=a/b", "/b", "prefix=a%2Fb", nil},
		{"a plus in a path is a plus", "/b/a+b", "/b/a%2Bb", "", nil},
		{"a plus in a query is a space", "/b?prefix=a+b", "/b", "prefix=a%20b", nil},
		{"paths are not normalised", "/b//a/../c/./", "/b//a/../c/./", "", nil},
		{"a path of slashes", "//", "//", "", nil},
		{"a sub-resource has an empty value", "/b?acl", "/b", "acl=", nil},
		{"an empty value is an empty value", "/b?acl=", "/b", "acl=", nil},
		{"several sub-resources", "/b/k?uploadId=1&acl&partNumber=2", "/b/k", "acl=&partNumber=2&uploadId=1", nil},
		{"repeated arguments are sorted by value", "/b?a=2&a=10&a=1&a", "/b", "a=&a=1&a=10&a=2", nil},
		{"the same argument twice is there twice", "/b?a=1&a=1", "/b", "a=1&a=1", nil},
		{"sorted after encoding", "/b?a=b-c&a=b/c&a=b~c", "/b", "a=b%2Fc&a=b-c&a=b~c", nil},
		{"names in upper case come first", "/b?a=1&B=2&_=3", "/b", "B=2&_=3&a=1", nil},
		{"a name that is the beginning of another", "/b?ab=1&a=2&a-=3", "/b", "a=2&a-=3&ab=1", nil},
		{"an equals sign in a value", "/b?a=b=c==", "/b", "a=b%3Dc%3D%3D", nil},
		{"a semicolon is a character", "/b?a=1;b=2", "/b", "a=1%3Bb%3D2", nil},
		{"an escaped ampersand separates nothing", "/b?a=1%26b=2", "/b", "a=1%26b%3D2", nil},
		{"an escaped percent sign", "/b/%2541?a=%2541", "/b/%2541", "a=%2541", nil},
		{"bytes that are no UTF-8", "/b/%ff%00?a=%fe", "/b/%FF%00", "a=%FE", nil},
		{"the root", "/", "/", "", nil},

		{"a normalised path", "/b//a/../c/./", "/b/c/", "", sigv4.ErrMismatch},
		{"slashes merged", "/b//a", "/b/a", "", sigv4.ErrMismatch},
		{"encoded twice", "/b/a%20b", "/b/a%2520b", "", sigv4.ErrMismatch},
		{"a plus in a path as a space", "/b/a+b", "/b/a%20b", "", sigv4.ErrMismatch},
		{"a space signed as a plus", "/b?a=b%20c", "/b", "a=b+c", sigv4.ErrMismatch},
		{"a slash not escaped in an argument", "/b?a=b/c", "/b", "a=b/c", sigv4.ErrMismatch},
		{"the slash escaped in a key", "/b/a/b", "/b/a%2Fb", "", sigv4.ErrMismatch},
		{"a query with escapes in lower case", "/b?a=%2f", "/b", "a=%2f", sigv4.ErrMismatch},
		{"a sub-resource without =", "/b?acl", "/b", "acl", sigv4.ErrMismatch},
		{"a query as it was sent", "/b?b=1&a=2", "/b", "b=1&a=2", sigv4.ErrMismatch},
		{"sorted before encoding", "/b?a=b-c&a=b/c", "/b", "a=b-c&a=b%2Fc", sigv4.ErrMismatch},
		{"a repeated argument once", "/b?a=1&a=1", "/b", "a=1", sigv4.ErrMismatch},
		{"repeated arguments as one", "/b?a=1&a=2", "/b", "a=1%2C2", sigv4.ErrMismatch},
		{"a semicolon as a separator", "/b?b=1;a=2", "/b", "a=2&b=1", sigv4.ErrMismatch},
		{"a query as a part of the path", "/b%3Facl", "/b", "acl=", sigv4.ErrMismatch},
		{"an escape that is none", "/b/%4", "/b/%254", "", sigv4.ErrURI},
		{"an escape that is none in the query", "/b?a=%zz", "/b", "a=%25zz", sigv4.ErrURI},

		// Beyond AWS's rules, and unambiguous: proxy/sigv4 says why.
		{"a path with escapes in lower case, signed as sent", "/b/%c3%a9", "/b/%c3%a9", "", nil},
		{"a path with reserved characters, signed as sent", "/b/$+", "/b/$+", "", nil},
		{"a plus in a query signed as a plus", "/b?a=b+c", "/b", "a=b%2Bc", nil},
		{"an empty argument", "/b?&a=1&&b=2&", "/b", "a=1&b=2", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			const secret, date, names = "secret", "20130524T000000Z", "host;x-amz-content-sha256;x-amz-date"
			canonical := strings.Join([]string{"GET", c.path, c.query, "host:" + host, "x-amz-content-sha256:" + emptyDigest, "x-amz-date:" + date, "", names, emptyDigest}, "\n")
			header := http.Header{"X-Amz-Date": {date}, "X-Amz-Content-Sha256": {emptyDigest}, "Authorization": {"AWS4-HMAC-SHA256 Credential=" + accessKey +
				"/20130524/us-east-1/s3/aws4_request, SignedHeaders=" + names + ", Signature=" + signText(secret, date, canonical)}}
			v, err := deliver("GET", c.target, host, header)
			if errors.As(err, new(*url.Error)) && errors.Is(c.kind, sigv4.ErrURI) {
				path, query, _ := strings.Cut(c.target, "?") // net/http has refused it before
				v = sigv4.View{Method: "GET", Host: host, Path: path, Query: query, Header: header}
			} else if err != nil {
				t.Fatal(err)
			}
			if _, err := verify(v, secret, momentOf(1369353600)); !errors.Is(err, c.kind) {
				t.Errorf("got %v, want %v", err, c.kind)
			}
		})
	}
}

// signText signs a canonical request, in the steps that AWS's page has.
func signText(secret, date, canonical string) string {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	key := []byte("AWS4" + secret)
	for _, part := range []string{date[:8], region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	scope := date[:8] + "/" + region + "/s3/aws4_request"
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+digestOf(canonical)))
}
