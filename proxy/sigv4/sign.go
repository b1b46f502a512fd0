package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"tollgate/tokens"
)

// Signer signs outgoing requests with Signature Version 4. It may be used
// concurrently.
type Signer struct {
	AccessKey string
	Secret    tokens.Secret
	Region    string // of the storage
	Keys      *Keys  // may be nil
}

// Sign signs a request as it will go over the wire, at a time. payload is the
// value of x-amz-content-sha256. It sets X-Amz-Date, X-Amz-Content-Sha256 and
// Authorization in v.Header, whose names must be canonical, and signs Host,
// every x-amz-* header, Content-MD5, Content-Type and Range. The result is
// where the chunks of a streamed body begin.
func (s *Signer) Sign(now time.Time, v *View, payload string) *Seed {
	if v.Header == nil {
		v.Header = make(map[string][]string)
	}
	at := s.moment(now)
	out := &outcome{values: [3]string{at.date, payload}}
	v.Header[headerDate], v.Header[headerSHA256] = out.values[0:1:1], out.values[1:2:2]
	m := message{
		method: v.Method, host: v.Host, path: v.Path, query: v.Query, header: v.Header, length: v.ContentLength,
		payload: payload, reading: reading{plus: ' '},
	}
	var space [fewHeaders]string
	m.signed = m.namesToSign(space[:0])
	c := borrow()
	defer c.giveBack()
	digest, _ := c.digest(&m)
	sum := at.sign(c, digest)
	whole := string(c.authorization(at, m.signed, sum))
	out.values[2] = whole
	v.Header["Authorization"] = out.values[2:3:3]
	out.seed = Seed{MAC: at.key.mac, Value: whole[len(whole)-2*len(sum):], Date: at.date, Scope: at.scope}
	return &out.seed
}

// outcome is what lives as long as a request that was signed: the values of
// its three headers, and its seed.
type outcome struct {
	values [3]string
	seed   Seed
}

// authorization returns the value of the header Authorization, valid until
// the next use of the scratch.
func (c *scratch) authorization(at *moment, names []string, sum [sha256.Size]byte) []byte {
	b := append(c.buf[:0], at.credential...)
	b = append(b, ", SignedHeaders="...)
	b = appendNames(b, names)
	b = append(b, ", Signature="...)
	b = appendHex(b, &sum)
	c.buf = b
	return b
}

// SignString signs a text as it is, such as the base64 of a form's policy. It
// returns what the form has to say: x-amz-credential, x-amz-date and
// x-amz-signature. AWS: "Authenticating Requests: Browser-Based Uploads Using
// POST".
func (s *Signer) SignString(now time.Time, text string) (credential, date, signature string) {
	date = string(appendISO(nil, now))
	sum := s.key(date).sum([]byte(text))
	return s.AccessKey + "/" + s.scope(date), date, hex.EncodeToString(sum[:])
}

func (s *Signer) key(date string) *signingKey {
	return s.Keys.key(keyName{s.Secret, date[:len(isoDay)], s.Region, service})
}

// scopeEnd is what follows the region in a scope.
const scopeEnd = "/" + service + "/" + terminator

func (s *Signer) scope(date string) string {
	return date[:len(isoDay)] + "/" + s.Region + scopeEnd
}

// namesToSign appends the names of the headers that Sign signs, sorted. One
// that is not canonical, or has no value, could not be found again.
func (m *message) namesToSign(names []string) []string {
	names = append(names, "host")
	for name, values := range m.header {
		if len(values) == 0 {
			continue
		}
		if plain := plainName(name); plain != "" {
			names = append(names, plain)
		}
	}
	slices.Sort(names)
	return names
}

// plainName returns the name in lower case of a header that Sign signs, "" of
// others, and of one that is not in canonical form.
func plainName(name string) string {
	switch name {
	case "Content-Md5":
		return "content-md5"
	case "Content-Type":
		return "content-type"
	case "Range":
		return "range"
	case "X-Amz-Checksum-Mode":
		return "x-amz-checksum-mode"
	case headerDate:
		return "x-amz-date"
	case headerSHA256:
		return "x-amz-content-sha256"
	default:
		if !isAmazon(name) {
			return ""
		}
		plain := strings.ToLower(name)
		if !isCanonicalOf(name, plain) {
			return ""
		}
		return plain
	}
}
