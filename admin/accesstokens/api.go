// Package accesstokens speaks the access token API (seed document 003): long
// lived tokens for users, under /v1/auth/access-tokens/. It translates between
// HTTP and the token service.
package accesstokens

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// API is the API on one gateway. All fields must be set.
type API struct{ api.Host }

// root is the path of all tokens, but for the slash at its end.
const root = "/v1/auth/access-tokens"

// Register adds the routes of the API. A HEAD is answered as a GET, and a
// slash at the end makes no difference.
func (a *API) Register(e *echo.Echo) {
	for _, slash := range []string{"", "/"} {
		for _, r := range []struct {
			method, path string
			handle       echo.HandlerFunc
		}{
			{http.MethodGet, root, a.list},
			{http.MethodHead, root, a.list},
			{http.MethodPost, root, a.create},
			{http.MethodGet, root + "/:id", a.show},
			{http.MethodHead, root + "/:id", a.show},
			{http.MethodPatch, root + "/:id", a.change},
			{http.MethodDelete, root + "/:id", a.end},
		} {
			e.Add(r.method, r.path+slash, api.Shaped(shape, r.handle))
		}
	}
	for _, rest := range []string{root, root + "/*"} {
		e.RouteNotFound(rest, api.Shaped(shape, noRoute))
	}
}

func noRoute(echo.Context) error {
	return api.NotFound("nothing of the access tokens has this method and path")
}

// identify returns somebody, not the anonymous caller, as this API has him.
func (a *API) identify(c echo.Context) (tokens.Manager, error) {
	who, err := a.Somebody(c)
	return a.manager(who), err
}

// manager is who asks, as this API has him.
func (a *API) manager(who caller.Caller) tokens.Manager {
	return a.Manager(who, tokens.AccessTokens)
}

// answer writes what must not be kept by anybody on the way. An & stays as it
// is, so that the URI of the next page can be read off.
func answer(c echo.Context, body any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSONBlob(http.StatusOK, text.Bytes())
}
