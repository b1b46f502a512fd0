package main

import (
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"
)

// TestS3BodiesGoOnInTheirMode holds the table of what the storage gets for
// each payload mode of the client, in every mode of the upstream.
func TestS3BodiesGoOnInTheirMode(t *testing.T) {
	const (
		unsigned      = "UNSIGNED-PAYLOAD"
		signed        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
		signedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
		trailer       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	)
	digest := sha256Hex([]byte(uploaded))
	for mode, goesOn := range map[string]map[string]string{
		"auto":     {"digest": digest, "": unsigned, unsigned: unsigned, signed: unsigned, signedTrailer: trailer, trailer: trailer},
		"unsigned": {"digest": unsigned, "": unsigned, unsigned: unsigned, signed: unsigned, signedTrailer: trailer, trailer: trailer},
		"signed":   {"digest": digest, "": signed, unsigned: signed, signed: signed, signedTrailer: signedTrailer, trailer: signedTrailer},
		"decoded":  {"digest": digest, "": unsigned, unsigned: unsigned, signed: unsigned, signedTrailer: unsigned, trailer: unsigned},
	} {
		g := startS3(t, s3Setup{payload: mode})
		pair, plain := g.pair(john, hostOne), g.issue(john, hostOne, nil).value
		for from, to := range goesOn {
			for _, place := range []string{"header", "presigned", "bearer"} {
				if from == "" && place == "header" || from != "" && place == "bearer" {
					continue
				}
				t.Run(mode+"/"+from+"/"+place, func(t *testing.T) {
					c := put(g.path(), uploaded).with("Authorization", "Bearer "+plain)
					if place != "bearer" {
						c = pair.upload(place, from, g.path(), uploaded)
					}
					_, a := g.judge(t, c, passed)
					if a == nil {
						return
					}
					if got := a.Header.Get("X-Amz-Content-Sha256"); got != to || string(a.Data) != uploaded {
						t.Errorf("the storage got %s, want %s: %s", got, to, a.Body)
					}
					checkFraming(t, a, to)
				})
			}
			t.Run(mode+"/"+from+"/empty", func(t *testing.T) {
				if from == "" {
					from = unsigned
				}
				_, a := g.judge(t, pair.upload("header", from, g.path(), ""), passed)
				if a != nil && (len(a.Data) > 0 || !strings.HasPrefix(a.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") && len(a.Body) > 0) {
					t.Errorf("the storage got %s%s", a.head(), a.Body)
				}
			})
		}
	}
}

// checkFraming holds that the headers about the body are those of its mode.
func checkFraming(t *testing.T, a *s3Arrival, mode string) {
	t.Helper()
	streams, trails := strings.HasPrefix(mode, "STREAMING-"), strings.HasSuffix(mode, "-TRAILER")
	if (a.Header.Get("X-Amz-Decoded-Content-Length") != "") != streams || (a.Header.Get("Content-Encoding") == "aws-chunked") != streams ||
		(a.Header.Get("X-Amz-Trailer") == "x-amz-checksum-crc32") != trails || a.Length != int64(len(a.Body)) {
		t.Errorf("mode %s in %s", mode, a.head())
	}
	var sum [4]byte
	crc := crc32.ChecksumIEEE([]byte(uploaded))
	sum[0], sum[1], sum[2], sum[3] = byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc)
	if trails && a.Trailer != "x-amz-checksum-crc32="+hex.EncodeToString(sum[:]) {
		t.Errorf("the trailer is %q", a.Trailer)
	}
}

