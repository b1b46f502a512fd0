package management

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// mayMake refuses a change of a user to who has not every right and tenant of
// him before and after it: nobody gets more than he has by way of another. A
// user that is not there is the zero User.
func mayMake(me, was, will tokens.User) error {
	switch {
	case !me.Tenants.Covers(was.Tenants) || !me.Tenants.Covers(will.Tenants):
		return tokens.ErrOtherTenant
	case !me.AllRights().Covers(was.AllRights()) || !me.AllRights().Covers(will.AllRights()):
		return tokens.ErrPermission
	}
	return nil
}

// changer returns who asks, and what is left of him, as far as he may change
// users.
func (a *API) changer(c echo.Context) (caller.Caller, tokens.User, error) {
	who, _, err := a.identify(c, argWait)
	if err != nil {
		return who, tokens.User{}, err
	}
	me := who.Powers()
	if !me.Rights.Has(tokens.UsersWrite) || a.confined(who.Token) {
		return who, me, tokens.ErrPermission
	}
	return who, me, nil
}

// confined reports whether a token is narrowed in a way that a user cannot be:
// whoever came by it could get out of that by way of a user.
func (a *API) confined(t *tokens.Token) bool {
	if t == nil {
		return false
	}
	return t.Narrowed() && !t.Expires.IsZero() || t.Allowed.Placed() || !t.Only.IsZero() || t.Scope.Domain != "" && !a.Directory().AnyDomain()
}

// target returns the user that the path names, if the caller may change him.
func (a *API) target(c echo.Context, me tokens.User) (*accounts.Account, error) {
	u, ok := a.Directory().Account(api.Param(c, "name"))
	if !ok {
		return nil, failed(accounts.ErrNoSuchUser)
	}
	return u, mayMake(me, u.User, tokens.User{})
}

// failed turns what the registry says into what this API answers.
func failed(err error) error {
	conflict := func(detail string) error {
		return &api.Error{Status: http.StatusConflict, Reason: api.ReasonConflict, Detail: detail}
	}
	switch {
	case errors.Is(err, accounts.ErrNoSuchUser):
		return api.NotFound("there is no such user")
	case errors.Is(err, accounts.ErrUserExists):
		return conflict("there is a user of that name already, or was one that is not forgotten")
	case errors.Is(err, accounts.ErrConfigured):
		return conflict("the user is in the configuration file and is changed there, but for enabled")
	}
	return err
}

// createUser makes a user.
func (a *API) createUser(c echo.Context) error {
	who, me, err := a.changer(c)
	if err != nil {
		return err
	}
	var b userBody
	if _, err := body(c, &b); err != nil {
		return err
	}
	if err := b.checkNew(); err != nil {
		return err
	}
	set, err := a.setter(who, &b)
	if err != nil {
		return err
	}
	s := accounts.Stored{Name: *b.Name, Created: a.now()}
	set(&s)
	if err := mayMake(me, tokens.User{}, a.Directory().Preview(s).User); err != nil {
		return err
	}
	if s.PasswordHash, err = a.hash(b.Password); err != nil {
		return err
	}
	if err := a.Users.Create(c.Request().Context(), s); err != nil {
		return failed(err)
	}
	a.UserChanged(c, "user created", s.Name)
	c.Response().Header().Set(echo.HeaderLocation, usersPath+"/"+url.PathEscape(s.Name))
	return a.answerUser(c, http.StatusCreated, s.Name)
}

// now returns the time as records keep it.
func (a *API) now() time.Time { return a.Tokens.Now().UTC().Truncate(time.Millisecond) }

