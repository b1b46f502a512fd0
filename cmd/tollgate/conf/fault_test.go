package conf_test

import (
	"errors"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/conf"
)

// faultRow is a file, lines joined by newlines, and all that is wrong with it.
type faultRow struct {
	name string
	file string
	want []string
}

func runFaultRows(t *testing.T, rows []faultRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			wantLines(t, faultsOf(from(row.file)), row.want)
		})
	}
}

func TestUnknownKeysAreFaultsWithASuggestion(t *testing.T) {
	t.Parallel()
	runFaultRows(t, []faultRow{
		{"a letter dropped", "lisen: x\n",
			[]string{`config.yaml:1: lisen: unknown key (did you mean "listen"?)`}},
		{"letters swapped below", "tokens:\n  default_tll: 1h\n",
			[]string{`config.yaml:2: tokens.default_tll: unknown key (did you mean "default_ttl"?)`}},
		{"dashes for underscores", "fast-lane: true\n",
			[]string{`config.yaml:1: fast-lane: unknown key (did you mean "fast_lane"?)`}},
		{"camel case", "tokens: {defaultTTL: 1h}\n",
			[]string{`config.yaml:1: tokens.defaultTTL: unknown key (did you mean "default_ttl"?)`}},
		{"upper case", "LISTEN: x\n",
			[]string{`config.yaml:1: LISTEN: unknown key (did you mean "listen"?)`}},
		{"in a list entry", "users:\n  - name: a\n  - nmae: b\n",
			[]string{`config.yaml:3: users[1].nmae: unknown key (did you mean "name"?)`}},
		{"in a map entry", "zones:\n  north:\n    rat: 1\n",
			[]string{`config.yaml:3: zones.north.rat: unknown key (did you mean "rate"?)`}},
		{"behind a pointer", "store:\n  etcd:\n    prefixes: /x\n",
			[]string{`config.yaml:3: store.etcd.prefixes: unknown key (did you mean "prefix"?)`}},
		{"of an inline struct", "data_dri: x\n",
			[]string{`config.yaml:1: data_dri: unknown key (did you mean "data_dir"?)`}},
		{"the file form of a secret", "users: [{password_hash_fil: x}]\n",
			[]string{`config.yaml:1: users[0].password_hash_fil: unknown key (did you mean "password_hash_file"?)`}},
		{"no file form for what is no secret", "listen_file: x\n",
			[]string{`config.yaml:1: listen_file: unknown key`}},
		{"a key of another level", "max_staleness: 1s\n",
			[]string{`config.yaml:1: max_staleness: unknown key (did you mean "store.max_staleness"?)`}},
		{"a key of several other levels is not guessed", "identity_nothing: 1s\nname: x\n",
			[]string{`config.yaml:1: identity_nothing: unknown key`, `config.yaml:2: name: unknown key`}},
		{"nothing near", "tokens:\n  colour_of_the_sky: blue\n",
			[]string{`config.yaml:2: tokens.colour_of_the_sky: unknown key`}},
		{"a field that is left out of the configuration", "skip: x\nhidden: x\n",
			[]string{`config.yaml:1: skip: unknown key`, `config.yaml:2: hidden: unknown key`}},
		{"a number as key", "1: x\n",
			[]string{`config.yaml:1: 1: unknown key`}},
		{"control characters are not printed", `"a\e[2Jb": 1` + "\n",
			[]string{`config.yaml:1: a…: unknown key`}},
		{"what is inside is not looked at", "nowhere:\n  users: 1\n  timeout: []\n",
			[]string{`config.yaml:1: nowhere: unknown key`}},
	})
}

