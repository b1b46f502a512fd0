package usertokens

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// endOwn ends a token of the caller by value, public id or name. By value or
// id it ends another's too, for who may: the list beside it shows them.
func (a *API) endOwn(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	return a.end(c, who, who.User.Name, nil)
}

// endOf ends a token of one user.
func (a *API) endOf(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	user, err := a.target(c, who, mayWrite)
	if err != nil {
		return err
	}
	return a.end(c, who, user.Name, func(t *tokens.Token) error {
		if t.Owner != user.Name {
			return tokens.ErrUnknown
		}
		return nil
	})
}

// maxRef bounds what a token is named by: no value, id or name is longer, and
// stores take no longer ones.
const maxRef = 1024

// end ends the token that the path names: by value or public id if accept
// takes it, else by the name that it has among the owner's.
func (a *API) end(c echo.Context, who caller.Caller, owner string, accept func(*tokens.Token) error) error {
	ref := api.Param(c, "token")
	if ref == "" || len(ref) > maxRef {
		return tokens.ErrUnknown
	}
	ctx := c.Request().Context()
	t, err := a.Tokens.Revoke(ctx, a.manager(who), tokens.Secret(ref), accept)
	switch {
	case err == nil:
		a.Ended(c, t)
		return c.NoContent(http.StatusNoContent)
	case !errors.Is(err, tokens.ErrUnknown):
		return err
	}
	// Not List and then Revoke: who may end tokens need not be able to see them.
	n, err := a.endAll(c, a.manager(who), tokens.Filter{Owner: owner, Name: ref})
	if err == nil && n == 0 {
		err = tokens.ErrUnknown
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// revokeSessions ends a user's login sessions: the content gateway's tokens
// that are no S3 key pairs.
func (a *API) revokeSessions(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	user, err := a.target(c, who, mayRevoke)
	if err != nil {
		return err
	}
	if me := who.Powers(); !me.Tenants.Covers(user.Tenants) {
		return tokens.ErrPermission // some sessions would stay
	}
	m := a.manager(who) // whose narrowed token may not be for this
	if user.commanded {
		m = executor(who)
	}
	sessions := tokens.Filter{Owner: user.Name, API: tokens.ContentGateway, Plain: true}
	if _, err := a.endAll(c, m, sessions); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// removeCredentials takes a user's password and ends all his tokens, in this
// order: in the other he could make a new token in between. Unlike the rest
// it needs the right for oneself too, since there is no way back.
func (a *API) removeCredentials(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	user, err := a.target(c, who, mayWrite)
	if err != nil {
		return err
	}
	me := who.Powers()
	if !user.commanded || !outranks(who, user.Account) || !me.Tenants.Covers(user.Tenants) {
		return tokens.ErrPermission
	}
	if err := a.RemoveCredentials(c.Request().Context(), user.Name); err != nil {
		return err
	}
	if _, err := a.endAll(c, executor(who), tokens.Filter{Owner: user.Name}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// executor is the caller with all that it takes to end whichever token of a
// user whom he was found to command: also those that still name a tenant which
// neither has now, and would count again if the user got it back. What is kept
// about an end names him.
func executor(who caller.Caller) tokens.Manager {
	user := &tokens.User{Name: who.User.Name, Tenants: tokens.Tenants{Any: true}, Rights: tokens.UsersWrite}
	return tokens.Manager{Subject: tokens.Subject{User: user}, Via: tokens.UserTokens}
}

// endAll ends what the filter selects and returns how many tokens that were.
func (a *API) endAll(c echo.Context, m tokens.Manager, f tokens.Filter) (int, error) {
	return a.Tokens.RevokeAll(c.Request().Context(), m, f, func(t *tokens.Token) { a.Ended(c, t) })
}
