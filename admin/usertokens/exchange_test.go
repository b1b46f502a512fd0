package usertokens_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

var update = flag.Bool("update", false, "write the golden exchanges anew")

// TestExchanges replays every call of the source document, then what goes
// wrong, and compares what goes over the wire byte for byte.
func TestExchanges(t *testing.T) {
	w := newWorld(t)
	w.put("john")
	const body = `{"name":"nightly export","expiresAt":"2032-01-01T00:00:00Z","permissions":["storage.read","storage.list"],"tenants":["red"]}`
	var record strings.Builder
	for _, x := range []struct{ title, method, path, as, body string }{
		{"Create an Auth Token", "POST", "/auth/users/tokens", "john", body},
		{"Create a Service Account Auth Token", "POST", "/auth/users/" + locatorRobot + "/tokens", "custom", `{"name":"robot","expiresAt":null,"permissions":["storage.read"],"tenants":["any"]}`},
		{"Fetch All Auth Tokens", "GET", "/auth/users/tokens", "reader", ""},
		{"Fetch Auth Tokens for a User", "GET", "/auth/users/" + locatorJohn + "/tokens", "reader", ""},
		{"Delete an Auth Token", "DELETE", "/auth/users/tokens/nightly%20export", "john", ""},
		{"Delete an Auth Token for a Specific User", "DELETE", "/auth/users/" + locatorRobot + "/tokens/robot", "custom", ""},
		{"Revoke OAuth Tokens for a User", "POST", "/auth/users/" + locatorJohn + "/revoke", "revoker", ""},
		{"Remove Credentials for a User", "DELETE", "/auth/users/" + locatorJohn + "/credentials", "custom", ""},
		{"Nothing is left", "GET", "/auth/users/tokens", "reader", ""},

		{"Nobody", "GET", "/auth/users/tokens", "", ""},
		{"Not allowed", "GET", "/auth/users/" + locatorRobot + "/tokens", "john", ""},
		{"No UUID", "POST", "/auth/users/john/revoke", "custom", ""},
		{"No such user", "DELETE", "/auth/users/00000000-0000-4000-8000-000000000000/credentials", "custom", ""},
		{"No such token", "DELETE", "/auth/users/tokens/nightly%20export", "john", ""},
		{"No such call", "PATCH", "/auth/users/tokens/nightly%20export", "john", `{"name":"x"}`},
		{"Not a service account", "POST", "/auth/users/" + locatorJohn + "/tokens", "custom", body},
		{"A wildcard that is none", "POST", "/auth/users/tokens", "john", order("x", "permissions", `["*.read"]`)},
	} {
		r := w.send(x.method, x.path, x.as, x.body)
		fmt.Fprintf(&record, "## %s\n\n%s %s (as %q)\n", x.title, x.method, x.path, x.as)
		if x.body != "" {
			fmt.Fprintln(&record, x.body)
		}
		fmt.Fprintf(&record, "\n%d %s\n", r.status, http.StatusText(r.status))
		for _, name := range []string{"Content-Type", "Cache-Control", "Gateway-Token-Id", "Link"} {
			if value := r.header.Get(name); value != "" {
				fmt.Fprintf(&record, "%s: %s\n", name, value)
			}
		}
		fmt.Fprintf(&record, "\n%s\n", r.body)
	}
	golden := filepath.Join("testdata", "exchanges.md")
	if *update {
		if err := os.WriteFile(golden, []byte(record.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := record.String(); got != string(want) {
		t.Errorf("the exchanges differ from %s:\n%s", golden, got)
	}
}

// TestFailureShape: the members of the ExceptionResponse, of the types that
// clients of it expect, and nothing that was sent in the path.
func TestFailureShape(t *testing.T) {
	w := newWorld(t)
	_, value := w.put("john")
	for _, c := range []struct {
		name, method, path, as string
		status                 int
		code, uri              string
	}{
		{"a token that is none", "DELETE", "/auth/users/tokens/" + strings.ToUpper(value), "john", 404, "no_such_token", "/auth/users/tokens/:token"},
		{"a token under somebody", "DELETE", "/auth/users/" + locatorJohn + "/tokens/" + strings.ToUpper(value) + "/", "john", 404, "no_such_token", "/auth/users/:locator/tokens/:token/"},
		{"a token of another", "DELETE", "/auth/users/tokens/" + value, "jane", 403, "not_owner", "/auth/users/tokens/:token"},
		{"a value for a locator", "GET", "/auth/users/" + value + "/tokens", "jane", 400, "invalid", "/auth/users/:locator/tokens"},
		{"a value that leads nowhere", "GET", "/auth/users/" + value, "john", 404, "not_found", "/auth/users/*"},
		{"the root", "GET", "/auth/users", "john", 404, "not_found", "/auth/users"},
		{"nobody", "GET", "/auth/users/tokens?_token=" + value, "", 401, "unauthenticated", "/auth/users/tokens"},
		{"a credential that does not count", "GET", "/auth/users/tokens", "Bearer " + strings.ToUpper(value), 401, "unauthenticated", "/auth/users/tokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			r := w.expect(c.status, c.method, c.path, c.as, "")
			var members map[string]any
			if err := json.Unmarshal([]byte(r.body), &members); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"apiErrorCode": float64(c.status), "httpErrorCode": float64(c.status), "httpStatus": float64(c.status), "code": c.code,
				"message": members["message"], "referenceId": "00C0FFEE00C0FFEE", "requestMethod": c.method, "requestUri": c.uri,
			}
			if got, _ := members["message"].(string); got == "" || fmt.Sprint(members) != fmt.Sprint(want) {
				t.Errorf("got %v, want %v", members, want)
			}
			if strings.Contains(strings.ToLower(r.body), value) || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
				t.Errorf("got %s %v", r.body, r.header)
			}
		})
	}
}

