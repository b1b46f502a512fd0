package usertokens_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

// TestListed: tokens of every API are shown, as far as this one can express
// them, and no value is.
func TestListed(t *testing.T) {
	w := newWorld(t)
	made := read[entry](t, w.expect(200, "POST", "/auth/users/tokens", "both", order("ci", "expiresAt", `"2031-05-17T08:45:00Z"`)))
	session, value := w.put("both", in("blue"))
	pair, _ := w.put("both", signing, by(tokens.FileRepository))
	bounded, _ := w.put("both", func(t *tokens.Token) { t.Ceiling = tokens.StorageRead }, in(tokens.AnyTenant))
	restricted, _ := w.put("both", func(t *tokens.Token) { t.Only.SizeBelow = 7 }, by(tokens.Management), named("small"))
	several, _ := w.put("both", by(tokens.AccessTokens), func(t *tokens.Token) {
		t.Expires = session.Expires.AddDate(1, 0, 0)
		t.Allowed = tokens.Allowances{{Permissions: tokens.StorageRead, Resources: []tokens.Resource{"a"}}, {Permissions: tokens.StorageList}}
	})
	disabled, _ := w.put("both", func(t *tokens.Token) { t.Disabled = tokens.Mark{At: begin(), By: "root"} })
	w.put("both", func(t *tokens.Token) { t.Revoked = tokens.Mark{At: begin(), By: "root"} })
	w.put("both", func(t *tokens.Token) { t.Expires = begin().Add(-1) })

	r := w.expect(200, "GET", "/auth/users/tokens", "both", "")
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Link") != "" {
		t.Errorf("got %v", r.header)
	}
	if strings.Contains(r.body, value) || strings.Contains(r.body, made.Token) || strings.Contains(r.body, `"token"`) {
		t.Errorf("a value is shown: %s", r.body)
	}
	const inAnHour = "2031-05-17T09:30:00.123Z"
	want := map[tokens.ID]entry{
		made.ID:       {Name: "ci", ExpiresAt: made.ExpiresAt, Permissions: []string{"storage.read"}, Tenants: []string{"any"}},
		session.ID:    {ExpiresAt: new(inAnHour), Permissions: []string{"storage.*"}, Tenants: []string{"blue"}},
		pair.ID:       {ExpiresAt: new(inAnHour), Permissions: []string{"storage.*"}, Tenants: []string{"red"}},
		bounded.ID:    {ExpiresAt: new(inAnHour), Permissions: []string{"storage.read"}, Tenants: []string{"any"}},
		restricted.ID: {Name: "small", ExpiresAt: new(inAnHour), Permissions: []string{"storage.*"}, Tenants: []string{"red"}},
		several.ID:    {ExpiresAt: new("2032-05-17T09:30:00.123Z"), Permissions: []string{"storage.read", "storage.list"}, Tenants: []string{"red"}},
		disabled.ID:   {ExpiresAt: new(inAnHour), Permissions: []string{"storage.*"}, Tenants: []string{"red"}},
	}
	got := read[[]entry](t, r)
	if len(got) != len(want) {
		t.Errorf("%d tokens are listed, want %d: %s", len(got), len(want), r.body)
	}
	for _, e := range got {
		x, ok := want[e.ID]
		if !ok || e.Name != x.Name || *e.ExpiresAt != *x.ExpiresAt || !slices.Equal(e.Permissions, x.Permissions) || !slices.Equal(e.Tenants, x.Tenants) || e.CreatedAt != "2031-05-17T08:30:00.123Z" {
			t.Errorf("got %+v, want %+v", e, x)
		}
	}
}

