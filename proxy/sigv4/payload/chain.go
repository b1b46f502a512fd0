package payload

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"

	"tollgate/proxy/sigv4"
)

// Chain is what the signatures of chunks hang on. Each signature covers the one
// before it; the first covers the signature of the request. The zero Chain, and
// any that lacks a part, refuses.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html#sigv4-chunked-body-definition
type Chain struct {
	MAC   sigv4.MAC // under the signing key; must not keep its argument
	Date  string    // X-Amz-Date, as in 20130524T000000Z
	Scope string    // the credential scope, as in 20130524/us-east-1/s3/aws4_request
	Seed  string    // the signature of the request, 64 lower-case hex digits
}

const (
	signatureLength = 2 * sha256.Size // in hex

	chunkAlgorithm   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm = "AWS4-HMAC-SHA256-TRAILER"
)

// signer walks a chain: the bytes of a chunk are written to it, and sign ends
// the chunk. The first signature is the seed.
type signer struct {
	chain    Chain
	hash     hash.Hash // of the chunk so far
	previous [signatureLength]byte
	sum      [sha256.Size]byte
	message  []byte // the string to sign, kept so that no chunk allocates one
}

// newSigner returns nil for a nil chain, and an error for an incomplete one.
func newSigner(c *Chain) (*signer, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // no chain, no signer: the unsigned form
	}
	if c.MAC == nil || c.Date == "" || c.Scope == "" || !isSignature([]byte(c.Seed)) {
		return nil, errChain
	}
	s := &signer{chain: *c, hash: sha256.New(), message: make([]byte, 0, 320)}
	copy(s.previous[:], c.Seed)
	return s, nil
}

func (s *signer) write(p []byte) {
	_, _ = s.hash.Write(p) // a hash.Hash never fails
}

// sign ends the chunk and returns its signature in hex, valid until the next
// call.
func (s *signer) sign() []byte {
	m := s.begin(chunkAlgorithm)
	m = append(m, sigv4.EmptyDigest...)
	m = append(m, '\n')
	return s.end(m)
}

// signTrailer returns the signature of a canonical trailer, as sign does. No
// chunk may be open.
func (s *signer) signTrailer(canonical []byte) []byte {
	s.write(canonical)
	return s.end(s.begin(trailerAlgorithm))
}

func (s *signer) begin(algorithm string) []byte {
	m := append(s.message[:0], algorithm...)
	m = append(m, '\n')
	m = append(m, s.chain.Date...)
	m = append(m, '\n')
	m = append(m, s.chain.Scope...)
	m = append(m, '\n')
	m = append(m, s.previous[:]...)
	return append(m, '\n')
}

func (s *signer) end(m []byte) []byte {
	m = hex.AppendEncode(m, s.hash.Sum(s.sum[:0]))
	s.hash.Reset()
	s.message = m
	tag := s.chain.MAC(m)
	hex.Encode(s.previous[:], tag[:])
	return s.previous[:]
}

// isSignature reports whether b is 64 lower-case hex digits.
func isSignature(b []byte) bool {
	if len(b) != signatureLength {
		return false
	}
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func sameSignature(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
