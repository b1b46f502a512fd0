package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// s3Chunks is an upload in signed chunks that can be spoilt in one place.
type s3Chunks struct {
	chunks  []string
	spoil   int    // the index of the chunk whose signature is wrong; -1 = none
	line    string // of the trailer; empty = none
	unsaid  bool   // the trailer has no signature
	wrong   bool   // its signature is wrong
	length  int    // decoded, as announced; 0 = the right one
	behind  string // after the end
	cut     int    // bytes taken off the end of the body
	lastOne string // instead of the last chunk
}

// call signs the upload.
func (u s3Chunks) call(p s3Pair, place, path string) s3Call {
	data := strings.Join(u.chunks, "")
	if u.length == 0 {
		u.length = len(data)
	}
	mode := "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	c := put(path, "").with("Content-Encoding", "aws-chunked").with("X-Amz-Decoded-Content-Length", strconv.Itoa(u.length))
	if u.line != "" {
		mode += "-TRAILER"
		name, _, _ := strings.Cut(u.line, ":")
		c = c.with("X-Amz-Trailer", name)
	}
	var k *s3Chain
	if place == "presigned" {
		c, k = p.presign(c, mode)
	} else {
		c, k = p.sign(c, mode)
	}
	var b strings.Builder
	for i, chunk := range append(u.chunks, "") {
		text := k.chunk(chunk)
		if i == u.spoil {
			text = spoilt(text)
		}
		if chunk == "" && u.lastOne != "" {
			text = u.lastOne
		}
		b.WriteString(text)
	}
	if u.line != "" {
		text := k.trailer(u.line)
		switch {
		case u.unsaid:
			text = u.line + "\r\n"
		case u.wrong:
			text = spoilt(text)
		}
		b.WriteString(text)
	}
	b.WriteString("\r\n" + u.behind)
	c.body = []byte(b.String()[:b.Len()-u.cut])
	return c
}

// spoilt changes the first digit of a signature.
func spoilt(text string) string {
	for _, mark := range []string{"signature=", "signature:"} {
		if i := strings.Index(text, mark); i >= 0 {
			i += len(mark)
			digit := "0"
			if text[i] == '0' {
				digit = "1"
			}
			return text[:i] + digit + text[i+1:]
		}
	}
	return text
}

// TestS3BodiesThatFail: a body that does not prove itself is refused, and is
// never a whole object at the storage, however it is signed for it.
func TestS3BodiesThatFail(t *testing.T) {
	mismatch := broken(403, "SignatureDoesNotMatch", "chunk_signature_mismatch")
	short := broken(400, "IncompleteBody", "")
	long := broken(400, "EntityTooLarge", "body_too_large")
	big := strings.Repeat("0123456789abcdef", 8<<10) // more than any buffer on the way
	crc := "x-amz-checksum-crc32:"
	good := func() s3Chunks { return s3Chunks{chunks: []string{big, "middle", "end"}, spoil: -1} }
	trailed := func() s3Chunks {
		u := good()
		u.line = crc + crc32Of(strings.Join(u.chunks, ""))
		return u
	}
	rows := []struct {
		name   string
		upload func() s3Chunks
		change func(*s3Chunks)
		want   s3Verdict
	}{
		{"Good", good, func(*s3Chunks) {}, passed},
		{"FirstChunk", good, func(u *s3Chunks) { u.spoil = 0 }, mismatch},
		{"MiddleChunk", good, func(u *s3Chunks) { u.spoil = 1 }, mismatch},
		{"LastData", good, func(u *s3Chunks) { u.spoil = 2 }, mismatch},
		{"LastChunk", good, func(u *s3Chunks) { u.spoil = 3 }, mismatch},
		{"WithoutTheLastChunk", good, func(u *s3Chunks) { u.lastOne = "\r\n" }, short},
		{"CutInTheLastLine", good, func(u *s3Chunks) { u.cut = 2 }, short},
		{"CutInTheLastSignature", good, func(u *s3Chunks) { u.cut = 20 }, short},
		{"CutInTheData", good, func(u *s3Chunks) { u.cut = 200 }, short},
		{"MoreThanAnnounced", good, func(u *s3Chunks) { u.length = len(big) + len("middleend") - 1 }, long},
		{"LessThanAnnounced", good, func(u *s3Chunks) { u.length = len(big) + len("middleend") + 1 }, short},
		{"BytesBehind", good, func(u *s3Chunks) { u.behind = "x" }, broken(400, "MalformedTrailerError", "malformed_trailer")},
		{"UnannouncedTrailer", good, func(u *s3Chunks) { u.behind = crc + "AAAAAA==\r\n\r\n" }, broken(400, "MalformedTrailerError", "malformed_trailer")},

		{"GoodTrailer", trailed, func(*s3Chunks) {}, passed},
		{"TrailerFirstChunk", trailed, func(u *s3Chunks) { u.spoil = 0 }, mismatch},
		{"TrailerLastChunk", trailed, func(u *s3Chunks) { u.spoil = 3 }, mismatch},
		{"WrongTrailerChecksum", trailed, func(u *s3Chunks) { u.line = crc + "AAAAAA==" }, broken(400, "BadDigest", "checksum_mismatch")},
		{"NoTrailerSignature", trailed, func(u *s3Chunks) { u.unsaid = true }, broken(400, "MalformedTrailerError", "malformed_trailer")},
		{"WrongTrailerSignature", trailed, func(u *s3Chunks) { u.wrong = true }, mismatch},
		{"UnreadableTrailerChecksum", trailed, func(u *s3Chunks) { u.line = crc + "AAAA" }, broken(400, "InvalidRequest", "malformed_checksum")},
		{"UnknownTrailer", trailed, func(u *s3Chunks) { u.line = "x-amz-meta-a:1" }, denied(400, "MalformedTrailerError", "malformed_trailer")},
	}
	for _, mode := range []string{"auto", "signed", "decoded"} {
		g := startS3(t, s3Setup{payload: mode})
		pair := g.pair(john, hostOne)
		for _, row := range rows {
			for _, place := range []string{"header", "presigned"} {
				t.Run(mode+"/"+row.name+"/"+place, func(t *testing.T) {
					u := row.upload()
					row.change(&u)
					_, a := g.judge(t, u.call(pair, place, g.path()), row.want)
					if a != nil && string(a.Data) != strings.Join(u.chunks, "") {
						t.Errorf("the storage got %d bytes", len(a.Data))
					}
				})
			}
		}
	}
}

