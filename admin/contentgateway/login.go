package contentgateway

import (
	_ "embed" // for the page
	"errors"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

//go:embed login.html
var loginHTML string

// loginPage is the page on which a person logs in and out.
var loginPage = template.Must(template.New("login").Parse(loginHTML))

// pagePolicy lets the login page do nothing but show itself and send its
// form. Where the form leads in the end is the next page's matter, so the
// browser must not hold it to 'self' alone.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// loginForm is what the page sends.
type loginForm struct {
	name     string
	password tokens.Secret
	next     string
}

// loginView is what the page shows.
type loginView struct {
	Action, LogOut string
	Next, Problem  string
	User           string // who is logged in already; empty = nobody
}

func isForm(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// localPath returns next if it is a path on this host and the root if not.
// Browsers take // and /\ for the beginning of another host and drop tabs and
// line ends before they look.
func localPath(next string) string {
	u, err := url.Parse(next)
	local := err == nil && u.Scheme == "" && u.Host == "" && u.User == nil &&
		strings.HasPrefix(next, "/") && !strings.HasPrefix(next, "//") && !strings.Contains(next, `\`)
	if !local {
		return "/"
	}
	for i := range len(next) {
		if next[i] <= ' ' || next[i] == 0x7f {
			return "/"
		}
	}
	return next
}

// showLogin shows the page, to who is logged in already with the way out.
func (a *API) showLogin(c echo.Context) error {
	view := loginView{Next: localPath(c.QueryParam("next"))}
	if who, err := a.Identify(c); err == nil && !who.Anonymous() && who.Form == caller.Cookie {
		view.User = who.User.Name
	}
	return a.page(c, http.StatusOK, view)
}

func (a *API) page(c echo.Context, status int, view loginView) error {
	view.Action, view.LogOut = a.Path, a.Path+"logout"
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	h.Set(echo.HeaderContentSecurityPolicy, pagePolicy)
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	h.Set(echo.HeaderCacheControl, "no-store")
	// Not no-referrer: browsers would send the form with Origin: null.
	h.Set(echo.HeaderReferrerPolicy, "same-origin")
	switch status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = caller.Challenges(c.Request().Header)
	case http.StatusTooManyRequests:
		h.Set(echo.HeaderRetryAfter, "1")
	}
	c.Response().WriteHeader(status)
	return loginPage.Execute(c.Response(), view)
}

// logIn answers the page's form: with the cookie and the way to where one
// wanted to go, or with the page once more.
func (a *API) logIn(c echo.Context, form *loginForm, place accounts.Place) error {
	next := localPath(form.next)
	issued, err := a.issueTo(c, form, place)
	if problem, status := loginProblem(err); status != 0 {
		if shown := a.page(c, status, loginView{Next: next, Problem: problem}); shown != nil {
			return shown
		}
		return err // answered already, but not yet in log and metric
	}
	if err != nil {
		return err
	}
	a.handOver(c, issued, byCookie)
	return c.Redirect(http.StatusSeeOther, next)
}

// issueTo makes the token of somebody who logs in.
func (a *API) issueTo(c echo.Context, form *loginForm, place accounts.Place) (tokens.Issued, error) {
	who, err := a.LogIn(c, form.name, form.password)
	if err != nil {
		return tokens.Issued{}, err
	}
	return a.Tokens.Issue(c.Request().Context(), tokens.Order{
		API: tokens.ContentGateway, By: who.Subject, Scope: place.Scope, AnyDomain: place.AnyDomain,
	})
}

// logOut ends the token in the browser's cookie and takes the cookie away.
func (a *API) logOut(c echo.Context) error {
	who, err := a.Identify(c)
	if err != nil {
		return err
	}
	if who.Form == caller.Cookie && who.Token != nil {
		t, err := a.Tokens.Revoke(c.Request().Context(), a.manager(who), tokens.Secret(who.Token.ID), nil)
		if err != nil {
			return err
		}
		a.Ended(c, t)
		a.forget(c, who, t)
	}
	return c.Redirect(http.StatusSeeOther, a.LoginPath())
}

// loginProblem returns what the page says about a log-in that failed; a status
// of zero leaves the error to the error handler.
func loginProblem(err error) (problem string, status int) {
	switch {
	case errors.Is(err, accounts.ErrBadPassword):
		return "User and password do not match.", http.StatusUnauthorized
	case errors.Is(err, accounts.ErrBusy):
		return "Too many log-ins at the moment. Try again in a few seconds.", http.StatusTooManyRequests
	case errors.Is(err, tokens.ErrOtherTenant):
		return "This user has no access to this site.", http.StatusForbidden
	}
	return "", 0
}
