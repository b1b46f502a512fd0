package usertokens_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// TestEndByName: whatever a token can be called, it can be ended by that, once.
func TestEndByName(t *testing.T) {
	w := newWorld(t)
	w.most = 0
	for _, name := range []string{
		"ci", "tokens", "credentials", "with blank", "50%", "%2F", "%41", "a+b", "a:b", "q?x=1", "#1", "a;b=c", "ключ", `back\slash`, "...", "~", "a,b", "&=", "'\"", strings.Repeat("x", 255),
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			for _, escape := range []func(string) string{url.PathEscape, everyByte} {
				for _, who := range []struct{ as, path string }{{"john", "/auth/users/tokens/"}, {"john", w.of("john", "tokens/")}, {"writer", w.of("john", "tokens/")}} {
					quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
					made := read[entry](t, w.expect(200, "POST", "/auth/users/tokens", "john", order("x", "name", `"`+quoted+`"`)))
					if made.Name != name {
						t.Fatalf("made %q", made.Name)
					}
					w.expect(204, "DELETE", who.path+escape(name), who.as, "")
					if w.state(made.ID) != tokens.Revoked {
						t.Fatalf("%q is %s", name, w.state(made.ID))
					}
					w.expect(404, "DELETE", who.path+escape(name), who.as, "")
				}
			}
		})
	}
}

// everyByte escapes more than a path needs, as some clients do.
func everyByte(s string) string {
	var b strings.Builder
	for i := range len(s) {
		const hex = "0123456789ABCDEF"
		b.WriteString("%" + string(hex[s[i]>>4]) + string(hex[s[i]&15]))
	}
	return b.String()
}

func TestEndByValueAndByID(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		as   string
		path func(id, value string) string
		want int
	}{
		{"one's own by value", "john", func(_, v string) string { return "/auth/users/tokens/" + v }, 204},
		{"one's own by id", "john", func(id, _ string) string { return "/auth/users/tokens/" + id }, 204},
		{"one's own with a slash behind", "john", func(id, _ string) string { return "/auth/users/tokens/" + id + "/" }, 204},
		{"one's own by locator and value", "john", func(_, v string) string { return w.of("john", "tokens/"+v) }, 204},
		{"another's by value", "writer", func(_, v string) string { return w.of("john", "tokens/"+v) }, 204},
		{"another's by id", "writer", func(id, _ string) string { return w.of("john", "tokens/"+id+"/") }, 204},
		{"another's beside one's own", "writer", func(id, _ string) string { return "/auth/users/tokens/" + id }, 204},
		{"another's without the right", "jane", func(id, _ string) string { return "/auth/users/tokens/" + id }, 403},
		{"another's without the right by value", "jane", func(_, v string) string { return "/auth/users/tokens/" + v }, 403},
		{"another's in another tenant", "bluecustom", func(id, _ string) string { return "/auth/users/tokens/" + id }, 403},
		{"another's by its name beside one's own", "writer", func(string, string) string { return "/auth/users/tokens/johns" }, 404},
		{"under another user", "writer", func(id, _ string) string { return w.of("jane", "tokens/"+id) }, 404},
		{"under another user by value", "root", func(_, v string) string { return w.of("jane", "tokens/"+v) }, 404},
		{"under another user by name", "root", func(string, string) string { return w.of("jane", "tokens/johns") }, 404},
		{"under oneself", "writer", func(id, _ string) string { return w.of("writer", "tokens/"+id) }, 404},
		{"the value in capitals", "john", func(_, v string) string { return "/auth/users/tokens/" + strings.ToUpper(v) }, 404},
		{"half a value", "john", func(_, v string) string { return "/auth/users/tokens/" + v[:16] }, 404},
		{"with a checksum that is wrong", "john", func(string, string) string {
			return "/auth/users/tokens/tgt_000000000000000000000000000000000"
		}, 404},
		{"two segments", "john", func(id, _ string) string { return "/auth/users/tokens/" + id + "/x" }, 404},
		{"a name longer than any", "john", func(string, string) string { return "/auth/users/tokens/" + strings.Repeat("x", 5000) }, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			made, value := w.put("john", named("johns"))
			told := len(w.events)
			w.expect(c.want, "DELETE", c.path(string(made.ID), value), c.as, "")
			state := w.state(made.ID)
			if ended := state == tokens.Revoked; ended != (c.want == 204) {
				t.Errorf("the answer is %d, the token is %s", c.want, state)
			}
			if got, want := w.events[told:], []string{"ended john johns"}; state == tokens.Revoked && !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
			if state != tokens.Revoked {
				w.expect(204, "DELETE", "/auth/users/tokens/johns", "john", "")
			}
			ended, err := w.store.ByID(context.Background(), made.ID)
			if who := ended.Revoked.By; err != nil || c.want == 204 && who != c.as {
				t.Errorf("ended by %q (%v), want %q", who, err, c.as)
			}
		})
	}
}

