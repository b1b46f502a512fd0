package admin

import (
	"errors"
	"reflect"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// identify returns who asks, in any form but a signature: those are for the
// storage. Every error of it is about the caller.
func (a *Admin) identify(c echo.Context) (caller.Caller, error) {
	who, err := a.presents(c)
	if who, err = a.admit(c, who, err); err != nil {
		return who, err
	}
	return a.use(c, who)
}

// presents returns who stands behind the credential of a request.
func (a *Admin) presents(c echo.Context) (caller.Caller, error) {
	r := c.Request()
	if err := a.deps.Callers.Await(r); err != nil {
		return caller.Caller{}, err
	}
	cred, err := caller.Parser{Cookie: a.settings.Load().Cookie.Name}.Of(r, caller.AllForms)
	if err != nil {
		return caller.Caller{Form: cred.Form}, err
	}
	return a.judge(c, cred)
}

// judge finds out who stands behind a credential. What he is given with the
// context of the request from then on rests on him.
func (a *Admin) judge(c echo.Context, cred caller.Credential) (caller.Caller, error) {
	r := c.Request()
	ctx := a.deps.Tokens.Judge(r.Context())
	who, err := a.deps.Callers.Identify(ctx, cred)
	if resting := tokens.Resting(ctx, who.Subject); resting != r.Context() {
		c.SetRequest(r.WithContext(resting))
	}
	return who, err
}

// somebody returns who asks, as identify does, and refuses who does not say.
// When the body has been read, he must still be who he was: what ends a token
// or changes a user is not to be outlasted by a body that comes slowly.
func (a *Admin) somebody(c echo.Context) (caller.Caller, error) {
	who, err := a.identify(c)
	if err == nil && who.Anonymous() {
		err = tokens.ErrAnonymous
	}
	if err != nil {
		return who, err
	}
	api.OnBody(c, func() error { return a.still(c, who) })
	return who, nil
}

// still says whether somebody is who he was and may what he might. No use of
// his token is counted. What he is given rests on him as he was at first, since
// by that he was judged.
func (a *Admin) still(c echo.Context, was caller.Caller) error {
	defer c.SetRequest(c.Request())
	now, err := a.presents(c)
	if (errors.Is(err, tokens.ErrUsedUp) || errors.Is(now.Degraded, tokens.ErrUsedUp)) && was.Token != nil && was.Token.Only.Uses > 0 {
		return nil // by this very request, or one beside it
	}
	if err != nil {
		return &callerError{err}
	}
	if now.Anonymous() || !reflect.DeepEqual(*now.User, *was.User) || changed(now.Token, was.Token) {
		return tokens.ErrPermission // he changed meanwhile
	}
	return nil
}

// changed reports whether a token is not as it was, but for uses that were
// counted.
func changed(now, was *tokens.Token) bool {
	if now == nil || was == nil {
		return now != was
	}
	return now.Revision != was.Revision && (was.Only.Uses == 0 || !now.Expires.Equal(was.Expires))
}

// use holds the restrictions of the token that somebody comes by, and counts
// that it was used.
func (a *Admin) use(c echo.Context, who caller.Caller) (caller.Caller, error) {
	from := tokens.Circumstances{Client: a.origin(c).Client, Agent: strings.Join(c.Request().Header["User-Agent"], ", ")}
	if err := who.Admit(from); err != nil {
		return who, &callerError{err}
	}
	subject, err := a.deps.Tokens.Use(c.Request().Context(), who.Subject, from)
	if err != nil {
		return who, &callerError{err}
	}
	who.Subject = subject
	c.Set(callerKey, who)
	return who, nil
}

// logIn returns who typed name and password into the login page.
func (a *Admin) logIn(c echo.Context, name string, password tokens.Secret) (caller.Caller, error) {
	cred := caller.Credential{Form: caller.LoginForm, Name: name, Secret: password}
	if err := a.settings.Load().Sites.Check(c.Request(), caller.LoginForm, ""); err != nil {
		return caller.Caller{Form: caller.LoginForm}, &callerError{err}
	}
	who, err := a.judge(c, cred)
	return a.admit(c, who, err)
}

// fromHere refuses what a browser sends for another site, in whatever form it
// says who it is.
func (a *Admin) fromHere(c echo.Context) error {
	if err := a.settings.Load().Sites.Check(c.Request(), caller.LoginForm, ""); err != nil {
		return &callerError{err}
	}
	return nil
}

func (a *Admin) admit(c echo.Context, who caller.Caller, err error) (caller.Caller, error) {
	c.Set(callerKey, who)
	if who.Clear {
		clear := a.settings.Load().Cookie.Clear(a.origin(c).HTTPS)
		c.Response().Header().Add(echo.HeaderSetCookie, clear)
	}
	if err != nil {
		return who, &callerError{err}
	}
	if !who.Anonymous() {
		if err := a.settings.Load().Sites.Check(c.Request(), who.Form, ""); err != nil {
			return who, &callerError{err}
		}
	}
	return who, nil
}

func (a *Admin) origin(c echo.Context) caller.Origin {
	return a.settings.Load().Addresses.Of(c.Request())
}
