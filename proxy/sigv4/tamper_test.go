package sigv4_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
)

// flips calls for every bit of a text with that bit flipped.
func flips(text string, call func(changed string)) {
	for i := range 8 * len(text) {
		b := []byte(text)
		b[i/8] ^= 1 << (i % 8)
		call(string(b))
	}
}

// No single bit of what was signed can change.
func TestEveryBitCounts(t *testing.T) {
	keys := sigv4.NewKeys(64)
	base := wire(t, "PUT", "/examplebucket/photos/a%20b.txt?partNumber=2&uploadId=x%20%21&acl", "storage.example:9000",
		"x-amz-meta-a: one two", "Content-Type: text/plain", "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==", "Range: bytes=0-9")
	in := signed(base, empty)
	older := olderView(t)
	for name, v := range map[string]sigv4.View{"version 4": in, "version 2": older} {
		if _, _, err := verify(v, day, keys); err != nil {
			t.Fatalf("%s does not verify unchanged: %v", name, err)
		}
		refused := func(what, text string, set func(*sigv4.View, string)) {
			flips(text, func(changed string) {
				other := v
				other.Header = v.Header.Clone()
				set(&other, changed)
				s, err := sigv4.Parse(other)
				if err == nil {
					err = s.Check(day, region)
				}
				if err == nil {
					_, err = s.Verify(secret, keys)
				}
				if err == nil {
					t.Errorf("%s: verifies with %s %q", name, what, changed)
				}
			})
		}
		refused("method", v.Method, func(o *sigv4.View, s string) { o.Method = s })
		refused("path", v.Path, func(o *sigv4.View, s string) { o.Path = s })
		if name == "version 4" {
			refused("query", v.Query, func(o *sigv4.View, s string) { o.Query = s })
			refused("host", v.Host, func(o *sigv4.View, s string) { o.Host = s })
		}
		for header := range v.Header {
			switch header {
			case "Authorization":
				text, at := v.Header.Get(header), strings.Index(v.Header.Get(header), accessKey)
				behind := at + len(accessKey)
				// The access key itself chooses the secret and is not signed.
				refused("before the access key", text[:at], func(o *sigv4.View, s string) { o.Header.Set("Authorization", s+text[at:]) })
				refused("behind the access key", text[behind:], func(o *sigv4.View, s string) { o.Header.Set("Authorization", text[:behind]+s) })
			case "Range":
				if name == "version 2" {
					continue
				}
				fallthrough
			default:
				refused(header, v.Header.Get(header), func(o *sigv4.View, s string) { o.Header.Set(header, s) })
			}
		}
	}
}

