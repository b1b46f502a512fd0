package caller_test

import (
	"strings"
	"testing"

	"tollgate/proxy/caller"
)

func TestFormNames(t *testing.T) {
	for form, want := range map[caller.Form]string{
		caller.None: "none", caller.Basic: "basic", caller.Bearer: "bearer", caller.QueryToken: "_token",
		caller.TokenHeader: "token", caller.XAuthToken: "x-auth-token", caller.GatewayToken: "gateway-token",
		caller.Cookie: "cookie", caller.Signature: "s3", caller.LoginForm: "login_form", 99: "unknown", 255: "unknown",
	} {
		if got := form.String(); got != want {
			t.Errorf("%d is %q, want %q", form, got, want)
		}
	}
}

func TestParseForms(t *testing.T) {
	for _, c := range []struct {
		name  string
		names []string
		want  caller.Forms
	}{
		{"none listed is all", nil, caller.AllForms},
		{"an empty list is all", []string{}, caller.AllForms},
		{"one", []string{"cookie"}, only(caller.Cookie)},
		{"one twice", []string{"cookie", "cookie"}, only(caller.Cookie)},
		{"each", []string{"basic", "bearer", "_token", "token", "x-auth-token", "gateway-token", "cookie", "s3"}, caller.AllForms},
		{"in capitals", []string{"Basic", "S3", "X-Auth-Token"}, only(caller.Basic, caller.Signature, caller.XAuthToken)},
		{"with underscores", []string{"x_auth_token", "gateway_token"}, only(caller.XAuthToken, caller.GatewayToken)},
		{"token is not _token", []string{"token"}, only(caller.TokenHeader)},
		{"_token is not token", []string{"_token"}, only(caller.QueryToken)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := caller.ParseForms(c.names); err != nil || got != c.want {
				t.Errorf("got %b, %v; want %b", got, err, c.want)
			}
		})
	}
	for _, bad := range []string{"", "none", "login_form", "login-form", "unknown", "cookies", " cookie", "authorization", "s4", "*"} {
		got, err := caller.ParseForms([]string{"cookie", bad})
		if err == nil || got != 0 {
			t.Errorf("%q gives %b, %v", bad, got, err)
			continue
		}
		for _, part := range []string{bad, "basic, bearer, _token, token, x-auth-token, gateway-token, cookie, s3"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

func TestForms(t *testing.T) {
	for form := caller.None; form <= caller.LoginForm; form++ {
		if want := form != caller.None && form != caller.LoginForm; caller.AllForms.Has(form) != want {
			t.Errorf("all have %s: %v", form, !want)
		}
		if caller.Forms(0).Has(form) {
			t.Errorf("none have %s", form)
		}
	}
	if caller.AllForms.Has(99) || caller.Forms(1<<16-1).Has(200) {
		t.Error("a form that nobody knows belongs to a set")
	}
}
