package sigv4_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/proxy/sigv4"
)

// The edges of time, in both places and versions.
func TestCheckTime(t *testing.T) {
	const second = time.Second
	parse := func(v sigv4.View) *sigv4.Signature {
		s, err := sigv4.Parse(v)
		wants(t, err, nil)
		return s
	}
	query := func(q string) *sigv4.Signature { return parse(sigv4.View{Host: "h", Query: q}) }
	header := parse(wire(t, "GET", "/", "h", "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+empty, "Authorization: "+authorization(credential, names, hex64)))
	dated := parse(wire(t, "GET", "/", "h", "Date: Fri, 24 May 2013 02:00:00 +0200", "x-amz-content-sha256: "+empty,
		"Authorization: "+authorization(credential, "date;host;x-amz-content-sha256", hex64)))
	older := parse(wire(t, "GET", "/", "h", "Date: Fri, 24 May 2013 00:00:00 GMT", "Authorization: AWS a:qgk2+6Sv9/oM7G3qLEjTH1a1l1g="))
	older2 := query("AWSAccessKeyId=x&Expires=1369353660&Signature=qgk2%2B6Sv9/oM7G3qLEjTH1a1l1g%3D") // day and 60 s
	for _, c := range []struct {
		name string
		s    *sigv4.Signature
		at   time.Duration
		kind error
	}{
		{"header: now passes", header, 0, nil},
		{"header: 899 s ago passes", header, 899 * second, nil},
		{"header: 900 s ago passes", header, 900 * second, nil},
		{"header: 900 s and a bit ago is skewed", header, 900*second + 1, sigv4.ErrSkewed},
		{"header: 901 s ago is skewed", header, 901 * second, sigv4.ErrSkewed},
		{"header: 899 s ahead passes", header, -899 * second, nil},
		{"header: 900 s ahead passes", header, -900 * second, nil},
		{"header: 901 s ahead is skewed", header, -901 * second, sigv4.ErrSkewed},
		{"Date: 900 s ago passes", dated, 900 * second, nil},
		{"Date: 901 s ago is skewed", dated, 901 * second, sigv4.ErrSkewed},
		{"presigned: now passes", query(presigned()), 0, nil},
		{"presigned: 59 s later passes", query(presigned()), 59 * second, nil},
		{"presigned: just before its end passes", query(presigned()), 60*second - 1, nil},
		{"presigned: at its end is expired", query(presigned()), 60 * second, sigv4.ErrExpired},
		{"presigned: 61 s later is expired", query(presigned()), 61 * second, sigv4.ErrExpired},
		{"presigned: 899 s ahead passes", query(presigned()), -899 * second, nil},
		{"presigned: 900 s ahead passes", query(presigned()), -900 * second, nil},
		{"presigned: 901 s ahead is not valid yet", query(presigned()), -901 * second, sigv4.ErrExpired},
		{"presigned for 0 s: expired at once", query(presigned("X-Amz-Expires=0")), 0, sigv4.ErrExpired},
		{"presigned for 0 s: expired before it begins", query(presigned("X-Amz-Expires=0")), -10 * second, sigv4.ErrExpired},
		{"presigned for 7 days: the last second passes", query(presigned("X-Amz-Expires=604800")), 604799 * second, nil},
		{"presigned for 7 days: at its end is expired", query(presigned("X-Amz-Expires=604800")), 604800 * second, sigv4.ErrExpired},
		{"version 2: 900 s ago passes", older, 900 * second, nil},
		{"version 2: 901 s ago is skewed", older, 901 * second, sigv4.ErrSkewed},
		{"version 2: 901 s ahead is skewed", older, -901 * second, sigv4.ErrSkewed},
		{"version 2 presigned: the last second passes", older2, 59 * second, nil},
		{"version 2 presigned: at its end is expired", older2, 60 * second, sigv4.ErrExpired},
		{"version 2 presigned: does not say when it begins", older2, -9000 * second, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			wants(t, c.s.Check(day.Add(c.at), region), c.kind)
		})
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		name, line string
		kind       error
	}{
		{"HTTP", "Date: Fri, 24 May 2013 00:00:00 GMT", nil},
		{"a numeric zone", "Date: Fri, 24 May 2013 05:30:00 +0530", nil},
		{"UTC", "Date: Fri, 24 May 2013 00:00:00 UTC", nil},
		{"RFC 850", "Date: Friday, 24-May-13 00:00:00 GMT", nil},
		{"asctime", "Date: Fri May 24 00:00:00 2013", nil},
		{"ISO 8601 basic", "Date: 20130524T000000Z", nil},
		{"a zone by name", "Date: Fri, 24 May 2013 00:00:00 PST", sigv4.ErrMissingDate},
		{"none", "A: b", sigv4.ErrMissingDate},
		{"empty", "Date:", sigv4.ErrMissingDate},
		{"two", "Date: Fri, 24 May 2013 00:00:00 GMT\r\nDate: Fri, 24 May 2013 00:00:00 GMT", sigv4.ErrInvalidArgument},
		{"x-amz-date in the form of Date", "x-amz-date: Fri, 24 May 2013 00:00:00 GMT", sigv4.ErrMissingDate},
		{"x-amz-date empty beside a Date", "x-amz-date:\r\nDate: Fri, 24 May 2013 00:00:00 GMT", sigv4.ErrMissingDate},
		{"x-amz-date before Date", "x-amz-date: 20130524T000000Z\r\nDate: Fri, 24 May 2019 00:00:00 GMT", nil},
		{"x-amz-date in lower case", "x-amz-date: 20130524t000000z", sigv4.ErrMissingDate},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := sigv4.Parse(wire(t, "GET", "/", "h", c.line, "x-amz-content-sha256: "+empty, "Authorization: "+authorization(credential, "host", hex64)))
			wants(t, err, c.kind)
			if err == nil && !s.Time.Equal(day) {
				t.Errorf("read as %v", s.Time)
			}
		})
	}
}

