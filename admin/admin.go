// Package admin issues and manages tokens over HTTP, on Echo. It finds out who
// asks, turns errors into answers once and logs route templates, never paths
// as they were sent. The token APIs themselves are packages below it.
package admin

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"tollgate/admin/accesstokens"
	"tollgate/admin/api"
	"tollgate/admin/contentgateway"
	"tollgate/admin/filerepository"
	"tollgate/admin/management"
	"tollgate/admin/usertokens"
	"tollgate/metrics"
	"tollgate/metrics/accesslog"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// Settings is what can change while the gateway runs. The zero Settings
// trusts no proxy and no origin; Sites and Addresses must be set.
type Settings struct {
	Cookie    caller.CookieConfig
	Addresses *caller.Addresses
	Sites     *caller.Sites
}

// Config says which APIs are served and where.
type Config struct {
	APIs       []string `yaml:"apis"`        // content_gateway, file_repository, user_tokens, access_tokens
	AdminHosts []string `yaml:"admin_hosts"` // given: management and login only on these hosts
}

// Default returns the configuration that holds when nothing is configured.
func Default() Config {
	return Config{APIs: []string{
		string(tokens.ContentGateway), string(tokens.FileRepository), string(tokens.UserTokens), string(tokens.AccessTokens),
	}}
}

// Validate reports every fault of c.
func (c Config) Validate(report func(path, message string)) {
	known := Default().APIs
	for i, name := range c.APIs {
		if !slices.Contains(known, name) {
			report(fmt.Sprintf("apis[%d]", i), fmt.Sprintf("%q is no API, accepted are %s", name, strings.Join(known, ", ")))
		}
	}
	for i, host := range c.AdminHosts {
		if host == "" || strings.ContainsAny(host, "/:@* ") || host != strings.ToLower(host) {
			report(fmt.Sprintf("admin_hosts[%d]", i), fmt.Sprintf("%q is no host, accepted is a lower-case name without a port", host))
		}
	}
}

// Deps is what the management needs. All fields but the last two must be set.
type Deps struct {
	Tokens    *tokens.Service
	Callers   *caller.Callers
	Directory func() *accounts.Directory
	Metrics   *metrics.Metrics
	Log       *accesslog.Logger
	Audit     *zap.Logger // who made, changed and ended which token
	Now       func() time.Time

	// Of the users' auth tokens.
	RemoveCredentials func(ctx context.Context, user string) error
	MaxPerUser        func() int
	// Of the gateway's own API.
	Users        *accounts.Registry
	Check        func(ctx context.Context, s tokens.Subject, d management.Described) management.Verdict
	Derive       func(text string) [32]byte
	Random       io.Reader
	HashPassword func(tokens.Secret) (tokens.Secret, error)

	// Where several gateways share the tokens; nil = this is the only one.
	Revision   func() uint64                          // of the tokens that this gateway has
	Everywhere func(ctx context.Context) (int, error) // see management.API
}

// Admin is the management. Make one with New.
type Admin struct {
	deps     Deps
	config   Config
	public   *metrics.Listener
	settings atomic.Pointer[Settings]
	login    string   // path of the login page, "" = there is none
	bare     string   // the token path without its slash, "" = it is not served
	owned    []string // first segments of the paths that are served, without those of everywhere
	ownsAll  bool     // a route begins with a parameter
}

// New returns the management with the token path that it serves; that begins
// and ends with a slash.
func New(d Deps, c Config, tokenPath string, s Settings) (*Admin, *echo.Echo) {
	a := &Admin{deps: d, config: c, public: d.Metrics.Listener(listener)}
	a.Configure(s)
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = a.answerError
	e.Use(a.observe)
	a.register(e, tokenPath)
	a.own(e.Routes())
	return a, e
}

// own notes where the routes are.
func (a *Admin) own(routes []*echo.Route) {
	for _, r := range routes {
		segment, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
		switch {
		case segment == "" || strings.ContainsAny(segment, ":*"):
			a.ownsAll = true
		case !slices.Contains(a.owned, segment):
			a.owned = append(a.owned, segment)
		}
	}
}

// MayOwn reports whether a path, as it came over the wire, may be one of the
// management's where that is served. It is sure of a no: what could be read as
// such a path in any way is a yes.
func (a *Admin) MayOwn(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if first == "" {
		return path != "/"
	}
	if a.ownsAll || path[0] != '/' || strings.ContainsAny(first, `%\;`) {
		return true
	}
	for _, segment := range a.owned {
		if len(segment) == len(first) && strings.EqualFold(segment, first) {
			return true
		}
	}
	return false
}

