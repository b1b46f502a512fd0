package sigv4

import (
	"crypto/sha256"
	"encoding"
	"hash"
)

// hasher is a SHA-256 that can be set to a state that was reached before. It
// is for one at a time. The zero hasher is made ready by its first use.
type hasher struct {
	hash  hash.Hash
	state encoding.BinaryUnmarshaler // the same
	sum   [sha256.Size]byte          // here, since what a hash is given escapes
}

// hashed is the state of a SHA-256 that was given some bytes. It does not
// change, and any number may go on from it at once. The nil hashed is none.
type hashed []byte

// hashedAfter returns the state after the parts, in order.
func hashedAfter(parts ...[]byte) hashed {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	marshaler, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		panic("sigv4: SHA-256 has no state to keep")
	}
	state, err := marshaler.MarshalBinary()
	if err != nil {
		panic("sigv4: state of SHA-256: " + err.Error())
	}
	return state
}

// after returns the SHA-256 of what led to a state, and of a message behind.
// A state that is none panics: no sum is made of it that could match.
func (h *hasher) after(state hashed, message []byte) [sha256.Size]byte {
	if h.hash == nil {
		h.hash = sha256.New()
		h.state, _ = h.hash.(encoding.BinaryUnmarshaler)
	}
	if err := h.state.UnmarshalBinary(state); err != nil {
		panic("sigv4: state of SHA-256: " + err.Error())
	}
	h.hash.Write(message)
	h.hash.Sum(h.sum[:0])
	return h.sum
}

// hmac returns the HMAC of a message under a key, where inner is the state
// after the key's inner block and the beginning of the message that is not in
// rest (RFC 2104).
func (h *hasher) hmac(k *signingKey, inner hashed, rest []byte) [sha256.Size]byte {
	h.after(inner, rest)
	return h.after(k.outer, h.sum[:])
}

// forget leaves nothing of a key in the state.
func (h *hasher) forget() {
	if h.hash != nil {
		h.hash.Reset()
	}
	clear(h.sum[:])
}
