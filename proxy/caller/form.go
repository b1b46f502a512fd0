package caller

import (
	"fmt"
	"strings"
)

// Form is a way to present a credential.
type Form uint8

// The forms. None is the absence of a credential.
const (
	None Form = iota
	Basic
	Bearer
	QueryToken   // ?_token=
	TokenHeader  // token:
	XAuthToken   // X-Auth-Token:
	GatewayToken // Gateway-Token:
	Cookie
	Signature // AWS Signature, in the header or in the query
	LoginForm // name and password in the body of the login page's form
)

// formNames are the names in configuration, logs and metrics.
var formNames = [...]string{ // #nosec G101 -- names
	None: "none", Basic: "basic", Bearer: "bearer", QueryToken: "_token", TokenHeader: "token",
	XAuthToken: "x-auth-token", GatewayToken: "gateway-token", Cookie: "cookie", Signature: "s3", LoginForm: "login_form",
}

// String returns the name of the form.
func (f Form) String() string {
	if int(f) < len(formNames) {
		return formNames[f]
	}
	return "unknown"
}

// Forms is a set of forms. The zero value is the empty set.
type Forms uint16

// AllForms is every form that a proxied request can have.
const AllForms = Forms(1<<Basic | 1<<Bearer | 1<<QueryToken | 1<<TokenHeader | 1<<XAuthToken | 1<<GatewayToken | 1<<Cookie | 1<<Signature)

// Has reports whether the form belongs to the set.
func (s Forms) Has(f Form) bool { return s&(1<<f) != 0 }

// ParseForms returns the set of the named forms; no name at all means every
// form. Capitals do not matter, nor whether - or _ joins the words.
func ParseForms(names []string) (Forms, error) {
	if len(names) == 0 {
		return AllForms, nil
	}
	var set Forms
	for _, name := range names {
		f, ok := formByName(name)
		if !ok {
			return 0, fmt.Errorf("%q is no form of credential, accepted are basic, bearer, _token, token, x-auth-token, gateway-token, cookie, s3", name)
		}
		set |= 1 << f
	}
	return set, nil
}

func formByName(name string) (Form, bool) {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	for f := Basic; f <= Signature; f++ {
		if plain(name) == plain(formNames[f]) {
			return f, true
		}
	}
	return None, false
}