func TestCheckRegion(t *testing.T) {
	for _, q := range []string{"", presigned()} {
		v := sigv4.View{Host: "h", Query: q}
		if q == "" {
			v = wire(t, "GET", "/", "h", "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+empty, "Authorization: "+authorization(credential, names, hex64))
		}
		s, err := sigv4.Parse(v)
		wants(t, err, nil)
		wants(t, s.Check(day, region), nil)
		for _, other := range []string{"eu-west-1", "US-EAST-1", "us-east-1 ", ""} {
			err := s.Check(day, other)
			wants(t, err, sigv4.ErrRegion)
			if !strings.Contains(err.Error(), `"us-east-1"`) || !strings.Contains(err.Error(), `expecting "`+other+`"`) {
				t.Errorf("does not say which region: %v", err)
			}
		}
	}
}

// Every x-amz-* header that arrives must be signed, in every place, but for
// four that are made anew.
func TestUnsignedHeadersAreRefused(t *testing.T) {
	for _, c := range []struct {
		header string
		kind   error
	}{
		{"x-amz-copy-source: /other/secret", sigv4.ErrHeadersNotSigned},
		{"x-amz-copy-source-range: bytes=0-1", sigv4.ErrHeadersNotSigned},
		{"x-amz-rename-source: /b/k", sigv4.ErrHeadersNotSigned},
		{"x-amz-tagging: a=b", sigv4.ErrHeadersNotSigned},
		{"x-amz-acl: public-read", sigv4.ErrHeadersNotSigned},
		{"X-AMZ-ACL: public-read", sigv4.ErrHeadersNotSigned},
		{"x-amz-grant-full-control: id=x", sigv4.ErrHeadersNotSigned},
		{"x-amz-storage-class: GLACIER", sigv4.ErrHeadersNotSigned},
		{"x-amz-website-redirect-location: /x", sigv4.ErrHeadersNotSigned},
		{"x-amz-meta-a: b", sigv4.ErrHeadersNotSigned},
		{"x-amz-server-side-encryption: AES256", sigv4.ErrHeadersNotSigned},
		{"x-amz-server-side-encryption-customer-key: x", sigv4.ErrHeadersNotSigned},
		{"x-amz-object-lock-mode: GOVERNANCE", sigv4.ErrHeadersNotSigned},
		{"x-amz-bypass-governance-retention: true", sigv4.ErrHeadersNotSigned},
		{"x-amz-checksum-crc32: AAAAAA==", sigv4.ErrHeadersNotSigned},
		{"x-amz-sdk-checksum-algorithm: CRC32", sigv4.ErrHeadersNotSigned},
		{"x-amz-mfa: x", sigv4.ErrHeadersNotSigned},
		{"x-amz-: x", sigv4.ErrHeadersNotSigned},
		{"x-amz-copy-source:", sigv4.ErrHeadersNotSigned},
		{"x_amz_copy_source: /other/secret", sigv4.ErrHeadersNotSigned},
		{"X.Amz.Copy.Source: /other/secret", sigv4.ErrHeadersNotSigned},
		{"x-amz_copy-source: /other/secret", sigv4.ErrHeadersNotSigned},
		{"x_amz_content_sha256: UNSIGNED-PAYLOAD", sigv4.ErrHeadersNotSigned},
		{"x-amz-decoded-content-length: 5", nil},
		{"x-amz-checksum-algorithm: CRC32", nil},
		{"x-amzn-trace-id: Root=1", nil},
		{"x-am-z: 1", nil},
		{"y-amz-acl: private", nil},
		{"Accept-Encoding: gzip", nil},
	} {
		t.Run(c.header, func(t *testing.T) {
			name, value, _ := strings.Cut(c.header, ": ")
			name = strings.TrimSuffix(name, ":")
			v := signed(wire(t, "PUT", "/b/k", "h"), empty)
			added := wire(t, "PUT", "/b/k", "h", name+": "+value).Header
			for n, values := range added {
				v.Header[n] = values
			}
			s, _, err := verify(v, day, nil)
			wants(t, err, c.kind)
			if s.Covers(name) {
				t.Error("said to be signed")
			}
			q := sigv4.View{Method: "PUT", Host: "h", Path: "/b/k", Query: presigned(), Header: added}
			s, err = sigv4.Parse(q)
			wants(t, err, nil)
			wants(t, s.Check(day, region), c.kind)
			// Signed, it passes.
			again := signed(v, empty)
			s, _, err = verify(again, day, nil)
			wants(t, err, nil)
			if c.kind != nil && !s.Covers(strings.ToUpper(name)) {
				t.Error("not said to be signed")
			}
		})
	}
}

// A presigned request's x-amz-date header is not the date that was signed.
func TestUnsignedDateBesideQueryIsRefused(t *testing.T) {
	v := sigv4.View{Host: "h", Query: presigned(), Header: map[string][]string{"X-Amz-Date": {"20130524T000000Z"}}}
	s, err := sigv4.Parse(v)
	wants(t, err, nil)
	wants(t, s.Check(day, region), sigv4.ErrHeadersNotSigned)
}

func TestSignedHeadersMustBeThere(t *testing.T) {
	const rest = "host;x-amz-content-sha256;x-amz-date"
	for _, c := range []struct {
		name, signed string
		lines        []string
		kind         error
	}{
		{"all there", rest, nil, nil},
		{"host not signed", "x-amz-content-sha256;x-amz-date", nil, sigv4.ErrHeadersNotSigned},
		{"the date not signed", "host;x-amz-content-sha256", nil, sigv4.ErrHeadersNotSigned},
		{"the digest not signed", "host;x-amz-date", nil, nil},
		{"content-length", "content-length;" + rest, []string{"Content-Length: 5"}, nil},
		{"content-length of no body", "content-length;" + rest, nil, nil},
		{"transfer-encoding", rest[:4] + ";transfer-encoding" + rest[4:], []string{"Transfer-Encoding: chunked"}, nil},
		{"transfer-encoding absent", rest[:4] + ";transfer-encoding" + rest[4:], []string{"Content-Length: 5"}, sigv4.ErrSignedHeaderAbsent},
		{"content-length absent", "content-length;" + rest, []string{"Transfer-Encoding: chunked"}, sigv4.ErrSignedHeaderAbsent},
		{"expect", "expect;" + rest, []string{"Expect: 100-continue"}, nil},
		{"expect absent", "expect;" + rest, nil, sigv4.ErrSignedHeaderAbsent},
		{"an empty one", "accept;" + rest, []string{"Accept:"}, nil},
		{"an absent one", "accept;" + rest, nil, sigv4.ErrSignedHeaderAbsent},
		{"a longer name absent", rest + ";x-amz-meta-" + strings.Repeat("a", 99), nil, sigv4.ErrSignedHeaderAbsent},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := sigv4.Parse(wire(t, "PUT", "/", "h", append(c.lines, "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+empty,
				"Authorization: "+authorization(credential, sorted(c.signed), hex64))...))
			wants(t, err, nil)
			wants(t, s.Check(day, region), c.kind)
			_, err = s.Verify(secret, nil)
			want := sigv4.ErrMismatch
			if errors.Is(c.kind, sigv4.ErrSignedHeaderAbsent) {
				want = c.kind
			}
			wants(t, err, want)
		})
	}
	v := wire(t, "GET", "/", "", "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: "+empty, "Authorization: "+authorization(credential, names, hex64))
	s, err := sigv4.Parse(v)
	wants(t, err, nil)
	wants(t, s.Check(day, region), sigv4.ErrSignedHeaderAbsent)
}

