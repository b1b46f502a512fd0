// Package keyring holds the keys that seal secrets at rest: values that must
// be recoverable, such as S3 secret keys. The first key of a ring seals, all
// of them open, so that a new key can be put in front of an old one. It logs
// nothing, and no error of it holds a key or a secret.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"tollgate/tokens"
)

// Why a sealed secret cannot be opened. Test with errors.Is.
var (
	// ErrNoKey: it was sealed with a key that is not in the ring, or the
	// ring has no keys.
	ErrNoKey = errors.New("sealing key is not in the ring")
	// ErrCorrupt: it was changed, it belongs to another record, or it was
	// never sealed.
	ErrCorrupt = errors.New("sealed secret is corrupt")
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// A sealed secret is a version, the id of the key, a nonce and AES-256-GCM's
// ciphertext with its tag. The tag covers version, key id and record id too.
const (
	version  = 1
	idSize   = 8
	header   = 1 + idSize
	overhead = header + 12 + 16
)

type keyID [idSize]byte

// Ring is a list of keys. It never changes and is safe for concurrent use. The
// zero value has no keys: it neither seals nor opens.
type Ring struct {
	newest keyID
	keys   map[keyID]cipher.AEAD
	derive func(text string) [32]byte // with the newest key; nil = there is none
}

// idOf tells keys apart without telling anything of them.
func idOf(key []byte) keyID {
	sum := sha256.Sum256(append([]byte("tollgate key id"), key...))
	return keyID(sum[:idSize])
}

// add puts a key behind the others.
func (r *Ring) add(key []byte) error {
	id := idOf(key)
	if _, twice := r.keys[id]; twice {
		return errors.New("the key is there already")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	// The nonces are 96 random bits each, drawn by the library: with one key
	// 2^32 secrets may be sealed (NIST SP 800-38D, section 8.3).
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	if len(r.keys) == 0 {
		r.newest = id
		r.derive = func(text string) [32]byte {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte("tollgate derived\x00" + text))
			return [32]byte(mac.Sum(nil))
		}
	}
	r.keys[id] = aead
	return nil
}

// Seal encrypts a secret for the record with the given id, which must not be
// empty: only with the same id can it be opened. ErrNoKey if the ring is
// empty. The nonce comes from crypto/rand.
func (r *Ring) Seal(plain tokens.Secret, recordID string) (tokens.Sealed, error) {
	if recordID == "" {
		return nil, errors.New("seal: no record id")
	}
	aead, ok := r.keys[r.newest]
	if !ok {
		return nil, fmt.Errorf("seal: %w", ErrNoKey)
	}
	sealed := make([]byte, 0, overhead+len(plain))
	sealed = append(sealed, version)
	sealed = append(sealed, r.newest[:]...)
	// #nosec G407 -- the AEAD of NewGCMWithRandomNonce takes no nonce: it makes a fresh one
	return aead.Seal(sealed, nil, []byte(plain.Reveal()), bound(sealed, recordID)), nil
}

// Open decrypts what Seal made for the record with that id, by this ring or
// by any that has the same key. ErrNoKey or ErrCorrupt.
func (r *Ring) Open(sealed tokens.Sealed, recordID string) (tokens.Secret, error) {
	if len(sealed) < overhead || sealed[0] != version || recordID == "" {
		return "", fmt.Errorf("open: %w", ErrCorrupt)
	}
	aead, ok := r.keys[keyID(sealed[1:header])]
	if !ok {
		return "", fmt.Errorf("open: %w", ErrNoKey)
	}
	plain, err := aead.Open(nil, nil, sealed[header:], bound(sealed[:header], recordID))
	if err != nil {
		return "", fmt.Errorf("open: %w", ErrCorrupt)
	}
	return tokens.Secret(plain), nil
}

// Current reports whether the secret was sealed with the newest key, going by
// the key id in front of it. One that was not should be sealed anew.
func (r *Ring) Current(sealed tokens.Sealed) bool {
	return len(r.keys) > 0 && len(sealed) >= overhead && sealed[0] == version && keyID(sealed[1:header]) == r.newest
}

// Derive returns 32 bytes that are always the same for a text, as long as the
// newest key is, and that nobody can tell who has not got the key. It panics if
// the ring is empty.
func (r *Ring) Derive(text string) [32]byte { return r.derive(text) }

// bound returns what the tag covers beside the secret. The header's length is
// fixed, so no two pairs give the same bytes.
func bound(head []byte, recordID string) []byte {
	return append(append(make([]byte, 0, header+len(recordID)), head...), recordID...)
}

// Format implements fmt.Formatter so that no verb prints a key.
func (*Ring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }
