package payload

import (
	"io"
	"slices"

	"tollgate/proxy/sigv4"
)

// maxSignedChunk bounds a signed chunk, in bytes. S3 demands 8 KiB for all but
// the last and names no upper bound; clients send 64 KiB to 1 MiB. Memory does
// not depend on it: the bound keeps small what is given out before its
// signature was seen. Unsigned chunks are bounded by the length of the body
// alone, because the AWS SDK for Go sends any body as one chunk.
const maxSignedChunk = 16 << 20

// Decode says what an aws-chunked body has to be. The zero Decode admits
// nothing but an empty body.
type Decode struct {
	Length    int64      // x-amz-decoded-content-length, in bytes; negative refuses every body
	Chain     *Chain     // nil = unsigned chunks: only checksums prove the body
	Trailers  []string   // names in x-amz-trailer, in any case; none = no trailer may come
	Checksums []Checksum // of the x-amz-checksum-* headers
}

// Decoder is a reader that gives out the data of an aws-chunked body: its last
// byte only once the framing, every signature, the trailer and all checksums
// were right and the source has ended. A Decoder holds one buffer of about 4 KiB
// and needs no closing. It is for one goroutine at a time.
//
// It takes exactly the layouts that S3 documents and that clients send. The
// trailer's lines end with CRLF; minio-go alone ends each with LF and puts one
// CRLF after the last, which is accepted as well.
type Decoder struct {
	in        framing
	length    int64
	left      int64 // of the body
	chunkLeft int64
	opened    bool // the data of a chunk came, so that CRLF is due
	signer    *signer
	signature [signatureLength]byte // of the open chunk, as sent
	announced []Algorithm           // of the trailer
	trailer   []Checksum
	sums      sums
	err       error
}

// NewDecoder returns a Decoder of what src gives. What is wrong with c is the
// error of every Read: ErrTrailer if a trailer is announced twice or carries
// no checksum of a known algorithm.
//
// Read fails with ErrIncomplete, ErrTooLarge, ErrChunk, ErrChunkSize,
// ErrChunkSignature, ErrTrailer, ErrChecksumValue or ErrChecksum, or with the
// error of src, wrapped.
func NewDecoder(src io.Reader, c Decode) *Decoder {
	d := &Decoder{length: c.Length, left: c.Length}
	d.in.feed.src = src
	d.err = d.setUp(c)
	return d
}

func (d *Decoder) setUp(c Decode) (err error) {
	if c.Length < 0 {
		return errLength
	}
	if d.signer, err = newSigner(c.Chain); err != nil {
		return err
	}
	for _, name := range c.Trailers {
		a, ok := ByHeader(name)
		if !ok {
			return sigv4.Faultf(ErrTrailer, "x-amz-trailer announces %.64q; only x-amz-checksum-* of a supported algorithm is accepted.", name)
		}
		if slices.Contains(d.announced, a) {
			return sigv4.Faultf(ErrTrailer, "x-amz-trailer announces %s twice.", a.Header())
		}
		d.announced = append(d.announced, a)
		if err := d.sums.run(a); err != nil {
			return err
		}
	}
	return d.sums.demand(c.Checksums)
}

// Trailer returns the checksums of the trailer as they were sent, all of them
// right. Before Read has returned io.EOF there are none.
func (d *Decoder) Trailer() []Checksum {
	if d.err != io.EOF { //nolint:errorlint // only the plain io.EOF is an end
		return nil
	}
	return d.trailer
}

// Read implements io.Reader.
func (d *Decoder) Read(p []byte) (int, error) {
	if d.err != nil || len(p) == 0 {
		return 0, d.err
	}
	n, err := d.read(p)
	d.err = err
	if err != nil && err != io.EOF { //nolint:errorlint // only the plain io.EOF is an end
		clear(p[:n])
		n = 0
	}
	return n, err
}

