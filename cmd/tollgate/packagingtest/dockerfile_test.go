package packagingtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile, its continued lines joined.
type instruction struct{ name, rest string }

// stage is what follows a FROM.
type stage struct {
	base, name   string
	instructions []instruction
}

// parseDockerfile reads what our Dockerfile uses of the format: see
// https://docs.docker.com/reference/dockerfile/.
func parseDockerfile(text string) ([]stage, error) {
	var stages []stage
	for _, line := range logicalLines(text) {
		name, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		if name == "FROM" {
			base, as, _ := strings.Cut(rest, " AS ")
			stages = append(stages, stage{base: base, name: as})
			continue
		}
		if len(stages) == 0 {
			return nil, fmt.Errorf("%s before the first FROM", name)
		}
		last := &stages[len(stages)-1]
		last.instructions = append(last.instructions, instruction{name, rest})
	}
	return stages, nil
}

// logicalLines joins continued lines and leaves comments and empty lines out.
func logicalLines(text string) []string {
	var lines []string
	var whole strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		part, goesOn := strings.CutSuffix(line, `\`)
		whole.WriteString(part)
		if !goesOn {
			lines = append(lines, whole.String())
			whole.Reset()
		}
	}
	return lines
}

// all returns what follows each instruction of a name.
func (s stage) all(name string) []string {
	var found []string
	for _, i := range s.instructions {
		if i.name == name {
			found = append(found, i.rest)
		}
	}
	return found
}

// only returns what follows the only instruction of a name.
func (s stage) only(t *testing.T, name string) string {
	t.Helper()
	found := s.all(name)
	if len(found) != 1 {
		t.Fatalf("the stage from %s has %d %s, want one", s.base, len(found), name)
	}
	return found[0]
}

// execForm reads the form of a command that needs no shell.
func execForm(text string) ([]string, error) {
	var words []string
	if err := json.Unmarshal([]byte(text), &words); err != nil || len(words) == 0 {
		return nil, fmt.Errorf("%q is not the exec form of a command", text)
	}
	return words, nil
}

// pairs reads NAME=VALUE pairs without quotes.
func pairs(text string) ([]string, error) {
	all := strings.Fields(text)
	if strings.ContainsAny(text, `"'$`) || slices.ContainsFunc(all, func(p string) bool { return !strings.Contains(p, "=") }) {
		return nil, fmt.Errorf("%q has more than NAME=VALUE pairs", text)
	}
	return all, nil
}

// transfer is a COPY from another stage.
type transfer struct {
	stage, owner   string // owner: "" = root
	source, target string
}

func parseTransfer(text string) (transfer, error) {
	var c transfer
	words := strings.Fields(text)
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		name, value, _ := strings.Cut(words[0], "=")
		switch name {
		case "--from":
			c.stage = value
		case "--chown":
			c.owner = value
		default:
			return c, fmt.Errorf("%s is not known to this test", name)
		}
		words = words[1:]
	}
	if len(words) != 2 || c.stage == "" {
		return c, errors.New("want COPY --from=STAGE SOURCE TARGET")
	}
	c.source, c.target = words[0], words[1]
	return c, nil
}

func TestParseDockerfileReadsStagesAndContinuedLines(t *testing.T) {
	stages, err := parseDockerfile("# head\nFROM a AS b\nRUN x \\\n # between\n && y\n\nFROM scratch\nCMD [\"z\"]\n")
	want := []stage{{"a", "b", []instruction{{"RUN", "x && y"}}}, {"scratch", "", []instruction{{"CMD", `["z"]`}}}}
	if err != nil || fmt.Sprint(stages) != fmt.Sprint(want) {
		t.Errorf("got %v, %v, want %v", stages, err, want)
	}
	if _, err := parseDockerfile("RUN x\nFROM y\n"); err == nil {
		t.Error("an instruction before FROM is taken")
	}
}

func TestParseTransferRefusesWhatItDoesNotModel(t *testing.T) {
	if c, err := parseTransfer("--from=build --chown=1:2 /a/ /b/"); err != nil || c != (transfer{"build", "1:2", "/a/", "/b/"}) {
		t.Errorf("got %v, %v", c, err)
	}
	for _, text := range []string{"a b", "--from=x a", "--from=x a b c", "--from=x --link a b"} {
		if c, err := parseTransfer(text); err == nil {
			t.Errorf("%q is read as %v", text, c)
		}
	}
}
