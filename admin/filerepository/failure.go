package filerepository

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/tokens"
)

// The fields of a generate request, as complaints name them: those of the form
// below form, and the time by itself, as the file repository does.
const (
	fieldForm       = "form"
	fieldRoles      = "form.roles"
	fieldData       = "form.data"
	fieldTags       = "form.data.tags"
	fieldMimeTypes  = "form.data.allowedMimeTypes"
	fieldSize       = "form.data.maxAllowedFileSize"
	fieldUserAgents = "form.data.allowedUserAgents"
	fieldAddresses  = "form.data.allowedIpAddresses"
	fieldExpires    = "expires"
)

// fieldError is a complaint about one field.
type fieldError struct {
	field string
	err   error // *api.Error or *tokens.InvalidError
}

// about says which field an error is about.
func about(field string, err error) error { return &fieldError{field, err} }

func (e *fieldError) Error() string { return e.err.Error() }

// Unwrap gives the complaint itself.
func (e *fieldError) Unwrap() error { return e.err }

// invalidBody is the answer to a request that cannot be read or is not
// accepted.
type invalidBody struct {
	Status   string              `json:"status"`
	HTTPCode int                 `json:"http_code"`
	ExitCode int                 `json:"exit_code"`
	Fields   map[string][]string `json:"fields"`
}

// failureBody is the answer to all that fails otherwise.
type failureBody struct {
	Status    string `json:"status"`
	ErrorCode int    `json:"error_code"`
	HTTPCode  int    `json:"http_code"`
}

// shape writes a failure as the file repository does. Its own error codes are
// for what this API does not do, so the code is the status.
func (a *API) shape(c echo.Context, f api.Failure, err error) error {
	if f.Status == http.StatusBadRequest && f.Reason == api.ReasonInvalid {
		field := fieldForm
		var where *fieldError
		if errors.As(err, &where) {
			field = where.field
		}
		return c.JSON(f.Status, invalidBody{
			Status: "Validation error", HTTPCode: f.Status, ExitCode: f.Status,
			Fields: map[string][]string{field: {f.Detail}},
		})
	}
	return c.JSON(f.Status, failureBody{Status: statusText(c, f, err), ErrorCode: f.Status, HTTPCode: f.Status})
}

// statusText says what went wrong in the file repository's words, where it has
// some.
func statusText(c echo.Context, f api.Failure, err error) string {
	switch {
	case f.Status == http.StatusUnauthorized:
		return "Invalid authorization. Details: " + f.Detail
	case f.Status == http.StatusNotFound:
		return "Not found"
	case f.Status == http.StatusForbidden && aboutRights(err):
		return missingRight(c)
	}
	return f.Detail
}

// aboutRights reports whether a refusal is about what the caller may do.
func aboutRights(err error) bool {
	for _, verdict := range []error{tokens.ErrPermission, tokens.ErrNotOwner, tokens.ErrOtherTenant, tokens.ErrOutOfScope} {
		if errors.Is(err, verdict) {
			return true
		}
	}
	return false
}

// missingRight is the file repository's sentence for who lacks a right.
func missingRight(c echo.Context) string {
	switch {
	case strings.HasPrefix(c.Path(), generatePath):
		return "Current token does not allow to generate tokens"
	case c.Request().Method == http.MethodDelete:
		return "Current token does not allow to revoke this token or just any other token"
	}
	return "Current token does not allow to lookup other tokens"
}
