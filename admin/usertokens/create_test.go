package usertokens_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestCreate(t *testing.T) {
	w := newWorld(t)
	r := w.expect(200, "POST", "/auth/users/tokens", "both",
		order("ci", "expiresAt", `"2031-06-01T10:00:00.5+02:00"`, "permissions", `["storage.read","storage.list"]`, "tenants", `["red"]`))
	got := read[entry](t, r)
	if got.Name != "ci" || got.ExpiresAt == nil || *got.ExpiresAt != "2031-06-01T08:00:00.500Z" || got.CreatedAt != "2031-05-17T08:30:00.123Z" ||
		!slices.Equal(got.Permissions, []string{"storage.read", "storage.list"}) || !slices.Equal(got.Tenants, []string{"red"}) {
		t.Errorf("got %s", r.body)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Gateway-Token-Id") != string(got.ID) || !tokens.IsID(string(got.ID)) {
		t.Errorf("got %v", r.header)
	}
	subject, err := w.service.Verify(t.Context(), tokens.Secret(got.Token))
	if err != nil {
		t.Fatalf("the new value does not authenticate: %v", err)
	}
	made := subject.Token
	if made.API != tokens.UserTokens || made.Owner != "both" || made.Creator != "both" || made.Name != "ci" ||
		made.Scope != (tokens.Scope{Tenant: tokens.AnyTenant}) || !slices.Equal(made.Tenants, []string{"red"}) {
		t.Errorf("got %+v", made)
	}
	if len(made.Allowed) != 1 || made.Allowed[0].Permissions != tokens.StorageRead|tokens.StorageList {
		t.Errorf("given %v", made.Allowed)
	}
	if !slices.Equal(w.events, []string{"issued both ci"}) {
		t.Errorf("told %v", w.events)
	}
}

func TestCreateForServiceAccount(t *testing.T) {
	w := newWorld(t)
	got := read[entry](t, w.expect(200, "POST", w.of("robot", "tokens"), "custom", order("ci", "permissions", `["storage.read"]`)))
	subject, err := w.service.Verify(t.Context(), tokens.Secret(got.Token))
	if err != nil {
		t.Fatal(err)
	}
	if subject.Token.Owner != "robot" || subject.Token.Creator != "custom" || !slices.Equal(got.Tenants, []string{"red"}) {
		t.Errorf("got %+v for %v", subject.Token, got)
	}
	for _, c := range []struct {
		name     string
		user, as string
		body     string
		want     int
		says     string
	}{
		{"a person", "john", "custom", order("x"), 400, "no service account"},
		{"a person, by himself", "john", "john", order("x"), 400, "no service account"},
		{"an account that may more than the caller", "strongbot", "custom", order("x"), 403, ""},
		{"what the account may not, and the caller may", "robot", "custom", order("x", "permissions", `["storage.write"]`), 403, ""},
		{"what neither may", "robot", "custom", order("x", "permissions", `["tokens.read"]`), 403, ""},
		{"a tenant that the account has not", "robot", "root", order("x", "tenants", `["blue"]`), 403, ""},
		{"a name that the account has", "robot", "custom", order("ci"), 409, ""},
		{"a name that the caller has", "robot", "custom", order("mine"), 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.expect(200, "POST", "/auth/users/tokens", "custom", order("mine"))
			defer w.expect(204, "DELETE", "/auth/users/tokens/mine", "custom", "")
			if got := w.expect(c.want, "POST", w.of(c.user, "tokens"), c.as, c.body); !strings.Contains(got.body, c.says) {
				t.Errorf("got %s", got.body)
			}
		})
	}
}

