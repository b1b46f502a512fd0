package payload

import (
	"encoding/base64"
	"io"
	"slices"
	"strconv"
)

// encodedChunk is the size of every chunk but the last, in bytes: what AWS's
// examples and most SDKs send.
const encodedChunk = 64 << 10

// Encode says how a body is written as aws-chunked. The zero Encode writes the
// empty body, unsigned and without a trailer.
type Encode struct {
	Length int64  // of the body, in bytes; negative refuses
	Chain  *Chain // nil = unsigned chunks

	// TrailerAlgorithms are those of the trailer, in the order in which it is
	// written; none = no trailer. Trailer is asked for their checksums once,
	// when src has ended; it may not be nil if there are any.
	TrailerAlgorithms []Algorithm
	Trailer           func() []Checksum
}

// Encoder is a reader that gives out a body as aws-chunked, EncodedLength bytes
// in all. If the source fails, is shorter or is longer than said, so does the
// Encoder fail, and what it gave out is incomplete. With unsigned chunks it
// reads straight into the caller's buffer; signed ones need one buffer of
// 64 KiB, because the signature goes before the data.
type Encoder struct {
	feed      feed
	enc       Encode
	signer    *signer
	lease     lease
	scratch   []byte // frame was built in it
	frame     []byte // framing that is due
	ready     []byte // data of the open chunk that is due, in lease's buffer; only if signed
	left      int64  // of the body, not yet in a chunk
	chunkLeft int64  // of the open chunk, not yet given out
	finished  bool   // the last chunk and the trailer are in frame
	err       error
}

// NewEncoder returns an Encoder of what src gives. What is wrong with e is the
// error of every Read. Close it.
func NewEncoder(src io.Reader, e Encode) *Encoder {
	w := &Encoder{feed: feed{src: src}, enc: e, left: e.Length}
	w.enc.TrailerAlgorithms = slices.Clone(e.TrailerAlgorithms)
	if w.err = e.validate(); w.err != nil {
		return w
	}
	w.signer, w.err = newSigner(e.Chain)
	w.scratch = make([]byte, 0, 256)
	return w
}

func (e Encode) validate() error {
	if e.Length < 0 {
		return errLength
	}
	for i, a := range e.TrailerAlgorithms {
		if a.Size() == 0 || slices.Contains(e.TrailerAlgorithms[:i], a) {
			return errAlgorithm
		}
	}
	if len(e.TrailerAlgorithms) > 0 && e.Trailer == nil {
		return errTrailerValues
	}
	return nil
}

// EncodedLength returns the exact Content-Length of what an Encoder gives out,
// in bytes; -1 if e is one that it refuses, or if the body is longer than 2^62
// bytes, whose encoded length might not be an int64.
func EncodedLength(e Encode) int64 {
	if e.validate() != nil || e.Length > 1<<62 {
		return -1
	}
	line := int64(len(crlf)) // without the size
	if e.Chain != nil {
		line += int64(len(signaturePart) + signatureLength)
	}
	whole, rest := e.Length/encodedChunk, e.Length%encodedChunk
	total := e.Length + whole*(hexLength(encodedChunk)+line+int64(len(crlf)))
	if rest > 0 {
		total += hexLength(rest) + line + int64(len(crlf))
	}
	return total + hexLength(0) + line + e.trailerLength() + int64(len(crlf))
}

func (e Encode) trailerLength() (n int64) {
	for _, a := range e.TrailerAlgorithms {
		n += int64(len(a.Header()) + len(":") + base64.StdEncoding.EncodedLen(a.Size()) + len(crlf))
	}
	if n > 0 && e.Chain != nil {
		n += int64(len(trailerSignature) + len(":") + signatureLength + len(crlf))
	}
	return n
}

func hexLength(n int64) int64 { return int64(len(strconv.FormatInt(n, 16))) }

// Close gives the buffer back. Every Read after it fails, and one under way in
// another goroutine goes on undisturbed; Close does not wait for it. It does
// not close the source. Further calls do nothing.
func (w *Encoder) Close() error {
	w.lease.close()
	return nil
}

