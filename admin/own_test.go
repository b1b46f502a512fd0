package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tollgate/admin"
	"tollgate/metrics"
)

// management is all of it, of which nothing is asked but where it is.
func management(t testing.TB, tokenPath string) (*admin.Admin, *echo.Echo) {
	t.Helper()
	return admin.New(admin.Deps{Metrics: metrics.New(prometheus.NewRegistry(), metrics.Build{})}, admin.Default(), tokenPath, admin.Settings{})
}

func TestEveryRouteIsOwned(t *testing.T) {
	for _, tokenPath := range []string{"/.TOKEN/", "/a/b/", "/t/"} {
		a, e := management(t, tokenPath)
		routes := e.Routes()
		if len(routes) < 20 {
			t.Fatalf("%d routes, expected were those of all APIs", len(routes))
		}
		for _, r := range routes {
			path := strings.NewReplacer(":", "", "*", "rest").Replace(r.Path)
			for _, spelling := range []string{path, path + "/", path + "//x", "/" + path, strings.ToUpper(path), strings.ToLower(path), "/%" + path[1:]} {
				if !a.MayOwn(spelling) {
					t.Errorf("with %s: %s %s is not owned as %s", tokenPath, r.Method, r.Path, spelling)
				}
			}
		}
	}
}

func TestWhatIsOwned(t *testing.T) {
	a, _ := management(t, "/.TOKEN/")
	for path, want := range map[string]bool{
		"/":                  false,
		"/bucket/key":        false,
		"/bucket/.TOKEN/":    false,
		"/bucket/%2E/_admin": false,
		"/.TOKENS/":          false,
		"/_administration":   false,
		"/.TOKEN":            true,
		"/.TOKEN/":           true,
		"/.token/x":          true,
		"/_admin":            true,
		"/_admin/api/v1/x":   true,
		"/%2ETOKEN/":         true,
		"/.TOKEN%2Fx":        true,
		"/.TOKEN;a=b/":       true,
		`/.TOKEN\x`:          true,
		"//.TOKEN/":          true,
		"//":                 true,
		"":                   true,
		"*":                  true,
		".TOKEN/":            true,
		"http://host/":       true,
	} {
		if got := a.MayOwn(path); got != want {
			t.Errorf("%q is owned: %v", path, got)
		}
	}
}

// FuzzMayOwn holds that no path which the router takes for one of its routes is
// left out.
func FuzzMayOwn(f *testing.F) {
	for _, path := range []string{"/", "/.TOKEN/", "/_admin/api/v1/tokens", "//.TOKEN/", "/%2ETOKEN/", "/a/../.TOKEN/", "/.TOKEN%2f", "/b?x=/.TOKEN/"} {
		f.Add(path)
	}
	a, e := management(f, "/.TOKEN/")
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target) // as net/http does
		if err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		r := &http.Request{Method: http.MethodGet, URL: u, RequestURI: target}
		c := e.NewContext(r, httptest.NewRecorder())
		e.Router().Find(r.Method, echo.GetPath(r), c)
		path, _, _ := strings.Cut(target, "?")
		if c.Path() != "" && !a.MayOwn(path) {
			t.Errorf("%q is routed and not owned", target)
		}
	})
}
