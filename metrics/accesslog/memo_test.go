package accesslog

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestFieldsAreWrittenAnewWhenTheyAreNotThoseOfTheLineBefore(t *testing.T) {
	for name, texts := range map[string][]string{
		"the same again":                 {"abc", "abc", "abc"},
		"by turns":                       {"abc", "abd", "abc", "abd"},
		"one is the beginning":           {"abc", "ab", "abc", "abcd", "abc"},
		"none between":                   {"abc", "", "abc", "", ""},
		"none at first":                  {"", "", "abc"},
		"a token between":                {"abc", hexToken, "abc", hexToken, hexToken},
		"tokens of another kind":         {ownToken, uuidToken, ownToken, bearerToken, "***", ownToken},
		"hidden in as many bytes":        {"http://a:b@host/", "http://a:c@host/", "http://***@host/", "http://a:b@host/"},
		"escaped between":                {"a\"b", `a\"b`, "a\"b", "a b"},
		"too long between":               {"abc", strings.Repeat("abc", 2000), "abc", strings.Repeat("abc", 2000)},
		"as long as fits":                {strings.Repeat("a", maxName), strings.Repeat("a", maxName+1), strings.Repeat("a", maxName)},
		"what gives the same in the end": {"\xff", "\ufffd", "\xfe", "\ufffd"},
		"public ids":                     {"12345678901234567890", "12345678901234567891", "1", "12345678901234567890", "***"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair()
			for _, text := range texts {
				p.same(t, everywhere(text))
			}
		})
	}
}

// TestAnyOrderOfFewValuesGivesTheRightLines: with few values most fields are
// those of the line before, and never those of another field.
func TestAnyOrderOfFewValuesGivesTheRightLines(t *testing.T) {
	p := newPair()
	r := rand.New(rand.NewPCG(5, 6))
	few := []string{"", "storage", "public", "GET", "10.0.0.1:9000", hexToken, ownToken, "é", `"`}
	text := func() string { return few[r.IntN(len(few))] }
	for range 20_000 {
		e := &Entry{
			Listener: text(), Proto: text(), Method: text(), Host: text(), Path: text(), TokenID: text(), User: text(),
			Tenant: text(), Form: text(), Upstream: text(), Server: text(), UserAgent: text(), Status: 200,
		}
		if p.same(t, e); t.Failed() {
			t.FailNow()
		}
	}
}

func (l *line) memos() []*memo {
	return []*memo{
		&l.listener, &l.proto, &l.method, &l.host, &l.tokenID, &l.user, &l.tenant, &l.form, &l.upstream, &l.server, &l.userAgent,
	}
}

func TestWhatIsHiddenIsNotKept(t *testing.T) {
	for _, secret := range []string{hexToken, uuidToken, bearerToken, ownToken, "http://joe:password@host", "?token=secret", "a\x00" + ownToken} {
		l := newLine()
		e := everywhere(secret)
		// These come from the program; nobody looks for secrets in them.
		e.Listener, e.Proto, e.Tenant, e.Form, e.Upstream = "", "", "", "", ""
		l.encode(e, 0)
		for i, m := range l.memos() {
			if strings.Contains(string(m.text), secret) || strings.Contains(string(m.field), secret) {
				t.Errorf("memo %d keeps %q", i, m.text)
			}
		}
	}
}

func TestLittleIsKeptOfAnyLine(t *testing.T) {
	l := newLine()
	for size := range 3000 {
		l.encode(everywhere(strings.Repeat("z", size)), 0)
	}
	for i, m := range l.memos() {
		if n := cap(m.text) + cap(m.field); n > 4*maxAgent {
			t.Errorf("memo %d takes %d bytes", i, n)
		}
	}
}

func TestAKeptTextIsACopy(t *testing.T) {
	var m memo
	first := m.name(nil, `,"k":"`, "abc")
	kept := slices.Clone(first)
	clear(first) // as the next line in the same memory does
	if got := m.name(nil, `,"k":"`, "abc"); string(got) != string(kept) {
		t.Errorf("got %q, want %q", got, kept)
	}
}

func TestAddressesAreWrittenAsText(t *testing.T) {
	local := netip.MustParseAddr("fe80::1")
	for name, c := range map[string]struct {
		addr netip.Addr
		want string
	}{
		"none":                    {netip.Addr{}, ""},
		"IPv4":                    {netip.MustParseAddr("203.0.113.255"), `,"k":"203.0.113.255"`},
		"IPv4 of zeros":           {netip.IPv4Unspecified(), `,"k":"0.0.0.0"`},
		"IPv6":                    {netip.MustParseAddr("2001:db8:0:0:1::1"), `,"k":"2001:db8::1:0:0:1"`},
		"IPv6 of zeros":           {netip.IPv6Unspecified(), `,"k":"::"`},
		"IPv4 in IPv6":            {netip.MustParseAddr("::ffff:10.0.0.2"), `,"k":"::ffff:10.0.0.2"`},
		"with a zone":             {local.WithZone("eth0"), `,"k":"fe80::1%eth0"`},
		"zone that ends the text": {local.WithZone(`"},{"`), `,"k":"fe80::1%\"},{\""`},
		"zone that ends the line": {local.WithZone("a\nb"), `,"k":"fe80::1%a\nb"`},
		"zone with a token":       {local.WithZone(" " + hexToken), `,"k":"fe80::1% ***"`},
		"zone that has no end":    {local.WithZone(strings.Repeat("z", 5000)), `,"k":"fe80::1%` + strings.Repeat("z", 117) + `…"`},
		"zone that is no UTF-8":   {local.WithZone("\xff"), `,"k":"fe80::1%` + "\ufffd" + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := appendAddr(nil, `,"k":"`, c.addr); string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
