package tokens_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

// networks reads CIDRs and addresses as an API does.
func networks(t *testing.T, texts ...string) []netip.Prefix {
	t.Helper()
	var all []netip.Prefix
	for _, text := range texts {
		p, err := tokens.ParseNetwork(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		all = append(all, p)
	}
	return all
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		name    string
		allowed []string
		client  string // empty = unknown
		admits  bool
	}{
		{"no list admits anybody", nil, "203.0.113.9", true},
		{"no list admits the unknown", nil, "", true},
		{"a list refuses the unknown", []string{"0.0.0.0/0", "::/0"}, "", false},
		{"the address", []string{"192.0.2.7"}, "192.0.2.7", true},
		{"the address below", []string{"192.0.2.7"}, "192.0.2.6", false},
		{"the address above", []string{"192.0.2.7"}, "192.0.2.8", false},
		{"the first of a network", []string{"192.0.2.128/25"}, "192.0.2.128", true},
		{"just below a network", []string{"192.0.2.128/25"}, "192.0.2.127", false},
		{"the last of a network", []string{"192.0.2.0/25"}, "192.0.2.127", true},
		{"just above a network", []string{"192.0.2.0/25"}, "192.0.2.128", false},
		{"a network written by one of its addresses", []string{"192.0.2.77/24"}, "192.0.2.1", true},
		{"the second of a list", []string{"10.0.0.0/8", "192.0.2.0/24"}, "192.0.2.1", true},
		{"none of a list", []string{"10.0.0.0/8", "192.0.2.0/24"}, "192.0.3.1", false},
		{"IPv4 inside IPv6 is IPv4", []string{"192.0.2.0/24"}, "::ffff:192.0.2.9", true},
		{"IPv4 inside IPv6, outside", []string{"192.0.2.0/24"}, "::ffff:192.0.3.9", false},
		{"a network of IPv4 inside IPv6", []string{"::ffff:192.0.2.0/120"}, "192.0.2.255", true},
		{"just outside of a network of IPv4 inside IPv6", []string{"::ffff:192.0.2.0/120"}, "192.0.3.0", false},
		{"an address of IPv4 inside IPv6", []string{"::ffff:192.0.2.1"}, "192.0.2.1", true},
		{"all of IPv4 inside IPv6", []string{"::ffff:0:0/96"}, "8.8.8.8", true},
		{"all of IPv4 is no IPv6", []string{"0.0.0.0/0"}, "2001:db8::1", false},
		{"all of IPv6 is no IPv4", []string{"::/0"}, "192.0.2.1", false},
		{"all of IPv6 is no IPv4 inside IPv6", []string{"::/0"}, "::ffff:192.0.2.1", false},
		{"IPv6, the last", []string{"2001:db8::/127"}, "2001:db8::1", true},
		{"IPv6, just above", []string{"2001:db8::/127"}, "2001:db8::2", false},
		{"a zone does not matter", []string{"fe80::/10"}, "fe80::1%eth0", true},
		{"a zone does not help", []string{"fe80::2"}, "fe80::1%eth0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			only := tokens.Restrictions{Addresses: networks(t, c.allowed...)}
			var client netip.Addr
			if c.client != "" {
				client = netip.MustParseAddr(c.client)
			}
			err := only.Admit(tokens.Circumstances{Client: client})
			if c.admits {
				isVerdict(t, err, nil)
			} else {
				isVerdict(t, err, tokens.ErrAddress)
			}
		})
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "192.0.2.1/24": "192.0.2.0/24", "2001:db8::1": "2001:db8::1/128", "2001:db8::1/32": "2001:db8::/32",
		"::ffff:192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1/96": "0.0.0.0/0", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0",
		"": "", "192.0.2": "", "192.0.2.01": "", "192.0.2.1/33": "", "192.0.2.1/-1": "", "192.0.2.1/": "", "192.0.2.1/024": "", "::ffff:192.0.2.1/95": "",
		"fe80::1%eth0": "", "fe80::/10%eth0": "", "example.com": "", " 192.0.2.1": "", "192.0.2.1 ": "", "192.0.2.1:80": "", "192.0.2.1-192.0.2.9": "", "*": "", "3232235777": "",
	} {
		got, err := tokens.ParseNetwork(text)
		if want == "" {
			isInvalid(t, err, "accepted")
			if got.IsValid() {
				t.Errorf("%q is refused, and still %s", text, got)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%q is read as %s, %v, want %s", text, got, err, want)
		}
	}
	_, err := tokens.ParseNetwork(strings.Repeat("9", 1000))
	if isInvalid(t, err, "999…"); len(err.Error()) > 300 {
		t.Errorf("the sentence has %d bytes", len(err.Error()))
	}
}

