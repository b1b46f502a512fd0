package management

import (
	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// userBody is the body that makes or changes a user. A list that is there and
// empty takes away what was in it.
type userBody struct {
	Name           *string  `json:"name"`
	Password       *string  `json:"password"`
	Roles          []string `json:"roles"`
	Permissions    []string `json:"permissions"`
	Tenants        []string `json:"tenants"`
	Locator        *string  `json:"locator"`
	ServiceAccount *bool    `json:"service_account"`
	Enabled        *bool    `json:"enabled"`
}

// checkNew accepts what makes a user. What his name can be is for the registry.
func (b *userBody) checkNew() error {
	_, given, err := required("name", b.Name)
	if err == nil && !given {
		return api.Invalid("name is missing, accepted is the name of the new user")
	}
	return err
}

// checkChange accepts what changes a user. The name never changes: tokens and
// records are his by it.
func (b *userBody) checkChange() error {
	switch {
	case b.Name != nil:
		return api.Invalid("name cannot be changed, accepted is a body without it")
	case b.Enabled == nil && b.onlyEnabled():
		return api.Invalid("the body changes nothing, accepted are password, roles, permissions, tenants, locator, service_account and enabled")
	}
	return nil
}

// onlyEnabled reports whether the body has no other member.
func (b *userBody) onlyEnabled() bool {
	return b.Name == nil && b.Password == nil && b.Roles == nil && b.Permissions == nil && b.Tenants == nil && b.Locator == nil && b.ServiceAccount == nil
}

// checkRights refuses permissions that are none, and lists that leave a user
// without anything: that would be more than he had.
func (b *userBody) checkRights() error {
	emptied := b.Roles != nil && len(b.Roles) == 0 || b.Permissions != nil && len(b.Permissions) == 0
	if emptied && len(b.Roles)+len(b.Permissions) == 0 {
		return api.Invalid("roles and permissions leave nothing, which would mean storage.*: accepted is one of them with members")
	}
	for _, name := range b.Permissions {
		if _, err := tokens.ParsePermission(name); err != nil {
			return api.Invalid("permissions: %v", err)
		}
	}
	return nil
}

// minPassword is the shortest password that is taken, in bytes (NIST SP
// 800-63B, 3.1.1.2).
const minPassword = 8

// maxPassword bounds a password, in bytes, as the hashing does.
const maxPassword = 1024

// setter reads the body once and returns what sets a user by it, but for his
// password: hashing one costs so much that it comes after every check.
func (a *API) setter(who caller.Caller, b *userBody) (func(*accounts.Stored), error) {
	if err := b.checkRights(); err != nil {
		return nil, err
	}
	locator, _, err := required("locator", b.Locator)
	if err != nil {
		return nil, err
	}
	if err := checkPassword(b.Password); err != nil {
		return nil, err
	}
	return func(s *accounts.Stored) {
		b.set(s)
		if locator != "" {
			s.Locator = locator
		}
		if b.Enabled != nil && (*b.Enabled || s.Disabled.At.IsZero()) {
			s.Disabled = a.mark(who, *b.Enabled)
		}
	}, nil
}

func checkPassword(password *string) error {
	if password == nil {
		return nil
	}
	if n := len(*password); n < minPassword || n > maxPassword {
		return api.Invalid("password has %d bytes, accepted are %d to %d", n, minPassword, maxPassword)
	}
	return nil
}

// hash returns the hash of a password; "" = none was given.
func (a *API) hash(password *string) (tokens.Secret, error) {
	if password == nil {
		return "", nil
	}
	return a.HashPassword(tokens.Secret(*password))
}

// set sets what needs no reading.
func (b *userBody) set(s *accounts.Stored) {
	if b.Roles != nil {
		s.Roles = b.Roles
	}
	if b.Permissions != nil {
		s.Permissions = b.Permissions
	}
	if b.Tenants != nil {
		s.Tenants = b.Tenants
	}
	if b.ServiceAccount != nil {
		s.ServiceAccount = *b.ServiceAccount
	}
}
