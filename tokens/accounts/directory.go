package accounts

import (
	"slices"
	"strings"

	"tollgate/tokens"
)

// Account is a user as the directory has him. It is shared by all who look
// him up and must not be changed.
type Account struct {
	tokens.User
	PasswordHash tokens.Secret // empty = he has no password
	// ServiceAccount: he authenticates by token alone.
	ServiceAccount bool
	Locator        string // UUID, lower case

	// hash returns PasswordHash, parsed; nil = he cannot come in by password.
	// It is a function because fmt shows what unexported fields hold.
	hash func() passwordHash
}

// byPassword reports whether the account can be entered by password.
func (a *Account) byPassword() bool { return !a.ServiceAccount && a.hash != nil }

// Directory is a snapshot of users and tenants. It never changes, so it is
// safe for concurrent use; whoever has a newer one swaps the pointer. The zero
// value knows nobody and no place.
type Directory struct {
	users  map[string]*Account
	places places
	dummy  passwordHash // what a check for nobody costs
}

// NewDirectory builds a snapshot from a valid configuration, the users that
// are kept outside the file and the names that tokens.admins lists. A user
// whom the file names is the file's alone. What is not valid grants nothing
// and can be entered by nobody.
func NewDirectory(cfg Config, stored []Stored, admins []string) *Directory {
	b := builder{
		roles:      roleRights(cfg.Roles),
		admins:     admins,
		oneTenant:  len(cfg.Tenants) == 0,
		users:      make(map[string]*Account, len(cfg.Users)+len(stored)),
		difficulty: make(map[passwordHash]int),
	}
	for _, u := range cfg.Users {
		b.add(u)
	}
	for _, s := range stored {
		b.add(s.config())
	}
	return &Directory{users: b.users, places: newPlaces(cfg.Tenants, cfg.BaseDomains), dummy: b.dummy()}
}

// Lookup returns the account of the user with exactly that name. It does not
// allocate.
func (d *Directory) Lookup(name string) (*Account, bool) {
	a, ok := d.users[name]
	return a, ok
}

// stranger returns the hash that a check for nobody works on.
func (d *Directory) stranger() passwordHash {
	if !d.dummy.usable() {
		return defaultHash()
	}
	return d.dummy
}

// builder collects what becomes a Directory.
type builder struct {
	roles     map[string]tokens.Permissions
	admins    []string
	oneTenant bool
	users     map[string]*Account
	// difficulty counts the users for each way of hashing.
	difficulty map[passwordHash]int
	order      []passwordHash // its keys, in the order in which they came
}

func (b *builder) add(u UserConfig) {
	if _, taken := b.users[u.Name]; taken || u.Name == "" {
		return
	}
	a := &Account{
		User: tokens.User{
			Name:       u.Name,
			Tenants:    b.tenants(u),
			Rights:     b.rights(u),
			TokenAdmin: slices.Contains(b.admins, u.Name),
		},
		PasswordHash:   u.PasswordHash,
		ServiceAccount: u.ServiceAccount,
		Locator:        strings.ToLower(u.Locator),
	}
	if a.Locator == "" {
		a.Locator = LocatorOf(u.Name)
	}
	if h, err := parseHash(u.PasswordHash.Reveal()); err == nil {
		a.hash = func() passwordHash { return h }
	}
	if a.byPassword() {
		b.count(a.hash().difficulty())
	}
	b.users[u.Name] = a
}

func (b *builder) count(h passwordHash) {
	if b.difficulty[h] == 0 {
		b.order = append(b.order, h)
	}
	b.difficulty[h]++
}

// dummy returns a hash as hard as most users' hashes are. Of two that as many
// users have, the one that came first counts.
func (b *builder) dummy() passwordHash {
	most := defaultHash()
	for _, h := range b.order {
		if b.difficulty[h] > b.difficulty[most] {
			most = h
		}
	}
	return most
}

func (b *builder) tenants(u UserConfig) tokens.Tenants {
	switch {
	case slices.Contains(u.Roles, AdminRole), slices.Equal(u.Tenants, []string{AnyTenant}):
		return tokens.Tenants{Any: true}
	case len(u.Tenants) == 0 && b.oneTenant:
		return tokens.Tenants{Names: []string{DefaultTenant}}
	default:
		names := slices.Clone(u.Tenants)
		slices.Sort(names)
		return tokens.Tenants{Names: slices.Compact(names)}
	}
}

func (b *builder) rights(u UserConfig) tokens.Permissions {
	if len(u.Roles) == 0 && len(u.Permissions) == 0 {
		return tokens.StorageAll
	}
	all := permissionsOf(u.Permissions)
	for _, r := range u.Roles {
		// The built-in roles cannot be redefined, so they come first.
		if p, ok := builtinRole(r); ok {
			all |= p
			continue
		}
		all |= b.roles[r]
	}
	return all
}
