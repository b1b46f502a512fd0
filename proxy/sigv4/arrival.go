package sigv4

import (
	"net/http"
	"strings"
)

// usualAmazon is how many x-amz-* headers a request without metadata has at
// most.
const usualAmazon = 8

// arrival is what a request has of the headers that say how it was signed,
// found in one pass. Nil is a header that is not there, or has no value.
type arrival struct {
	authorization, date, digest, length, decodedLength, trailer []string

	host, token bool
	amazon      []string // the names of all x-amz-* headers, as they are there
}

// arrivalOf reads the headers. amazon is memory for the names.
func arrivalOf(h http.Header, amazon []string) (a arrival) {
	for name, values := range h {
		if isAmazon(name) {
			amazon = append(amazon, name)
		}
		if len(values) == 0 {
			continue
		}
		switch name {
		case "Authorization":
			a.authorization = values
		case headerDate:
			a.date = values
		case headerSHA256:
			a.digest = values
		case "Content-Length":
			a.length = values
		case headerDecodedLength:
			a.decodedLength = values
		case headerTrailer:
			a.trailer = values
		case "Host":
			a.host = true
		case argSecurityToken:
			a.token = true
		}
	}
	a.amazon = amazon
	return a
}

// checkSingle refuses second values of the headers that decide how a request
// is read: two readers could take different ones. The session token is
// refused here too, before anything else is said of the request.
func (a *arrival) checkSingle() error {
	for _, h := range [...]struct {
		name  string
		times int
	}{
		{headerDate, len(a.date)}, {headerSHA256, len(a.digest)}, {"Content-Length", len(a.length)},
		{headerDecodedLength, len(a.decodedLength)}, {headerTrailer, len(a.trailer)},
	} {
		if h.times > 1 {
			return Faultf(ErrInvalidArgument, "The header %s is there %d times; once is accepted.", h.name, h.times)
		}
	}
	if a.host {
		return Faultf(ErrInvalidArgument, "The header Host is there more than once; once is accepted.")
	}
	if a.token {
		return securityToken()
	}
	return nil
}

// unsigned returns the first by name of the x-amz-* headers that had to be
// signed and were not, in lower case; "" if all were.
func (a *arrival) unsigned(s *Signature) string {
	first := ""
	for _, name := range a.amazon {
		if s.signsInAnyCase(name) {
			continue
		}
		if plain := strings.ToLower(name); !mayStayUnsigned(plain) && (first == "" || plain < first) {
			first = plain
		}
	}
	return first
}

// only returns the one value of a header, and whether there is one. checkSingle
// has refused second ones.
func only(values []string) (value string, given bool) {
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}
