// Package api is what the token APIs have in common: what they work with, how
// they read bodies and how they say that something went wrong. Each of them is
// a package beside this one and only translates.
package api

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// Host is what a token API works with. All fields must be set.
type Host struct {
	Tokens    *tokens.Service
	Directory func() *accounts.Directory
	// Identify returns who asks, never the anonymous caller, and counts the
	// use of his token. Its errors go to Echo's error handler as they are.
	Identify func(echo.Context) (caller.Caller, error)
	// Issued, Changed and Ended are told of every token that was made,
	// changed or revoked, once that is durable.
	Issued, Changed, Ended func(echo.Context, *tokens.Token)
}

// Somebody returns who asks as Identify does, and holds that he is not the
// anonymous caller.
func (h *Host) Somebody(c echo.Context) (caller.Caller, error) {
	who, err := h.Identify(c)
	if err == nil && who.Anonymous() {
		err = tokens.ErrAnonymous
	}
	return who, err
}

// Param returns a part of the path, decoded exactly once: Echo routes by the path
// as it was sent where that is not the usual spelling of the decoded one.
func Param(c echo.Context, name string) string {
	text := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return text
	}
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text // cannot be: the whole path was decoded
}

// Manager returns who asks, as an API has him.
func (h *Host) Manager(who caller.Caller, via tokens.API) tokens.Manager {
	return tokens.Manager{Subject: who.Subject, Via: via, AnyDomain: h.Directory().AnyDomain()}
}

// Failure is how a request ends that is not done.
type Failure struct {
	Status int
	Reason string // from a closed list, for programs, log and metric
	Detail string // a sentence for whoever asked
	ID     string // of the request, as in the log
}

// Shape writes a failure as one API does. Err is what went wrong, for what only
// that API knows of it. The headers that do not depend on the API are set, and
// the method is not HEAD.
type Shape func(c echo.Context, f Failure, err error) error

// Error is a failure that the API itself found. What the token service says
// goes to Echo's error handler as it is.
type Error struct {
	Status int
	Reason string // one of the reasons below
	Detail string
}

// The reasons that an Error can have.
const (
	ReasonInvalid   = "invalid"        // 400: what was sent cannot be read or is not accepted
	ReasonNotFound  = "not_found"      // 404: what the path names is not there
	ReasonConflict  = "conflict"       // 409: it is there, but not in the state that it would have to be in
	ReasonTooLarge  = "body_too_large" // 413
	ReasonMediaType = "media_type"     // 415: the body is not JSON
	ReasonChanged   = "changed"        // 412: If-Match does not hold
	// ReasonNotEverywhere is 503: it is done, but not known to hold on every
	// gateway.
	ReasonNotEverywhere = "not_everywhere"
)

// Error returns the sentence.
func (e *Error) Error() string { return e.Detail }

// Invalid returns an Error of status 400.
func Invalid(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Reason: ReasonInvalid, Detail: fmt.Sprintf(format, args...)}
}

// NotFound returns an Error of status 404.
func NotFound(format string, args ...any) error {
	return &Error{Status: http.StatusNotFound, Reason: ReasonNotFound, Detail: fmt.Sprintf(format, args...)}
}

// shapeKey is where a request's shape is kept for the error handler.
const shapeKey = "tollgate.shape"

// Shaped makes a handler's failures come out in a shape, those of Echo's error
// handler too.
func Shaped(shape Shape, handle echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set(shapeKey, shape)
		return handle(c)
	}
}

// ShapeOf returns the shape of the API that a request went to; nil = it has
// none of its own.
func ShapeOf(c echo.Context) Shape {
	shape, _ := c.Get(shapeKey).(Shape)
	return shape
}

// Reasons returns every reason that an Error can have.
func Reasons() []string {
	return []string{ReasonInvalid, ReasonNotFound, ReasonConflict, ReasonTooLarge, ReasonMediaType, ReasonChanged, ReasonNotEverywhere}
}