func TestAgents(t *testing.T) {
	exact := func(text string) tokens.Agent { return tokens.Agent{Text: text} }
	pattern := func(text string) tokens.Agent { return tokens.Agent{Text: text, Pattern: true} }
	for _, c := range []struct {
		allowed tokens.Agent
		agent   string
		want    bool
	}{
		{exact("curl/8.5"), "curl/8.5", true},
		{exact("curl/8.5"), "Curl/8.5", false},
		{exact("curl/8.5"), "curl/8.5.0", false},
		{exact("curl/8.5"), "", false},
		{exact("curl/*"), "curl/8", false},
		{exact("curl/*"), "curl/*", true},
		{pattern("curl/8.5"), "curl/8.5", true},
		{pattern("curl/8.5"), "curl/8.5 ", false},
		{pattern("curl/*"), "curl/8", true},
		{pattern("curl/*"), "curl/", true},
		{pattern("curl/*"), "curl", false},
		{pattern("curl/*"), "a curl/8", false},
		{pattern("*bot"), "bot", true},
		{pattern("*bot"), "a bot", true},
		{pattern("*bot"), "a bot b", false},
		{pattern("*"), "", true},
		{pattern("*"), "anything", true},
		{pattern("**"), "", true},
		{pattern("a*b*c"), "abc", true},
		{pattern("a*b*c"), "aXbYc", true},
		{pattern("a*b*c"), "acb", false},
		{pattern("a*b*c"), "abbc", true},
		{pattern("a*b*c"), "abcbc", true},
		{pattern("a*b*c"), "ab", false},
		{pattern("a*a"), "a", false},
		{pattern("a*a"), "aa", true},
		{pattern("ab*ba"), "aba", false},
		{pattern("a*ab*b"), "aab", false},
		{pattern("a*ab*b"), "aabb", true},
		{pattern("*a*a*"), "a", false},
		{pattern("a.c"), "abc", false},
		{pattern("[a]*"), "a", false},
		{pattern("a?"), "ab", false},
		{pattern("ü*"), "Über", false},
		{pattern("ü*"), "ü", true},
		{pattern(""), "", true},
		{pattern(""), "a", false},
	} {
		t.Run(fmt.Sprint(c.allowed, c.agent), func(t *testing.T) {
			if got := c.allowed.Matches(c.agent); got != c.want {
				t.Errorf("%+v matches %q: %v", c.allowed, c.agent, got)
			}
		})
	}
	only := tokens.Restrictions{Agents: []tokens.Agent{exact("one"), pattern("two*")}}
	isVerdict(t, only.Admit(tokens.Circumstances{Agent: "one"}), nil)
	isVerdict(t, only.Admit(tokens.Circumstances{Agent: "two.1"}), nil)
	isVerdict(t, only.Admit(tokens.Circumstances{Agent: "three"}), tokens.ErrAgent)
	isVerdict(t, only.Admit(tokens.Circumstances{}), tokens.ErrAgent)
	only.Addresses = networks(t, "192.0.2.1")
	isVerdict(t, only.Admit(tokens.Circumstances{Agent: "three"}), tokens.ErrAddress)
}

