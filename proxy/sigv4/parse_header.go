package sigv4

import (
	"strings"
)

// component is one of the three parts of the Authorization header.
type component struct {
	name, value string
	given       bool
}

// readHeader reads the Authorization header of Version 4 behind its scheme:
// Credential=…, SignedHeaders=…, Signature=…, each once, in any order, with
// or without spaces round the commas.
func (s *Signature) readHeader(rest string, in *arrival) error {
	s.Version, s.Place = V4, InHeader
	parts := [...]component{{name: "Credential"}, {name: "SignedHeaders"}, {name: "Signature"}}
	for more := true; more; {
		var part string
		part, rest, more = cut(rest, ',')
		name, value, found := cut(strings.Trim(part, " "), '=')
		i := indexOf(parts[:], name)
		if i < 0 || !found {
			return Faultf(ErrHeaderMalformed, "The authorization header is malformed; it has %s, where Credential=, SignedHeaders= and Signature= are accepted.", quoted(name))
		}
		if parts[i].given {
			return Faultf(ErrHeaderMalformed, "The authorization header is malformed; %s is there more than once.", name)
		}
		parts[i].value, parts[i].given = value, true
	}
	for _, p := range parts {
		if !p.given {
			return Faultf(ErrHeaderMalformed, "The authorization header is malformed; %s is missing.", p.name)
		}
	}
	return s.readComponents(parts[0].value, parts[1].value, parts[2].value, in)
}

func indexOf(parts []component, name string) int {
	for i := range parts {
		if parts[i].name == name {
			return i
		}
	}
	return -1
}

func (s *Signature) readComponents(credential, signedHeaders, signature string, in *arrival) error {
	if err := s.readDate(in); err != nil {
		return err
	}
	if err := s.readCredential(credential, ErrHeaderMalformed); err != nil {
		return err
	}
	if err := s.readSignedHeaders(signedHeaders, ErrHeaderMalformed); err != nil {
		return err
	}
	if err := s.readSignature(signature, ErrHeaderMalformed); err != nil {
		return err
	}
	value, given := only(in.digest)
	if !given {
		return Faultf(ErrMissingHeader, "Missing required header for this request: x-amz-content-sha256")
	}
	return s.readPayload(value, in)
}

// readDate reads X-Amz-Date or else Date, for Version 4 in the header.
func (s *Signature) readDate(in *arrival) error {
	if value, given := only(in.date); given {
		if !s.readISO(value) {
			return Faultf(ErrMissingDate, "AWS authentication requires a valid Date or x-amz-date header; x-amz-date is %s, where YYYYMMDD'T'HHMMSS'Z' is accepted.", quoted(value))
		}
		return nil
	}
	if err := s.readPlainDate("Date"); err != nil {
		return err
	}
	s.timestamp = s.Time.Format(isoBasic)
	return nil
}

// readPlainDate reads a date in one of the forms of HTTP.
func (s *Signature) readPlainDate(name string) error {
	values := s.view.Header[name]
	if len(values) > 1 {
		return Faultf(ErrInvalidArgument, "The header %s is there %d times; once is accepted.", name, len(values))
	}
	if len(values) == 1 {
		t, valid := parseDate(values[0])
		if valid {
			s.Time = t
			return nil
		}
	}
	return Faultf(ErrMissingDate, "AWS authentication requires a valid Date or x-amz-date header.")
}
