package sigv4

import (
	"strings"
	"time"
)

// maxSkew is how far the date of a request may be from now. AWS:
// RequestTimeTooSkewed, 15 minutes.
const maxSkew = 15 * time.Minute

// Check judges what needs no secret: the region of the scope, the time, and
// that all that had to be signed was. region is what the storage behind is
// called; another is ErrRegion. Then come ErrSkewed and ErrExpired,
// ErrHeadersNotSigned and ErrSignedHeaderAbsent.
func (s *Signature) Check(now time.Time, region string) error {
	switch s.Version {
	case V4:
		if s.Region != region {
			return s.wrongRegion(region)
		}
		if err := s.checkTime(now); err != nil {
			return err
		}
		return s.checkHeaders()
	case V2:
		return s.checkTime(now)
	default:
		return Faultf(ErrNoSignature, "The request is not signed.")
	}
}

func (s *Signature) wrongRegion(region string) error {
	what := "The authorization header is malformed"
	if s.Place == InQuery {
		what = "Error parsing the X-Amz-Credential parameter"
	}
	return Faultf(ErrRegion, "%s; the region %s is wrong; expecting %s.", what, quoted(s.Region), quoted(region))
}

func (s *Signature) checkTime(now time.Time) error {
	switch s.Place {
	case InHeader:
		if skew := now.Sub(s.Time); skew > maxSkew || skew < -maxSkew {
			return Faultf(ErrSkewed, "The difference between the request time %s and the server's time %s is more than 15 minutes.",
				s.Time.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		return nil
	case InQuery:
		return s.checkValidity(now)
	default:
		return Faultf(ErrNoSignature, "The request is not signed.")
	}
}

// checkValidity judges the time of a presigned request. It lives for exactly
// Expires from Time: at Deadline it is over, and with zero it never lived,
// also not ahead of its time. There is no grace after the end; before the
// beginning a client's clock may be ahead by as much as in the header.
func (s *Signature) checkValidity(now time.Time) error {
	if s.Version == V4 && s.Time.Sub(now) > maxSkew {
		return Faultf(ErrExpired, "Request is not valid yet: it was signed for %s, and it is %s.",
			s.Time.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if !now.Before(s.Deadline) || s.Version == V4 && s.Expires == 0 {
		return Faultf(ErrExpired, "Request has expired: it was valid until %s, and it is %s.",
			s.Deadline.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkHeaders demands that host was signed, that whatever was signed is
// there, and that every x-amz-* header was signed. A gateway that signs anew
// would otherwise vouch for headers that its client never signed.
func (s *Signature) checkHeaders() error {
	if !s.signs("host") {
		return Faultf(ErrHeadersNotSigned, "There were headers present in the request which were not signed: host must be in SignedHeaders.")
	}
	if err := s.absent(); err != nil {
		return err
	}
	if s.unsigned != "" {
		return Faultf(ErrHeadersNotSigned, "There were headers present in the request which were not signed: %s must be in SignedHeaders.", quoted(s.unsigned))
	}
	return nil
}

// signsInAnyCase is signs for the name of a header that is there.
func (s *Signature) signsInAnyCase(name string) bool {
	for _, signed := range s.SignedHeaders {
		if len(signed) == len(name) && (name == canonicalName(signed) || strings.EqualFold(signed, name)) {
			return true
		}
	}
	return false
}

// mayStayUnsigned has the headers that clients do not sign because they say
// how the body is encoded. What is forwarded of them is made anew.
func mayStayUnsigned(name string) bool {
	switch name {
	case "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-checksum-algorithm":
		return true
	default:
		return false
	}
}
