package conf_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tollgate/cmd/tollgate/conf"
)

func TestOversizedInputsAreRefused(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", conf.MaxFileSize+1)
	rows := []struct {
		name, file string
		environ    []string
		want       string
	}{
		{"a large file", "#" + large, nil, "config.yaml: the file is larger than 4 MiB"},
		{"a large variable", "", []string{"TOLLGATE_METHODS=" + large},
			"environment TOLLGATE_METHODS: methods: the value is larger than 4 MiB"},
		{"a long list", "ports: [" + strings.Repeat("1,", 100_001) + "]", nil,
			"config.yaml:1: ports: more than 100000 entries"},
		{"a large map", "labels: {" + numbered(100_001) + "}", nil,
			"config.yaml:1: labels: more than 100000 entries"},
		{"deep nesting of flow", "listen: " + strings.Repeat("[", 20_000), nil,
			"config.yaml:1: not valid YAML: nested too deeply"},
		{"deep nesting of blocks", strings.Repeat("- ", 20_000), nil,
			"config.yaml:1: not valid YAML: nested too deeply"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			wantLines(t, faultsOf(from(row.file, row.environ...)), []string{row.want})
		})
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1, ", i)
	}
	return b.String()
}

func TestFileOfExactlyTheLimitIsRead(t *testing.T) {
	t.Parallel()
	head := "listen: x\n#"
	if got := load(t, from(head+strings.Repeat("x", conf.MaxFileSize-len(head)))); got.Listen != "x" {
		t.Errorf("listen = %q, want x", got.Listen)
	}
}

// https://en.wikipedia.org/wiki/Billion_laughs_attack
func TestAliasesThatMultiplyAreRefused(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("name: root\nleaves:\n  - &a0 {name: lol}\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "  - &a%d {leaves: [%s]}\n", i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	var cfg tree
	_, faults := conf.Decode(&cfg, conf.Source{File: "f", Data: []byte(b.String())})
	if len(faults) != 1 || faults[0].Message != "more than 10000 values come from aliases" {
		t.Errorf("got %v, want one fault about aliases", faults)
	}
}

func TestAliasInsideItselfIsRefused(t *testing.T) {
	t.Parallel()
	var cfg tree
	_, faults := conf.Decode(&cfg, conf.Source{File: "f", Data: []byte("name: x\nleft: &a\n  name: y\n  left: *a\n")})
	if len(faults) != 1 || faults[0].Message != "nested deeper than 64 levels" || faults[0].Line != 4 {
		t.Errorf("got %v, want one fault about nesting in line 4", faults)
	}
}

func TestNestingOfTypesInsideThemselvesIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(levels int) conf.Source {
		return conf.Source{Data: []byte(strings.Repeat("{left: ", levels) + "{}" + strings.Repeat("}", levels))}
	}
	if _, faults := conf.Decode(new(tree), nested(20)); faults != nil {
		t.Errorf("20 levels: got %v, want no fault", faults)
	}
	if _, faults := conf.Decode(new(tree), nested(100)); len(faults) != 1 {
		t.Errorf("100 levels: got %v, want one fault", faults)
	}
}

func TestNumberOfFaultsIsBounded(t *testing.T) {
	t.Parallel()
	got := faultsOf(from(strings.Repeat("x: 1\n", 1500)))
	if len(got) != 1001 || got[0] != "config.yaml: too many faults; the rest is not shown" {
		t.Errorf("got %d faults, the first %q; want 1000 and one that says there are more", len(got), got[0])
	}
	wantLines(t, faultsOf(from("ports: [a, a, a]")), []string{
		`config.yaml:1: ports[0]: expected a whole number, got "a"`,
		`config.yaml:1: ports[1]: expected a whole number, got "a"`,
		`config.yaml:1: ports[2]: expected a whole number, got "a"`,
	})
}

// The inputs are made to be slow. The test's own time limit is the verdict: a
// quadratic step would take hours.
func TestLargeHostileInputsComeToAnEnd(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("some seconds of parsing")
	}
	fill := func(unit string) string { return strings.Repeat(unit, (conf.MaxFileSize/16)/len(unit)) }
	for name, file := range map[string]string{
		"unknown keys":       fill("aaaaaaa: 1\n"),
		"empty users":        "users:\n" + fill("- {}\n"),
		"comments":           fill("#\n"),
		"open lists":         fill("["),
		"open mappings":      fill("{"),
		"questions":          fill("? "),
		"dashes":             fill("- "),
		"anchors":            "labels:\n" + fill("  a: &a b\n"),
		"blank lines":        "listen: |\n" + fill("\n"),
		"a long plain value": "listen: " + fill("a "),
		"a long quote":       "listen: \"" + fill("a\n "),
		"commas":             "methods: [" + fill(",") + "]",
		"documents":          fill("---\n"),
		"colons":             fill(": "),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_ = faultsOf(from(file))
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "listen: x\n", "users:\n  - name: a\n    password_hash_file: /x\n", "tokens: {default_ttl: 7d}\n",
		"a: &a [*a]\n", "labels: {<<: {a: b}}\n", "? [x]\n: y\n", "---\n---\n", "listen: !!binary aGk=\n",
		"zones: {a: {rate: 1, key: x}}\n", "%YAML 1.2\n---\nlisten: x\n", "ports: [1, 0x1, .nan]\n", "listen: |2\n  x\n",
		"listen: \"\\u0000\"\r\nbare: 'x\r\n", "store: {etcd: {deep: {every: 1d1h}}}\n", "\uFEFFlisten: a\u2028b\u0085c\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := defaults()
		src := from(string(data))
		src.Environ = []string{"TOLLGATE_USERS=" + string(data), "TOLLGATE_STORE=" + string(data), "TOLLGATE_LISTEN=" + string(data)}
		origins, faults := conf.Decode(&cfg, src)
		report := origins.Report(&faults)
		report("users[0].name", "checked")
		last := lines(data)
		for _, fault := range faults {
			if fault.Line < 0 || fault.Line > last {
				t.Errorf("fault %q is in line %d of %d", fault, fault.Line, last)
			}
			if strings.ContainsAny(fault.String(), "\n\r\x1b") {
				t.Errorf("fault %q is not one line", fault)
			}
		}
		var b bytes.Buffer
		if err := conf.Print(&b, &cfg); err != nil {
			t.Errorf("what was decoded cannot be printed: %v", err)
		}
		if again := faultsOf(from(b.String())); again != nil {
			t.Errorf("what was printed cannot be decoded: %v\n%s", again, b.String())
		}
	})
}

// lines counts as YAML does, which knows more line ends than most.
func lines(data []byte) int {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(data))
	return 1 + strings.Count(text, "\n")
}
