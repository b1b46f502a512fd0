package accesstokens_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

type reply struct {
	status int
	header http.Header
	body   string
}

// send makes a request as nobody, as the user of a name or with a credential
// that begins with Bearer.
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
	answer, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, strings.TrimSuffix(string(text), "\n")}
}

// expect makes a request that must have a status.
func (w *world) expect(status int, method, path, as, body string) reply {
	w.t.Helper()
	got := w.send(method, path, as, body)
	if got.status != status {
		w.t.Fatalf("%s %s %s as %q: %d %s, want %d", method, path, body, as, got.status, got.body, status)
	}
	return got
}

// fails makes a request that must fail with a status and a class, and returns
// the description.
func (w *world) fails(status int, class, method, path, as, body string) string {
	w.t.Helper()
	before := w.dump()
	got := w.expect(status, method, path, as, body)
	var f struct {
		Module      string    `json:"module"`
		ErrorClass  string    `json:"error_class"`
		Description string    `json:"description"`
		Stack       *[]string `json:"stack"`
		UserVisible bool      `json:"user_visible"`
	}
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		w.t.Fatalf("%s: %v", got.body, err)
	}
	if f.ErrorClass != class || f.Module != "rest" || f.Description == "" || f.Stack == nil || len(*f.Stack) > 0 || !f.UserVisible {
		w.t.Errorf("%s %s %s as %q: got %s, want %s", method, path, body, as, got.body, class)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		w.t.Errorf("the Content-Type is %q", kind)
	}
	if w.dump() != before || w.told() != "" {
		w.t.Errorf("%s %s %s as %q was refused and changed something", method, path, body, as)
	}
	return f.Description
}

// known is an identity as a client reads it.
type known struct {
	Domain, SID, Name *string
	AuthID            *string `json:"auth_id"`
	UID, GID          *uint32
}

// entry is the metadata of a token as a client reads it.
type entry struct {
	ID             string
	User, Creator  known
	CreationTime   string  `json:"creation_time"`
	ExpirationTime *string `json:"expiration_time"`
	Enabled        bool
}

type listed struct {
	Entries []entry
	Paging  struct{ Next *string }
}

type made struct {
	ID          string
	BearerToken string `json:"bearer_token"`
}

func read[T any](t *testing.T, r reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return v
}

// make makes a token for somebody by his name.
func (w *world) make(as, user string) made {
	w.t.Helper()
	return read[made](w.t, w.expect(200, "POST", all, as, `{"user":{"name":"`+user+`"}}`))
}
