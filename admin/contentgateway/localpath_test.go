package contentgateway

import (
	"net/url"
	"strings"
	"testing"
)

func TestLocalPath(t *testing.T) {
	for _, c := range []struct{ name, next, want string }{
		{"a path", "/photos/", "/photos/"},
		{"the root", "/", "/"},
		{"with a query", "/a?b=c&d=/e", "/a?b=c&d=/e"},
		{"with a URL in the query", "/a?next=https://evil.example/", "/a?next=https://evil.example/"},
		{"with a fragment", "/a#b", "/a#b"},
		{"with escapes", "/a%20b%2Fc", "/a%20b%2Fc"},
		{"with a colon", "/a:b", "/a:b"},
		{"with an at sign", "/@evil.example", "/@evil.example"},
		{"two slashes later", "/a//b", "/a//b"},
		{"letters beyond ASCII", "/größe", "/größe"},
		{"nothing", "", "/"},
		{"a relative path", "photos", "/"},
		{"a relative path upwards", "../photos", "/"},
		{"a query alone", "?a=b", "/"},
		{"another host", "//evil.example", "/"},
		{"another host behind three slashes", "///evil.example", "/"},
		{"another host behind a backslash", `/\evil.example`, "/"},
		{"another host behind two backslashes", `\\evil.example`, "/"},
		{"a backslash later", `/a\b`, "/"},
		{"a URL", "https://evil.example/", "/"},
		{"a URL of this host", "https://host/", "/"},
		{"a URL without slashes", "https:evil.example", "/"},
		{"a script", "javascript:alert(1)", "/"},
		{"data", "data:text/html,x", "/"},
		{"a tab that browsers drop", "/\t/evil.example", "/"},
		{"a line end that browsers drop", "/\n/evil.example", "/"},
		{"a carriage return that browsers drop", "/\r/evil.example", "/"},
		{"a tab in front", "\t//evil.example", "/"},
		{"a blank in front", " //evil.example", "/"},
		{"a blank", "/a b", "/"},
		{"a NUL", "/\x00", "/"},
		{"DEL", "/\x7f", "/"},
		{"a header of one's own", "/a\r\nSet-Cookie: token=x", "/"},
		{"a bad escape", "/%zz", "/"},
		{"a user", "//user@evil.example", "/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := localPath(c.next); got != c.want {
				t.Errorf("%q leads to %q, want %q", c.next, got, c.want)
			}
			if host := browserHost(localPath(c.next)); host != "host" {
				t.Errorf("a browser goes to %q", host)
			}
		})
	}
}

// browserHost is the host to which a browser on https://host/dir/ goes, after
// the URL standard (https://url.spec.whatwg.org/#concept-basic-url-parser):
// blanks at the ends and tabs and line ends anywhere are dropped, a backslash
// is a slash, and slashes in front of an authority are skipped however many.
func browserHost(location string) string {
	s := strings.TrimFunc(location, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(s)
	if i := strings.IndexByte(s, ':'); i > 0 && isScheme(s[:i]) {
		if !strings.EqualFold(s[:i], "https") {
			return "another scheme"
		}
		if s = s[i+1:]; !strings.HasPrefix(s, "//") {
			return "host, perhaps"
		}
	}
	if !strings.HasPrefix(s, "//") {
		return "host"
	}
	s = strings.TrimLeft(s, "/")
	if end := strings.IndexAny(s, "/?#"); end >= 0 {
		s = s[:end]
	}
	return s[strings.LastIndexByte(s, '@')+1:]
}

func isScheme(s string) bool {
	letters := strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+-.")
	return letters == "" && (s[0]|0x20) >= 'a' && (s[0]|0x20) <= 'z'
}

func TestBrowserHostFindsWhatItLooksFor(t *testing.T) {
	for location, want := range map[string]string{
		"/": "host", "a": "host", "?x": "host", "": "host", "/a:b//c": "host",
		"//e.x": "e.x", "///e.x": "e.x", `/\e.x`: "e.x", `\\e.x/y`: "e.x", "/\t/e.x": "e.x", " //e.x": "e.x", "/\n\r/u@e.x?q": "e.x",
		"https://e.x/": "e.x", "https:////e.x": "e.x", "HTTPS://e.x": "e.x", "javascript:x": "another scheme", "http://host/": "another scheme",
	} {
		if got := browserHost(location); got != want {
			t.Errorf("%q goes to %q, want %q", location, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/a?b#c", "//e", `/\e`, "/\t/e", "https://e", "/%2f/e", "/..//e", "/.//e", "/%5c%5ce", "/;//e", "x:/e", " /e", "/\u2028/e", "/／e"} {
		f.Add(s)
	}
	base, err := url.Parse("https://host/dir/page?q")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		if got != next && got != "/" {
			t.Fatalf("%q becomes %q", next, got)
		}
		ref, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q leads to %q, which is no URL: %v", next, got, err)
		}
		if to := base.ResolveReference(ref); to.Scheme != "https" || to.Host != "host" || to.User != nil {
			t.Fatalf("%q leads to %s", next, to)
		}
		if host := browserHost(got); host != "host" {
			t.Fatalf("%q takes a browser to %q", next, host)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			t.Fatalf("%q breaks the header", got)
		}
		if again := localPath(got); again != got {
			t.Fatalf("%q becomes %q and then %q", next, got, again)
		}
	})
}
