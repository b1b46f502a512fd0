package contentgateway

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tollgate/tokens"
)

func TestGrantsOf(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"one", `[{"permissions":["storage.read","storage.list"],"resources":["/bucket/prefix/"]}]`, "storage.read storage.list on [bucket/prefix/]"},
		{"everywhere", `[{"permissions":["storage.*"]}]`, "storage.*"},
		{"two", ` [{"permissions":["storage.read"],"resources":["a"]}, {"permissions":["storage.write"],"resources":["b","c"]}] `, "storage.read on [a]; storage.write on [b c]"},
	} {
		got, err := grantsOf(c.value)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
	}
	for name, value := range map[string]string{
		"nothing": "", "null": "null", "an empty array": "[]", "an object": `{"permissions":["storage.read"]}`,
		"no permission": `[{"resources":["a"]}]`, "an unknown permission": `[{"permissions":["storage.fly"]}]`,
		"an unknown member": `[{"permissions":["storage.read"],"tenants":["a"]}]`, "a number": `[{"permissions":[1]}]`,
		"an empty list of resources": `[{"permissions":["storage.read"],"resources":[]}]`,
		"an empty resource":          `[{"permissions":["storage.read"],"resources":[""]}]`,
		"a dot segment":              `[{"permissions":["storage.read"],"resources":["a/../b"]}]`,
		"two arrays":                 `[{"permissions":["storage.read"]}][]`, "cut off": `[{"permissions":["storage.read"]}`,
		"too many": "[" + strings.Repeat(`{"permissions":["storage.read"]},`, 32) + `{"permissions":["storage.read"]}]`,
	} {
		var invalid *tokens.InvalidError
		if got, err := grantsOf(value); !errors.As(err, &invalid) {
			t.Errorf("%s: %s, %v, want an *InvalidError", name, got, err)
		}
	}
}

// FuzzGrants: what is read is printed in a form that is read as the same.
func FuzzGrants(f *testing.F) {
	f.Add(`[{"permissions":["storage.read","tokens.*"],"resources":["/bucket/prefix/","b"]},{"permissions":["*.*"]}]`)
	f.Add(`[{"permissions":["storage.list"],"resources":["\u00fc\ud800"]}]`)
	f.Fuzz(func(t *testing.T, value string) {
		allowed, err := grantsOf(value)
		if err != nil {
			return
		}
		printed, err := json.Marshal(grantsFields(&tokens.Token{Allowed: allowed})[0].value)
		if err != nil {
			t.Fatal(err)
		}
		again, err := grantsOf(string(printed))
		if err != nil || again.String() != allowed.String() {
			t.Errorf("%s is printed as %s and read as %s, %v", allowed, printed, again, err)
		}
	})
}