// The same of a presigned request, where all of the query is signed.
func TestEveryBitOfAPresignedRequestCounts(t *testing.T) {
	v := sigv4.View{Method: "GET", Host: "examplebucket.s3.amazonaws.com", Path: "/test.txt", Header: http.Header{},
		Query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"}
	if _, _, err := verify(v, day, nil); err != nil {
		t.Fatal(err)
	}
	flips(v.Query, func(changed string) {
		if strings.EqualFold(changed, v.Query) && strings.Contains(changed, "%2f") {
			return // an escape in lower case is the same argument
		}
		other := v
		other.Query = changed
		if _, _, err := verify(other, day, nil); err == nil {
			t.Errorf("verifies with %q", changed)
		}
	})
	for _, added := range []string{"&a", "&x-amz-acl=public-read", "&X-Amz-Content-Sha256=" + empty, "&versionId=1"} {
		other := v
		other.Query += added
		_, _, err := verify(other, day, nil)
		wants(t, err, sigv4.ErrMismatch)
	}
}

// olderView is a request signed with Version 2: AWS's example of an upload
// with a date of the tests'.
func olderView(t testing.TB) sigv4.View {
	v := wire(t, "DELETE", "/awsexamplebucket1/photos/puppy.jpg", "s3.us-west-1.amazonaws.com",
		"x-amz-date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-meta-a: one two", "Range: bytes=0-9")
	v.Header.Set("Authorization", "AWS "+accessKey+":"+sign2("DELETE\n\n\n\nx-amz-date:Fri, 24 May 2013 00:00:00 GMT\nx-amz-meta-a:one two\n/awsexamplebucket1/photos/puppy.jpg"))
	return v
}

// What Version 2 does and does not sign of a request.
func TestVersion2Signs(t *testing.T) {
	const date = "Fri, 24 May 2013 00:00:00 GMT"
	header := func(target, text string, lines ...string) sigv4.View {
		return wire(t, "GET", target, "h", append(lines, "Authorization: AWS "+accessKey+":"+sign2(text))...)
	}
	query := func(target, text string) sigv4.View {
		return wire(t, "GET", target+"AWSAccessKeyId="+accessKey+"&Expires=1369353660&Signature="+strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(sign2(text)), "h")
	}
	for _, c := range []struct {
		name string
		v    sigv4.View
		kind error
	}{
		{"sub-resources in order", header("/b?uploads&acl&prefix=x&versionId=a%2Bb", "GET\n\n\n"+date+"\n/b?acl&uploads&versionId=a+b", "Date: "+date), nil},
		{"an empty sub-resource is not none", header("/b?acl=", "GET\n\n\n"+date+"\n/b?acl", "Date: "+date), sigv4.ErrMismatch},
		{"a sub-resource that was not signed", header("/b?retention", "GET\n\n\n"+date+"\n/b", "Date: "+date), sigv4.ErrMismatch},
		{"headers of the answer", header("/b/k?response-content-type=a%2Fb", "GET\n\n\n"+date+"\n/b/k?response-content-type=a/b", "Date: "+date), nil},
		{"an x-amz-* argument beside the header", header("/b/k?x-amz-acl=public-read", "GET\n\n\n"+date+"\n/b/k", "Date: "+date), sigv4.ErrHeadersNotSigned},
		{"an X_Amz_* argument beside the header", header("/b/k?X_Amz_acl=public-read", "GET\n\n\n"+date+"\n/b/k", "Date: "+date), sigv4.ErrHeadersNotSigned},
		{"a header that only looks like x-amz-*", header("/b/k", "GET\n\n\n"+date+"\n/b/k", "Date: "+date, "x_amz_acl: public-read"), sigv4.ErrHeadersNotSigned},
		{"a header that was not signed", header("/b/k", "GET\n\n\n"+date+"\n/b/k", "Date: "+date, "x-amz-acl: public-read"), sigv4.ErrMismatch},
		{"x-amz-date in place of Date", header("/b/k", "GET\n\n\n\nx-amz-date:"+date+"\n/b/k", "Date: Fri, 24 May 2013 00:00:01 GMT", "x-amz-date: "+date), nil},
		{"no date", header("/b/k", "GET\n\n\n\n/b/k"), sigv4.ErrMissingDate},
		{"two dates", header("/b/k", "GET\n\n\n"+date+"\n/b/k", "Date: "+date, "Date: "+date), sigv4.ErrInvalidArgument},
		{"presigned", query("/b/k?", "GET\n\n\n1369353660\n/b/k"), nil},
		{"presigned with hoisted headers", query("/b/k?x-amz-meta-b=2+3&x-amz-acl=private&content-type=a%2Fb&", "GET\n\na/b\n1369353660\nx-amz-acl:private\nx-amz-meta-b:2 3\n/b/k"), nil},
		{"presigned, a hoisted header that was not signed", query("/b/k?x-amz-acl=public-read&", "GET\n\n\n1369353660\n/b/k"), sigv4.ErrMismatch},
		{"presigned, a hoisted header twice", query("/b/k?x-amz-acl=private&X-Amz-Acl=private&", "GET\n\n\n1369353660\nx-amz-acl:private\n/b/k"), sigv4.ErrInvalidArgument},
		{"presigned, another end", query("/b/k?", "GET\n\n\n1369353661\n/b/k"), sigv4.ErrMismatch},
		{"another host", func() sigv4.View {
			v := query("/b/k?", "GET\n\n\n1369353660\n/b/k")
			v.Host = "other"
			return v
		}(), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, seed, err := verify(c.v, day, nil)
			wants(t, err, c.kind)
			if (seed != nil) != (err == nil) {
				t.Error("a seed beside an error")
			}
		})
	}
}

// The readings that AWS's rules leave open are accepted, and no others.
func TestReadings(t *testing.T) {
	for _, c := range []struct{ name, signed, sent string }{
		{"an escaped slash", "/b/a/c", "/b/a%2Fc"},
		{"escapes in lower case", "/b/%C3%A9", "/b/%c3%a9"},
		{"sent unescaped", "/b/%24", "/b/$"},
		{"plus signed as a space", "/b?prefix=a%20b", "/b?prefix=a+b"},
		{"plus signed as a plus", "/b?prefix=a%2Bb", "/b?prefix=a+b"},
		{"arguments in another order", "/b?b=1&a=2", "/b?a=2&b=1"},
		{"no value and an empty value", "/b?acl", "/b?acl="},
		{"both at once", "/b/%24?a=%2B", "/b/$?a=+"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := signed(wire(t, "GET", c.signed, "h"), empty)
			v.Path, v.Query, _ = strings.Cut(c.sent, "?")
			_, _, err := verify(v, day, nil)
			wants(t, err, nil)
		})
	}
	for _, c := range []struct{ name, signed, sent string }{
		{"decoded twice", "/b/a%20c", "/b/a%2520c"},
		{"decoded once less", "/b/a%2520c", "/b/a%20c"},
		{"a plus in the path is no space", "/b/a%20c", "/b/a+c"},
		{"slashes merged", "/b/a/c", "/b/a//c"},
		{"dot segments", "/b/c", "/b/a/../c"},
		{"an argument more", "/b?a=1", "/b?a=1&b"},
		{"an argument twice", "/b?a=1", "/b?a=1&a=1"},
		{"two pluses that differ", "/b?a=%20&b=%2B", "/b?a=+&b=+"},
		{"a semicolon is no separator", "/b?a=1&b=2", "/b?a=1;b=2"},
		{"a query in the path", "/b?acl", "/b%3Facl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := signed(wire(t, "GET", c.signed, "h"), empty)
			v.Path, v.Query, _ = strings.Cut(c.sent, "?")
			_, _, err := verify(v, day, nil)
			wants(t, err, sigv4.ErrMismatch)
		})
	}
}

