package management

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestShow(t *testing.T) {
	w := newWorld(t)
	anns := w.make("ann", `{"name":"anns"}`)
	bobs := w.make("bob", `{"name":"bobs"}`)
	narrowed := w.make("ann", `{"permissions":["storage.read"]}`)
	reading := w.make("redadmin", `{"permissions":["tokens.read"]}`)
	for _, c := range []struct {
		name, caller, ref string
		status            int
		part              string
	}{
		{"one's own", "ann", anns.id, 200, `"name":"anns"`},
		{"one's own by value", "ann", anns.value, 200, `"name":"anns"`},
		{"one's own by a token", "token " + anns.value, anns.id, 200, `"name":"anns"`},
		{"one's own by a narrowed token", "token " + narrowed.value, anns.id, 403, "not_owner"},
		{"a narrowed token itself", "token " + narrowed.value, narrowed.id, 403, "not_owner"},
		{"another's", "reader", anns.id, 403, "not_owner"},
		{"another's, with the right", "auditor", anns.id, 200, `"owner":"ann"`},
		{"another's, by a token that was given the right", "token " + reading.value, anns.id, 200, `"owner":"ann"`},
		{"one of a user with more tenants", "auditor", bobs.id, 403, "not_owner"},
		{"one that was never made", "root", "1234567890123456789012", 404, "no_such_token"},
		{"a value that was never made", "root", strings.Repeat("0", 32), 404, "no_such_token"},
		{"a value with a wrong checksum", "root", "tgt_" + strings.Repeat("0", 33), 404, "no_such_token"},
		{"nobody", "", anns.id, 401, "unauthenticated"},
		{"an argument", "ann", anns.id + "?x=1", 400, "accepted are none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.call(c.caller, "GET", "tokens/"+c.ref, "").is(t, c.status, c.part)
			if strings.Contains(a.body, anns.value) || strings.Contains(a.body, "0000000000") {
				t.Errorf("a value is repeated: %s", a.body)
			}
			if (c.status == 200) != (a.header.Get("ETag") != "") {
				t.Errorf("ETag %q", a.header.Get("ETag"))
			}
		})
	}
}

