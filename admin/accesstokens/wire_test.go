package accesstokens

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// TestClasses: every status has a class, and what is known of an error counts
// where the status agrees.
func TestClasses(t *testing.T) {
	broken := undecodable(api.Invalid("x"))
	for _, c := range []struct {
		name   string
		status int
		err    error
		want   string
	}{
		{"what cannot be read", 400, broken, "decode_error"},
		{"what is not accepted", 400, tokens.Invalid("x"), "rest_invalid_request_error"},
		{"nobody", 401, tokens.ErrAnonymous, "http_unauthorized_error"},
		{"not allowed", 403, tokens.ErrPermission, "auth_not_authorized_error"},
		{"nothing", 404, tokens.ErrUnknown, "rest_not_found_error"},
		{"no such user", 404, noUser(accounts.ErrNoSuchUser), "auth_no_such_user_error"},
		{"one too many", 409, tokens.ErrTooMany, "auth_access_token_limit_reached_error"},
		{"another conflict", 409, tokens.ErrName, "rest_conflict_error"},
		{"changed meanwhile", 412, tokens.ErrConflict, "rest_invalid_request_error"},
		{"too large", 413, broken, "rest_invalid_request_error"},
		{"no JSON", 415, broken, "rest_invalid_request_error"},
		{"too many password checks", 429, accounts.ErrBusy, "http_too_many_requests_error"},
		{"a fault", 500, errors.New("x"), "http_service_unavailable_error"},
		{"no store", 503, errors.New("x"), "http_service_unavailable_error"},
		{"no store, whatever was read", 503, broken, "http_service_unavailable_error"},
		{"no room", 507, tokens.ErrStoreFull, "http_insufficient_storage_error"},
	} {
		if got := classOf(c.status, c.err); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	if undecodable(nil) != nil {
		t.Error("no error became one")
	}
	if err := errors.New("x"); !errors.Is(noUser(err), err) {
		t.Error("an unknown error got lost")
	}
}

// TestLimits: a number that is too large for a page is as much as a page can
// hold, however large it is.
func TestLimits(t *testing.T) {
	for text, want := range map[string]int{
		"1": 1, "007": 7, "999": 999, "1000": 1000, "1001": 1000, "9223372036854775808": 1000, "99999999999999999999999999": 1000,
		"": 0, "0": 0, "00": 0, "-1": 0, "+1": 0, "1 ": 0, "1e3": 0, "٣": 0,
	} {
		got, err := limitOf(text)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
}

// isComplaint reports whether an error says to the client what is wrong.
func isComplaint(err error) bool {
	var own *api.Error
	var invalid *tokens.InvalidError
	return errors.As(err, &own) && own.Status < http.StatusInternalServerError && own.Detail != "" || errors.As(err, &invalid) && invalid.Reason != ""
}

func FuzzCreation(f *testing.F) {
	for _, seed := range []string{
		`{"user":{"domain":"LOCAL","auth_id":"1002","uid":null,"gid":null,"sid":"S-1-5-21-1-2-3-1002","name":"svc"},"expiration_time":"2032-01-01T00:00:00+00:00"}`,
		`{"user":"auth_id:0x3ea"}`, `{"user":{"uid":1000},"expiration_time":null}`, `{"user":"AD\\ann"}`, `{}`, `{"user":null}`, `[]`, "",
		`{"user":{"name":"a"},"expiration_time":"2032-01-01"}`, `{"USER":"a"}`, `{"user":"a","user":"b"}`, `{"user":"a","expiration_time":"0001-01-01T00:00:00Z"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b creation
		if err := api.Decode([]byte(text), &b); err != nil {
			if !isComplaint(err) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		id, err := b.identity()
		if err != nil && !isComplaint(err) {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && id.AuthID == "" && id.UID == nil && id.GID == nil && id.SID == "" && id.Name == "" {
			t.Errorf("%q names nobody", text)
		}
		life, err := b.lifetime()
		checkLife(t, text, life, err)
	})
}

// checkLife: never and a time are two different wishes, and the empty wish,
// which would get a default, is none of this API's.
func checkLife(t *testing.T, text string, life tokens.Lifetime, err error) {
	t.Helper()
	switch {
	case err != nil && !isComplaint(err):
		t.Errorf("%q: %v", text, err)
	case err == nil && (life.Never == !life.Until.IsZero() || life.Past || life.Yields):
		t.Errorf("%q wishes %+v", text, life)
	}
}

func FuzzAlteration(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"enabled":true}`, `{"enabled":null}`, `{"expiration_time":null}`, `{"enabled":false,"expiration_time":"2032-01-01T00:00:00Z"}`,
		`{"expiration_time":"2032-01-01T00:00:00"}`, `{"enabled":"no"}`, `{"enabled":tru}`, `null`, `{"user":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b alteration
		if err := api.Decode([]byte(text), &b); err != nil {
			return
		}
		c, err := b.change()
		if err != nil {
			if !isComplaint(err) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		for name, value := range members {
			if strings.EqualFold(name, "enabled") && (c.Enabled == nil || *c.Enabled != value) {
				t.Errorf("%q gives %+v", text, c)
			}
		}
		if c.Lifetime != nil {
			checkLife(t, text, *c.Lifetime, nil)
		}
		if (c.Lifetime != nil) != c.Revive || c.Revive != (c.Most == maxTokens) {
			t.Errorf("%q revives more than there may be: %+v", text, c)
		}
	})
}

func FuzzListing(f *testing.F) {
	for _, seed := range []string{
		"", "user=ann", "user=uid%3A1000&limit=5", "limit=1000", "limit=1001", "limit=99999999999999999999", "after=abc&user=AD%5Cann", "user=&limit=0",
		"limit=1&limit=2", "user=%zz", "_token=x&limit=007", "user=S-1-5-88-1-1000", "user=a;b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		l, err := listingOf(raw)
		if err != nil {
			if !isComplaint(err) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		if l.limit < 0 || l.limit > tokens.MaxLimit {
			t.Errorf("%q: limit %d", raw, l.limit)
		}
		if l.next("") != "" {
			t.Errorf("%q has a page after the last", raw)
		}
		u, err := url.Parse(l.next("there"))
		if err != nil || u.Path != root+"/" {
			t.Fatalf("%q: %q, %v", raw, l.next("there"), err)
		}
		again, err := listingOf(u.RawQuery)
		if err != nil || again.user != l.user || again.limit != l.limit || again.after != "there" {
			t.Errorf("%q goes on as %+v, %v", raw, again, err)
		}
	})
}

// TestTimes: what is printed is read, and is the same time.
func TestTimes(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2031, 5, 17, 8, 30, 0, 0, time.UTC), time.Date(2031, 5, 17, 8, 30, 0, 120_000_000, time.UTC),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC),
		time.Date(2031, 5, 17, 8, 30, 0, 0, time.FixedZone("", 5400)),
	} {
		text := printed(at)
		got, err := lifetimeOf(json.RawMessage(`"` + text + `"`))
		if err != nil || !got.Until.Equal(at) || !strings.HasSuffix(text, "Z") {
			t.Errorf("%v is printed as %s and read as %v, %v", at, text, got.Until, err)
		}
	}
}