func TestWhatIsListedToWhom(t *testing.T) {
	w := newWorld(t)
	w.put("john", named("johns"))
	w.put("reader", named("readers"))
	w.put("both", named("boths in red"))
	w.put("both", named("boths in blue"), in("blue"))
	w.put("jane", named("janes"), in(tokens.AnyTenant))
	w.put("bluecustom", named("blues"), in("blue"))
	w.put("gone", named("of nobody"))
	w.put("gone", named("of nobody, anywhere"), in(tokens.AnyTenant))
	_, red := w.put("root", named("roots"))
	all := []string{"blues", "boths in blue", "boths in red", "janes", "johns", "of nobody", "of nobody, anywhere", "readers", "roots"}
	for _, c := range []struct {
		name, as, path string
		want           []string
	}{
		{"one's own", "john", "/auth/users/tokens", []string{"johns"}},
		{"one's own, with users.write", "writer", "/auth/users/tokens", []string{}},
		{"everybody's of the tenant", "reader", "/auth/users/tokens", []string{"janes", "johns", "of nobody", "readers"}},
		{"everybody's of the other", "bluecustom", "/auth/users/tokens", []string{"blues"}},
		{"everybody's", "root", "/auth/users/tokens", all},
		{"everybody's, by a token of one tenant", "Bearer " + red, "/auth/users/tokens", []string{"janes", "johns", "of nobody", "readers", "roots"}},
		{"one's own by locator", "john", w.of("john", "tokens"), []string{"johns"}},
		{"another's", "reader", w.of("jane", "tokens"), []string{"janes"}},
		{"another's of two tenants", "root", w.of("both", "tokens"), []string{"boths in blue", "boths in red"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			if got := namesIn(t, w.expect(200, "GET", c.path, c.as, "")); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	w.t = t
	w.expect(403, "GET", w.of("both", "tokens"), "reader", "")
	if r := w.expect(200, "GET", "/auth/users/tokens", "jane", ""); !strings.Contains(r.body, "janes") {
		t.Errorf("got %s", r.body)
	}
	if r := w.expect(200, "GET", "/auth/users/tokens", "minter", ""); strings.TrimSpace(r.body) != "[]" {
		t.Errorf("an empty list is %s", r.body)
	}
}

// TestPaging: with a limit the list comes in pages, each token once.
func TestPaging(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 23 {
		name := fmt.Sprintf("n%02d", i)
		want = append(want, name)
		w.put("john", named(name))
	}
	var got []string
	pages := 0
	for path := "/auth/users/tokens?limit=5&_token=secret"; path != ""; pages++ {
		r := w.expect(200, "GET", path, "john", "")
		got = append(got, namesIn(t, r)...)
		path = next(t, r)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || pages != 5 {
		t.Errorf("got %q in %d pages", got, pages)
	}
	first := next(t, w.expect(200, "GET", w.of("john", "tokens")+"?limit=20", "reader", ""))
	if rest := namesIn(t, w.expect(200, "GET", first, "reader", "")); len(rest) != 3 || !strings.HasPrefix(first, w.of("john", "tokens")+"?") {
		t.Errorf("got %q behind %s", rest, first)
	}
	if all := namesIn(t, w.expect(200, "GET", "/auth/users/tokens?limit=100000", "john", "")); len(all) != 23 {
		t.Errorf("a limit beyond the bound gives %d", len(all))
	}
	for query, says := range map[string]string{
		"limit=0": "from 1 to 1000", "limit=-1": "from 1 to 1000", "limit=x": "from 1 to 1000", "limit=1e3": "from 1 to 1000", "limit=99999999999999999999": "from 1 to 1000",
		"after=x": "bad_cursor", "limit=5&after=%00": "bad_cursor", "after=%zz": "cannot be read", "limit=5;after=x": "cannot be read",
	} {
		if r := w.expect(400, "GET", "/auth/users/tokens?"+query, "john", ""); !strings.Contains(r.body, says) {
			t.Errorf("%s: %s", query, r.body)
		}
	}
}

// next returns the path in a Link header, which must be one of this server and
// repeat no credential.
func next(t *testing.T, r reply) string {
	t.Helper()
	link := r.header.Get("Link")
	if link == "" {
		return ""
	}
	path, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	u, err := url.Parse(path)
	if !ok || err != nil || u.Host != "" || u.Query().Get("after") == "" || strings.Contains(link, "secret") {
		t.Fatalf("the link is %q", link)
	}
	return path
}

// TestEverythingAtOnce: without a limit a client gets all there is, up to a
// bound, and what is beyond it behind the link.
func TestEverythingAtOnce(t *testing.T) {
	w := newWorld(t)
	const most, more = 10_000, 3
	for range most + more {
		w.put("john")
	}
	r := w.expect(200, "GET", "/auth/users/tokens", "john", "")
	if n := len(read[[]entry](t, r)); n != most {
		t.Errorf("%d are listed, want %d", n, most)
	}
	path := next(t, r)
	if path == "" {
		t.Fatal("there is no link to the rest")
	}
	r = w.expect(200, "GET", path, "john", "")
	if n := len(read[[]entry](t, r)); n != more || next(t, r) != "" {
		t.Errorf("%d are behind the link, and %q behind them", n, next(t, r))
	}
}
