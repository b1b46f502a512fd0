package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestCLISends is what becomes of the flags of the commands for tokens that
// are there.
func TestCLISends(t *testing.T) {
	const id = "1000000000000000000001"
	const shown = `{"id":"` + id + `","tenant":"one","state":"active"}`
	const page, done, verdict = `{"tokens":[],"next":null}`, `{"revoked":3}`, `{"allowed":true,"rule":"grant","detail":"fine"}`
	at := "/_admin/api/v1/tokens"
	for _, row := range []struct {
		name, answer string
		args         []string
		method       string
		target, body string
	}{
		{"List", page, []string{"list"}, "GET", at + "?limit=1000", ""},
		{"ListByPlace", page, []string{"list", "--tenant=one", "--domain=a.test"}, "GET", at + "?domain=a.test&limit=1000&tenant=one", ""},
		{"ListByText", page, []string{"list", "--search=a & b", "--owner=jane"}, "GET", at + "?limit=1000&owner=jane&q=a+%26+b", ""},
		{"ListByAPI", page, []string{"list", "--api=user_tokens"}, "GET", at + "?api=user_tokens&limit=1000", ""},
		{"ListByName", page, []string{"list", "--name=backup", "--owner=jane"}, "GET", at + "?limit=1000&name=backup&owner=jane", ""},
		{"ListByState", page, []string{"list", "--state=disabled", "--state=expired,revoked"}, "GET", at + "?limit=1000&state=disabled&state=expired&state=revoked", ""},
		{"ListStale", page, []string{"list", "--stale=90d"}, "GET", at + "?limit=1000&stale_for=2160h0m0s", ""},
		{"ListUnused", page, []string{"list", "--unused-since=2026-01-02"}, "GET", at + "?limit=1000&unused_since=2026-01-02T00%3A00%3A00Z", ""},
		{"ListSome", page, []string{"list", "--limit=7"}, "GET", at + "?limit=7", ""},

		{"Show", shown, []string{"show", id}, "GET", at + "/" + id, ""},
		{"ShowWhatNeedsEscapes", shown, []string{"show", "a/b?c"}, "GET", at + "/a%2Fb%3Fc", ""},
		{"Disable", shown, []string{"disable", id}, "PATCH", at + "/" + id, `{"enabled":false}`},
		{"Enable", shown, []string{"enable", id}, "PATCH", at + "/" + id, `{"enabled":true}`},
		{"Extend", shown, []string{"extend", id, "--expires=+30"}, "PATCH", at + "/" + id, `{"lifetime":"720h0m0s"}`},
		{"ExtendForEver", shown, []string{"extend", id, "--expires=never"}, "PATCH", at + "/" + id, `{"expires_at":null}`},
		{"Revoke", "", []string{"revoke", id}, "DELETE", at + "/" + id, ""},

		{"RevokeOfOwner", done, []string{"revoke", "--yes", "--owner=jane"}, "POST", at + "/revoke", `{"owner":"jane"}`},
		{"RevokeOfTenant", done, []string{"revoke", "--yes", "--tenant=one"}, "POST", at + "/revoke", `{"tenant":"one"}`},
		{"RevokeStale", done, []string{"revoke", "--yes", "--all-stale=90d"}, "POST", at + "/revoke", `{"stale_for":"2160h0m0s"}`},
		{"RevokeUnused", done, []string{"revoke", "--yes", "--unused-since=2026"}, "POST", at + "/revoke", `{"unused_since":"2026-01-01T00:00:00Z"}`},
		{"RevokeByText", done, []string{"revoke", "--yes", "--search=ci", "--api=access_tokens"}, "POST", at + "/revoke", `{"api":"access_tokens","q":"ci"}`},
		{"RevokeInDomain", done, []string{"revoke", "--yes", "--tenant=one", "--domain=a.test", "--owner=jane"}, "POST", at + "/revoke", `{"domain":"a.test","owner":"jane","tenant":"one"}`},
		{"RevokeAll", done, []string{"revoke", "--yes", "--all"}, "POST", at + "/revoke", `{"all":true}`},

		{"Check", verdict, []string{"check", id, "--path=/a?b=c"}, "POST", at + "/" + id + "/check", `{"method":"GET","path":"/a?b=c"}`},
		{"CheckAll", verdict, []string{"check", id, "--method=PUT", "--path=/a", "--host=a.test", "--address=10.0.0.1", "--user-agent=x, y", "--size=1KiB", "--content-type=text/plain", "--tag=a=b,c", "--tag=d", "--header=X-A: b:c", "--header=x-b:"},
			"POST", at + "/" + id + "/check", `{"address":"10.0.0.1","content_type":"text/plain","headers":{"X-A":"b:c","x-b":""},"host":"a.test","method":"PUT","path":"/a","size":1024,"tags":["a=b,c","d"],"user_agent":"x, y"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := startFake(t, 200, row.answer)
			f.run(append([]string{"token"}, row.args...)...).well(t)
			if a := f.one(); a.method != row.method || a.target != row.target || a.body != row.body {
				t.Errorf("%s %s\n%s\nwant\n%s %s\n%s", a.method, a.target, a.body, row.method, row.target, row.body)
			}
		})
	}
}

// TestCLIRefuses is what is not sent at all.
func TestCLIRefuses(t *testing.T) {
	const id = "1000000000000000000001"
	f := startFake(t, 200, `{}`)
	for _, row := range []struct{ name, args, says string }{
		{"ListOfANegativeNumber", "list --limit=-1", "--limit"},
		{"ListStateUnknown", "list --state=gone", "--state"},
		{"ListAPIUnknown", "list --api=mine", "--api"},
		{"ListStaleTwice", "list --stale=1d --unused-since=2026", "--stale"},
		{"ListStaleNoSpan", "list --stale=90", `--stale was read as "90", accepted are lengths of time like 90d`},
		{"ListNameOfNobody", "list --name=x", "--name needs an --owner"},
		{"ListUnusedSinceNoTime", "list --unused-since=yesterday", `--unused-since was read as "yesterday"`},
		{"DisableNothing", "disable", "<id>"},
		{"DisableEmpty", "disable " + id + " ''", "<id> is empty"},
		{"EnableEmpty", "enable ''", "<id> is empty"},
		{"ExtendWithoutEnd", "extend " + id, "--expires"},
		{"ExtendSoon", "extend " + id + " --expires=soon", "--expires was read as"},
		{"RevokeTwoWays", "revoke --yes --owner=x " + id, "<id> was given beside flags"},
		{"RevokeAllAndSome", "revoke --yes --all --owner=x", "--all was given beside flags"},
		{"RevokeAllAndATenant", "revoke --yes --all --tenant=x", "--all was given beside flags"},
		{"RevokeNothing", "revoke --yes", "nothing says what to revoke"},
		{"RevokeUnasked", "revoke --all", "accepted is --yes"},
		{"RevokeStaleNoSpan", "revoke --yes --all-stale=0d", `--all-stale was read as "0d"`},
		{"RevokeTextEmpty", "revoke --yes --tenant=one --search=", "--search is empty"},
		{"CheckWithoutPath", "check " + id, "--path"},
		{"CheckSize", "check " + id + " --path=/ --size=big", "--size was read as"},
		{"CheckHeader", "check " + id + " --path=/ --header=x", "--header was read as"},
		{"CheckHeaderTwice", "check " + id + " --path=/ --header=x:1 --header=x:2", "twice"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := strings.Fields(row.args)
			for i, arg := range args {
				args[i] = strings.Trim(arg, "'")
			}
			r := f.run(append([]string{"token"}, args...)...)
			if r.code != exitUsage || r.out != "" || !strings.Contains(r.err, row.says) {
				t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
			}
			if sent := f.take(); len(sent) != 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

// TestCLIListTable: nothing that somebody wrote into a token breaks the table.
func TestCLIListTable(t *testing.T) {
	f := startFake(t, 200, `{"tokens":[{"id":"1","name":"a\tb\nc","owner":"jo\u001b[31mhn","tenant":"any","tenants":["one","two"],"state":"active","description":"\u202egnirts","grants":[{"permissions":["storage.read"]}]}],"next":"page 2"}`,
		`{"tokens":[{"id":"2","owner":"\"quoted\"","tenant":"one","domain":"a.test","state":"disabled","expires_at":"2031-05-17T08:30:00.000Z","last_used":{"at":"2030-05-17T08:30:00.000Z","count":2}}],"next":null}`)
	r := f.run("token", "list").well(t)
	const want = "ID  NAME       OWNER           SCOPE     STATE     EXPIRES                   LAST USED                 DESCRIPTION     NARROWED\n" +
		`1   "a\tb\nc"  "jo\x1b[31mhn"  +one+two  active    never                     never                     "\u202egnirts"  storage.read` + "\n" +
		`2   -          "\"quoted\""    a.test    disabled  2031-05-17T08:30:00.000Z  2030-05-17T08:30:00.000Z  -               -` + "\n"
	if r.out != want {
		t.Errorf("%s\nwant\n%s", r.out, want)
	}
	if asked := f.take(); len(asked) != 2 || asked[1].target != "/_admin/api/v1/tokens?after=page+2&limit=1000" {
		t.Errorf("%v", asked)
	}
}

// TestCLIManage: the commands do what they say, by a real gateway.
func TestCLIManage(t *testing.T) {
	b := startBackend(t)
	g := startWith(t, local(setup{dir: "DIR", upstream: b.URL}))
	passes := func(value string, want int) {
		t.Helper()
		if got := g.do(ask{host: "127.0.0.1", header: bearer(value)}); got.status != want {
			t.Errorf("a request: %d, want %d", got.status, want)
		}
	}
	create := func(user string, args ...string) (value, id string) {
		t.Helper()
		r := g.as(user, append([]string{"create"}, args...)...).well(t)
		return r.field(t, "token"), r.field(t, "id")
	}
	t.Run("DisableAndEnable", func(t *testing.T) {
		value, id := create(john)
		_, second := create(john)
		passes(value, 200)
		if r := g.as(john, "disable", id, second).well(t); r.out != id+" disabled\n"+second+" disabled\n" {
			t.Errorf("%q", r.out)
		}
		passes(value, 401)
		if r := g.as(john, "show", id).well(t); r.field(t, "state") != "disabled" || !strings.HasSuffix(r.field(t, "disabled"), " by "+john) {
			t.Errorf("%s", r.out)
		}
		if r := g.as(john, "list", "--state=disabled", "-o", "json").well(t); strings.Count(r.out, `"revision"`) != 2 {
			t.Errorf("%s", r.out)
		}
		if r := g.as(john, "enable", id).well(t); r.out != id+" enabled, active\n" {
			t.Errorf("%q", r.out)
		}
		passes(value, 200)
	})
	t.Run("Extend", func(t *testing.T) {
		_, id := create(john, "--expires=1h")
		if r := g.as(john, "extend", id, "--expires=2099-01-02").well(t); r.out != id+" ends 2099-01-02T00:00:00.000Z\n" {
			t.Errorf("%q", r.out)
		}
		var all []tokenRecord
		r := g.as(john, "extend", id, "--expires=never", "--output=json").well(t)
		if err := json.Unmarshal([]byte(r.out), &all); err != nil || len(all) != 1 || all[0].ID != id || all[0].ExpiresAt != "" {
			t.Errorf("%v\n%s", err, r.out)
		}
	})
	t.Run("OneThatFailsKeepsNoOtherFromIt", func(t *testing.T) {
		first, firstID := create(john)
		last, lastID := create(john)
		r := g.as(john, "disable", firstID, unknownID, lastID)
		if r.code != exitFailed || r.out != firstID+" disabled\n"+lastID+" disabled\n" || !strings.Contains(r.err, "disable "+unknownID+": the gateway answers 404") {
			t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
		}
		passes(first, 401)
		passes(last, 401)
		if r := g.as(john, "revoke", "--output=json", lastID, unknownID, firstID); r.code != exitFailed || r.out != "{\n  \"revoked\": 2\n}\n" {
			t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r := g.as(john, "disable", "nightly"); r.code != exitFailed || !strings.Contains(r.err, "disable nightly: ") {
			t.Errorf("exit %d\n%s", r.code, r.err)
		}
		if r := g.as(john, "disable", unknownValue); r.code != exitFailed || strings.Contains(r.err, unknownValue) {
			t.Errorf("exit %d\n%s", r.code, r.err)
		}
	})
	t.Run("Strangers", func(t *testing.T) {
		value, id := create(john)
		for _, args := range [][]string{{"disable", id}, {"enable", id}, {"extend", "--expires=+1", id}, {"revoke", id}, {"show", id}, {"check", "--path=/", id}} {
			if r := g.as(jane, args...); r.code != exitFailed || !strings.Contains(r.err, "403") {
				t.Errorf("%v: exit %d\n%s%s", args, r.code, r.out, r.err)
			}
		}
		passes(value, 200)
	})
	t.Run("RevokeSome", func(t *testing.T) {
		mine, _ := create(boss, "--name=kept")
		ci, _ := create(john, "--description=ci run")
		janes, janesID := create(jane)
		if r := g.as(john, "revoke", "--yes", "--search=CI RUN").well(t); r.out != "revoked 1 tokens\n" {
			t.Errorf("%q", r.out)
		}
		passes(ci, 401)
		if r := g.as(john, "revoke", "--yes", "--owner=jane"); r.code != exitFailed || !strings.Contains(r.err, "403") {
			t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r := g.as(boss, "revoke", "--yes", "--owner=jane", "--output=json").well(t); r.out != "{\n  \"revoked\": 1\n}\n" {
			t.Errorf("%q", r.out)
		}
		passes(janes, 401)
		if r := g.as(boss, "list", "--state=revoked", "--owner=jane").well(t); strings.Count(r.out, "\n") != 2 || !strings.Contains(r.out, janesID) {
			t.Errorf("%s", r.out)
		}
		if r := g.as(boss, "revoke", "--yes", "--all-stale=90d").well(t); r.out != "revoked 0 tokens\n" {
			t.Errorf("%q", r.out)
		}
		if r := g.as(boss, "list", "--name=kept").well(t); strings.Count(r.out, "\n") != 2 {
			t.Errorf("%s", r.out)
		}
		g.as(boss, "revoke", "--yes", "--tenant=one").well(t)
		passes(mine, 401)
		if r := g.as(boss, "list", "--output=json").well(t); r.out != "[]\n" {
			t.Errorf("%s", r.out)
		}
	})
}

// TestCLICheck: the verdict is the exit code, and asking uses nothing.
func TestCLICheck(t *testing.T) {
	g := startWith(t, local(setup{dir: "DIR"}))
	id := g.as(john, "create", "--grant=storage.read,storage.write@a", "--address=10.0.0.0/8", "--user-agent-pattern=curl/*", "--max-size=10", "--max-uses=1", "--mime-type=text/plain").well(t).field(t, "id")
	fine := []string{"--path=/a/b", "--address=10.1.2.3", "--user-agent=curl/8"}
	for _, row := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"AllowedRead", nil, exitOK, "allowed\n"},
		{"AllowedAgain", nil, exitOK, "allowed\n"},
		{"AllowedUpload", []string{"--method=PUT", "--size=10", "--content-type=text/plain"}, exitOK, "allowed\n"},
		{"DeniedSize", []string{"--method=PUT", "--size=11", "--content-type=text/plain"}, exitFailed, "denied by "},
		{"DeniedType", []string{"--method=PUT", "--size=1", "--content-type=image/png"}, exitFailed, "denied by "},
		{"DeniedAddress", []string{"--address=192.0.2.1"}, exitFailed, "denied by address: "},
		{"DeniedAgent", []string{"--user-agent=wget"}, exitFailed, "denied by user_agent: "},
		{"DeniedPlace", []string{"--path=/ab"}, exitFailed, "denied by "},
		{"DeniedRight", []string{"--method=DELETE"}, exitFailed, "denied by "},
		{"DeniedHost", []string{"--host=" + hostTwo}, exitFailed, "denied by "},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := g.as(john, slices.Concat([]string{"check", id}, fine, row.args)...)
			if r.code != row.code || r.err != "" || !strings.HasPrefix(r.out, row.says) || strings.Count(r.out, "\n") != 1 {
				t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
			}
			j := g.as(john, slices.Concat([]string{"check", id, "--output=json"}, fine, row.args)...)
			var verdict struct{ Allowed bool }
			if err := json.Unmarshal([]byte(j.out), &verdict); err != nil || j.code != row.code || verdict.Allowed != (row.code == exitOK) {
				t.Errorf("exit %d %v\n%s", j.code, err, j.out)
			}
		})
	}
	g.as(john, "revoke", id).well(t)
	if r := g.as(john, append([]string{"check", id}, fine...)...); r.code != exitFailed || !strings.HasPrefix(r.out, "denied by revoked: ") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r := g.as(john, "check", unknownID, "--path=/"); r.code != exitFailed || r.out != "" || !strings.Contains(r.err, "404") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
}
