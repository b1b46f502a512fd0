package accesstokens

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
)

// The classes of errors. Those of Qumulo Core are what its audit documents and
// an independent driver name; the others are made like them, for what is
// documented nowhere.
const (
	classUnauthorized = "http_unauthorized_error"
	classNotAllowed   = "auth_not_authorized_error"
	classNoUser       = "auth_no_such_user_error"
	classNotFound     = "rest_not_found_error"
	classDecode       = "decode_error"
	classInvalid      = "rest_invalid_request_error"
	classLimit        = "auth_access_token_limit_reached_error" // ours
	classConflict     = "rest_conflict_error"                   // ours
	classBusy         = "http_too_many_requests_error"          // ours
	classUnavailable  = "http_service_unavailable_error"        // ours
	classFull         = "http_insufficient_storage_error"       // ours
)

// classError is an error whose class its status does not tell.
type classError struct {
	class string
	err   error // *api.Error or *tokens.InvalidError
}

func (e *classError) Error() string { return e.err.Error() }

// Unwrap gives the error itself.
func (e *classError) Unwrap() error { return e.err }

// undecodable marks an error of what could not be read in a body; nil stays nil.
func undecodable(err error) error {
	if err == nil {
		return nil
	}
	return &classError{classDecode, err}
}

// failure is the body of whatever fails. Clients print status, class and
// description.
type failure struct {
	Module      string   `json:"module"`
	ErrorClass  string   `json:"error_class"`
	Description string   `json:"description"`
	Stack       []string `json:"stack"` // always empty: it is for who develops the server
	UserVisible bool     `json:"user_visible"`
}

// shape is the api.Shape of this API.
func shape(c echo.Context, f api.Failure, err error) error {
	return c.JSON(f.Status, failure{
		Module: "rest", ErrorClass: classOf(f.Status, err), Description: f.Detail,
		Stack: []string{}, UserVisible: true,
	})
}

// classOf returns the class of a failure. Why a credential is not accepted is
// no business of whoever sent it.
func classOf(status int, err error) string {
	var known *classError
	switch {
	case errors.Is(err, tokens.ErrTooMany) && status == http.StatusConflict:
		return classLimit
	case errors.As(err, &known) && (status == http.StatusBadRequest || status == http.StatusNotFound):
		return known.class
	}
	return classOfStatus(status)
}

func classOfStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return classUnauthorized
	case http.StatusForbidden:
		return classNotAllowed
	case http.StatusNotFound:
		return classNotFound
	case http.StatusConflict:
		return classConflict
	case http.StatusTooManyRequests:
		return classBusy
	case http.StatusInsufficientStorage:
		return classFull
	}
	if status < http.StatusInternalServerError {
		return classInvalid
	}
	return classUnavailable
}
