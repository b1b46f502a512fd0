// Package contentgateway speaks the token API of the content gateway: tokens
// for a domain under the token path, for a tenant and its domains under
// /_admin/manage. It translates between HTTP and the token service and
// decides nothing.
package contentgateway

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// ErrNotFound says: the path names a tenant or a domain that does not exist.
var ErrNotFound = errors.New("not found")

// API is the token API on one gateway. All fields must be set.
type API struct {
	Tokens    *tokens.Service
	Directory func() *accounts.Directory
	Cookie    func() caller.CookieConfig
	// Identify returns who asks. Its errors go to Echo's error handler.
	Identify func(echo.Context) (caller.Caller, error)
	// LogIn returns whose name and password were typed into the login page.
	LogIn func(c echo.Context, name string, password tokens.Secret) (caller.Caller, error)
	// HTTPS reports whether the client speaks TLS.
	HTTPS func(echo.Context) bool
	// Issued and Ended are told of every token that was made or revoked.
	Issued, Ended func(echo.Context, *tokens.Token)
	// FromHere refuses a request that a browser sent for another site.
	FromHere func(echo.Context) error
	// Path is the token path; it begins and ends with a slash.
	Path string
}

// tenantPath is where the tokens of a tenant are managed.
const tenantPath = "/_admin/manage/tenants/:tenant"

// Register adds the routes of the API.
func (a *API) Register(e *echo.Echo) {
	e.GET(a.LoginPath(), a.showLogin)
	e.HEAD(a.LoginPath(), a.showLogin)
	e.POST(a.Path+"logout", a.logOut)
	a.register(e, strings.TrimSuffix(a.Path, "/"), a.createForDomain, a.listOwn, a.ofAnyPlace)
	a.register(e, tenantPath+"/tokens", a.createManaged, a.listManaged, a.ofTenant)
	a.register(e, tenantPath+"/domains/:domain/tokens", a.createManaged, a.listManaged, a.ofTenant)
}

// LoginPath is the path of the login page.
func (a *API) LoginPath() string { return a.Path + "login" }

// register adds the routes for one collection of tokens, with and without the
// slash at the end.
func (a *API) register(e *echo.Echo, path string, create, list echo.HandlerFunc, belongs membership) {
	show := func(c echo.Context) error { return a.show(c, belongs) }
	end := func(c echo.Context) error { return a.end(c, belongs) }
	for _, slash := range []string{"", "/"} {
		e.POST(path+slash, create)
		e.GET(path+slash, list)
		e.HEAD(path+slash, list)
		e.GET(path+"/:token"+slash, show)
		e.HEAD(path+"/:token"+slash, show)
		e.DELETE(path+"/:token"+slash, end)
	}
}

// membership says whether a token belongs to the collection that the path
// names. The errors are ErrNotFound, tokens.ErrUnknown and those of holdsHere.
type membership func(c echo.Context, who caller.Caller, t *tokens.Token) error

func (a *API) ofAnyPlace(c echo.Context, who caller.Caller, _ *tokens.Token) error {
	return a.holdsHere(c, who)
}

// holdsHere refuses on the token path who has no business with the domain that
// the request names. Where it names none, one's own tokens are the same on
// every host and of no tenant's, but the token that one comes by must hold on
// this one.
func (a *API) holdsHere(c echo.Context, who caller.Caller) error {
	named := c.QueryParam("domain") != ""
	if !named && who.Token == nil {
		return nil
	}
	place, err := a.domain(c)
	if err != nil && !named {
		if who.Token.Scope.Domain != "" {
			return tokens.ErrOutOfScope // a domain's token holds on that domain alone
		}
		return nil
	}
	if err != nil {
		return err
	}
	return tokens.MayAct(who.Subject, tokens.Action{Place: place.Scope, AnyDomain: place.AnyDomain})
}