func TestCovers(t *testing.T) {
	older := wire(t, "GET", "/", "h", "Date: Fri, 24 May 2013 00:00:00 GMT", "Authorization: AWS a:qgk2+6Sv9/oM7G3qLEjTH1a1l1g=")
	dated := wire(t, "GET", "/", "h", "X-Amz-Date: Fri, 24 May 2013 00:00:00 GMT", "Authorization: AWS a:qgk2+6Sv9/oM7G3qLEjTH1a1l1g=")
	for _, c := range []struct {
		name   string
		v      sigv4.View
		header string
		want   bool
	}{
		{"version 4, signed", signed(wire(t, "GET", "/", "h", "Range: bytes=0-1"), empty), "Range", true},
		{"version 4, host", signed(wire(t, "GET", "/", "h"), empty), "host", true},
		{"version 4, not signed", signed(wire(t, "GET", "/", "h", "If-Match: x"), empty), "If-Match", false},
		{"version 2, x-amz-*", older, "x-amz-anything", true},
		{"version 2, Content-Type", older, "Content-Type", true},
		{"version 2, Content-MD5", older, "Content-MD5", true},
		{"version 2, Date", older, "Date", true},
		{"version 2, Date beside X-Amz-Date", dated, "Date", false},
		{"version 2, Range", older, "Range", false},
		{"version 2, Host", older, "Host", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := sigv4.Parse(c.v)
			wants(t, err, nil)
			if got := s.Covers(c.header); got != c.want {
				t.Error(got)
			}
		})
	}
}

