package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// s3Pair is a key pair, and how its owner signs. It follows AWS's description
// of the signatures and uses nothing of the gateway's.
type s3Pair struct {
	access, secret, id string
	region             string        // empty = the storage's
	shift              time.Duration // of the clock
	expires            string        // of what is presigned; empty = 300
	leaveOut           string        // a header that is not signed
	signature          string        // instead of the right one
	asSent             bool          // the path is signed as it is sent
}

func hmac256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// uriEncode is AWS's UriEncode.
func uriEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte("-._~", c) >= 0 || 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// canonicalPath decodes a raw path and encodes it again, but for its slashes.
func canonicalPath(raw string) string {
	plain, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return strings.ReplaceAll(uriEncode(plain), "%2F", "/")
}

func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		n, _ := url.QueryUnescape(name)
		v, _ := url.QueryUnescape(value)
		pairs[i] = uriEncode(n) + "=" + uriEncode(v)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// s3Chain is what the signatures of chunks hang on.
type s3Chain struct {
	key                   []byte
	date, scope, previous string
}

func (p s3Pair) chain(now time.Time) *s3Chain {
	region := p.region
	if region == "" {
		region = storageRegion
	}
	date := now.UTC().Format("20060102T150405Z")
	key := hmac256([]byte("AWS4"+p.secret), date[:8])
	for _, step := range []string{region, "s3", "aws4_request"} {
		key = hmac256(key, step)
	}
	return &s3Chain{key: key, date: date, scope: date[:8] + "/" + region + "/s3/aws4_request"}
}

// names returns the headers of the request that are signed.
func (p s3Pair) names(c s3Call) []string {
	names := []string{"host"}
	for _, h := range c.header {
		name := strings.ToLower(h[0])
		signed := strings.HasPrefix(name, "x-amz-") || name == "content-md5" || name == "content-type" || name == "range"
		if signed && !strings.EqualFold(name, p.leaveOut) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// finish computes the signature of a request.
func (p s3Pair) finish(k *s3Chain, c s3Call, names []string, payload string) string {
	var canonical strings.Builder
	path := canonicalPath(c.path)
	if p.asSent {
		path = c.path
	}
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", c.method, path, canonicalQuery(c.query))
	for _, name := range names {
		value := c.get(name)
		if name == "host" {
			value = c.host
		}
		canonical.WriteString(name + ":" + value + "\n")
	}
	canonical.WriteString("\n" + strings.Join(names, ";") + "\n" + payload)
	text := "AWS4-HMAC-SHA256\n" + k.date + "\n" + k.scope + "\n" + sha256Hex([]byte(canonical.String()))
	k.previous = hex.EncodeToString(hmac256(k.key, text))
	if p.signature != "" {
		k.previous = p.signature
	}
	return k.previous
}

// sign signs in the header. An empty payload leaves x-amz-content-sha256 out.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func (p s3Pair) sign(c s3Call, payload string) (s3Call, *s3Chain) {
	k := p.chain(time.Now().Add(p.shift))
	c = c.with("X-Amz-Date", k.date)
	if payload != "" {
		c = c.with("X-Amz-Content-Sha256", payload)
	}
	names := p.names(c)
	signature := p.finish(k, c, names, payload)
	c.secrets = append(c.secrets, p.access)
	return c.with("Authorization", "AWS4-HMAC-SHA256 Credential="+p.access+"/"+k.scope+
		", SignedHeaders="+strings.Join(names, ";")+", Signature="+signature), k
}

// presign signs in the query. An empty payload is UNSIGNED-PAYLOAD.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func (p s3Pair) presign(c s3Call, payload string) (s3Call, *s3Chain) {
	k := p.chain(time.Now().Add(p.shift))
	if payload != "" {
		c = c.with("X-Amz-Content-Sha256", payload)
	} else {
		payload = "UNSIGNED-PAYLOAD"
	}
	expires := p.expires
	if expires == "" {
		expires = "300"
	}
	names := p.names(c)
	c = c.argument("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + uriEncode(p.access+"/"+k.scope) + "&X-Amz-Date=" + k.date +
		"&X-Amz-Expires=" + expires + "&X-Amz-SignedHeaders=" + uriEncode(strings.Join(names, ";")))
	signature := p.finish(k, c, names, payload)
	c.secrets = append(c.secrets, p.access)
	return c.argument("X-Amz-Signature=" + signature), k
}

