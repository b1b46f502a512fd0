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
	out := &outcome{values: [3]string{1: payload}}
	v.Header["X-Amz-Date"], v.Header[headerSHA256] = out.values[0:1:1], out.values[1:2:2]
	m := message{
		method: v.Method, host: v.Host, path: v.Path, query: v.Query, header: v.Header, length: v.ContentLength,
		payload: payload, reading: reading{plus: ' '},
	}
	var space [fewHeaders]string
	m.signed = m.namesToSign(space[:0])
	var text strings.Builder
	date, scope := s.write(&text, now, m.signed)
	out.values[0] = date
	key := s.key(date)
	c := s.Keys.scratch()
	defer s.Keys.give(c)
	digest, _ := c.digest(&m)
	sum := key.sum(c.stringToSign(digest, date, scope))
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	text.Write(digits[:])
	whole := text.String()
	out.values[2] = whole[len(date):]
	v.Header["Authorization"] = out.values[2:3:3]
	out.seed = Seed{MAC: key.mac, Value: whole[len(whole)-len(digits):], Date: date, Scope: scope}
	return &out.seed
}

// outcome is what lives as long as a request that was signed: the values of
// its three headers, and its seed.
type outcome struct {
	values [3]string
	seed   Seed
}

// write begins an empty text with the date and the value of Authorization up
// to the signature, for which there is room. The results are parts of it.
func (s *Signer) write(b *strings.Builder, now time.Time, names []string) (date, scope string) {
	const begin, middle, end = algorithm + " Credential=", ", SignedHeaders=", ", Signature="
	var space [2 * len(isoBasic)]byte
	iso := appendISO(space[:0], now)
	size := len(iso) + len(begin) + len(s.AccessKey) + len("/") + len(isoDay) + len("/") + len(s.Region) + len(scopeEnd) +
		len(middle) + len(names) + len(end) + 2*sha256.Size
	for _, name := range names {
		size += len(name)
	}
	b.Grow(size)
	b.Write(iso)
	b.WriteString(begin)
	b.WriteString(s.AccessKey)
	b.WriteByte('/')
	start := b.Len()
	b.Write(iso[:len(isoDay)])
	b.WriteByte('/')
	b.WriteString(s.Region)
	b.WriteString(scopeEnd)
	date, scope = b.String()[:len(iso)], b.String()[start:]
	separator := middle
	for _, name := range names {
		b.WriteString(separator)
		b.WriteString(name)
		separator = ";"
	}
	b.WriteString(end)
	return date, scope
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
	for name := range m.header {
		plain := plainName(name)
		if plain == "" {
			continue
		}
		if _, found := m.values(plain); found && !slices.Contains(names, plain) {
			names = append(names, plain)
		}
	}
	slices.Sort(names)
	return names
}

// plainName returns the name in lower case of a header that Sign signs, "" of
// others.
func plainName(name string) string {
	switch name {
	case "Content-Md5":
		return "content-md5"
	case "Content-Type":
		return "content-type"
	case "Range":
		return "range"
	case "X-Amz-Date":
		return "x-amz-date"
	case headerSHA256:
		return "x-amz-content-sha256"
	default:
		if isAmazon(name) {
			return strings.ToLower(name)
		}
		return ""
	}
}