func (a *API) ofTenant(c echo.Context, who caller.Caller, t *tokens.Token) error {
	place, err := a.managed(c)
	if err != nil {
		return err
	}
	every := t.Scope.Tenant == tokens.AnyTenant && (len(t.Tenants) == 0 || slices.Contains(t.Tenants, place.Scope.Tenant))
	if t.Scope.Tenant != place.Scope.Tenant && !every || place.Scope.Domain != "" && t.Scope.Domain != place.Scope.Domain {
		return tokens.ErrUnknown
	}
	if t.Owner == who.User.Name {
		return nil
	}
	return a.mayManage(who, place)
}

// domain returns the place that a request on the token path is about: the
// domain that it names, else its host.
func (a *API) domain(c echo.Context) (accounts.Place, error) {
	host := c.Request().Host
	if named := c.QueryParam("domain"); named != "" {
		host = named
	}
	place, ok := a.Directory().Place(host)
	if !ok || place.Scope.Domain == "" {
		return accounts.Place{}, ErrNotFound
	}
	return place, nil
}

// managed returns the tenant, or the domain of it, that a management path
// names.
func (a *API) managed(c echo.Context) (accounts.Place, error) {
	d, tenant := a.Directory(), c.Param("tenant")
	if !d.Tenant(tenant) {
		return accounts.Place{}, ErrNotFound
	}
	if !slices.Contains(c.ParamNames(), "domain") {
		return accounts.Place{Scope: tokens.Scope{Tenant: tenant}}, nil
	}
	// An empty name is none: it must not widen what is asked for to the
	// tenant.
	place, ok := d.Place(c.Param("domain"))
	if !ok || place.Scope.Tenant != tenant || place.Scope.Domain == "" {
		return accounts.Place{}, ErrNotFound
	}
	return place, nil
}

// mayManage refuses who has no business with the tokens of others in a place: a
// domain's token has none with the whole tenant.
func (a *API) mayManage(who caller.Caller, place accounts.Place) error {
	return tokens.MayAct(who.Subject, tokens.Action{Place: place.Scope, AnyDomain: a.Directory().AnyDomain()})
}

// identify returns somebody, not the anonymous caller. A query that cannot be
// read is refused: what is left out of it could be the very argument that
// narrows what is asked for.
func (a *API) identify(c echo.Context) (caller.Caller, error) {
	who, err := a.Identify(c)
	if err == nil && who.Anonymous() {
		err = tokens.ErrAnonymous
	}
	if err != nil {
		return who, err
	}
	if _, err := url.ParseQuery(c.Request().URL.RawQuery); err != nil {
		return who, tokens.Invalid("the query cannot be read, accepted are arguments of the form name=value with %%XX for what is no letter or digit")
	}
	return who, nil
}

// manager is who asks, as this API has him.
func (a *API) manager(who caller.Caller) tokens.Manager {
	return tokens.Manager{Subject: who.Subject, Via: tokens.ContentGateway, AnyDomain: a.Directory().AnyDomain()}
}

// show answers with one live token.
func (a *API) show(c echo.Context, belongs membership) error {
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	asked := c.Param("token")
	t, err := a.Tokens.Show(c.Request().Context(), a.manager(who), tokens.Secret(asked))
	if err != nil {
		return err
	}
	if t.StateAt(a.Tokens.Now()) != tokens.Active {
		return tokens.ErrUnknown // this API cannot say that a token is there and does not count
	}
	if err := belongs(c, who, t); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, tokenObject(t, asked))
}

// end revokes a token; of one's own it is the log out.
func (a *API) end(c echo.Context, belongs membership) error {
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	ref := tokens.Secret(c.Param("token"))
	t, err := a.Tokens.Revoke(c.Request().Context(), a.manager(who), ref, func(t *tokens.Token) error { return belongs(c, who, t) })
	if err != nil {
		return err
	}
	a.Ended(c, t)
	a.forget(c, who, t)
	return c.NoContent(http.StatusOK)
}

// forget takes the cookie from a browser whose token was just ended.
func (a *API) forget(c echo.Context, who caller.Caller, ended *tokens.Token) {
	if who.Form == caller.Cookie && who.Token != nil && who.Token.ID == ended.ID {
		c.Response().Header().Add(echo.HeaderSetCookie, a.Cookie().Clear(a.HTTPS(c)))
	}
}
