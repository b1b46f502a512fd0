// Package caller finds out who asks: which credential a request presents, in
// which of the known forms, and which user or token stands behind it. It is
// the one parser of credentials; proxied and management requests share it. It
// never forwards.
package caller

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tollgate/tokens"
)

// What can be wrong with the credentials of a request before anybody looks
// one up. Test with errors.Is.
var (
	// ErrAmbiguous: the request presents what two readers could take for
	// different credentials.
	ErrAmbiguous = errors.New("ambiguous credentials")
	// ErrMalformed: an explicit credential cannot be read.
	ErrMalformed = errors.New("malformed credential")
	// ErrSignature: the request carries an S3 signature where none is looked
	// at.
	ErrSignature = errors.New("signatures do not count here")
)

// Credential is what a request presents: the one credential that counts. The
// zero Credential is none.
type Credential struct {
	Form   Form
	Name   string        // the user, with Basic and LoginForm
	Secret tokens.Secret // the password or the token's value
	// Proof is the signature, with Signature, once it was read; and Region
	// what it must be for.
	Proof  Proof
	Region string

	// conflict: two cookies of our name with different values, of which
	// neither authenticates.
	conflict bool
}

// maxValue bounds a token's value in a request. Longer ones are no tokens.
const maxValue = 1024

// Parser reads the credentials of requests. The zero Parser reads no cookie.
type Parser struct {
	Cookie string // name of the cookie
}

// Of returns the one credential of the request that counts among the forms
// that are accepted: an S3 signature first, then Authorization, _token, token,
// X-Auth-Token, Gateway-Token and the cookie. None gives the zero Credential.
// An explicit credential that cannot be read is ErrMalformed and never skipped
// over; ErrAmbiguous if the request could be read in two ways.
func (p Parser) Of(r *http.Request, accept Forms) (Credential, error) {
	query := queryCredentialsOf(r.URL.RawQuery)
	authorization := r.Header["Authorization"]
	if err := checkAmbiguity(authorization, query, accept); err != nil {
		return Credential{}, err
	}
	signed := query.signed || len(authorization) == 1 && isSignature(authorization[0])
	if signed && accept.Has(Signature) {
		return Credential{Form: Signature}, nil
	}
	if c, err := explicitOf(r, query, accept); err != nil || c.Form != None {
		return c, err
	}
	if accept.Has(Cookie) && p.Cookie != "" {
		return p.cookieOf(r.Header["Cookie"]), nil
	}
	return Credential{}, nil
}

// explicitOf returns the first credential that a browser does not add by
// itself, Basic aside.
func explicitOf(r *http.Request, query queryCredentials, accept Forms) (Credential, error) {
	authorization := r.Header["Authorization"]
	if len(authorization) == 1 && !isSignature(authorization[0]) {
		if c, err := authorizationOf(authorization[0], accept); err != nil || c.Form != None {
			return c, err
		}
	}
	if query.count > 0 && accept.Has(QueryToken) {
		return explicit(QueryToken, query.value)
	}
	for _, h := range headerForms {
		if c, err := headerOf(r.Header[h.name], h.form, accept); err != nil || c.Form != None {
			return c, err
		}
	}
	return Credential{}, nil
}

// checkAmbiguity refuses what one reader could take for one credential and
// another for a second. Two _token arguments are refused also when they are
// equal: whoever stands in front may have read the other.
func checkAmbiguity(values []string, query queryCredentials, accept Forms) error {
	if len(values) > 1 {
		return fmt.Errorf("%w: %d Authorization headers", ErrAmbiguous, len(values))
	}
	if accept.Has(Signature) && query.signed && len(values) == 1 {
		return fmt.Errorf("%w: a signature in the query and an Authorization header", ErrAmbiguous)
	}
	if accept.Has(QueryToken) && query.count > 1 {
		return fmt.Errorf("%w: %s %d times in the query", ErrAmbiguous, queryToken, query.count)
	}
	return nil
}

// headerForms are the headers that hold a bare value, in order of precedence.
var headerForms = [...]struct {
	name string
	form Form
}{
	{"Token", TokenHeader},
	{"X-Auth-Token", XAuthToken},
	{"Gateway-Token", GatewayToken},
}

func headerOf(values []string, form Form, accept Forms) (Credential, error) {
	if len(values) == 0 || !accept.Has(form) {
		return Credential{}, nil
	}
	if len(values) > 1 {
		return Credential{}, fmt.Errorf("%w: %d values in the form %s", ErrAmbiguous, len(values), form)
	}
	return explicit(form, values[0])
}

// explicit makes the credential of a form that holds a bare value.
func explicit(form Form, value string) (Credential, error) {
	if value == "" || len(value) > maxValue {
		return Credential{Form: form}, fmt.Errorf("%w: a value of %d bytes in the form %s", ErrMalformed, len(value), form)
	}
	return Credential{Form: form, Secret: tokens.Secret(value)}, nil
}

// authorizationOf reads an Authorization header that is no signature. A scheme
// that the route does not take is none of our business.
func authorizationOf(value string, accept Forms) (Credential, error) {
	scheme, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimLeft(rest, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		if !accept.Has(Bearer) {
			return Credential{}, nil
		}
		return explicit(Bearer, rest)
	case strings.EqualFold(scheme, "Basic"):
		if !accept.Has(Basic) {
			return Credential{}, nil
		}
		return basicOf(rest)
	case !accept.Has(Basic) && !accept.Has(Bearer):
		return Credential{}, nil
	default:
		return Credential{}, fmt.Errorf("%w: Authorization with a scheme that is not known", ErrMalformed)
	}
}

// basicOf reads the credentials of RFC 7617: the user name ends at the first
// colon, the rest is the password.
func basicOf(encoded string) (Credential, error) {
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Credential{Form: Basic}, fmt.Errorf("%w: Basic that is not base64", ErrMalformed)
	}
	name, password, found := strings.Cut(string(plain), ":")
	if !found || name == "" {
		return Credential{Form: Basic}, fmt.Errorf("%w: Basic without a user name and a colon", ErrMalformed)
	}
	return Credential{Form: Basic, Name: name, Secret: tokens.Secret(password)}, nil
}

// cookieOf reads our cookie. Two of the same value are one.
func (p Parser) cookieOf(headers []string) Credential {
	c := Credential{}
	for value := range cookieValues(headers, p.Cookie) {
		switch {
		case c.Form == None:
			c = Credential{Form: Cookie, Secret: tokens.Secret(value)}
		case c.Secret.Reveal() != value:
			return Credential{Form: Cookie, conflict: true}
		}
	}
	return c
}

// Signed reports whether the request carries an S3 signature, in the header
// or in the query. Such a request is for the storage, whatever its path.
func Signed(r *http.Request) bool {
	for _, v := range r.Header["Authorization"] {
		if isSignature(v) {
			return true
		}
	}
	if r.URL.RawQuery == "" {
		return false
	}
	return queryCredentialsOf(r.URL.RawQuery).signed
}

// isSignature recognises AWS Signature V4 in all its variants and V2.
func isSignature(authorization string) bool {
	scheme, _, _ := strings.Cut(authorization, " ")
	return len(scheme) >= 3 && strings.EqualFold(scheme[:3], "AWS")
}

// AuthorizationForm returns the form of an Authorization header's value; None
// for a scheme that is not known.
func AuthorizationForm(value string) Form {
	scheme, _, _ := strings.Cut(value, " ")
	switch {
	case isSignature(value):
		return Signature
	case strings.EqualFold(scheme, "Bearer"):
		return Bearer
	case strings.EqualFold(scheme, "Basic"):
		return Basic
	}
	return None
}
