package sigv4_test

import (
	"net/http"
	"strings"
	"testing"

	"tollgate/proxy/sigv4"
)

// FuzzParseHeader: whatever the Authorization header holds, Parse gives a
// result or an error that says why, and an accepted result keeps its bounds.
func FuzzParseHeader(f *testing.F) {
	f.Add(authorization(credential, names, hex64), "20130524T000000Z", empty)
	f.Add(strings.ReplaceAll(authorization(credential, names, hex64), ", ", ","), "20130524T000000Z", "UNSIGNED-PAYLOAD")
	f.Add("AWS AKID:qgk2+6Sv9/oM7G3qLEjTH1a1l1g=", "Fri, 24 May 2013 00:00:00 GMT", "")
	f.Add("AWS4-ECDSA-P256-SHA256 Credential=a", "", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature=", "20130524T000000.0Z", "")
	f.Fuzz(func(t *testing.T, value, date, payload string) {
		v := sigv4.View{Method: "GET", Host: "h", Path: "/", Header: http.Header{
			"Authorization": {value}, "X-Amz-Date": {date}, "X-Amz-Content-Sha256": {payload}, "X-Amz-Decoded-Content-Length": {"5"},
		}}
		s, err := sigv4.Parse(v)
		if (s == nil) != (err != nil) {
			t.Fatal(s, err)
		}
		if err != nil {
			return
		}
		accepted(t, s)
		if s.Place != sigv4.InHeader || !sigv4.Presented(v) {
			t.Errorf("accepted %+v", s)
		}
	})
}

// FuzzParseQuery: the same of the query.
func FuzzParseQuery(f *testing.F) {
	f.Add(presigned())
	f.Add(presigned("+X-Amz-Content-Sha256=" + empty))
	f.Add("AWSAccessKeyId=x&Expires=1&Signature=qgk2%2B6Sv9/oM7G3qLEjTH1a1l1g%3D&x-amz-acl=a")
	f.Add("X-Amz-Signature=%2&&=&x-amz-date=+%00")
	f.Fuzz(func(t *testing.T, query string) {
		v := sigv4.View{Method: "GET", Host: "h", Path: "/", Query: query}
		s, err := sigv4.Parse(v)
		if (s == nil) != (err != nil) {
			t.Fatal(s, err)
		}
		if err != nil {
			return
		}
		accepted(t, s)
		rest := v
		rest.Query = s.Strip(query)
		if s.Place != sigv4.InQuery || !sigv4.Presented(v) || sigv4.Presented(rest) {
			t.Errorf("accepted %+v, and leaves %q", s, rest.Query)
		}
	})
}

// accepted holds what is true of every result of Parse.
func accepted(t *testing.T, s *sigv4.Signature) {
	t.Helper()
	if s.AccessKey == "" || len(s.AccessKey) > 128 || strings.ContainsAny(s.AccessKey, "/, \x00\n") {
		t.Errorf("access key %q", s.AccessKey)
	}
	if s.Payload == sigv4.NoPayloadMode || s.Payload.Streams() != (s.DecodedLength >= 0) {
		t.Errorf("payload %v, length %d", s.Payload, s.DecodedLength)
	}
	if s.Version == sigv4.V4 && s.Scope != s.Date+"/"+s.Region+"/s3/aws4_request" || s.Version != sigv4.V4 && s.Version != sigv4.V2 {
		t.Errorf("scope %q", s.Scope)
	}
	_ = s.Check(day, region)
	if _, err := s.Verify(secret, nil); err == nil {
		t.Error("a signature that nobody made")
	}
	s.VerifyDummy(nil)
	s.Explain(secret, sigv4.Hints{Hosts: []string{"a"}, Prefixes: []string{"/a"}, Region: "r"})
}

// FuzzCanonical: what Sign signs, Verify accepts, whatever the request; and
// after any change it does not.
func FuzzCanonical(f *testing.F) {
	f.Add("GET", "/b/k", "a=1&b=2", "text/plain", byte(0))
	f.Add("PUT", "/b/é$+%20%2F//../.", "prefix=a+b&acl&=&&x=%C3%A9", "  two   spaces ", byte(1))
	f.Add("DELETE", "", "+", "", byte(2))
	f.Add("HEAD", "/%00", "%26=%3D", "\t", byte(3))
	f.Fuzz(func(t *testing.T, method, path, query, value string, what byte) {
		if strings.ContainsAny(method+value, "\r\n") || strings.Contains(path, "?") {
			return // net/http's server lets no such request through
		}
		v := sigv4.View{Method: method, Host: "storage.example", Path: path, Query: query,
			Header: http.Header{"X-Amz-Meta-A": {value}, "Content-Type": {value}}}
		if sigv4.Presented(v) {
			return
		}
		signer().Sign(day, &v, empty)
		s, err := sigv4.Parse(v)
		if err != nil {
			return // an escape that is none, or arguments of authentication
		}
		if err := s.Check(day, region); err != nil {
			t.Fatalf("%q %q: %v", path, query, err)
		}
		if _, err := s.Verify(secret, nil); err != nil {
			t.Fatalf("%q %q: %v", path, query, err)
		}
		switch what % 5 {
		case 0:
			v.Method += "X"
		case 1:
			v.Path += "x"
		case 2:
			v.Query += "&x=1"
		case 3:
			v.Header.Set("X-Amz-Meta-A", strings.TrimSpace(value)+"x")
		default:
			v.Host += "x"
		}
		if _, _, err := verify(v, day, nil); err == nil {
			t.Errorf("verifies after a change %d of %q %q", what%5, path, query)
		}
	})
}
