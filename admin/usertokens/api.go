// Package usertokens speaks the API of users' auth tokens (seed document 001):
// tokens for oneself under /auth/users/tokens, and the tokens, login sessions
// and credentials of one user under /auth/users/{locator}. It translates
// between HTTP and the token service.
package usertokens

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// API is the API on one gateway. All fields must be set.
type API struct {
	api.Host
	// RemoveCredentials takes a user's password away, by his name, until he
	// is given another. It is durable and in force when it returns without an
	// error; a user without a password is none.
	RemoveCredentials func(ctx context.Context, name string) error
	// MaxPerUser returns how many tokens that have not ended a user may have
	// of this API; 0 = any number.
	MaxPerUser func() int
}

// The paths. In requestUri and in logs they stand for those that were sent,
// which can hold a value.
const (
	root    = "/auth/users"
	own     = root + "/tokens"
	ofUser  = root + "/:locator"
	byToken = "/:token"
)

// Register adds the routes of the API. A HEAD is answered as a GET, and a
// slash at the end makes no difference.
func (a *API) Register(e *echo.Echo) {
	for _, slash := range []string{"", "/"} {
		for _, r := range []struct {
			method, path string
			handle       echo.HandlerFunc
		}{
			{http.MethodPost, own, a.createOwn},
			{http.MethodGet, own, a.listAll},
			{http.MethodDelete, own + byToken, a.endOwn},
			{http.MethodPost, ofUser + "/tokens", a.createOf},
			{http.MethodGet, ofUser + "/tokens", a.listOf},
			{http.MethodDelete, ofUser + "/tokens" + byToken, a.endOf},
			{http.MethodPost, ofUser + "/revoke", a.revokeSessions},
			{http.MethodDelete, ofUser + "/credentials", a.removeCredentials},
		} {
			e.Add(r.method, r.path+slash, api.Shaped(shape, r.handle))
			if r.method == http.MethodGet {
				e.HEAD(r.path+slash, api.Shaped(shape, r.handle))
			}
		}
	}
	for _, rest := range []string{root, root + "/*"} {
		e.RouteNotFound(rest, api.Shaped(shape, noRoute))
	}
}

func noRoute(echo.Context) error {
	return api.NotFound("nothing of users' auth tokens has this method and path")
}

// exception is the body of a failure. The Insurance Suite documents none; this
// is the ExceptionResponse of the system before it, whose three codes are
// numbers. It has a list of apiErrorCode values of its own that do not fit
// here, so that all three are the status; Code is what programs may rely on.
type exception struct {
	APIErrorCode  int    `json:"apiErrorCode"`
	HTTPErrorCode int    `json:"httpErrorCode"`
	HTTPStatus    int    `json:"httpStatus"`
	Code          string `json:"code"`
	Message       string `json:"message"`
	ReferenceID   string `json:"referenceId"`
	RequestMethod string `json:"requestMethod"`
	RequestURI    string `json:"requestUri"` // the template of the route
}

// shape is the api.Shape of this API. Why a credential is not accepted is no
// business of whoever sent it.
func shape(c echo.Context, f api.Failure, _ error) error {
	code := f.Reason
	if f.Status == http.StatusUnauthorized {
		code = "unauthenticated"
	}
	return c.JSON(f.Status, exception{
		APIErrorCode: f.Status, HTTPErrorCode: f.Status, HTTPStatus: f.Status,
		Code: code, Message: f.Detail, ReferenceID: f.ID,
		RequestMethod: c.Request().Method, RequestURI: c.Path(),
	})
}

// manager is who asks, as this API has him.
func (a *API) manager(who caller.Caller) tokens.Manager {
	return a.Manager(who, tokens.UserTokens)
}
