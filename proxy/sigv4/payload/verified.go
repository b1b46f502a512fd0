package payload

import (
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"io"

	"tollgate/proxy/sigv4"
)

// Expect is what a body has to be. The zero Expect is that of the empty body.
type Expect struct {
	Length    int64              // exact, in bytes; negative refuses every body
	SHA256    *[sha256.Size]byte // x-amz-content-sha256; nil = not known
	Checksums []Checksum         // of the x-amz-checksum-* headers
}

// NewVerified returns a reader that gives out the body src gives, and its last
// byte only once src has ended and the length, the digest and all checksums are
// right. Otherwise it fails with ErrIncomplete, ErrTooLarge, ErrDigest or
// ErrChecksum, or with the error of src, wrapped. It reads straight into the
// caller's buffer and needs no closing.
func NewVerified(src io.Reader, e Expect) io.Reader {
	v := &verified{feed: feed{src: src}, length: e.Length, left: e.Length}
	if e.Length < 0 {
		v.err = errLength
		return v
	}
	if e.SHA256 != nil {
		v.digest, v.want = sha256.New(), *e.SHA256
	}
	v.err = v.sums.demand(e.Checksums)
	return v
}

type verified struct {
	feed   feed
	length int64
	left   int64
	digest hash.Hash // nil = not asked for
	want   [sha256.Size]byte
	got    [sha256.Size]byte
	sums   sums
	err    error
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	if v.err != nil || len(p) == 0 {
		return 0, v.err
	}
	n, err := v.read(p)
	v.err = err
	if err != nil && err != io.EOF { //nolint:errorlint // only the plain io.EOF is an end
		clear(p[:n])
		n = 0
	}
	return n, err
}

func (v *verified) read(p []byte) (int, error) {
	if v.left == 0 {
		return 0, v.finish()
	}
	n, err := v.feed.read(p[:min(int64(len(p)), v.left)])
	if err != nil {
		return 0, broken(err, "You did not provide the number of bytes specified: got %d of %d.", v.length-v.left, v.length)
	}
	if v.digest != nil {
		_, _ = v.digest.Write(p[:n]) // a hash.Hash never fails
	}
	v.sums.write(p[:n])
	v.left -= int64(n)
	if v.left == 0 {
		err = v.finish()
	}
	return n, err
}

// finish returns io.EOF if the body has ended and is right.
func (v *verified) finish() error {
	if err := v.feed.ended(func() error { return tooLarge(v.length) }); err != nil {
		return err
	}
	if v.digest != nil && subtle.ConstantTimeCompare(v.digest.Sum(v.got[:0]), v.want[:]) != 1 {
		return sigv4.Faultf(ErrDigest, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if err := v.sums.check(); err != nil {
		return err
	}
	return io.EOF
}

func tooLarge(length int64) error {
	return sigv4.Faultf(ErrTooLarge, "The body is longer than the %d bytes that were announced.", length)
}

// CheckEmpty reads a body of length 0 to its end: nil if it gave no byte and
// ended well, ErrTooLarge if it gave one, else its error. A verified or decoded
// body of length 0 has no last byte that could be held back, so whoever
// forwards one has to call CheckEmpty first, or an empty object is made before
// the proof was looked at.
func CheckEmpty(r io.Reader) error {
	f := feed{src: r}
	return f.ended(func() error { return tooLarge(0) })
}
