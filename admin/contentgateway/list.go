package contentgateway

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/tokens"
)

// listOwn lists the caller's tokens on the token path, or another owner's.
func (a *API) listOwn(c echo.Context) error {
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	if err := a.holdsHere(c, who); err != nil {
		return err
	}
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	if f.Owner == "" {
		f.Owner = who.User.Name
	}
	page, err := a.Tokens.List(c.Request().Context(), a.manager(who), f)
	if err != nil {
		return err
	}
	a.link(c, page, f)
	if c.QueryParam("format") == "json" {
		return c.JSON(http.StatusOK, items(page, storageItem))
	}
	var names strings.Builder
	for _, t := range page.Tokens {
		names.WriteString(listName(t))
		names.WriteByte('\n')
	}
	return c.String(http.StatusOK, names.String())
}

// listManaged lists the tokens of a tenant or a domain: all of them to who
// may read them, else the caller's own.
func (a *API) listManaged(c echo.Context) error {
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	place, err := a.managed(c)
	if err != nil {
		return err
	}
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	f.Tenant, f.Domain = place.Scope.Tenant, place.Scope.Domain
	others := a.mayManage(who, place)
	if f.Owner == "" && (others != nil || !a.manager(who).MayRead()) {
		f.Owner = who.User.Name
	}
	if f.Owner != who.User.Name && others != nil {
		return others
	}
	page, err := a.Tokens.List(c.Request().Context(), a.manager(who), f)
	if err != nil {
		return err
	}
	a.link(c, page, f)
	return c.JSON(http.StatusOK, items(page, managementItem))
}

// items is a list in JSON: empty is [], not null.
func items(page tokens.Page, item func(*tokens.Token) object) []object {
	all := make([]object, 0, len(page.Tokens))
	for _, t := range page.Tokens {
		all = append(all, item(t))
	}
	return all
}

// maxOwner bounds the name of an owner that is asked for: longer than any
// user's, and as much as every store takes.
const maxOwner = 1024

// filterOf reads the query of a list. Without a limit a client gets as much as
// one page can hold: those that do not know of pages expect everything.
func filterOf(c echo.Context) (tokens.Filter, error) {
	f := tokens.Filter{
		Owner: c.QueryParam("x-owner-meta"), States: []tokens.State{tokens.Active, tokens.Pending},
		After: tokens.Cursor(c.QueryParam("after")),
		Limit: tokens.MaxLimit,
	}
	if n := len(f.Owner); n > maxOwner {
		return f, tokens.Invalid("x-owner-meta has %d bytes, accepted are %d", n, maxOwner)
	}
	if limit := c.QueryParam("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 {
			return f, tokens.Invalid("limit was read as %q, accepted is a number from 1 to %d", bounded(limit), tokens.MaxLimit)
		}
		f.Limit = min(n, tokens.MaxLimit)
	}
	return f, nil
}

// link names the next page as RFC 8288 has it, relative to this one.
func (a *API) link(c echo.Context, page tokens.Page, f tokens.Filter) {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	if page.Next == "" {
		return
	}
	query := c.Request().URL.Query()
	query.Del("_token") // a credential is not repeated
	query.Set("after", string(page.Next))
	query.Set("limit", strconv.Itoa(f.Limit))
	next := url.URL{Path: c.Request().URL.Path, RawQuery: query.Encode()}
	c.Response().Header().Set("Link", "<"+next.String()+`>; rel="next"`)
}
