package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// completed are the lines that every shell must complete, with some of what it
// offers and some of what it must not.
var completed = []struct{ line, offers, never string }{
	{"tollgate ", "serve config user token completion version", "--help create"},
	{"tollgate to", "token", "user"},
	{"tollgate token ", "create list show disable enable extend revoke check", "hash-password --owner"},
	{"tollgate token list --st", "--state --stale", "--owner"},
	{"tollgate token list --state ", "active disabled used_up all", "table --state"},
	{"tollgate token list --state dis", "disabled", "active"},
	{"tollgate token list -o ", "table json", "active"},
	{"tollgate token list --owner jane --output j", "json", "table"},
	{"tollgate token list --output=", "table json", "active"},
	{"tollgate token list --output=j", "json", "table"},
	{"tollgate token list --output=json --unu", "--unused-since", "--user"},
	{"tollgate token revoke --owner list --all", "--all --all-stale", "--limit"}, // list is a value here
	{"tollgate token create --user x --max", "--max-size --max-uses", "--mime-type"},
	{"tollgate user up", "update", "list"},
	{"tollgate user update x --no-", "--no-roles --no-service-account", "--no-password"},
	{"tollgate user create x --no-", "--no-password", "--no-roles"},
	{"tollgate completion ", "bash zsh fish", "serve"},
	{"tollgate token list --owner ", "", "table list --owner"},
	{"tollgate token list --token-", "", "--token-path"}, // hidden
}

// script prints the script for a shell into a file and returns its name.
func script(t *testing.T, shell string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tollgate."+shell)
	text := cli(t, nil, "", "completion", shell).well(t).out
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// judgeCompletion compares what a shell offers with what it must.
func judgeCompletion(t *testing.T, line, offers, never string, got []string) {
	t.Helper()
	for _, word := range strings.Fields(offers) {
		if !slices.Contains(got, word) {
			t.Errorf("%q: no %s in %q", line, word, got)
		}
	}
	for _, word := range strings.Fields(never) {
		if slices.Contains(got, word) {
			t.Errorf("%q: %s in %q", line, word, got)
		}
	}
	if offers == "" && len(got) > 0 {
		t.Errorf("%q: offers %q", line, got)
	}
}

// bashCompletes asks bash for what it would offer behind a line, the way that
// readline does: it splits words at = too.
func bashCompletes(t *testing.T, file, dir, line string) []string {
	t.Helper()
	const ask = `source "$1"; complete -p tollgate >/dev/null || exit 3
shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tollgate tollgate; printf '%s\n' "${COMPREPLY[@]}"`
	words := regexp.MustCompile(`=|[^ =]+`).FindAllString(line, -1)
	if strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	command := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-uc", ask, "bash", file}, words...)...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", line, err, out)
	}
	return slices.DeleteFunc(strings.Split(string(out), "\n"), func(s string) bool { return s == "" })
}

func TestCompletionBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash here")
	}
	file := script(t, "bash")
	for _, row := range completed {
		judgeCompletion(t, row.line, row.offers, row.never, bashCompletes(t, file, t.TempDir(), row.line))
	}
	dir := t.TempDir()
	for _, name := range []string{"a file", "another"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := bashCompletes(t, file, dir, "tollgate serve --config a"); !slices.Equal(got, []string{"a file", "another"}) {
		t.Errorf("files: %q", got)
	}
	if got := bashCompletes(t, file, dir, "tollgate token show "); !slices.Contains(got, "--server") {
		t.Errorf("where nothing but flags can follow: %q", got)
	}
}

func TestCompletionFish(t *testing.T) {
	fish, err := exec.LookPath("fish")
	if err != nil {
		t.Skip("no fish here")
	}
	file := script(t, "fish")
	for _, row := range completed {
		command := exec.CommandContext(t.Context(), fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2]`, file, row.line)
		command.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", row.line, err, out)
		}
		var got []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			_, value, isValue := strings.Cut(word, "=") // --output=json
			if isValue {
				word = value
			}
			got = append(got, word)
		}
		judgeCompletion(t, row.line, row.offers, row.never, got)
	}
}

// TestCompletionForm holds the scripts to their form where the shell itself is
// not there to try them.
func TestCompletionForm(t *testing.T) {
	for shell, wants := range map[string][]string{
		"bash": {"complete -F _tollgate tollgate\n", "'tollgate token list --state') words='active pending disabled used_up expired revoked all' ;;\n", "'tollgate serve --config') file=1 ;;\n"},
		"zsh": {"#compdef tollgate\n", "'tollgate token list --state') values=('active' 'pending' 'disabled' 'used_up' 'expired' 'revoked' 'all') ;;\n", "'tollgate serve --config') file=1 ;;\n",
			"'create:Make a token and print it' ", "'--owner:Those of this owner'", "    compdef _tollgate tollgate\n"},
		"fish": {"complete -c tollgate -f\n", `complete -c tollgate -n "__tollgate_at 'tollgate token list'" -l state -x -a 'active pending disabled used_up expired revoked all' -d 'Those in this state'` + "\n",
			`complete -c tollgate -n "__tollgate_at 'tollgate serve'" -l config -r -F -d `, `complete -c tollgate -n "__tollgate_at 'tollgate token'" -a 'revoke' -d `},
	} {
		text := cli(t, nil, "", "completion", shell).well(t).out
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q", shell, want)
			}
		}
		if strings.Count(text, "'")%2 != 0 || strings.Contains(text, "token-path") {
			t.Errorf("%s: a quotation mark is open, or a hidden flag is shown", shell)
		}
		if zsh, err := exec.LookPath("zsh"); shell == "zsh" && err == nil {
			if out, err := exec.CommandContext(t.Context(), zsh, "-n", script(t, "zsh")).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		}
	}
	for _, shell := range []string{"powershell", ""} {
		if r := cli(t, nil, "", "completion", shell); r.code != exitUsage || r.out != "" {
			t.Errorf("%q: exit %d %s", shell, r.code, r.err)
		}
	}
}

// TestCompletionKnowsWhatTakesAValue: the scripts look a flag up by its name
// alone, so that it must not take a value in one command and none in another.
func TestCompletionKnowsWhatTakesAValue(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Vars{"times": "", "expiries": ""}, kong.Name("tollgate"))
	if err != nil {
		t.Fatal(err)
	}
	nodes := completionNodes(parser.Model.Node)
	takes := map[string]bool{}
	for _, n := range nodes {
		for _, f := range n.flags {
			if before, known := takes[f.text]; known && before != f.takes {
				t.Errorf("%s takes a value here and none there: %s", f.text, n.path)
			}
			takes[f.text] = f.takes
			if !regexp.MustCompile(`^--?[a-z0-9-]+$`).MatchString(f.text) || strings.ContainsAny(f.help, "'\n") {
				t.Errorf("%s %s cannot stand in a script: %q", n.path, f.text, f.help)
			}
		}
	}
	if len(nodes) < 25 || len(takers(nodes)) < 40 || !takes["--owner"] || takes["--s3"] {
		t.Errorf("%d commands, %d flags with a value", len(nodes), len(takers(nodes)))
	}
}