// changeUser changes a user.
func (a *API) changeUser(c echo.Context) error {
	who, me, err := a.changer(c)
	if err != nil {
		return err
	}
	var b userBody
	if _, err := body(c, &b); err != nil {
		return err
	}
	u, err := a.target(c, me)
	if err != nil {
		return err
	}
	if err := b.checkChange(); err != nil {
		return err
	}
	if b.Enabled != nil && !*b.Enabled {
		if err := notOneself(who, u.Name); err != nil {
			return err
		}
	}
	ctx := c.Request().Context()
	switch {
	case !u.Configured:
		err = a.amend(ctx, who, me, u.Name, &b)
	case b.onlyEnabled():
		err = a.Users.SetDisabled(ctx, u.Name, a.mark(who, *b.Enabled))
	default:
		err = accounts.ErrConfigured
	}
	if err != nil {
		return failed(err)
	}
	a.UserChanged(c, "user changed", u.Name)
	return a.answerUser(c, http.StatusOK, u.Name)
}

// amend changes a user who is kept in the store.
func (a *API) amend(ctx context.Context, who caller.Caller, me tokens.User, name string, b *userBody) error {
	set, err := a.setter(who, b)
	if err != nil {
		return err
	}
	hash, err := a.hash(b.Password)
	if err != nil {
		return err
	}
	return a.Users.Change(ctx, name, func(s *accounts.Stored) error {
		// No other change slips in between here and the write.
		was := a.Directory().Preview(*s).User
		set(s)
		if hash != "" {
			s.PasswordHash = hash
		}
		return mayMake(me, was, a.Directory().Preview(*s).User)
	})
}

// notOneself keeps whoever manages users from locking himself out, and with the
// last of them everybody.
func notOneself(who caller.Caller, name string) error {
	if who.User.Name != name {
		return nil
	}
	return &api.Error{
		Status: http.StatusConflict, Reason: api.ReasonConflict,
		Detail: "nobody can disable or remove himself or his own credentials here, another who manages users can",
	}
}

// mark is what disables a user, or enables him.
func (a *API) mark(who caller.Caller, enabled bool) tokens.Mark {
	if enabled {
		return tokens.Mark{}
	}
	return tokens.Mark{At: a.now(), By: who.User.Name}
}

// removeUser removes a user and ends his tokens, first of all: where the user
// is gone nobody can tell any more which tenants they hold in.
func (a *API) removeUser(c echo.Context) error {
	who, me, err := a.changer(c)
	if err != nil {
		return err
	}
	u, err := a.target(c, me)
	if err != nil {
		return err
	}
	if u.Configured {
		return failed(accounts.ErrConfigured)
	}
	if err := notOneself(who, u.Name); err != nil {
		return err
	}
	if err := a.endTokens(c, who, u.Name); err != nil {
		return err
	}
	if err := a.Users.Delete(c.Request().Context(), u.Name); err != nil {
		return failed(err)
	}
	a.UserChanged(c, "user removed", u.Name)
	if err := a.everywhere(c); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// removeCredentials takes away a user's password and then ends all his tokens,
// so that he makes no new ones meanwhile. When a part of it fails, sending the
// request again goes on.
func (a *API) removeCredentials(c echo.Context) error {
	who, me, err := a.changer(c)
	if err != nil {
		return err
	}
	u, err := a.target(c, me)
	if err != nil {
		return err
	}
	if err := notOneself(who, u.Name); err != nil {
		return err
	}
	if err := a.Users.RemoveCredentials(c.Request().Context(), u.Name); err != nil {
		return failed(err)
	}
	a.UserChanged(c, "credentials of user removed", u.Name)
	if err := a.endTokens(c, who, u.Name); err != nil {
		return err
	}
	if err := a.everywhere(c); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// endTokens revokes all tokens of a user. Who may change him needs no right to
// end tokens besides, which is what the API of users' tokens asks for too.
func (a *API) endTokens(c echo.Context, who caller.Caller, name string) error {
	// Also those that still name a tenant which he has not now: they would
	// count again if he got it back.
	everywhere := &tokens.User{Name: who.User.Name, Tenants: tokens.Tenants{Any: true}, Rights: tokens.Everything}
	m := tokens.Manager{Subject: tokens.Subject{User: everywhere}, Via: tokens.Management}
	_, err := a.Tokens.RevokeAll(c.Request().Context(), m, tokens.Filter{Owner: name}, func(t *tokens.Token) { a.Ended(c, t) })
	if err != nil {
		return fmt.Errorf("end tokens of user: %w", err)
	}
	return nil
}