func TestUploads(t *testing.T) {
	png := tokens.Restrictions{Types: []string{"image/png", "text/*"}}
	small := tokens.Restrictions{SizeBelow: 100}
	tagged := tokens.Restrictions{Tags: []string{"team", "stage=test", "a=b=c"}}
	size := func(n int64) tokens.Upload { return tokens.Upload{Size: n} }
	tags := func(all ...string) tokens.Upload { return tokens.Upload{Tags: all} }
	for _, c := range []struct {
		name string
		only tokens.Restrictions
		up   tokens.Upload
		want error
	}{
		{"nothing is restricted", tokens.Restrictions{}, tokens.Upload{Size: 1 << 60, Tags: []string{"x"}}, nil},
		{"the type", png, tokens.Upload{Type: "image/png"}, nil},
		{"another type of the kind", png, tokens.Upload{Type: "image/jpeg"}, tokens.ErrType},
		{"any type of a kind", png, tokens.Upload{Type: "text/html"}, nil},
		{"a kind that begins alike", png, tokens.Upload{Type: "textile/html"}, tokens.ErrType},
		{"a kind without a type", png, tokens.Upload{Type: "text/"}, tokens.ErrType},
		{"the kind alone", png, tokens.Upload{Type: "text"}, tokens.ErrType},
		{"a type that begins alike", png, tokens.Upload{Type: "image/png+x"}, tokens.ErrType},
		{"no type at all", png, tokens.Upload{}, tokens.ErrType},
		{"a byte below the limit", small, size(99), nil},
		{"as much as the limit", small, size(100), tokens.ErrSize},
		{"a byte above the limit", small, size(101), tokens.ErrSize},
		{"nothing", small, size(0), nil},
		{"a size that is not known yet", small, size(-1), nil},
		{"nothing, where one byte is the limit", tokens.Restrictions{SizeBelow: 1}, size(0), nil},
		{"one byte, where one byte is the limit", tokens.Restrictions{SizeBelow: 1}, size(1), tokens.ErrSize},
		{"no tags", tagged, tags(), nil},
		{"a key without a value", tagged, tags("team"), nil},
		{"a key with an empty value", tagged, tags("team="), nil},
		{"a key with any value", tagged, tags("team=red"), nil},
		{"a key with its value", tagged, tags("stage=test"), nil},
		{"a key with another value", tagged, tags("stage=live"), tokens.ErrTag},
		{"a value that begins alike", tagged, tags("stage=tests"), tokens.ErrTag},
		{"a key that has a value, without", tagged, tags("stage"), tokens.ErrTag},
		{"a key that begins alike", tagged, tags("teams=red"), tokens.ErrTag},
		{"a key in other case", tagged, tags("Team=red"), tokens.ErrTag},
		{"a value with =", tagged, tags("a=b=c"), nil},
		{"a part of a value with =", tagged, tags("a=b"), tokens.ErrTag},
		{"an empty tag", tagged, tags(""), tokens.ErrTag},
		{"one of two", tagged, tags("team=red", "other=1"), tokens.ErrTag},
		{"both of two", tagged, tags("team=red", "stage=test"), nil},
		{"the type comes before the size", tokens.Restrictions{Types: []string{"a/b"}, SizeBelow: 1}, size(1), tokens.ErrType},
		{"the size comes before the tags", tokens.Restrictions{SizeBelow: 1, Tags: []string{"a"}}, tokens.Upload{Size: 1, Tags: []string{"b"}}, tokens.ErrSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			isVerdict(t, c.only.Accept(c.up), c.want)
			w := usualWorld()
			s := w.by("ann", tokens.Scope{Tenant: "red"})
			s.Token.Only = c.only
			put := tokens.Action{Place: redA(), Needs: tokens.StorageWrite, Resource: "b/k", Stores: &c.up}
			grant, err := tokens.Authorise(s, put)
			isVerdict(t, err, c.want)
			if grant.Given() != (c.want == nil) {
				t.Errorf("the grant is %+v", grant)
			}
			if _, err := tokens.Authorise(w.as("ann"), put); err != nil {
				t.Errorf("by password: %v", err)
			}
		})
	}
}

