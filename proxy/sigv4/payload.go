package sigv4

import (
	"encoding/hex"
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

// Names of headers as net/http has them.
const (
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
func (s *Signature) readPayload(value string) error {
	s.payload = value
	if s.Payload = s.payloadOf(value); s.Payload == NoPayloadMode {
		if strings.HasPrefix(value, "STREAMING-AWS4-ECDSA") {
			return version4A(value)
		}
		return Faultf(ErrInvalidArgument, "x-amz-content-sha256 must be %s, %s, %s, %s or a valid sha256 value.",
			ValueUnsigned, ValueSignedChunks, ValueSignedChunksTrailer, ValueUnsignedChunksTrailer)
	}
	if err := s.readTrailers(); err != nil {
		return err
	}
	if !s.Payload.Streams() {
		return nil
	}
	return s.readDecodedLength()
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
	if len(value) != 2*len(s.Digest) {
		return NoPayloadMode
	}
	if _, err := hex.Decode(s.Digest[:], []byte(value)); err != nil {
		return NoPayloadMode
	}
	return Digest
}

// readDecodedLength reads how long the body is without its chunks' heads.
func (s *Signature) readDecodedLength() error {
	value, given := s.view.header(headerDecodedLength)
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
func (s *Signature) readTrailers() error {
	value, given := s.view.header(headerTrailer)
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
