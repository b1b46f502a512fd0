package sigv4

import "strings"

// readQuery reads the arguments of a presigned request of Version 4.
func (s *Signature) readQuery(args *arguments, in *arrival) error {
	s.Version, s.Place = V4, InQuery
	for _, a := range [...]*argument{&args.algorithm, &args.credential, &args.date, &args.expires, &args.signedHeaders, &args.signature} {
		if !a.given {
			return Faultf(ErrQueryMalformed, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	switch {
	case strings.HasPrefix(args.algorithm.value, "AWS4-ECDSA"):
		return version4A(args.algorithm.value)
	case args.algorithm.value != algorithm:
		return Faultf(ErrQueryMalformed, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"; it is %s.", quoted(args.algorithm.value))
	case !s.readISO(args.date.value):
		return Faultf(ErrQueryMalformed, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"; it is %s.", quoted(args.date.value))
	}
	if err := s.readExpires(args.expires.value); err != nil {
		return err
	}
	if err := s.readCredential(args.credential.value, ErrQueryMalformed); err != nil {
		return err
	}
	if err := s.readSignedHeaders(args.signedHeaders.value, ErrQueryMalformed); err != nil {
		return err
	}
	if err := s.readSignature(args.signature.value, ErrQueryMalformed); err != nil {
		return err
	}
	return s.readQueryPayload(args, in)
}

// readQueryPayload finds what a presigned request says of its body: the query
// argument, else the header, else nothing, which is UNSIGNED-PAYLOAD. Two that
// differ are refused.
func (s *Signature) readQueryPayload(args *arguments, in *arrival) error {
	value, inHeader := only(in.digest)
	switch {
	case args.contentSHA256.given && inHeader && args.contentSHA256.value != value:
		return Faultf(ErrInvalidArgument, "X-Amz-Content-Sha256 in the query and the header x-amz-content-sha256 differ.")
	case args.contentSHA256.given:
		value = args.contentSHA256.value
	case !inHeader:
		value = ValueUnsigned
	}
	return s.readPayload(value, in)
}
