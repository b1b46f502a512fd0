package usertokens

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		ok   bool
	}{
		{"a word", "ci", true},
		{"a sentence", "the nightly export, v2", true},
		{"31 hex digits", strings.Repeat("a", 31), true},
		{"33 hex digits", strings.Repeat("a", 33), true},
		{"32 letters that are not all hex", strings.Repeat("a", 31) + "g", true},
		{"32 bytes that are not all ASCII", strings.Repeat("ж", 16), true},
		{"19 digits", strings.Repeat("1", 19), true},
		{"25 digits", strings.Repeat("1", 25), true},
		{"a prefix inside", "my tgt_token", true},
		{"half a prefix", "tgt", true},
		{"nearly a UUID", "0b51f6f0-4c6c-4d0a-9d57-1c1a1a3c2a7", true},
		{"three dots", "...", true},

		{"nothing", "", false},
		{"256 bytes", strings.Repeat("x", 256), false},
		{"a dot", ".", false},
		{"two dots", "..", false},
		{"a slash", "a/b", false},
		{"a slash alone", "/", false},
		{"NUL", "a\x00", false},
		{"a tab", "a\tb", false},
		{"DEL", "a\x7f", false},
		{"a control character beyond ASCII", "a\u0085b", false},
		{"no UTF-8", "a\xff", false},
		{"32 hex digits", strings.Repeat("a", 32), false},
		{"32 hex digits in capitals", strings.Repeat("AB09", 8), false},
		{"20 digits", strings.Repeat("1", 20), false},
		{"24 digits", strings.Repeat("1", 24), false},
		{"a UUID", "0b51f6f0-4c6c-4d0a-9d57-1c1a1a3c2a77", false},
		{"a UUID in capitals", "0B51F6F0-4C6C-4D0A-9D57-1C1A1A3C2A77", false},
		{"a prefixed value", "tgt_x", false},
		{"a prefixed value in capitals", "TGT_x", false},
		{"an access key", "tgk_x", false},
		{"an access token", "access-v1:AAAA", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkName(c.text)
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			var own *api.Error
			if err != nil && (!errors.As(err, &own) || own.Status != http.StatusBadRequest || len(c.text) > 3 && strings.Contains(own.Detail, c.text)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzName: a name that is accepted cannot be taken for a value or an id, and
// comes back from a path.
func FuzzName(f *testing.F) {
	for _, s := range []string{"ci", "", "a/b", "..", "%2F", "50%", "a:b", "tgt_x", "x\x00", "\xff", strings.Repeat("0", 32), strings.Repeat("7", 22), "0b51f6f0-4c6c-4d0a-9d57-1c1a1a3c2a77", "a;b", "a?b#c", "é", "*", ":token"} {
		f.Add(s)
	}
	var got string
	e := echo.New()
	e.DELETE(own+byToken, func(c echo.Context) error { got = api.Param(c, "token"); return c.NoContent(http.StatusNoContent) })
	e.DELETE(own+byToken+"/", func(c echo.Context) error { return c.NoContent(http.StatusTeapot) })
	f.Fuzz(func(t *testing.T, name string) {
		err := checkName(name)
		var own *api.Error
		if err != nil {
			if !errors.As(err, &own) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if name == "" || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsAny(name, "/\x00\r\n") {
			t.Fatalf("%q was accepted", name)
		}
		if tokens.IsID(name) || accounts.IsLocator(name) || strings.HasPrefix(name, "tgt_") || strings.HasPrefix(name, "tgk_") || strings.HasPrefix(name, "access-v1:") {
			t.Fatalf("%q looks like something else", name)
		}
		for _, escaped := range []string{url.PathEscape(name), (&url.URL{Path: name}).EscapedPath()} {
			got = ""
			r := httptest.NewRequest(http.MethodDelete, "/auth/users/tokens/"+strings.TrimPrefix(escaped, "./"), nil)
			answer := httptest.NewRecorder()
			if e.ServeHTTP(answer, r); answer.Code != http.StatusNoContent || got != name {
				t.Fatalf("%q as %q came back as %q (%d)", name, escaped, got, answer.Code)
			}
		}
	})
}

// FuzzCreation: whatever is sent is either refused with a sentence or an order
// that narrows the token to what was asked for.
func FuzzCreation(f *testing.F) {
	for _, s := range []string{
		`{"name":"ci","expiresAt":null,"permissions":["storage.read"],"tenants":["any"]}`,
		`{"name":"ci","expiresAt":"2031-06-01T10:00:00.5+02:00","permissions":["*.*","storage.*"],"tenants":["b","a","b"]}`,
		`{"name":"ci","expiresAt":"0001-01-01T00:00:00Z","permissions":["*.read"],"tenants":["type:test"]}`,
		`{"name":"ci","expiresAt":{},"permissions":[null],"tenants":[null]}`,
		`{"NAME":"ci","EXPIRESAT":[],"permissions":{},"tenants":"any"}`,
		`{"expiresAt":12e400}`, `{"name":"a","name":"b"}`, `[]`, `null`, ``, `{`, `{}{}`,
		`{"name":"ci","expiresAt":"9999-12-31T23:59:59.999999999-23:59","permissions":["storage.append"],"tenants":["any","any"]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var asked creation
		err := api.Decode([]byte(body), &asked)
		var o tokens.Order
		if err == nil {
			o, err = asked.order()
		}
		var own *api.Error
		if err != nil {
			if !errors.As(err, &own) || own.Status != http.StatusBadRequest || own.Detail == "" || len(own.Detail) > 1000 {
				t.Fatalf("%q gives %v", body, err)
			}
			return
		}
		if checkName(o.Name) != nil || len(o.Allowed) != 1 || o.Allowed[0].Permissions == 0 || len(o.Allowed[0].Resources) != 0 || o.Allowed.Validate() != nil {
			t.Fatalf("%q gives %+v", body, o)
		}
		if o.Scope != (tokens.Scope{Tenant: tokens.AnyTenant}) {
			t.Fatalf("%q gives %+v", body, o)
		}
		for _, name := range o.Tenants {
			if name == "" || name == tokens.AnyTenant {
				t.Fatalf("%q gives the tenants %q", body, o.Tenants)
			}
		}
		if o.Lifetime.Never != o.Lifetime.Until.IsZero() || o.Lifetime.Past || o.Lifetime.Yields {
			t.Fatalf("%q gives %+v", body, o.Lifetime)
		}
		if again, err := json.Marshal(o.Allowed[0].Permissions.Names()); err != nil || string(again) == "[]" {
			t.Fatalf("%q gives the permissions %s", body, again)
		}
	})
}

func TestOutranks(t *testing.T) {
	const storage = tokens.StorageAll
	user := func(rights tokens.Permissions) *accounts.Account {
		return &accounts.Account{User: tokens.User{Name: "u", Rights: rights}}
	}
	by := func(allowed ...tokens.Allowance) *tokens.Token {
		return &tokens.Token{Scope: tokens.Scope{Tenant: tokens.AnyTenant}, Allowed: allowed}
	}
	somewhere := []tokens.Resource{"a"}
	tokenAdmin := &accounts.Account{User: tokens.User{Rights: storage, TokenAdmin: true}}
	for _, c := range []struct {
		name   string
		rights tokens.Permissions // of the caller
		token  *tokens.Token      // that he came by
		user   *accounts.Account
		want   bool
	}{
		{"all of them", storage, nil, user(storage), true},
		{"more", tokens.Everything, nil, user(storage), true},
		{"one less", storage &^ tokens.StorageDelete, nil, user(storage), false},
		{"a user without rights", 0, nil, user(0), true},
		{"a token admin, without tokens.*", storage, nil, tokenAdmin, false},
		{"a token admin, with tokens.*", storage | tokens.TokensAll, nil, tokenAdmin, true},
		{"by a plain token", storage, by(), user(storage), true},
		{"by a token with them", tokens.Everything, by(tokens.Allowance{Permissions: storage}), user(storage), true},
		{"by a token with one less", tokens.Everything, by(tokens.Allowance{Permissions: tokens.StorageRead}), user(storage), false},
		{"by a token with them somewhere", tokens.Everything, by(tokens.Allowance{Permissions: storage, Resources: somewhere}), user(storage), false},
		{"by a token with them everywhere and somewhere", tokens.Everything, by(tokens.Allowance{Permissions: storage}, tokens.Allowance{Permissions: tokens.StorageRead, Resources: somewhere}), user(storage), true},
		{"by a token with rights on users beside a place", tokens.Everything, by(tokens.Allowance{Permissions: tokens.UsersAll, Resources: somewhere}), user(tokens.UsersRead), true},
		{"by a restricted token", tokens.Everything, &tokens.Token{Only: tokens.Restrictions{Uses: 1}}, user(tokens.UsersRead), false},
		{"by a token with a ceiling", tokens.Everything, &tokens.Token{Ceiling: tokens.StorageRead}, user(storage), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			who := caller.Caller{Subject: tokens.Subject{User: &user(c.rights).User, Token: c.token}}
			if got := outranks(who, c.user); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestGranted(t *testing.T) {
	for _, c := range []struct {
		name  string
		token tokens.Token
		want  string
	}{
		{"a plain token", tokens.Token{}, "*.*"},
		{"a narrowed one", tokens.Token{Allowed: tokens.Allowances{{Permissions: tokens.StorageRead}, {Permissions: tokens.UsersAll}}}, "users.* storage.read"},
		{"a restricted one", tokens.Token{Only: tokens.Restrictions{Uses: 1}}, "storage.*"},
		{"one with a ceiling", tokens.Token{Ceiling: tokens.TokensRead}, "tokens.read"},
		{"a narrowed one with a lower ceiling", tokens.Token{Ceiling: tokens.StorageList, Allowed: tokens.Allowances{{Permissions: tokens.StorageRead}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(granted(&c.token).Names(), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// FuzzTime: what is read as a time has the form that RFC 3339 gives it.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"2031-06-01T10:00:00Z", "2031-06-01T10:00:00.123456789+02:00", "2031-06-01T9:00:00.0Z", "2031-06-01T10:00:00,5Z", "0001-01-01T00:00:00Z", "2031-06-01t10:00:00z", "2031-06-01T10:00:00-00:00", "2031-06-01T24:00:00Z"} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)
	f.Fuzz(func(t *testing.T, value string) {
		at, ok := api.ParseTime(value)
		if ok && !form.MatchString(value) {
			t.Fatalf("%q was read as %v", value, at)
		}
		if ok && at.Format("2006-01-02T15:04:05") != value[:19] {
			t.Fatalf("%q was read as %v", value, at)
		}
	})
}
