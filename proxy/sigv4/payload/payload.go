// Package payload reads and writes the bodies of S3 requests that prove
// themselves: by a digest of the whole, by checksums, or by a chain of
// signatures over chunks (the content encoding aws-chunked). Everything is
// verified while it streams and nothing is held whole.
//
// The readers share one promise: the last byte of a body comes out only after
// all that proves the body has been read and was right. What a reader gave out
// before it failed is therefore at most an incomplete body, and whoever
// forwards it with its exact Content-Length cannot make a complete object of a
// bad one. A body of length 0 has no byte to hold back; see CheckEmpty. Errors
// are sticky, and a Read that fails gives out no byte.
//
// Sources of the rules:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html,
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html,
// and for the codes
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
package payload

import "errors"

// Kinds of faults. Test with errors.Is; each names the S3 error code and the
// HTTP status that AWS gives it.
var (
	// ErrIncomplete: the body ended before its announced length.
	// IncompleteBody, 400.
	ErrIncomplete = errors.New("incomplete body")
	// ErrTooLarge: the body goes on after its announced length.
	// EntityTooLarge, 400.
	ErrTooLarge = errors.New("body longer than announced")
	// ErrDigest: the SHA-256 of the body is not the one that was signed.
	// XAmzContentSHA256Mismatch, 400.
	ErrDigest = errors.New("content digest mismatch")
	// ErrChecksum: a checksum of the body is not the one that was sent.
	// BadDigest, 400.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrChecksumValue: a checksum cannot be read, or is of no known
	// algorithm. InvalidRequest, 400.
	ErrChecksumValue = errors.New("invalid checksum")
	// ErrChunk: the framing of the chunks is malformed. S3 itself answers
	// IncompleteBody, 400.
	ErrChunk = errors.New("malformed chunk")
	// ErrChunkSize: a signed chunk is too big. InvalidChunkSizeError, 403.
	ErrChunkSize = errors.New("invalid chunk size")
	// ErrChunkSignature: the signature of a chunk or of the trailer is wrong.
	// SignatureDoesNotMatch, 403.
	ErrChunkSignature = errors.New("chunk signature mismatch")
	// ErrTrailer: the trailer is malformed, or is not the one announced in
	// x-amz-trailer. MalformedTrailerError, 400.
	ErrTrailer = errors.New("malformed trailer")
)

// Faults of the caller, not of the client.
var (
	errNoSource      = errors.New("payload: no source")
	errLength        = errors.New("payload: negative length")
	errChain         = errors.New("payload: incomplete chain")
	errAlgorithm     = errors.New("payload: unknown checksum algorithm")
	errTrailerValues = errors.New("payload: trailer values are not those of its algorithms")
	errClosed        = errors.New("payload: read after close")
	errConcurrent    = errors.New("payload: concurrent reads")
)
