package accesstokens

import (
	"context"
	"errors"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
)

// item returns who asks, and the token that the path names. Values have no
// place in it.
func (a *API) item(c echo.Context) (tokens.Manager, tokens.Secret, error) {
	m, err := a.identify(c)
	if err != nil {
		return m, "", err
	}
	id := c.Param("id")
	if !tokens.IsID(id) {
		return m, "", tokens.ErrUnknown
	}
	return m, tokens.Secret(id), nil
}

// show answers with the metadata of one token.
func (a *API) show(c echo.Context) error {
	m, id, err := a.item(c)
	if err != nil {
		return err
	}
	t, err := a.Tokens.Find(c.Request().Context(), m, id)
	if err != nil {
		return err
	}
	if err := a.mustBeThere(t); err != nil {
		return err
	}
	return answer(c, entryOf(a.Directory(), t))
}

// change enables or disables a token or gives it another end.
func (a *API) change(c echo.Context) error {
	m, id, err := a.item(c)
	if err != nil {
		return err
	}
	var asked alteration
	if _, err := api.Body(c, &asked); err != nil {
		return undecodable(err)
	}
	change, err := asked.change()
	if err != nil {
		return err
	}
	t, err := a.alter(c.Request().Context(), m, id, change)
	switch {
	case errors.Is(err, errNothing): // t is as it was
	case err != nil:
		return err
	default:
		a.Changed(c, t)
	}
	return answer(c, entryOf(a.Directory(), t))
}

// errNothing comes with the token as it is, for a change that changes nothing.
var errNothing = errors.New("nothing is to be changed")

// alter makes a change of a token that is there for this API.
func (a *API) alter(ctx context.Context, m tokens.Manager, id tokens.Secret, change tokens.Change) (*tokens.Token, error) {
	switch {
	case change.Lifetime != nil:
		change.Accept = a.mustBeThere
	case change.Enabled == nil:
		return a.leave(ctx, m, id)
	}
	t, err := a.Tokens.Change(ctx, m, id, change)
	if errors.Is(err, tokens.ErrUnknown) && change.Lifetime == nil {
		return a.alterExpired(ctx, m, id, change)
	}
	return t, err
}

// leave makes the change that changes nothing, for which one needs the right
// to move the end.
func (a *API) leave(ctx context.Context, m tokens.Manager, id tokens.Secret) (*tokens.Token, error) {
	var found *tokens.Token
	_, err := a.Tokens.Change(ctx, m, id, tokens.Change{
		Lifetime: &tokens.Lifetime{Never: true}, Revive: true,
		Accept: func(t *tokens.Token) error {
			if err := a.mustBeThere(t); err != nil {
				return err
			}
			found = t
			return errNothing
		},
	})
	return found, err
}

// alterExpired enables or disables a token that has expired. The service takes
// such a one with an end alone, so it gets the one that it has.
func (a *API) alterExpired(ctx context.Context, m tokens.Manager, id tokens.Secret, change tokens.Change) (*tokens.Token, error) {
	end := tokens.Lifetime{Past: true}
	change.Lifetime, change.Revive = &end, true
	change.Accept = func(t *tokens.Token) error {
		end.Until = t.Expires
		if t.StateAt(a.Tokens.Now()) != tokens.Expired {
			return tokens.ErrUnknown
		}
		return a.mustBeThere(t)
	}
	return a.Tokens.Change(ctx, m, id, change)
}

// mustBeThere refuses a token that is not there for this API: it has ended,
// unless it was made here and has expired, from which another end brings it
// back.
func (a *API) mustBeThere(t *tokens.Token) error {
	now := a.Tokens.Now()
	if t.EndedAt(now) && (t.API != tokens.AccessTokens || t.StateAt(now) != tokens.Expired) {
		return tokens.ErrUnknown
	}
	return nil
}

// end revokes a token.
func (a *API) end(c echo.Context) error {
	m, id, err := a.item(c)
	if err != nil {
		return err
	}
	t, err := a.Tokens.Revoke(c.Request().Context(), m, id, nil)
	if err != nil {
		return err
	}
	a.Ended(c, t)
	return answer(c, struct{}{})
}
