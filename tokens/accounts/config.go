// Package accounts says who there is: users with their rights and passwords,
// tenants with their host names, roles. It turns the configuration and the
// users that are kept elsewhere into an immutable Directory, and checks
// passwords behind a Gate that keeps the cost of it within bounds. It knows
// no HTTP and logs nothing.
package accounts

import (
	"strings"

	"tollgate/tokens"
)

// AnyTenant in a user's list of tenants, alone, stands for every tenant.
const AnyTenant = "any"

// DefaultTenant is the only tenant there is when none is configured. Every
// host belongs to it.
const DefaultTenant = "default"

// AdminRole is the built-in role that gives every right in every tenant.
const AdminRole = "admin"

// Config is what the configuration file says about accounts; its keys stand
// at the top level of the file. The zero value, which is the default, has one
// tenant for every host and no users.
type Config struct {
	Tenants []TenantConfig `yaml:"tenants"`
	Roles   []RoleConfig   `yaml:"roles"`
	Users   []UserConfig   `yaml:"users"`
	// BaseDomains are the hosts below which a name is a bucket:
	// bucket.base belongs to the tenant and the domain of base. The
	// configuration has them elsewhere.
	BaseDomains []string `yaml:"-"`
}

// TenantConfig is a tenant and the hosts that belong to it: names, *.suffix
// for every name that ends so, * for all that nobody else has. A tenant
// without domains is reached only where a request names it.
type TenantConfig struct {
	Name    string   `yaml:"name"`
	Domains []string `yaml:"domains"`
}

// RoleConfig gives a name to a set of permissions.
type RoleConfig struct {
	Name        string   `yaml:"name"`
	Permissions []string `yaml:"permissions"`
}

// UserConfig is one user. Neither roles nor permissions means storage.*,
// otherwise he has exactly what they name together. Without a hash he cannot
// log in by password.
type UserConfig struct {
	Name         string        `yaml:"name"`
	PasswordHash tokens.Secret `yaml:"password_hash"`
	// Tenants he belongs to, or AnyTenant alone. None means none, or the
	// default tenant where no tenants are configured.
	Tenants []string `yaml:"tenants"`
	// Roles are configured ones, AdminRole, read-only, append and those of
	// FileRepositoryRoles. Of the last an upload role gives a user
	// StorageAppend, or StorageWrite beside security.overwrite, for files of
	// any type: types, like the number of uses, are a matter of tokens.
	Roles       []string `yaml:"roles"`
	Permissions []string `yaml:"permissions"`
	// Locator is a UUID that names the user in paths. Empty = LocatorOf.
	Locator string `yaml:"locator"`
	// ServiceAccount: he authenticates by token alone, a hash is ignored.
	ServiceAccount bool           `yaml:"service_account"`
	Identity       IdentityConfig `yaml:"identity"`
}

// IdentityConfig is how the user is known to systems that name people by
// number. Empty text and zero numbers mean unknown.
type IdentityConfig struct {
	Domain string `yaml:"domain"`  // of users: LOCAL, POSIX_USER or ACTIVE_DIRECTORY; empty = LOCAL
	AuthID string `yaml:"auth_id"` // decimal, below 2^64; empty = one that comes from the locator
	UID    uint32 `yaml:"uid"`
	GID    uint32 `yaml:"gid"`
	SID    string `yaml:"sid"`
}

// builtinRole returns the rights of the roles that need no configuration, each
// by itself: an upload role of the file repository gives what is new.
func builtinRole(name string) (tokens.Permissions, bool) {
	switch name {
	case AdminRole:
		return tokens.Everything, true
	case "read-only":
		return tokens.StorageRead | tokens.StorageList, true
	case "append":
		return tokens.StorageAppend, true
	default:
		role, ok := fileRole(name)
		return role.Permissions, ok
	}
}

// roleRights resolves the configured roles. What does not parse grants
// nothing.
func roleRights(roles []RoleConfig) map[string]tokens.Permissions {
	rights := make(map[string]tokens.Permissions, len(roles))
	for _, r := range roles {
		rights[r.Name] |= permissionsOf(r.Permissions)
	}
	return rights
}

func permissionsOf(names []string) tokens.Permissions {
	var all tokens.Permissions
	for _, n := range names {
		if p, err := tokens.ParsePermission(n); err == nil {
			all |= p
		}
	}
	return all
}

// tenantNames lists the tenants there are, for messages.
func (c Config) tenantNames() string {
	if len(c.Tenants) == 0 {
		return DefaultTenant
	}
	names := make([]string, len(c.Tenants))
	for i, t := range c.Tenants {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}
