package sigv4

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	service    = "s3"
	terminator = "aws4_request"

	isoDay = "20060102" // YYYYMMDD
)

// What a request may need at most, in bytes and in number. Parse refuses more.
const (
	maxAuthorization = 8192
	maxAccessKey     = 128
	maxRegion        = 64
	maxSignedHeaders = 128
)

// fewHeaders is how many headers clients usually sign at most.
const fewHeaders = 8

// readCredential reads ACCESSKEY/DATE/REGION/s3/aws4_request; the scope must
// be that of S3, on the day of Time. kind is what a fault is. AWS: the same
// page as Parse; a key never contains a slash.
func (s *Signature) readCredential(credential string, kind error) error {
	if strings.Count(credential, "/") != 4 {
		return Faultf(kind, "The credential is malformed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
	}
	s.AccessKey, s.Scope, _ = cut(credential, '/')
	rest, last := s.Scope, ""
	s.Date, rest, _ = cut(rest, '/')
	s.Region, rest, _ = cut(rest, '/')
	s.Service, last, _ = cut(rest, '/')
	switch {
	case !isAccessKey(s.AccessKey):
		return Faultf(kind, "The access key in the credential is empty, longer than %d bytes or not plain ASCII.", maxAccessKey)
	case s.Region == "" || len(s.Region) > maxRegion:
		return Faultf(kind, "The region in the credential is empty or longer than %d bytes.", maxRegion)
	case s.Service != service:
		return Faultf(kind, "The credential names the incorrect service %s; this endpoint belongs to \"s3\".", quoted(s.Service))
	case last != terminator:
		return Faultf(kind, "The credential ends with %s; it must end with \"aws4_request\".", quoted(last))
	case len(s.Date) != len(isoDay) || s.Date != s.timestamp[:len(isoDay)]:
		return Faultf(kind, "The date %s in the credential is not the day of the request's date %s.", quoted(s.Date), quoted(s.timestamp))
	default:
		return nil
	}
}

// isAccessKey bounds access keys: visible ASCII without the characters that
// separate credentials.
func isAccessKey(key string) bool {
	return key != "" && len(key) <= maxAccessKey && lengthOf(key, keyChar) == len(key)
}

// readSignedHeaders reads names in lower case, sorted, each once.
func (s *Signature) readSignedHeaders(list string, kind error) error {
	if strings.Count(list, ";") >= maxSignedHeaders {
		return Faultf(kind, "SignedHeaders has more than %d names.", maxSignedHeaders)
	}
	names := s.few[:0]
	for i, more := 0, true; more; i++ {
		var name string
		name, list, more = cut(list, ';')
		if !isHeaderName(name) {
			return Faultf(kind, "SignedHeaders has the name %s; names of headers in lower case are accepted, with ; between.", quoted(name))
		}
		if i > 0 && names[i-1] >= name {
			return Faultf(kind, "SignedHeaders is not sorted at %s; each name stands there once, in order.", quoted(name))
		}
		names = append(names, name)
	}
	s.SignedHeaders = slices.Clip(names)
	return nil
}

// isHeaderName reports whether s is a token of RFC 9110 in lower case.
func isHeaderName(s string) bool { return s != "" && lengthOf(s, tokenChar) == len(s) }

// readSignature reads 64 hex digits in lower case.
func (s *Signature) readSignature(digits string, kind error) error {
	if !readHex(&s.mac, digits) || hasUpperCase(digits) {
		return Faultf(kind, "The signature is malformed: it must be %d hex digits in lower case.", 2*len(s.mac))
	}
	s.signature = digits
	return nil
}

// hasUpperCase looks for bytes with bit 6 and without bit 5, which of the hex
// digits are those in upper case. The length is a multiple of eight.
func hasUpperCase(digits string) bool {
	var seen uint64
	for ; len(digits) >= 8; digits = digits[8:] {
		eight := word(digits)
		seen |= eight &^ (eight << 1)
	}
	return seen&0x4040404040404040 != 0
}

// readISO reads a date in ISO 8601 basic, exactly.
func (s *Signature) readISO(date string) bool {
	t, valid := parseISO(date)
	s.Time, s.timestamp = t, date
	return valid
}

// maxExpires is the longest that a presigned request can be valid, in
// seconds: seven days. AWS: "Authenticating Requests: Using Query Parameters".
const maxExpires = 604800

// readExpires reads X-Amz-Expires.
func (s *Signature) readExpires(value string) error {
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return Faultf(ErrQueryMalformed, "X-Amz-Expires should be a number; it is %s.", quoted(value))
		}
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds > maxExpires {
		return Faultf(ErrQueryMalformed, "X-Amz-Expires must be from 0 to %d seconds; it is %s.", maxExpires, quoted(value))
	}
	s.Expires = time.Duration(seconds) * time.Second
	s.Deadline = s.Time.Add(s.Expires)
	return nil
}

// signs reports whether the name, in lower case, is in SignedHeaders.
func (s *Signature) signs(name string) bool {
	_, found := slices.BinarySearch(s.SignedHeaders, name)
	return found
}
