package caller_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// parser reads the cookie with the usual name.
func parser() caller.Parser { return caller.Parser{Cookie: caller.DefaultCookie().Name} }

// wire reads a request as a server does: the target and header lines.
func wire(t testing.TB, target string, lines ...string) *http.Request {
	t.Helper()
	text := "GET " + target + " HTTP/1.1\r\nHost: files.example.com\r\n"
	for _, l := range lines {
		text += l + "\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text + "\r\n")))
	if err != nil {
		t.Fatalf("%q is no request: %v", text, err)
	}
	return r
}

func basic(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

const (
	signedV4 = "Authorization: AWS4-HMAC-SHA256 Credential=AK/20310517/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
	signedV2 = "Authorization: AWS AK:c2lnbmF0dXJl"
)

// sample is one form with the value that stands in it.
type sample struct {
	form  caller.Form
	query string // an argument
	line  string // or a header
}

// byRank are all forms from the first that counts to the last.
func byRank() []sample {
	return []sample{
		{caller.Signature, "", signedV4},
		{caller.Basic, "", basic("in basic", "in basic")},
		{caller.Bearer, "", "Authorization: Bearer in bearer"},
		{caller.QueryToken, "_token=in%20_token", ""},
		{caller.TokenHeader, "", "token: in token"},
		{caller.XAuthToken, "", "X-Auth-Token: in x-auth-token"},
		{caller.GatewayToken, "", "Gateway-Token: in gateway-token"},
		{caller.Cookie, "", "Cookie: token=in cookie"},
	}
}

// request carries all the samples.
func request(t testing.TB, all ...sample) *http.Request {
	t.Helper()
	target, lines := "/a", []string{}
	for _, s := range all {
		if s.query != "" {
			target += "?" + s.query
			continue
		}
		lines = append(lines, s.line)
	}
	return wire(t, target, lines...)
}

func only(forms ...caller.Form) caller.Forms {
	var set caller.Forms
	for _, f := range forms {
		set |= 1 << f
	}
	return set
}

// refused fails the test unless the error is that one, and the credential that
// comes with it names no more than the form.
func refused(t *testing.T, got caller.Credential, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, other := range []error{caller.ErrAmbiguous, caller.ErrMalformed, caller.ErrSignature} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			t.Fatalf("%v is %v too", err, other)
		}
	}
	if got.Secret != "" || got.Name != "" {
		t.Fatalf("a refusal comes with %s of %q", got.Secret.Reveal(), got.Name)
	}
}

// reads fails the test unless the request presents just that.
func reads(t *testing.T, r *http.Request, accept caller.Forms, form caller.Form, name, secret string) {
	t.Helper()
	got, err := parser().Of(r, accept)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	want := caller.Credential{Form: form, Name: name, Secret: tokens.Secret(secret)}
	if got != want {
		t.Fatalf("reads %s of %q in %s, want %s of %q in %s", got.Secret.Reveal(), got.Name, got.Form, secret, name, form)
	}
}
