package sdktest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// signSDK signs as the SDK's S3 client does: paths are not escaped again. The
// signer is new each time, for it remembers keys by access key and not by
// secret.
func signSDK(t testing.TB, r *http.Request, region, secret, payload string, at time.Time) {
	t.Helper()
	err := v4.NewSigner(plainPaths).SignHTTP(t.Context(), credentials(secret), r, payload, "s3", region, at)
	if err != nil {
		t.Fatal(err)
	}
}

// presignSDK signs in the query, and returns the request that the holder of
// the URL sends: with the headers that the SDK says belong to it.
func presignSDK(t testing.TB, r *http.Request, secret, payload string, at time.Time) *http.Request {
	t.Helper()
	r.URL.RawQuery += "&X-Amz-Expires=900"
	uri, header, err := v4.NewSigner(plainPaths).PresignHTTP(t.Context(), credentials(secret), r, payload, "s3", region, at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatalf("%s: %v", uri, err)
	}
	out := &http.Request{Method: r.Method, URL: u, Host: header.Get("Host"), Header: header, ContentLength: r.ContentLength, Body: r.Body}
	header.Del("Host")
	return out
}

func plainPaths(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }

func credentials(secret string) aws.Credentials {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secret}
}

// sent writes a request as net/http's client does and reads it as its server
// does.
func sent(t testing.TB, r *http.Request) sigv4.View {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	v, err := received(&b)
	if err != nil {
		t.Fatalf("%v: %q", err, b.String())
	}
	return v
}

// deliver sends what no client of net/http can make: a target as it is.
func deliver(method, target, host string, header http.Header) (sigv4.View, error) {
	var b bytes.Buffer
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	_ = header.Write(&b)
	b.WriteString("\r\n")
	return received(&b)
}

var errOtherForm = errors.New("not an absolute path")

// received is what the gateway makes of a request. A target that is not an
// absolute path it refuses or splits in another way, which is no part of
// signing.
func received(from io.Reader) (sigv4.View, error) {
	r, err := http.ReadRequest(bufio.NewReader(from))
	if err != nil {
		return sigv4.View{}, err
	}
	if !strings.HasPrefix(r.RequestURI, "/") {
		return sigv4.View{}, errOtherForm
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	return sigv4.View{Method: r.Method, Host: r.Host, Path: path, Query: query, Header: r.Header, ContentLength: r.ContentLength}, nil
}

// keys remembers little, so that keys and memory change hands all the time.
var keys = sigv4.NewKeys(32)

// verify goes the whole way of a request; an access key that is not known is a
// mismatch.
func verify(v sigv4.View, secret string, now time.Time) (*sigv4.Signature, error) {
	s, err := sigv4.Parse(v)
	if err != nil {
		return nil, err
	}
	if err := s.Check(now, region); err != nil {
		return s, err
	}
	if s.AccessKey != accessKey {
		return s, sigv4.ErrMismatch
	}
	_, err = s.Verify(tokens.Secret(secret), keys)
	return s, err
}

// The canonical request as AWS describes it, written once more from the page
// "Authenticating Requests: Using the Authorization Header" with what net/url
// and the SDK have, to say which changes of a request mean nothing to S3.

// canonicalPath decodes once and encodes once; S3 normalises no paths.
func canonicalPath(raw string) (string, bool) {
	plain, err := url.PathUnescape(raw)
	if raw == "" {
		plain = "/"
	}
	return httpbinding.EscapePath(plain, false), err == nil
}

// canonicalQuery sorts by encoded name, then by encoded value. plus is the
// escape that + stands for. The argument of the signature is not signed.
func canonicalQuery(raw, plus string) (string, bool) {
	pairs, valid := pairsOfQuery(strings.ReplaceAll(raw, "+", plus))
	pairs = slices.DeleteFunc(pairs, func(p pair) bool { return p.name == "X-Amz-Signature" })
	for i, p := range pairs {
		pairs[i] = pair{httpbinding.EscapePath(p.name, true), httpbinding.EscapePath(p.value, true)}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if a.name != b.name {
			return strings.Compare(a.name, b.name)
		}
		return strings.Compare(a.value, b.value)
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.name + "=" + p.value
	}
	return strings.Join(parts, "&"), valid
}

// pairsOfQuery decodes a query. It is not url.ParseQuery, to which a semicolon
// is an error; to S3 it is a character.
func pairsOfQuery(raw string) (pairs []pair, valid bool) {
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.PathUnescape(name)
		value, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, false
		}
		pairs = append(pairs, pair{name, value})
	}
	return pairs, true
}

// canonicalValue trims and makes sequential spaces one.
func canonicalValue(values []string) string {
	canonical := make([]string, len(values))
	for i, value := range values {
		value = strings.Trim(value, " \t")
		for strings.Contains(value, "  ") {
			value = strings.ReplaceAll(value, "  ", " ")
		}
		canonical[i] = value
	}
	return strings.Join(canonical, ",")
}

// canonicals returns the canonical requests that a request can have been
// signed as; more than one where proxy/sigv4 takes more than one reading, which
// it documents: a path as it was sent, and a + in the query that is a plus.
// Last is what was sent as it is.
func canonicals(v sigv4.View, signed []string) []string {
	var tail strings.Builder
	payload := unsigned
	if values := v.Header["X-Amz-Content-Sha256"]; len(values) > 0 {
		payload = values[0]
	}
	for _, name := range signed {
		values, present := v.Header[http.CanonicalHeaderKey(name)]
		if name == "host" {
			values, present = []string{v.Host}, v.Host != ""
		}
		if !present {
			return nil
		}
		tail.WriteString(name + ":" + canonicalValue(values) + "\n")
	}
	tail.WriteString("\n" + strings.Join(signed, ";") + "\n" + payload)
	var texts []string
	path, validPath := canonicalPath(v.Path)
	for _, plus := range []string{"%2B", "%20"} {
		query, valid := canonicalQuery(v.Query, plus)
		if !validPath || !valid {
			return nil
		}
		for _, path := range []string{path, v.Path} {
			texts = append(texts, v.Method+"\n"+path+"\n"+query+"\n"+tail.String())
		}
	}
	return texts
}

// claim is what a request says of its signature, without what is only a way to
// write it: spaces round the commas and the order of the components.
func claim(v sigv4.View) string {
	if pairs, _ := pairsOfQuery(v.Query); len(v.Header["Authorization"]) == 0 {
		for _, p := range pairs {
			if p.name == "X-Amz-Signature" {
				return p.value
			}
		}
		return ""
	}
	scheme, rest, _ := strings.Cut(v.Header.Get("Authorization"), " ")
	parts := strings.Split(rest, ",")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], " ")
	}
	slices.Sort(parts)
	return scheme + " " + strings.Join(parts, ",")
}
