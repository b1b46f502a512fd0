// Package filerepository speaks the token API of the file repository: tokens
// under /auth/token, the list of roles under /auth/roles. It translates
// between HTTP and the token service and decides nothing. The calls, their
// answers and the bodies of errors are those of the file repository 2.1.
package filerepository

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// API is the token API of the file repository on one gateway.
type API struct{ api.Host }

// The paths of the API. All that lies below tokenPath is its own.
const (
	tokenPath    = "/auth/token" // #nosec G101 -- a path
	generatePath = tokenPath + "/generate"
	onePath      = tokenPath + "/:id"
	rolesPath    = "/auth/roles"
)

// headerTokenID is the public id in the answer that creates a token.
const headerTokenID = "Gateway-Token-Id" // #nosec G101 -- the name of a header

// Register adds the routes of the API, with and without the slash at the end.
// Methods that a path does not have are not found, and neither is what lies
// below tokenPath and is no path of the API.
func (a *API) Register(e *echo.Echo) {
	for _, slash := range []string{"", "/"} {
		e.Any(rolesPath+slash, api.Shaped(a.shape, nothingHere)) // but for those below
		e.POST(generatePath+slash, api.Shaped(a.shape, a.generate))
		e.DELETE(onePath+slash, api.Shaped(a.shape, a.revoke))
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			e.Add(method, onePath+slash, api.Shaped(a.shape, a.lookUp))
			e.Add(method, rolesPath+slash, api.Shaped(a.shape, a.roles))
		}
	}
	for _, path := range []string{tokenPath, tokenPath + "/*"} {
		e.RouteNotFound(path, api.Shaped(a.shape, nothingHere))
	}
}

func nothingHere(echo.Context) error {
	return api.NotFound("there is no such call, accepted are POST %s, GET and DELETE %s/{id} and GET %s", generatePath, tokenPath, rolesPath)
}

// manager returns who asks, never the anonymous caller.
func (a *API) manager(c echo.Context) (tokens.Manager, error) {
	who, err := a.Somebody(c)
	if err != nil {
		return tokens.Manager{}, err
	}
	return a.Manager(who, tokens.FileRepository), nil
}

// generate makes a token for the user behind the caller.
func (a *API) generate(c echo.Context) error {
	m, err := a.manager(c)
	if err != nil {
		return err
	}
	var body generation
	if _, err := api.Body(c, &body); err != nil {
		return err
	}
	order, err := body.order(m, a.Tokens.Now())
	if err != nil {
		return err
	}
	issued, err := a.Tokens.Issue(c.Request().Context(), order)
	var invalid *tokens.InvalidError
	if errors.As(err, &invalid) {
		return about(fieldExpires, err) // all else was checked before
	}
	if err != nil {
		return err
	}
	a.Issued(c, issued.Token)
	c.Response().Header().Set(headerTokenID, string(issued.Token.ID))
	return answer(c, http.StatusAccepted, brief{TokenID: issued.Value.Reveal(), Expires: written(issued.Token.Expires)})
}

// lookUp answers with one token. Ended ones are found too, as long as they are
// kept.
func (a *API) lookUp(c echo.Context) error {
	m, err := a.manager(c)
	if err != nil {
		return err
	}
	asked := c.Param("id")
	t, err := a.Tokens.Find(c.Request().Context(), m, tokens.Secret(asked))
	if err == nil && !t.Revoked.At.IsZero() {
		err = tokens.ErrUnknown // the original forgets what was revoked
	}
	if err != nil {
		return hidden(err, m.MayRead())
	}
	return answer(c, http.StatusOK, a.detailsOf(t, asked))
}

// revoke ends a token. One that has ended already is not found.
func (a *API) revoke(c echo.Context) error {
	m, err := a.manager(c)
	if err != nil {
		return err
	}
	asked := c.Param("id")
	ctx := c.Request().Context()
	t, err := a.Tokens.Revoke(ctx, m, tokens.Secret(asked), nil)
	if errors.Is(err, tokens.ErrUnknown) && !m.MayEnd() {
		// He may know of his own that they were there.
		if _, gone := a.Tokens.Find(ctx, m, tokens.Secret(asked)); gone == nil {
			return err
		}
	}
	if err != nil {
		return hidden(err, m.MayEnd())
	}
	a.Ended(c, t)
	return answer(c, http.StatusOK, brief{TokenID: shownAs(t, asked), Expires: written(t.Expires), Status: "OK"})
}

// hidden makes the answer the same for a token that is out of the manager's
// reach and for one that is not there: not allowed to who has no business with
// tokens of others, not found to who has.
func hidden(err error, others bool) error {
	switch {
	case !errors.Is(err, tokens.ErrUnknown) && !errors.Is(err, tokens.ErrNotOwner):
		return err
	case others:
		return tokens.ErrUnknown
	}
	return tokens.ErrNotOwner
}

// roles lists the roles that a token can have.
func (a *API) roles(c echo.Context) error {
	if _, err := a.manager(c); err != nil {
		return err
	}
	all := map[string]string{}
	for _, r := range accounts.FileRepositoryRoles() {
		all[r.Name] = r.Description
	}
	return answer(c, http.StatusOK, map[string]map[string]string{"roles": all})
}

// answer writes what no cache may keep.
func answer(c echo.Context, status int, body any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(status, body)
}
