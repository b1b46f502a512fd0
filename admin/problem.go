package admin

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/admin/contentgateway"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// callerError is an error about who asks, as opposed to what is asked for:
// an unknown token in a credential is no unknown token in a path.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

// Unwrap gives the error itself.
func (e *callerError) Unwrap() error { return e.err }

// A refusal is how a management request ends that is not done.
type refusal struct {
	err    error
	reason string // for log and metric, from a closed list
	status int
	detail string // for the client; empty = the error's own sentence
}

// Sentences for the client, where the error itself is for the log.
const (
	notAccepted = "the credential is missing or not accepted"
	notAllowed  = "not allowed"
	outdated    = "who asks for it, or whom it is for, was changed meanwhile: ask again"
	stale       = "this gateway cannot prove at the moment that its tokens are fresh, and changes nothing"
)

// aboutCaller are the refusals of a credential.
var aboutCaller = [...]refusal{
	{caller.ErrAmbiguous, "ambiguous_credentials", http.StatusBadRequest, ""},
	{caller.ErrRevision, "bad_revision", http.StatusBadRequest, ""},
	{caller.ErrNotHereYet, "revision_not_here", http.StatusPreconditionFailed, "the revision of Gateway-Min-Revision has not come to this gateway yet"},
	{tokens.ErrBasis, "store_stale", http.StatusServiceUnavailable, outdated},
	{tokens.ErrStale, "store_stale", http.StatusServiceUnavailable, stale},
	{tokens.ErrExpired, "expired", http.StatusUnauthorized, notAccepted},
	{tokens.ErrRevoked, "revoked", http.StatusUnauthorized, notAccepted},
	{tokens.ErrOwnerGone, "owner_gone", http.StatusUnauthorized, notAccepted},
	{tokens.ErrDisabled, "disabled", http.StatusUnauthorized, notAccepted},
	{tokens.ErrNotYet, "not_yet_valid", http.StatusUnauthorized, notAccepted},
	{tokens.ErrUsedUp, "used_up", http.StatusUnauthorized, notAccepted},
	{tokens.ErrChecksum, "token_checksum", http.StatusUnauthorized, notAccepted},
	{tokens.ErrAddress, "address", http.StatusForbidden, notAllowed},
	{tokens.ErrAgent, "user_agent", http.StatusForbidden, notAllowed},
	{tokens.ErrUnknown, "unknown_token", http.StatusUnauthorized, notAccepted},
	{tokens.ErrSigningOnly, "signing_only", http.StatusUnauthorized, notAccepted},
	{caller.ErrMalformed, "malformed_credential", http.StatusUnauthorized, notAccepted},
	{accounts.ErrBadPassword, "bad_password", http.StatusUnauthorized, notAccepted},
	{accounts.ErrBusy, "password_check_busy", http.StatusTooManyRequests, "too many password checks at the moment"},
	{caller.ErrSignature, "signature_not_accepted", http.StatusForbidden, notAllowed},
	{caller.ErrCrossSite, "cross_site", http.StatusForbidden, "cross-site request"},
}

