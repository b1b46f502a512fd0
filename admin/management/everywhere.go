package management

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
)

// argWait asks that a change is answered when it holds on every gateway that is
// alive, and not on this one alone.
const argWait = "wait"

// longestWait bounds the wait. A gateway that has died is not waited for, but
// it takes a while to know that.
const longestWait = 25 * time.Second

// headerGateways says on how many gateways holds what was asked for.
const headerGateways = "Gateway-Applied-By"

// checkWait refuses what cannot be meant before anything is done.
func checkWait(args arguments) error {
	switch args.get(argWait) {
	case "", "true", "false":
		return nil
	}
	return api.Invalid("wait is neither true nor false, accepted is one of them")
}

// everywhere waits, if that was asked for, until all gateways have what was
// done. When it fails it is done all the same.
func (a *API) everywhere(c echo.Context) error {
	if c.QueryParam(argWait) != "true" {
		return nil
	}
	gateways := 1
	if a.Everywhere != nil {
		ctx, done := context.WithTimeout(c.Request().Context(), longestWait)
		defer done()
		var err error
		if gateways, err = a.Everywhere(ctx); err != nil {
			return &api.Error{
				Status: http.StatusServiceUnavailable, Reason: api.ReasonNotEverywhere,
				Detail: "it is done and holds on this gateway, but not every other gateway has said in time that it has it",
			}
		}
	}
	c.Response().Header().Set(headerGateways, strconv.Itoa(gateways))
	return nil
}
