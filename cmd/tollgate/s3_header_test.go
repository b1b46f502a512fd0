package main

import (
	"net/http"
	"strings"
	"testing"
)

// unsignedHeaders are one header of each kind that would change what the
// storage does, or whom it believes.
var unsignedHeaders = [][2]string{
	{"X-Amz-Copy-Source", "/bucket/private"},
	{"X-Amz-Copy-Source-Range", "bytes=0-1"},
	{"X-Amz-Metadata-Directive", "REPLACE"},
	{"X-Amz-Tagging", "a=b"},
	{"X-Amz-Acl", "private"},
	{"X-Amz-Acl", "public-read-write"},
	{"X-Amz-Grant-Full-Control", "id=1"},
	{"X-Amz-Storage-Class", "GLACIER"},
	{"X-Amz-Website-Redirect-Location", "https://evil.example/"},
	{"X-Amz-Meta-Colour", "red"},
	{"X-Amz-Server-Side-Encryption", "AES256"},
	{"X-Amz-Server-Side-Encryption-Customer-Key", "a2V5"},
	{"X-Amz-Object-Lock-Mode", "COMPLIANCE"},
	{"X-Amz-Object-Lock-Legal-Hold", "ON"},
	{"X-Amz-Bypass-Governance-Retention", "true"},
	{"X-Amz-Mfa", "1 2"},
	{"X-Amz-Checksum-Crc32", "AAAAAA=="},
	{"X-Amz-Sdk-Checksum-Algorithm", "CRC32"},
	{"X-Amz-Expected-Bucket-Owner", "1"},
	{"X-Amz-Request-Payer", "requester"},
	{"X-Amz-Whatever", "1"},
	{"x-amz-acl", "private"},
	{"X_Amz_Acl", "public-read-write"},
	{"x_amz_copy_source", "/bucket/private"},
	{"X.Amz.Acl", "private"},
	{"X-Amz_Acl", "private"},
}

