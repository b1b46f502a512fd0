package accesstokens

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// page is a part of the list.
type page struct {
	Entries []entry `json:"entries"`
	Paging  paging  `json:"paging"`
}

// paging says how to go on: Next is the URI of the next page, "" after the last.
type paging struct {
	Next string `json:"next"`
}

// list answers with a page of the tokens that have not ended, whichever API
// made them: everybody's to who may read them, else one's own.
func (a *API) list(c echo.Context) error {
	m, err := a.identify(c)
	if err != nil {
		return err
	}
	asked, err := listingOf(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	filter := tokens.Filter{After: asked.after, Limit: asked.limit}
	if filter.Limit == 0 {
		filter.Limit = tokens.MaxLimit // for clients that do not know of pages
	}
	var found tokens.Page
	var none bool
	if filter.Owner, none, err = a.selected(m, asked); err != nil {
		return err
	}
	if !none {
		if found, err = a.Tokens.List(c.Request().Context(), m, filter); err != nil {
			return err
		}
	}
	p := page{Entries: make([]entry, 0, len(found.Tokens)), Paging: paging{asked.next(found.Next)}}
	directory := a.Directory()
	for _, t := range found.Tokens {
		p.Entries = append(p.Entries, entryOf(directory, t))
	}
	return answer(c, p)
}

// selected returns whose tokens are listed, empty for everybody's. None: nobody
// has the identity that was asked for. Who may not read the tokens of others
// learns about nobody but himself.
func (a *API) selected(m tokens.Manager, asked listing) (owner string, none bool, err error) {
	if asked.user == "" {
		if m.MayRead() {
			return "", false, nil
		}
		return m.User.Name, false, nil
	}
	account, err := a.Directory().ByIdentity(asked.identity)
	switch {
	case err == nil: // the service says whether he may have the list
		return account.Name, false, nil
	case !m.MayRead():
		return "", false, tokens.ErrPermission
	case errors.Is(err, accounts.ErrNoSuchUser):
		// Somebody who is gone has left a name, and may have left tokens.
		name := asked.identity.Name
		_, another := a.Directory().Account(name)
		return name, name == "" || another, nil
	}
	return "", false, noUser(err)
}

// listing is what the query of a list asks for.
type listing struct {
	user     string // an identity as it was sent; empty = everybody's
	identity accounts.Identity
	limit    int // 0 = as many as there can be
	after    tokens.Cursor
}

// listingOf reads a query. One that cannot be read is refused: what is left out
// of it could be the very argument that narrows what is asked for.
func listingOf(raw string) (listing, error) {
	var l listing
	query, err := url.ParseQuery(raw)
	if err != nil {
		return l, api.Invalid("the query cannot be read, accepted are arguments of the form name=value with %%XX for what is no letter or digit")
	}
	for _, name := range []string{"user", "limit", "after"} {
		if n := len(query[name]); n > 1 {
			return l, api.Invalid("%s was given %d times, accepted is once", name, n)
		}
	}
	l.after = tokens.Cursor(query.Get("after"))
	if query.Has("user") {
		l.user = query.Get("user")
		if l.identity, err = accounts.ParseIdentity(l.user); err != nil {
			return l, err
		}
	}
	if query.Has("limit") {
		l.limit, err = limitOf(query.Get("limit"))
	}
	return l, err
}

// limitOf reads a number from 1 on. More than a page can hold is as much as it
// can.
func limitOf(text string) (int, error) {
	digits := strings.TrimLeft(text, "0")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, api.Invalid("limit was read as %.60q, accepted is a number from 1 to %d", text, tokens.MaxLimit)
	}
	n, err := strconv.Atoi(digits)
	if err != nil { // too large for a number
		n = tokens.MaxLimit
	}
	return min(n, tokens.MaxLimit), nil
}

// next returns the URI of the page that comes after this one. Nothing of the
// query is repeated but what this API knows: the rest can hold a credential.
func (l *listing) next(after tokens.Cursor) string {
	if after == "" {
		return ""
	}
	query := url.Values{"after": {string(after)}}
	if l.limit > 0 {
		query.Set("limit", strconv.Itoa(l.limit))
	}
	if l.user != "" {
		query.Set("user", l.user)
	}
	return root + "/?" + query.Encode()
}
