package caller_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"tollgate/proxy/caller"
)

// made is a request of free parts. Empty ones are left out.
func made(query, authorization, second, token, xAuth, gateway, cookie string) *http.Request {
	r := &http.Request{Method: http.MethodGet, Host: "h", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
	for _, h := range [][2]string{
		{"Authorization", authorization}, {"Authorization", second}, {"Token", token},
		{"X-Auth-Token", xAuth}, {"Gateway-Token", gateway}, {"Cookie", cookie},
	} {
		if h[1] != "" {
			r.Header.Add(h[0], h[1])
		}
	}
	return r
}

// explicit reports whether the request presents anything but a cookie, as far
// as one can see without reading it.
func explicit(r *http.Request) bool {
	for name := range r.Header {
		if name != "Cookie" {
			return true
		}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	return err == nil && values.Has("_token")
}

// stripped is the request as it would go on.
func stripped(r *http.Request) *http.Request {
	u := *r.URL
	u.RawQuery = caller.StripQuery(u.RawQuery)
	h := http.Header{}
	for _, c := range r.Header["Cookie"] {
		if c = caller.StripCookie(c, parser().Cookie); c != "" {
			h.Add("Cookie", c)
		}
	}
	return &http.Request{Method: r.Method, Host: r.Host, URL: &u, Header: h}
}

func FuzzCredential(f *testing.F) {
	f.Add("", "", "", "", "", "", "", uint16(0))
	f.Add("_token=a&x=1", "Bearer b", "", "c", "d", "e", "token=f; a=b", uint16(0xffff))
	f.Add("a=%zz&%5Ftoken=x", "Basic am9objpw", "", "", "", "", `token="x"`, uint16(0xffff))
	f.Add("X-Amz-Signature=0", "AWS4-HMAC-SHA256 x", "Bearer b", "", "", "", ";;token", uint16(0x1ff))
	f.Add("_token&_token", "Bearer", "", " ", "", "", "token=a; token=b", uint16(0x81))
	f.Fuzz(func(t *testing.T, query, authorization, second, token, xAuth, gateway, cookie string, forms uint16) {
		r := made(query, authorization, second, token, xAuth, gateway, cookie)
		accept := caller.Forms(forms) & caller.AllForms
		got, err := parser().Of(r, accept)
		if again, twice := parser().Of(r, accept); again != got || fmt.Sprint(twice) != fmt.Sprint(err) {
			t.Fatalf("reads %v, %v, and then %v, %v", got, err, again, twice)
		}
		switch {
		case err != nil && !errors.Is(err, caller.ErrAmbiguous) && !errors.Is(err, caller.ErrMalformed):
			t.Fatalf("an error of no kind: %v", err)
		case err != nil && (got.Secret != "" || got.Name != "" || got.Form == caller.Cookie || got.Form == caller.Signature):
			t.Fatalf("%v comes with %s", err, got.Form)
		case err == nil && got.Form != caller.None && !accept.Has(got.Form):
			t.Fatalf("reads %s, which does not count", got.Form)
		case err == nil && got.Form == caller.None && got != (caller.Credential{}):
			t.Fatal("none is something")
		case (got.Name != "") != (err == nil && got.Form == caller.Basic):
			t.Fatalf("%s has the user %q", got.Form, got.Name)
		case accept == caller.AllForms && got.Form == caller.Cookie && explicit(r):
			t.Fatal("an explicit credential was skipped over")
		case accept == caller.AllForms && err == nil && got.Form == caller.None && explicit(r):
			t.Fatal("an explicit credential was overlooked")
		}
		if signed := caller.Signed(r); accept == caller.AllForms && err == nil && signed != (got.Form == caller.Signature) {
			t.Fatalf("signed %v, and reads %s", signed, got.Form)
		}
		rest, err := parser().Of(stripped(r), caller.AllForms&^only(caller.Signature))
		if err != nil || rest != (caller.Credential{}) {
			t.Fatalf("what goes on presents %s, %v", rest.Form, err)
		}
	})
}

// isKept fails the test unless small is big less some of its parts, in order
// and byte for byte.
func isKept(t *testing.T, big, small []string, goes func(string) bool) {
	t.Helper()
	at := 0
	for _, part := range big {
		if goes(part) {
			continue
		}
		if at >= len(small) || small[at] != part {
			t.Fatalf("of %q stays %q", big, small)
		}
		at++
	}
	if at != len(small) {
		t.Fatalf("of %q stays %q, which is more", big, small)
	}
}

func FuzzStripQuery(f *testing.F) {
	for _, s := range []string{"", "_token=x", "a=1&_token=x&b=%20", "%5Ftoken", "&&_token&", "a=%zz&_token%=1", "_tok%65n=x;y=z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := caller.StripQuery(raw)
		var small []string
		if kept := strings.Split(got, "&"); got != "" || raw == "" || strings.Contains(raw, "&") {
			small = kept
		}
		isToken := func(pair string) bool {
			key, _, _ := strings.Cut(pair, "=")
			name, err := url.QueryUnescape(key)
			return err == nil && name == "_token"
		}
		var kept int
		for _, p := range strings.Split(raw, "&") {
			if !isToken(p) {
				kept++
			}
		}
		if kept == 0 {
			small = nil
			if got != "" {
				t.Fatalf("%q becomes %q", raw, got)
			}
		}
		isKept(t, strings.Split(raw, "&"), small, isToken)
		if again := caller.StripQuery(got); again != got {
			t.Fatalf("%q becomes %q and then %q", raw, got, again)
		}
	})
}

func FuzzCookie(f *testing.F) {
	for _, s := range []string{"", "token=x", "a=b; token=x; c=d", ";token;", " token = x ;a=b", `token="x"; token=x`, "tokens=1;xtoken=2", "a=b;\ttoken=x", "=token", ";;; ;"} {
		f.Add(s, "token")
	}
	f.Add("__Host-t=1; t=2", "t")
	f.Fuzz(func(t *testing.T, header, name string) {
		valid := true
		caller.CookieConfig{Name: name, Secure: caller.SecureAlways}.Validate(func(string, string) { valid = false })
		if !valid {
			t.Skip("no name of a cookie")
		}
		isOurs := func(pair string) bool {
			n, _, _ := strings.Cut(pair, "=")
			return strings.Trim(n, " \t") == name
		}
		got := caller.StripCookie(header, name)
		big, small := strings.Split(header, ";"), strings.Split(got, ";")
		kept := 0
		for i, p := range big {
			if isOurs(p) {
				continue
			}
			if kept++; kept == 1 && i > 0 { // the blank in front of the first goes with what stood there
				big[i] = strings.TrimLeft(p, " \t")
			}
		}
		if kept == 0 {
			small = nil
			if got != "" {
				t.Fatalf("%q becomes %q", header, got)
			}
		}
		isKept(t, big, small, isOurs)
		if again := caller.StripCookie(got, name); again != got {
			t.Fatalf("%q becomes %q and then %q", header, got, again)
		}
		p := caller.Parser{Cookie: name}
		r := made("", "", "", "", "", "", header)
		first, err := p.Of(r, only(caller.Cookie))
		if err != nil || (first.Form == caller.Cookie) == (kept == len(big)) && header != "" {
			t.Fatalf("%q reads %s, %v", header, first.Form, err)
		}
		// What net/http finds under the name is found here too. It trims line ends,
		// which no header has.
		if c, err := r.Cookie(name); err == nil && first.Form != caller.Cookie && !strings.ContainsAny(header, "\r\n") {
			t.Fatalf("net/http reads %q of %q", c.Value, header)
		}
		if left, err := p.Of(made("", "", "", "", "", "", got), only(caller.Cookie)); err != nil || left != (caller.Credential{}) {
			t.Fatalf("%q still presents %s", got, left.Form)
		}
	})
}

func FuzzAddresses(f *testing.F) {
	f.Add("10.0.0.1:1", "1.2.3.4, 10.0.0.2", "https")
	f.Add("203.0.113.9:1", "10.0.0.1", "https")
	f.Add("[::ffff:10.0.0.1%e]:1", ",,[::1]:2,", "http,")
	f.Fuzz(func(t *testing.T, peer, chain, proto string) {
		a, err := caller.NewAddresses([]string{"10.0.0.0/8"})
		if err != nil {
			t.Fatal(err)
		}
		r := made("", "", "", "", "", "", "")
		r.RemoteAddr, r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"] = peer, []string{chain}, []string{proto}
		got := a.Of(r)
		ours := netip.MustParsePrefix("10.0.0.0/8")
		if !ours.Contains(got.Peer) && (got.Client != got.Peer || got.HTTPS) {
			t.Fatalf("a stranger is believed: %+v", got)
		}
		if got.Client.Is4In6() || got.Client.Zone() != "" {
			t.Fatalf("the client %s is not in normal form", got.Client)
		}
		if last := chain[strings.LastIndexByte(chain, ',')+1:]; ours.Contains(got.Peer) {
			if addr, err := netip.ParseAddr(strings.Trim(last, " \t")); err == nil && addr.Is4() && !ours.Contains(addr) && got.Client != addr {
				t.Fatalf("the proxy said %s, the client is %s", addr, got.Client)
			}
		}
	})
}
