package usertokens

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
)

// headerTokenID names the new token in the answer that creates it.
const headerTokenID = "Gateway-Token-Id" // #nosec G101 -- the name of a header

// createOwn makes a token for the caller.
func (a *API) createOwn(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	return a.create(c, who, func(echo.Context, caller.Caller) (*tokens.User, error) { return nil, nil })
}

// createOf makes a token for a service account. The caller needs every right
// of it, which the answer must not tell before: what else is wrong comes after.
func (a *API) createOf(c echo.Context) error {
	who, err := a.Somebody(c)
	if err != nil {
		return err
	}
	if _, err := a.account(c, who); err != nil {
		return err
	}
	return a.create(c, who, a.account)
}

// account returns the service account that the path names, if the caller may
// make tokens for it.
func (a *API) account(c echo.Context, who caller.Caller) (*tokens.User, error) {
	user, err := a.target(c, who, mayWrite)
	if err != nil {
		return nil, err
	}
	if user.Name != who.User.Name && !outranks(who, user.Account) {
		return nil, tokens.ErrPermission
	}
	if !user.ServiceAccount {
		return nil, api.Invalid("the user is no service account, accepted are those alone; others make their tokens themselves at %s", own)
	}
	if !user.Disabled.At.IsZero() {
		return nil, &api.Error{Status: http.StatusConflict, Reason: api.ReasonConflict, Detail: "the service account is disabled, so that no token of it would count"}
	}
	return &user.User, nil
}

// create makes a token. whom is asked for its owner once the body is there, nil = for the
// caller.
func (a *API) create(c echo.Context, who caller.Caller, whom func(echo.Context, caller.Caller) (*tokens.User, error)) error {
	var asked creation
	if _, err := api.Body(c, &asked); err != nil {
		return err
	}
	owner, err := whom(c, who)
	if err != nil {
		return err
	}
	order, err := asked.order()
	if err != nil {
		return err
	}
	for _, tenant := range order.Tenants {
		// What is no tenant of his he learns nothing about.
		if who.User.Tenants.Has(tenant) && !a.Directory().Tenant(tenant) {
			return api.Invalid("the tenant %s does not exist, accepted are the names of tenants, or any alone", api.Quoted(tenant))
		}
	}
	order.API, order.By, order.Owner, order.Most = tokens.UserTokens, who.Subject, owner, a.MaxPerUser()
	issued, err := a.Tokens.Issue(c.Request().Context(), order)
	if err != nil {
		return err
	}
	a.Issued(c, issued.Token)
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(headerTokenID, string(issued.Token.ID))
	answer := a.answerOf(issued.Token)
	answer.Token = issued.Value.Reveal()
	return c.JSON(http.StatusOK, answer)
}
