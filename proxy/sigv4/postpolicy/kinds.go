package postpolicy

import "errors"

// The kinds of refusals. Code and status are those of AWS's list of error
// responses (API/ErrorResponses.html); where S3 is known to answer otherwise
// than the list says, the answer on the wire counts.
var (
	// ErrNotMultipart is PreconditionFailed, 412: the Content-Type of the
	// request is not multipart/form-data.
	ErrNotMultipart = errors.New("not a multipart form")
	// ErrMalformed is MalformedPOSTRequest, 400: the body is not well-formed
	// multipart/form-data, or could be read in more than one way.
	ErrMalformed = errors.New("malformed form")
	// ErrTooLong is MaxPostPreDataLengthExceededError, 400: what precedes the
	// file is longer than 20 KiB.
	ErrTooLong = errors.New("form fields too long")
	// ErrFileCount is IncorrectNumberOfFilesInPostRequest, 400: the form has no
	// field named file.
	ErrFileCount = errors.New("not exactly one file")
	// ErrMissingField is InvalidArgument, 400: a field that a signed form needs
	// is missing, or comes after the file.
	ErrMissingField = errors.New("missing form field")
	// ErrArgument is InvalidArgument, 400: a field of the signature is
	// malformed, or names another algorithm, service or day.
	ErrArgument = errors.New("invalid form field")
	// ErrRegion is InvalidArgument, 400: the form is signed for another region.
	// Its sentence names the one that is expected.
	ErrRegion = errors.New("signed for another region")
	// ErrSecurityToken is InvalidToken, 400: the form carries a session token,
	// of which the gateway issues none.
	ErrSecurityToken = errors.New("unknown session token")
	// ErrPolicyDocument is InvalidPolicyDocument, 400: the policy is no base64,
	// no JSON, or holds something that is not known.
	ErrPolicyDocument = errors.New("invalid policy document")
	// ErrUnsigned is AccessDenied, 403: no field of a signature is there.
	ErrUnsigned = errors.New("form is not signed")
	// ErrPolicy is AccessDenied, 403: the policy has expired, one of its
	// conditions is not met, or a field is not covered by any.
	ErrPolicy = errors.New("policy not met")
	// ErrMismatch is SignatureDoesNotMatch, 403.
	ErrMismatch = errors.New("signature does not match")
	// ErrTooLarge is EntityTooLarge, 400: the file is longer than the policy's
	// content-length-range allows.
	ErrTooLarge = errors.New("file too large")
	// ErrTooSmall is EntityTooSmall, 400: the file is shorter than the policy's
	// content-length-range allows.
	ErrTooSmall = errors.New("file too small")
	// ErrIncomplete is IncompleteBody, 400: the body ended or broke off before
	// the form did.
	ErrIncomplete = errors.New("incomplete form")
	// ErrMissingLength is MissingContentLength, 411: the request does not say
	// how long its body is.
	ErrMissingLength = errors.New("missing length")
	// ErrMisuse is InternalError, 500: the gateway itself asked for something
	// out of order, such as the file of a form that was not verified.
	ErrMisuse = errors.New("form used out of order")
)
