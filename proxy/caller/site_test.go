package caller_test

import (
	"bufio"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tollgate/proxy/caller"
)

func TestSites(t *testing.T) {
	const (
		home  = "Origin: https://files.example.com"
		other = "Origin: https://evil.example"
	)
	site := func(s string) string { return "Sec-Fetch-Site: " + s }
	for _, c := range []struct {
		name, method string
		upgrade      string
		lines        []string
		refused      bool
	}{
		{"no browser writes", "POST", "", nil, false},
		{"no browser deletes", "DELETE", "", nil, false},
		{"no browser opens a WebSocket", "GET", "websocket", nil, false},
		{"the site itself writes", "PUT", "", []string{site("same-origin"), home}, false},
		{"the address bar", "POST", "", []string{site("none")}, false},
		{"another site writes", "POST", "", []string{site("cross-site"), other}, true},
		{"another site writes and hides where from", "POST", "", []string{site("cross-site")}, true},
		{"a sibling host writes", "DELETE", "", []string{site("same-site"), "Origin: https://www.example.com"}, true},
		{"a trusted origin writes", "POST", "", []string{site("cross-site"), "Origin: https://trusted.example"}, false},
		{"a trusted origin in an old browser", "POST", "", []string{"Origin: https://trusted.example"}, false},
		{"a trusted host by another scheme", "POST", "", []string{site("cross-site"), "Origin: http://trusted.example"}, true},
		{"a trusted host by another port", "POST", "", []string{site("cross-site"), "Origin: https://trusted.example:444"}, true},
		{"another site reads", "GET", "", []string{site("cross-site"), other}, false},
		{"another site asks for the head", "HEAD", "", []string{site("cross-site")}, false},
		{"another site asks for options", "OPTIONS", "", []string{site("cross-site"), other}, false},
		{"another site opens a WebSocket", "GET", "websocket", []string{site("cross-site"), other}, true},
		{"another site opens a WebSocket in an old browser", "GET", "websocket", []string{other}, true},
		{"a sibling host opens a WebSocket", "GET", "websocket", []string{site("same-site")}, true},
		{"the site itself opens a WebSocket", "GET", "websocket", []string{site("same-origin"), home}, false},
		{"a trusted origin opens a WebSocket", "GET", "websocket", []string{site("cross-site"), "Origin: https://trusted.example"}, false},
		{"another site upgrades to something else", "GET", "h2c", []string{site("cross-site")}, true},
		{"an old browser, the site itself", "POST", "", []string{home}, false},
		{"an old browser, another site", "POST", "", []string{other}, true},
		{"an old browser, another port", "POST", "", []string{"Origin: https://files.example.com:8443"}, true},
		{"an old browser, a longer host", "POST", "", []string{"Origin: https://files.example.com.evil.example"}, true},
		{"Origin null", "POST", "", []string{"Origin: null"}, true},
		{"Origin null within the site", "POST", "", []string{"Origin: null", site("same-origin")}, false},
		{"Origin null from a sandboxed frame", "POST", "", []string{"Origin: null", site("cross-site")}, true},
		{"Origin null opens a WebSocket", "GET", "websocket", []string{"Origin: null"}, true},
		{"a word that nobody knows", "POST", "", []string{site("nearby"), home}, true},
		{"other unsafe methods", "PROPFIND", "", []string{site("cross-site")}, true},
		{"moving", "MOVE", "", []string{site("cross-site")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := caller.NewSites([]string{"https://trusted.example"})
			if err != nil {
				t.Fatal(err)
			}
			text := c.method + " /a?b HTTP/1.1\r\nHost: files.example.com\r\n" + strings.Join(append(c.lines, "", ""), "\r\n")
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			for form := caller.None; form <= caller.LoginForm; form++ {
				ambient := slices.Contains([]caller.Form{caller.Cookie, caller.Basic, caller.LoginForm}, form)
				err := s.Check(r, form, c.upgrade)
				if errors.Is(err, caller.ErrCrossSite) != (c.refused && ambient) || (err == nil) == (c.refused && ambient) {
					t.Errorf("by %s: %v", form, err)
				}
			}
			if r.Method != c.method {
				t.Errorf("the request became a %s", r.Method)
			}
		})
	}
}

func TestNewSitesRefuses(t *testing.T) {
	for _, origin := range []string{"", "trusted.example", "https://", "https://trusted.example/", "https://trusted.example/path", "https://trusted.example?x", "://x"} {
		if _, err := caller.NewSites([]string{"https://ok.example", origin}); err == nil || !strings.Contains(err.Error(), "trusted origin") {
			t.Errorf("%q: %v", origin, err)
		}
	}
	if _, err := caller.NewSites(nil); err != nil {
		t.Error(err)
	}
}

func TestChallenges(t *testing.T) {
	const bearer, basic = `Bearer realm="tollgate"`, `Basic realm="tollgate", charset="UTF-8"`
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"no browser", nil, []string{bearer, basic}},
		{"an old browser cannot be told apart", []string{"User-Agent: Mozilla/5.0", "Accept: text/html"}, []string{bearer, basic}},
		{"a browser that navigates", []string{"Sec-Fetch-Mode: navigate"}, []string{bearer}},
		{"a browser's script", []string{"sec-fetch-site: same-origin", "Sec-Fetch-Dest: empty"}, []string{bearer}},
		{"a part of the name", []string{"Sec-Fetch: x", "X-Sec-Fetch-Mode: y"}, []string{bearer, basic}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := caller.Challenges(wire(t, "/", c.lines...).Header); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
