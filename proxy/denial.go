package proxy

import (
	"context"
	"net/http"

	"tollgate/proxy/caller"
	"tollgate/proxy/s3"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/payload"
	"tollgate/proxy/sigv4/postpolicy"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// A denial is how a request ends that is not served. The reason is for log
// and metric; the client learns the status and what its code says, which
// does not tell an unknown credential from an ended one.
type denial struct {
	err    error
	reason string
	status int
	code   string // stable, for programs
	s3     string // code of S3's error answers
}

const (
	codeUnauthenticated = "unauthenticated"
	codeForbidden       = "forbidden"
	codeBadRequest      = "bad_request"
	codeNotFound        = "not_found"
	codeUnavailable     = "unavailable"
	codeUpstream        = "upstream_failed"
	codeNotHere         = "revision_not_here"
)

// statusClientGone is what log and metric say of a request that ended without
// an answer, since the client did not wait or was cut. No answer carries it.
const statusClientGone = 499

// denials is the closed list of reasons, the more specific errors first.
var denials = [...]denial{
	{errCutShort, "cut", 0, "", ""},
	{ErrFraming, "conflicting_lengths", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{sigv4.ErrMechanisms, "ambiguous_credentials", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{sigv4.ErrVersion2, "signature_version", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{sigv4.ErrVersion4A, "signature_version", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{sigv4.ErrSecurityToken, "session_token", http.StatusBadRequest, codeBadRequest, "InvalidToken"},
	{sigv4.ErrHeaderMalformed, "malformed_signature", http.StatusBadRequest, codeBadRequest, "AuthorizationHeaderMalformed"},
	{sigv4.ErrQueryMalformed, "malformed_signature", http.StatusBadRequest, codeBadRequest, "AuthorizationQueryParametersError"},
	{sigv4.ErrInvalidArgument, "malformed_signature", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{sigv4.ErrMissingHeader, "malformed_signature", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{sigv4.ErrMissingDate, "malformed_signature", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{sigv4.ErrNoSignature, "malformed_signature", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{sigv4.ErrURI, "bad_target", http.StatusBadRequest, codeBadRequest, "InvalidURI"},
	{sigv4.ErrRegion, "wrong_region", http.StatusBadRequest, codeBadRequest, "AuthorizationHeaderMalformed"},
	{sigv4.ErrMissingLength, "length_required", http.StatusLengthRequired, codeBadRequest, "MissingContentLength"},
	{sigv4.ErrSkewed, "clock_skew", http.StatusForbidden, codeForbidden, "RequestTimeTooSkewed"},
	{sigv4.ErrExpired, "presigned_expired", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{sigv4.ErrHeadersNotSigned, "header_not_signed", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{sigv4.ErrSignedHeaderAbsent, "signature_mismatch", http.StatusForbidden, codeForbidden, "SignatureDoesNotMatch"},
	{sigv4.ErrMismatch, "signature_mismatch", http.StatusForbidden, codeForbidden, "SignatureDoesNotMatch"},
	{ErrUnsignedPayload, "payload_not_signed", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{postpolicy.ErrMismatch, "signature_mismatch", http.StatusForbidden, codeForbidden, "SignatureDoesNotMatch"},
	{postpolicy.ErrUnsigned, "no_credential", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{postpolicy.ErrPolicy, "form_policy", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{postpolicy.ErrPolicyDocument, "malformed_form", http.StatusBadRequest, codeBadRequest, "InvalidPolicyDocument"},
	{postpolicy.ErrSecurityToken, "session_token", http.StatusBadRequest, codeBadRequest, "InvalidToken"},
	{postpolicy.ErrRegion, "wrong_region", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{postpolicy.ErrArgument, "malformed_form", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{postpolicy.ErrMissingField, "malformed_form", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{postpolicy.ErrFileCount, "malformed_form", http.StatusBadRequest, codeBadRequest, "IncorrectNumberOfFilesInPostRequest"},
	{postpolicy.ErrTooLong, "malformed_form", http.StatusBadRequest, codeBadRequest, "MaxPostPreDataLengthExceededError"},
	{postpolicy.ErrMalformed, "malformed_form", http.StatusBadRequest, codeBadRequest, "MalformedPOSTRequest"},
	{postpolicy.ErrNotMultipart, "malformed_form", http.StatusPreconditionFailed, codeBadRequest, "PreconditionFailed"},
	{postpolicy.ErrTooLarge, "body_too_large", http.StatusBadRequest, codeBadRequest, "EntityTooLarge"},
	{postpolicy.ErrTooSmall, "body_too_small", http.StatusBadRequest, codeBadRequest, "EntityTooSmall"},
	{postpolicy.ErrMissingLength, "length_required", http.StatusLengthRequired, codeBadRequest, "MissingContentLength"},
	{ErrLengthRequired, "length_required", http.StatusLengthRequired, codeBadRequest, "MissingContentLength"},
	{ErrEncodedBody, "malformed_chunk", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{payload.ErrDigest, "digest_mismatch", http.StatusBadRequest, codeBadRequest, "XAmzContentSHA256Mismatch"},
	{payload.ErrChecksum, "checksum_mismatch", http.StatusBadRequest, codeBadRequest, "BadDigest"},
	{payload.ErrChecksumValue, "malformed_checksum", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{payload.ErrChunkSignature, "chunk_signature_mismatch", http.StatusForbidden, codeForbidden, "SignatureDoesNotMatch"},
	{payload.ErrChunkSize, "malformed_chunk", http.StatusForbidden, codeForbidden, "InvalidChunkSizeError"},
	{payload.ErrChunk, "malformed_chunk", http.StatusBadRequest, codeBadRequest, "IncompleteBody"},
	{payload.ErrTrailer, "malformed_trailer", http.StatusBadRequest, codeBadRequest, "MalformedTrailerError"},
	{payload.ErrTooLarge, "body_too_large", http.StatusBadRequest, codeBadRequest, "EntityTooLarge"},
	{s3.ErrReserved, "reserved_bucket", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{s3.ErrUnknownOperation, "unknown_operation", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{s3.ErrInvalidURI, "ambiguous_path", http.StatusBadRequest, codeBadRequest, "InvalidURI"},
	{s3.ErrInvalidBucketName, "bad_bucket_name", http.StatusBadRequest, codeBadRequest, "InvalidBucketName"},
	{s3.ErrKeyTooLong, "bad_target", http.StatusBadRequest, codeBadRequest, "KeyTooLongError"},
	{s3.ErrCopySource, "bad_destination", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{s3.ErrInvalidArgument, "bad_argument", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{s3.ErrMalformedXML, "malformed_document", http.StatusBadRequest, codeBadRequest, "MalformedXML"},
	{s3.ErrDocumentTooLarge, "malformed_document", http.StatusBadRequest, codeBadRequest, "MaxMessageLengthExceeded"},
	{s3.ErrMalformedAnswer, "upstream_bad_answer", http.StatusBadGateway, codeUpstream, "InternalError"},
	{errUneditable, "upstream_bad_answer", http.StatusBadGateway, codeUpstream, "InternalError"},
	{ErrKeyRefused, "upstream_refused_key", http.StatusBadGateway, codeUpstream, "InternalError"},
	{ErrAmbiguousPath, "ambiguous_path", http.StatusBadRequest, codeBadRequest, "InvalidURI"},
	{ErrBadDestination, "bad_destination", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{ErrConnection, "bad_connection", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{ErrBadTarget, "bad_target", http.StatusBadRequest, codeBadRequest, "InvalidURI"},
	{caller.ErrAmbiguous, "ambiguous_credentials", http.StatusBadRequest, codeBadRequest, "InvalidArgument"},
	{ErrNoTenant, "no_tenant", http.StatusNotFound, codeNotFound, "NoSuchBucket"},
	{ErrNoRoute, "no_route", http.StatusNotFound, codeNotFound, "NoSuchBucket"},
	{tokens.ErrExpired, "expired", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrRevoked, "revoked", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrOwnerGone, "owner_gone", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrDisabled, "disabled", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrNotYet, "not_yet_valid", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrUsedUp, "used_up", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrChecksum, "token_checksum", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrUnknown, "unknown_token", http.StatusUnauthorized, codeUnauthenticated, "InvalidAccessKeyId"},
	{tokens.ErrSigningOnly, "signing_only", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{caller.ErrConflictingCookies, "conflicting_cookies", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{caller.ErrMalformed, "malformed_credential", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{accounts.ErrBadPassword, "bad_password", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{accounts.ErrBusy, "password_check_busy", http.StatusTooManyRequests, codeUnavailable, "SlowDown"},
	{tokens.ErrAnonymous, "no_credential", http.StatusUnauthorized, codeUnauthenticated, "AccessDenied"},
	{caller.ErrSignature, "signature_not_accepted", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{caller.ErrCrossSite, "cross_site", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrOtherTenant, "other_tenant", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrOutOfScope, "out_of_scope", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrPermission, "permission", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrResource, "resource", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrAddress, "address", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrAgent, "user_agent", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrType, "media_type", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{tokens.ErrSize, "size", http.StatusRequestEntityTooLarge, codeForbidden, "EntityTooLarge"},
	{tokens.ErrTag, "tag", http.StatusForbidden, codeForbidden, "AccessDenied"},
	{errOtherPart, "other_part", http.StatusBadRequest, codeBadRequest, "InvalidPart"},
	{errExists, "exists", http.StatusPreconditionFailed, codeForbidden, "PreconditionFailed"},
	{payload.ErrIncomplete, "broken_body", http.StatusBadRequest, codeBadRequest, "IncompleteBody"},
	{postpolicy.ErrIncomplete, "broken_body", http.StatusBadRequest, codeBadRequest, "IncompleteBody"},
	{ErrBrokenBody, "broken_body", http.StatusBadRequest, codeBadRequest, "IncompleteBody"},
	{upstream.ErrBadRequest, "bad_request", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{upstream.ErrClientGone, "client_gone", statusClientGone, "", ""},
	{upstream.ErrBrokenAnswer, "upstream_broken_answer", http.StatusBadGateway, codeUpstream, "ServiceUnavailable"},
	{upstream.ErrTimeout, "upstream_timeout", http.StatusGatewayTimeout, codeUpstream, "ServiceUnavailable"},
	{upstream.ErrBadAnswer, "upstream_bad_answer", http.StatusBadGateway, codeUpstream, "ServiceUnavailable"},
	{upstream.ErrUnreachable, "upstream_unreachable", http.StatusBadGateway, codeUpstream, "ServiceUnavailable"},
	{caller.ErrRevision, "bad_revision", http.StatusBadRequest, codeBadRequest, "InvalidRequest"},
	{caller.ErrNotHereYet, "revision_not_here", http.StatusPreconditionFailed, codeNotHere, "PreconditionFailed"},
	{tokens.ErrStale, "store_stale", http.StatusServiceUnavailable, codeUnavailable, "ServiceUnavailable"},
	{tokens.ErrEngine, "store_unavailable", http.StatusServiceUnavailable, codeUnavailable, "ServiceUnavailable"},
	{tokens.ErrStoreClosed, "store_unavailable", http.StatusServiceUnavailable, codeUnavailable, "ServiceUnavailable"},
	{context.Canceled, "client_gone", statusClientGone, "", ""},
}

// unknownDenial is for an error that nobody foresaw, a store that fails among
// them: refused, never passed.
var unknownDenial = denial{reason: "internal", status: http.StatusServiceUnavailable, code: codeUnavailable, s3: "ServiceUnavailable"}
