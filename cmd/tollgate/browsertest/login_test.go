package browsertest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

func TestLogInLeadsExactlyToThePageThatWasWanted(t *testing.T) {
	g, b := startGateway(t, setup{}), startBrowser(t).tab(t)
	g.write(t, "reports/2026/q 3.txt", "third quarter")
	wanted := g.url + "/reports/2026/q%203.txt?x=1&y=%2F%20a+b&z=%C3%A4&x=2"

	if status := b.open(wanted); status != http.StatusOK {
		t.Errorf("the login page has status %d", status)
	}
	if at := b.location(); !strings.HasPrefix(at, g.url+"/.TOKEN/login?next=") {
		t.Fatalf("without a token one is at %s, want the login page", at)
	}
	if status := b.logIn(userName, password); status != http.StatusOK {
		t.Errorf("the wanted page has status %d", status)
	}
	if at := b.location(); at != wanted {
		t.Errorf("after the log-in one is at\n%s, want\n%s", at, wanted)
	}
	if text := b.text("body"); text != "third quarter" {
		t.Errorf("the page says %q", text)
	}
}

func TestWrongPasswordShowsThePageAgainAndSetsNoCookie(t *testing.T) {
	g, b := startGateway(t, setup{}), startBrowser(t).tab(t)
	g.write(t, "a.txt", "content")
	for _, try := range []struct{ name, secret string }{{userName, "wrong"}, {"nobody", password}} {
		b.open(g.url + "/a.txt?b=c")
		if status := b.logIn(try.name, try.secret); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", try.name, status)
		}
		if message := b.text("[role=alert]"); message != "User and password do not match." {
			t.Errorf("%s: the page says %q", try.name, message)
		}
		if c := b.cookie(g); c != nil {
			t.Errorf("%s: there is a cookie: %+v", try.name, c)
		}
	}
	b.logIn(userName, password)
	if at := b.location(); at != g.url+"/a.txt?b=c" {
		t.Errorf("after the second try one is at %s", at)
	}
}

func TestCookieIsOutOfReachOfScriptsAndOtherSites(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><p>page</p>"))
	}))
	defer page.Close()
	g, b := startGateway(t, setup{upstream: page.URL}), startBrowser(t).tab(t)
	b.enter(g)

	c := b.cookie(g)
	if len(c.Value) != 32 || !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Secure || c.Path != "/" || c.Domain != "127.0.0.1" {
		t.Errorf("the cookie is %+v", c)
	}
	left := time.Until(time.Unix(int64(c.Expires), 0))
	if left < 24*time.Hour-patience || left > 24*time.Hour+time.Minute {
		t.Errorf("the cookie ends in %s, want the 24 hours of its token", left)
	}
	b.open(g.url + "/")
	if seen := ask(b, chromedp.Evaluate[string]("'cookies: ' + document.cookie")); seen != "cookies: " {
		t.Errorf("a script sees %q", seen)
	}
}

func TestLogOutByButtonEndsTheToken(t *testing.T) {
	g, b := startGateway(t, setup{}), startBrowser(t).tab(t)
	g.write(t, "a.txt", "content")
	value := b.enter(g)
	if status := g.replay(t, "/a.txt", value); status != http.StatusOK {
		t.Fatalf("before the log-out the token gives %d", status)
	}

	b.open(g.url + "/.TOKEN/login?next=/a.txt")
	if user := b.text("#user"); user != userName {
		t.Errorf("the page says that one is %q", user)
	}
	b.load(chromedp.Click(chromedp.CSS("#logout")))
	if at := b.location(); at != g.url+"/.TOKEN/login" {
		t.Errorf("after the log-out one is at %s", at)
	}
	loggedOut(t, g, b, value)
}