// Read implements io.Reader.
func (w *Encoder) Read(p []byte) (int, error) {
	if err := w.lease.begin(); err != nil {
		return 0, err
	}
	if w.err != nil || len(p) == 0 {
		w.lease.end(w.err)
		return 0, w.err
	}
	n, err := w.read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // only the plain io.EOF is an end
		clear(p[:n])
		n = 0
	}
	w.err = err
	w.lease.end(err)
	return n, err
}

func (w *Encoder) read(p []byte) (n int, err error) {
	for n < len(p) {
		switch {
		case len(w.frame) > 0:
			m := copy(p[n:], w.frame)
			w.frame = w.frame[m:]
			n += m
		case w.chunkLeft > 0:
			m, err := w.data(p[n:])
			n += m
			if err != nil || w.signer == nil {
				return n, err
			}
		case w.finished:
			return n, io.EOF
		case n > 0: // the next chunk may have to be waited for
			return n, nil
		default:
			if err := w.openChunk(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// data gives out of the open chunk.
func (w *Encoder) data(p []byte) (n int, err error) {
	if w.signer != nil {
		n = copy(p, w.ready)
		w.ready = w.ready[n:]
	} else if n, err = w.feed.read(p[:min(int64(len(p)), w.chunkLeft)]); err != nil {
		return 0, w.short(err)
	}
	w.chunkLeft -= int64(n)
	return n, nil
}

// short says that the source failed before its length.
func (w *Encoder) short(err error) error {
	return broken(err, "The body ended before its %d bytes.", w.enc.Length)
}

// openChunk puts the line of the next chunk into the frame, or the end of the
// body.
func (w *Encoder) openChunk() error {
	frame := w.scratch[:0]
	if w.left < w.enc.Length {
		frame = append(frame, crlf...) // the end of the chunk before
	}
	size := min(w.left, encodedChunk)
	if size == 0 {
		if err := w.feed.ended(func() error { return tooLarge(w.enc.Length) }); err != nil {
			return err
		}
	}
	frame = strconv.AppendInt(frame, size, 16)
	if w.signer != nil {
		if err := w.fetch(size); err != nil {
			return err
		}
		frame = append(frame, signaturePart...)
		frame = append(frame, w.signer.sign()...)
	}
	frame = append(frame, crlf...)
	if size == 0 {
		var err error
		if frame, err = w.appendTrailer(frame); err != nil {
			return err
		}
		w.finished = true
	}
	w.scratch, w.frame = frame, frame
	w.left, w.chunkLeft = w.left-size, size
	return nil
}

// fetch reads the data of a chunk whole, to be signed.
func (w *Encoder) fetch(size int64) error {
	if size == 0 {
		return nil
	}
	w.ready = w.lease.buffer()[:size]
	for got := int64(0); got < size; {
		n, err := w.feed.read(w.ready[got:])
		if err != nil {
			return w.short(err)
		}
		got += int64(n)
	}
	w.signer.write(w.ready)
	return nil
}

// appendTrailer appends all after the line of the last chunk.
func (w *Encoder) appendTrailer(frame []byte) ([]byte, error) {
	if len(w.enc.TrailerAlgorithms) == 0 {
		return append(frame, crlf...), nil
	}
	trailer, err := w.trailer()
	if err != nil {
		return nil, err
	}
	for _, c := range trailer {
		frame = append(c.appendLine(frame), crlf...)
	}
	if w.signer != nil {
		frame = append(frame, trailerSignature+":"...)
		frame = append(frame, w.signer.signTrailer(canonicalTrailer(trailer))...)
		frame = append(frame, crlf...)
	}
	return append(frame, crlf...), nil
}

// trailer asks for the checksums and puts them into order.
func (w *Encoder) trailer() ([]Checksum, error) {
	got := w.enc.Trailer()
	if len(got) != len(w.enc.TrailerAlgorithms) {
		return nil, errTrailerValues
	}
	ordered := make([]Checksum, 0, len(got))
	for _, a := range w.enc.TrailerAlgorithms {
		i := slices.IndexFunc(got, func(c Checksum) bool { return c.Algorithm == a })
		if i < 0 || len(got[i].Value) != a.Size() {
			return nil, errTrailerValues
		}
		ordered = append(ordered, got[i])
	}
	return ordered, nil
}
