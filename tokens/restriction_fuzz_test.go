package tokens_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"tollgate/tokens"
)

func FuzzParseNetwork(f *testing.F) {
	for _, text := range []string{"192.0.2.1", "10.1.2.3/8", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/90", "2001:db8::/32", "fe80::1%eth0", "", "1/1"} {
		f.Add(text, "10.1.2.3")
	}
	f.Fuzz(func(t *testing.T, text, client string) {
		p, err := tokens.ParseNetwork(text)
		if err != nil {
			isInvalid(t, err)
			return
		}
		only := tokens.Restrictions{Addresses: []netip.Prefix{p}}
		if err := only.Validate(); err != nil {
			t.Fatalf("%q is read as %s, which no token can have: %v", text, p, err)
		}
		if again, err := tokens.ParseNetwork(p.String()); err != nil || again != p {
			t.Fatalf("%q is read as %s and that as %s, %v", text, p, again, err)
		}
		addr, err := netip.ParseAddr(client)
		if err != nil {
			return
		}
		plain := addr.Unmap().WithZone("")
		want := plain.BitLen() == p.Addr().BitLen() && netip.PrefixFrom(plain, p.Bits()).Masked() == p
		if got := only.Admit(tokens.Circumstances{Client: addr}) == nil; got != want {
			t.Fatalf("%s admits %s: %v", p, addr, got)
		}
	})
}

func FuzzParseType(f *testing.F) {
	for _, text := range []string{"image/png", "Text/*", "*/*", "a/b;c=d", "", "application/vnd.a+json"} {
		f.Add(text)
	}
	form := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}/(\*|[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126})$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := tokens.ParseType(text)
		if lower := strings.ToLower(text); (err == nil) != form.MatchString(text) || err == nil && got != lower {
			t.Fatalf("%q is read as %q, %v", text, got, err)
		}
		if err != nil {
			isInvalid(t, err)
			return
		}
		only := tokens.Restrictions{Types: []string{got}}
		if err := only.Validate(); err != nil {
			t.Fatalf("%q is read as %q, which no token can have: %v", text, got, err)
		}
		if kind, all := strings.CutSuffix(got, "*"); !only.AcceptsType(kind+"x") == all || !all && !only.AcceptsType(got) {
			t.Fatalf("%q does not accept its own", got)
		}
	})
}

func FuzzAgentMatches(f *testing.F) {
	for _, c := range [][2]string{{"curl/*", "curl/8"}, {"a*b*c", "abcbc"}, {"a*ab*b", "aab"}, {"**", ""}, {"a*a", "a"}, {"*\n*", "a\nb"}, {"x", "x"}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, text, agent string) {
		parts := strings.Split(text, "*")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		form, err := regexp.Compile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
		if err != nil || strings.ToValidUTF8(text+agent, "") != text+agent { // regexp reads bytes that are no UTF-8 as something else
			return
		}
		if got := (tokens.Agent{Text: text, Pattern: true}).Matches(agent); got != form.MatchString(agent) {
			t.Fatalf("%q matches %q: %v", text, agent, got)
		}
		if got := (tokens.Agent{Text: text}).Matches(agent); got != (text == agent) {
			t.Fatalf("%q is %q: %v", text, agent, got)
		}
	})
}