// register adds the routes of the APIs. That of the gateway's own is always
// there.
func (a *Admin) register(e *echo.Echo, tokenPath string) {
	host := api.Host{
		Tokens: a.deps.Tokens, Directory: a.deps.Directory, Identify: a.somebody,
		Issued: a.issued, Changed: a.changed, Ended: a.ended,
	}
	(&management.API{
		Host: host, Check: a.deps.Check, Derive: a.deps.Derive, Random: a.deps.Random,
		Users: a.deps.Users, UserChanged: a.userChanged, HashPassword: a.deps.HashPassword,
		Everywhere: a.deps.Everywhere,
	}).Register(e)
	e.RouteNotFound("/_admin/api/*", func(echo.Context) error { return contentgateway.ErrNotFound })
	if a.serves(tokens.FileRepository) {
		(&filerepository.API{Host: host}).Register(e)
	}
	if a.serves(tokens.UserTokens) {
		(&usertokens.API{Host: host, RemoveCredentials: a.deps.RemoveCredentials, MaxPerUser: a.deps.MaxPerUser}).Register(e)
	}
	if a.serves(tokens.AccessTokens) {
		(&accesstokens.API{Host: host}).Register(e)
	}
	if a.serves(tokens.ContentGateway) {
		a.registerContentGateway(e, tokenPath)
	}
}

func (a *Admin) serves(name tokens.API) bool { return slices.Contains(a.config.APIs, string(name)) }

func (a *Admin) registerContentGateway(e *echo.Echo, tokenPath string) {
	gateway := &contentgateway.API{
		Tokens: a.deps.Tokens, Directory: a.deps.Directory, Identify: a.identify, LogIn: a.logIn,
		Cookie: func() caller.CookieConfig { return a.settings.Load().Cookie },
		HTTPS:  func(c echo.Context) bool { return a.origin(c).HTTPS },
		Issued: a.issued, Ended: a.ended, FromHere: a.fromHere,
		Path: tokenPath,
	}
	gateway.Register(e)
	a.login = gateway.LoginPath()
	a.bare = strings.TrimSuffix(tokenPath, "/")
	for _, reserved := range []string{tokenPath + "*", "/_admin/*"} {
		e.RouteNotFound(reserved, func(echo.Context) error { return contentgateway.ErrNotFound })
	}
}

// Configure puts other settings in force for the requests that come after.
func (a *Admin) Configure(s Settings) { a.settings.Store(&s) }

// Serves reports whether management is served on a host, with or without a
// port.
func (a *Admin) Serves(host string) bool {
	return len(a.config.AdminHosts) == 0 || slices.Contains(a.config.AdminHosts, accounts.NormalHost(host))
}

// LoginPage returns the path of the login page on a host, or "" where there is
// none.
func (a *Admin) LoginPage(host string) string {
	if !a.Serves(host) {
		return ""
	}
	return a.login
}

// The keys under which a request's facts are kept for its line in the log.
const (
	callerKey = "tollgate.caller"
	reasonKey = "tollgate.reason"
	errorKey  = "tollgate.error"
)

// issued and ended keep account of what was done, apart from the requests.
func (a *Admin) issued(c echo.Context, t *tokens.Token) {
	a.deps.Metrics.TokenIssued(string(t.API))
	a.mark(c)
	a.audit(c, "token issued", t.Creator, t)
}

// storeRevision is the header of an answer that says how new the tokens are
// that this gateway has when something was done: caller.MinRevision of another
// request.
const storeRevision = "Gateway-Store-Revision"

func (a *Admin) mark(c echo.Context) {
	if a.deps.Revision != nil {
		c.Response().Header().Set(storeRevision, strconv.FormatUint(a.deps.Revision(), 10))
	}
}

func (a *Admin) changed(c echo.Context, t *tokens.Token) {
	a.mark(c)
	who, _ := c.Get(callerKey).(caller.Caller)
	actor := ""
	if who.User != nil {
		actor = who.User.Name
	}
	a.audit(c, "token changed", actor, t)
}

func (a *Admin) ended(c echo.Context, t *tokens.Token) {
	a.deps.Metrics.TokenEnded(string(t.API), "revoked")
	a.mark(c)
	a.audit(c, "token revoked", t.Revoked.By, t)
}

func (a *Admin) userChanged(c echo.Context, event, name string) {
	a.mark(c)
	who, _ := c.Get(callerKey).(caller.Caller)
	actor := ""
	if who.User != nil {
		actor = who.User.Name
	}
	a.deps.Audit.Info(event, zap.String("actor", actor), zap.String("user", name),
		zap.String("client_ip", a.origin(c).Client.String()),
		zap.String("request_id", c.Response().Header().Get(requestID)))
}

func (a *Admin) audit(c echo.Context, event, actor string, t *tokens.Token) {
	a.deps.Audit.Info(event,
		zap.String("actor", actor), zap.String("token_id", string(t.ID)), zap.String("owner", t.Owner),
		zap.Stringer("scope", t.Scope), zap.String("api", string(t.API)), expiry(t),
		zap.String("state", string(t.StateAt(a.deps.Now()))),
		zap.String("client_ip", a.origin(c).Client.String()),
		zap.String("request_id", c.Response().Header().Get(requestID)))
}

func expiry(t *tokens.Token) zap.Field {
	if t.Expires.IsZero() {
		return zap.Skip()
	}
	return zap.Time("expires", t.Expires)
}
