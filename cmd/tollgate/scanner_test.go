package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
)

// scannerRules returns the regular expressions of the rule file by their ids.
func scannerRules(t *testing.T) map[string]*regexp.Regexp {
	t.Helper()
	text, err := os.ReadFile("../../docs/gitleaks.toml")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]*regexp.Regexp{}
	found := regexp.MustCompile(`(?m)^id = "([^"]+)"\ndescription = .*\nregex = '''(.*)'''$`).FindAllStringSubmatch(string(text), -1)
	for _, rule := range found {
		rules[rule[1]] = regexp.MustCompile(rule[2])
	}
	return rules
}

// TestScannersFindTokens: every value that can be found is, in whatever it
// stands, and nothing else is.
func TestScannersFindTokens(t *testing.T) {
	rules := scannerRules(t)
	g := startGateway(t, setup{tokens: "  format: prefixed\n"})
	var own, access []string
	for range 20 {
		own = append(own, g.issue(john, hostOne, nil).value)
	}
	a := g.do(ask{method: "POST", target: "/v1/auth/access-tokens/", user: john, body: `{"user":{"name":"john"}}`})
	var made struct {
		Bearer string `json:"bearer_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	access = append(access, made.Bearer)
	for id, values := range map[string][]string{"tollgate-token": own, "tollgate-access-token": access} {
		rule := rules[id]
		if rule == nil {
			t.Fatalf("no rule %s", id)
		}
		for _, value := range values {
			for _, text := range []string{value, `token = "` + value + `"`, "Bearer " + value + "\n", "(" + value + ")"} {
				if rule.FindString(text) != value {
					t.Errorf("%s does not find the token in %d bytes", id, len(text))
				}
			}
		}
	}
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_:=+/ \n"
	random := rand.New(rand.NewPCG(1, 2))
	var noise strings.Builder
	for range 4 << 20 {
		noise.WriteByte(letters[random.IntN(len(letters))])
	}
	for id, rule := range rules {
		if hit := rule.FindString(noise.String()); hit != "" {
			t.Errorf("%s finds %q in noise", id, hit)
		}
	}
}
