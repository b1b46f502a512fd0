package usertokens_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// as is a caller: a name for Basic, or "Bearer " and a value; empty = nobody.
func (w *world) send(method, path, as, body string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(as, "Bearer "):
		r.Header.Set("Authorization", as)
	case as != "":
		r.SetBasicAuth(as, "any")
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}

// expect sends a request and fails the test on another status.
func (w *world) expect(status int, method, path, as, body string) reply {
	w.t.Helper()
	got := w.send(method, path, as, body)
	if got.status != status {
		w.t.Fatalf("%s %s as %q: %d %s, want %d", method, path, as, got.status, got.body, status)
	}
	return got
}

// order is the body of a request for a token.
func order(name string, change ...string) string {
	body := map[string]any{"name": name, "expiresAt": nil, "permissions": []string{"storage.read"}, "tenants": []string{"any"}}
	for i := 0; i+1 < len(change); i += 2 {
		body[change[i]] = json.RawMessage(change[i+1])
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// entry is an AuthTokenResponse, as a client of the original reads it, and
// what is added here.
type entry struct {
	Name        string    `json:"name"`
	ExpiresAt   *string   `json:"expiresAt"`
	CreatedAt   string    `json:"createdAt"`
	Permissions []string  `json:"permissions"`
	Tenants     []string  `json:"tenants"`
	ID          tokens.ID `json:"id"`
	Token       string    `json:"token"`
}

func read[T any](t *testing.T, r reply) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("read %q: %v", r.body, err)
	}
	return v
}

// namesIn returns the names in a list, sorted.
func namesIn(t *testing.T, r reply) []string {
	t.Helper()
	all := []string{}
	for _, e := range read[[]entry](t, r) {
		all = append(all, e.Name)
	}
	slices.Sort(all)
	return all
}
