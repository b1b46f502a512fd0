package s3

import (
	"strings"
	"unicode/utf8"

	"tollgate/proxy/sigv4"
)

// MaxKey is the greatest length of a key in bytes of UTF-8.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const MaxKey = 1024

// Lengths of the name of a bucket in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const (
	minBucket = 3
	maxBucket = 63
)

// reservedBuckets are the names under which storages answer requests other
// than S3's on the same port: Ceph's admin operations and Swift, the admin
// APIs of MinIO, RustFS and Riak CS, and RustFS's catalogue of tables.
const reservedBuckets = " admin iceberg minio riak-cs rustfs swift "

// Address is the bucket and the object in the path of a request, each decoded
// exactly once. The zero Address is the service itself, one without Key the
// bucket.
type Address struct{ Bucket, Key string }

// Resource returns bucket, or bucket/key.
func (a Address) Resource() string {
	if a.Key == "" {
		return a.Bucket
	}
	return a.Bucket + "/" + a.Key
}

// Reserved returns the names that AddressOf refuses for buckets, in lower case.
// A request to /minio/admin/v3/add-user reads as PutObject and is none.
func Reserved() []string { return strings.Fields(reservedBuckets) }

// AddressOf reads the path of a request as it came over the wire, in path
// style: the bucket of a virtual host is already in front. The bucket ends at
// the first slash that is not encoded; every further byte belongs to the key,
// so that /b//k has the key /k.
//
// It refuses what storages read differently: dot segments (encoded or not, at
// slashes and at backslashes), control characters, malformed escapes, what is
// no UTF-8, and the start of a query or fragment. The error is ErrInvalidURI,
// ErrInvalidBucketName, ErrKeyTooLong or ErrReserved.
func AddressOf(path string) (Address, error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return Address{}, sigv4.Faultf(ErrInvalidURI, "The path %q does not begin with a slash.", quoted(path))
	}
	if rest == "" {
		return Address{}, nil
	}
	if strings.IndexByte(rest, '#') >= 0 || strings.IndexByte(rest, '?') >= 0 {
		return Address{}, sigv4.Faultf(ErrInvalidURI, "The path %q has a # or ? that is not encoded.", quoted(path))
	}
	rawBucket, rawKey := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rawBucket, rawKey = rest[:i], rest[i+1:]
	}
	if rawBucket == "" {
		return Address{}, sigv4.Faultf(ErrInvalidURI, "The path %q names no bucket.", quoted(path))
	}
	bucket, okBucket := decode(rawBucket)
	key, okKey := decode(rawKey)
	if !okBucket || !okKey {
		return Address{}, sigv4.Faultf(ErrInvalidURI, "The path %q has a %% that is followed by no two hex digits.", quoted(path))
	}
	if err := checkBucket(bucket); err != nil {
		return Address{}, err
	}
	if err := checkKey(key); err != nil {
		return Address{}, err
	}
	return Address{Bucket: bucket, Key: key}, nil
}

// checkBucket accepts what storages have called buckets at any time: letters
// in both cases, digits, dots, hyphens and underscores, beginning with a
// letter or digit. Names that begin otherwise are the storages' own
// (.minio.sys, _localstack).
func checkBucket(bucket string) error {
	ok := minBucket <= len(bucket) && len(bucket) <= maxBucket && isAlphanumeric(bucket[0])
	for i := 0; ok && i < len(bucket); i++ {
		ok = isAlphanumeric(bucket[i]) || bucket[i] == '-' || bucket[i] == '.' || bucket[i] == '_'
	}
	if !ok || strings.Contains(bucket, "..") {
		return sigv4.Faultf(ErrInvalidBucketName, "%q is no name of a bucket: 3 to 63 letters, digits, dots, hyphens and underscores are.", quoted(bucket))
	}
	if isReserved(bucket) {
		return sigv4.Faultf(ErrReserved, "The bucket %q is reserved for the storage itself.", bucket)
	}
	return nil
}

// isReserved looks a bucket that is well formed up between the spaces of
// reservedBuckets, in any case.
func isReserved(bucket string) bool {
	var space [1 + maxBucket + 1]byte
	word := append(space[:0], ' ')
	for i := range len(bucket) {
		c := bucket[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		word = append(word, c)
	}
	word = append(word, ' ')
	return strings.Contains(reservedBuckets, string(word))
}

// checkKey accepts the keys that every storage reads alike. The empty key
// passes.
func checkKey(key string) error {
	if len(key) > MaxKey {
		return sigv4.Faultf(ErrKeyTooLong, "The key has %d bytes, at most %d are possible.", len(key), MaxKey)
	}
	if !isText(key) {
		return sigv4.Faultf(ErrInvalidURI, "The key %q has control characters or is no UTF-8.", quoted(key))
	}
	if hasDotSegment(key) {
		return sigv4.Faultf(ErrInvalidURI, "The key %q has a segment . or .., which storages resolve differently.", quoted(key))
	}
	return nil
}

// hasDotSegment reports whether a path has a segment . or .. between slashes
// or backslashes.
func hasDotSegment(path string) bool {
	if path == "" || path[0] != '.' && !strings.Contains(path, "/.") && !strings.Contains(path, `\.`) {
		return false
	}
	start := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' && path[i] != '\\' {
			continue
		}
		if segment := path[start:i]; segment == "." || segment == ".." {
			return true
		}
		start = i + 1
	}
	return false
}

// isText reports whether s is UTF-8 without control characters.
func isText(s string) bool {
	beyond := byte(0)
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
		beyond |= s[i]
	}
	return beyond < utf8.RuneSelf || utf8.ValidString(s)
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// decode decodes percent escapes once and reports whether all are well formed.
// A plus is a plus.
func decode(raw string) (string, bool) {
	if strings.IndexByte(raw, '%') < 0 {
		return raw, true
	}
	plain := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if !isEscape(raw[i:]) {
				return "", false
			}
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		plain = append(plain, c)
	}
	return string(plain), true
}

// isEscape reports whether s begins with % and two hex digits.
func isEscape(s string) bool {
	return len(s) > 2 && s[0] == '%' && unhex(s[1]) < 16 && unhex(s[2]) < 16
}

// unhex returns the value of a hex digit, or 16 for what is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return (c | 0x20 - 'a') + 10
	default:
		return 16
	}
}
