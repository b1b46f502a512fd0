package caller_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"tollgate/proxy/caller"
)

func TestEveryForm(t *testing.T) {
	b64 := func(s string) string { return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	long := strings.Repeat("x", 1024)
	for _, c := range []struct {
		name         string
		target       string
		lines        []string
		form         caller.Form
		user, secret string
	}{
		{"nothing", "/", nil, caller.None, "", ""},
		{"a query without it", "/?a=b&token=c", nil, caller.None, "", ""},
		{"other cookies", "/", []string{"Cookie: a=b; tokens=c; xtoken=d"}, caller.None, "", ""},
		{"bearer", "/", []string{"Authorization: Bearer abc"}, caller.Bearer, "", "abc"},
		{"bearer in any case", "/", []string{"authorization: bEARER abc"}, caller.Bearer, "", "abc"},
		{"bearer behind blanks", "/", []string{"Authorization: Bearer    abc  "}, caller.Bearer, "", "abc"},
		{"bearer as long as may be", "/", []string{"Authorization: Bearer " + long}, caller.Bearer, "", long},
		{"bearer of an access token", "/", []string{"Authorization: Bearer access-v1:aGk+/w=="}, caller.Bearer, "", "access-v1:aGk+/w=="},
		{"basic", "/", []string{b64("john:password")}, caller.Basic, "john", "password"},
		{"basic in any case", "/", []string{"Authorization: BASIC am9objpwYXNzd29yZA=="}, caller.Basic, "john", "password"},
		{"basic with colons in the password", "/", []string{b64("john:a:b:")}, caller.Basic, "john", "a:b:"},
		{"basic with an empty password", "/", []string{b64("john:")}, caller.Basic, "john", ""},
		{"basic with a qualified user", "/", []string{b64("john+tenant256@:x y")}, caller.Basic, "john+tenant256@", "x y"},
		{"basic in UTF-8", "/", []string{b64("jörg:größe")}, caller.Basic, "jörg", "größe"},
		{"_token", "/?_token=abc", nil, caller.QueryToken, "", "abc"},
		{"_token among others", "/a/b?x=1&_token=abc&y=2", nil, caller.QueryToken, "", "abc"},
		{"_token, escaped", "/?%5F%74oken=a%20b%2Bc+d", nil, caller.QueryToken, "", "a b+c d"},
		{"_token with an equals sign", "/?_token=a=b", nil, caller.QueryToken, "", "a=b"},
		{"_token that cannot be decoded", "/?_token=a%zz", nil, caller.QueryToken, "", "a%zz"},
		{"_TOKEN is another argument", "/?_TOKEN=abc", nil, caller.None, "", ""},
		{"_token behind a semicolon is another's value", "/?a=1;_token=abc", nil, caller.None, "", ""},
		{"token header", "/", []string{"token: abc"}, caller.TokenHeader, "", "abc"},
		{"token header in capitals", "/", []string{"TOKEN: abc"}, caller.TokenHeader, "", "abc"},
		{"X-Auth-Token", "/", []string{"x-auth-token: abc"}, caller.XAuthToken, "", "abc"},
		{"Gateway-Token", "/", []string{"Gateway-Token: abc"}, caller.GatewayToken, "", "abc"},
		{"underscores are other headers", "/", []string{"X_Auth_Token: abc", "Gateway_Token: abc"}, caller.None, "", ""},
		{"cookie", "/", []string{"Cookie: token=abc"}, caller.Cookie, "", "abc"},
		{"cookie among others", "/", []string{"Cookie: a=b; token=abc;c=d"}, caller.Cookie, "", "abc"},
		{"cookie in a second header", "/", []string{"Cookie: a=b", "Cookie: token=abc"}, caller.Cookie, "", "abc"},
		{"cookie in quotes", "/", []string{`Cookie: token="abc"`}, caller.Cookie, "", "abc"},
		{"cookie with one quote", "/", []string{`Cookie: token="`}, caller.Cookie, "", `"`},
		{"cookie between blanks", "/", []string{"Cookie: a=b;\ttoken = abc ; c=d"}, caller.Cookie, "", "abc"},
		{"cookie with an equals sign", "/", []string{"Cookie: token=a=b="}, caller.Cookie, "", "a=b="},
		{"cookie without a value", "/", []string{"Cookie: token="}, caller.Cookie, "", ""},
		{"cookie without an equals sign", "/", []string{"Cookie: token"}, caller.Cookie, "", ""},
		{"cookie in another case", "/", []string{"Cookie: Token=abc"}, caller.None, "", ""},
		{"cookie twice with the same value", "/", []string{`Cookie: token=abc; token="abc"`, "Cookie: token=abc"}, caller.Cookie, "", "abc"},
		{"an empty Cookie header", "/", []string{"Cookie: "}, caller.None, "", ""},
		{"signature V4", "/", []string{signedV4}, caller.Signature, "", ""},
		{"signature V2", "/", []string{signedV2}, caller.Signature, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			reads(t, wire(t, c.target, c.lines...), caller.AllForms, c.form, c.user, c.secret)
		})
	}
}