// TestValuesAreNotRepeated: a value in a wrong place is not told back.
func TestValuesAreNotRepeated(t *testing.T) {
	w := newWorld(t)
	_, value := w.put("john")
	for _, body := range []string{order(value), order(value + "/"), order("x", "name", `["`+value+`"]`)} {
		if r := w.expect(400, "POST", "/auth/users/tokens", "john", body); strings.Contains(r.body, value) {
			t.Errorf("got %s", r.body)
		}
	}
}

// TestSpellings: HEAD is GET without a body, and a slash at the end makes no
// difference.
func TestSpellings(t *testing.T) {
	w := newWorld(t)
	w.put("john", named("a"))
	for _, path := range []string{"/auth/users/tokens", w.of("john", "tokens")} {
		plain := w.expect(200, "GET", path, "john", "")
		slash := w.expect(200, "GET", path+"/", "john", "")
		head := w.expect(200, "HEAD", path, "john", "")
		headSlash := w.expect(200, "HEAD", path+"/", "john", "")
		if plain.body != slash.body || head.body+headSlash.body != "" || head.header.Get("Content-Type") != plain.header.Get("Content-Type") {
			t.Errorf("%s: %q %q %q", path, plain.body, slash.body, head.body)
		}
		w.expect(401, "HEAD", path, "", "")
	}
	w.expect(200, "POST", "/auth/users/tokens/", "john", order("b"))
	w.expect(200, "POST", w.of("robot", "tokens/"), "custom", order("b"))
	w.expect(204, "DELETE", "/auth/users/tokens/b/", "john", "")
	w.expect(204, "DELETE", w.of("john", "credentials/"), "custom", "")
	for _, x := range []struct{ method, path string }{
		{"PUT", "/auth/users/tokens"}, {"PATCH", "/auth/users/tokens/a"}, {"GET", "/auth/users/tokens/a"}, {"POST", "/auth/users/tokens/a"},
		{"GET", w.of("john", "revoke")}, {"POST", w.of("john", "credentials")}, {"DELETE", w.of("john", "tokens")}, {"GET", w.of("john", "")},
		{"GET", "/auth/users/"}, {"PURGE", "/auth/users/tokens"}, {"POST", "/auth/users"}, {"GET", w.of("john", "tokens/a")},
	} {
		if r := w.expect(404, x.method, x.path, "root", ""); !strings.Contains(r.body, `"code":"not_found"`) {
			t.Errorf("%s %s: %s", x.method, x.path, r.body)
		}
	}
}

// TestOtherAPIsSeeThem: what is made here is the record that all share.
func TestOtherAPIsSeeThem(t *testing.T) {
	w := newWorld(t)
	made := read[entry](t, w.expect(200, "POST", "/auth/users/tokens", "john", order("shared")))
	u, _ := w.user("john")
	for _, via := range []tokens.API{tokens.ContentGateway, tokens.FileRepository, tokens.AccessTokens, tokens.Management} {
		m := tokens.Manager{Subject: tokens.Subject{User: u}, Via: via}
		page, err := w.service.List(t.Context(), m, tokens.Filter{Owner: "john"})
		if err != nil || !slices.ContainsFunc(page.Tokens, func(t *tokens.Token) bool { return t.ID == made.ID && t.Name == "shared" }) {
			t.Errorf("%s does not list it: %v", via, err)
		}
		if shown, err := w.service.Show(t.Context(), m, tokens.Secret(made.ID)); err != nil || shown.Owner != "john" {
			t.Errorf("%s does not show it: %v", via, err)
		}
	}
}
