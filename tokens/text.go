package tokens

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"strings"
)

// ErrChecksum says: the value has the form of the gateway's own and its
// checksum does not match, so that no token can have it.
var ErrChecksum = errors.New("checksum of the token does not match")

// Form is how the value of a token is written.
type Form string

// The forms. The zero Form is the configured one.
const (
	Hex      Form = "hex"       // 32 lower-case hex digits
	Prefixed Form = "prefixed"  // PrefixToken or PrefixAccessKey, 27 base62 digits, 6 of checksum
	UUID     Form = "uuid"      // version 4 in capitals, RFC 9562
	AccessV1 Form = "access_v1" // access-v1: and 64 bytes in base64
)

// What prefixed values begin with, so that scanners for secrets know them.
const (
	PrefixToken     = "tgt_" // #nosec G101 -- no secret
	PrefixAccessKey = "tgk_" // an S3 access key, which is no secret
)

const (
	randomDigits   = 27 // of base62: 160 bits
	checksumDigits = 6  // of base62: CRC-32 of all before
	prefixedLength = len(PrefixToken) + randomDigits + checksumDigits
	accessV1Prefix = "access-v1:"
)

// base62 is in the order of ASCII, so that padding with zeros keeps it.
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// CheckText refuses a value that looks like a prefixed one and is none. The
// error is ErrChecksum. It says nothing about values of other forms.
func CheckText(value string) error {
	if !strings.HasPrefix(value, PrefixToken) && !strings.HasPrefix(value, PrefixAccessKey) {
		return nil
	}
	if len(value) != prefixedLength {
		return ErrChecksum
	}
	body := value[:prefixedLength-checksumDigits]
	if sum := checksum(body); string(sum[:]) != value[len(body):] {
		return ErrChecksum
	}
	return nil
}

// checksum is a part of each look-up, so it does without memory of its own.
func checksum(body string) (text [checksumDigits]byte) {
	rest := ^uint32(0)
	for i := range len(body) {
		rest = crc32.IEEETable[(rest^uint32(body[i]))&0xff] ^ rest>>8
	}
	rest = ^rest
	for i := checksumDigits - 1; i >= 0; i-- {
		text[i] = base62[rest%uint32(len(base62))]
		rest /= uint32(len(base62))
	}
	return text
}

// digits writes n in base62 with that many digits.
func digits(n *big.Int, width int) string {
	text := make([]byte, width)
	base, rest := big.NewInt(int64(len(base62))), new(big.Int)
	n = new(big.Int).Set(n)
	for i := width - 1; i >= 0; i-- {
		n.QuoRem(n, base, rest)
		text[i] = base62[rest.Int64()]
	}
	return string(text)
}

// newValue makes a value for t: every form has 122 random bits or more. It
// needs the id and the time of creation, which one of the forms holds.
func newValue(form Form, t *Token, signing bool, random io.Reader) (Secret, error) {
	var b [32]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	switch form {
	case Hex:
		return Secret(hex.EncodeToString(b[:16])), nil
	case Prefixed:
		body := PrefixToken
		if signing {
			body = PrefixAccessKey
		}
		body += digits(new(big.Int).SetBytes(b[:20]), randomDigits)
		sum := checksum(body)
		return Secret(body + string(sum[:])), nil
	case UUID:
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		return Secret(strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16]))), nil
	case AccessV1:
		return accessV1(b, t)
	}
	return "", fmt.Errorf("%w: a value of form %q", errForm, form)
}

var errForm = errors.New("unknown form")

// accessV1 writes 64 bytes: the secret, version 1, the public id, the time of
// creation in seconds since 1970 and a CRC-32 of all before; numbers are
// little-endian.
func accessV1(secret [32]byte, t *Token) (Secret, error) {
	id, ok := new(big.Int).SetString(string(t.ID), 10)
	if !ok || id.Sign() < 0 || id.BitLen() > 128 {
		return "", fmt.Errorf("%w: %q is no public id", errForm, t.ID)
	}
	low := new(big.Int).And(id, new(big.Int).SetUint64(^uint64(0))).Uint64()
	high := new(big.Int).Rsh(id, 64).Uint64()
	b := append(make([]byte, 0, 64), secret[:]...)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint64(b, high)
	b = binary.LittleEndian.AppendUint64(b, low)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Created.Unix())) // #nosec G115 -- after 1970
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return Secret(accessV1Prefix + base64.StdEncoding.EncodeToString(b)), nil
}
