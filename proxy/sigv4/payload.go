package sigv4

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
)

// Payload is what a signature says of the body. The zero Payload is nothing
// that could be accepted.
type Payload int

// The payloads. AWS: "Authenticating Requests: Using the Authorization
// Header", the values of x-amz-content-sha256.
const (
	NoPayloadMode         Payload = iota // unknown: refuse
	Digest                               // the SHA-256 of the body
	Unsigned                             // UNSIGNED-PAYLOAD, and all of Version 2
	SignedChunks                         // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	SignedChunksTrailer                  // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	UnsignedChunksTrailer                // STREAMING-UNSIGNED-PAYLOAD-TRAILER
)

// Values of x-amz-content-sha256 beside the digest of a body in hex. EmptyDigest
// is that of no body. AWS: "Authenticating Requests: Using the Authorization
// Header".
const (
	ValueUnsigned              = "UNSIGNED-PAYLOAD"
	ValueSignedChunks          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	ValueSignedChunksTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	ValueUnsignedChunksTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	EmptyDigest                = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// emptySum returns EmptyDigest.
func emptySum() [sha256.Size]byte {
	return [...]byte{
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
		0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
	}
}

// SignsNoBody reports whether the signature says that the body is empty, by
// its digest.
func (s *Signature) SignsNoBody() bool { return s.Payload == Digest && s.Digest == emptySum() }

// Names of headers as net/http has them.
const (
	headerDate          = "X-Amz-Date"
	headerSHA256        = "X-Amz-Content-Sha256"
	headerDecodedLength = "X-Amz-Decoded-Content-Length"
	headerTrailer       = "X-Amz-Trailer"
)

// maxTrailers bounds how many names x-amz-trailer has, and maxTrailer how
// long one is.
const (
	maxTrailers = 8
	maxTrailer  = 64
)

// Streams reports whether the body is encoded as aws-chunked.
func (p Payload) Streams() bool {
	return p == SignedChunks || p.HasTrailer()
}

// HasTrailer reports whether the body ends with a trailer.
func (p Payload) HasTrailer() bool {
	return p == SignedChunksTrailer || p == UnsignedChunksTrailer
}

// readPayload reads the value of x-amz-content-sha256, and what belongs to
// it: the decoded length and the names of the trailer.
func (s *Signature) readPayload(value string, in *arrival) error {
	s.payload = value
	if s.Payload = s.payloadOf(value); s.Payload == NoPayloadMode {
		if strings.HasPrefix(value, "STREAMING-AWS4-ECDSA") {
			return version4A(value)
		}
		return Faultf(ErrInvalidArgument, "x-amz-content-sha256 must be %s, %s, %s, %s or a valid sha256 value.",
			ValueUnsigned, ValueSignedChunks, ValueSignedChunksTrailer, ValueUnsignedChunksTrailer)
	}
	if err := s.readTrailers(in.trailer); err != nil {
		return err
	}
	if !s.Payload.Streams() {
		return nil
	}
	return s.readDecodedLength(in.decodedLength)
}

func (s *Signature) payloadOf(value string) Payload {
	switch value {
	case ValueUnsigned:
		return Unsigned
	case ValueSignedChunks:
		return SignedChunks
	case ValueSignedChunksTrailer:
		return SignedChunksTrailer
	case ValueUnsignedChunksTrailer:
		return UnsignedChunksTrailer
	}
	if value == EmptyDigest { // nearly all that have no body
		s.Digest = emptySum()
		return Digest
	}
	if !readHex(&s.Digest, value) {
		return NoPayloadMode
	}
	return Digest
}

// readDecodedLength reads how long the body is without its chunks' heads.
func (s *Signature) readDecodedLength(values []string) error {
	value, given := only(values)
	if !given {
		return Faultf(ErrMissingLength, "You must provide the x-amz-decoded-content-length HTTP header.")
	}
	length, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return Faultf(ErrInvalidArgument, "x-amz-decoded-content-length must be a number of bytes; it is %s.", quoted(value))
	}
	s.DecodedLength = int64(length)
	return nil
}

// readTrailers reads x-amz-trailer. It may be there only if the payload has a
// trailer: it need not be signed, and must not change how a body is read.
func (s *Signature) readTrailers(values []string) error {
	value, given := only(values)
	if !given {
		return nil
	}
	if !s.Payload.HasTrailer() {
		return Faultf(ErrInvalidArgument, "x-amz-trailer is accepted only with x-amz-content-sha256 %s or %s.", ValueSignedChunksTrailer, ValueUnsignedChunksTrailer)
	}
	if strings.Count(value, ",") >= maxTrailers {
		return Faultf(ErrInvalidArgument, "x-amz-trailer has more than %d names.", maxTrailers)
	}
	for name := range strings.SplitSeq(value, ",") {
		name = strings.ToLower(strings.Trim(name, " \t"))
		if !isHeaderName(name) || len(name) > maxTrailer || slices.Contains(s.Trailers, name) {
			return Faultf(ErrInvalidArgument, "x-amz-trailer has %s, where names of headers are accepted, each once.", quoted(name))
		}
		s.Trailers = append(s.Trailers, name)
	}
	return nil
}
