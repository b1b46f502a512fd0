package management

import (
	"slices"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// roleGrant returns what roles give to a token: those of the file repository
// together, because some say something about the others, and each of the rest
// its permissions.
func roleGrant(d *accounts.Directory, names []string) (accounts.FileGrant, error) {
	ofFiles := accounts.FileRepositoryRoles()
	var together []string
	var rest tokens.Permissions
	for _, name := range names {
		if slices.ContainsFunc(ofFiles, func(r accounts.Role) bool { return r.Name == name }) {
			together = append(together, name)
			continue
		}
		p, ok := d.RoleRights(name)
		if !ok {
			return accounts.FileGrant{}, api.Invalid("roles: %s is no role, accepted are the built-in ones, those of the file repository and the configured ones", quoted(name))
		}
		rest |= p
	}
	var given accounts.FileGrant
	if len(together) > 0 {
		var err error
		if given, err = accounts.GrantOf(together); err != nil {
			return given, err
		}
	}
	given.Permissions |= rest
	return given, nil
}

// restrict adds what comes with roles. Media types that were asked for take the
// place of the roles' own.
func restrict(only *tokens.Restrictions, given accounts.FileGrant) error {
	if len(only.Types) == 0 {
		only.Types = slices.Clone(given.Types)
	}
	switch {
	case given.Uses == 0:
	case only.Uses == 0:
		only.Uses = given.Uses
	case only.Uses > given.Uses:
		return api.Invalid("max_uses was read as %d, accepted with these roles are at most %d", only.Uses, given.Uses)
	}
	return nil
}
