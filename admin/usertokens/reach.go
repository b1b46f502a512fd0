package usertokens

import (
	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// The rights any one of which is needed for the tokens of others, as the
// source document lists them for each call.
const (
	mayRead   = tokens.UsersRead | tokens.UsersCustom
	mayWrite  = tokens.UsersWrite | tokens.UsersCustom
	mayRevoke = mayWrite | tokens.UsersRevoke
)

// granted returns the rights that a token grants where its owner has them all.
func granted(t *tokens.Token) tokens.Permissions {
	all := tokens.Subject{User: &tokens.User{Rights: tokens.Everything}, Token: t}
	return all.Powers().Rights
}

// outranks reports whether a caller has every right of a user. A right on some
// resources alone is not the user's, who has it everywhere.
func outranks(who caller.Caller, u *accounts.Account) bool {
	mine := who.Powers().Rights
	if who.Token != nil && who.Token.Allowed.Placed() {
		var everywhere tokens.Permissions
		for _, a := range who.Token.Allowed {
			if len(a.Resources) == 0 {
				everywhere |= a.Permissions
			}
		}
		mine &= everywhere | ^tokens.StorageAll
	}
	return mine.Covers(u.AllRights())
}

// target is the user whom a path names.
type target struct {
	*accounts.Account
	// commanded: the caller may do what was asked for to others, so to this
	// one. If not, the target is the caller himself.
	commanded bool
}

// target returns the user whom the path names, for a caller who has one of the
// given rights and every tenant of that user, or who is that user. Who has no
// such right does not learn who exists. The errors are an *api.Error and
// tokens.ErrPermission.
func (a *API) target(c echo.Context, who caller.Caller, anyOf tokens.Permissions) (target, error) {
	locator := api.Param(c, "locator")
	if !accounts.IsLocator(locator) {
		return target{}, api.Invalid("the locator in the path is no UUID, accepted is one like 0b51f6f0-4c6c-4d0a-9d57-1c1a1a3c2a77")
	}
	account, known := a.Directory().ByLocator(locator)
	me := who.Powers()
	self := known && account.Name == who.User.Name
	commanded := me.AllRights()&anyOf != 0
	switch {
	case !commanded && !self:
		return target{}, tokens.ErrPermission
	case !known:
		return target{}, api.NotFound("no user has this locator")
	case !self && !me.Tenants.Covers(account.Tenants):
		return target{}, tokens.ErrPermission
	}
	return target{account, commanded}, nil
}