// aboutRequest are the refusals of what is asked for.
var aboutRequest = [...]refusal{
	{tokens.ErrBasis, "store_stale", http.StatusServiceUnavailable, outdated},
	{tokens.ErrStale, "store_stale", http.StatusServiceUnavailable, stale},
	{tokens.ErrAnonymous, "no_credential", http.StatusUnauthorized, notAccepted},
	{tokens.ErrOtherTenant, "other_tenant", http.StatusForbidden, notAllowed},
	{tokens.ErrOutOfScope, "out_of_scope", http.StatusForbidden, notAllowed},
	{tokens.ErrPermission, "permission", http.StatusForbidden, notAllowed},
	{tokens.ErrNotOwner, "not_owner", http.StatusForbidden, notAllowed},
	{tokens.ErrUnknown, "no_such_token", http.StatusNotFound, "no such token"},
	{contentgateway.ErrNotFound, "not_found", http.StatusNotFound, "no such tenant, domain or path"},
	{accounts.ErrNoSuchUser, "no_such_user", http.StatusNotFound, "no such user"},
	{tokens.ErrName, "name_taken", http.StatusConflict, "a token of this user has the name already"},
	{tokens.ErrTooMany, "too_many_tokens", http.StatusConflict, "the user has as many tokens of this API as he may have: tokens.max_per_user by the API of users' auth tokens, two access tokens"},
	{tokens.ErrConflict, "changed", http.StatusPreconditionFailed, "the token was changed since it was read"},
	{tokens.ErrOutrun, "not_all_ended", http.StatusConflict, "tokens are made as fast as they are ended: disable the user, then do it again"},
	{tokens.ErrOtherRequest, "idempotency_key_reused", http.StatusUnprocessableEntity, "the Idempotency-Key was used for another request, or what that made has ended"},
	{tokens.ErrUsedUp, "used_up", http.StatusForbidden, "the token has no uses left for that"},
	{tokens.ErrBadCursor, "bad_cursor", http.StatusBadRequest, "after was not given by a list of this kind"},
	{tokens.ErrStoreFull, "store_full", http.StatusInsufficientStorage, "the token store has no room"},
}

// refusalOf returns how a request ends that failed with err.
func refusalOf(err error) refusal {
	list := aboutRequest[:]
	var about *callerError
	if errors.As(err, &about) {
		list = aboutCaller[:]
	}
	for _, r := range list {
		if errors.Is(err, r.err) {
			return r
		}
	}
	var invalid *tokens.InvalidError
	if errors.As(err, &invalid) {
		return refusal{reason: "invalid", status: http.StatusBadRequest, detail: invalid.Reason}
	}
	var own *api.Error
	if errors.As(err, &own) {
		return refusal{reason: own.Reason, status: own.Status, detail: own.Detail}
	}
	var plain *echo.HTTPError
	if errors.As(err, &plain) {
		return refusal{reason: "bad_request", status: plain.Code, detail: http.StatusText(plain.Code)}
	}
	return refusal{reason: "store_unavailable", status: http.StatusServiceUnavailable, detail: "the token store does not answer"}
}

// Reasons returns every reason of a refusal that the management can log.
func Reasons() []string {
	reasons := append([]string{"bad_request", "store_unavailable"}, api.Reasons()...)
	for _, r := range aboutCaller {
		reasons = append(reasons, r.reason)
	}
	for _, r := range aboutRequest {
		reasons = append(reasons, r.reason)
	}
	return reasons
}

// problem is the body of RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	ID     string `json:"request_id"`
}

// answerError is Echo's error handler: the one place where an error becomes an
// answer.
func (a *Admin) answerError(err error, c echo.Context) {
	r := refusalOf(err)
	c.Set(reasonKey, r.reason)
	c.Set(errorKey, err)
	if c.Response().Committed {
		return
	}
	if r.detail == "" {
		r.detail = err.Error()
	}
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	caller.Linger(c.Response(), c.Request())
	switch r.status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = caller.Challenges(c.Request().Header)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set(echo.HeaderRetryAfter, "1")
	}
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(r.status) // the client may be gone
		return
	}
	if shape := api.ShapeOf(c); shape != nil {
		_ = shape(c, api.Failure{Status: r.status, Reason: codeOf(r), Detail: r.detail, ID: h.Get(requestID)}, err)
		return
	}
	h.Set(echo.HeaderContentType, "application/problem+json")
	_ = c.JSON(r.status, problem{
		Type: "about:blank", Title: http.StatusText(r.status), Status: r.status,
		Code: codeOf(r), Detail: r.detail, ID: h.Get(requestID),
	})
}

// codeOf returns what programs may rely on. Why a credential is not accepted
// is no business of whoever sent it.
func codeOf(r refusal) string {
	if r.status == http.StatusUnauthorized {
		return "unauthenticated"
	}
	return r.reason
}
