package payload

import (
	"crypto/sha1" //nolint:gosec // G505: S3 clients may choose SHA-1; it proves no identity here
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/minio/crc64nvme"

	"tollgate/proxy/sigv4"
)

// Algorithm is a checksum algorithm of S3. The zero Algorithm is none: it has
// no header and verifies nothing.
type Algorithm uint8

// The algorithms. CRC64NVME is the one S3 computes by itself.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
const (
	CRC32 Algorithm = iota + 1
	CRC32C
	CRC64NVME
	SHA1
	SHA256
)

// headerPrefix begins the name of every header that carries a checksum.
const headerPrefix = "x-amz-checksum-"

// ByHeader returns the algorithm whose checksum a header or trailer of that
// name carries, in any case of letters; false if there is none.
func ByHeader(name string) (Algorithm, bool) {
	for a := CRC32; a <= SHA256; a++ {
		if strings.EqualFold(name, a.Header()) {
			return a, true
		}
	}
	return 0, false
}

// Header returns the name of the header or trailer that carries the checksum,
// in lower case; empty if a is no algorithm.
func (a Algorithm) Header() string {
	switch a {
	case CRC32:
		return headerPrefix + "crc32"
	case CRC32C:
		return headerPrefix + "crc32c"
	case CRC64NVME:
		return headerPrefix + "crc64nvme"
	case SHA1:
		return headerPrefix + "sha1"
	case SHA256:
		return headerPrefix + "sha256"
	default:
		return ""
	}
}

// String returns the name as S3 writes it, such as CRC32C; "none" if a is no
// algorithm.
func (a Algorithm) String() string {
	if name := a.Header(); name != "" {
		return strings.ToUpper(name[len(headerPrefix):])
	}
	return "none"
}

// Size returns the length of the decoded checksum in bytes; 0 if a is no
// algorithm.
func (a Algorithm) Size() int {
	switch a {
	case CRC32, CRC32C:
		return crc32.Size
	case CRC64NVME:
		return crc64nvme.Size
	case SHA1:
		return sha1.Size
	case SHA256:
		return sha256.Size
	default:
		return 0
	}
}

// newHash returns a running checksum, nil if a is no algorithm.
func (a Algorithm) newHash() hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case CRC64NVME:
		return crc64nvme.New()
	case SHA1:
		return sha1.New() //nolint:gosec // G401: S3 clients may choose SHA-1; it proves no identity here
	case SHA256:
		return sha256.New()
	default:
		return nil
	}
}

// Checksum is the checksum of a body. The zero Checksum matches no body.
type Checksum struct {
	Algorithm Algorithm
	Value     []byte // decoded, of the algorithm's size
}

// ParseChecksum reads a checksum from the name of its header or trailer and its
// value, which is standard base64 with padding. ErrChecksumValue if the name
// is of no algorithm, or if the value is no base64 of the algorithm's size.
// A composite checksum, such as "abc=-2" of a multipart upload, is of no single
// body and is refused.
func ParseChecksum(header, value string) (Checksum, error) {
	algorithm, ok := ByHeader(header)
	if !ok {
		return Checksum{}, sigv4.Faultf(ErrChecksumValue, "%.64q is the header of no supported checksum algorithm.", header)
	}
	if len(value) != base64.StdEncoding.EncodedLen(algorithm.Size()) {
		return Checksum{}, invalidChecksum(algorithm)
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || len(decoded) != algorithm.Size() {
		return Checksum{}, invalidChecksum(algorithm)
	}
	return Checksum{Algorithm: algorithm, Value: decoded}, nil
}

func invalidChecksum(a Algorithm) error {
	return sigv4.Faultf(ErrChecksumValue, "Value for %s header is invalid: it is the base64 of %d bytes.", a.Header(), a.Size())
}

// appendLine appends the checksum as a line of a trailer without its end.
func (c Checksum) appendLine(dst []byte) []byte {
	dst = append(dst, c.Algorithm.Header()...)
	dst = append(dst, ':')
	return base64.StdEncoding.AppendEncode(dst, c.Value)
}
