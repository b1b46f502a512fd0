package browsertest

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// attack is what a page of another site has the visitor's browser do.
type attack struct {
	name   string
	page   func(gateway string) string // HTML
	method string                      // of the request that comes of it
	target string                      // its path, or the route of a management request
	opens  bool                        // whether it takes the visitor to the gateway, which brings more cookies
}

// The attacks on somebody who is logged in.
func attacks() []attack {
	return []attack{
		{"form to the storage", sendForm("/form.txt", "text", "stolen"), "POST", "/form.txt", true},
		{"form to the token path", sendForm("/.TOKEN/", "a", "b"), "POST", "/.TOKEN/", true},
		{"form to a tenant's tokens", sendForm("/_admin/manage/tenants/default/tokens/", "a", "b"), "POST", "/_admin/manage/tenants/:tenant/tokens/", true},
		{"form to the log-out", sendForm("/.TOKEN/logout", "a", "b"), "POST", "/.TOKEN/logout", true},
		{"fetch POST without CORS", fetchPage("/fetch.txt", "POST", "no-cors"), "POST", "/fetch.txt", false},
		{"fetch POST of a token", fetchPage("/.TOKEN/?setcookie=false", "POST", "no-cors"), "POST", "/.TOKEN/", false},
		{"fetch PUT", fetchPage("/put.txt", "PUT", "cors"), "OPTIONS", "/put.txt", false},
		{"fetch DELETE", fetchPage("/delete.txt", "DELETE", "cors"), "OPTIONS", "/delete.txt", false},
		{"WebSocket", func(gateway string) string {
			return fmt.Sprintf("<script>new WebSocket(%q)</script>", strings.Replace(gateway, "http:", "ws:", 1)+"/socket")
		}, "GET", "/socket", false},
	}
}

// sendForm makes a page that sends a form as soon as it is open.
func sendForm(target string, pairs ...string) func(string) string {
	return func(gateway string) string {
		var b strings.Builder
		fmt.Fprintf(&b, `<form method="post" action="%s">`, html.EscapeString(gateway+target))
		for i := 0; i+1 < len(pairs); i += 2 {
			fmt.Fprintf(&b, `<input name="%s" value="%s">`, html.EscapeString(pairs[i]), html.EscapeString(pairs[i+1]))
		}
		return b.String() + "</form><script>document.forms[0].submit()</script>"
	}
}

func fetchPage(target, method, mode string) func(string) string {
	return func(gateway string) string {
		return fmt.Sprintf("<script>fetch(%q, {method: %q, mode: %q, credentials: 'include'})</script>", gateway+target, method, mode)
	}
}

// attacker is a server with the pages of attacks.
type attacker struct {
	*httptest.Server
	gateway string
	attacks []attack
}

func startAttacker(t *testing.T, g *gateway, all []attack) *attacker {
	t.Helper()
	a := &attacker{gateway: g.url, attacks: all}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

// serve answers with the page of the attack whose number the path is.
func (a *attacker) serve(w http.ResponseWriter, r *http.Request) {
	for i, attack := range a.attacks {
		if r.URL.Path == fmt.Sprintf("/%d", i) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, "<!DOCTYPE html><title>prize</title><body>", attack.page(a.gateway))
			return
		}
	}
	http.NotFound(w, r)
}

// at returns the address of an attack under another name of this machine.
func (a *attacker) at(host string, i int) string {
	return strings.Replace(a.URL, "127.0.0.1", host, 1) + fmt.Sprintf("/%d", i)
}

// storage is an upstream that remembers what was done to it.
type storage struct {
	*httptest.Server
	mu   sync.Mutex
	done []string // guarded by mu; all but plain reading
}

func startStorage(t *testing.T) *storage {
	t.Helper()
	s := &storage{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Upgrade") != "" {
			s.mu.Lock()
			s.done = append(s.done, r.Method+" "+r.RequestURI)
			s.mu.Unlock()
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintln(w, "content")
	}))
	t.Cleanup(s.Close)
	return s
}

func TestOtherSitesCannotUseTheVisitorsCookie(t *testing.T) {
	chromium := startBrowser(t)
	for _, test := range []struct {
		name, cookie, host string
		opening, all       bool // which attacks surely come with the cookie
	}{
		{"the browser keeps a lax cookie back", "same_site: lax", "localhost", false, false},
		{"the browser lends a young cookie without same_site", `same_site: ""`, "localhost", true, false},
		{"the browser lends a cookie with same_site none to all but frames and fetches", "same_site: none, secure: always", "localhost", true, false},
		{"another port is the same site to the browser", "same_site: strict", "127.0.0.1", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			upstream := startStorage(t)
			g, b := startGateway(t, setup{upstream: upstream.URL, cookie: test.cookie}), chromium.tab(t)
			evil := startAttacker(t, g, attacks())
			value := b.enter(g)
			for i, a := range attacks() {
				from := g.log.length()
				b.open(evil.at(test.host, i))
				e := g.log.await(t, from, func(e entry) bool { return e.Method == a.method && (e.Path == a.target || e.Route == a.target) })
				lent := a.method != http.MethodOptions && (test.all || test.opening && a.opens)
				checkRefused(t, a.name, e, lent)
			}
			if status := g.replay(t, "/a.txt", value); status != http.StatusOK {
				t.Errorf("the visitor's token gives %d after the attacks", status)
			}
			if made := g.log.count(func(e entry) bool { return e.Status == http.StatusCreated }); made != 0 {
				t.Errorf("%d tokens were made", made)
			}
			upstream.mu.Lock()
			defer upstream.mu.Unlock()
			if len(upstream.done) > 0 {
				t.Errorf("the storage was asked for %q", upstream.done)
			}
		})
	}
}

// checkRefused checks that a request came without the cookie and got nothing,
// or with it and was seen through. If lent, the latter: otherwise the browser
// was tested and not the gateway.
func checkRefused(t *testing.T, name string, e entry, lent bool) {
	t.Helper()
	seenThrough := e.Form == "cookie" && e.Status == http.StatusForbidden && e.Reason == "cross_site"
	anonymous := e.Form == "none" && (e.Status == http.StatusUnauthorized || e.Status == http.StatusSeeOther)
	if !seenThrough && (lent || !anonymous) {
		t.Errorf("%s: the gateway says %+v", name, e)
	}
}

func TestOtherSitesCannotLogTheVisitorIn(t *testing.T) {
	chromium := startBrowser(t)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		t.Run("from "+host, func(t *testing.T) {
			g, b := startGateway(t, setup{}), chromium.tab(t)
			page := sendForm("/.TOKEN/", "username", userName, "password", password, "next", "/a.txt")
			evil := startAttacker(t, g, []attack{{page: page}})
			b.open(evil.at(host, 0))
			e := g.log.await(t, 0, func(e entry) bool { return e.Method == http.MethodPost && e.Route == "/.TOKEN/" })
			if e.Status != http.StatusForbidden || e.Reason != "cross_site" {
				t.Errorf("the gateway says %+v", e)
			}
			if c := b.cookie(g); c != nil {
				t.Errorf("the visitor has the attacker's cookie: %+v", c)
			}
		})
	}
}
