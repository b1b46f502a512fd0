package accesstokens_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// TestBadBodies: each is refused with a sentence, in the class of what cannot
// be read or of what is not accepted.
func TestBadBodies(t *testing.T) {
	w := newWorld(t)
	one, value := w.put("ann")
	item := all + string(one.ID)
	user := func(identity string) string { return `{"user":` + identity + `}` }
	until := func(text string) string { return `{"user":"ann","expiration_time":` + text + `}` }
	const decode, invalid = "decode_error", "rest_invalid_request_error"
	for _, c := range []struct {
		name, method, body string
		status             int
		class, says        string
	}{
		{"nothing", "POST", "", 400, decode, "empty"},
		{"no JSON", "POST", "user=ann", 400, decode, "no JSON"},
		{"half of it", "POST", `{"user":`, 400, decode, "too early"},
		{"a list", "POST", `[{"user":"ann"}]`, 400, decode, "no JSON object"},
		{"null", "POST", `null`, 400, decode, "no JSON object"},
		{"two objects", "POST", `{"user":"ann"}{}`, 400, decode, "follows"},
		{"a member twice", "POST", `{"user":"ann","user":"svc"}`, 400, decode, "twice"},
		{"a member twice, inside", "POST", `{"user":{"name":"ann","name":"svc"}}`, 400, decode, "twice"},
		{"an unknown member", "POST", `{"user":"ann","enabled":true}`, 400, decode, "enabled"},
		{"too deep", "POST", user(strings.Repeat("[", 20) + strings.Repeat("]", 20)), 400, decode, "nested"},
		{"too large", "POST", user(`"` + strings.Repeat("x", 256<<10) + `"`), 413, invalid, "262144"},

		{"no user", "POST", `{}`, 400, decode, "user is missing"},
		{"a null user", "POST", user(`null`), 400, decode, "user is missing"},
		{"a number for a user", "POST", user(`1000`), 400, decode, "neither"},
		{"a list for a user", "POST", user(`["ann"]`), 400, decode, "list"},
		{"an empty user", "POST", user(`{}`), 400, decode, "nobody"},
		{"an empty string for a user", "POST", user(`""`), 400, decode, "0 bytes"},
		{"a domain alone", "POST", user(`{"domain":"LOCAL"}`), 400, decode, "nobody"},
		{"an unknown domain", "POST", user(`{"domain":"MARS","name":"ann"}`), 400, decode, "MARS"},
		{"an unknown member of a user", "POST", user(`{"name":"ann","email":"a@b"}`), 400, decode, "email"},
		{"a uid in quotation marks", "POST", user(`{"uid":"1000"}`), 400, decode, "uid"},
		{"a uid with a fraction", "POST", user(`{"uid":1000.5}`), 400, decode, "uid"},
		{"a uid below zero", "POST", user(`{"uid":-1}`), 400, decode, "uid"},
		{"a uid beyond 32 bits", "POST", user(`{"uid":4294967296}`), 400, decode, "uid"},
		{"a number for an auth_id", "POST", user(`{"auth_id":1002}`), 400, decode, "auth_id"},
		{"an auth_id that is none", "POST", user(`{"auth_id":"x"}`), 400, decode, "auth_id"},
		{"a SID that is none", "POST", user(`{"sid":"S-1"}`), 400, decode, "sid"},
		{"two colons", "POST", user(`"name:a:b"`), 400, decode, "colon"},
		{"an unknown prefix", "POST", user(`"mail:a"`), 400, decode, "mail"},
		{"a group by its gid", "POST", user(`{"gid":100}`), 400, invalid, "group"},
		{"a group by its name", "POST", user(`"ldap_group:staff"`), 400, invalid, "group"},
		{"everyone", "POST", user(`"world:Everyone"`), 400, invalid, "group"},
		{"a well-known group", "POST", user(`{"auth_id":"513"}`), 400, invalid, "group"},
		{"two users", "POST", user(`{"uid":2000}`), 400, invalid, "more than one"},
		{"nobody", "POST", user(`"nobody"`), 404, "auth_no_such_user_error", "no user"},
		{"nobody of that domain", "POST", user(`{"domain":"ACTIVE_DIRECTORY","name":"ann"}`), 404, "auth_no_such_user_error", "no user"},
		{"a user who is disabled", "POST", user(`"idle"`), 409, "rest_conflict_error", "disabled"},

		{"a time without a zone", "POST", until(`"2032-01-01T00:00:00"`), 400, decode, "zone"},
		{"a day", "POST", until(`"2032-01-01"`), 400, decode, "zone"},
		{"a time with a space", "POST", until(`"2032-01-01 00:00:00Z"`), 400, decode, "zone"},
		{"a zone by its name", "POST", until(`"2032-01-01T00:00:00 UTC"`), 400, decode, "zone"},
		{"an hour of one digit", "POST", until(`"2032-01-01T8:00:00Z"`), 400, decode, "zone"},
		{"a comma", "POST", until(`"2032-01-01T08:00:00,5Z"`), 400, decode, "zone"},
		{"a day that there is not", "POST", until(`"2031-02-29T00:00:00Z"`), 400, decode, "2031-02-29"},
		{"an offset that there is not", "POST", until(`"2032-01-01T00:00:00+24:00"`), 400, decode, "zone"},
		{"an offset of 60 minutes", "POST", until(`"2032-01-01T00:00:00+00:60"`), 400, decode, "zone"},
		{"seconds", "POST", until(`1950000000`), 400, decode, "1950000000"},
		{"an empty time", "POST", until(`""`), 400, decode, "zone"},
		{"true", "POST", until(`true`), 400, decode, "true"},
		{"a time that is over", "POST", until(`"2031-05-17T08:30:00.119Z"`), 400, invalid, "not in the future"},
		{"this very millisecond", "POST", until(`"2031-05-17T08:30:00.120Z"`), 400, invalid, "not in the future"},
		{"the first instant", "POST", until(`"0001-01-01T00:00:00Z"`), 400, invalid, "not in the future"},
		{"beyond all years", "POST", until(`"9999-12-31T23:59:59-12:00"`), 400, invalid, "9999"},

		{"a change with nothing", "PATCH", "", 400, decode, "empty"},
		{"a change with an unknown member", "PATCH", `{"name":"x"}`, 400, decode, "name"},
		{"a change of the user", "PATCH", `{"user":"svc"}`, 400, decode, "user"},
		{"enabled is null", "PATCH", `{"enabled":null}`, 400, decode, "enabled"},
		{"enabled is a string", "PATCH", `{"enabled":"true"}`, 400, decode, "enabled"},
		{"enabled is a number", "PATCH", `{"enabled":1}`, 400, decode, "enabled"},
		{"a change to a time without a zone", "PATCH", `{"expiration_time":"2032-01-01T00:00:00"}`, 400, decode, "zone"},
		{"a change to a time that is over", "PATCH", `{"expiration_time":"2031-05-17T08:30:00.120Z"}`, 400, invalid, "not in the future"},
		{"a good and a bad change", "PATCH", `{"enabled":false,"expiration_time":"x"}`, 400, decode, "zone"},
		{"a change to the first instant", "PATCH", `{"expiration_time":"0001-01-01T00:00:00Z"}`, 400, invalid, "not in the future"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			path := all
			if c.method == "PATCH" {
				path = item
			}
			if got := w.fails(c.status, c.class, c.method, path, "admin", c.body); !strings.Contains(got, c.says) {
				t.Errorf("%q says nothing of %q", got, c.says)
			}
		})
	}
	if _, err := w.service.Verify(t.Context(), tokens.Secret(value)); err != nil {
		t.Errorf("what was refused left a trace: %v", err)
	}
}

