package accounts

import (
	"slices"
	"strings"
	"time"

	"tollgate/tokens"
)

// Account is a user as the directory has him. It is shared by all who look
// him up and must not be changed.
type Account struct {
	tokens.User
	PasswordHash tokens.Secret // empty = he has no password
	// ServiceAccount: he authenticates by token alone.
	ServiceAccount bool
	Locator        string      // UUID, lower case
	Identity       Identity    // with domain, auth_id and name always
	Configured     bool        // the file names him, and owns hash, roles, permissions and tenants
	Disabled       tokens.Mark // he may do nothing, by password or by token; zero = he is not
	Created        time.Time   // UTC; zero = unknown, as of every user of the file
	Roles          []string    // as they were given; what they grant is in Rights
	Permissions    []string    // as they were given

	// hash returns PasswordHash, parsed; nil = he cannot come in by password.
	// It is a function because fmt shows what unexported fields hold.
	hash func() passwordHash
}

// byPassword reports whether the account can be entered by password.
func (a *Account) byPassword() bool { return !a.ServiceAccount && a.hash != nil && a.live() }

// live reports whether the user may do anything at all.
func (a *Account) live() bool { return a.Disabled.At.IsZero() }

// Directory is a snapshot of users and tenants. It never changes, so it is
// safe for concurrent use; whoever has a newer one swaps the pointer. The zero
// value knows nobody and no place.
type Directory struct {
	users   map[string]*Account
	located map[string]*Account
	all     []*Account // by name
	rules   rules
	places  places
	dummy   passwordHash // what a check for nobody costs
}

// NewDirectory builds a snapshot from a valid configuration, what is kept
// outside the file and the names that tokens.admins lists. A user whom the
// file names is the file's alone, but for what he was disabled and for a
// password hash that was removed. A record that has only such changes makes no
// user: one who is gone from the file is nobody. What is not valid grants
// nothing and can be entered by nobody. Of two users with one locator the
// first, and the file's before the others, is found by it.
func NewDirectory(cfg Config, stored []Stored, admins []string) *Directory {
	b := builder{
		rules: rules{
			roles:     roleRights(cfg.Roles),
			admins:    slices.Clone(admins),
			oneTenant: len(cfg.Tenants) == 0,
		},
		users:      make(map[string]*Account, len(cfg.Users)+len(stored)),
		located:    make(map[string]*Account, len(cfg.Users)+len(stored)),
		difficulty: make(map[passwordHash]int),
	}
	kept := make(map[string]*Stored, len(stored))
	for i := range stored {
		kept[stored[i].Name] = &stored[i]
	}
	for _, u := range cfg.Users {
		b.add(b.rules.configured(u, kept[u.Name]))
	}
	for i := range stored {
		if !stored[i].only() {
			b.add(b.rules.stored(&stored[i]))
		}
	}
	slices.SortFunc(b.all, func(x, y *Account) int { return strings.Compare(x.Name, y.Name) })
	return &Directory{
		users: b.users, located: b.located, all: b.all, rules: b.rules,
		places: newPlaces(cfg.Tenants, cfg.BaseDomains), dummy: b.dummy(),
	}
}

// Lookup returns the account of the user with exactly that name. It does not
// know who is disabled: what may not act must not be found where somebody
// asks to act. It does not allocate.
func (d *Directory) Lookup(name string) (*Account, bool) {
	a, ok := d.users[name]
	if !ok || !a.live() {
		return nil, false
	}
	return a, true
}

// User returns what the user with exactly that name may do now, which is what
// every request of a token asks. Like Lookup it does not know who is disabled,
// and does not allocate.
func (d *Directory) User(name string) (*tokens.User, bool) {
	a, ok := d.Lookup(name)
	if !ok {
		return nil, false
	}
	return &a.User, true
}

// Account returns the account of the user with exactly that name, a disabled
// one too, for those who manage users.
func (d *Directory) Account(name string) (*Account, bool) {
	a, ok := d.users[name]
	return a, ok
}

// ByLocator returns the account with that locator, in any case, a disabled one
// too.
func (d *Directory) ByLocator(locator string) (*Account, bool) {
	a, ok := d.located[strings.ToLower(locator)]
	return a, ok
}

// All returns every account, sorted by name, the disabled ones too. The list
// is the caller's own.
func (d *Directory) All() []*Account { return slices.Clone(d.all) }

// Preview returns the account that a record would be now, so that it can be
// judged before it is one.
func (d *Directory) Preview(s Stored) *Account { return d.rules.stored(&s) }

// RoleRights returns the permissions that a role alone gives to users: a
// built-in one, one of the file repository or a configured one.
func (d *Directory) RoleRights(name string) (tokens.Permissions, bool) {
	if p, ok := builtinRole(name); ok {
		return p, true
	}
	p, ok := d.rules.roles[name]
	return p, ok
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
	rules   rules
	users   map[string]*Account
	located map[string]*Account
	all     []*Account
	// difficulty counts the users for each way of hashing.
	difficulty map[passwordHash]int
	order      []passwordHash // its keys, in the order in which they came
}

func (b *builder) add(a *Account) {
	if _, taken := b.users[a.Name]; taken || a.Name == "" {
		return
	}
	if a.byPassword() {
		b.count(a.hash().difficulty())
	}
	b.users[a.Name] = a
	b.all = append(b.all, a)
	if _, taken := b.located[a.Locator]; !taken {
		b.located[a.Locator] = a
	}
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
