package browsertest

import (
	"context"
	"os/exec"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context // chromedp keeps its handles in contexts
}

// startBrowser runs Chromium until the test ends. A machine without it fails
// the test: what is not tested must not look tested.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("these tests drive Chromium, and there is none (%v): run .ci/install", err)
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(patience),
		chromedp.WindowSize(1000, 700),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	)
	ctx, closeFirst := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("end the browser: %v", err)
		}
		closeFirst()
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{t, ctx}
}

// tab is a window with cookies of its own, as of another person.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// tab opens a window that ends with the test t.
func (b *browser) tab(t *testing.T) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	ctx, done := context.WithTimeout(ctx, 2*patience)
	t.Cleanup(func() {
		done()
		closeTab()
	})
	return &tab{t, ctx}
}

// do does something that loads no page.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// load does something that ends with a page, and returns its status.
func (b *tab) load(steps ...chromedp.Action[chromedp.Void]) int {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, steps...)
	if err != nil {
		b.t.Fatal(err)
	}
	return int(response.Status)
}

// ask returns what an action finds out about the page.
func ask[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	found, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func (b *tab) open(url string) int {
	b.t.Helper()
	return b.load(chromedp.Navigate(url))
}

// location returns the address that the tab shows.
func (b *tab) location() string {
	b.t.Helper()
	return ask(b, chromedp.Location())
}

// text returns the text of an element, which must be there.
func (b *tab) text(selector chromedp.CSS) string {
	b.t.Helper()
	return ask(b, chromedp.Text(selector))
}

// has reports whether an element is on the page.
func (b *tab) has(selector chromedp.CSSAll) bool {
	b.t.Helper()
	return len(ask(b, chromedp.Nodes(selector, chromedp.AtLeast(0)))) > 0
}

// logIn fills in the login page that the tab shows, sends it and returns the
// status of the page after it.
func (b *tab) logIn(name, secret string) int {
	b.t.Helper()
	return b.load(
		chromedp.SendKeys(chromedp.CSS("#username"), name),
		chromedp.SendKeys(chromedp.CSS("#password"), secret),
		chromedp.Click(chromedp.CSS("#login")),
	)
}

// enter logs in at a gateway and returns the token.
func (b *tab) enter(g *gateway) string {
	b.t.Helper()
	b.open(g.url + "/.TOKEN/login")
	b.logIn(userName, password)
	c := b.cookie(g)
	if c == nil {
		b.t.Fatalf("no cookie after the log-in:\n%s", g.log)
	}
	return c.Value
}

// cookie returns the token cookie that the browser would send to a gateway;
// nil if there is none.
func (b *tab) cookie(g *gateway) *network.Cookie {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{g.url + "/"}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range result.Cookies {
		if c.Name == "token" {
			return c
		}
	}
	return nil
}