func TestParseType(t *testing.T) {
	long := strings.Repeat("a", 127)
	for text, want := range map[string]string{
		"image/png": "image/png", "Image/PNG": "image/png", "image/*": "image/*", "application/vnd.a+json": "application/vnd.a+json", "a/b!#$&-^_.+": "a/b!#$&-^_.+", "3gpp/3": "3gpp/3",
		long + "/" + long: long + "/" + long, long + "a/b": "", "a/" + long + "b": "",
		"": "", "/": "", "image": "", "image/": "", "/png": "", "*/*": "", "*": "", "*/png": "", "image/p*": "", "image/**": "", "image/png/x": "",
		"image/png; q=1": "", "image/png,a/b": "", " image/png": "", "image/png ": "", "image /png": "", "+a/b": "", "a/+b": "", "bild/größe": "", "image/\x00": "", "\u017f/a": "", "\u212a/a": "",
	} {
		got, err := tokens.ParseType(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is read as %q, %v, want %q", text, got, err, want)
		}
		if err != nil {
			isInvalid(t, err, "no media type", "image/*")
		}
	}
}

func TestRestrictionsValidate(t *testing.T) {
	many := func(n int) []string { return slices.Repeat([]string{"a/b"}, n) }
	raw := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	text := strings.Repeat("x", 1024)
	for _, c := range []struct {
		name    string
		only    tokens.Restrictions
		invalid string // empty = accepted
	}{
		{"nothing", tokens.Restrictions{}, ""},
		{"one of each", everyRestriction(), ""},
		{"as many as may be", tokens.Restrictions{Types: many(64), Tags: many(64)}, ""},
		{"one type too many", tokens.Restrictions{Types: many(65)}, "65 media types"},
		{"one tag too many", tokens.Restrictions{Tags: many(65)}, "65 tags"},
		{"one agent too many", tokens.Restrictions{Agents: make([]tokens.Agent, 65)}, "65 user agents"},
		{"one address too many", tokens.Restrictions{Addresses: make([]netip.Prefix, 65)}, "65 addresses"},
		{"no network", tokens.Restrictions{Addresses: make([]netip.Prefix, 1)}, "is no network"},
		{"a network with bits beyond its length", tokens.Restrictions{Addresses: raw("10.0.0.1/8")}, "is no network"},
		{"a network of IPv4 inside IPv6, which no client has", tokens.Restrictions{Addresses: raw("::ffff:10.0.0.0/104")}, "is no network"},
		{"an empty agent", tokens.Restrictions{Agents: []tokens.Agent{{}}}, "user agent is empty"},
		{"an agent as long as may be", tokens.Restrictions{Agents: []tokens.Agent{{Text: text}}}, ""},
		{"an agent that is too long", tokens.Restrictions{Agents: []tokens.Agent{{Text: text + "x"}}}, "1025 bytes"},
		{"an agent with a line end", tokens.Restrictions{Agents: []tokens.Agent{{Text: "a\nb"}}}, "control character"},
		{"an agent that is no UTF-8", tokens.Restrictions{Agents: []tokens.Agent{{Text: "a\xff"}}}, "not UTF-8"},
		{"a type in capitals", tokens.Restrictions{Types: []string{"Image/png"}}, `"Image/png" is none`},
		{"no type", tokens.Restrictions{Types: []string{""}}, "is none"},
		{"an empty tag", tokens.Restrictions{Tags: []string{""}}, "tag is empty"},
		{"a tag with DEL", tokens.Restrictions{Tags: []string{"a\x7f"}}, "control character"},
		{"a negative size", tokens.Restrictions{SizeBelow: -1}, "size -1 is negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			_, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA(), Only: c.only})
			if c.invalid == "" {
				isVerdict(t, c.only.Validate(), nil)
				isVerdict(t, err, nil)
				return
			}
			isInvalid(t, c.only.Validate(), c.invalid)
			isInvalid(t, err, c.invalid)
			if len(w.store.puts) != 0 {
				t.Error("something was stored")
			}
		})
	}
}
