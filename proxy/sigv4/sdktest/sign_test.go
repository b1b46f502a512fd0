package sdktest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go/encoding/httpbinding"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// forSigner leaves of the headers those that Sign says it signs: every x-amz-*
// header, also one with _ or . in place of - (some servers do not tell them
// apart), Content-MD5, Content-Type and Range.
func forSigner(header http.Header) http.Header {
	signed := http.Header{}
	for name, values := range header {
		plain := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
		if strings.HasPrefix(plain, "x-amz-") || slices.Contains([]string{"Content-Md5", "Content-Type", "Range"}, name) {
			signed[name] = values
		}
	}
	return signed
}

// FuzzGatewaySignsSDKAgrees: for the same request, however its target is
// spelled, Sign makes the Authorization header that the SDK makes for the
// canonical spelling with the same headers; and Verify takes it.
func FuzzGatewaySignsSDKAgrees(f *testing.F) {
	for i, s := range seeds {
		f.Add(s.method, s.key, s.query, s.headers, "secret", uint64(1369353600), string([]byte{byte(i), byte(i >> 1), 1}), "h")
	}
	f.Fuzz(func(t *testing.T, method, key, query, headers, secret string, seconds uint64, choices, region string) {
		if !isToken(method) || len(headers) > maxHeaders {
			return
		}
		if region == "" || len(region) > 64 || strings.ContainsAny(region, "/,") || !isFieldValue(region) || strings.TrimSpace(region) != region {
			return // such a region no configuration has: it could not stand in a credential
		}
		path, pairs, header, at := pathOf(key), pairsOf(query), headersOf(headers), momentOf(seconds)
		v := sigv4.View{Method: method, Host: host, Path: spellPath(path, choices), Query: spellQuery(pairs, choices), Header: header}
		signer := sigv4.Signer{AccessKey: accessKey, Secret: tokens.Secret(secret), Region: region, Keys: keys}
		seed := signer.Sign(at, &v, emptyDigest)

		r := &http.Request{Method: method, Host: host, Header: forSigner(header.Clone()), URL: &url.URL{
			Scheme: "http", Host: host, Path: path, RawPath: httpbinding.EscapePath(path, false), RawQuery: valuesOf(pairs).Encode(),
		}}
		r.Header.Del("Authorization")
		signSDK(t, r, region, secret, emptyDigest, at)
		if got, want := v.Header.Get("Authorization"), r.Header.Get("Authorization"); got != want {
			t.Fatalf("%q ? %q: got %s, want %s", v.Path, v.Query, got, want)
		}
		if !strings.HasSuffix(v.Header.Get("Authorization"), seed.Value) {
			t.Error("the seed is not the signature")
		}
		if v.Header.Get("X-Amz-Date") != r.Header.Get("X-Amz-Date") || v.Header.Get("X-Amz-Content-Sha256") != emptyDigest {
			t.Errorf("date and payload in %v", v.Header)
		}
		target := v.Path
		if v.Query != "" {
			target += "?" + v.Query
		}
		arrived, err := deliver(method, target, host, v.Header)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		s, err := sigv4.Parse(arrived)
		if err == nil {
			err = s.Check(at, region)
		}
		if err == nil {
			_, err = s.Verify(tokens.Secret(secret), keys)
		}
		if err != nil {
			t.Errorf("%q: %v", target, err)
		}
	})
}
