package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
)

// sign4 signs a canonical request, written out again by the book.
func sign4(canonical string) string {
	step := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	key := []byte("AWS4" + secret.Reveal())
	for _, part := range []string{"20130524", "us-east-1", "s3", "aws4_request"} {
		key = step(key, part)
	}
	digest := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(step(key, "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"+hex.EncodeToString(digest[:])))
}

// sign2 signs a string to sign of Version 2.
func sign2(text string) string {
	h := hmac.New(sha1.New, []byte(secret.Reveal()))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// What Sign signs, checked against AWS's example.
func TestSignExample(t *testing.T) {
	v := sigv4.View{Method: "GET", Host: "examplebucket.s3.amazonaws.com", Path: "/test.txt",
		Header: http.Header{"Range": {"bytes=0-9"}, "Authorization": {"Bearer of somebody else"}, "If-Match": {"x"}}}
	seed := signer().Sign(day, &v, empty)
	const want = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	if got := v.Header["Authorization"]; len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
	if seed.Value != want[len(want)-64:] || seed.Date != "20130524T000000Z" || seed.Scope != "20130524/us-east-1/s3/aws4_request" {
		t.Errorf("seed %+v", seed)
	}
	if v.Header.Get("X-Amz-Date") != "20130524T000000Z" || v.Header.Get("X-Amz-Content-Sha256") != empty {
		t.Errorf("headers %v", v.Header)
	}
}

func TestSignedHeadersOfSign(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"", "host;x-amz-content-sha256;x-amz-date"},
		{"Content-Type", "content-type;host;x-amz-content-sha256;x-amz-date"},
		{"Content-Md5", "content-md5;host;x-amz-content-sha256;x-amz-date"},
		{"Range", "host;range;x-amz-content-sha256;x-amz-date"},
		{"X-Amz-Meta-A", "host;x-amz-content-sha256;x-amz-date;x-amz-meta-a"},
		{"X_amz_meta_a", "host;x-amz-content-sha256;x-amz-date;x_amz_meta_a"},
		{"If-Match", "host;x-amz-content-sha256;x-amz-date"},
		{"Accept-Encoding", "host;x-amz-content-sha256;x-amz-date"},
		{"x-amz-not-canonical", "host;x-amz-content-sha256;x-amz-date"},
	} {
		v := sigv4.View{Method: "PUT", Host: "h", Path: "/b/k", Header: http.Header{}}
		if c.name != "" {
			v.Header[c.name] = []string{"x"}
		}
		signer().Sign(day, &v, empty)
		if !strings.Contains(v.Header.Get("Authorization"), " SignedHeaders="+c.want+",") {
			t.Errorf("%s: %s", c.name, v.Header.Get("Authorization"))
		}
	}
	var none sigv4.View
	none.Host = "h"
	signer().Sign(day.In(time.FixedZone("east", 9*3600)), &none, "UNSIGNED-PAYLOAD")
	if none.Header.Get("X-Amz-Date") != "20130524T000000Z" {
		t.Errorf("headers %v", none.Header)
	}
}

// The policy of AWS's worked example of a form, by its first bytes: any text
// is signed as it is.
func TestSignString(t *testing.T) {
	s := signer()
	credential, date, signature := s.SignString(day.Add(time.Hour), "policy")
	mac := sigv4.NewKeys(32).MAC(secret, "20130524", region)([]byte("policy"))
	if credential != accessKey+"/20130524/us-east-1/s3/aws4_request" || date != "20130524T010000Z" || signature != hex.EncodeToString(mac[:]) {
		t.Error(credential, date, signature)
	}
	if _, _, other := s.SignString(day, "policy "); other == signature {
		t.Error("another text has the same signature")
	}
}

// No way of printing what holds a secret shows it.
func TestSecretsAreNotPrinted(t *testing.T) {
	for _, text := range []string{fmt.Sprintf("%v", *signer()), fmt.Sprintf("%+v", *signer())} {
		if strings.Contains(text, secret.Reveal()) {
			t.Error("a secret in print")
		}
	}
}