// TestWhatCannotBeMade: each is refused with a sentence that says why, and
// nothing is made.
func TestWhatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	without := func(member string) string {
		all := map[string]string{"name": `"x"`, "expiresAt": `null`, "permissions": `["storage.read"]`, "tenants": `["any"]`}
		delete(all, member)
		var parts []string
		for _, m := range []string{"name", "expiresAt", "permissions", "tenants"} {
			if value, ok := all[m]; ok {
				parts = append(parts, fmt.Sprintf("%q:%s", m, value))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	many := func(n int) string { return `["red"` + strings.Repeat(`,"red"`, n-1) + `]` }
	for _, c := range []struct {
		name string
		body string
		want int
		says string
	}{
		{"no body", "", 400, "the body is empty"},
		{"no object", "[]", 400, "no JSON object"},
		{"half an object", `{"name":"x"`, 400, "too early"},
		{"something behind it", order("x") + "{}", 400, "follows"},
		{"a huge body", order(strings.Repeat("x", 300<<10)), 413, "262144"},
		{"an unknown member", order("x", "roles", `[]`), 400, `\"roles\"`},
		{"a member twice", `{"name":"x","name":"y"}`, 400, "twice"},
		{"no members", "{}", 400, "the name is missing"},
		{"no name", without("name"), 400, "the name is missing"},
		{"no expiresAt", without("expiresAt"), 400, "expiresAt is missing"},
		{"no permissions", without("permissions"), 400, "permissions are missing"},
		{"no tenants", without("tenants"), 400, "tenants are missing"},

		{"a name of null", order("x", "name", `null`), 400, "the name is missing"},
		{"a name that is a number", order("x", "name", `7`), 400, "accepted is a text"},
		{"an empty name", order(""), 400, "1 to 255"},
		{"a name of 256 bytes", order(strings.Repeat("x", 256)), 400, "256 bytes"},
		{"a name with a slash", order("a/b"), 400, "has a /"},
		{"a name with a line end", order("a\nb"), 400, "control character"},
		{"a name like a value", order("00112233445566778899aabbccddeeff"), 400, "looks like the value"},
		{"a name like an id", order("1234567890123456789012"), 400, "looks like the value"},

		{"an expiresAt that is a number", order("x", "expiresAt", `1936500000`), 400, "is no text"},
		{"an expiresAt that is an object", order("x", "expiresAt", `{}`), 400, "is no text"},
		{"an empty expiresAt", order("x", "expiresAt", `""`), 400, "RFC 3339"},
		{"an expiresAt without a zone", order("x", "expiresAt", `"2031-06-01T10:00:00"`), 400, "2031-06-01T10:00:00"},
		{"an expiresAt that is a date", order("x", "expiresAt", `"2031-06-01"`), 400, "RFC 3339"},
		{"an expiresAt on a day that is none", order("x", "expiresAt", `"2031-02-29T10:00:00Z"`), 400, "RFC 3339"},
		{"an expiresAt with a comma", order("x", "expiresAt", `"2031-06-01T10:00:00,5Z"`), 400, "RFC 3339"},
		{"an expiresAt with an hour of one digit", order("x", "expiresAt", `"2031-06-01T9:00:00.0Z"`), 400, "RFC 3339"},
		{"an expiresAt with a blank for the T", order("x", "expiresAt", `"2031-06-01 10:00:00Z"`), 400, "RFC 3339"},
		{"an expiresAt that is past", order("x", "expiresAt", `"2031-05-17T08:30:00Z"`), 400, "not in the future"},
		{"an expiresAt that is now", order("x", "expiresAt", `"2031-05-17T08:30:00.123Z"`), 400, "not in the future"},
		{"the first instant of all, which is past too", order("x", "expiresAt", `"0001-01-01T00:00:00Z"`), 400, "not in the future"},
		{"the first instant of all in another zone", order("x", "expiresAt", `"0001-01-01T01:00:00+01:00"`), 400, "not in the future"},

		{"permissions of null", order("x", "permissions", `null`), 400, "permissions are missing"},
		{"no permission", order("x", "permissions", `[]`), 400, "permissions are missing"},
		{"permissions that are a text", order("x", "permissions", `"storage.read"`), 400, "an array"},
		{"a permission of null", order("x", "permissions", `[null]`), 400, "is no permission"},
		{"an unknown permission", order("x", "permissions", `["storage.read","quotes.write"]`), 400, "quotes.write"},
		{"a wildcard for the resource alone", order("x", "permissions", `["*.read"]`), 400, `\"*.read\" has *`},
		{"a wildcard with nothing else", order("x", "permissions", `["*"]`), 400, "is no permission"},
		{"a permission as long as a letter", order("x", "permissions", `["`+strings.Repeat("p", 5000)+`"]`), 400, "…"},
		{"more than one has", order("x", "permissions", `["tokens.read"]`), 403, ""},
		{"all that there is", order("x", "permissions", `["*.*"]`), 403, ""},
		{"more than one has beside what one has", order("x", "permissions", `["storage.read","users.read"]`), 403, ""},

		{"tenants of null", order("x", "tenants", `null`), 400, "tenants are missing"},
		{"no tenant", order("x", "tenants", `[]`), 400, "tenants are missing"},
		{"an empty tenant", order("x", "tenants", `["red",""]`), 400, "empty name"},
		{"any beside a tenant", order("x", "tenants", `["any","red"]`), 400, "any alone"},
		{"a tenant beside any", order("x", "tenants", `["red","any"]`), 400, "any alone"},
		{"a type of tenants", order("x", "tenants", `["type:test"]`), 400, "type:test"},
		{"a tenant of others", order("x", "tenants", `["blue"]`), 403, ""},
		{"a tenant of others beside one's own", order("x", "tenants", `["red","blue"]`), 403, ""},
		{"a tenant that is not there", order("x", "tenants", `["green"]`), 403, ""},
		{"257 tenants", order("x", "tenants", many(257)), 400, "at most 256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			before := w.dump()
			got := w.send("POST", "/auth/users/tokens", "john", c.body)
			if got.status != c.want || !strings.Contains(got.body, c.says) || len(got.body) > 1000 {
				t.Errorf("%d %s, want %d and %q", got.status, got.body, c.want, c.says)
			}
			if w.dump() != before {
				t.Error("something was made")
			}
		})
	}
	w.t = t
	w.expect(400, "POST", "/auth/users/tokens", "root", order("x", "tenants", `["green"]`)) // he has every tenant there is
}

// TestWhatCanJustBeMade is the other side of the edges.
func TestWhatCanJustBeMade(t *testing.T) {
	for _, c := range []struct {
		name  string
		body  string
		check func(entry) bool
	}{
		{"a name of 255 bytes", order(strings.Repeat("x", 255)), func(e entry) bool { return len(e.Name) == 255 }},
		{"a name of one byte", order("x"), func(e entry) bool { return e.Name == "x" }},
		{"a name in another script", order("ключ № 7"), func(e entry) bool { return e.Name == "ключ № 7" }},
		{"an end that is never", order("x"), func(e entry) bool { return e.ExpiresAt == nil }},
		{"an end in a millisecond", order("x", "expiresAt", `"2031-05-17T08:30:00.124Z"`), func(e entry) bool { return *e.ExpiresAt == "2031-05-17T08:30:00.124Z" }},
		{"all that one has", order("x", "permissions", `["storage.*"]`), func(e entry) bool { return slices.Equal(e.Permissions, []string{"storage.*"}) }},
		{"a permission twice", order("x", "permissions", `["storage.read","storage.read"]`), func(e entry) bool { return slices.Equal(e.Permissions, []string{"storage.read"}) }},
		{"any tenant", order("x"), func(e entry) bool { return slices.Equal(e.Tenants, []string{"any"}) }},
		{"a tenant twice", order("x", "tenants", `["red","red"]`), func(e entry) bool { return slices.Equal(e.Tenants, []string{"red"}) }},
		{"two tenants", order("x", "tenants", `["red","blue"]`), func(e entry) bool { return slices.Equal(e.Tenants, []string{"red", "blue"}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if r := w.expect(200, "POST", "/auth/users/tokens", "both", c.body); !c.check(read[entry](t, r)) {
				t.Errorf("got %s", r.body)
			}
		})
	}
}

func TestContentType(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[string]int{"": 200, "application/json; charset=utf-8": 200, "text/plain": 415, "application/x-www-form-urlencoded": 200} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+"/auth/users/tokens", strings.NewReader(order("n"+fmt.Sprint(len(kind)))))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("john", "any")
		r.Header.Set("Content-Type", kind)
		if kind == "" {
			r.Header.Del("Content-Type")
		}
		answer, err := w.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("%q: %d, want %d", kind, answer.StatusCode, want)
		}
	}
}

