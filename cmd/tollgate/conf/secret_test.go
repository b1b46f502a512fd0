package conf_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/conf"
)

// canary is the value of every secret below; it may be in no message.
const canary = "CANARYhunter2"

// files is a ReadFile over a map.
func files(content map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := content[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func TestSecretsComeFromKeysFilesAndVariables(t *testing.T) {
	t.Parallel()
	read := files(map[string]string{"/a": "one\n", "/b": "two\r\n", "/c": "three\n\n", "/d": " four"})
	master := func(g gateway) string { return g.Master.Reveal() }
	rows := []struct {
		name, file string
		environ    []string
		of         func(gateway) string
		want       string
	}{
		{"a key", "master: m\n", nil, master, "m"},
		{"digits as written", "master: 007\n", nil, master, "007"},
		{"a file, one newline off", "master_file: /a\n", nil, master, "one"},
		{"a file from Windows", "master_file: /b\n", nil, master, "two"},
		{"only one newline is taken off", "master_file: /c\n", nil, master, "three\n"},
		{"spaces stay", "master_file: /d\n", nil, master, " four"},
		{"an empty key beside a file", "master: ''\nmaster_file: /a\n", nil, master, "one"},
		{"an empty key behind a file", "master_file: /a\nmaster:\n", nil, master, "one"},
		{"an empty file name beside a key", "master: m\nmaster_file: ''\n", nil, master, "m"},
		{"a variable", "", []string{"TOLLGATE_MASTER=v"}, master, "v"},
		{"a variable over a key", "master: m\n", []string{"TOLLGATE_MASTER=v"}, master, "v"},
		{"a variable over a file", "master_file: /missing\n", []string{"TOLLGATE_MASTER=v"}, master, "v"},
		{"a variable with a file over a key", "master: m\n", []string{"TOLLGATE_MASTER_FILE=/a"}, master, "one"},
		{"a variable with a file over a file", "master_file: /missing\n", []string{"TOLLGATE_MASTER_FILE=/a"}, master, "one"},
		{"an empty variable beside one with a file", "", []string{"TOLLGATE_MASTER=", "TOLLGATE_MASTER_FILE=/a"}, master, "one"},
		{"an empty variable with a file", "", []string{"TOLLGATE_MASTER=v", "TOLLGATE_MASTER_FILE="}, master, "v"},
		{"a file in a list entry", "users:\n  - name: a\n  - {password_hash_file: /a}\n", nil,
			func(g gateway) string { return g.Users[1].PasswordHash.Reveal() }, "one"},
		{"a file behind pointers", "upstreams: [{s3: {secret_key_file: /a}}]\n", nil,
			func(g gateway) string { return g.Upstreams[0].S3.SecretKey.Reveal() }, "one"},
		{"a file in a map entry", "zones: {n: {key_file: /a}}\n", nil,
			func(g gateway) string { return fmt.Sprint(g.Zones["n"].Key.Reveal(), g.Zones["n"].Rate) }, "one10"},
		{"a map of secrets", "codes: {n: x}\n", nil, func(g gateway) string { return g.Codes["n"].Reveal() }, "x"},
		{"a variable below a pointer", "", []string{"TOLLGATE_STORE_ETCD_PASSWORD_FILE=/a"},
			func(g gateway) string { return g.Store.Etcd.Password.Reveal() }, "one"},
		{"a file inside a variable", "", []string{"TOLLGATE_STORE_ETCD={password_file: /a}"},
			func(g gateway) string { return g.Store.Etcd.Password.Reveal() }, "one"},
		{"a variable inside replaces a file", "store: {etcd: {password_file: /missing}}\n", []string{"TOLLGATE_STORE_ETCD={password: v}"},
			func(g gateway) string { return g.Store.Etcd.Password.Reveal() }, "v"},
		{"the list of a variable replaces files", "users: [{password_hash_file: /missing}]\n", []string{"TOLLGATE_USERS=[{name: a}]"},
			func(g gateway) string { return g.Users[0].PasswordHash.Reveal() }, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			src := from(row.file, row.environ...)
			src.ReadFile = read
			if got := row.of(load(t, src)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestFaultsOfSecretFiles(t *testing.T) {
	t.Parallel()
	read := files(map[string]string{"/empty": "", "/newline": "\n", "/a": canary})
	rows := []struct {
		name, file string
		environ    []string
		want       []string
	}{
		{"missing", "listen: x\nmaster_file: /none\n", nil,
			[]string{"config.yaml:2: master_file: cannot read /none: file does not exist"}},
		{"empty", "master_file: /empty\n", nil,
			[]string{"config.yaml:1: master_file: the file /empty is empty"}},
		{"a newline and no more", "users: [{password_hash_file: /newline}]\n", nil,
			[]string{"config.yaml:1: users[0].password_hash_file: the file /newline is empty"}},
		{"a list for a file", "master_file: [/a]\n", nil,
			[]string{"config.yaml:1: master_file: expected text, got a list"}},
		{"both", "master: " + canary + "\nmaster_file: /a\n", nil,
			[]string{"config.yaml:2: master_file: given beside master; give one of the two"}},
		{"both in a list entry", "users:\n  - password_hash_file: /a\n    password_hash: " + canary + "\n", nil,
			[]string{"config.yaml:2: users[0].password_hash_file: given beside password_hash; give one of the two"}},
		{"both as variables", "", []string{"TOLLGATE_MASTER=" + canary, "TOLLGATE_MASTER_FILE=/a"},
			[]string{"environment TOLLGATE_MASTER_FILE: master_file: given beside TOLLGATE_MASTER; give one of the two"}},
		{"a variable with a missing file", "", []string{"TOLLGATE_MASTER_FILE=/none"},
			[]string{"environment TOLLGATE_MASTER_FILE: master_file: cannot read /none: file does not exist"}},
		{"a map of secrets has no files", "codes: {n: x}\ncodes_file: /a\n", nil,
			[]string{"config.yaml:2: codes_file: unknown key"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			src := from(row.file, row.environ...)
			src.ReadFile = read
			wantLines(t, faultsOf(src), row.want)
		})
	}
}

func TestOwnFieldNamedLikeTheFileOfASecretIsOrdinary(t *testing.T) {
	t.Parallel()
	var cfg struct {
		Key     conf.Fault `yaml:"-"`
		Secret  user       `yaml:",inline"`
		Hash    string     `yaml:"password_hash_file"`
		Another string     `yaml:"another"`
	}
	src := conf.Source{
		File: "f", Data: []byte("password_hash: h\npassword_hash_file: /none\n"),
		Prefix: "P_", Environ: []string{"P_PASSWORD_HASH=i", "P_PASSWORD_HASH_FILE=/other"},
	}
	if _, faults := conf.Decode(&cfg, src); faults != nil {
		t.Fatal(faults)
	}
	if cfg.Secret.PasswordHash.Reveal() != "i" || cfg.Hash != "/other" {
		t.Errorf("got %q and %q, want both as the variables say", cfg.Secret.PasswordHash.Reveal(), cfg.Hash)
	}
}

func TestRealFilesOfSecretsAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	for name, content := range map[string][]byte{small: []byte("s3cret\n"), large: bytes.Repeat([]byte("x"), 1<<20+1)} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src := from("master_file: " + small + "\n")
	src.ReadFile = nil
	if got := load(t, src).Master.Reveal(); got != "s3cret" {
		t.Errorf("got %q, want the content less the newline", got)
	}
	for name, want := range map[string]string{
		large:                        "larger than 1048576 bytes",
		dir:                          "is a directory",
		filepath.Join(dir, "absent"): "no such file or directory",
	} {
		src.Data = []byte("master_file: " + name + "\n")
		got := faultsOf(src)
		if len(got) != 1 || !strings.Contains(got[0], "cannot read ") || !strings.HasSuffix(got[0], want) {
			t.Errorf("%s: got %q, want one that ends %q", name, got, want)
		}
	}
}

// Each row is a slip of the pen around a secret. Whatever is said about it, it
// may not show the secret.
func TestSecretsAreInNoFault(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, file string
		environ    []string
	}{
		{"a list", "master: [" + canary + "]\n", nil},
		{"a mapping", "master: {" + canary + ": x}\n", nil},
		{"a mapping by a colon", "master:\n  " + canary + ": x\n", nil},
		{"a tag", "master: !!binary " + canary + "\n", nil},
		{"a tag of its own", "master: !" + canary + " x\n", nil},
		{"an alias by a star", "master: *" + canary + "\n", nil},
		{"an anchor by an ampersand", "master: &" + canary + "\n- x\n", nil},
		{"an open quote", "master: \"" + canary + "\nlisten: b\n", nil},
		{"an open single quote", "master: '" + canary + "\n", nil},
		{"a colon in it", "master: " + canary + ": x\n", nil},
		{"a percent sign", "%" + canary + "\nmaster: x\n", nil},
		{"a backslash", "master: \"" + canary + "\\q\"\n", nil},
		{"a backtick", "master: `" + canary + "`\n", nil},
		{"no space after the colon", "master:" + canary + "\n", nil},
		{"no space after the colon, in flow", "{master:" + canary + "}\n", nil},
		{"no colon, in flow", "{master " + canary + "}\n", nil},
		{"a comma for a colon, in flow", "users: [{name: a, password_hash, " + canary + "}]\n", nil},
		{"a comma for a colon, in a map", "codes: {a, " + canary + "}\n", nil},
		{"a new line for a colon", "store:\n  etcd:\n    password\n    " + canary + "\n", nil},
		{"text for the struct around it", "store: {etcd: " + canary + "}\n", nil},
		{"text for the list around it", "users: " + canary + "\n", nil},
		{"text for the map around it", "codes: " + canary + "\n", nil},
		{"the whole file", canary + "\n", nil},
		{"twice", "master: " + canary + "\nmaster: " + canary + "2\n", nil},
		{"shared with a duration", "master: &m " + canary + "\ntimeout: *m\n", nil},
		{"shared by a duration", "timeout: &m " + canary + "\nmaster: *m\n", nil},
		{"shared with a type of its own", "master: &m " + canary + "\nmode: *m\n", nil},
		{"shared with a number", "master: &m \"" + canary + "\"\nworkers: *m\n", nil},
		{"as a key by an alias", "master: &m " + canary + "\n*m : x\n", nil},
		{"a variable that is no UTF-8", "", []string{"TOLLGATE_MASTER=" + canary + "\xff"}},
		{"a variable for the struct around it", "", []string{"TOLLGATE_STORE_ETCD=" + canary}},
		{"a variable for the list around it", "", []string{"TOLLGATE_USERS=john:" + canary}},
		{"a variable for the map around it", "", []string{"TOLLGATE_CODES=" + canary}},
		{"a variable with broken YAML", "", []string{"TOLLGATE_USERS=[{password_hash: *" + canary + "}]"}},
		{"a variable with a list", "", []string{"TOLLGATE_USERS=[{password_hash: [" + canary + "]}]"}},
		{"a variable without a space after the colon", "", []string{"TOLLGATE_STORE_ETCD={password:" + canary + "}"}},
		{"both as variables", "", []string{"TOLLGATE_MASTER=" + canary, "TOLLGATE_MASTER_FILE=/x"}},
		{"an unknown variable", "", []string{"TOLLGATE_MASTRE=" + canary}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := faultsOf(from(row.file, row.environ...))
			if len(got) == 0 {
				t.Fatal("no fault; the row tests nothing")
			}
			if all := strings.Join(got, "\n"); strings.Contains(strings.ToLower(all), strings.ToLower(canary)) {
				t.Errorf("the secret is shown:\n%s", all)
			}
		})
	}
}
