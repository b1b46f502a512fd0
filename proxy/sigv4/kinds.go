package sigv4

import "errors"

// The kinds of refusals, for errors.Is. Beside each stand the error code and
// the HTTP status that S3 answers with (AWS: Amazon S3 API Reference, Error
// Responses).
var (
	// ErrNoSignature: the request carries no signature. AccessDenied, 403.
	ErrNoSignature = errors.New("no signature")
	// ErrMechanisms: the request authenticates in more than one way.
	// InvalidArgument, 400.
	ErrMechanisms = errors.New("more than one authentication mechanism")
	// ErrInvalidArgument: a header or argument is there twice or has a value
	// that is not known. InvalidArgument, 400.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrURI: the path or the query has a malformed percent escape.
	// InvalidURI, 400.
	ErrURI = errors.New("malformed escape in the request target")
	// ErrHeaderMalformed: the Authorization header cannot be read, or its
	// scope is not for S3. AuthorizationHeaderMalformed, 400.
	ErrHeaderMalformed = errors.New("malformed Authorization header")
	// ErrQueryMalformed: the same of query authentication.
	// AuthorizationQueryParametersError, 400.
	ErrQueryMalformed = errors.New("malformed query authentication")
	// ErrRegion: the scope names another region.
	// AuthorizationHeaderMalformed with the element Region, 400, for
	// InHeader; AuthorizationQueryParametersError, 400, for InQuery.
	ErrRegion = errors.New("wrong region in the credential scope")
	// ErrVersion2: Signature Version 2 where it is not accepted.
	// InvalidRequest, 400.
	ErrVersion2 = errors.New("signature version 2 is not accepted")
	// ErrVersion4A: Signature Version 4A (ECDSA), which needs public keys
	// that a shared secret does not give. InvalidRequest, 400.
	ErrVersion4A = errors.New("signature version 4A is not accepted")
	// ErrSecurityToken: a session token, of which none is issued.
	// InvalidToken, 400.
	ErrSecurityToken = errors.New("security token")
	// ErrMissingHeader: a header that S3 requires is missing.
	// InvalidRequest, 400.
	ErrMissingHeader = errors.New("missing header")
	// ErrMissingDate: neither X-Amz-Date nor Date, or one that cannot be
	// read. AccessDenied, 403.
	ErrMissingDate = errors.New("no valid date")
	// ErrMissingLength: a streamed body without its decoded length.
	// MissingContentLength, 411.
	ErrMissingLength = errors.New("missing decoded length")
	// ErrHeadersNotSigned: a header arrived that had to be signed and was
	// not. AccessDenied, 403.
	ErrHeadersNotSigned = errors.New("header not signed")
	// ErrSignedHeaderAbsent: a header was signed and did not arrive.
	// SignatureDoesNotMatch, 403.
	ErrSignedHeaderAbsent = errors.New("signed header absent")
	// ErrSkewed: the date is too far from now. RequestTimeTooSkewed, 403.
	ErrSkewed = errors.New("request time too skewed")
	// ErrExpired: the presigned request is expired or not yet valid.
	// AccessDenied, 403.
	ErrExpired = errors.New("request outside its time of validity")
	// ErrMismatch: the signature is not that of the request.
	// SignatureDoesNotMatch, 403.
	ErrMismatch = errors.New("signature does not match")
)

// Version2Refused is the refusal for callers that do not accept Signature
// Version 2. It names the settings by which common clients change over.
func Version2Refused() error {
	return Faultf(ErrVersion2, "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256 (Signature Version 4): "+
		"boto3 Config(signature_version='s3v4'), aws configure set default.s3.signature_version s3v4, s3cmd without --signature-v2.")
}

func mismatch() error {
	return Faultf(ErrMismatch, "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
}
