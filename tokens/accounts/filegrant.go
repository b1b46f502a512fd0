package accounts

import (
	"slices"
	"strings"

	"tollgate/tokens"
)

// FileGrant is what roles of the file repository grant together. The zero
// FileGrant grants nothing.
type FileGrant struct {
	// Permissions have StorageAppend for what may be uploaded, and
	// StorageWrite with it where files may be overwritten. None = the roles
	// grant nothing; who makes a token must not read that as everything.
	Permissions tokens.Permissions
	Types       []string // of uploads, sorted; nil = any
	Uses        uint32   // how often a token can be used; 0 = any number
}

// GrantOf returns what roles of the file repository grant together: their
// permissions and media types add up, an upload of any type is one of all
// types, and without security.overwrite only what is new may be uploaded. No
// role at all and a role that there is not are a *tokens.InvalidError.
func GrantOf(roles []string) (FileGrant, error) {
	if len(roles) == 0 {
		return FileGrant{}, tokens.Invalid("no roles were read, please select valid roles: %s", fileRoleNames())
	}
	found := make([]Role, 0, len(roles))
	for _, name := range roles {
		r, ok := fileRole(name)
		if !ok {
			return FileGrant{}, tokens.Invalid("the role %q is unknown, please select valid roles: %s", short(name), fileRoleNames())
		}
		found = append(found, r)
	}
	return grantOf(found), nil
}

func grantOf(roles []Role) FileGrant {
	var (
		g                    FileGrant
		anyType, overwriting bool
	)
	for _, r := range roles {
		g.Permissions |= r.Permissions
		if r.Permissions.Has(tokens.StorageAppend) {
			anyType = anyType || len(r.Types) == 0
			g.Types = append(g.Types, r.Types...)
		}
		if r.OneUse {
			g.Uses = 1
		}
		overwriting = overwriting || r.Overwrites
	}
	if overwriting && g.Permissions.Has(tokens.StorageAppend) {
		g.Permissions |= tokens.StorageWrite
	}
	if anyType {
		g.Types = nil
	}
	slices.Sort(g.Types)
	g.Types = slices.Compact(g.Types)
	return g
}

func fileRoleNames() string {
	all := FileRepositoryRoles()
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}

// RolesOf returns the roles of the file repository that say best what a set of
// permissions grants, for tokens that were made without roles. They never say
// more than p; what no role stands for is left out. Never nil.
func RolesOf(p tokens.Permissions) []string {
	if p.Has(tokens.StorageWrite) {
		p |= tokens.StorageAppend // who may write may write what is new
	}
	if p.Has(tokens.Everything) {
		return []string{roleAdministrator}
	}
	roles := []string{}
	for _, c := range []struct {
		needs tokens.Permissions
		roles []string
	}{
		{tokens.StorageRead, []string{roleView}},
		{tokens.StorageList, []string{roleAllTags, roleListing}},
		{tokens.StorageDelete, []string{roleDelete}},
		{tokens.TokensCreate, []string{roleGenerate}},
		{tokens.TokensRead, []string{roleLookup}},
		{tokens.TokensDelete, []string{roleRevoke}},
	} {
		if p.Has(c.needs) {
			roles = append(roles, c.roles...)
		}
	}
	switch {
	case p.Has(tokens.StorageWrite):
		roles = append(roles, roleUploadAll, roleOverwrite)
	case p.Has(tokens.StorageAppend):
		roles = append(roles, roleUploadAll)
	}
	return roles
}

// short keeps a sentence from repeating more than a reader wants to see.
func short(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
