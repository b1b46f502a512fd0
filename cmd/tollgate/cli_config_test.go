package main

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/conf"
)

// file writes a file for a test and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tollgate.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCLIConfigCheck(t *testing.T) {
	for _, row := range []struct {
		name, config string
		environ      []string
		code         int
		faults       []string // beginnings of lines, FILE for the file
	}{
		{"Empty", "", nil, 0, nil},
		{"Good", "listen: 127.0.0.1:9090\ntokens: {default_ttl: 1h}\n", nil, 0, nil},
		{"MaxTTLBelowDefault", "tokens: {max_ttl: 1h}\n", nil, 0, nil},
		{"UnknownKey", "listen: 127.0.0.1:9090\ntokens:\n  default_tll: 1h\n", nil, 78, []string{`FILE:3: tokens.default_tll: unknown key (did you mean "default_ttl"?)`}},
		{"UnknownTop", "listn: x\n", nil, 78, []string{`FILE:1: listn: unknown key (did you mean "listen"?)`}},
		{"Several", "listen: nowhere\nlistn: x\ntokens:\n  default_ttl: soon\n  cookie: {secure: maybe, same_site: odd}\nusers:\n  - {name: john, password_hash: secret-" + unknownValue + "}\n  - {name: john, tenants: [none]}\napis: [content_gatway]\n", nil, 78, []string{
			"FILE:1: listen: ", "FILE:2: listn: unknown key (did you mean", "FILE:4: tokens.default_ttl: ", "FILE:5: tokens.cookie.same_site: ",
			"FILE:5: tokens.cookie.secure: ", "FILE:7: users[0].password_hash: ", "FILE:8: users[1].name: ", "FILE:8: users[1].tenants[0]: ", "FILE:9: apis[0]: ",
		}},
		{"Overlap", "tenants:\n  - {name: a, domains: [x.test]}\n  - {name: b, domains: [X.TEST]}\n", nil, 78, []string{"FILE:3: tenants[1].domains[0]: "}},
		{"NotYAML", "listen: [\n", nil, 78, []string{"FILE:"}},
		{"WrongType", "listen: [a]\n", nil, 78, []string{"FILE:1: listen: "}},
		{"Twice", "listen: a:1\nlisten: b:1\n", nil, 78, []string{"FILE:2: listen: "}},
		{"Environment", "", []string{"TOLLGATE_LISTN=x", "TOLLGATE_TOKENS_DEFAULT_TTL=soon"}, 78, []string{
			`environment TOLLGATE_LISTN: unknown variable (did you mean "TOLLGATE_LISTEN"?)`, "environment TOLLGATE_TOKENS_DEFAULT_TTL: tokens.default_ttl: ",
		}},
		{"EnvironmentMends", "listen: nowhere\n", []string{"TOLLGATE_LISTEN=127.0.0.1:1"}, 0, nil},
		{"ClientVariablesAreNone", "", []string{"TOLLGATE_TOKEN=x", "TOLLGATE_USER=x", "TOLLGATE_PASSWORD=x", "TOLLGATE_SERVER=x"}, 0, nil},
		{"NoSecretFile", "keys_file: /nonexistent\nusers: [{name: john, password_hash_file: /nonexistent/hash}]\n", nil, 78, []string{"FILE:2: users[0].password_hash_file: cannot read"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			name := file(t, row.config)
			r := cli(t, row.environ, "", "config", "check", "--config", name)
			if r.code != row.code {
				t.Errorf("exit %d, want %d\n%s%s", r.code, row.code, r.out, r.err)
			}
			if row.code == 0 {
				if r.err != "" || r.out == "" {
					t.Errorf("%q %q", r.out, r.err)
				}
				return
			}
			lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
			if len(lines) != len(row.faults) || r.err != "" {
				t.Errorf("%d faults, want %d:\n%s%s", len(lines), len(row.faults), r.out, r.err)
			}
			for _, want := range row.faults {
				want = strings.Replace(want, "FILE", name, 1)
				found := 0
				for _, line := range lines {
					if strings.HasPrefix(line, want) {
						found++
					}
				}
				if found != 1 {
					t.Errorf("%d lines %q in\n%s", found, want, r.out)
				}
			}
			if strings.Contains(r.out+r.err, unknownValue) {
				t.Errorf("the faults hold a secret:\n%s", r.out)
			}
		})
	}
	if r := cli(t, nil, "", "config", "check", "--config", filepath.Join(t.TempDir(), "none.yaml")); r.code != exitConfig || !strings.Contains(r.out, "none.yaml") {
		t.Errorf("a file that is not there: exit %d %s%s", r.code, r.out, r.err)
	}
	t.Run("DefaultFile", func(t *testing.T) {
		t.Chdir(t.TempDir())
		cli(t, nil, "", "config", "check").well(t)
		if err := os.WriteFile("config.yaml", []byte("listn: x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := cli(t, nil, "", "config", "check"); r.code != exitConfig || !strings.HasPrefix(r.out, "config.yaml:1: listn: ") {
			t.Errorf("exit %d %s%s", r.code, r.out, r.err)
		}
	})
}