func TestMalformedIsRefusedAndNeverSkippedOver(t *testing.T) {
	long := strings.Repeat("x", 1025)
	b64 := func(s string) string { return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		name, target, line string
		form               caller.Form
	}{
		{"bearer without a value", "/", "Authorization: Bearer", caller.Bearer},
		{"bearer with blanks", "/", "Authorization: Bearer   ", caller.Bearer},
		{"bearer that is too long", "/", "Authorization: Bearer " + long, caller.Bearer},
		{"an empty Authorization", "/", "Authorization: ", caller.None},
		{"a value without a scheme", "/", "Authorization: 0123456789abcdef", caller.None},
		{"a scheme that nobody knows", "/", "Authorization: Digest username=john", caller.None},
		{"a scheme that goes on", "/", "Authorization: Bearers abc", caller.None},
		{"a tab behind the scheme", "/", "Authorization: Bearer\tabc", caller.None},
		{"a colon behind the scheme", "/", "Authorization: Bearer: abc", caller.None},
		{"Auth of the manual's samples", "/", "Authorization: john:password", caller.None},
		{"basic that is no base64", "/", "Authorization: Basic %%%", caller.Basic},
		{"basic without padding", "/", "Authorization: Basic am9objpwYXNzd29yZA", caller.Basic},
		{"basic in base64 for URLs", "/", "Authorization: Basic am9objo_Pz8-", caller.Basic},
		{"basic without a value", "/", "Authorization: Basic", caller.Basic},
		{"basic without a colon", "/", b64("john"), caller.Basic},
		{"basic without a user", "/", b64(":password"), caller.Basic},
		{"basic twice in one header", "/", b64("john:password") + ", " + b64("john:password"), caller.Basic},
		{"an empty _token", "/?_token=", "", caller.QueryToken},
		{"_token without a value", "/?a=1&_token", "", caller.QueryToken},
		{"_token that is too long", "/?_token=" + long, "", caller.QueryToken},
		{"an empty token header", "/", "token: ", caller.TokenHeader},
		{"a token header that is too long", "/", "token: " + long, caller.TokenHeader},
		{"an empty X-Auth-Token", "/", "X-Auth-Token:", caller.XAuthToken},
		{"an empty Gateway-Token", "/", "Gateway-Token:", caller.GatewayToken},
		{"a Gateway-Token that is too long", "/", "Gateway-Token: " + long, caller.GatewayToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := []string{"Cookie: token=good"}
			if c.line != "" {
				lines = append(lines, c.line)
			}
			got, err := parser().Of(wire(t, c.target, lines...), caller.AllForms)
			refused(t, got, err, caller.ErrMalformed)
			if got.Form != c.form {
				t.Errorf("the form for the log is %s, want %s", got.Form, c.form)
			}
			if strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "xxxx") {
				t.Errorf("the error repeats the value: %v", err)
			}
		})
	}
}

func TestAmbiguousIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, target string
		lines        []string
	}{
		{"two Authorization headers", "/", []string{"Authorization: Bearer a", "Authorization: Bearer b"}},
		{"two that are the same", "/", []string{"Authorization: Bearer a", "Authorization: Bearer a"}},
		{"two in other cases", "/", []string{"authorization: Bearer a", "AUTHORIZATION: Bearer a"}},
		{"bearer and a signature", "/", []string{"Authorization: Bearer a", signedV4}},
		{"two signatures", "/", []string{signedV4, signedV2}},
		{"one of them empty", "/", []string{"Authorization: Bearer a", "Authorization:"}},
		{"a presigned query and bearer", "/?X-Amz-Signature=00", []string{"Authorization: Bearer a"}},
		{"a presigned query and basic", "/?AWSAccessKeyId=AK&Signature=x&Expires=1", []string{basic("john", "password")}},
		{"a presigned query and a signed header", "/?X-Amz-Credential=AK", []string{signedV4}},
		{"a presigned query and a scheme that nobody knows", "/?X-Amz-Credential=AK", []string{"Authorization: Digest x"}},
		{"_token twice", "/?_token=a&_token=b", nil},
		{"_token twice with one value", "/?_token=a&x=1&_token=a", nil},
		{"_token twice, once escaped", "/?_token=a&%5Ftoken=b", nil},
		{"_token thrice, once empty", "/?_token&_token=b&_token=b", nil},
		{"_token twice beside bearer", "/?_token=a&_token=b", []string{"Authorization: Bearer a"}},
		{"token header twice", "/", []string{"token: a", "Token: a"}},
		{"X-Auth-Token twice", "/", []string{"X-Auth-Token: a", "X-Auth-Token: b"}},
		{"Gateway-Token twice", "/", []string{"Gateway-Token: a", "Gateway-Token: b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parser().Of(wire(t, c.target, c.lines...), caller.AllForms)
			refused(t, got, err, caller.ErrAmbiguous)
		})
	}
}

func TestPrecedenceOfEachPair(t *testing.T) {
	all := byRank()
	for i, first := range all {
		for _, second := range all[i+1:] {
			t.Run(first.form.String()+" before "+second.form.String(), func(t *testing.T) {
				r := request(t, first, second)
				got, err := parser().Of(r, caller.AllForms)
				if len(r.Header["Authorization"]) == 2 {
					refused(t, got, err, caller.ErrAmbiguous)
					return
				}
				if err != nil || got.Form != first.form {
					t.Fatalf("reads %s, %v", got.Form, err)
				}
				if in := got.Secret.Reveal(); in != "" && in != "in "+first.form.String() {
					t.Errorf("the value is %s", in)
				}
			})
		}
	}
	r := request(t, all[0], all[3], all[4], all[5], all[6], all[7])
	if got, err := parser().Of(r, caller.AllForms); err != nil || got != (caller.Credential{Form: caller.Signature}) {
		t.Errorf("of all the signature counts, got %s, %v", got.Form, err)
	}
}

func TestABadFirstIsNotReplacedByAGoodSecond(t *testing.T) {
	bad := []sample{
		{caller.Bearer, "", "Authorization: Bearer"},
		{caller.QueryToken, "_token=", ""},
		{caller.TokenHeader, "", "token:"},
		{caller.XAuthToken, "", "X-Auth-Token:"},
		{caller.GatewayToken, "", "Gateway-Token:"},
	}
	for _, b := range bad {
		for _, good := range byRank() {
			r := request(t, b, good)
			if good.form <= b.form || good.form == caller.Signature || len(r.Header["Authorization"]) > 1 {
				continue
			}
			t.Run(fmt.Sprintf("%s before %s", b.form, good.form), func(t *testing.T) {
				got, err := parser().Of(r, caller.AllForms)
				refused(t, got, err, caller.ErrMalformed)
			})
		}
	}
}

func TestFormsThatARouteDoesNotTakePassBy(t *testing.T) {
	for _, s := range byRank() {
		t.Run(s.form.String(), func(t *testing.T) {
			others := caller.AllForms &^ only(s.form)
			if s.form == caller.Signature { // a scheme of another kind is nobody's on a route for signatures alone
				others = only(caller.Cookie, caller.TokenHeader)
			}
			reads(t, request(t, s), others, caller.None, "", "")
			reads(t, request(t, s), 0, caller.None, "", "")
			got, err := parser().Of(request(t, s), only(s.form))
			if err != nil || got.Form != s.form {
				t.Errorf("alone it reads %s, %v", got.Form, err)
			}
		})
	}
}