// A client that signs its path as it sends it.
func TestRawPathAsSigned(t *testing.T) {
	for _, path := range []string{"/b/a$b", "/b/%c3%a9", "/b/a%2Fb", "/b/a+b"} {
		v := wire(t, "GET", path, "h", "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+empty)
		canonical := "GET\n" + path + "\n\nhost:h\nx-amz-content-sha256:" + empty + "\nx-amz-date:20130524T000000Z\n\n" + names + "\n" + empty
		v.Header.Set("Authorization", authorization(credential, names, sign4(canonical)))
		_, _, err := verify(v, day, nil)
		wants(t, err, nil)
	}
}

// Values of headers are compared as AWS makes them canonical.
func TestHeaderValues(t *testing.T) {
	base := wire(t, "GET", "/", "h", "x-amz-meta-a: one two", "x-amz-meta-a: three")
	v := signed(base, empty)
	for _, c := range []struct {
		name   string
		values []string
		kind   error
	}{
		{"the same", []string{"one two", "three"}, nil},
		{"spaces around", []string{" \tone two ", "three  "}, nil},
		{"runs of spaces within", []string{"one    two", "three"}, nil},
		{"joined by who stands in front", []string{"one two,three"}, nil},
		{"in another order", []string{"three", "one two"}, sigv4.ErrMismatch},
		{"a space more", []string{"o ne two", "three"}, sigv4.ErrMismatch},
		{"a space less", []string{"onetwo", "three"}, sigv4.ErrMismatch},
		{"one less", []string{"one two"}, sigv4.ErrMismatch},
		{"none", nil, sigv4.ErrSignedHeaderAbsent},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := v
			other.Header = v.Header.Clone()
			other.Header["X-Amz-Meta-A"] = c.values
			_, _, err := verify(other, day, nil)
			wants(t, err, c.kind)
		})
	}
}

// Verify, VerifyDummy and Sign share keys and memory without harm, and an
// unknown access key is never accepted whatever it was signed with.
func TestConcurrentUse(t *testing.T) {
	keys := sigv4.NewKeys(32)
	v := signed(wire(t, "GET", "/b/k?a=b+c", "h"), empty)
	s, err := sigv4.Parse(v)
	wants(t, err, nil)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				if _, err := s.Verify(secret, keys); err != nil {
					t.Error(err)
				}
				if _, err := s.Verify(secret+"x", keys); !errors.Is(err, sigv4.ErrMismatch) {
					t.Error(err)
				}
				s.VerifyDummy(keys)
				out := sigv4.View{Method: "GET", Host: "h", Path: "/"}
				other := sigv4.Signer{AccessKey: "a", Secret: secret, Region: region, Keys: keys}
				if seed := other.Sign(day.Add(time.Duration(g*200+i)*time.Hour), &out, empty); len(seed.Value) != 64 {
					t.Error(seed)
				}
			}
		})
	}
	all.Wait()
}

// What a signature remembers is not what Verify writes to.
func TestVerifyTwice(t *testing.T) {
	v := signed(wire(t, "GET", "/b/k", "h"), empty)
	s, err := sigv4.Parse(v)
	wants(t, err, nil)
	var zero sigv4.Keys
	for _, keys := range []*sigv4.Keys{nil, &zero, sigv4.NewKeys(1), sigv4.NewKeys(-1)} {
		for range 3 {
			seed, err := s.Verify(secret, keys)
			wants(t, err, nil)
			a, b := seed.MAC([]byte("x")), keys.MAC(secret, "20130524", region)([]byte("x"))
			if !bytes.Equal(a[:], b[:]) {
				t.Error("the seed's MAC is not that of its key")
			}
		}
	}
}