// TestBeyondTheCeiling: a longer wish is refused.
func TestBeyondTheCeiling(t *testing.T) {
	w := newWorld(t)
	one, _ := w.put("ann", ending(time.Minute))
	config := tokens.Default()
	config.MaxTTL = time.Hour
	w.service.Configure(config)
	const wish = `"expiration_time":"2031-05-17T09:30:00.121Z"`
	w.fails(400, "rest_invalid_request_error", "POST", all, "ann", `{"user":"ann",`+wish+`}`)
	w.fails(400, "rest_invalid_request_error", "PATCH", all+string(one.ID), "ann", `{`+wish+`}`)
}

// TestBadQueries: an argument that cannot be read is refused, not left out.
func TestBadQueries(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, query, says string }{
		{"limit 0", "limit=0", "limit"}, {"many zeros", "limit=000", "limit"}, {"a limit below zero", "limit=-1", "limit"},
		{"a limit with a sign", "limit=%2B5", "limit"}, {"no number", "limit=ten", "ten"}, {"an empty limit", "limit=", "limit"},
		{"a limit with a fraction", "limit=1.5", "limit"}, {"a limit in hex", "limit=0x10", "limit"}, {"two limits", "limit=1&limit=2", "2 times"},
		{"an empty user", "user=", "0 bytes"}, {"two users", "user=ann&user=svc", "2 times"}, {"a user in JSON", "user=%7B%22name%22%3A%22ann%22%7D", "begins with"},
		{"an unknown prefix", "user=mail:ann", "mail"}, {"a group", "user=gid:100", "group"}, {"everyone", "user=world:everyone", "group"},
		{"more than one user", "user=uid:2000", "more than one"}, {"a uid that is none", "user=uid:x", "uid"},
		{"a cursor that is none", "after=x", "cursor"}, {"two cursors", "after=a&after=b", "2 times"},
		{"half an escape", "user=%4", "query"}, {"a semicolon", "user=ann;limit=1", "query"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			if got := w.fails(400, "rest_invalid_request_error", "GET", all+"?"+c.query, "admin", ""); !strings.Contains(got, c.says) {
				t.Errorf("%q says nothing of %q", got, c.says)
			}
		})
	}
}

