package tokens

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Permissions is a set of rights. The zero value grants nothing.
type Permissions uint32

// The rights, each one action on one kind of resource.
const (
	StorageRead Permissions = 1 << iota
	StorageList
	StorageWrite
	StorageDelete
	TokensCreate
	TokensRead
	TokensDelete
	UsersRead
	UsersWrite
	UsersCustom
	UsersRevoke
	AccessTokensRead
	AccessTokensWrite
	// StorageAppend writes objects that do not exist yet and nothing else.
	StorageAppend
)

// Unions of rights.
const (
	StorageAll      = StorageRead | StorageList | StorageWrite | StorageDelete | StorageAppend
	TokensAll       = TokensCreate | TokensRead | TokensDelete
	UsersAll        = UsersRead | UsersWrite | UsersCustom | UsersRevoke
	AccessTokensAll = AccessTokensRead | AccessTokensWrite
	Everything      = StorageAll | TokensAll | UsersAll | AccessTokensAll
)

// permissionNames is the closed list of what can be written in a permission.
var permissionNames = map[string]Permissions{
	"*.*":                 Everything,
	"storage.*":           StorageAll,
	"storage.read":        StorageRead,
	"storage.list":        StorageList,
	"storage.write":       StorageWrite | StorageAppend,
	"storage.append":      StorageAppend,
	"storage.delete":      StorageDelete,
	"tokens.*":            TokensAll,
	"tokens.create":       TokensCreate,
	"tokens.read":         TokensRead,
	"tokens.delete":       TokensDelete,
	"users.*":             UsersAll,
	"users.read":          UsersRead,
	"users.write":         UsersWrite,
	"users.custom":        UsersCustom,
	"users.revoke":        UsersRevoke,
	"access_tokens.*":     AccessTokensAll,
	"access_tokens.read":  AccessTokensRead,
	"access_tokens.write": AccessTokensWrite,
}

// ParsePermission reads resource.action, resource.* or *.*.
func ParsePermission(s string) (Permissions, error) {
	p, ok := permissionNames[s]
	if !ok {
		return 0, fmt.Errorf("%q is no permission, accepted are %s", s, strings.Join(PermissionNames(), ", "))
	}
	return p, nil
}

// PermissionNames returns everything that ParsePermission accepts, sorted.
func PermissionNames() []string { return slices.Sorted(maps.Keys(permissionNames)) }

// namedInOrder are the names that make up a set, wide ones first.
var namedInOrder = [...]string{ // #nosec G101 -- names
	"*.*", "storage.*", "tokens.*", "users.*", "access_tokens.*",
	"storage.read", "storage.list", "storage.write", "storage.append", "storage.delete",
	"tokens.create", "tokens.read", "tokens.delete",
	"users.read", "users.write", "users.custom", "users.revoke",
	"access_tokens.read", "access_tokens.write",
}

// Names returns the fewest names that make up p.
func (p Permissions) Names() []string {
	if p.Has(StorageWrite) {
		p |= StorageAppend // who may write may write what is new
	}
	names, rest := []string{}, p
	for _, name := range namedInOrder {
		if set := permissionNames[name]; rest&set != 0 && p.Covers(set) {
			names = append(names, name)
			rest &^= set
		}
	}
	return names
}

// Has reports whether p contains all of need. Nobody has the empty need: an
// action that names no right is never permitted.
func (p Permissions) Has(need Permissions) bool { return need != 0 && p&need == need }

// Covers reports whether p contains every right of other, which may be none.
func (p Permissions) Covers(other Permissions) bool { return p&other == other }