// The zero Signature passes nothing.
func TestZeroSignatureRefuses(t *testing.T) {
	var s sigv4.Signature
	wants(t, s.Check(time.Time{}, ""), sigv4.ErrNoSignature)
	_, err := s.Verify("", nil)
	wants(t, err, sigv4.ErrMismatch)
	if s.Covers("host") || s.Explain(secret, sigv4.Hints{}) != "" || s.Strip("a") != "a" || s.Payload.Streams() {
		t.Error("passes")
	}
	s.Version = sigv4.V2
	wants(t, s.Check(time.Time{}, ""), sigv4.ErrNoSignature)
	_, err = s.Verify("", nil)
	wants(t, err, sigv4.ErrMismatch)
	s.Version = sigv4.V4
	wants(t, s.Check(time.Time{}, ""), sigv4.ErrNoSignature)
	_, err = s.Verify("", nil)
	wants(t, err, sigv4.ErrMismatch)
}

// sorted puts a list of SignedHeaders in order.
func sorted(list string) string {
	parts := strings.Split(list, ";")
	for i := range parts {
		for j := i; j > 0 && parts[j] < parts[j-1]; j-- {
			parts[j], parts[j-1] = parts[j-1], parts[j]
		}
	}
	return strings.Join(parts, ";")
}