func TestWrongTypesAreFaultsAtTheirKey(t *testing.T) {
	t.Parallel()
	runFaultRows(t, []faultRow{
		{"a list for a duration", "listen: x\ntokens:\n  default_ttl:\n    - 1h\n",
			[]string{`config.yaml:3: tokens.default_ttl: expected a duration like 30s, got a list`}},
		{"words for a duration", "timeout: soon\n",
			[]string{`config.yaml:1: timeout: expected a duration like 30s, got "soon"`}},
		{"a duration without a unit", "timeout: 30\n",
			[]string{`config.yaml:1: timeout: expected a duration like 30s, got 30 without a unit`}},
		{"an empty text for a duration", "timeout: ''\n",
			[]string{`config.yaml:1: timeout: expected a duration like 30s, got ""`}},
		{"a quoted duration without a unit", "timeout: '30'\n",
			[]string{`config.yaml:1: timeout: expected a duration like 30s, got 30 without a unit`}},
		{"a duration in base 60", "timeout: 1:30\n",
			[]string{`config.yaml:1: timeout: expected a duration like 30s, got "1:30"`}},
		{"a list for text", "listen: [a]\n",
			[]string{`config.yaml:1: listen: expected text, got a list`}},
		{"a mapping for text", "listen: {a: b}\n",
			[]string{`config.yaml:1: listen: expected text, got a mapping`}},
		{"yes for true", "fast_lane: yes\n",
			[]string{`config.yaml:1: fast_lane: expected true or false, got "yes"`}},
		{"a number for true", "fast_lane: 1\n",
			[]string{`config.yaml:1: fast_lane: expected true or false, got "1"`}},
		{"quotes make text of true", "fast_lane: \"true\"\n",
			[]string{`config.yaml:1: fast_lane: expected true or false, got text "true"`}},
		{"quotes make text of a number", "workers: '3'\n",
			[]string{`config.yaml:1: workers: expected a whole number, got text "3"`}},
		{"a fraction for a whole number", "workers: 1.5\n",
			[]string{`config.yaml:1: workers: expected a whole number, got "1.5"`}},
		{"too large", "workers: 128\n",
			[]string{`config.yaml:1: workers: expected a whole number from -128 to 127, got "128"`}},
		{"below zero", "limit: -1\n",
			[]string{`config.yaml:1: limit: expected a whole number from 0 to 65535, got "-1"`}},
		{"beyond 64 bits", "offset: 9223372036854775808\n",
			[]string{`config.yaml:1: offset: expected a whole number from -9223372036854775808 to 9223372036854775807, got "9223372036854775808"`}},
		{"hexadecimal", "limit: 0x10\n",
			[]string{`config.yaml:1: limit: expected a whole number from 0 to 65535, got "0x10"`}},
		{"a leading zero, which some read as octal", "workers: 010\n",
			[]string{`config.yaml:1: workers: expected a whole number, got "010"`}},
		{"not a number", "ratio: .nan\n",
			[]string{`config.yaml:1: ratio: expected a number, got ".nan"`}},
		{"infinite", "ratio: .inf\n",
			[]string{`config.yaml:1: ratio: expected a number, got ".inf"`}},
		{"not a number, in Go's words", "ratio: nan\n",
			[]string{`config.yaml:1: ratio: expected a number, got "nan"`}},
		{"infinite, in Go's words", "ratio: -Infinity\n",
			[]string{`config.yaml:1: ratio: expected a number, got "-Infinity"`}},
		{"a fraction in hexadecimal", "ratio: 0x1p-2\n",
			[]string{`config.yaml:1: ratio: expected a number, got "0x1p-2"`}},
		{"too large a fraction", "ratio: 1e400\n",
			[]string{`config.yaml:1: ratio: expected a number, got "1e400"`}},
		{"what a type of its own refuses", "mode: maybe\n",
			[]string{`config.yaml:1: mode: mode is deny or allow, not maybe`}},
		{"a list for a type of its own", "network: []\n",
			[]string{`config.yaml:1: network: expected text, got a list`}},
		{"text for a list", "methods: GET\n",
			[]string{`config.yaml:1: methods: expected a list, got text; a list is written [a, b]`}},
		{"a mapping for a list", "users:\n  name: a\n",
			[]string{`config.yaml:1: users: expected a list, got a mapping`}},
		{"a list for a struct", "tokens: []\n",
			[]string{`config.yaml:1: tokens: expected a mapping, got a list`}},
		{"a number for a struct", "tokens: 5\n",
			[]string{`config.yaml:1: tokens: expected a mapping, got a number`}},
		{"a truth for a map", "labels: true\n",
			[]string{`config.yaml:1: labels: expected a mapping, got true or false`}},
		{"inside a list", "ports: [1, two, 3]\n",
			[]string{`config.yaml:1: ports[1]: expected a whole number, got "two"`}},
		{"a list as the whole file", "\n- a\n",
			[]string{`config.yaml:2: expected a mapping, got a list`}},
		{"text as the whole file", "hello\n",
			[]string{`config.yaml:1: expected a mapping, got text`}},
		{"an empty list entry", "users:\n  - name: a\n  -\n",
			[]string{`config.yaml:3: users[1]: the entry is empty`}},
		{"an empty map entry", "labels: {a: b, c: }\n",
			[]string{`config.yaml:1: labels.c: the entry is empty`}},
		{"long values are cut", "timeout: " + strings.Repeat("x", 100) + "\n",
			[]string{`config.yaml:1: timeout: expected a duration like 30s, got "` + strings.Repeat("x", 60) + `…"`}},
	})
}

