package usertokens

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// creation is the AuthTokenCreateRequest, all of whose properties are
// required.
type creation struct {
	Name        string   `json:"name"`
	ExpiresAt   expiry   `json:"expiresAt"`
	Permissions []string `json:"permissions"`
	Tenants     []string `json:"tenants"`
}

// expiry is an expiresAt. The zero value is one that was left out.
type expiry struct {
	given bool
	until time.Time // zero = never
}

// UnmarshalJSON implements json.Unmarshaler: null is never, and a text must be
// a time of RFC 3339, which has a zone. The error is an *api.Error.
func (e *expiry) UnmarshalJSON(text []byte) error {
	*e = expiry{given: true}
	if string(text) == "null" {
		return nil
	}
	const accepted = "accepted is a time of RFC 3339 like 2031-05-17T08:30:00Z, or null for never"
	var value string
	if err := json.Unmarshal(text, &value); err != nil {
		return api.Invalid("expiresAt was read as something that is no text, %s", accepted)
	}
	var ok bool
	if e.until, ok = api.ParseTime(value); !ok {
		return api.Invalid("expiresAt was read as %s, %s", api.Quoted(value), accepted)
	}
	if e.until.IsZero() { // which would count as none at all
		return api.Invalid("expiresAt was read as %s, which is not in the future", api.Quoted(value))
	}
	return nil
}

// order returns what is asked for; who asks, for whom and how many are allowed
// is left out. Errors are *api.Error.
func (r *creation) order() (tokens.Order, error) {
	if err := checkName(r.Name); err != nil {
		return tokens.Order{}, err
	}
	if !r.ExpiresAt.given {
		return tokens.Order{}, api.Invalid("expiresAt is missing, accepted is a time of RFC 3339, or null for never")
	}
	permissions, err := permissionsOf(r.Permissions)
	if err != nil {
		return tokens.Order{}, err
	}
	names, err := tenantNames(r.Tenants)
	if err != nil {
		return tokens.Order{}, err
	}
	return tokens.Order{
		Name: r.Name, Scope: tokens.Scope{Tenant: tokens.AnyTenant}, Tenants: names,
		Lifetime: tokens.Lifetime{Until: r.ExpiresAt.until, Never: r.ExpiresAt.until.IsZero()},
		Allowed:  tokens.Allowances{{Permissions: permissions}},
	}, nil
}

func permissionsOf(names []string) (tokens.Permissions, error) {
	if len(names) == 0 {
		return 0, api.Invalid("permissions are missing, accepted is a list of one or more like storage.read, storage.* or *.*")
	}
	var all tokens.Permissions
	for _, name := range names {
		p, err := tokens.ParsePermission(name)
		switch {
		case err == nil:
			all |= p
		case strings.HasPrefix(name, "*."):
			return 0, api.Invalid("the permission %s has * for the resource alone, accepted are resource.action, resource.* and *.*", api.Quoted(name))
		default:
			return 0, api.Invalid("%s is no permission, accepted are %s", api.Quoted(name), strings.Join(tokens.PermissionNames(), ", "))
		}
	}
	return all, nil
}

// tenantNames returns the tenants to narrow a token to; none = all that its
// owner has.
func tenantNames(asked []string) ([]string, error) {
	switch {
	case len(asked) == 0:
		return nil, api.Invalid("tenants are missing, accepted is a list of names, or any alone for all that the owner has")
	case len(asked) == 1 && asked[0] == tokens.AnyTenant:
		return nil, nil
	}
	for _, name := range asked {
		switch {
		case name == "":
			return nil, api.Invalid("a tenant has an empty name, accepted is a list of names, or any alone")
		case name == tokens.AnyTenant:
			return nil, api.Invalid("any stands beside names of tenants, accepted is any alone")
		case strings.HasPrefix(name, "type:"):
			return nil, api.Invalid("%s names a type of tenants, which are not told apart here, accepted is a list of names, or any alone", api.Quoted(name))
		}
	}
	return asked, nil
}

// maxNameLength bounds the name of a token, in bytes.
const maxNameLength = 255

// checkName refuses a name that could not be told from a token's value or id,
// or not be written in a path. The error is an *api.Error and does not repeat
// the name: it could be a value that got there by mistake.
func checkName(name string) error {
	switch {
	case name == "":
		return api.Invalid("the name is missing or empty, accepted are 1 to %d bytes", maxNameLength)
	case len(name) > maxNameLength:
		return api.Invalid("the name has %d bytes, accepted are 1 to %d", len(name), maxNameLength)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return api.Invalid("the name has a control character or is not UTF-8, accepted is a text without")
	case strings.Contains(name, "/"), name == ".", name == "..":
		return api.Invalid("the name has a / or is a dot segment, which no path can hold, accepted is a text without")
	case looksIssued(name):
		return api.Invalid("the name looks like the value or the id of a token, accepted is one that cannot be taken for either")
	}
	return nil
}

// looksIssued reports whether a text has the form of something that the gateway
// hands out: a value of any form, or a public id.
func looksIssued(name string) bool {
	lower := strings.ToLower(name)
	for _, prefix := range []string{tokens.PrefixToken, tokens.PrefixAccessKey, "access-v1:"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return tokens.IsID(name) || accounts.IsLocator(name) || len(name) == 32 && strings.Trim(lower, "0123456789abcdef") == ""
}

// answer is the AuthTokenResponse with the public id, and in the answer that
// creates the token with its value.
type answer struct {
	Name        string    `json:"name"`
	ExpiresAt   *string   `json:"expiresAt"` // null = never
	CreatedAt   string    `json:"createdAt"`
	Permissions []string  `json:"permissions"` // as they were given; the owner may have lost some
	Tenants     []string  `json:"tenants"`
	ID          tokens.ID `json:"id"`
	Token       string    `json:"token,omitempty"`
}

// timeForm is how times are printed: RFC 3339 in UTC.
const timeForm = "2006-01-02T15:04:05.000Z"

func (a *API) answerOf(t *tokens.Token) answer {
	given := granted(t)
	if owner, ok := a.Directory().Account(t.Owner); ok && len(t.Allowed) == 0 {
		given &= owner.AllRights() // it was given whatever he has
	}
	made := answer{
		Name: t.Name, CreatedAt: t.Created.UTC().Format(timeForm),
		Permissions: given.Names(), Tenants: tenantsOf(t), ID: t.ID,
	}
	if !t.Expires.IsZero() {
		at := t.Expires.UTC().Format(timeForm)
		made.ExpiresAt = &at
	}
	return made
}

// tenantsOf returns where a token holds; any is all that its owner has.
func tenantsOf(t *tokens.Token) []string {
	switch {
	case t.Scope.Tenant != tokens.AnyTenant:
		return []string{t.Scope.Tenant}
	case len(t.Tenants) > 0:
		return t.Tenants
	}
	return []string{tokens.AnyTenant}
}
