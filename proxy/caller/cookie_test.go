package caller_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"tollgate/proxy/caller"
)

func TestSetAndClear(t *testing.T) {
	plain := caller.CookieConfig{Name: "token", Secure: caller.SecureNever}
	strict := caller.CookieConfig{Name: "__Host-t", HTTPOnly: true, Secure: caller.SecureAlways, SameSite: "strict"}
	none := caller.CookieConfig{Name: "t", Secure: caller.SecureAuto, SameSite: "none"}
	const gone = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
	for _, c := range []struct {
		name         string
		config       caller.CookieConfig
		age          time.Duration
		https        bool
		set, cleared string
	}{
		{"the defaults over HTTP", caller.DefaultCookie(), 24 * time.Hour, false,
			"token=v; path=/; HttpOnly; SameSite=Lax; Max-Age=86400", "token=; path=/; HttpOnly; SameSite=Lax; " + gone},
		{"the defaults over TLS", caller.DefaultCookie(), 24 * time.Hour, true,
			"token=v; path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=86400", "token=; path=/; HttpOnly; Secure; SameSite=Lax; " + gone},
		{"as the content gateway has it", plain, 0, true, "token=v; path=/", "token=; path=/; " + gone},
		{"with an age alone", plain, time.Minute, false, "token=v; path=/; Max-Age=60", "token=; path=/; " + gone},
		{"strict", strict, time.Hour, false,
			"__Host-t=v; path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=3600", "__Host-t=; path=/; HttpOnly; Secure; SameSite=Strict; " + gone},
		{"none", none, 0, true, "t=v; path=/; Secure; SameSite=None", "t=; path=/; Secure; SameSite=None; " + gone},
		{"whole seconds", plain, 1999 * time.Millisecond, false, "token=v; path=/; Max-Age=1", "token=; path=/; " + gone},
		{"less than a second does not end it at once", plain, time.Millisecond, false, "token=v; path=/; Max-Age=1", "token=; path=/; " + gone},
		{"a negative age is none", plain, -time.Hour, false, "token=v; path=/", "token=; path=/; " + gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.config.Set("v", c.age, c.https); got != c.set {
				t.Errorf("sets %q, want %q", got, c.set)
			}
			if got := c.config.Clear(c.https); got != c.cleared {
				t.Errorf("clears with %q, want %q", got, c.cleared)
			}
			for _, line := range []string{c.set, c.cleared} {
				cookie, err := http.ParseSetCookie(line)
				if err != nil || cookie.Path != "/" || cookie.Name != c.config.Name || len(cookie.Unparsed) != 0 {
					t.Errorf("%q is read as %+v, %v", line, cookie, err)
				}
				if !c.config.Names(line) {
					t.Errorf("%q does not name the cookie", line)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	c := caller.DefaultCookie()
	for line, want := range map[string]bool{
		"token=x": true, "token=": true, "token": true, " token\t= x; Path=/": true, "token;token=x": true,
		"Token=x": false, "tokens=x": false, "xtoken=x": false, "a=token": false, "a=b; token=x": false, "": false, "=token": true, "=token=x": true, "=a=token": false,
	} {
		if got := c.Names(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestStripCookie(t *testing.T) {
	for _, c := range []struct{ name, header, want string }{
		{"nothing", "", ""},
		{"without it", "a=b; c=d", "a=b; c=d"},
		{"alone", "token=x", ""},
		{"alone without a value", "token", ""},
		{"alone between blanks", " \ttoken =x ", ""},
		{"first", "token=x; a=b; c=d", "a=b; c=d"},
		{"in the middle", "a=b; token=x; c=d", "a=b; c=d"},
		{"last", "a=b; token=x", "a=b"},
		{"several", "token=x; a=b; token=y;token", "a=b"},
		{"no blanks", "a=b;token=x;c=d", "a=b;c=d"},
		{"odd blanks stay", "a=b;   c = d ;token=x;\te=f", "a=b;   c = d ;\te=f"},
		{"a value in quotes", `a="b c"; token="x"; c=d`, `a="b c"; c=d`},
		{"a quote does not hide it", `a="b; token=x; c=d"`, `a="b; c=d"`},
		{"other case", "Token=x", "Token=x"},
		{"longer names", "tokens=x; xtoken=y; token2=z", "tokens=x; xtoken=y; token2=z"},
		{"longer names and a blank in front", " tokens=x; a=b", " tokens=x; a=b"},
		{"a value that looks like it", "a=token; b=token=x", "a=token; b=token=x"},
		{"empty pairs stay", "a=b;; ;c=d;", "a=b;; ;c=d;"},
		{"empty pairs around it", ";token=x;", ";"},
		{"bytes that are no text", "a=\xff\xfe; token=x; b=\x80", "a=\xff\xfe; b=\x80"},
		{"a comma does not part pairs", "a=b, token=x", "a=b, token=x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := caller.StripCookie(c.header, "token"); got != c.want {
				t.Errorf("%q becomes %q, want %q", c.header, got, c.want)
			}
		})
	}
}

func TestCookieConfigValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*caller.CookieConfig)
		want   []string
	}{
		{"the defaults", func(*caller.CookieConfig) {}, nil},
		{"every letter that a name may have", func(c *caller.CookieConfig) { c.Name = "aZ09!#$%&'*+-.^_`|~" }, nil},
		{"no attributes", func(c *caller.CookieConfig) { c.HTTPOnly, c.Secure, c.SameSite = false, caller.SecureNever, "" }, nil},
		{"none with auto", func(c *caller.CookieConfig) { c.SameSite = "none" }, nil},
		{"a prefix with always", func(c *caller.CookieConfig) { c.Name, c.Secure = "__Host-token", caller.SecureAlways }, nil},
		{"no name", func(c *caller.CookieConfig) { c.Name = "" }, []string{"name"}},
		{"a blank in the name", func(c *caller.CookieConfig) { c.Name = "to ken" }, []string{"name"}},
		{"an equals sign in the name", func(c *caller.CookieConfig) { c.Name = "token=" }, []string{"name"}},
		{"a semicolon in the name", func(c *caller.CookieConfig) { c.Name = "token;x" }, []string{"name"}},
		{"a line end in the name", func(c *caller.CookieConfig) { c.Name = "token\n" }, []string{"name"}},
		{"letters beyond ASCII", func(c *caller.CookieConfig) { c.Name = "tökén" }, []string{"name"}},
		{"a byte beyond ASCII", func(c *caller.CookieConfig) { c.Name = "t\xc1" }, []string{"name"}},
		{"brackets", func(c *caller.CookieConfig) { c.Name = "t[]@" }, []string{"name"}},
		{"a secure that nobody knows", func(c *caller.CookieConfig) { c.Secure = "on" }, []string{"secure"}},
		{"an empty secure", func(c *caller.CookieConfig) { c.Secure = "" }, []string{"secure"}},
		{"a same_site that nobody knows", func(c *caller.CookieConfig) { c.SameSite = "Lax" }, []string{"same_site"}},
		{"none without secure", func(c *caller.CookieConfig) { c.SameSite, c.Secure = "none", caller.SecureNever }, []string{"same_site"}},
		{"a prefix without always", func(c *caller.CookieConfig) { c.Name = "__Secure-token" }, []string{"name"}},
		{"all at once", func(c *caller.CookieConfig) { *c = caller.CookieConfig{SameSite: "x"} }, []string{"name", "secure", "same_site"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := caller.DefaultCookie()
			c.change(&config)
			var got []string
			config.Validate(func(path, message string) {
				got = append(got, path)
				if message == "" {
					t.Errorf("nothing is said about %s", path)
				}
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("faults in %v, want %v", got, c.want)
			}
		})
	}
}