// read fills p, but waits for nothing while it has bytes to give, except for
// what proves the last one.
func (d *Decoder) read(p []byte) (n int, err error) {
	for d.left > 0 {
		if d.chunkLeft == 0 {
			if err := d.openChunk(); err != nil {
				return n, err
			}
		}
		m, err := d.data(p[n:])
		n += m
		if err != nil {
			return n, err
		}
		if d.left > 0 && (n == len(p) || d.in.buffered() < len(crlf)+maxChunkLine) {
			return n, nil
		}
	}
	return n, d.finish()
}

// data reads from the open chunk, and checks its signature at the end.
func (d *Decoder) data(p []byte) (int, error) {
	n, err := d.in.data(p[:min(int64(len(p)), d.chunkLeft)])
	if err != nil {
		return 0, broken(err, "You did not provide the number of bytes specified: got %d of %d.", d.length-d.left, d.length)
	}
	d.sums.write(p[:n])
	if d.signer != nil {
		d.signer.write(p[:n])
	}
	d.left -= int64(n)
	if d.chunkLeft -= int64(n); d.chunkLeft == 0 {
		err = d.checkSignature()
	}
	return n, err
}

// finish reads what follows the data: io.EOF if all is right.
func (d *Decoder) finish() error {
	if err := d.openChunk(); err != nil {
		return err
	}
	if err := d.checkSignature(); err != nil {
		return err
	}
	if err := d.readTrailer(); err != nil {
		return err
	}
	if err := d.in.ended(pastEnd); err != nil {
		return err
	}
	if err := d.sums.check(); err != nil {
		return err
	}
	return io.EOF
}

// openChunk reads up to the data of the next chunk, which has data exactly if
// the body does.
func (d *Decoder) openChunk() error {
	if d.opened {
		if err := d.in.end(); err != nil {
			return err
		}
	}
	line, bare, err := d.in.line(ErrChunk, maxChunkLine)
	if err != nil {
		return err
	}
	if bare {
		return sigv4.Faultf(ErrChunk, "The line before a chunk does not end with CRLF.")
	}
	size, signature, err := parseChunkLine(line)
	if err != nil {
		return err
	}
	if err := d.admit(size, signature); err != nil {
		return err
	}
	d.opened, d.chunkLeft = true, size
	copy(d.signature[:], signature)
	return nil
}

// admit judges the line before a chunk. A negative size is beyond all bounds.
func (d *Decoder) admit(size int64, signature []byte) error {
	if err := d.admitForm(size, signature); err != nil {
		return err
	}
	switch {
	case size < 0 || size > d.left:
		return tooLarge(d.length)
	case size == 0 && d.left > 0:
		return sigv4.Faultf(ErrIncomplete, "You did not provide the number of bytes specified: got %d of %d.", d.length-d.left, d.length)
	default:
		return nil
	}
}

// admitForm judges what differs between signed and unsigned chunks.
func (d *Decoder) admitForm(size int64, signature []byte) error {
	switch signed := d.signer != nil; {
	case signed && signature == nil:
		return sigv4.Faultf(ErrChunk, "A chunk has no chunk-signature.")
	case !signed && signature != nil:
		return sigv4.Faultf(ErrChunk, "A chunk of an unsigned payload has a chunk-signature.")
	case signed && (size < 0 || size > maxSignedChunk):
		return sigv4.Faultf(ErrChunkSize, "A signed chunk is larger than %d bytes.", maxSignedChunk)
	default:
		return nil
	}
}

// checkSignature compares the signature of the chunk that was read.
func (d *Decoder) checkSignature() error {
	if d.signer == nil || sameSignature(d.signer.sign(), d.signature[:]) {
		return nil
	}
	return sigv4.Faultf(ErrChunkSignature, "The signature we calculated for a chunk does not match the signature you provided.")
}

// pastEnd is the refusal of what follows a body.
func pastEnd() error { return sigv4.Faultf(ErrTrailer, "The body goes on after its end.") }