// TestS3HeadersGoOn: what the client signed for the object goes on as it is.
func TestS3HeadersGoOn(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	goOn := [][2]string{
		{"Content-Md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}, {"Range", "bytes=0-9"}, {"If-Match", `"e"`}, {"If-None-Match", "*"},
		{"If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-cache"},
		{"Content-Disposition", "attachment; filename=a"}, {"Content-Language", "de"}, {"Expires", "Wed, 21 Oct 2065 07:28:00 GMT"},
		{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256"}, {"X-Amz-Server-Side-Encryption-Customer-Key", "a2V5"},
		{"X-Amz-Server-Side-Encryption-Customer-Key-Md5", "bWQ1"}, {"X-Amz-Meta-Colour", "green  and   blue"}, {"X-Amz-Meta-Umlaut", "=?UTF-8?Q?=C3=A4?="},
		{"X-Amz-Storage-Class", "GLACIER"}, {"X-Amz-Tagging", "a=b&c=d"}, {"X-Amz-Checksum-Crc32", crc32Of(uploaded)}, {"X-Amz-Acl", "private"},
		{"X-Amz-Object-Lock-Mode", "GOVERNANCE"}, {"X-Amz-Sdk-Checksum-Algorithm", "CRC32"}, {"X-Amz-Expected-Bucket-Owner", "1"},
		{"X-Amz-Checksum-Algorithm", "CRC32"},
	}
	for _, h := range goOn {
		for _, place := range []string{"Header", "Presigned"} {
			t.Run(place+"/"+h[0], func(t *testing.T) {
				c := put(g.path(), uploaded).with(h[0], h[1])
				if place == "Header" {
					c = pair.signed(c)
				} else {
					c = pair.presigned(c)
				}
				_, a := g.judge(t, c, passed)
				if a != nil && (a.Header.Get(h[0]) != h[1] || len(a.Header[http.CanonicalHeaderKey(h[0])]) != 1) {
					t.Errorf("the storage got %q", a.Header[http.CanonicalHeaderKey(h[0])])
				}
			})
		}
	}
	for coding, want := range map[string]string{
		"aws-chunked": "", "aws-chunked,gzip": "gzip", "gzip,aws-chunked": "gzip", "aws-chunked, gzip, br": "gzip,br", "AWS-Chunked": "", "gzip": "gzip",
	} {
		t.Run("Coding/"+coding, func(t *testing.T) {
			c := pair.upload("header", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", g.path(), uploaded).set("Content-Encoding", coding)
			_, a := g.judge(t, c, passed)
			if a != nil && a.Header.Get("Content-Encoding") != want {
				t.Errorf("the storage got %q", a.Header["Content-Encoding"])
			}
		})
	}
	t.Run("CodingBesideTheOwn", func(t *testing.T) {
		c := pair.upload("header", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", g.path(), uploaded).set("Content-Encoding", "aws-chunked,gzip")
		_, a := g.judge(t, c, passed)
		if a != nil && strings.Join(a.Header["Content-Encoding"], ",") != "aws-chunked,gzip" {
			t.Errorf("the storage got %q", a.Header["Content-Encoding"])
		}
	})
	t.Run("QueryStaysAsItIs", func(t *testing.T) {
		const query = "response-content-type=text%2fplain&versionId=a.b%2D_~"
		for _, c := range []s3Call{pair.signed(get(g.path()).argument(query)), pair.presigned(get(g.path()).argument(query))} {
			if _, a := g.judge(t, c, passed); a != nil && a.Query != query {
				t.Errorf("the storage got %s", a.Query)
			}
		}
	})
	t.Run("HopByHopCannotStripTheSignature", func(t *testing.T) {
		c := pair.signed(put(g.path(), uploaded)).with("Connection", "Authorization, X-Amz-Date, X-Amz-Content-Sha256")
		g.judge(t, c, passed)
	})
	for _, h := range [][2]string{
		{"X-Amz-Acl", "private"}, {"X-Amz-Copy-Source", "/bucket/a"}, {"X-Amz-Server-Side-Encryption", "AES256"}, {"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="},
	} {
		// Connection is not signed. What it names may be, and was judged: the
		// request goes on with it or not at all.
		t.Run("HopByHopCannotStrip/"+h[0], func(t *testing.T) {
			c := put(g.path(), "").with(h[0], h[1])
			got := g.send(t, pair.signed(c).with("Connection", h[0]))
			if a := g.storage.take(""); got.status == 200 && (len(a) != 1 || a[0].Header.Get(h[0]) != h[1]) {
				t.Errorf("the header was lost: %s", faults(a))
			}
		})
	}
}
