package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The paths of the token API.
const (
	tokenPath  = "/.TOKEN/"
	tenantPath = "/_admin/manage/tenants/one/tokens/"
	domainPath = "/_admin/manage/tenants/one/domains/" + hostOne + "/tokens/"
)

// unknownValue looks like a token and is none.
const unknownValue = "0123456789abcdef0123456789abcdef"

// unknownID looks like a public id and is none.
const unknownID = "1234567890123456789012"

// evilSite is where a browser may be when it sends something.
const evilSite = "https://evil.example"

var (
	valueForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
	idForm    = regexp.MustCompile(`^[0-9]{20,24}$`)
)

// startWith runs a gateway on a whole configuration, in which DIR stands for
// its data directory.
func startWith(t *testing.T, config string) *gateway {
	t.Helper()
	g := &gateway{t: t, config: filepath.Join(t.TempDir(), "config.yaml"), dir: t.TempDir()}
	g.write(strings.ReplaceAll(config, "DIR", g.dir))
	g.start()
	t.Cleanup(func() { g.end() })
	return g
}

// described is a token as the gateway describes it in JSON.
type described struct {
	Token      string `json:"token"`
	ID         string `json:"id"`
	Owner      string `json:"owner"`
	Scope      string `json:"scope"`
	Expiration string `json:"expiration"`
	Creation   string `json:"creation"`
	Secret     string `json:"secret"`
}

// describe reads the description.
func describe(t testing.TB, a answer) described {
	t.Helper()
	var d described
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return d
}

// lifetime is how long the token lives, by its description.
func (d described) lifetime(t *testing.T) time.Duration {
	t.Helper()
	return instant(t, d.Expiration).Sub(instant(t, d.Creation))
}

// instant reads a time of a description, in exactly its form.
func instant(t *testing.T, s string) time.Time {
	t.Helper()
	const form = "2006-01-02T15:04:05.000Z"
	at, err := time.Parse(form, s)
	if err != nil || at.Format(form) != s {
		t.Fatalf("%q is no time of the form %s", s, form)
	}
	return at
}

// keyOrder returns the keys of a JSON object in the order in which they stand
// there.
func keyOrder(t *testing.T, object string) []string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(object))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		t.Fatalf("%q is no object", object)
	}
	var keys []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key.(string))
	}
	return keys
}

// wantKeys fails unless the object has exactly these keys in this order.
func wantKeys(t *testing.T, object, keys string) {
	t.Helper()
	if got := strings.Join(keyOrder(t, object), " "); got != keys {
		t.Errorf("keys %q, want %q", got, keys)
	}
}

// objects reads a JSON array of objects.
func objects(t testing.TB, a answer) []string {
	t.Helper()
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &raw); err != nil || raw == nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	all := make([]string, len(raw))
	for i, r := range raw {
		all[i] = string(r)
	}
	return all
}

// member returns a text in a JSON object.
func member(t testing.TB, object, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatalf("%q: %v", object, err)
	}
	s, _ := m[name].(string)
	return s
}

// listedIDs returns what names the tokens in a list of the tenant.
func (g *gateway) listedIDs(user, path string) []string {
	g.t.Helper()
	a := g.do(ask{target: path, user: user})
	if a.status != http.StatusOK {
		g.t.Fatalf("list %s: %d %s", path, a.status, a.body)
	}
	var ids []string
	for _, o := range objects(g.t, a) {
		ids = append(ids, member(g.t, o, "id"))
	}
	slices.Sort(ids)
	return ids
}

// manage makes a token by a management path.
func (g *gateway) manage(user, path string, header http.Header) described {
	g.t.Helper()
	a := g.do(ask{method: http.MethodPost, target: path + "?setcookie=false", user: user, header: header})
	if a.status != http.StatusCreated {
		g.t.Fatalf("issue on %s for %s: %d %s", path, user, a.status, a.body)
	}
	return describe(g.t, a)
}

// bearer, cookie are the headers that present a value.
func bearer(value string) http.Header { return headers("Authorization", "Bearer "+value) }
func cookie(value string) http.Header { return headers("Cookie", "token="+value) }

// clears says whether an answer takes the cookie away, in the form that
// clients were recorded with.
func clears(t *testing.T, a answer) bool {
	t.Helper()
	set := a.header.Values("Set-Cookie")
	if len(set) > 1 {
		t.Errorf("%d cookies in one answer: %q", len(set), set)
	}
	if len(set) == 0 || !strings.HasPrefix(set[0], "token=; path=/") {
		return false
	}
	response := http.Response{Header: a.header}
	c := response.Cookies()[0]
	return c.MaxAge < 0 && c.Expires.Before(time.Now())
}

// wantProblem fails unless the answer is a refusal in the form for programs.
func wantProblem(t *testing.T, a answer, status int) {
	t.Helper()
	if a.status != status {
		t.Errorf("got %d %s, want %d", a.status, a.body, status)
		return
	}
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("content type %q", kind)
	}
	checkProblem(t, a, a.header.Get("Gateway-Request-Id"))
}

// detail is the sentence in a refusal.
func detail(t *testing.T, a answer) string {
	t.Helper()
	return member(t, a.body, "detail")
}

// certificatePair is the certificate of httptest and its key, as PEM.
func certificatePair(t *testing.T) (cert, key []byte) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return pemPair(t, s.TLS.Certificates[0])
}
