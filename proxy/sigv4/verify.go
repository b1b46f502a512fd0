package sigv4

import (
	"crypto/subtle"
	"strings"

	"tollgate/tokens"
)

// Seed is what the chunks of a streamed body are chained to. It is that of a
// verified request, or of one that was signed here. For Version 2, which knows
// no chunks, it is the zero Seed.
type Seed struct {
	MAC   MAC
	Value string // the signature, 64 hex digits
	Date  string // ISO 8601 basic
	Scope string // YYYYMMDD/REGION/s3/aws4_request
}

// Verify computes the signature with the secret of AccessKey and compares it
// in constant time. ErrMismatch if it is another, ErrSignedHeaderAbsent if a
// header that was signed is not there. It says nothing of what Check looks at.
func (s *Signature) Verify(secret tokens.Secret, keys *Keys) (*Seed, error) {
	var seed Seed
	if err := s.VerifyInto(&seed, secret, keys); err != nil {
		return nil, err
	}
	given := seed // in memory of its own only now: a refusal costs as much as VerifyDummy
	return &given, nil
}

// VerifyInto is Verify with a Seed that the caller has. After an error it is
// the zero Seed.
func (s *Signature) VerifyInto(seed *Seed, secret tokens.Secret, keys *Keys) error {
	*seed = Seed{}
	switch s.Version {
	case V4:
		return s.verify4(seed, secret, keys)
	case V2:
		return s.verify2(secret)
	default:
		return mismatch()
	}
}

// VerifyDummy does the work of Verify for an access key that is not known, so
// that its time does not tell. There is no result.
func (s *Signature) VerifyDummy(keys *Keys) {
	var seed Seed
	_ = s.VerifyInto(&seed, "0123456789012345678901234567890123456789", keys)
}

// verify4 fills the seed if the signature of Version 4 matches.
func (s *Signature) verify4(seed *Seed, secret tokens.Secret, keys *Keys) error {
	key := keys.key(keyName{secret, s.Date, s.Region, s.Service})
	c := borrow()
	defer c.giveBack()
	m := s.message()
	match := 0
	// Every reading is tried, whichever matches: the time says nothing.
	for _, rawPath := range [...]bool{false, true} {
		if rawPath && (c.pathSame || !signsRawPath(s.view.Path)) {
			continue
		}
		for _, plus := range [...]byte{' ', '+'} {
			if plus == '+' && strings.IndexByte(s.view.Query, '+') < 0 {
				continue
			}
			m.reading = reading{rawPath, plus}
			digest, present := c.digest(&m)
			if !present {
				return s.absent()
			}
			sum := c.hasher.hmac(key, key.inner, c.stringToSign(digest, s.timestamp, s.Scope))
			match |= subtle.ConstantTimeCompare(sum[:], s.mac[:])
		}
	}
	if match != 1 {
		return mismatch()
	}
	*seed = Seed{MAC: key.mac, Value: s.signature, Date: s.timestamp, Scope: s.Scope}
	return nil
}

// message returns what the canonical request of Version 4 is made of.
func (s *Signature) message() message {
	v := &s.view
	return message{
		method: v.Method, host: v.Host, path: v.Path, query: v.Query, header: v.Header, length: v.ContentLength,
		signed: s.SignedHeaders, payload: s.payload, presigned: s.Place == InQuery, reading: reading{plus: ' '},
	}
}

// signsRawPath reports whether a path may have been signed as it was sent: it
// differs from its canonical form. One with control characters or spaces is
// never taken as it is, since it could end its line.
func signsRawPath(path string) bool {
	canonical := true
	for i := lengthOf(path, plainPath); i < len(path); {
		c, width := unescape(path, i)
		switch {
		case path[i] <= ' ' || path[i] == 0x7f:
			return false
		case width == 3:
			canonical = canonical && c != '/' && !isUnreserved(c) && !isLowerEscape(path[i:i+3])
		default:
			canonical = canonical && (c == '/' || isUnreserved(c))
		}
		i += width
	}
	return !canonical
}

func isLowerEscape(escape string) bool { return escape[1] >= 'a' || escape[2] >= 'a' }

// absent is the refusal that names the signed header that is not there.
func (s *Signature) absent() error {
	m := s.message()
	for _, name := range s.SignedHeaders {
		if !m.present(name) {
			return Faultf(ErrSignedHeaderAbsent, "The header %s was signed but did not arrive.", quoted(name))
		}
	}
	return nil
}