// TestNoNameIsNotEveryName: a path that names no token ends none.
func TestNoNameIsNotEveryName(t *testing.T) {
	w := newWorld(t)
	w.put("john")
	w.put("john", named("a"))
	before := w.dump()
	for _, path := range []string{
		"/auth/users/tokens", "/auth/users/tokens/", "/auth/users/tokens//", "/auth/users/tokens/%20", "/auth/users/tokens/%00",
		w.of("john", "tokens"), w.of("john", "tokens/"), w.of("john", "tokens//"), "/auth/users//tokens/a", "/auth/users//credentials",
	} {
		if r := w.send("DELETE", path, "john", ""); r.status != 404 && r.status != 400 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if after := w.dump(); after != before {
		t.Errorf("something was ended:\n%s", after)
	}
}

// TestRevoke ends the login sessions of one user and nothing else.
func TestRevoke(t *testing.T) {
	for _, as := range []string{"john", "revoker", "writer", "custom", "root"} {
		t.Run("by "+as, func(t *testing.T) {
			w := newWorld(t)
			var gone, stays []tokens.ID
			add := func(to *[]tokens.ID, owner string, change ...func(*tokens.Token)) {
				made, _ := w.put(owner, change...)
				*to = append(*to, made.ID)
			}
			add(&gone, "john")
			add(&gone, "john", func(t *tokens.Token) { t.Scope.Domain = "red.example" })
			add(&gone, "john", func(t *tokens.Token) { t.Disabled = tokens.Mark{At: begin(), By: "root"} })
			add(&gone, "john", func(t *tokens.Token) { t.NotBefore = begin().AddDate(0, 0, 1); t.Expires = begin().AddDate(0, 0, 2) })
			add(&stays, "john", signing)
			add(&stays, "john", by(tokens.UserTokens), named("pat"))
			add(&stays, "john", by(tokens.FileRepository))
			add(&stays, "john", by(tokens.AccessTokens))
			add(&stays, "john", by(tokens.Management))
			add(&stays, "jane")
			add(&stays, as, by(tokens.AccessTokens))
			r := w.expect(204, "POST", w.of("john", "revoke"), as, "")
			if r.body != "" {
				t.Errorf("the answer is %q", r.body)
			}
			for i, id := range slices.Concat(gone, stays) {
				want := tokens.Active
				if i < len(gone) {
					want = tokens.Revoked
				}
				if got := w.state(id); got != want {
					t.Errorf("token %d is %s, want %s", i, got, want)
				}
			}
			if ended, _ := w.store.ByID(t.Context(), gone[0]); ended.Revoked.By != as {
				t.Errorf("ended by %q", ended.Revoked.By)
			}
			if len(w.events) != len(gone) || len(w.removed) != 0 {
				t.Errorf("told %q, removed %q", w.events, w.removed)
			}
			w.expect(204, "POST", w.of("john", "revoke")+"/", as, "") // none is left, which is fine
		})
	}
}

// TestRevokeReachesEverything: what was left from a tenant that the user has no
// more is ended too, although neither he nor the caller has it.
func TestRevokeReachesEverything(t *testing.T) {
	w := newWorld(t)
	old, _ := w.put("john", in("blue"))
	oldPair, _ := w.put("john", in("blue"), signing)
	w.expect(204, "POST", w.of("john", "revoke"), "revoker", "")
	if w.state(old.ID) != tokens.Revoked || w.state(oldPair.ID) != tokens.Active {
		t.Errorf("the session is %s, the key pair %s", w.state(old.ID), w.state(oldPair.ID))
	}
	w.expect(204, "DELETE", w.of("john", "credentials"), "writer", "")
	if w.state(oldPair.ID) != tokens.Revoked {
		t.Errorf("the key pair is %s", w.state(oldPair.ID))
	}
}

// TestTenantsMustBeCovered: half of a user cannot be revoked.
func TestTenantsMustBeCovered(t *testing.T) {
	w := newWorld(t)
	session, red := w.put("both")
	for _, c := range []struct {
		as   string
		want int
	}{{"custom", 403}, {"revoker", 403}, {"bluecustom", 403}, {"Bearer " + red, 403}, {"both", 204}} {
		w.expect(c.want, "POST", w.of("both", "revoke"), c.as, "")
		if ended := w.state(session.ID) == tokens.Revoked; ended != (c.want == 204) {
			t.Errorf("as %q: ended is %v", c.as, ended)
		}
	}
	for _, as := range []string{"custom", "bluecustom", "both"} {
		w.expect(403, "DELETE", w.of("both", "credentials"), as, "")
	}
	w.expect(204, "DELETE", w.of("both", "credentials"), "root", "")
}

// TestRemoveCredentials: the password goes first, then every token.
func TestRemoveCredentials(t *testing.T) {
	w := newWorld(t)
	var all []tokens.ID
	for _, change := range []func(*tokens.Token){
		func(*tokens.Token) {}, signing, by(tokens.UserTokens), by(tokens.AccessTokens), by(tokens.FileRepository), by(tokens.Management), in(tokens.AnyTenant),
		func(t *tokens.Token) { t.Disabled = tokens.Mark{At: begin(), By: "root"} },
	} {
		made, _ := w.put("john", change)
		all = append(all, made.ID)
	}
	hers, _ := w.put("jane")
	mine, _ := w.put("custom")
	w.onRemove = func() {
		late, _ := w.put("john", named("made in the last moment")) // by who came before the password went
		all = append(all, late.ID)
		if w.state(all[0]) != tokens.Active {
			t.Error("tokens were ended before the password was removed")
		}
	}
	if r := w.expect(204, "DELETE", w.of("john", "credentials"), "custom", ""); r.body != "" {
		t.Errorf("the answer is %q", r.body)
	}
	if !slices.Equal(w.removed, []string{"john"}) {
		t.Errorf("the credentials of %q were removed", w.removed)
	}
	for i, id := range all {
		if w.state(id) != tokens.Revoked {
			t.Errorf("token %d is %s", i, w.state(id))
		}
	}
	if w.state(hers.ID) != tokens.Active || w.state(mine.ID) != tokens.Active {
		t.Error("tokens of others were ended")
	}
	if len(w.events) != len(all) {
		t.Errorf("told %q", w.events)
	}
}

func TestRemoveCredentialsOfOneself(t *testing.T) {
	w := newWorld(t)
	mine, value := w.put("custom")
	w.expect(204, "DELETE", w.of("custom", "credentials"), "Bearer "+value, "")
	if !slices.Equal(w.removed, []string{"custom"}) || w.state(mine.ID) != tokens.Revoked {
		t.Errorf("removed %q, the token is %s", w.removed, w.state(mine.ID))
	}
	w.expect(401, "GET", "/auth/users/tokens", "Bearer "+value, "")
}

// TestOneTenantOfTwo: by a token of one tenant one manages one's own tokens
// there, and nothing that concerns the other too.
func TestOneTenantOfTwo(t *testing.T) {
	w := newWorld(t)
	w.put("twocustom", named("there"), in("blue"))
	w.put("twocustom", named("here"))
	_, red := w.put("twocustom", named("session"))
	as := "Bearer " + red
	if got := namesIn(t, w.expect(200, "GET", w.of("twocustom", "tokens"), as, "")); !slices.Equal(got, []string{"here", "session"}) {
		t.Errorf("listed are %q", got)
	}
	w.expect(404, "DELETE", w.of("twocustom", "tokens/there"), as, "")
	w.expect(204, "DELETE", w.of("twocustom", "tokens/here"), as, "")
	before := w.dump()
	w.expect(403, "POST", w.of("twocustom", "revoke"), as, "")
	w.expect(403, "DELETE", w.of("twocustom", "credentials"), as, "")
	if w.dump() != before {
		t.Error("something was changed")
	}
}

// TestCredentialsThatStay: when they cannot be removed, nothing is ended.
func TestCredentialsThatStay(t *testing.T) {
	w := newWorld(t)
	kept, _ := w.put("john")
	w.refuse = errors.New("disk on fire")
	r := w.expect(503, "DELETE", w.of("john", "credentials"), "custom", "")
	if w.state(kept.ID) != tokens.Active || strings.Contains(r.body, "fire") {
		t.Errorf("the token is %s, the answer %s", w.state(kept.ID), r.body)
	}
}

// TestDisabledUsers: they can be seen and cleaned up, and get nothing new.
func TestDisabledUsers(t *testing.T) {
	w := newWorld(t)
	session, _ := w.put("john", named("johns"))
	everywhere, _ := w.put("john", in(tokens.AnyTenant))
	pair, _ := w.put("john", signing)
	off := tokens.Mark{At: begin(), By: "root"}
	w.hire(accounts.Stored{Name: "john", Disabled: off, Override: accounts.Override{Seen: "x"}}, accounts.Stored{Name: "robot", Disabled: off, Override: accounts.Override{Seen: "x"}})
	w.expect(401, "GET", "/auth/users/tokens", "john", "")
	if r := w.expect(409, "POST", w.of("robot", "tokens"), "custom", order("x")); !strings.Contains(r.body, "disabled") {
		t.Errorf("got %s", r.body)
	}
	w.expect(403, "POST", w.of("robot", "tokens"), "weakwriter", order("x"))
	if got := namesIn(t, w.expect(200, "GET", w.of("john", "tokens"), "reader", "")); !slices.Contains(got, "johns") {
		t.Errorf("listed are %q", got)
	}
	w.expect(403, "POST", w.of("john", "revoke"), "bluecustom", "")
	w.expect(204, "POST", w.of("john", "revoke"), "revoker", "")
	if w.state(session.ID) != tokens.Revoked || w.state(everywhere.ID) != tokens.Revoked || w.state(pair.ID) != tokens.Active {
		t.Errorf("the tokens are %s, %s and %s", w.state(session.ID), w.state(everywhere.ID), w.state(pair.ID))
	}
	w.expect(204, "DELETE", w.of("john", "credentials"), "writer", "")
	if w.state(pair.ID) != tokens.Revoked || !slices.Equal(w.removed, []string{"john"}) {
		t.Errorf("the key pair is %s, removed are %q", w.state(pair.ID), w.removed)
	}
}
