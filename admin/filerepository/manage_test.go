package filerepository_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// The sentences for who may not.
const (
	denyLookUp = `{"status":"Current token does not allow to lookup other tokens","error_code":403,"http_code":403}`
	denyRevoke = `{"status":"Current token does not allow to revoke this token or just any other token","error_code":403,"http_code":403}`
	notFound   = `{"status":"Not found","error_code":404,"http_code":404}`
)

// Every verb with the token of ann, with one that never was, and with one that
// has ended.
func TestWhoMayLookUpAndRevoke(t *testing.T) {
	for _, c := range []struct {
		name, as                  string // as: a user, or the body that ann's token is made with first
		look, lookNone, lookEnded int
		end, endNone, endEnded    int
	}{
		{"the owner", "ann", 200, 403, 200, 200, 403, 404},
		{"another user", "bob", 403, 403, 403, 403, 403, 403},
		{"who may read those of others", "auditor", 200, 404, 200, 403, 403, 404},
		{"who may end those of others", "remover", 403, 403, 403, 200, 404, 404},
		{"a user of another tenant", "eve", 403, 403, 403, 403, 403, 403},
		{"an administrator", "admin", 200, 404, 200, 200, 404, 404},
		{"an administrator's token", "token:" + adminToken, 200, 404, 200, 200, 404, 404},
		{"a narrowed token of the owner's", `{"roles":["view.any_file"]}`, 403, 403, 403, 403, 403, 403},
		{"a token of everything", `{"roles":["security.administrator"]}`, 200, 404, 200, 200, 404, 404},
		{"a token to look up", `{"roles":["security.authentication_lookup"]}`, 200, 404, 200, 403, 403, 404},
		{"a token to revoke", `{"roles":["security.revoke_tokens"]}`, 403, 403, 403, 200, 404, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			as := c.as
			switch {
			case strings.Contains(as, "view."):
				as = "token:" + w.generate("ann", as).TokenID
			case strings.HasPrefix(as, "{"):
				as = "token:" + w.generate("admin", as).TokenID
			}
			live := w.generate("ann", `{"roles":["view.any_file"]}`).TokenID
			ended := w.generate("ann", `{"roles":["view.any_file"],"expires":"2020-05-05"}`).TokenID
			const none = "D0D12FFF-DD04-4514-8E5D-D51542DEBCFA"
			for _, step := range []struct {
				method, what, id string
				want             int
			}{
				{"GET", "live", live, c.look}, {"GET", "no", none, c.lookNone}, {"GET", "ended", ended, c.lookEnded},
				{"DELETE", "ended", ended, c.endEnded}, {"DELETE", "no", none, c.endNone}, {"DELETE", "live", live, c.end},
			} {
				got := w.send(as, step.method, "/auth/token/"+step.id, "")
				if got.StatusCode != step.want {
					t.Errorf("%s the %s token: got %d %s, want %d", step.method, step.what, got.StatusCode, got.body, step.want)
				}
				isDenial(t, got, step.method)
			}
			if revoked := !w.record(live).Revoked.At.IsZero(); revoked != (c.end == 200) || revoked != (len(w.ended) == 1) {
				t.Errorf("revoked is %v, the hook was told of %d", revoked, len(w.ended))
			}
		})
	}
}

func isDenial(t *testing.T, got reply, method string) {
	t.Helper()
	want := denyLookUp
	switch {
	case got.StatusCode == http.StatusOK:
		return
	case got.StatusCode == http.StatusNotFound:
		want = notFound
	case method == http.MethodDelete:
		want = denyRevoke
	}
	if got.body != want {
		t.Errorf("%s: got %s, want %s", method, got.body, want)
	}
}

// The reach of an administrator of tenants ends with them, and nothing tells
// him what there is beyond.
func TestATokenOfAnotherTenantIsNotThere(t *testing.T) {
	w := newWorld(t)
	value := w.generate("eve", `{"roles":["view.any_file"]}`).TokenID
	for _, c := range []struct{ as, method string }{{"auditor", "GET"}, {"auditor", "HEAD"}, {"remover", "DELETE"}} {
		got := w.send(c.as, c.method, "/auth/token/"+value, "")
		none := w.send(c.as, c.method, "/auth/token/nobody-has-this", "")
		if got.StatusCode != http.StatusNotFound || got.body != none.body {
			t.Errorf("%s as %s: got %d %s, for none %d %s", c.method, c.as, got.StatusCode, got.body, none.StatusCode, none.body)
		}
	}
}

type shown struct {
	TokenID     string   `json:"tokenId"`
	Expires     string   `json:"expires"`
	Roles       []string `json:"roles"`
	Tags        []string `json:"tags"`
	Mimes       []string `json:"mimes"`
	MaxFileSize int64    `json:"max_file_size"`
}

func (w *world) lookUp(as, id string) shown {
	w.t.Helper()
	answer := w.send(as, http.MethodGet, "/auth/token/"+id, "")
	var s shown
	if err := json.Unmarshal([]byte(answer.body), &s); err != nil || answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%d %s, %v", answer.StatusCode, answer.body, err)
	}
	if answer.Header.Get("Cache-Control") != "no-store" {
		w.t.Error("a cache may keep the answer")
	}
	return s
}