func TestCLIConfigPrint(t *testing.T) {
	hash := hashes()[john]
	key := "q83vEjRWeJq83vEjRWeJq7zd3u8AESIzRFVmd4iZqrs="
	config := "keys: " + key + "\nlisten: 127.0.0.1:9090\ntenants:\n  - {name: one, domains: [one.test, '*.one.test']}\nusers:\n  - {name: john, password_hash: '" + hash + "', tenants: [one]}\n" +
		"upstreams:\n  - {name: storage, urls: [http://127.0.0.1:9000]}\ntokens: {max_ttl: 36h}\n"
	printed := cli(t, nil, "", "config", "print", "--config", file(t, config)).well(t).out
	for _, secret := range []string{hash, key} {
		if strings.Contains(printed, secret) {
			t.Errorf("prints a secret:\n%s", printed)
		}
	}
	for _, want := range []string{"listen: 127.0.0.1:9090", "***", "max_ttl: 36h", "- name: john", "default_ttl: 24h", "data_dir: ./data"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	decode := func(text string) Config {
		c := Default()
		_, faults := conf.Decode(&c, conf.Source{File: "x", Data: []byte(text)})
		if err := faults.Err(); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		return c
	}
	was, again := decode(config), decode(printed)
	if again.Keys != "***" || again.Accounts.Users[0].PasswordHash != "***" {
		t.Errorf("secrets came back as %q", []string{again.Keys.Reveal(), again.Accounts.Users[0].PasswordHash.Reveal()})
	}
	again.Keys, again.Accounts.Users[0].PasswordHash = was.Keys, was.Accounts.Users[0].PasswordHash
	for _, c := range []*Config{&was, &again} {
		emptyLists(reflect.ValueOf(c).Elem())
		emptyLists(reflect.ValueOf(&c.Accounts.Users[0]).Elem())
	}
	if !reflect.DeepEqual(was, again) {
		t.Errorf("printed and read again:\n%+v\nwant\n%+v", again, was)
	}
	defaults := cli(t, nil, "", "config", "print", "--config", file(t, "")).well(t).out
	if twice := cli(t, nil, "", "config", "print", "--config", file(t, defaults)).well(t).out; twice != defaults {
		t.Errorf("the defaults, printed and read again:\n%s\nwant\n%s", twice, defaults)
	}
	if r := cli(t, nil, "", "config", "print", "--config", file(t, "listn: x\n")); r.code != exitConfig || r.out != "" {
		t.Errorf("with a fault: exit %d\n%s", r.code, r.out)
	}
}

// TestCLIEnvironment: every key is a variable too, and comes before the file.
func TestCLIEnvironment(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("q83vEjRWeJq83vEjRWeJq7zd3u8AESIzRFVmd4iZqrs=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ variable, want string }{
		{"TOLLGATE_LISTEN=127.0.0.1:7777", "listen: 127.0.0.1:7777"},
		{"TOLLGATE_DATA_DIR=/elsewhere", "data_dir: /elsewhere"},
		{"TOLLGATE_FAST_LANE=false", "fast_lane: false"},
		{"TOLLGATE_SHUTDOWN_TIMEOUT=7s", "shutdown_timeout: 7s"},
		{"TOLLGATE_INTERNAL_LISTEN=127.0.0.1:7778", "  listen: 127.0.0.1:7778"},
		{"TOLLGATE_TOKENS_DEFAULT_TTL=7h", "  default_ttl: 7h"},
		{"TOLLGATE_TOKENS_MAX_PER_USER=7", "  max_per_user: 7"},
		{"TOLLGATE_TOKENS_COOKIE_NAME=gate", "    name: gate"},
		{"TOLLGATE_TOKENS_ADMINS=[a, b]", "  admins: [a, b]"},
		{"TOLLGATE_ADMIN_HOSTS=[x.test]", "admin_hosts: [x.test]"},
		{"TOLLGATE_TRUSTED_PROXIES=[10.0.0.0/8]", "trusted_proxies: [10.0.0.0/8]"},
		{"TOLLGATE_TENANTS=[{name: t, domains: [x.test]}]", "  - name: t"},
		{"TOLLGATE_USERS=[{name: maria}]", "  - name: maria"},
		{"TOLLGATE_STORE_MIN_FREE=7000000", "  min_free: 7000000"},
		{"TOLLGATE_KEYS_FILE=" + keys, "keys_file: " + keys},
	} {
		t.Run(row.variable, func(t *testing.T) {
			name := file(t, "listen: 127.0.0.1:1\ndata_dir: ./x\ntokens: {default_ttl: 1h, max_per_user: 1}\n")
			before := cli(t, nil, "", "config", "print", "--config", name).well(t).out
			after := cli(t, []string{row.variable}, "", "config", "print", "--config", name).well(t).out
			if strings.Contains("\n"+before, "\n"+row.want+"\n") || !strings.Contains("\n"+after, "\n"+row.want+"\n") {
				t.Errorf("no line %q in\n%s", row.want, after)
			}
		})
	}
}

func TestCLIHashPassword(t *testing.T) {
	b := startBackend(t)
	const password = " correct: horse  battery "
	hash := func(stdin string) string {
		r := cli(t, nil, stdin, "user", "hash-password").well(t)
		if strings.Count(r.out, "\n") != 1 || !strings.HasPrefix(r.out, "$") || strings.Contains(r.out, "horse") {
			t.Fatalf("prints %q", r.out)
		}
		return strings.TrimSuffix(r.out, "\n")
	}
	secret := filepath.Join(t.TempDir(), "hash")
	one, two := hash(password), hash(password+"\r\nsecond line\n") // few, since each takes its time
	if one == two {
		t.Error("two hashes of one password are equal")
	}
	if err := os.WriteFile(secret, []byte(one+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	users := "  - {name: user0, password_hash_file: " + secret + "}\n  - {name: user1, password_hash: '" + two + "'}\n"
	g := startWith(t, "listen: 127.0.0.1:0\ninternal: {listen: 127.0.0.1:0}\ndata_dir: DIR\nstore: {min_free: 1048576}\nupstreams: [{name: s, urls: ['"+b.URL+"']}]\nusers:\n"+users)
	for _, row := range []struct {
		user, password string
		code           int
	}{{"user0", password, exitOK}, {"user1", password, exitOK}, {"user1", strings.TrimSpace(password), exitFailed}} {
		r := cli(t, []string{"TOLLGATE_PASSWORD=" + row.password}, "", "token", "create", "--server", g.url, "--user", row.user)
		if r.code != row.code {
			t.Errorf("%s with %q: exit %d, want %d %s", row.user, row.password, r.code, row.code, r.err)
		}
	}
	for _, stdin := range []string{"", "\n", "\r\n"} {
		if r := cli(t, nil, stdin, "user", "hash-password"); r.code != exitUsage || r.out != "" {
			t.Errorf("%q: exit %d, prints %q", stdin, r.code, r.out)
		}
	}
}

func TestCLIVersionAndHelp(t *testing.T) {
	r := cli(t, nil, "", "version").well(t)
	if !strings.HasPrefix(r.out, "tollgate ") || !strings.Contains(r.out, "commit ") || !strings.Contains(r.out, runtime.Version()) {
		t.Errorf("%q", r.out)
	}
	for _, args := range [][]string{{"--help"}, {"token", "--help"}, {"token", "create", "--help"}} {
		if r := cli(t, nil, "", args...); r.code != exitOK || !strings.Contains(r.out, "Usage: tollgate") {
			t.Errorf("%v: exit %d\n%s%s", args, r.code, r.out, r.err)
		}
	}
}