// TestShowByEncodedValue: a value can have a / in it, which comes encoded.
func TestShowByEncodedValue(t *testing.T) {
	w := newWorld(t)
	issued, err := w.svc.Issue(t.Context(), tokens.Order{
		API: tokens.AccessTokens, By: tokens.Subject{User: mustUser(t, w, "ann")}, Scope: tokens.Scope{Tenant: tokens.AnyTenant}, Form: tokens.AccessV1,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.call("ann", "GET", "tokens/"+url.QueryEscape(issued.Value.Reveal()), "").is(t, 200, `"api":"access_tokens"`)
}

func mustUser(t *testing.T, w *world, name string) *tokens.User {
	t.Helper()
	u, ok := w.users.User(name)
	if !ok {
		t.Fatalf("%s is nobody", name)
	}
	return u
}

func TestEndedTokensAreShown(t *testing.T) {
	w := newWorld(t)
	revoked, expired, used := w.make("ann", `{}`), w.make("ann", `{"lifetime":"1s"}`), w.make("ann", `{"restrictions":{"max_uses":1}}`)
	w.call("redadmin", "DELETE", "tokens/"+revoked.id, "").is(t, 204)
	subject, err := w.svc.Verify(t.Context(), tokens.Secret(used.value))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Use(t.Context(), subject, tokens.Circumstances{}); err != nil {
		t.Fatal(err)
	}
	w.later(time.Second)
	w.call("auditor", "GET", "tokens/"+revoked.id, "").is(t, 200, `"state":"revoked"`, `"revoked":{"at":"2031-05-17T08:30:00.000Z","by":"redadmin"}`)
	w.call("auditor", "GET", "tokens/"+expired.id, "").is(t, 200, `"state":"expired"`)
	w.call("auditor", "GET", "tokens/"+used.id, "").is(t, 200, `"state":"used_up"`, `"uses_left":0`, `"used_up_at":"2031-05-17T08:30:00.000Z"`, `"address":null`)
}

func TestChange(t *testing.T) {
	for _, c := range []struct {
		name, caller, body string
		status             int
		parts              string // with commas between
	}{
		{"disable", "ann", `{"enabled":false}`, 200, `"state":"disabled","enabled":false,"disabled":{"at":"2031-05-17T08:30:00.000Z","by":"ann"}`},
		{"disable another's", "redadmin", `{"enabled":false}`, 200, `"by":"redadmin"`},
		{"enable what is enabled", "ann", `{"enabled":true}`, 200, `"state":"active"`},
		{"extend by an end", "ann", `{"expires_at":"2031-07-01T00:00:00Z"}`, 200, `"expires_at":"2031-07-01T00:00:00.000Z"`},
		{"extend by a lifetime", "ann", `{"lifetime":"48h"}`, 200, `"expires_at":"2031-05-19T08:30:00.000Z"`},
		{"shorten", "ann", `{"lifetime":"1m"}`, 200, `"expires_at":"2031-05-17T08:31:00.000Z"`},
		{"never, cut to the longest", "ann", `{"expires_at":null}`, 200, `"expires_at":"2031-08-25T08:30:00.000Z"`},
		{"both at once", "ann", `{"enabled":false,"lifetime":"48h"}`, 200, `"state":"disabled"`},
		{"beyond the longest", "ann", `{"lifetime":"2401h"}`, 400, "longest lifetime"},
		{"an end in the past", "ann", `{"expires_at":"2031-05-17T08:29:59Z"}`, 400, "not in the future"},
		{"nothing", "ann", `{}`, 400, "changes nothing"},
		{"nothing at all", "ann", ``, 400, "the body is empty"},
		{"neither", "ann", `{"enabled":null}`, 400, "is null"},
		{"enabled as a text", "ann", `{"enabled":"no"}`, 400, "accepted is true or false"},
		{"an end and a lifetime", "ann", `{"expires_at":null,"lifetime":"1h"}`, 400, "one of them"},
		{"something that never changes", "ann", `{"name":"x"}`, 400, "not known"},
		{"another's", "reader", `{"enabled":false}`, 403, "not_owner"},
		{"extend with the right to read", "auditor", `{"lifetime":"48h"}`, 403, "not_owner"},
		{"nobody", "", `{"enabled":false}`, 401, "unauthenticated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(c *tokens.Config) { c.MaxTTL = 2400 * time.Hour })
			m := w.make("ann", `{}`)
			a := w.call(c.caller, "PATCH", "tokens/"+m.id, c.body).is(t, c.status, c.parts)
			changed := 0
			if c.status == 200 {
				if changed = 1; a.header.Get("ETag") == m.etag || a.header.Get("ETag") == "" {
					t.Errorf("ETag %s as before", m.etag)
				}
			}
			if w.counts() != [3]int{1, changed, 0} {
				t.Errorf("told of %v", w.counts())
			}
		})
	}
}

func TestDisabledTokenComesBack(t *testing.T) {
	w := newWorld(t)
	m := w.make("ann", `{}`)
	w.call("ann", "PATCH", "tokens/"+m.id, `{"enabled":false}`).is(t, 200)
	w.call("token "+m.value, "GET", "tokens", "").is(t, 401)
	w.call("ann", "PATCH", "tokens/"+m.id, `{"enabled":true}`).is(t, 200, `"disabled":null`)
	w.call("token "+m.value, "GET", "tokens", "").is(t, 200)
}

func TestExpiredTokenComesBackWithANewEnd(t *testing.T) {
	w := newWorld(t)
	m := w.make("ann", `{"lifetime":"1s"}`)
	w.later(time.Second)
	w.call("ann", "PATCH", "tokens/"+m.id, `{"enabled":true}`).is(t, 404)
	w.call("ann", "PATCH", "tokens/"+m.id, `{"lifetime":"1h"}`).is(t, 200, `"state":"active"`)
	w.call("ann", "DELETE", "tokens/"+m.id, "").is(t, 204)
	w.call("ann", "PATCH", "tokens/"+m.id, `{"lifetime":"1h"}`).is(t, 404)
}

func TestPreconditions(t *testing.T) {
	for _, c := range []struct {
		name   string
		match  []string // ETAG stands for that of the token
		status int      // of a PATCH
	}{
		{"none", nil, 200},
		{"any", []string{"*"}, 200},
		{"the same", []string{"ETAG"}, 200},
		{"one of a list", []string{`"x", ETAG`}, 200},
		{"one of two lines", []string{`"x"`, "ETAG"}, 200},
		{"another", []string{`"0"`}, 412},
		{"a weak one, which never matches", []string{"W/ETAG"}, 412},
		{"one without quotation marks", []string{"1"}, 400},
		{"any among others", []string{`*, "x"`}, 400},
		{"an empty one", []string{""}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.make("ann", `{}`)
			h := http.Header{}
			for _, v := range c.match {
				h.Add("If-Match", strings.ReplaceAll(v, "ETAG", m.etag))
			}
			a := w.send(request{caller: "ann", method: "PATCH", path: "tokens/" + m.id, body: `{"lifetime":"1h"}`, header: h}).is(t, c.status)
			if c.status == 412 && a.object(t)["code"] != "changed" {
				t.Errorf("code %v", a.object(t)["code"])
			}
			if c.status == 200 && c.match != nil && c.match[0] != "*" { // the ETag is another now
				w.send(request{caller: "ann", method: "DELETE", path: "tokens/" + m.id, header: h}).is(t, 412)
				h.Set("If-Match", a.header.Get("ETag"))
				w.send(request{caller: "ann", method: "DELETE", path: "tokens/" + m.id, header: h}).is(t, 204)
			}
		})
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	m, bobs := w.make("ann", `{}`), w.make("bob", `{}`)
	w.call("", "DELETE", "tokens/"+m.id, "").is(t, 401)
	w.call("reader", "DELETE", "tokens/"+m.id, "").is(t, 403)
	w.call("redadmin", "DELETE", "tokens/"+bobs.id, "").is(t, 403)
	w.call("token "+m.value, "GET", "tokens", "").is(t, 200)
	w.call("ann", "DELETE", "tokens/"+m.value, "").is(t, 204)
	w.call("token "+m.value, "GET", "tokens", "").is(t, 401)
	w.call("ann", "DELETE", "tokens/"+m.id, "").is(t, 404)
	if w.counts() != [3]int{2, 0, 1} {
		t.Errorf("told of %v", w.counts())
	}
}

func TestRevokeMany(t *testing.T) {
	for _, c := range []struct {
		name, caller, body string
		revoked            int // -1 = none, and that is an error
		status             int
		part               string
	}{
		{"one's own", "ann", `{"all":true}`, 6, 200, `"revoked":6`},
		{"everybody's in one's tenants", "redadmin", `{"all":true}`, 7, 200, ""},
		{"everybody's", "root", `{"all":true}`, 9, 200, ""},
		{"an owner's", "root", `{"owner":"bob"}`, 2, 200, ""},
		{"a tenant's", "root", `{"tenant":"blue"}`, 2, 200, ""},
		{"a domain's", "root", `{"tenant":"red","domain":"red.example.com"}`, 1, 200, ""},
		{"an API's", "root", `{"api":"content_gateway"}`, 0, 200, `"revoked":0`},
		{"by a text", "root", `{"q":"bobs"}`, 2, 200, ""},
		{"stale ones", "root", `{"stale_for":"24h"}`, 1, 200, ""},
		{"unused ones", "root", `{"unused_since":"2031-05-18T00:00:00Z"}`, 1, 200, ""},
		{"all that is given must match", "root", `{"owner":"bob","stale_for":"24h"}`, 0, 200, ""},
		{"nothing selected", "root", `{}`, -1, 400, "nothing selects"},
		{"nothing selected, and not all", "root", `{"all":false}`, -1, 400, "nothing selects"},
		{"an empty owner", "root", `{"owner":""}`, -1, 400, "owner is empty"},
		{"null as owner", "root", `{"owner":null}`, -1, 400, "is null"},
		{"an empty owner and all", "root", `{"owner":"","all":true}`, -1, 400, "owner is empty"},
		{"all and something", "root", `{"owner":"bob","all":true}`, -1, 400, "one of them"},
		{"no body", "root", ``, -1, 400, "the body is empty"},
		{"an unknown member", "root", `{"user":"bob"}`, -1, 400, "not known"},
		{"a length of time that is none", "root", `{"stale_for":"long"}`, -1, 400, "stale_for was read as"},
		{"a domain of nobody", "root", `{"domain":"nobody.example.net"}`, -1, 400, "without a tenant"},
		{"a tenant that is not there", "root", `{"tenant":"nosuch"}`, -1, 400, "no tenant"},
		{"another's, without the right", "ann", `{"owner":"bob"}`, -1, 403, "permission"},
		{"another's, with the right to read", "auditor", `{"owner":"ann"}`, -1, 403, "permission"},
		{"another tenant", "redadmin", `{"tenant":"blue"}`, -1, 403, "other_tenant"},
		{"nobody", "", `{"all":true}`, -1, 401, "unauthenticated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := crowd(t)
			before := w.counts()[2]
			a := w.call(c.caller, "POST", "tokens/revoke", c.body).is(t, c.status, c.part)
			if c.revoked >= 0 {
				if got := a.object(t)["revoked"]; got != float64(c.revoked) {
					t.Errorf("revoked %v, want %d", got, c.revoked)
				}
			}
			if got := w.counts()[2] - before; got != max(c.revoked, 0) {
				t.Errorf("told of %d ends", got)
			}
		})
	}
}