func TestWhatYAMLAllowsAndWeDoNotIsAFault(t *testing.T) {
	t.Parallel()
	runFaultRows(t, []faultRow{
		{"a key twice", "listen: a\nfast_lane: true\nlisten: b\n",
			[]string{`config.yaml:3: listen: given twice, first in line 1`}},
		{"a key twice, quoted once", "tokens:\n  format: a\n  'format': b\n",
			[]string{`config.yaml:3: tokens.format: given twice, first in line 2`}},
		{"a map key twice", "labels: {a: 1, a: 2}\n",
			[]string{`config.yaml:1: labels.a: given twice, first in line 1`}},
		{"two documents", "listen: a\n---\nlisten: b\n",
			[]string{`config.yaml:2: a second YAML document begins here; there may be only one`}},
		{"an empty second document", "listen: a\n---\n",
			[]string{`config.yaml:2: a second YAML document begins here; there may be only one`}},
		{"merge keys", "tokens: &t\n  format: hex\nstore:\n  <<: *t\n",
			[]string{`config.yaml:4: store: merge keys (<<) are not supported; write the keys out`}},
		{"a list as key", "? [a]\n: b\n",
			[]string{`config.yaml:1: a key must be plain text`}},
		{"an alias as key", "listen: &a x\n*a : b\n",
			[]string{`config.yaml:2: a key must be plain text`}},
		{"no key", "tokens: {~: b}\n",
			[]string{`config.yaml:1: tokens: a key is missing before the colon`}},
		{"binary", "listen: !!binary aGk=\n",
			[]string{`config.yaml:1: listen: YAML tags are not supported`}},
		{"a tag of one's own", "tokens: !thing\n  format: x\n",
			[]string{`config.yaml:1: tokens: YAML tags are not supported`}},
		{"a tag that makes a number of text", "workers: !!int '3'\n",
			[]string{`config.yaml:1: workers: YAML tags are not supported`}},
	})
}