// A guess at why a signature does not match, for each way of breaking a good
// request; nothing else changes on the way.
func TestExplain(t *testing.T) {
	hints := sigv4.Hints{Hosts: []string{"other.example", "public.example"}, Prefixes: []string{"/no", "/s3/"}, Region: "eu-central-1"}
	all := []string{"Accept-Encoding: identity", "Content-Type: text/plain"}
	const list = "accept-encoding;content-type;host;x-amz-content-sha256;x-amz-date"
	for _, c := range []struct {
		name         string
		before       func(*request) // as the client signed
		after        func(*sigv4.View)
		secretSuffix string
		want         string
	}{
		{"host_port", func(r *request) { r.host = "h" }, func(v *sigv4.View) { v.Host = "h:9000" }, "", "host_port"},
		{"host_port of TLS", func(r *request) { r.host = "h:443" }, func(v *sigv4.View) { v.Host = "h" }, "", "host_port"},
		{"host_port of an IPv6 address", func(r *request) { r.host = "[::1]" }, func(v *sigv4.View) { v.Host = "[::1]:80" }, "", "host_port"},
		{"host_changed", func(r *request) { r.host = "public.example" }, func(v *sigv4.View) { v.Host = "inner" }, "", "host_changed"},
		{"path_encoded_twice by the signer", func(r *request) { r.path = "/b/a%2520b" }, func(v *sigv4.View) { v.Path = "/b/a%20b" }, "", "path_encoded_twice"},
		{"path_encoded_twice on the way", func(r *request) { r.path = "/b/a%20b" }, func(v *sigv4.View) { v.Path = "/b/a%2520b" }, "", "path_encoded_twice"},
		{"plus_for_space in the path", func(r *request) { r.path = "/b/a%20b" }, func(v *sigv4.View) { v.Path = "/b/a+b" }, "", "plus_for_space"},
		{"plus_for_space undone in the path", func(r *request) { r.path = "/b/a%2Bb" }, func(v *sigv4.View) { v.Path = "/b/a%20b" }, "", "plus_for_space"},
		{"plus_for_space in the query", func(r *request) { r.query = "prefix=a+b" }, func(v *sigv4.View) { v.Query = "prefix=a%20b" }, "", "plus_for_space"},
		{"path_normalised", func(r *request) { r.path = "/b/a/c/" }, func(v *sigv4.View) { v.Path = "/b//a/./c/" }, "", "path_normalised"},
		{"path_prefix_stripped", func(r *request) { r.path = "/s3/b/k" }, func(v *sigv4.View) { v.Path = "/b/k" }, "", "path_prefix_stripped"},
		{"accept_encoding_changed", func(*request) {}, func(v *sigv4.View) { v.Header.Set("Accept-Encoding", "gzip") }, "", "accept_encoding_changed"},
		{"accept_encoding_changed, taken off", func(*request) {}, func(v *sigv4.View) { v.Header.Del("Accept-Encoding") }, "", "accept_encoding_changed"},
		{"content_type_changed", func(r *request) { r.contentType = "" }, func(v *sigv4.View) { v.Header.Set("Content-Type", "text/html") }, "", "content_type_changed"},
		{"method_changed", func(r *request) { r.method = "HEAD" }, func(v *sigv4.View) { v.Method = "GET" }, "", "method_changed"},
		{"payload_changed", func(r *request) { r.payload = "UNSIGNED-PAYLOAD" }, func(*sigv4.View) {}, "", "payload_changed"},
		{"secret_whitespace of the client", func(*request) {}, func(*sigv4.View) {}, "\n", "secret_whitespace"},
		{"secret_whitespace of the client's other system", func(*request) {}, func(*sigv4.View) {}, "\r\n", "secret_whitespace"},
		{"nothing known", func(r *request) { r.path = "/b/other" }, func(v *sigv4.View) { v.Path = "/b/k" }, "", ""},
		{"another secret", func(*request) {}, func(*sigv4.View) {}, "x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request{"GET", "h", "/b/k", "", "text/plain", empty}
			c.before(&r)
			canonical := strings.Join([]string{r.method, r.path, r.query, "accept-encoding:identity", "content-type:" + r.contentType, "host:" + r.host,
				"x-amz-content-sha256:" + empty, "x-amz-date:20130524T000000Z", "", list, r.payload}, "\n")
			v := wire(t, r.method, r.path, r.host, append(all, "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+empty)...)
			v.Query = strings.ReplaceAll(r.query, "+", "%20")
			v.Header.Set("Content-Type", r.contentType)
			v.Header.Set("Authorization", authorization(credential, list, sign4(canonical)))
			c.after(&v)
			s, err := sigv4.Parse(v)
			wants(t, err, nil)
			held := secret
			if c.secretSuffix != "" {
				// The client signed with the clean secret; the one that is held has more.
				held += secretOf(c.secretSuffix)
			}
			if _, err := s.Verify(held, nil); err == nil {
				t.Fatal("nothing is broken")
			}
			if got := s.Explain(held, hints); got != c.want {
				t.Errorf("explained as %q, want %q", got, c.want)
			}
		})
	}
}

// request is what a client signs in TestExplain.
type request struct{ method, host, path, query, contentType, payload string }

func TestExplainSecretsAndRegions(t *testing.T) {
	v := wire(t, "GET", "/b/k", "h")
	for _, suffix := range []string{"\n", "\r\n", " "} {
		other := signer()
		other.Secret += secretOf(suffix)
		out := v
		out.Header = http.Header{}
		other.Sign(day, &out, empty)
		s, err := sigv4.Parse(out)
		wants(t, err, nil)
		if got := s.Explain(secret, sigv4.Hints{}); got != "secret_whitespace" {
			t.Errorf("%q: %q", suffix, got)
		}
	}
	// A key of one region under the scope of another.
	out := signed(v, empty)
	key := sigv4.NewKeys(0).MAC(secret, "20130524", "eu-central-1")
	digest := sha256.Sum256([]byte("GET\n/b/k\n\nhost:h\nx-amz-content-sha256:" + empty + "\nx-amz-date:20130524T000000Z\n\n" + names + "\n" + empty))
	sum := key([]byte("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n" + hex.EncodeToString(digest[:])))
	out.Header.Set("Authorization", authorization(credential, names, hex.EncodeToString(sum[:])))
	s, err := sigv4.Parse(out)
	wants(t, err, nil)
	if got := s.Explain(secret, sigv4.Hints{Region: "eu-central-1"}); got != "wrong_region" {
		t.Errorf("region: %q", got)
	}
	if got := s.Explain(secret, sigv4.Hints{}); got != "" {
		t.Errorf("without hints: %q", got)
	}
	older, err := sigv4.Parse(olderView(t))
	wants(t, err, nil)
	if got := older.Explain(secret+"\n", sigv4.Hints{}); got != "secret_whitespace" {
		t.Errorf("version 2: %q", got)
	}
	if got := older.Explain("other", sigv4.Hints{}); got != "" {
		t.Errorf("version 2: %q", got)
	}
}