// TestS3BodiesOfOneDigest is the same for bodies without chunks.
func TestS3BodiesOfOneDigest(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	big := strings.Repeat("0123456789abcdef", 16<<10)
	digest := broken(400, "XAmzContentSHA256Mismatch", "digest_mismatch")
	cases := []struct {
		name   string
		change func(c s3Call) s3Call
		want   s3Verdict
	}{
		{"Good", func(c s3Call) s3Call { return c }, passed},
		{"LastByte", func(c s3Call) s3Call { c.body[len(c.body)-1] ^= 1; return c }, digest},
		{"FirstByte", func(c s3Call) s3Call { c.body[0] ^= 1; return c }, digest},
		{"CutOff", func(c s3Call) s3Call {
			c.announced, c.body = strconv.Itoa(len(c.body)), c.body[:len(c.body)-1]
			return c
		}, broken(400, "IncompleteBody", "")},
		{"ShorterThanSigned", func(c s3Call) s3Call { c.body = c.body[:len(c.body)-1]; return c }, digest},
		{"LongerThanSigned", func(c s3Call) s3Call { c.body = append(c.body, 'x'); return c }, digest},
		{"NoLength", func(c s3Call) s3Call {
			c.announced, c.body = "-", fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body)
			return c.with("Transfer-Encoding", "chunked")
		}, denied(411, "MissingContentLength", "length_required")},
	}
	for _, row := range cases {
		t.Run(row.name, func(t *testing.T) { g.judge(t, row.change(pair.signed(put(g.path(), big))), row.want) })
	}

	bad := broken(400, "BadDigest", "checksum_mismatch")
	for name, payload := range map[string]string{"Digest": sha256Hex([]byte(big)), "Unsigned": "UNSIGNED-PAYLOAD"} {
		for _, row := range []struct {
			name, header, value string
			want                s3Verdict
		}{
			{"RightChecksum", "X-Amz-Checksum-Crc32", crc32Of(big), passed},
			{"WrongChecksum", "X-Amz-Checksum-Crc32", crc32Of("x"), bad},
			{"UnreadableChecksum", "X-Amz-Checksum-Crc32", "AAAA", denied(400, "InvalidRequest", "malformed_checksum")},
			{"ChecksumOfAnotherSize", "X-Amz-Checksum-Sha256", crc32Of(big), denied(400, "InvalidRequest", "malformed_checksum")},
		} {
			t.Run(name+"/"+row.name, func(t *testing.T) {
				c, _ := pair.sign(put(g.path(), big).with(row.header, row.value), payload)
				g.judge(t, c, row.want)
			})
		}
	}
}