func TestSyntaxErrorIsOneFaultWithItsLine(t *testing.T) {
	t.Parallel()
	const words = "not valid YAML: "
	rows := []struct {
		name, file, want string
	}{
		{"a tab on the first level", "listen: a\n\tfast_lane: true\n", "config.yaml:2: " + words + "a tab"},
		{"a tab below", "tokens:\n\tformat: x\n", "config.yaml:2: " + words + "a tab"},
		{"too far left in a mapping", "tokens:\n    format: x\n    max_ttl: 1h\n  default_ttl: 2h\nlisten: a\n",
			"config.yaml:4: " + words + "the indentation"},
		{"too far right", "listen: a\nworkers: 3\n  limit: 4\n", "config.yaml:3: " + words + "a key is not possible"},
		{"a colon in plain text", "listen: a\nbare: b: c\n", "config.yaml:2: " + words + "a key is not possible"},
		{"a list not closed", "listen: a\nmethods: [GET, HEAD\nbare: x\n", "config.yaml:2: " + words + "a list in [ ]"},
		{"a mapping not closed", "listen: a\ntokens: {format: hex\n", "config.yaml:2: " + words + "a mapping in { }"},
		{"a quote not closed", "listen: a\nbare: \"x\nmode: deny\n", "config.yaml:2: " + words + "a quote"},
		{"a quote not closed in the first line", "bare: \"x\nmode: deny\n", "config.yaml:1: " + words + "a quote"},
		{"a key without colon", "listen: a\nfast_lane\nbare: x\n", "config.yaml:2: " + words + "a colon is missing"},
		{"an unknown escape", "listen: a\nbare: \"\\d\"\n", "config.yaml:2: " + words + "an unknown escape"},
		{"an alias of nothing", "listen: a\nmethods:\n  - *\n  - b\n", "config.yaml:3: not valid YAML"},
		{"an anchor that is missing", "listen: a\nmethods:\n  - *that\n  - b\n", "config.yaml:3: " + words + "an alias"},
		{"a character kept for later", "listen: a\nbare: @x\n", "config.yaml:2: " + words + "a tab, or a character"},
		{"a list entry in a mapping", "tokens:\n  format: hex\n  - x\n", "config.yaml:3: " + words},
		{"a control character", "listen: a\nbare: x\x00\n", "config.yaml:2: a control character (U+0000)"},
		{"not UTF-8", "listen: a\n# \xff\n", "config.yaml:2: not UTF-8 text"},
		{"UTF-16", "\xff\xfel\x00i\x00", "config.yaml:1: not UTF-8 text"},
		{"deep inside a long file", strings.Repeat("# line\n", 5000) + "methods: [a\n" + strings.Repeat("# line\n", 5000),
			"config.yaml:5001: " + words + "a list in [ ]"},
		{"in a file too long to look twice", strings.Repeat("# line\n", 50000) + "bare: b: c\n", "config.yaml:50001: " + words + "a key is"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := faultsOf(from(row.file))
			if len(got) != 1 || !strings.HasPrefix(got[0], row.want) {
				t.Errorf("got %q, want one that begins %q", got, row.want)
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnceInOrder(t *testing.T) {
	t.Parallel()
	file := "workers: many\nlisten: []\ntokens:\n  max_ttl: x\n  formt: hex\nusers:\n  - {nam: a, tenants: b}\n  - 7\ntimeout: 1\n"
	got := faultsOf(from(file, "TOLLGATE_LIMIT=x", "TOLLGATE_NOTHING=1", "TOLLGATE_METHODS=GET"))
	wantLines(t, got, []string{
		`config.yaml:1: workers: expected a whole number, got "many"`,
		`config.yaml:2: listen: expected text, got a list`,
		`config.yaml:4: tokens.max_ttl: expected a duration like 30s, got "x"`,
		`config.yaml:5: tokens.formt: unknown key (did you mean "format"?)`,
		`config.yaml:7: users[0].nam: unknown key (did you mean "name"?)`,
		`config.yaml:7: users[0].tenants: expected a list, got text; a list is written [a, b]`,
		`config.yaml:8: users[1]: expected a mapping, got a number`,
		`config.yaml:9: timeout: expected a duration like 30s, got 1 without a unit`,
		`environment TOLLGATE_LIMIT: limit: expected a whole number from 0 to 65535, got "x"`,
		`environment TOLLGATE_METHODS: methods: expected a list, got text; a list is written [a, b]`,
		`environment TOLLGATE_NOTHING: unknown variable`,
	})
}

func TestKeyWithAFaultKeepsItsValueAndTheOthersAreSet(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	_, faults := conf.Decode(&cfg, from("timeout: soon\nworkers: 1000\nmode: maybe\nbare: set\nmethods: 5\n"))
	if len(faults) != 4 {
		t.Fatalf("got faults %v, want 4", faults)
	}
	if cfg.Timeout != defaults().Timeout || cfg.Workers != 4 || cfg.Mode != "" || len(cfg.Methods) != 2 {
		t.Errorf("a key with a fault was changed: %+v", cfg)
	}
	if cfg.Bare != "set" {
		t.Errorf("bare = %q, want the value written", cfg.Bare)
	}
}

func TestFaultStringLeavesOutWhatIsUnknown(t *testing.T) {
	t.Parallel()
	rows := []struct {
		fault conf.Fault
		want  string
	}{
		{conf.Fault{}, ""},
		{conf.Fault{Message: "bad"}, "bad"},
		{conf.Fault{Path: "a.b", Message: "bad"}, "a.b: bad"},
		{conf.Fault{Line: 3, Message: "bad"}, "bad"},
		{conf.Fault{File: "f", Message: "bad"}, "f: bad"},
		{conf.Fault{File: "f", Line: 3, Path: "a", Message: "bad", Suggestion: `x"y`}, `f:3: a: bad (did you mean "x\"y"?)`},
		{conf.Fault{File: "f\n", Message: "b\x1b[0md"}, "f\uFFFD: b\uFFFD[0md"},
	}
	for _, row := range rows {
		if got := row.fault.String(); got != row.want {
			t.Errorf("%#v: got %q, want %q", row.fault, got, row.want)
		}
	}
}

func TestFaultsAreAnErrorOnlyWhenThereAreSome(t *testing.T) {
	t.Parallel()
	if err := (conf.Faults)(nil).Err(); err != nil {
		t.Errorf("no faults: got %v, want nil", err)
	}
	faults := conf.Faults{{File: "f", Line: 2, Message: "b"}, {File: "f", Line: 1, Message: "a"}}
	faults.Sort()
	var got conf.Faults
	if !errors.As(faults.Err(), &got) || got.Error() != "f:1: a\nf:2: b" {
		t.Errorf("got %q, want both lines in order", got)
	}
}
