package keyring

import (
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// maxText bounds a key file, in bytes: some 1,000 keys with a comment each.
const maxText = 128 << 10

// Parse reads a ring from text: one key of 32 bytes a line in base64 (either
// alphabet, with or without padding), the newest first. Blank lines and those
// that begin with # do not count. An error names the line and never the key.
func Parse(text string) (*Ring, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("sealing keys: %d bytes, accepted are %d", len(text), maxText)
	}
	ring := &Ring{keys: make(map[keyID]cipher.AEAD)}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := ring.addLine(line); err != nil {
			return nil, fmt.Errorf("sealing keys: line %d: %w", number, err)
		}
	}
	if len(ring.keys) == 0 {
		return nil, errors.New("sealing keys: there is none, expected is one base64 line of 32 bytes for each")
	}
	return ring, nil
}

func (r *Ring) addLine(line string) error {
	key, err := decode(line)
	if err != nil {
		return err
	}
	if predictable(key) {
		return errors.New("the key is no random one, make one with `openssl rand -base64 32`")
	}
	return r.add(key)
}

// decode accepts the four usual forms of base64.
func decode(line string) ([]byte, error) {
	enc := base64.StdEncoding
	if strings.ContainsAny(line, "-_") {
		enc = base64.URLEncoding
	}
	if !strings.Contains(line, "=") {
		enc = enc.WithPadding(base64.NoPadding)
	}
	key, err := enc.Strict().DecodeString(line)
	if err != nil {
		return nil, errors.New("the key is not base64")
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes, accepted are %d", len(key), KeySize)
	}
	return key, nil
}

// predictable catches keys that somebody typed: all zeros, a short pattern
// over and over, bytes that count up or down. A random key is none of these
// but once in 2^120.
func predictable(key []byte) bool {
	for period := 1; period <= KeySize/2; period++ {
		if repeats(key, period) {
			return true
		}
	}
	step := key[1] - key[0]
	for i := 1; i < len(key); i++ {
		if key[i]-key[i-1] != step {
			return false
		}
	}
	return true
}

func repeats(key []byte, period int) bool {
	for i := period; i < len(key); i++ {
		if key[i] != key[i-period] {
			return false
		}
	}
	return true
}
