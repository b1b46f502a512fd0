package management

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// document describes the API: OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.0
//
//go:embed openapi.json
var document string

// showDocument answers everybody: it holds nothing that is not in the manual.
func showDocument(c echo.Context) error {
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, []byte(document))
}
