package sigv4

import (
	"crypto/sha256"
	"strings"
	"time"
)

// Version is a version of the signature. The zero Version is none.
type Version int

// The versions.
const (
	V4 Version = iota + 1 // AWS4-HMAC-SHA256
	V2                    // HMAC-SHA1; whether it is accepted, the caller decides
)

// Place is where a request carries its signature. The zero Place is nowhere.
type Place int

// The places.
const (
	InHeader Place = iota + 1 // the Authorization header
	InQuery                   // arguments of the query, a presigned request
)

// Signature is how a request says it was signed: what Parse read, all of it a
// claim until Verify. Nothing of it changes until the next Read, and it must
// not be copied. The zero Signature verifies nothing.
type Signature struct {
	Version   Version
	Place     Place
	AccessKey string
	// Time is when the request was signed. Zero for V2 InQuery, which does
	// not say.
	Time time.Time
	// Deadline is when a presigned request ends: at this instant it is over.
	// Zero for InHeader.
	Deadline time.Time
	// Expires is how long a presigned V4 request is valid from Time; zero is
	// not at all.
	Expires time.Duration
	// Date (YYYYMMDD), Region and Service are the credential scope, Scope is
	// the three with aws4_request behind, joined by slashes. Empty for V2.
	Date, Region, Service, Scope string
	// SignedHeaders are the names of the headers that were signed, in lower
	// case, sorted. Nil for V2; see Covers.
	SignedHeaders []string
	// Payload says what the signature says of the body.
	Payload Payload
	// Digest is the SHA-256 of the body when Payload is Digest.
	Digest [sha256.Size]byte
	// DecodedLength is x-amz-decoded-content-length when Payload streams,
	// else -1.
	DecodedLength int64
	// Trailers are the names of x-amz-trailer in lower case, at most
	// maxTrailers. Nil without.
	Trailers []string

	view      View
	timestamp string             // of the string to sign: ISO 8601 basic
	signature string             // as the request has it
	payload   string             // of the canonical request
	few       [fewHeaders]string // where SignedHeaders are when they are not more
	mac       [sha256.Size]byte  // decoded signature; of V2 the first sha1.Size bytes
	unsigned  string             // an x-amz-* header that had to be signed, empty = none
}

// Parse reads how a request says it was signed. Nothing is verified yet.
// A request without a signature is ErrNoSignature, with more than one
// ErrMechanisms; the other kinds say what cannot be read.
func Parse(v View) (*Signature, error) {
	s := &Signature{}
	if err := s.Read(v); err != nil {
		return nil, err
	}
	return s, nil
}

// Read is Parse into memory that the caller has, such as that of an earlier
// request that is over. Nothing stays of what s was. After an error s is the
// zero Signature.
func (s *Signature) Read(v View) error {
	var space [usualAmazon]string
	in := arrivalOf(v.Header, space[:0])
	*s = Signature{view: v, DecodedLength: -1}
	if err := s.readAll(&in); err != nil {
		*s = Signature{}
		return err
	}
	if s.Version == V4 {
		s.unsigned = in.unsigned(s)
	}
	return nil
}

// readAll reads the request of the view.
func (s *Signature) readAll(in *arrival) error {
	if err := in.checkSingle(); err != nil {
		return err
	}
	v := &s.view
	if !validEscapes(v.Path) || !validEscapes(v.Query) {
		return Faultf(ErrURI, "Couldn't parse the specified URI: a %% must be followed by two hex digits.")
	}
	var args arguments
	if v.Query != "" {
		var err error
		if args, err = argumentsOf(v.Query); err != nil {
			return err
		}
	}
	return s.read(&args, in)
}

// read chooses the one place and version.
func (s *Signature) read(args *arguments, in *arrival) error {
	values := in.authorization
	places := 0
	for _, present := range [...]bool{len(values) > 0, args.version4(), args.version2()} {
		if present {
			places++
		}
	}
	if places > 1 || len(values) > 1 {
		return Faultf(ErrMechanisms, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified.")
	}
	switch {
	case args.version4():
		return s.readQuery(args, in)
	case args.version2():
		return s.readQuery2(args)
	case len(values) == 1 && isAWS(values[0]):
		return s.readAuthorization(values[0], args, in)
	default:
		return Faultf(ErrNoSignature, "The request is not signed.")
	}
}

// readAuthorization reads the header of any version.
func (s *Signature) readAuthorization(value string, args *arguments, in *arrival) error {
	if len(value) > maxAuthorization {
		return Faultf(ErrHeaderMalformed, "The authorization header is %d bytes long; at most %d are accepted.", len(value), maxAuthorization)
	}
	scheme, rest, _ := cut(value, ' ')
	switch {
	case scheme == algorithm:
		return s.readHeader(rest, in)
	case scheme == "AWS":
		if args.hoisted {
			return Faultf(ErrHeadersNotSigned, "A query argument beginning with x-amz- is not signed by Signature Version 2 in the Authorization header.")
		}
		return s.readHeader2(rest)
	case strings.HasPrefix(scheme, "AWS4-ECDSA"):
		return version4A(scheme)
	default:
		return Faultf(ErrInvalidArgument, "Unsupported Authorization Type %s; %s is accepted.", quoted(scheme), algorithm)
	}
}

// Covers reports whether a header was signed, by its name in any case. Version
// 2 signs every x-amz-* header, Content-Type and Content-MD5, and Date in a
// request that has no X-Amz-Date and is not presigned.
func (s *Signature) Covers(header string) bool {
	switch s.Version {
	case V4:
		return s.signs(strings.ToLower(header))
	case V2:
		name := strings.ToLower(header)
		if name == "date" {
			return s.Place == InHeader && len(s.view.Header["X-Amz-Date"]) == 0
		}
		return strings.HasPrefix(name, "x-amz-") || name == "content-type" || name == "content-md5"
	default:
		return false
	}
}

func version4A(what string) error {
	return Faultf(ErrVersion4A, "%s is not supported: use AWS4-HMAC-SHA256 (SigV4) instead of SigV4A, in the AWS CLI and SDKs without a multi-region access point and with the setting sigv4a_signing_region_set unset.", quoted(what))
}