func TestLogOutByDeletingTheOwnTokenEndsIt(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><p>application</p>"))
	}))
	defer page.Close()
	g, b := startGateway(t, setup{upstream: page.URL}), startBrowser(t).tab(t)
	value := b.enter(g)

	b.open(g.url + "/a.txt")
	status := ask(b, chromedp.Evaluate[int](`fetch('/.TOKEN/?format=json').then(r => r.json())
		.then(all => fetch('/.TOKEN/' + all[0].name, {method: 'DELETE'})).then(r => r.status)`,
		chromedp.EvalAwaitPromise))
	if status != http.StatusOK {
		t.Errorf("DELETE answers %d", status)
	}
	loggedOut(t, g, b, value)
}

// loggedOut checks that cookie and token are gone and that /a.txt asks for a
// log-in once more.
func loggedOut(t *testing.T, g *gateway, b *tab, value string) {
	t.Helper()
	if c := b.cookie(g); c != nil {
		t.Errorf("the cookie is still there: %+v", c)
	}
	if status := g.replay(t, "/a.txt", value); status != http.StatusUnauthorized {
		t.Errorf("the token still gives %d, want 401", status)
	}
	b.open(g.url + "/a.txt")
	if !b.has("#password") {
		t.Errorf("%s does not ask for a password", b.location())
	}
}

func TestNextLeadsNowhereButToTheGateway(t *testing.T) {
	var reached atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer evil.Close()
	host := strings.TrimPrefix(evil.URL, "http://")
	g, chromium := startGateway(t, setup{}), startBrowser(t)

	b := chromium.tab(t)
	follow := func(way, next string, show func()) {
		if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
		show()
		b.logIn(userName, password)
		if at := b.location(); !strings.HasPrefix(at, g.url+"/") {
			t.Errorf("next=%q in the %s leads to %s", next, way, at)
		}
		if b.cookie(g) == nil {
			t.Errorf("next=%q in the %s: not logged in", next, way)
		}
	}
	for _, next := range elsewhere(host) {
		follow("form", next, func() {
			b.open(g.url + "/.TOKEN/login")
			b.do(chromedp.SetAttributeValue(chromedp.CSS("[name=next]"), "value", next))
		})
	}
	for _, next := range []string{"//" + host, `/\` + host, "http://" + host, "/\t/" + host} {
		follow("link", next, func() { b.open(g.url + "/.TOKEN/login?next=" + url.QueryEscape(next)) })
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the foreign host was asked %d times", n)
	}
}

// elsewhere returns what somebody may put into next to lead to a host; an
// empty one among them.
func elsewhere(host string) []string {
	return []string{
		"", "//" + host, "///" + host, "////" + host + "/x", `/\` + host, `\/` + host, `\\` + host, `/\/` + host,
		"http://" + host, "HTTP://" + host, "http:/" + host, "http:" + host, "http:///" + host, " //" + host,
		"/\t/" + host, "/\n/" + host, "\t//" + host, "/%09/" + host, "/%5c" + host, "/..//" + host, "/.//" + host, "/x/..//" + host,
		"https://example.com/", "javascript:location='http://" + host + "'", "data:text/html,x", "@" + host, "?//" + host,
	}
}

// TestLoginPageCanBeLookedAt leaves pictures of the page where
// TOLLGATE_TEST_PICTURES says, else in a directory that goes away.
func TestLoginPageCanBeLookedAt(t *testing.T) {
	dir := os.Getenv("TOLLGATE_TEST_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	g, b := startGateway(t, setup{}), startBrowser(t).tab(t)
	for _, scheme := range []string{"light", "dark"} {
		params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
			t.Fatal(err)
		}
		b.open(g.url + "/.TOKEN/login")
		b.picture(filepath.Join(dir, "login-"+scheme+".png"))
	}
	b.logIn(userName, "wrong")
	b.picture(filepath.Join(dir, "refused.png"))
	b.enter(g)
	b.open(g.url + "/.TOKEN/login?next=/a.txt")
	b.picture(filepath.Join(dir, "logged-in.png"))
}

func (b *tab) picture(file string) {
	b.t.Helper()
	png := ask(b, chromedp.CaptureScreenshot())
	if len(png) < 1000 {
		b.t.Errorf("%s has %d bytes", file, len(png))
	}
	if err := os.WriteFile(file, png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
