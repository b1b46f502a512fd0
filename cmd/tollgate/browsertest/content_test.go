package browsertest

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// hostile is a page that a user stored for others to open. Its script and its
// form do what the reader could do.
const hostile = `<!DOCTYPE html><title>quiet</title>
<form method="post" action="/.TOKEN/logout"><button id="out">read on</button></form>
<script>
document.title = 'ran';
window.done = Promise.allSettled([
  fetch('/stolen.txt', {method: 'PUT', body: 'x'}),
  fetch('/.TOKEN/?setcookie=false', {method: 'POST'}),
]).then(() => 'done');
</script>`

func TestStoredPageActsAsTheReaderOnlyWhereContentIsTrusted(t *testing.T) {
	chromium := startBrowser(t)
	for _, test := range []struct {
		name    string
		trusted bool
		title   string
		written bool
	}{
		{"sandboxed unless the route says otherwise", false, "quiet", false},
		{"not sandboxed where content is trusted", true, "ran", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, b := startGateway(t, setup{trusted: test.trusted}), chromium.tab(t)
			g.write(t, "page.html", hostile)
			value := b.enter(g)
			if status := b.open(g.url + "/page.html"); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			if test.trusted {
				ask(b, chromedp.Evaluate[string]("window.done", chromedp.EvalAwaitPromise))
			}
			if title := ask(b, chromedp.TextContent(chromedp.CSS("title"))); title != test.title {
				t.Errorf("the title is %q, want %q", title, test.title)
			}
			b.do(chromedp.Click(chromedp.CSS("#out")))
			// The request is the last that can come of the page: what the script
			// and the click began is in the log before it.
			g.replay(t, "/mark", value)
			end := func(e entry) bool { return e.Path == "/mark" }
			if test.trusted {
				end = func(e entry) bool { return e.Route == "/.TOKEN/logout" }
			}
			g.log.await(t, 0, end)
			if _, err := os.Stat(filepath.Join(g.folder, "stolen.txt")); (err == nil) != test.written {
				t.Errorf("written: %v, want %t", err, test.written)
			}
			if made := g.log.count(func(e entry) bool { return e.Method == http.MethodPost && e.Status == http.StatusCreated }); (made > 0) != test.written {
				t.Errorf("the page made %d tokens", made)
			}
			if live := g.replay(t, "/page.html", value) == http.StatusOK; live == test.trusted {
				t.Errorf("the reader's token is live: %t", live)
			}
		})
	}
}
