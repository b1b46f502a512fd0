package sigv4

import (
	"crypto/sha256"
	"time"
)

// moment is what all requests have in common that a Signer signs within a
// second. It does not change.
type moment struct {
	second     int64 // since 1970
	accessKey  string
	key        *signingKey
	date       string // ISO 8601 basic
	scope      string // YYYYMMDD/REGION/s3/aws4_request
	credential string // the value of Authorization up to the scope and with it
	begun      hashed // the key's inner block, and the string to sign up to its last line
}

// isOf reports whether m is the moment of a signer in a second.
func (m *moment) isOf(s *Signer, second int64) bool {
	return m != nil && m.second == second && m.accessKey == s.AccessKey &&
		m.key.name.secret == s.Secret && m.key.name.region == s.Region
}

// moment returns that of now: the last one if it still is, or a new one.
func (s *Signer) moment(now time.Time) *moment {
	second := now.Unix()
	if s.Keys != nil {
		if m := s.Keys.moment.Load(); m.isOf(s, second) {
			return m
		}
	}
	date := string(appendISO(nil, now))
	m := &moment{second: second, accessKey: s.AccessKey, date: date, scope: s.scope(date), key: s.key(date)}
	m.credential = algorithm + " Credential=" + s.AccessKey + "/" + m.scope
	m.begun = hashedAfter(m.key.innerBlock[:], []byte(algorithm+"\n"+date+"\n"+m.scope+"\n"))
	if s.Keys != nil {
		s.Keys.moment.Store(m)
	}
	return m
}

// sign returns the signature of the canonical request with a digest.
func (m *moment) sign(c *scratch, digest [sha256.Size]byte) [sha256.Size]byte {
	c.buf = appendHex(c.buf[:0], &digest)
	return c.hasher.hmac(m.key, m.begun, c.buf)
}