// TestNobodyWidens: what comes by a token gets no more by making or changing
// another one.
func TestNobodyWidens(t *testing.T) {
	const (
		create = "POST tokens"
		change = "PATCH tokens/SELF"
		other  = "PATCH tokens/OTHER"
	)
	for _, c := range []struct {
		name, token, deed, body string // what makes the token, and what is done with it
		status                  int
		part                    string
	}{
		{"a narrowed token mints nothing", `{"permissions":["storage.read"]}`, create, `{}`, 403, "permission"},
		{"a restricted token mints nothing", `{"restrictions":{"addresses":["10.0.0.0/8"]}}`, create, `{}`, 403, "permission"},
		{"one with the right passes its narrowings on", `{"permissions":["storage.read","tokens.create"]}`, create, `{}`, 201, `"permissions":["storage.read","tokens.create"]`},
		{"more permissions", `{"permissions":["storage.read","tokens.create"]}`, create, `{"permissions":["storage.write"]}`, 403, "permission"},
		{"a role with more", `{"permissions":["storage.read","tokens.create"]}`, create, `{"roles":["read-only"]}`, 403, "permission"},
		{"everywhere instead of somewhere", `{"permissions":["storage.read","tokens.create"],"resources":["a"]}`, create, `{"permissions":["storage.read"]}`, 403, "permission"},
		{"elsewhere", `{"permissions":["storage.read","tokens.create"],"resources":["a"]}`, create, `{"permissions":["storage.read"],"resources":["ab"]}`, 403, "permission"},
		{"below is narrower", `{"permissions":["storage.read","tokens.create"],"resources":["a"]}`, create, `{"permissions":["storage.read"],"resources":["a/b"]}`, 201, `"resources":["a/b"]`},
		{"no address instead of some", `{"permissions":["tokens.create"],"restrictions":{"addresses":["10.0.0.0/8"]}}`, create, `{}`, 201, `"addresses":["10.0.0.0/8"]`},
		{"more addresses", `{"permissions":["tokens.create"],"restrictions":{"addresses":["10.0.0.0/8"]}}`, create, `{"restrictions":{"addresses":["0.0.0.0/0"]}}`, 403, "permission"},
		{"more media types", `{"permissions":["tokens.create"],"restrictions":{"mime_types":["image/png"]}}`, create, `{"restrictions":{"mime_types":["image/*"]}}`, 403, "permission"},
		{"one byte more", `{"permissions":["tokens.create"],"restrictions":{"max_size":10}}`, create, `{"restrictions":{"max_size":11}}`, 403, "permission"},
		{"the same size", `{"permissions":["tokens.create"],"restrictions":{"max_size":10}}`, create, `{"restrictions":{"max_size":10}}`, 201, `"max_size":10`},
		{"another agent", `{"permissions":["tokens.create"],"restrictions":{"user_agents":["a"]}}`, create, `{"restrictions":{"user_agent_patterns":["*"]}}`, 403, "permission"},
		{"another tag", `{"permissions":["tokens.create"],"restrictions":{"tags":["a=1"]}}`, create, `{"restrictions":{"tags":["a"]}}`, 403, "permission"},
		{"more uses", `{"permissions":["tokens.create"],"restrictions":{"max_uses":2}}`, create, `{"restrictions":{"max_uses":3}}`, 403, "permission"},
		{"a longer life", `{"permissions":["tokens.create"],"lifetime":"1h"}`, create, `{"lifetime":"2h"}`, 400, "end of the token that asks"},
		{"a life for ever", `{"permissions":["tokens.create"],"lifetime":"1h"}`, create, `{"expires_at":null}`, 201, "2031-05-17T09:30:00.000Z"},
		{"a domain's token mints for its domain", `{"tenant":"red","domain":"red.example.com"}`, create, `{}`, 201, `"domain":"red.example.com"`},
		{"a domain's token and the tenant", `{"tenant":"red","domain":"red.example.com"}`, create, `{"tenant":"red"}`, 403, "out_of_scope"},
		{"a domain's token and another domain", `{"tenant":"red","domain":"red.example.com"}`, create, `{"tenant":"red","domain":"a.red.example.com"}`, 403, "out_of_scope"},
		{"a tenant's token and another tenant", `{"tenant":"red"}`, create, `{"tenant":"blue"}`, 403, ""},
		{"a token of some tenants and all of them", `{"tenants":["red"]}`, create, `{}`, 201, `"tenants":["red"]`},
		{"a token of some tenants and another", `{"tenants":["red"]}`, create, `{"tenants":["blue"]}`, 403, "other_tenant"},
		{"a narrowed token makes itself live longer", `{"permissions":["tokens.*"],"lifetime":"1h"}`, change, `{"lifetime":"2h"}`, 403, "permission"},
		{"a narrowed token makes a wider one live longer", `{"permissions":["tokens.*"],"lifetime":"1h"}`, other, `{"lifetime":"8000h"}`, 403, "permission"},
		{"a token without the right disables", `{"permissions":["storage.read"]}`, other, `{"enabled":false}`, 403, "not_owner"},
		{"a key pair does not manage", `{"s3":true}`, create, `{}`, 401, "unauthenticated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			m, o := w.make("root", c.token), w.make("root", `{}`)
			method, path, _ := strings.Cut(c.deed, " ")
			path = strings.NewReplacer("SELF", m.id, "OTHER", o.id).Replace(path)
			w.call("token "+m.value, method, path, c.body).is(t, c.status, c.part)
		})
	}
}

// TestOnceIsOnceForMintingToo: the uses that a token gives away are its own.
func TestOnceIsOnceForMintingToo(t *testing.T) {
	w := newWorld(t)
	m := w.make("redadmin", `{"permissions":["tokens.create","storage.read"],"restrictions":{"max_uses":3}}`)
	total := 0
	for i := range 4 {
		a := w.call("token "+m.value, "POST", "tokens", `{"restrictions":{"max_uses":1}}`)
		if a.status == 201 {
			total++
		} else if a.status != 401 && a.status != 403 {
			t.Fatal(fmt.Sprint(i, a.status, a.body))
		}
	}
	if total > 3 {
		t.Errorf("%d tokens of one use each from three uses", total)
	}
}
