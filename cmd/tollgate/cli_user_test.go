package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const shownUser = `{"name":"eve","roles":["read-only"],"permissions":[],"tenants":["one"],"effective_permissions":["storage.read"],"has_password":true,"enabled":true,"locator":"l"}`

// TestCLIUserSends is every command about users, and what becomes of it.
func TestCLIUserSends(t *testing.T) {
	const at = "/_admin/api/v1/users"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(" from a file \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, answer, stdin string
		args                []string
		method              string
		target, body        string
	}{
		{"List", `{"users":[` + shownUser + `],"next":null}`, "", []string{"list"}, "GET", at + "?limit=1000", ""},
		{"Show", shownUser, "", []string{"show", "eve"}, "GET", at + "/eve", ""},
		{"ShowWhatNeedsEscapes", shownUser, "", []string{"show", "e/v?e"}, "GET", at + "/e%2Fv%3Fe", ""},
		{"Create", shownUser, " a password \r\nnot this\n", []string{"create", "eve"}, "POST", at, `{"name":"eve","password":" a password "}`},
		{"CreateAll", shownUser, "", []string{"create", "eve", "--role=a,b", "--role=c", "--permission=storage.read", "--tenant=one", "--locator=l", "--disabled", "--password-file", file}, "POST", at,
			`{"enabled":false,"locator":"l","name":"eve","password":" from a file ","permissions":["storage.read"],"roles":["a","b","c"],"tenants":["one"]}`},
		{"CreateServiceAccount", shownUser, "not read", []string{"create", "eve", "--service-account"}, "POST", at, `{"name":"eve","service_account":true}`},
		{"CreateServiceAccountWithAPassword", shownUser, "", []string{"create", "eve", "--service-account", "--password-file", file}, "POST", at, `{"name":"eve","password":" from a file ","service_account":true}`},
		{"CreateWithoutAPassword", shownUser, "not read", []string{"create", "eve", "--no-password"}, "POST", at, `{"name":"eve"}`},
		{"SetPassword", shownUser, "new\n", []string{"set-password", "eve"}, "PATCH", at + "/eve", `{"password":"new"}`},
		{"SetPasswordFromAFile", shownUser, "", []string{"set-password", "eve", "--password-file", file}, "PATCH", at + "/eve", `{"password":" from a file "}`},
		{"Update", shownUser, "", []string{"update", "eve", "--role=a", "--tenant=any"}, "PATCH", at + "/eve", `{"roles":["a"],"tenants":["any"]}`},
		{"UpdateToNothing", shownUser, "", []string{"update", "eve", "--no-roles", "--no-tenants", "--permission=storage.*"}, "PATCH", at + "/eve", `{"permissions":["storage.*"],"roles":[],"tenants":[]}`},
		{"UpdateServiceAccount", shownUser, "", []string{"update", "eve", "--service-account"}, "PATCH", at + "/eve", `{"service_account":true}`},
		{"UpdateNoServiceAccount", shownUser, "", []string{"update", "eve", "--no-service-account"}, "PATCH", at + "/eve", `{"service_account":false}`},
		{"Disable", shownUser, "", []string{"disable", "eve"}, "PATCH", at + "/eve", `{"enabled":false}`},
		{"Enable", shownUser, "", []string{"enable", "eve"}, "PATCH", at + "/eve", `{"enabled":true}`},
		{"Remove", "", "", []string{"remove", "eve", "--yes"}, "DELETE", at + "/eve", ""},
		{"RemoveCredentials", "", "", []string{"remove-credentials", "eve", "--yes"}, "DELETE", at + "/eve/credentials", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := startFake(t, 200, row.answer)
			args := append([]string{"user", row.args[0], "--server", f.URL}, row.args[1:]...)
			r := cli(t, []string{"TOLLGATE_TOKEN=a-token"}, row.stdin, args...).well(t)
			if a := f.one(); a.method != row.method || a.target != row.target || a.body != row.body {
				t.Errorf("%s %s\n%s\nwant\n%s %s\n%s", a.method, a.target, a.body, row.method, row.target, row.body)
			}
			if r.out == "" || strings.Contains(r.out, "password\n") {
				t.Errorf("%q", r.out)
			}
		})
	}
}