// TestNamesAndNumbers: what a user has at a time counts, and nothing else.
func TestNamesAndNumbers(t *testing.T) {
	w := newWorld(t)
	const own = "/auth/users/tokens"
	w.put("john")
	w.put("john", by(tokens.AccessTokens))
	w.expect(200, "POST", own, "john", order("a", "expiresAt", `"2031-05-17T09:00:00Z"`))
	if got := w.expect(409, "POST", own, "john", order("a")); !strings.Contains(got.body, "name_taken") {
		t.Errorf("got %s", got.body)
	}
	w.expect(200, "POST", own, "jane", order("a")) // names are each user's own
	w.expect(200, "POST", own, "john", order("b"))
	w.expect(200, "POST", own, "john", order("c"))
	if got := w.expect(409, "POST", own, "john", order("d")); !strings.Contains(got.body, "too_many_tokens") {
		t.Errorf("got %s", got.body)
	}
	w.expect(204, "DELETE", own+"/b", "john", "")
	w.expect(200, "POST", own, "john", order("b")) // its place and its name are free again
	w.expect(409, "POST", own, "john", order("d"))
	w.pass(time.Hour)
	w.expect(200, "POST", own, "john", order("a")) // the old one has expired
	w.most = 0
	w.expect(200, "POST", own, "john", order("d"))
}

// TestNarrowedTokensMintNarrowedOnes: what a token may not, those that it makes
// may not either.
func TestNarrowedTokensMintNarrowedOnes(t *testing.T) {
	w := newWorld(t)
	_, value := w.put("both", in(tokens.AnyTenant, "blue"), given(tokens.StorageRead|tokens.TokensCreate))
	as := "Bearer " + value
	w.expect(403, "POST", "/auth/users/tokens", as, order("x", "permissions", `["storage.write"]`))
	w.expect(403, "POST", "/auth/users/tokens", as, order("x", "tenants", `["red"]`))
	w.expect(400, "POST", "/auth/users/tokens", as, order("x", "expiresAt", `"2031-05-17T10:00:00Z"`))
	got := read[entry](t, w.expect(200, "POST", "/auth/users/tokens", as, order("x")))
	if !slices.Equal(got.Tenants, []string{"blue"}) || got.ExpiresAt == nil || *got.ExpiresAt != "2031-05-17T09:30:00.123Z" {
		t.Errorf("got %+v", got)
	}
	_, value = w.put("both", func(t *tokens.Token) { t.Scope = tokens.Scope{Tenant: "red", Domain: "red.example"} })
	got = read[entry](t, w.expect(200, "POST", "/auth/users/tokens", "Bearer "+value, order("y")))
	made, err := w.store.ByID(t.Context(), got.ID)
	if err != nil || made.Scope != (tokens.Scope{Tenant: "red", Domain: "red.example"}) || !slices.Equal(got.Tenants, []string{"red"}) {
		t.Errorf("a domain's token made one for %v (%v), shown as %v", made.Scope, err, got.Tenants)
	}
}