// TestPathsTakeIDs: a value, and whatever else is no public id, names nothing.
func TestPathsTakeIDs(t *testing.T) {
	w := newWorld(t)
	one := w.make("ann", "ann")
	plainToken, value := w.put("ann", by(tokens.ContentGateway), in("red"))
	w.told()
	for _, text := range []string{
		value, "access-v1:x", strings.ReplaceAll(one.BearerToken, "/", "%2F"), strings.Repeat("1", 19), strings.Repeat("1", 25), strings.Repeat("1", 22),
		"%00", "..%2F", one.ID + "%20", "-" + one.ID, one.ID[:21] + "x",
	} {
		for _, call := range []struct{ method, body string }{{"GET", ""}, {"PATCH", `{"enabled":false}`}, {"DELETE", ""}} {
			if says := w.fails(404, "rest_not_found_error", call.method, all+text, "ann", call.body); strings.Contains(says, text) {
				t.Errorf("%q is told back: %q", text, says)
			}
		}
	}
	w.expect(200, "GET", all+string(plainToken.ID), "ann", "")
}

// TestOtherFailures: what is not the client's fault, and what no API decides.
func TestOtherFailures(t *testing.T) {
	w := newWorld(t)
	one, _ := w.put("ann")
	for _, c := range []struct {
		name   string
		err    error
		status int
		class  string
	}{
		{"a store that fails", errors.New("disk on fire"), 503, "http_service_unavailable_error"},
		{"a store that is too slow", context.DeadlineExceeded, 503, "http_service_unavailable_error"},
		{"a store without room", fmt.Errorf("put: %w", tokens.ErrStoreFull), 507, "http_insufficient_storage_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.store.err = c.err
			defer func() { w.store.err = nil }()
			w.fails(c.status, c.class, "POST", all, "ann", `{"user":"ann"}`)
			w.fails(c.status, c.class, "PATCH", all+string(one.ID), "ann", `{"enabled":false}`)
			w.fails(c.status, c.class, "DELETE", all+string(one.ID), "ann", "")
			w.fails(c.status, c.class, "GET", all, "ann", "")
		})
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+all, strings.NewReader("user=ann"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/plain")
	r.SetBasicAuth("ann", "any")
	answer, err := w.server.Client().Do(r)
	if err != nil || answer.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form gets %v, %v", answer, err)
	}
	answer.Body.Close()
}