// TestCLIUserRefuses is what is not sent at all.
func TestCLIUserRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := startFake(t, 200, shownUser)
	for _, row := range []struct {
		name, stdin, args string
		code              int
		says              string
	}{
		{"CreateNobody", "x", "create", 2, "<name>"},
		{"CreateEmptyName", "x", "create ''", 2, "<name> is empty"},
		{"CreateEmptyPassword", "\n", "create eve", 2, "the password is empty"},
		{"CreateNoInput", "", "create eve", 2, "the password is empty"},
		{"CreateEmptyFile", "x", "create eve --password-file=" + file, 1, "is empty or has several lines"},
		{"CreateNoFile", "x", "create eve --password-file=/nonexistent", 1, "/nonexistent"},
		{"CreatePasswordTwice", "x", "create eve --no-password --password-file=" + file, 2, "were both given"},
		{"CreateRoleEmpty", "x", "create eve --role=", 2, "--role is empty"},
		{"PasswordAsAFlag", "x", "create eve --password=x", 2, "--password"},
		{"SetEmptyPassword", "", "set-password eve", 2, "the password is empty"},
		{"UpdateNothing", "", "update eve", 2, "nothing is to be changed"},
		{"UpdateTwoWays", "", "update eve --role=a --no-roles", 2, "roles were given and taken away"},
		{"RemoveNobody", "", "remove", 2, "<name>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := []string{"user"}
			for _, arg := range strings.Fields(row.args) {
				args = append(args, strings.Trim(arg, "'"))
			}
			r := cli(t, []string{"TOLLGATE_TOKEN=a-token"}, row.stdin, append(args, "--server", f.URL)...)
			if r.code != row.code || r.out != "" || !strings.Contains(r.err, row.says) {
				t.Errorf("exit %d, want %d\n%s%s", r.code, row.code, r.out, r.err)
			}
			if sent := f.take(); len(sent) != 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func TestCLIUserTable(t *testing.T) {
	f := startFake(t, 200, `{"users":[{"name":"e\u001bve","enabled":false,"service_account":true,"roles":["a","b"]}],"next":"e"}`,
		`{"users":[],"next":"f"}`, `{"users":[`+shownUser+`,{"name":"file","enabled":true,"configured":true,"has_password":true,"permissions":["*.*"],"tenants":["any"]}],"next":null}`)
	r := f.run("user", "list").well(t)
	const want = "NAME       STATE     ROLES      PERMISSIONS  TENANTS  LOCATOR  NOTES\n" +
		`"e\x1bve"  disabled  a,b        -            -        -        service account, no password` + "\n" +
		"eve        enabled   read-only  -            one      l        -\n" +
		"file       enabled   -          *.*          any      -        configured in the file\n"
	if r.out != want {
		t.Errorf("%s\nwant\n%s", r.out, want)
	}
	if len(f.take()) != 3 {
		t.Error("not all pages were asked for")
	}
}

// asUser runs a user command as a user with his password in the environment.
func (g *gateway) asUser(user, stdin string, args ...string) result {
	g.t.Helper()
	return cli(g.t, []string{"TOLLGATE_PASSWORD=" + passwordOf(user)}, stdin, slices.Concat([]string{"user", args[0], "--server", g.url, "--user", user}, args[1:])...)
}

// TestCLIUser leads a user through his life, by a real gateway.
func TestCLIUser(t *testing.T) {
	g := startWith(t, local(setup{dir: "DIR"}))
	logsIn := func(password string, want int) {
		t.Helper()
		r := cli(t, []string{"TOLLGATE_PASSWORD=" + password}, "", "token", "list", "--server", g.url, "--user", "eve")
		if r.code != want {
			t.Errorf("with %q: exit %d, want %d %s", password, r.code, want, r.err)
		}
	}
	made := g.asUser(root, "first password\n", "create", "eve", "--tenant=one", "--role=read-only").well(t)
	if made.field(t, "name") != "eve" || made.field(t, "roles") != "read-only" || made.field(t, "state") != "enabled" || strings.Contains(made.out, "first password") {
		t.Errorf("%s", made.out)
	}
	logsIn("first password", exitOK)
	if r := g.asUser(root, "another one\n", "create", "eve"); r.code != exitFailed || !strings.Contains(r.err, "409") {
		t.Errorf("again: exit %d %s", r.code, r.err)
	}
	g.asUser(root, "second password\n", "set-password", "eve").well(t)
	logsIn("first password", exitFailed)
	logsIn("second password", exitOK)
	if r := g.asUser(root, "", "disable", "eve").well(t); r.field(t, "state") != "disabled" || !strings.HasSuffix(r.field(t, "disabled"), " by "+root) {
		t.Errorf("%s", r.out)
	}
	logsIn("second password", exitFailed)
	g.asUser(root, "", "enable", "eve").well(t)
	logsIn("second password", exitOK)
	if r := g.asUser(root, "", "update", "eve", "--permission=storage.*", "--no-roles").well(t); r.field(t, "permissions") == "" || strings.Contains(r.out, "roles") {
		t.Errorf("%s", r.out)
	}
	var all []userRecord
	list := g.asUser(root, "", "list", "-o", "json").well(t)
	if err := json.Unmarshal([]byte(list.out), &all); err != nil || !slices.ContainsFunc(all, func(u userRecord) bool { return u.Name == "eve" && u.HasPassword }) || !slices.ContainsFunc(all, func(u userRecord) bool { return u.Name == john && u.Configured }) {
		t.Errorf("%v\n%s", err, list.out)
	}
	for _, row := range []struct {
		name, user string
		args       []string
		says       string
	}{
		{"WithoutTheRight", john, []string{"list"}, "403"},
		{"ChangeWithoutTheRight", boss, []string{"disable", "eve"}, "403"},
		{"Unknown", root, []string{"show", "nobody"}, "404"},
		{"OfTheFile", root, []string{"update", john, "--role=admin"}, "409"},
	} {
		if r := g.asUser(row.user, "", row.args...); r.code != exitFailed || r.out != "" || !strings.Contains(r.err, "the gateway answers "+row.says) {
			t.Errorf("%s: exit %d\n%s%s", row.name, r.code, r.out, r.err)
		}
	}
	g.asUser(root, "", "remove-credentials", "eve", "--yes").well(t)
	logsIn("second password", exitFailed)
	if r := g.asUser(root, "", "show", "eve").well(t); r.field(t, "notes") != "no password" {
		t.Errorf("%s", r.out)
	}
	if r := g.asUser(root, "", "remove", "eve", "--yes").well(t); r.out != "removed eve\n" {
		t.Errorf("%q", r.out)
	}
	if r := g.asUser(root, "", "show", "eve"); r.code != exitFailed || !strings.Contains(r.err, "404") {
		t.Errorf("after he was removed: exit %d %s", r.code, r.err)
	}
}

// TestCLIPasswordsFollowEachOther: without a terminal the own password comes
// first on standard input, and then the new one.
func TestCLIPasswordsFollowEachOther(t *testing.T) {
	f := startFake(t, 200, shownUser)
	cli(t, nil, "my own\r\nthe new one\r\nmore", "user", "set-password", "eve", "--server", f.URL, "--user", "boss").well(t)
	a := f.one()
	if a.body != `{"password":"the new one"}` || a.header.Get("Authorization") != "Basic Ym9zczpteSBvd24=" {
		t.Errorf("%s %v", a.body, a.header)
	}
}
