package usertokens

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// Bounds of a list that was asked for without a limit. The source document
// knows of no pages, so that a client expects everything; what is beyond the
// bounds is behind the Link.
const (
	maxEntries = 10_000 // when it has so many it stops, at the end of a page
	maxPages   = 32
)

// listAll lists everybody's tokens to who may read them, and to others their
// own.
func (a *API) listAll(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	var f tokens.Filter
	switch tenants := who.Powers().Tenants; {
	case !a.manager(who).MayRead():
		f.Owner = who.User.Name
	case !tenants.Any && len(tenants.Names) == 1:
		f.Tenant = tenants.Names[0] // the same tokens, found at less cost
	}
	return a.list(c, who, f)
}

// listOf lists the tokens of one user.
func (a *API) listOf(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	user, err := a.target(c, who, mayRead)
	if err != nil {
		return err
	}
	return a.list(c, who, tokens.Filter{Owner: user.Name})
}

func (a *API) list(c echo.Context, who caller.Caller, f tokens.Filter) error {
	if err := paging(c, &f); err != nil {
		return err
	}
	page, err := a.collect(c.Request().Context(), a.manager(who), f)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	link(c, page.Next, f.Limit)
	all := make([]answer, 0, len(page.Tokens))
	for _, t := range page.Tokens {
		all = append(all, a.answerOf(t))
	}
	return c.JSON(http.StatusOK, all)
}

// collect returns a page of as many tokens as were asked for, or everything
// within the bounds.
func (a *API) collect(ctx context.Context, m tokens.Manager, f tokens.Filter) (tokens.Page, error) {
	if f.Limit > 0 {
		return a.Tokens.List(ctx, m, f)
	}
	var all tokens.Page
	f.Limit = tokens.MaxLimit
	for range maxPages {
		page, err := a.Tokens.List(ctx, m, f)
		if err != nil {
			return tokens.Page{}, err
		}
		all.Tokens, all.Next = append(all.Tokens, page.Tokens...), page.Next
		if f.After = page.Next; f.After == "" || len(all.Tokens) >= maxEntries {
			break
		}
	}
	return all, nil
}

// paging reads the arguments limit and after, both an extension. No limit is
// 0. A query that cannot be read is refused: what is left out of it could be
// the place where the list was to go on.
func paging(c echo.Context, f *tokens.Filter) error {
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return api.Invalid("the query cannot be read, accepted are arguments of the form name=value with %%XX for what is no letter or digit")
	}
	f.After = tokens.Cursor(query.Get("after"))
	limit := query.Get("limit")
	if limit == "" {
		return nil
	}
	n, err := strconv.Atoi(limit)
	if err != nil || n < 1 {
		return api.Invalid("limit was read as %s, accepted is a number from 1 to %d", api.Quoted(limit), tokens.MaxLimit)
	}
	f.Limit = min(n, tokens.MaxLimit)
	return nil
}

// link names the next page as RFC 8288 has it, relative to this one. Nothing
// else of the query is repeated: it can hold a credential.
func link(c echo.Context, next tokens.Cursor, limit int) {
	if next == "" {
		return
	}
	query := url.Values{"after": {string(next)}}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	u := url.URL{Path: c.Request().URL.Path, RawQuery: query.Encode()}
	c.Response().Header().Set("Link", "<"+u.String()+`>; rel="next"`)
}
