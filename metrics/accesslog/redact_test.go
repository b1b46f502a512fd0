package accesslog

import (
	"regexp"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const (
		hex  = "0123456789abcdef0123456789abcdef"
		uuid = "0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D"
		own  = "tgt_0123456789ABCDEFGHIJKLMNOPQ012345"
	)
	for name, c := range map[string]struct{ in, want string }{
		"nothing":                          {"", ""},
		"plain text":                       {"/bucket/a b/report.pdf", "/bucket/a b/report.pdf"},
		"hex token alone":                  {hex, "***"},
		"hex token in a path":              {"/x/" + hex + "/y", "/x/***/y"},
		"hex token at the end":             {"/x/" + hex, "/x/***"},
		"hex tokens side by side":          {hex + "," + hex, "***,***"},
		"hex token after an equals sign":   {"token=" + hex, "token=***"},
		"hex token after an underscore":    {"a_" + hex + "_b", "a_***_b"},
		"hex token after a hyphen":         {"a-" + hex + ".bin", "a-***.bin"},
		"hex token after a percent escape": {"/a%2F" + hex + "%2f", "/a%2F***%2f"},
		"hex token after a percent sign":   {"100%" + hex, "100%***"},
		"hex token beside other letters":   {"é" + hex + "é", "é***é"},
		"31 hex digits":                    {hex[1:], hex[1:]},
		"33 hex digits":                    {hex + "0", hex + "0"},
		"a SHA-256":                        {hex + hex, hex + hex},
		"hex digits in upper case":         {strings.ToUpper(hex), strings.ToUpper(hex)},
		"hex digits inside a word":         {"x" + hex, "x" + hex},
		"upper-case UUID":                  {"/r/" + uuid + "/x", "/r/***/x"},
		"upper-case UUID after an escape":  {"%2F" + uuid, "%2F***"},
		"upper-case UUID alone":            {uuid, "***"},
		"UUID of digits alone":             {"01234567-0123-4123-8123-012345678901", "***"},
		"lower-case UUID":                  {strings.ToLower(uuid), strings.ToLower(uuid)},
		"UUID that goes on":                {uuid + "F", uuid + "F"},
		"UUID cut short":                   {uuid[:35], uuid[:35]},
		"UUID with a wrong hyphen":         {strings.Replace(uuid, "-", "_", 1), strings.Replace(uuid, "-", "_", 1)},
		"access token":                     {"x access-v1:AbC+/9==, y", "x ***, y"},
		"access token, URL alphabet":       {"access-v1:Ab_C-9", "***"},
		"access token, encoded":            {"/access-v1%3AAbC%2B%3D%3D?", "/***?"},
		"access token without a value":     {"access-v1: is the prefix", "access-v1: is the prefix"},
		"access token, other version":      {"access-v2:AbC", "access-v2:AbC"},
		"access token, other encoding":     {"access-v1%3BAbC", "access-v1%3BAbC"},
		"access alone":                     {"access", "access"},
		"own token":                        {"/x/" + own + "?", "/x/***?"},
		"own token in a sentence":          {"got " + own + ", no", "got ***, no"},
		"own token after a hyphen":         {"a-" + own, "a-***"},
		"own token that goes on":           {own + "0", own + "0"},
		"own token cut short":              {own[:36], own[:36]},
		"own token inside a word":          {"x" + own, "x" + own},
		"access key":                       {"tgk_" + own[4:], "tgk_" + own[4:]},
		"user and password":                {"get http://joe:pw@host/x", "get http://***@host/x"},
		"user alone":                       {"ftp://joe@host", "ftp://***@host"},
		"at in the password":               {"http://joe:p@w@host", "http://***@host"},
		"odd characters in the password":   {`parse "http://joe:p?w#d@host": bad`, `parse "http://***@host": bad`},
		"at in the path":                   {"http://host/a@2x.png", "http://host/a@2x.png"},
		"mail address":                     {"bot (joe@example.com)", "bot (joe@example.com)"},
		"agent with a URL":                 {"bot/1 (+http://example.com/bot)", "bot/1 (+http://example.com/bot)"},
		"URL with a query":                 {`Get "http://h/p?X-Amz-Signature=abc&b": no`, `Get "http://h/p?***": no`},
		"query without values":             {"what? nothing", "what? nothing"},
		"query at the end":                 {"/a?b=c", "/a?***"},
		"two queries":                      {"/a?b=c /d?e=f", "/a?*** /d?***"},
		"public id":                        {"1234567890123456789012", "1234567890123456789012"},
		"broken escape":                    {"/%", "/%"},
		"half an escape":                   {"/abc%2", "/abc%2"},
		"no UTF-8":                         {"\xff\xfe" + hex + "\xff", "\xff\xfe***\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := redact(c.in); got != c.want {
				t.Errorf("redact(%q) is %q, want %q", c.in, got, c.want)
			}
		})
	}
}

// naive finds by regular expressions, the slow way, what redact must have
// found. Each begins at the start of a word.
func naive() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`(?:^|[^0-9A-Za-z%])[0-9a-f]{32}(?:$|[^0-9A-Za-z])`),
		regexp.MustCompile(`%[0-9A-Fa-f]{2}[0-9a-f]{32}(?:$|[^0-9A-Za-z])`),
		regexp.MustCompile(`(?:^|[^0-9A-Za-z%])[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}(?:$|[^0-9A-Za-z])`),
		regexp.MustCompile(`(?:^|[^0-9A-Za-z%])access-v1:[0-9A-Za-z+/=]`),
		regexp.MustCompile("://[^*/\\x00- \"'<>`\\\\]+@"),
		regexp.MustCompile("\\?[^\\x00- \"'<>`\\\\]*="),
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"", "?=", "/a/0123456789abcdef0123456789abcdef?x=y", "0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D", "access-v1:abc==",
		"http://a:b@c/d?e=f", "%2f0123456789abcdef0123456789abcdef", "a?b://c@d=e", "://@", "???=", "%%%2", "\xff",
		"access-v1:0123456789abcdef0123456789abcdef", "://0123456789abcdef0123456789abcdef@x",
	} {
		f.Add(s)
	}
	patterns := naive()
	f.Fuzz(func(t *testing.T, s string) {
		got := redact(s)
		for _, p := range patterns {
			if m := p.FindString(got); m != "" {
				t.Errorf("%q is left in %q, from %q", m, got, s)
			}
		}
		if again := redact(got); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
		if got == s {
			return
		}
		if !strings.Contains(got, hidden) {
			t.Errorf("%q became %q with nothing hidden", s, got)
		}
		// What stays is in the order in which it was.
		rest := s
		for _, kept := range strings.Split(got, hidden) {
			at := strings.Index(rest, kept)
			if at < 0 {
				t.Fatalf("%q is not from %q", kept, s)
			}
			rest = rest[at+len(kept):]
		}
	})
}

func TestRedactCostsNothingWhenNothingIsFound(t *testing.T) {
	const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (+http://example.com/bot) Safari/537.36"
	if n := testing.AllocsPerRun(100, func() { _ = clientText(agent, maxAgent) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRedactNothing(b *testing.B) {
	const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
	b.SetBytes(int64(len(agent)))
	b.ReportAllocs()
	for b.Loop() {
		_ = redact(agent)
	}
}

func BenchmarkRedactToken(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = redact("/bucket/0123456789abcdef0123456789abcdef/report.pdf")
	}
}