func TestAValueIsNeverShownToWhoAsksByID(t *testing.T) {
	w := newWorld(t)
	value := w.generate("ann", `{"roles":["view.any_file"]}`).TokenID
	id := string(w.issued[0].ID)
	for _, asked := range []string{value, id} {
		for _, slash := range []string{"", "/"} {
			if got := w.lookUp("admin", asked+slash); got.TokenID != asked {
				t.Errorf("asked for %s, got %s", asked, got.TokenID)
			}
		}
	}
	answer := w.send("admin", http.MethodDelete, "/auth/token/"+id+"/", "")
	if want := `{"tokenId":"` + id + `","expires":"2031-05-17 09:00:00","status":"OK"}`; answer.body != want {
		t.Errorf("got %s, want %s", answer.body, want)
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	w := newWorld(t)
	value := w.generate("ann", `{"roles":["view.any_file"]}`).TokenID
	for _, path := range []string{"/auth/token/" + value, "/auth/roles"} {
		if got := w.send("ann", http.MethodHead, path, ""); got.StatusCode != http.StatusOK || got.body != "" {
			t.Errorf("%s: got %d %q", path, got.StatusCode, got.body)
		}
	}
}

// Tokens of the other APIs are shown as far as the file repository can.
func TestTokensMadeElsewhere(t *testing.T) {
	any := tokens.Scope{Tenant: tokens.AnyTenant}
	end := time.Date(2031, 6, 1, 2, 3, 4, 567e6, time.UTC)
	for _, c := range []struct {
		name  string
		token tokens.Token
		want  shown
	}{
		{
			"one of everything", tokens.Token{Owner: "admin", Scope: any},
			shown{Expires: "9999-12-31 23:59:59", Roles: []string{"security.administrator"}},
		}, {
			"an S3 key pair of its own tenant", tokens.Token{Owner: "reader", Scope: tokens.Scope{Tenant: "red"}, Secret: tokens.Sealed("sealed"), Expires: end},
			shown{TokenID: "value-of-the-token", Expires: "2031-06-01 02:03:04", Roles: []string{"view.any_file"}},
		}, {
			"one that was given more than its owner has", tokens.Token{Owner: "reader", Scope: any, Expires: end, Allowed: tokens.Allowances{{Permissions: tokens.Everything}}},
			shown{Expires: "2031-06-01 02:03:04", Roles: []string{"view.any_file"}},
		}, {
			"one with places", tokens.Token{Owner: "admin", Scope: any, Expires: end, Allowed: tokens.Allowances{{Permissions: tokens.StorageRead, Resources: []tokens.Resource{"a"}}, {Permissions: tokens.UsersRead}}},
			shown{Expires: "2031-06-01 02:03:04", Roles: []string{"view.any_file"}},
		}, {
			"one with a ceiling", tokens.Token{Owner: "admin", Scope: any, Expires: end, Ceiling: tokens.StorageRead},
			shown{Expires: "2031-06-01 02:03:04", Roles: []string{"view.any_file"}},
		}, {
			"one that is restricted alone", tokens.Token{Owner: "reader", Scope: any, Expires: end, Only: tokens.Restrictions{Tags: []string{"a"}, Types: []string{"image/*"}, SizeBelow: 7}},
			shown{Expires: "2031-06-01 02:03:04", Roles: []string{"view.any_file"}, Tags: []string{"a"}, Mimes: []string{"image/*"}, MaxFileSize: 7},
		}, {
			"one whose owner is gone", tokens.Token{Owner: "gone", Scope: any, Expires: end},
			shown{Expires: "2031-06-01 02:03:04"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.token.ID = "7000000000000000000002"
			made := w.put(&c.token, "value-of-the-token")
			if c.want.TokenID == "" {
				c.want.TokenID = string(made.ID)
			}
			got := w.lookUp("admin", string(made.ID))
			if got.TokenID != c.want.TokenID || got.Expires != c.want.Expires || got.MaxFileSize != c.want.MaxFileSize ||
				!slices.Equal(got.Roles, c.want.Roles) || !slices.Equal(got.Tags, c.want.Tags) || !slices.Equal(got.Mimes, c.want.Mimes) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if got.Roles == nil || got.Tags == nil || got.Mimes == nil {
				t.Errorf("an empty list is null: %+v", got)
			}
			if answer := w.send("admin", http.MethodDelete, "/auth/token/"+string(made.ID), ""); answer.StatusCode != http.StatusOK {
				t.Errorf("it cannot be revoked: %d %s", answer.StatusCode, answer.body)
			}
		})
	}
}

func TestARevokedTokenIsRefusedAtOnce(t *testing.T) {
	w := newWorld(t)
	value := w.generate("ann", `{"roles":["view.any_file"]}`).TokenID
	ask := func() int { return w.send("token:"+value, http.MethodGet, "/auth/roles", "").StatusCode }
	if got := ask(); got != http.StatusOK {
		t.Fatalf("before: %d", got)
	}
	w.send("ann", http.MethodDelete, "/auth/token/"+value, "")
	if got := ask(); got != http.StatusUnauthorized {
		t.Errorf("after: %d", got)
	}
	if by := w.record(value).Revoked; by.By != "ann" || by.At.IsZero() {
		t.Errorf("revoked by %+v", by)
	}
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/auth/roles", "/auth/roles/"} {
		answer := w.send("reader", http.MethodGet, path, "")
		var got map[string]map[string]string
		if err := json.Unmarshal([]byte(answer.body), &got); err != nil || answer.StatusCode != http.StatusOK || len(got) != 1 {
			t.Fatalf("got %d %s, %v", answer.StatusCode, answer.body, err)
		}
		for _, name := range []string{"upload.images", "security.administrator", "collections.add_tokens_to_allowed_collections"} {
			if got["roles"][name] == "" {
				t.Errorf("%s is not described", name)
			}
		}
		for name := range got["roles"] {
			if answer := w.send("admin", http.MethodPost, "/auth/token/generate", `{"roles":["`+name+`"]}`); answer.StatusCode != http.StatusAccepted {
				t.Errorf("%s is listed and not accepted: %d %s", name, answer.StatusCode, answer.body)
			}
		}
	}
}
