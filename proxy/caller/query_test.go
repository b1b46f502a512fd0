package caller_test

import (
	"net/url"
	"testing"

	"tollgate/proxy/caller"
)

func TestSignatures(t *testing.T) {
	const presignedV4 = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20310517%2Fus-east-1%2Fs3%2Faws4_request" +
		"&X-Amz-Date=20310517T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
	for _, c := range []struct {
		name, target string
		lines        []string
		want         bool
	}{
		{"V4", "/", []string{signedV4}, true},
		{"V4 on an elliptic curve", "/", []string{"Authorization: AWS4-ECDSA-P256-SHA256 Credential=AK"}, true},
		{"V4 in lower case", "/", []string{"Authorization: aws4-hmac-sha256 Credential=AK"}, true},
		{"V4 with a tab", "/", []string{"Authorization: AWS4-HMAC-SHA256\tCredential=AK"}, true},
		{"V2", "/", []string{signedV2}, true},
		{"a bare scheme", "/", []string{"Authorization: AWS"}, true},
		{"presigned V4", presignedV4, nil, true},
		{"presigned V4, the algorithm alone", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", nil, true},
		{"presigned V4, the credential alone", "/?a=b&X-Amz-Credential=AK", nil, true},
		{"presigned V4, the signature alone", "/?X-Amz-Signature", nil, true},
		{"presigned V4, encoded names", "/?X%2DAmz%2dSignature=00", nil, true},
		{"presigned V2", "/b/k?AWSAccessKeyId=AK&Expires=1944000000&Signature=c2ln", nil, true},
		{"presigned V2, encoded name", "/?%41WSAccessKeyId=AK", nil, true},
		{"on a path of the management", "/.TOKEN/?X-Amz-Signature=00", nil, true},
		{"behind a repeated _token", "/?_token=a&_token=b&X-Amz-Signature=00", nil, true},
		{"before a repeated _token", "/?X-Amz-Signature=00&_token=a&_token=b", nil, true},
		{"second of two headers", "/", []string{"Authorization: Bearer a", signedV4}, true},
		{"nothing", "/", nil, false},
		{"bearer", "/", []string{"Authorization: Bearer AWS"}, false},
		{"basic", "/", []string{basic("AWS", "x")}, false},
		{"a short scheme", "/", []string{"Authorization: AW"}, false},
		{"an empty header", "/", []string{"Authorization:"}, false},
		{"a value with that name", "/?a=X-Amz-Signature", nil, false},
		{"a path with that name", "/X-Amz-Signature=00", nil, false},
		{"a date alone", "/?X-Amz-Date=20310517T000000Z", nil, false},
		{"Signature without a key", "/?Signature=x&Expires=1", nil, false},
		{"a name that cannot be decoded", "/?X-Amz-Signature%zz=1", nil, false},
		{"a name encoded twice", "/?X%252DAmz-Signature=1", nil, false},
		{"an argument of another case", "/?x-amz-signature=1", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := wire(t, c.target, c.lines...)
			if got := caller.Signed(r); got != c.want {
				t.Fatalf("signed: %v", got)
			}
			got, err := parser().Of(r, caller.AllForms)
			if c.want && err == nil && got != (caller.Credential{Form: caller.Signature}) {
				t.Errorf("a signed request presents %s", got.Form)
			}
			if !c.want && got.Form == caller.Signature {
				t.Error("an unsigned request presents a signature")
			}
		})
	}
}

func TestStripQuery(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"nothing", "", ""},
		{"without it", "a=1&b=%20&c=+", "a=1&b=%20&c=+"},
		{"alone", "_token=x", ""},
		{"alone without a value", "_token", ""},
		{"first", "_token=x&a=1", "a=1"},
		{"in the middle", "a=1&_token=x&b=2", "a=1&b=2"},
		{"last", "a=1&_token=x", "a=1"},
		{"several", "_token=x&a=1&_token=y&_token", "a=1"},
		{"escaped", "a=1&%5ftoken=x&_%74%6F%6b%65%6E=y", "a=1"},
		{"escaped in full", "%5F%74%6F%6B%65%6E=x", ""},
		{"escaped twice is another name", "%255Ftoken=x", "%255Ftoken=x"},
		{"escaped badly is another name", "_token%=x&_token%zz=y", "_token%=x&_token%zz=y"},
		{"other case", "_Token=x", "_Token=x"},
		{"a longer name", "_tokens=x&a_token=y&_token2=z", "_tokens=x&a_token=y&_token2=z"},
		{"a value that looks like it", "a=_token&b=_token=x", "a=_token&b=_token=x"},
		{"empty arguments stay", "&&a=1&&_token=x&&", "&&a=1&&&"},
		{"what cannot be decoded stays", "a=%zz&_token=x&b=%", "a=%zz&b=%"},
		{"a semicolon is a part of the value", "_token=x;b=1&c=2", "c=2"},
		{"a blank is no underscore", "+token=x&%20token=y", "+token=x&%20token=y"},
		{"a question mark", "a=?_token=x", "a=?_token=x"},
		{"order and case of escapes stay", "z=%2f&_token=x&a=%2F", "z=%2f&a=%2F"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := caller.StripQuery(c.raw); got != c.want {
				t.Errorf("%q becomes %q, want %q", c.raw, got, c.want)
			}
		})
	}
}

func TestStripQueryDoesNotAllocateForNothing(t *testing.T) {
	const raw = "list-type=2&prefix=photos/2031/&max-keys=1000"
	if n := testing.AllocsPerRun(100, func() { _ = caller.StripQuery(raw) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWhatIsStrippedIsWhatIsRead(t *testing.T) {
	// net/url reads the same arguments as the parser does.
	for _, raw := range []string{"_token=x", "%5Ftoken=x&a=1", "a=1&_tok%65n=x", "%2B_token=x", "_token+=x"} {
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		if stripped := caller.StripQuery(raw) != raw; stripped != values.Has("_token") {
			t.Errorf("%q is stripped: %v", raw, stripped)
		}
	}
}
