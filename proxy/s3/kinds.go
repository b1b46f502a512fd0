// Package s3 says what a request to S3 asks for: the address, the operation,
// every bucket and object that the request names with the rights that are
// needed on each, and what the XML documents of requests and answers hold that
// bears on the decision. It decides nothing itself, keeps no state and reads
// nothing but what it is given.
//
// All of it follows one rule: what two storages could read differently, and
// what is not known here, is refused. The gateway signs what it lets pass with
// the key of the storage, so that a request which the storage reads otherwise
// would be done with all rights.
package s3

import "errors"

// The kinds of refusals. Test with errors.Is.
var (
	// ErrInvalidURI: the path cannot be read in one way alone.
	// InvalidURI, 400.
	ErrInvalidURI = errors.New("path cannot be read")
	// ErrInvalidBucketName: no bucket can be called so.
	// InvalidBucketName, 400.
	ErrInvalidBucketName = errors.New("no name of a bucket")
	// ErrKeyTooLong: a key has more than MaxKey bytes. KeyTooLongError, 400.
	ErrKeyTooLong = errors.New("key is too long")
	// ErrReserved: storages administer themselves under this name.
	// AccessDenied, 403.
	ErrReserved = errors.New("bucket is reserved")
	// ErrUnknownOperation: the operation, or an argument or header that
	// changes it, is not in the table. AccessDenied, 403.
	ErrUnknownOperation = errors.New("operation is not known")
	// ErrInvalidArgument: an argument of the query or a header is malformed or
	// there twice. InvalidArgument, 400.
	ErrInvalidArgument = errors.New("argument cannot be read")
	// ErrCopySource: x-amz-copy-source cannot be read in one way alone.
	// InvalidArgument, 400.
	ErrCopySource = errors.New("copy source cannot be read")
	// ErrMalformedXML: a document is not the XML that is expected, or exceeds
	// the number of entries. MalformedXML, 400.
	ErrMalformedXML = errors.New("document cannot be read")
	// ErrDocumentTooLarge: a document has more than MaxDocument bytes.
	// MaxMessageLengthExceeded, 400.
	ErrDocumentTooLarge = errors.New("document is too large")
	// ErrMalformedAnswer: the storage's answer is not what was asked for, so
	// that nothing of it may be shown. InternalError, 500.
	ErrMalformedAnswer = errors.New("answer of the storage cannot be read")
)

// quotedLength is how many bytes of what a client sent come back in a message.
const quotedLength = 80

// quoted shortens what a client sent for use with %q.
func quoted(s string) string {
	if len(s) > quotedLength {
		return s[:quotedLength] + "…"
	}
	return s
}
