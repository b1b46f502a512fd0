package main

import (
	"strings"
	"testing"
)

// TestS3DocumentsAreReadFirst: what names objects in its body is read, proved
// and judged before the storage sees anything of it, in every payload mode.
func TestS3DocumentsAreReadFirst(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne, "X-User-Token-Grants-Meta",
		`[{"permissions":["storage.read","storage.write","storage.list","storage.delete"],"resources":["bucket/prefix/"]}]`)
	inside, outside := string(deleteList("prefix/a", "prefix/b")), string(deleteList("prefix/a", "private/b"))
	document := func(place, mode, data string) s3Call {
		return pair.uploadOf(s3Call{method: "POST", host: hostOne, path: "/bucket", query: "delete"}, place, mode, data)
	}
	for _, mode := range []string{"digest", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"} {
		for _, place := range []string{"header", "presigned"} {
			t.Run("Inside/"+mode+"/"+place, func(t *testing.T) {
				_, a := g.judge(t, document(place, mode, inside), passed)
				if a == nil {
					return
				}
				if string(a.Body) != inside || a.Header.Get("X-Amz-Content-Sha256") != sha256Hex([]byte(inside)) {
					t.Errorf("the storage got %s%s", a.head(), a.Body)
				}
				if strings.HasSuffix(mode, "-TRAILER") && a.Header.Get("X-Amz-Checksum-Crc32") != crc32Of(inside) {
					t.Errorf("the checksum was lost: %s", a.head())
				}
			})
			t.Run("Outside/"+mode+"/"+place, func(t *testing.T) {
				g.judgeAt(t, document(place, mode, outside), denied(403, "AccessDenied", "resource"))
			})
		}
	}
	for _, row := range []struct {
		name string
		call s3Call
		want s3Verdict
	}{
		{"SwappedForAnother", func() s3Call { c := document("header", "digest", inside); c.body = []byte(outside); return c }(), denied(400, "XAmzContentSHA256Mismatch", "digest_mismatch")},
		{"SwappedInChunks", func() s3Call {
			c := document("header", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", inside)
			c.body = []byte(strings.Replace(string(c.body), "prefix/b", "prefix/c", 1))
			return c
		}(), denied(403, "SignatureDoesNotMatch", "chunk_signature_mismatch")},
		{"SwappedBeforeATrailer", func() s3Call {
			c := document("header", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", inside)
			c.body = []byte(strings.Replace(string(c.body), "prefix/b", "prefix/c", 1))
			return c
		}(), denied(400, "BadDigest", "checksum_mismatch")},
		{"NoXML", document("header", "digest", "delete everything"), denied(400, "MalformedXML", "malformed_document")},
		{"Empty", document("header", "digest", "<Delete></Delete>"), denied(400, "MalformedXML", "malformed_document")},
		{"KeyTwice", document("header", "digest", "<Delete><Object><Key>prefix/a</Key><Key>private/a</Key></Object></Delete>"), denied(400, "MalformedXML", "malformed_document")},
		{"Comment", document("header", "digest", "<Delete><Object><Key>prefix/a<!-- -->b</Key></Object></Delete>"), denied(400, "MalformedXML", "malformed_document")},
		{"Entity", document("header", "digest", `<!DOCTYPE d [<!ENTITY e "private/a">]><Delete><Object><Key>&e;</Key></Object></Delete>`), denied(400, "MalformedXML", "malformed_document")},
		{"EscapedSlash", document("header", "digest", string(deleteList("prefix&#47;..&#47;private"))), denied(400, "InvalidURI", "")},
		{"TooMany", document("header", "digest", string(deleteList(strings.Split(strings.Repeat("prefix/a ", 1001), " ")[:1001]...))), denied(400, "MalformedXML", "malformed_document")},
		{"TooLong", document("header", "digest", inside+strings.Repeat(" ", 2<<20)), denied(400, "MaxMessageLengthExceeded", "malformed_document")},
	} {
		t.Run(row.name, func(t *testing.T) { g.judgeAt(t, row.call, row.want) })
	}
	all := g.pair(john, hostOne)
	t.Run("TargetBucketOfLogs", func(t *testing.T) {
		c := s3Call{method: "PUT", host: hostOne, path: "/bucket", query: "logging", body: []byte("<BucketLoggingStatus><LoggingEnabled><TargetBucket>minio</TargetBucket></LoggingEnabled></BucketLoggingStatus>")}
		g.judgeAt(t, all.signed(c), denied(403, "AccessDenied", "reserved_bucket"))
	})
}

// judgeAt is judge for a path that others use as well.
func (g *s3Gateway) judgeAt(t *testing.T, c s3Call, want s3Verdict) {
	t.Helper()
	got := g.send(t, c)
	if arrivals := g.storage.take(""); got.status != want.status || len(arrivals) > 0 {
		t.Errorf("got %d, want %d, %d arrived: %s", got.status, want.status, len(arrivals), got.body)
	}
	g.checkRefusal(t, c, got, want)
}
