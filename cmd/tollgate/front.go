package main

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/proxy"
	"tollgate/proxy/caller"
)

// front is where every public request comes in: it gets its id and is sent to
// management or to the road. It decides nothing about credentials.
type front struct {
	process    *gatewayProcess
	management *echo.Echo
}

func newFront(g *gatewayProcess, e *echo.Echo) *front {
	// RouteNotFound and not Any: that leaves out PURGE, LOCK and the like.
	e.RouteNotFound("/*", func(c echo.Context) error {
		g.gateway.ServeHTTP(c.Response().Writer, c.Request())
		return nil
	})
	return &front{process: g, management: e}
}

// ServeHTTP sends a request on its way.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.process.requests.Add(1)
	defer f.process.requests.Done()
	w.Header()[proxy.RequestID] = []string{newRequestID()}
	if !f.mayManage(r) || proxy.CheckFraming(w, r) != nil {
		f.process.gateway.ServeHTTP(w, r)
		return
	}
	f.management.ServeHTTP(w, r)
}

// mayManage reports whether a request can be one for management. One with an
// S3 signature is for the storage whatever its path: a bucket may be called
// auth. One without a path is none either.
func (f *front) mayManage(r *http.Request) bool {
	return f.process.admin.Serves(r.Host) && !caller.Signed(r) && strings.HasPrefix(r.URL.Path, "/")
}

// newRequestID returns 16 upper-case hex digits.
func newRequestID() string {
	const digits = "0123456789ABCDEF"
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand
	var id [2 * len(random)]byte
	for i, b := range random {
		id[2*i], id[2*i+1] = digits[b>>4], digits[b&15]
	}
	return string(id[:])
}