// TestS3UnsignedHeadersAreRefused: whatever was added to a signed request
// would be signed anew with the storage's key, and so nothing is.
func TestS3UnsignedHeadersAreRefused(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	refused := denied(403, "AccessDenied", "header_not_signed")
	kinds := map[string]func() s3Call{
		"Header":    func() s3Call { return pair.signed(put(g.path(), uploaded)) },
		"Presigned": func() s3Call { return pair.presigned(put(g.path(), uploaded)) },
		"Download":  func() s3Call { return pair.presigned(get(g.path())) },
		"UploadPart": func() s3Call {
			return pair.signed(put(g.path(), uploaded).argument("partNumber=1&uploadId=u"))
		},
		"Streaming": func() s3Call {
			return pair.upload("header", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", g.path(), uploaded)
		},
	}
	for kind, call := range kinds {
		for _, h := range unsignedHeaders {
			t.Run(kind+"/"+h[0]+"="+h[1], func(t *testing.T) { g.judge(t, call().with(h[0], h[1]), refused) })
		}
		t.Run(kind+"/SecurityToken", func(t *testing.T) {
			g.judge(t, call().with("X-Amz-Security-Token", "t"), denied(400, "InvalidToken", "session_token"))
		})
		t.Run(kind+"/TraceID", func(t *testing.T) { // is not Amazon's family
			g.judge(t, call().with("X-Amzn-Trace-Id", "Root=1"), passed)
		})
	}
}

// TestS3ExemptHeadersAreMadeAnew: the four names that clients do not sign say
// how the body is sent. The storage gets none of them as it came.
func TestS3ExemptHeadersAreMadeAnew(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	const mode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	for _, place := range []string{"header", "presigned"} {
		for _, name := range []string{"X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer"} {
			t.Run(place+"/"+name, func(t *testing.T) {
				p := pair
				p.leaveOut = name
				_, a := g.judge(t, p.upload(place, mode, g.path(), uploaded), passed)
				if a == nil || string(a.Data) != uploaded || a.Header.Get("X-Amz-Content-Sha256") != mode ||
					a.Header.Get("X-Amz-Trailer") != "x-amz-checksum-crc32" || !strings.Contains(a.Trailer, "x-amz-checksum-crc32=") {
					t.Errorf("arrived: %+v", a)
				}
			})
		}
		t.Run(place+"/X-Amz-Checksum-Algorithm", func(t *testing.T) {
			c := pair.upload(place, mode, g.path(), uploaded)
			_, a := g.judge(t, c.with("X-Amz-Checksum-Algorithm", "SHA1"), passed)
			if a != nil && a.Header.Get("X-Amz-Checksum-Algorithm") != "" {
				t.Errorf("arrived: %s", a.head())
			}
		})
		t.Run(place+"/LengthThatIsNone", func(t *testing.T) {
			p := pair
			p.leaveOut = "X-Amz-Decoded-Content-Length"
			c := p.upload(place, mode, g.path(), uploaded).set("X-Amz-Decoded-Content-Length", "1")
			g.judge(t, c, broken(400, "EntityTooLarge", "body_too_large"))
		})
	}
	t.Run("UnsignedDigestIsStillTheBodys", func(t *testing.T) {
		p := pair
		p.leaveOut = "X-Amz-Content-Sha256"
		c := p.signed(put(g.path(), uploaded))
		c.body = []byte(strings.ToUpper(uploaded))
		g.judge(t, c, broken(400, "XAmzContentSHA256Mismatch", "digest_mismatch"))
		// Its value is the last line of what is signed.
		c = p.signed(put(g.path(), uploaded))
		g.judge(t, c.set("X-Amz-Content-Sha256", sha256Hex(nil)), denied(403, "SignatureDoesNotMatch", "signature_mismatch"))
	})
	t.Run("DigestBesideWhatIsPresigned", func(t *testing.T) {
		c := pair.presigned(put(g.path(), uploaded)).with("X-Amz-Content-Sha256", sha256Hex([]byte(uploaded)))
		g.judge(t, c, denied(403, "SignatureDoesNotMatch", "signature_mismatch"))
	})
}

// TestS3SignedHeadersMustArrive: a header that was signed and taken off on the
// way, or changed, is a mismatch.
func TestS3SignedHeadersMustArrive(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	mismatch := denied(403, "SignatureDoesNotMatch", "signature_mismatch")
	for _, h := range [][2]string{{"X-Amz-Acl", "private"}, {"X-Amz-Meta-A", "1"}, {"Content-Type", "text/plain"}, {"Content-MD5", "a"}, {"Range", "bytes=0-1"}} {
		t.Run(h[0], func(t *testing.T) {
			c := pair.signed(put(g.path(), uploaded).with(h[0], h[1]))
			g.judge(t, c.without(h[0]), mismatch)
			g.judge(t, c.set(h[0], h[1]+"x"), mismatch)
			g.judge(t, c.with(h[0], "another"), mismatch)
		})
	}
	for name, change := range map[string]func(s3Call) s3Call{
		"Method":       func(c s3Call) s3Call { c.method = http.MethodDelete; return c },
		"Host":         func(c s3Call) s3Call { c.host = hostOne + ":80"; return c },
		"Key":          func(c s3Call) s3Call { c.path += "x"; return c },
		"Bucket":       func(c s3Call) s3Call { c.path = strings.Replace(c.path, "/bucket/", "/bucket2/", 1); return c },
		"Argument":     func(c s3Call) s3Call { return c.argument("versionId=1") },
		"SubResource":  func(c s3Call) s3Call { return c.argument("tagging") },
		"HoistedACL":   func(c s3Call) s3Call { return c.argument("x-amz-acl=public-read") },
		"HoistedUpper": func(c s3Call) s3Call { return c.argument("X-Amz-Acl=public-read") },
	} {
		t.Run(name, func(t *testing.T) {
			g.judge(t, change(pair.signed(put(g.path(), uploaded))), mismatch)
			g.judge(t, change(pair.presigned(put(g.path(), uploaded))), mismatch)
		})
	}
}