// TestS3EmptyBodies: a body without bytes has none that could be held back, so
// that it is proved before anything is sent.
func TestS3EmptyBodies(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	chunks := func(change func(*s3Chunks)) func() s3Call {
		return func() s3Call {
			u := s3Chunks{spoil: -1}
			change(&u)
			return u.call(pair, "header", g.path())
		}
	}
	const crc = "x-amz-checksum-crc32:"
	for _, row := range []struct {
		name string
		call func() s3Call
		want s3Verdict
	}{
		{"Digest", func() s3Call { return pair.signed(put(g.path(), "")) }, passed},
		{"Presigned", func() s3Call { return pair.presigned(put(g.path(), "")) }, passed},
		{"Expected", func() s3Call { c := pair.signed(put(g.path(), "")); c.expect = true; return c }, passed},
		{"WrongDigest", func() s3Call { c, _ := pair.sign(put(g.path(), ""), sha256Hex([]byte("x"))); return c }, denied(400, "XAmzContentSHA256Mismatch", "digest_mismatch")},
		{"BytesBehindTheDigestOfNone", func() s3Call { c := pair.signed(put(g.path(), "")); c.body = []byte("x"); return c }, broken(400, "XAmzContentSHA256Mismatch", "digest_mismatch")},
		{"WrongChecksum", func() s3Call { return pair.signed(put(g.path(), "").with("X-Amz-Checksum-Crc32", crc32Of("x"))) }, denied(400, "BadDigest", "checksum_mismatch")},
		{"Chunks", chunks(func(*s3Chunks) {}), passed},
		{"WrongChunkSignature", chunks(func(u *s3Chunks) { u.spoil = 0 }), denied(403, "SignatureDoesNotMatch", "chunk_signature_mismatch")},
		{"DataBehindALengthOfZero", func() s3Call {
			c := s3Chunks{chunks: []string{"x"}, spoil: -1}.call(pair, "header", g.path())
			return pair.resigned(c.set("X-Amz-Decoded-Content-Length", "0"))
		}, denied(400, "EntityTooLarge", "body_too_large")},
		{"Trailer", chunks(func(u *s3Chunks) { u.line = crc + crc32Of("") }), passed},
		{"WrongTrailerChecksum", chunks(func(u *s3Chunks) { u.line = crc + crc32Of("x") }), denied(400, "BadDigest", "checksum_mismatch")},
		{"WrongTrailerSignature", chunks(func(u *s3Chunks) { u.line, u.wrong = crc+crc32Of(""), true }), denied(403, "SignatureDoesNotMatch", "chunk_signature_mismatch")},
		{"NoBodyAtAll", chunks(func(u *s3Chunks) { u.lastOne, u.cut = "\r\n", len("\r\n\r\n") }), denied(400, "IncompleteBody", "")},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, a := g.judge(t, row.call(), row.want)
			if a != nil && (len(a.Data) > 0 || a.Header.Get("Expect") != "") {
				t.Errorf("the storage got %s%q", a.head(), a.Data)
			}
		})
	}
}

// resigned signs the same head anew.
func (p s3Pair) resigned(c s3Call) s3Call {
	mode := c.get("X-Amz-Content-Sha256")
	c, _ = p.sign(c.without("Authorization").without("X-Amz-Date").without("X-Amz-Content-Sha256"), mode)
	return c
}

// TestS3ExpectIsDecidedBeforeTheBody: who is refused is never told to go on.
func TestS3ExpectIsDecidedBeforeTheBody(t *testing.T) {
	g := startS3(t, s3Setup{})
	pair := g.pair(john, hostOne)
	forged, narrow := pair, g.pair(john, hostOne, "X-User-Token-Grants-Meta", `[{"permissions":["storage.read"]}]`)
	forged.signature = strings.Repeat("5a", 32)
	for _, mode := range []string{"digest", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"} {
		for _, row := range []struct {
			name string
			pair s3Pair
			want s3Verdict
		}{
			{"Good", pair, passed},
			{"Forged", forged, denied(403, "SignatureDoesNotMatch", "signature_mismatch")},
			{"NotAllowed", narrow, denied(403, "AccessDenied", "permission")},
		} {
			for _, place := range []string{"header", "presigned"} {
				t.Run(row.name+"/"+mode+"/"+place, func(t *testing.T) {
					c := row.pair.upload(place, mode, g.path(), uploaded)
					c.expect = true
					if got, _ := g.judge(t, c, row.want); got.continued != (row.want.code == "") {
						t.Errorf("told to go on: %v", got.continued)
					}
				})
			}
		}
	}
	t.Run("BadDigestAfterGoingOn", func(t *testing.T) {
		c := pair.signed(put(g.path(), uploaded))
		c.expect, c.body = true, []byte(strings.ToUpper(uploaded))
		g.judge(t, c, broken(400, "XAmzContentSHA256Mismatch", "digest_mismatch"))
	})
}