func TestFormsOnANarrowRoute(t *testing.T) {
	cookie := "Cookie: token=abc"
	for _, c := range []struct {
		name   string
		target string
		lines  []string
		accept caller.Forms
		form   caller.Form
		user   string
		secret string
	}{
		{"another service's bearer beside our cookie", "/", []string{"Authorization: Bearer theirs", cookie}, only(caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's basic beside our bearer form", "/", []string{basic("john", "x"), cookie}, only(caller.Bearer, caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's scheme", "/", []string{"Authorization: Digest x", cookie}, only(caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's signature", "/", []string{signedV4, cookie}, only(caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's signature where bearer counts", "/", []string{signedV4, cookie}, only(caller.Bearer, caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's presigned query", "/?X-Amz-Signature=00", []string{"Authorization: Bearer abc"}, only(caller.Bearer), caller.Bearer, "", "abc"},
		{"another service's malformed header", "/", []string{"token:", cookie}, only(caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's repeated header", "/", []string{"X-Auth-Token: a", "X-Auth-Token: b", cookie}, only(caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's repeated _token", "/?_token=a&_token=b", []string{cookie}, only(caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's bad basic", "/", []string{"Authorization: Basic %%%", cookie}, only(caller.Bearer, caller.Cookie), caller.Cookie, "", "abc"},
		{"another service's cookie", "/", []string{cookie}, only(caller.Bearer), caller.None, "", ""},
		{"a signature where nothing else counts", "/", []string{signedV2, cookie}, only(caller.Signature), caller.Signature, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			reads(t, wire(t, c.target, c.lines...), c.accept, c.form, c.user, c.secret)
		})
	}
	t.Run("two Authorization headers are refused even so", func(t *testing.T) {
		got, err := parser().Of(wire(t, "/", "Authorization: Bearer a", "Authorization: Bearer b"), only(caller.Cookie))
		refused(t, got, err, caller.ErrAmbiguous)
	})
	t.Run("an unknown scheme where one of the two counts", func(t *testing.T) {
		got, err := parser().Of(wire(t, "/", "Authorization: Digest x", cookie), only(caller.Basic, caller.Cookie))
		refused(t, got, err, caller.ErrMalformed)
	})
}

func TestTheZeroParserReadsNoCookie(t *testing.T) {
	for _, header := range []string{"token=abc", "=abc", ";", "; =x", "abc"} {
		got, err := caller.Parser{}.Of(wire(t, "/", "Cookie: "+header), caller.AllForms)
		if err != nil || got != (caller.Credential{}) {
			t.Errorf("%q reads %s, %v", header, got.Form, err)
		}
	}
	named := caller.Parser{Cookie: "__Host-session"}
	got, err := named.Of(wire(t, "/", "Cookie: token=a; __Host-session=b"), caller.AllForms)
	if err != nil || got.Secret.Reveal() != "b" {
		t.Errorf("another name reads %s, %v", got.Secret.Reveal(), err)
	}
}

func TestACredentialDoesNotPrintItsSecret(t *testing.T) {
	got, err := parser().Of(wire(t, "/", basic("john", "hunter2")), caller.AllForms)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, got); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestAuthorizationForm(t *testing.T) {
	for value, want := range map[string]caller.Form{
		"Bearer abc": caller.Bearer, "bearer": caller.Bearer, "Basic abc": caller.Basic, "BASIC": caller.Basic,
		"AWS4-HMAC-SHA256 Credential=x": caller.Signature, "AWS4-ECDSA-P256-SHA256 x": caller.Signature,
		"AWS AK:sig": caller.Signature, "aws ak:sig": caller.Signature,
		"": caller.None, "Digest x": caller.None, "AW S": caller.None, "Bearerabc": caller.None, " Bearer abc": caller.None,
	} {
		if got := caller.AuthorizationForm(value); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}
