package accesstokens

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// maxTokens is how many tokens of this API that have not ended a user may have:
// one that is in use, and one to replace it by.
const maxTokens = 2

// headerTokenID names the new token in the answer that creates it.
const headerTokenID = "Gateway-Token-Id" // #nosec G101 -- the name of a header

// create makes a token.
func (a *API) create(c echo.Context) error {
	m, err := a.identify(c)
	if err != nil {
		return err
	}
	var asked creation
	if _, err := api.Body(c, &asked); err != nil {
		return undecodable(err)
	}
	id, err := asked.identity()
	if err != nil {
		return err
	}
	lifetime, err := asked.lifetime()
	if err != nil {
		return err
	}
	owner, err := a.owner(m, id)
	if err != nil {
		return err
	}
	issued, err := a.Tokens.Issue(c.Request().Context(), tokens.Order{
		API: tokens.AccessTokens, By: m.Subject, Owner: &owner.User, Scope: tokens.Scope{Tenant: tokens.AnyTenant},
		Form: tokens.AccessV1, Lifetime: lifetime, Most: maxTokens,
	})
	if err != nil {
		return err
	}
	a.Issued(c, issued.Token)
	c.Response().Header().Set(headerTokenID, string(issued.Token.ID))
	return answer(c, created{ID: issued.Token.ID, BearerToken: issued.Value.Reveal()})
}

// owner returns the user whom a token is wanted for. Who may not make tokens
// for others learns about nobody but himself.
func (a *API) owner(m tokens.Manager, id accounts.Identity) (*accounts.Account, error) {
	account, err := a.Directory().ByIdentity(id)
	if err == nil && account.Name == m.User.Name {
		return account, nil
	}
	if !m.MayWrite() {
		return nil, tokens.ErrPermission
	}
	if err != nil {
		return nil, noUser(err)
	}
	if account.Disabled.At.IsZero() {
		return account, nil
	}
	me, his := m.Powers(), tokens.Subject{User: &account.User}.Powers()
	if !me.Tenants.Covers(his.Tenants) || !me.Rights.Covers(his.Rights) {
		return nil, tokens.ErrPermission
	}
	return nil, &api.Error{Status: http.StatusConflict, Reason: api.ReasonConflict, Detail: "the user is disabled, so that no token of his would count"}
}

// noUser returns why an identity gives no user, as a failure of this API.
func noUser(err error) error {
	const accepted = "accepted is that of one user"
	switch {
	case errors.Is(err, accounts.ErrNoSuchUser):
		return &classError{classNoUser, api.NotFound("no user has this identity")}
	case errors.Is(err, accounts.ErrGroupIdentity):
		return tokens.Invalid("the identity is that of a group, %s", accepted)
	case errors.Is(err, accounts.ErrAmbiguousIdentity):
		return tokens.Invalid("more than one user has this identity, %s", accepted)
	}
	return err
}
