package main

import (
	"math/rand/v2"
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

// fast is the front of the requests that the fast lane serves: they are for
// the road and for nothing else.
type fast struct{ process *gatewayProcess }

// ServeHTTP sends a request on its way.
func (f fast) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.process.requests.Add(1)
	defer f.process.requests.Done()
	w.Header()[proxy.RequestID] = []string{newRequestID()}
	f.process.gateway.ServeHTTP(w, r)
}

// takes reports whether a request is for the road, whatever its host and its
// credentials are.
func (f fast) takes(r *http.Request) bool {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return !f.process.admin.MayOwn(path)
}

// newRequestID returns 16 upper-case hex digits. They tell requests apart and
// are no secret.
func newRequestID() string {
	const digits = "0123456789ABCDEF"
	random := rand.Uint64() // #nosec G404 -- authenticates nothing
	var id [16]byte
	for i := range id {
		id[i] = digits[random>>(60-4*i)&15]
	}
	return string(id[:])
}