// signV2 signs with Signature Version 2, in the header or in the query.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
func (p s3Pair) signV2(c s3Call, place string) s3Call {
	date := time.Now().Add(p.shift).UTC().Format(http.TimeFormat)
	if place == "presigned" {
		date = strconv.FormatInt(time.Now().Add(p.shift).Unix()+300, 10)
	} else {
		c = c.with("Date", date)
	}
	var amazon []string
	for _, h := range c.header {
		if name := strings.ToLower(h[0]); strings.HasPrefix(name, "x-amz-") {
			amazon = append(amazon, name+":"+h[1]+"\n")
		}
	}
	slices.Sort(amazon)
	path := c.path
	if c.signedPath != "" {
		path = c.signedPath
	}
	text := c.method + "\n" + c.get("Content-MD5") + "\n" + c.get("Content-Type") + "\n" + date + "\n" + strings.Join(amazon, "") + path
	h := hmac.New(sha1.New, []byte(p.secret))
	h.Write([]byte(text))
	signature := base64.StdEncoding.EncodeToString(h.Sum(nil))
	if p.signature != "" {
		signature = base64.StdEncoding.EncodeToString(make([]byte, sha1.Size))
	}
	c.secrets = append(c.secrets, p.access)
	if place == "presigned" {
		return c.argument("AWSAccessKeyId=" + p.access + "&Expires=" + date + "&Signature=" + uriEncode(signature))
	}
	return c.with("Authorization", "AWS "+p.access+":"+signature)
}

// chunk is a chunk with its signature, and the next link of the chain. No data
// is the last one.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
func (k *s3Chain) chunk(data string) string {
	text := "AWS4-HMAC-SHA256-PAYLOAD\n" + k.date + "\n" + k.scope + "\n" + k.previous + "\n" + sha256Hex(nil) + "\n" + sha256Hex([]byte(data))
	k.previous = hex.EncodeToString(hmac256(k.key, text))
	line := fmt.Sprintf("%x;chunk-signature=%s\r\n", len(data), k.previous)
	if data == "" {
		return line
	}
	return line + data + "\r\n"
}

// trailer is a trailer of one line with its signature.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
func (k *s3Chain) trailer(line string) string {
	text := "AWS4-HMAC-SHA256-TRAILER\n" + k.date + "\n" + k.scope + "\n" + k.previous + "\n" + sha256Hex([]byte(line+"\n"))
	return line + "\r\nx-amz-trailer-signature:" + hex.EncodeToString(hmac256(k.key, text)) + "\r\n"
}

// crc32Of is the value of x-amz-checksum-crc32.
func crc32Of(data string) string {
	sum := crc32.ChecksumIEEE([]byte(data))
	return base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// signed returns the request signed in the header, with the digest of its body.
func (p s3Pair) signed(c s3Call) s3Call {
	c, _ = p.sign(c, sha256Hex(c.body))
	return c
}

// presigned returns the request signed in the query.
func (p s3Pair) presigned(c s3Call) s3Call {
	c, _ = p.presign(c, "")
	return c
}

// upload makes an upload of data in two chunks where the mode, the value of
// x-amz-content-sha256, has chunks. place is header or presigned.
func (p s3Pair) upload(place, mode, path, data string) s3Call {
	return p.uploadOf(put(path, ""), place, mode, data)
}

// uploadOf is upload for any request that has a body.
func (p s3Pair) uploadOf(c s3Call, place, mode, data string) s3Call {
	c.body = []byte(data)
	streams, trails := strings.HasPrefix(mode, "STREAMING-"), strings.HasSuffix(mode, "-TRAILER")
	if streams {
		c = c.with("Content-Encoding", "aws-chunked").with("X-Amz-Decoded-Content-Length", strconv.Itoa(len(data)))
	}
	if trails {
		c = c.with("X-Amz-Trailer", "x-amz-checksum-crc32")
	}
	if mode == "digest" {
		mode = sha256Hex(c.body)
	}
	var k *s3Chain
	if place == "presigned" {
		c, k = p.presign(c, mode)
	} else {
		c, k = p.sign(c, mode)
	}
	if !streams {
		return c
	}
	chunks, line := []string{data[:len(data)/2], data[len(data)/2:], ""}, "x-amz-checksum-crc32:"+crc32Of(data)
	if data == "" {
		chunks = chunks[2:]
	}
	var b bytes.Buffer
	for _, chunk := range chunks {
		switch {
		case mode != "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
			b.WriteString(k.chunk(chunk))
		case chunk == "":
			b.WriteString("0\r\n" + line + "\r\n")
		default:
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(chunk), chunk)
		}
	}
	if trails && mode != "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
		b.WriteString(k.trailer(line))
	}
	b.WriteString("\r\n")
	c.body = b.Bytes()
	return c
}
