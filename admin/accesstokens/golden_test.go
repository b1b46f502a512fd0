package accesstokens_test

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
	"time"

	"tollgate/tokens"
)

var update = flag.Bool("update", false, "write the golden exchanges anew")

// TestExchanges replays every call, then what goes wrong, and compares what
// goes over the wire byte for byte.
func TestExchanges(t *testing.T) {
	w := newWorld(t)
	w.pass(-time.Hour)
	w.put("ann", by(tokens.ContentGateway), in("red"), ending(24*time.Hour))
	w.pass(time.Hour)
	var ids []string // of what was made, for {0}, {1} in paths
	var record strings.Builder
	for _, x := range []struct{ title, method, path, as, body string }{
		{"Create an access token", "POST", all, "admin", `{"user":{"domain":"LOCAL","auth_id":"1002"},"expiration_time":"2032-01-01T00:00:00+00:00"}`},
		{"Create one that does not expire", "POST", all, "admin", `{"user":{"name":"svc"}}`},
		{"A third one", "POST", all, "admin", `{"user":{"name":"svc"}}`},
		{"List the tokens of all", "GET", all, "admin", ""},
		{"List those of one user", "GET", all + "?user=local:svc&limit=1", "admin", ""},
		{"Get one", "GET", all + "{0}", "admin", ""},
		{"Disable it", "PATCH", all + "{0}", "admin", `{"enabled":false}`},
		{"Enable it, with another end", "PATCH", all + "{0}", "admin", `{"enabled":true,"expiration_time":"2033-01-01T00:00:00Z"}`},
		{"Delete it", "DELETE", all + "{0}", "admin", ""},
		{"It is gone", "GET", all + "{0}", "admin", ""},

		{"Nobody", "GET", all, "", ""},
		{"Not allowed", "POST", all, "ann", `{"user":{"name":"svc"}}`},
		{"No such user", "POST", all, "admin", `{"user":{"name":"nobody"}}`},
		{"A group", "POST", all, "admin", `{"user":{"auth_id":"512"}}`},
		{"No user at all", "POST", all, "admin", `{}`},
		{"No JSON", "POST", all, "admin", `user=svc`},
		{"A time without a zone", "POST", all, "admin", `{"user":{"name":"svc"},"expiration_time":"2032-01-01T00:00:00"}`},
		{"A time that is over", "POST", all, "admin", `{"user":{"name":"svc"},"expiration_time":"2022-12-31T00:00:00Z"}`},
		{"No number", "GET", all + "?limit=many", "admin", ""},
		{"No such call", "PUT", all + "{1}", "admin", `{"enabled":true}`},
	} {
		for i, id := range ids {
			x.path = strings.ReplaceAll(x.path, fmt.Sprintf("{%d}", i), id)
		}
		r := w.send(x.method, x.path, x.as, x.body)
		if x.method == "POST" && r.status == 200 {
			ids = append(ids, read[made](t, r).ID)
		}
		fmt.Fprintf(&record, "## %s\n\n%s %s (as %q)\n", x.title, x.method, x.path, x.as)
		if x.body != "" {
			fmt.Fprintln(&record, x.body)
		}
		fmt.Fprintf(&record, "\n%d %s\n", r.status, http.StatusText(r.status))
		for _, name := range []string{"Content-Type", "Cache-Control", "Gateway-Token-Id"} {
			if value := r.header.Get(name); value != "" {
				fmt.Fprintf(&record, "%s: %s\n", name, value)
			}
		}
		fmt.Fprintf(&record, "\n%s\n\n", r.body)
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

// TestSchema: the answers have the members of the schema, of its types. Null
// stands for what is unknown.
func TestSchema(t *testing.T) {
	w := newWorld(t)
	w.make("admin", "svc")
	w.expect(200, "POST", all, "admin", `{"user":"ann","expiration_time":"2032-01-01T00:00:00Z"}`)
	var list map[string][]map[string]any
	body := w.expect(200, "GET", all, "admin", "").body
	if err := json.Unmarshal([]byte(strings.Replace(body, `"paging":{"next":""}`, `"paging":[{"next":""}]`, 1)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || len(list["entries"]) != 2 || list["paging"][0]["next"] != "" {
		t.Fatalf("got %s", body)
	}
	for _, entry := range list["entries"] {
		checkMembers(t, entry, map[string]string{
			"id": "string", "user": "object", "creator": "object", "creation_time": "string", "expiration_time": "string?", "enabled": "boolean",
		})
		for _, who := range []string{"user", "creator"} {
			members, _ := entry[who].(map[string]any)
			checkMembers(t, members, map[string]string{
				"domain": "string", "auth_id": "string", "uid": "number?", "gid": "number?", "sid": "string?", "name": "string",
			})
		}
	}
}

// checkMembers compares the types of an object's members; a question mark
// allows null.
func checkMembers(t *testing.T, object map[string]any, want map[string]string) {
	t.Helper()
	if len(object) != len(want) {
		t.Errorf("got the members %v, want %v", object, want)
	}
	for name, kind := range want {
		value, there := object[name]
		got := map[string]string{"string": "string", "float64": "number", "bool": "boolean", "map[string]interface {}": "object", "<nil>": "null"}[fmt.Sprintf("%T", value)]
		if !there || got != strings.TrimSuffix(kind, "?") && (got != "null" || !strings.HasSuffix(kind, "?")) {
			t.Errorf("%s is %v, want a %s", name, value, kind)
		}
	}
}

// TestSpellings: HEAD is GET without a body, and a slash at the end makes no
// difference.
func TestSpellings(t *testing.T) {
	w := newWorld(t)
	one := w.make("ann", "ann")
	for _, path := range []string{plain, plain + "/" + one.ID} {
		bare := w.expect(200, "GET", path, "ann", "")
		slash := w.expect(200, "GET", path+"/", "ann", "")
		head := w.expect(200, "HEAD", path, "ann", "")
		headSlash := w.expect(200, "HEAD", path+"/", "ann", "")
		if bare.body != slash.body || head.body+headSlash.body != "" || head.header.Get("Content-Type") != bare.header.Get("Content-Type") {
			t.Errorf("%s: %q %q %q", path, bare.body, slash.body, head.body)
		}
		w.expect(401, "HEAD", path, "", "")
	}
	two := read[made](t, w.expect(200, "POST", plain, "ann", `{"user":{"name":"ann"}}`))
	w.expect(200, "PATCH", all+two.ID+"/", "ann", `{"enabled":false}`)
	if r := w.expect(200, "DELETE", all+two.ID+"/", "ann", ""); r.body != "{}" {
		t.Errorf("got %q", r.body)
	}
	w.told()
	for _, x := range []struct{ method, path string }{
		{"PUT", all}, {"PATCH", all}, {"DELETE", all}, {"DELETE", plain}, {"PURGE", all}, {"OPTIONS", all},
		{"POST", all + one.ID}, {"PUT", all + one.ID}, {"GET", all + one.ID + "/more"}, {"GET", all + "/"},
	} {
		w.fails(404, "rest_not_found_error", x.method, x.path, "admin", "")
	}
}

// TestOtherAPIsSeeThem: what is made here is the record that all share, and
// what they make is shown here.
func TestOtherAPIsSeeThem(t *testing.T) {
	w := newWorld(t)
	one := w.make("ann", "ann")
	u, _ := w.user("ann")
	for _, via := range []tokens.API{tokens.ContentGateway, tokens.FileRepository, tokens.UserTokens, tokens.Management} {
		m := tokens.Manager{Subject: tokens.Subject{User: u}, Via: via}
		page, err := w.service.List(t.Context(), m, tokens.Filter{Owner: "ann"})
		if err != nil || !slices.ContainsFunc(page.Tokens, func(t *tokens.Token) bool { return string(t.ID) == one.ID }) {
			t.Errorf("%s does not list it: %v", via, err)
		}
		theirs, value := w.put("ann", by(via), in("red"), ending(time.Hour))
		if got := read[entry](t, w.expect(200, "GET", all+string(theirs.ID), "ann", "")); got.ID != string(theirs.ID) || *got.ExpirationTime != "2031-05-17T09:30:00.12Z" {
			t.Errorf("%s: got %v", via, got)
		}
		if r := w.expect(200, "GET", all, "ann", ""); !strings.Contains(r.body, string(theirs.ID)) || strings.Contains(r.body, value) {
			t.Errorf("%s: got %s", via, r.body)
		}
		w.expect(200, "PATCH", all+string(theirs.ID), "ann", `{"enabled":false}`)
		w.expect(200, "DELETE", all+string(theirs.ID), "ann", "")
		if shown, err := w.service.Find(t.Context(), m, tokens.Secret(theirs.ID)); err != nil || shown.StateAt(w.clock()) != tokens.Revoked {
			t.Errorf("%s: got %v, %v", via, shown, err)
		}
	}
	pair, _ := w.put("ann", by(tokens.ContentGateway), in("red"), func(t *tokens.Token) { t.Secret, t.AccessKey = tokens.Sealed("sealed"), "the access key" })
	if r := w.expect(200, "GET", all, "ann", ""); !strings.Contains(r.body, string(pair.ID)) {
		t.Errorf("the S3 token is missing: %s", r.body)
	}
	w.expect(200, "GET", all+string(pair.ID), "ann", "")
}
