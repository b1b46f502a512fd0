package contentgateway

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// createForDomain makes a token for a domain, or lets somebody log in who
// sends the login page's form.
func (a *API) createForDomain(c echo.Context) error {
	place, err := a.domain(c) // a host of no tenant is none for anybody
	if err != nil {
		return err
	}
	form, err := loginFormOf(c)
	if err != nil {
		return err
	}
	if form != nil {
		return a.logIn(c, form, place)
	}
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	issued, err := a.create(c, who, place)
	if err != nil {
		return err
	}
	t := issued.Token
	return c.String(http.StatusCreated, fmt.Sprintf("Token %s issued for %s in %s", issued.Value.Reveal(), t.Owner, t.Scope))
}

// createManaged makes a token for a tenant or one of its domains.
func (a *API) createManaged(c echo.Context) error {
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	place, err := a.managed(c)
	if err != nil {
		return err
	}
	issued, err := a.create(c, who, place)
	if err != nil {
		return err
	}
	answer := tokenObject(issued.Token, issued.Value.Reveal())
	if issued.Token.SigningOnly() {
		answer = append(answer, field{"secret", c.Request().Header.Get(headerSecret)})
	}
	return c.JSON(http.StatusCreated, answer)
}

// create does what both have in common: it leaves the status and the body of
// the answer to be written.
func (a *API) create(c echo.Context, who caller.Caller, place accounts.Place) (tokens.Issued, error) {
	cookie, err := wantsCookie(c)
	if err != nil {
		return tokens.Issued{}, err
	}
	if cookie == byCookie && who.Form == caller.QueryToken { // which a form of another site can hold
		if err := a.FromHere(c); err != nil {
			return tokens.Issued{}, err
		}
	}
	order, err := a.order(c, who, place)
	if err != nil {
		return tokens.Issued{}, err
	}
	issued, err := a.Tokens.Issue(c.Request().Context(), order)
	if err != nil {
		return tokens.Issued{}, err
	}
	a.handOver(c, issued, cookie)
	return issued, nil
}

// delivery is how the value reaches the client beside the body.
type delivery uint8

const (
	byHeader delivery = iota
	byCookie
)

// wantsCookie reads the setcookie argument.
func wantsCookie(c echo.Context) (delivery, error) {
	values, given := c.QueryParams()["setcookie"]
	switch {
	case !given:
		return byCookie, nil
	case len(values) == 1 && values[0] == "true":
		return byCookie, nil
	case len(values) == 1 && values[0] == "false":
		return byHeader, nil
	}
	return byHeader, tokens.Invalid("setcookie was read as %q, accepted are true and false", bounded(values[0]))
}

// order translates a create request.
func (a *API) order(c echo.Context, who caller.Caller, place accounts.Place) (tokens.Order, error) {
	now := a.Tokens.Now()
	asked, err := creationOf(c.Request().Header, now)
	if err != nil {
		return tokens.Order{}, err
	}
	order := tokens.Order{
		API: tokens.ContentGateway, At: now, By: who.Subject, Scope: place.Scope, AnyDomain: place.AnyDomain,
		Lifetime: asked.lifetime, SecretKey: asked.secret, Meta: asked.meta, Allowed: asked.allowed,
	}
	if asked.owner == "" {
		return order, nil
	}
	// Who may not make tokens for others does not learn who exists.
	if !a.manager(who).MayWrite() {
		return tokens.Order{}, tokens.ErrPermission
	}
	account, ok := a.Directory().Lookup(asked.owner)
	if !ok {
		return tokens.Order{}, tokens.Invalid("%s was read as %q, which is no user", headerOwner, bounded(asked.owner))
	}
	order.Owner = &account.User
	return order, nil
}

// handOver tells of a new token and sets the headers of the answer that
// carries its value.
func (a *API) handOver(c echo.Context, issued tokens.Issued, how delivery) {
	a.Issued(c, issued.Token)
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(headerTokenID, string(issued.Token.ID))
	if how == byHeader {
		h.Set(headerToken, issued.Value.Reveal())
		return
	}
	var age time.Duration
	if expires := issued.Token.Expires; !expires.IsZero() {
		age = expires.Sub(issued.Token.Created).Round(time.Second)
	}
	h.Add(echo.HeaderSetCookie, a.Cookie().Set(issued.Value.Reveal(), age, a.HTTPS(c)))
}

// maxForm bounds the login form.
const maxForm = 16 << 10

// loginFormOf reads the login page's form; nil if the request is none. A
// client with an Authorization header has said who it is, and some send this
// content type with whatever they post.
func loginFormOf(c echo.Context) (*loginForm, error) {
	r := c.Request()
	if len(r.Header["Authorization"]) > 0 || !isForm(r.Header.Get(echo.HeaderContentType)) {
		return nil, nil //nolint:nilnil // no form is no error, and the caller asks for nil
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge, "the form is larger than the login page's")
		}
		return nil, tokens.Invalid("the body cannot be read as a form")
	}
	if !r.PostForm.Has("username") {
		return nil, nil //nolint:nilnil // as above
	}
	return &loginForm{
		name:     r.PostForm.Get("username"),
		password: tokens.Secret(r.PostForm.Get("password")),
		next:     r.PostForm.Get("next"),
	}, nil
}
