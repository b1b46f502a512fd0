package accounts

import (
	"slices"
	"strings"

	"tollgate/tokens"
)

// rules make an account of what was written about a user.
type rules struct {
	roles     map[string]tokens.Permissions
	admins    []string
	oneTenant bool
}

// configured returns the account of an entry of the file; kept is what the
// store has under that name, nil = nothing.
func (r *rules) configured(u UserConfig, kept *Stored) *Account {
	if kept == nil {
		kept = &Stored{}
	}
	if u.PasswordHash != "" && kept.Override.RemovedHash == Fingerprint(u.PasswordHash) {
		u.PasswordHash = ""
	}
	a := r.account(u)
	a.Configured, a.Disabled = true, kept.Disabled
	return a
}

// stored returns the account of a user who is kept in the store.
func (r *rules) stored(s *Stored) *Account {
	a := r.account(s.config())
	a.Disabled, a.Created = s.Disabled, s.Created
	return a
}

func (r *rules) account(u UserConfig) *Account {
	locator := strings.ToLower(u.Locator)
	if locator == "" {
		locator = LocatorOf(u.Name)
	}
	a := &Account{
		User: tokens.User{
			Name:       u.Name,
			Tenants:    r.tenants(u),
			Rights:     r.rights(u),
			TokenAdmin: slices.Contains(r.admins, u.Name),
		},
		PasswordHash:   u.PasswordHash,
		ServiceAccount: u.ServiceAccount,
		Locator:        locator,
		Identity:       u.Identity.identity(u.Name, locator),
		Roles:          slices.Clone(u.Roles),
		Permissions:    slices.Clone(u.Permissions),
	}
	if h, err := parseHash(u.PasswordHash.Reveal()); err == nil {
		a.hash = func() passwordHash { return h }
	}
	return a
}

func (r *rules) tenants(u UserConfig) tokens.Tenants {
	switch {
	case slices.Contains(u.Roles, AdminRole), slices.Equal(u.Tenants, []string{AnyTenant}):
		return tokens.Tenants{Any: true}
	case len(u.Tenants) == 0 && r.oneTenant:
		return tokens.Tenants{Names: []string{DefaultTenant}}
	default:
		names := slices.Clone(u.Tenants)
		slices.Sort(names)
		return tokens.Tenants{Names: slices.Compact(names)}
	}
}

// rights returns the union of what roles and permissions give. The roles of the
// file repository count together: one of them lets the others overwrite.
func (r *rules) rights(u UserConfig) tokens.Permissions {
	if len(u.Roles) == 0 && len(u.Permissions) == 0 {
		return tokens.StorageAll
	}
	all := permissionsOf(u.Permissions)
	var files []Role
	for _, name := range u.Roles {
		if role, ok := fileRole(name); ok {
			files = append(files, role)
			continue
		}
		// The built-in roles cannot be redefined, so they come first.
		if p, ok := builtinRole(name); ok {
			all |= p
			continue
		}
		all |= r.roles[name]
	}
	return all | grantOf(files).Permissions
}
