package caller_test

import (
	"testing"

	"tollgate/proxy/caller"
)

func BenchmarkOf(b *testing.B) {
	for name, r := range map[string]sample{
		"bearer": {caller.Bearer, "", "Authorization: Bearer 8b89d382891a33f8f05f875c7086f1f3"},
		"cookie": {caller.Cookie, "", "Cookie: theme=dark; token=8b89d382891a33f8f05f875c7086f1f3; lang=en"},
		"query":  {caller.QueryToken, "list-type=2&prefix=a%2Fb&_token=8b89d382891a33f8f05f875c7086f1f3", ""},
	} {
		b.Run(name, func(b *testing.B) {
			in := request(b, r)
			b.ReportAllocs()
			for b.Loop() {
				if c, err := parser().Of(in, caller.AllForms); err != nil || c.Form != r.form {
					b.Fatal(c.Form, err)
				}
			}
		})
	}
}

func BenchmarkStrip(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = caller.StripQuery("list-type=2&prefix=photos/&_token=8b89d382891a33f8f05f875c7086f1f3")
		_ = caller.StripCookie("theme=dark; token=8b89d382891a33f8f05f875c7086f1f3; lang=en", "token")
	}
}

func BenchmarkIdentify(b *testing.B) {
	h := newHouse()
	b.ReportAllocs()
	for b.Loop() {
		if who, err := h.Identify(b.Context(), caller.Credential{Form: caller.Cookie, Secret: "unknown"}); err != nil || !who.Clear {
			b.Fatal(who, err)
		}
	}
}
