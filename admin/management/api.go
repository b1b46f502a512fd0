// Package management is the gateway's own API for tokens and users, the one
// that can express everything: JSON, times as RFC 3339, errors as RFC 9457.
// The command line and the console are its clients. It translates between HTTP
// and the token service; the description of it is openapi.json.
package management

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// Where the API is.
const (
	basePath   = "/_admin/api/v1"
	tokensPath = basePath + "/tokens"
	usersPath  = basePath + "/users"
)

// headerTokenID names a new token in the answer that made it.
const headerTokenID = "Gateway-Token-Id" // #nosec G101 -- the name of a header

// API is the management API on one gateway. All fields but Everywhere must be
// set.
type API struct {
	api.Host
	// Check decides about a described request as the proxy would. It changes
	// nothing and counts no use.
	Check func(ctx context.Context, s tokens.Subject, d Described) Verdict
	// Derive returns bytes that are always the same for a text and that nobody
	// can tell who has no key, as tokens.Sealer has it.
	Derive func(text string) [32]byte
	// Random is where secret keys come from: safe for concurrent use and fit
	// for keys, as crypto/rand.Reader is.
	Random io.Reader
	// Users is where users are changed. Directory has them at once.
	Users *accounts.Registry
	// UserChanged is told of every change of a user, once that is durable.
	UserChanged func(c echo.Context, event, name string)
	// Everywhere returns how many gateways are alive, all of which have what
	// this one has done; nil = there is this one alone.
	Everywhere func(ctx context.Context) (gateways int, err error)
	// HashPassword returns the hash under which a password is kept.
	HashPassword func(tokens.Secret) (tokens.Secret, error)
}

// Register adds the routes of the API, with and without the slash at the end.
func (a *API) Register(e *echo.Echo) {
	get := func(path string, handle echo.HandlerFunc) {
		add(e, http.MethodGet, path, handle)
		add(e, http.MethodHead, path, handle)
	}
	get(basePath+"/openapi.json", showDocument)
	add(e, http.MethodPost, tokensPath, a.create)
	get(tokensPath, a.list)
	get(tokensPath+"/:id", a.show)
	add(e, http.MethodPatch, tokensPath+"/:id", a.change)
	add(e, http.MethodDelete, tokensPath+"/:id", a.end)
	add(e, http.MethodPost, tokensPath+"/:id/check", a.check)
	add(e, http.MethodPost, tokensPath+"/revoke", a.endAll)
	get(usersPath, a.listUsers)
	get(usersPath+"/:name", a.showUser)
	add(e, http.MethodPost, usersPath, a.createUser)
	add(e, http.MethodPatch, usersPath+"/:name", a.changeUser)
	add(e, http.MethodDelete, usersPath+"/:name", a.removeUser)
	add(e, http.MethodDelete, usersPath+"/:name/credentials", a.removeCredentials)
}

func add(e *echo.Echo, method, path string, handle echo.HandlerFunc) {
	e.Add(method, path, handle)
	e.Add(method, path+"/", handle)
}

// identify returns somebody, not the anonymous caller, and the arguments of the
// query. One that is not known is refused, and so is a query that cannot be
// read: what is left out of it could be the very argument that narrows what is
// asked for.
func (a *API) identify(c echo.Context, known ...string) (caller.Caller, arguments, error) {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	who, err := a.Somebody(c)
	if err != nil {
		return who, nil, err
	}
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return who, nil, api.Invalid("the query cannot be read, accepted are arguments of the form name=value with %%XX for what is no letter or digit")
	}
	query.Del("_token") // a credential, which is not for here
	args := arguments(query)
	if err := args.check(known); err != nil {
		return who, args, err
	}
	return who, args, checkWait(args)
}

// manager is who asks, as this API has him.
func (a *API) manager(who caller.Caller) tokens.Manager {
	return a.Manager(who, tokens.Management)
}

// maxArgument bounds an argument of the query, in bytes: longer than any name,
// and as much as every store takes.
const maxArgument = 1024

// arguments are those of a query.
type arguments url.Values

// check refuses what cannot be an argument.
func (q arguments) check(known []string) error {
	for name, values := range q {
		if !slices.Contains(known, name) {
			return api.Invalid("the argument %s is not known here, accepted are %s", quoted(name), listed(known))
		}
		if len(values) > 1 && name != "state" {
			return api.Invalid("%s was given %d times, accepted is once", name, len(values))
		}
		for _, value := range values {
			if err := checkLine(name, value, maxArgument); err != nil {
				return err
			}
			if value == "" {
				return api.Invalid("%s is empty, accepted is a value; leave it out to mean any", name)
			}
		}
	}
	return nil
}

// get returns an argument; "" = it was not given.
func (q arguments) get(name string) string { return url.Values(q).Get(name) }

// listed names what is accepted.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
