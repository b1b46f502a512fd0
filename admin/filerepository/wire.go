package filerepository

import (
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// brief is the answer to generate and to delete.
type brief struct {
	TokenID string `json:"tokenId"`
	Expires string `json:"expires"`
	Status  string `json:"status,omitempty"`
}

// details is the answer to a look-up.
type details struct {
	TokenID     string   `json:"tokenId"`
	Expires     string   `json:"expires"`
	Roles       []string `json:"roles"`
	Tags        []string `json:"tags"`
	Mimes       []string `json:"mimes"` // lower case
	MaxFileSize int64    `json:"max_file_size"`
}

// shownAs returns what an answer calls a token: as it was asked for, and an S3
// token by its access key, which is no secret.
func shownAs(t *tokens.Token, asked string) string {
	if t.SigningOnly() {
		return t.AccessKey
	}
	return asked
}

// detailsOf returns what the file repository can say of a token.
func (a *API) detailsOf(t *tokens.Token, asked string) details {
	roles := t.Roles
	if len(roles) == 0 {
		roles = accounts.RolesOf(a.grants(t))
	}
	return details{
		TokenID: shownAs(t, asked), Expires: written(t.Expires), Roles: list(roles),
		Tags: list(t.Only.Tags), Mimes: list(t.Only.Types), MaxFileSize: t.Only.SizeBelow,
	}
}

// grants returns what a token grants anywhere: what it was given of what its
// owner has now.
func (a *API) grants(t *tokens.Token) tokens.Permissions {
	owner, ok := a.Directory().Lookup(t.Owner)
	if !ok {
		return 0
	}
	return tokens.Subject{User: &owner.User, Token: t}.Powers().Rights
}

// list is [] in JSON where it is empty, never null.
func list(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}
