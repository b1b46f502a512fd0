package admin

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/admin/contentgateway"
	"tollgate/metrics"
	"tollgate/metrics/accesslog"
	"tollgate/proxy/caller"
)

// requestID is the header of every answer that names it in the log.
const requestID = "Gateway-Request-Id"

// listener is the name of the public listener in log and metrics.
const listener = "public"

// bodyTimeout bounds the wait for the body of a management request, which is
// a small form if anything.
const bodyTimeout = 10 * time.Second

// observe counts a management request and writes its line.
func (a *Admin) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		handle := next
		if c.Path() == "/*" {
			if a.bare == "" || echo.GetPath(c.Request()) != a.bare {
				return next(c) // what is proxied is logged by the gateway
			}
			// Echo prefers the catch-all to a route that has the path but
			// not the method; this path is not for the upstream.
			c.SetPath(a.bare)
			handle = func(echo.Context) error { return contentgateway.ErrNotFound }
		}
		if r := c.Request(); r.ContentLength != 0 {
			_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer can
		}
		started := a.deps.Now()
		a.public.RequestStarted()
		if err := handle(c); err != nil {
			c.Error(err)
		}
		e := a.entry(c)
		e.Time, e.Duration = started, a.deps.Now().Sub(started)
		a.deps.Log.Log(e)
		a.deps.Metrics.Decided(e.Form, e.Reason)
		a.public.RequestFinished(metrics.Request{
			Method: e.Method, Status: e.Status, Duration: e.Duration, BytesIn: e.BytesIn, BytesOut: e.BytesOut,
		})
		return nil
	}
}

func (a *Admin) entry(c echo.Context) *accesslog.Entry {
	r, w, origin := c.Request(), c.Response(), a.origin(c)
	e := &accesslog.Entry{
		Listener: listener, RequestID: w.Header().Get(requestID), ClientIP: origin.Client,
		Proto: r.Proto, Method: r.Method, Host: r.Host, Route: c.Path(), Status: w.Status,
		BytesIn: max(r.ContentLength, 0), BytesOut: w.Size, UserAgent: r.UserAgent(),
	}
	if origin.Peer != origin.Client {
		e.PeerIP = origin.Peer
	}
	e.Reason, _ = c.Get(reasonKey).(string)
	if err, failed := c.Get(errorKey).(error); failed {
		e.Error = err.Error()
	}
	who, _ := c.Get(callerKey).(caller.Caller)
	e.Form, e.Tenant = who.Form.String(), c.Param("tenant")
	if who.User != nil {
		e.User = who.User.Name
	}
	if who.Token != nil {
		e.TokenID = string(who.Token.ID)
	}
	return e
}
