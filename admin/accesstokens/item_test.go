package accesstokens_test

import (
	"testing"
	"time"

	"tollgate/tokens"
)

// TestLifetimes: no end if nothing is said, and never more than is allowed.
func TestLifetimes(t *testing.T) {
	for _, c := range []struct {
		name, wish string // wish: the rest of the body
		most       time.Duration
		want       string // empty = never
	}{
		{"absent", ``, 0, ""},
		{"null", `,"expiration_time":null`, 0, ""},
		{"absent, with a ceiling", ``, time.Hour, "2031-05-17T09:30:00.12Z"},
		{"null, with a ceiling", `,"expiration_time":null`, time.Hour, "2031-05-17T09:30:00.12Z"},
		{"a time", `,"expiration_time":"2031-05-17T09:00:00Z"`, 0, "2031-05-17T09:00:00Z"},
		{"a time with an offset", `,"expiration_time":"2031-05-17T09:00:00-01:30"`, 0, "2031-05-17T10:30:00Z"},
		{"a time with a fraction", `,"expiration_time":"2031-05-17T09:00:00.250Z"`, 0, "2031-05-17T09:00:00.25Z"},
		{"a time at the ceiling", `,"expiration_time":"2031-05-17T09:30:00.12Z"`, time.Hour, "2031-05-17T09:30:00.12Z"},
		{"the next millisecond", `,"expiration_time":"2031-05-17T08:30:00.121Z"`, 0, "2031-05-17T08:30:00.121Z"},
	} {
		for _, how := range []string{"made", "changed"} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				w := newWorld(t)
				config := tokens.Default()
				config.MaxTTL = c.most
				w.service.Configure(config)
				var id string
				if how == "made" {
					id = read[made](t, w.expect(200, "POST", all, "ann", `{"user":"ann"`+c.wish+`}`)).ID
				} else {
					one, _ := w.put("ann")
					id = string(one.ID)
					if c.wish == "" {
						return
					}
					w.expect(200, "PATCH", all+id, "ann", "{"+c.wish[1:]+"}")
				}
				got := read[entry](t, w.expect(200, "GET", all+id, "ann", ""))
				switch {
				case (got.ExpirationTime == nil) != (c.want == ""):
					t.Errorf("got %v, want %q", got.ExpirationTime, c.want)
				case got.ExpirationTime != nil && *got.ExpirationTime != c.want:
					t.Errorf("got %q, want %q", *got.ExpirationTime, c.want)
				}
			})
		}
	}
}

// TestWhatIsThere: which token of whose API can be shown, changed and deleted
// in which state.
func TestWhatIsThere(t *testing.T) {
	expired := ending(-time.Second)
	for _, c := range []struct {
		name                              string
		change                            []func(*tokens.Token)
		show, nothing, enable, move, gone int
	}{
		{"active", nil, 200, 200, 200, 200, 200},
		{"pending", []func(*tokens.Token){func(t *tokens.Token) { t.NotBefore = begin().Add(time.Hour) }}, 200, 200, 200, 200, 200},
		{"disabled", []func(*tokens.Token){disabled}, 200, 200, 200, 200, 200},
		{"expired", []func(*tokens.Token){expired}, 200, 200, 200, 200, 404},
		{"expired and disabled", []func(*tokens.Token){expired, disabled}, 200, 200, 200, 200, 404},
		{"revoked", []func(*tokens.Token){revoked}, 404, 404, 404, 404, 404},
		{"revoked and then expired", []func(*tokens.Token){revoked, expired}, 404, 404, 404, 404, 404},
		{"used up", []func(*tokens.Token){usedUp, by(tokens.Management)}, 404, 404, 404, 404, 404},
		{"active, of another API", []func(*tokens.Token){by(tokens.UserTokens)}, 200, 200, 200, 200, 200},
		{"expired, of another API", []func(*tokens.Token){expired, by(tokens.UserTokens)}, 404, 404, 404, 404, 404},
	} {
		for _, call := range []struct {
			name, method, body string
			want               int
		}{
			{"show", "GET", "", c.show}, {"change nothing", "PATCH", `{}`, c.nothing},
			{"disable", "PATCH", `{"enabled":false}`, c.enable}, {"enable", "PATCH", `{"enabled":true}`, c.enable},
			{"move the end", "PATCH", `{"expiration_time":"2031-06-01T00:00:00Z"}`, c.move},
			{"take the end away", "PATCH", `{"expiration_time":null}`, c.move},
			{"delete", "DELETE", "", c.gone},
		} {
			t.Run(c.name+"/"+call.name, func(t *testing.T) {
				w := newWorld(t)
				one, _ := w.put("svc", c.change...)
				if call.want != 200 {
					w.fails(call.want, "rest_not_found_error", call.method, all+string(one.ID), "manager", call.body)
					return
				}
				w.expect(200, call.method, all+string(one.ID), "manager", call.body)
			})
		}
	}
}

// TestExpired: another end brings a token back, being enabled alone does not,
// and neither makes more than two.
func TestExpired(t *testing.T) {
	w := newWorld(t)
	one := read[made](t, w.expect(200, "POST", all, "manager", `{"user":"svc","expiration_time":"2031-05-17T09:00:00Z"}`))
	verify := func() error {
		_, err := w.service.Verify(t.Context(), tokens.Secret(one.BearerToken))
		return err
	}
	w.pass(30 * time.Minute)
	if verify() == nil {
		t.Fatal("it authenticates at its end")
	}
	w.expect(200, "PATCH", all+one.ID, "manager", `{"enabled":false}`)
	got := read[entry](t, w.expect(200, "PATCH", all+one.ID, "manager", `{"enabled":true}`))
	if !got.Enabled || *got.ExpirationTime != "2031-05-17T09:00:00Z" || verify() == nil {
		t.Errorf("got %+v", got)
	}
	two, three := w.make("manager", "svc"), w.make("manager", "svc")
	w.told()
	w.fails(409, "auth_access_token_limit_reached_error", "PATCH", all+one.ID, "manager", `{"expiration_time":null}`)
	w.expect(200, "DELETE", all+two.ID, "manager", "")
	got = read[entry](t, w.expect(200, "PATCH", all+one.ID, "manager", `{"expiration_time":"2031-05-17T12:00:00Z"}`))
	if *got.ExpirationTime != "2031-05-17T12:00:00Z" || verify() != nil {
		t.Errorf("got %+v, %v", got, verify())
	}
	w.expect(200, "PATCH", all+three.ID, "manager", `{"expiration_time":"2031-05-17T12:00:00Z"}`)
	w.told()
	w.fails(409, "auth_access_token_limit_reached_error", "POST", all, "manager", `{"user":"svc"}`)
}

// TestChangesAreIndependent: what is not named stays.
func TestChangesAreIndependent(t *testing.T) {
	w := newWorld(t)
	one, _ := w.put("svc", ending(time.Hour))
	for _, step := range []struct {
		body, expires string // expires: empty = never
		enabled       bool
		told          string
	}{
		{`{}`, "2031-05-17T09:30:00.12Z", true, ""},
		{`{"enabled":false}`, "2031-05-17T09:30:00.12Z", false, "changed svc"},
		{`{}`, "2031-05-17T09:30:00.12Z", false, ""},
		{`{"expiration_time":"2031-05-18T00:00:00Z"}`, "2031-05-18T00:00:00Z", false, "changed svc"},
		{`{"expiration_time":null}`, "", false, "changed svc"},
		{`{"enabled":true,"expiration_time":"2031-05-17T08:31:00Z"}`, "2031-05-17T08:31:00Z", true, "changed svc"},
	} {
		got := read[entry](t, w.expect(200, "PATCH", all+string(one.ID), "manager", step.body))
		var expires string
		if got.ExpirationTime != nil {
			expires = *got.ExpirationTime
		}
		if told := w.told(); expires != step.expires || got.Enabled != step.enabled || told != step.told {
			t.Errorf("%s: got %q, %v and told %q", step.body, expires, got.Enabled, told)
		}
	}
}

// TestNoWider: nobody mints or prolongs beyond what he has himself.
func TestNoWider(t *testing.T) {
	w := newWorld(t)
	narrow := func(t *tokens.Token) {
		t.Allowed = tokens.Allowances{{Permissions: tokens.StorageRead | tokens.TokensAll, Resources: []tokens.Resource{"bucket"}}}
	}
	_, value := w.put("ann", by(tokens.Management), in("red"), ending(time.Hour), narrow)
	as := "Bearer " + value
	one := read[made](t, w.expect(200, "POST", all, as, `{"user":"ann"}`))
	got, err := w.store.ByID(t.Context(), tokens.ID(one.ID))
	if err != nil || len(got.Allowed) != 1 || len(got.Allowed[0].Resources) != 1 || got.Scope.Tenant != "red" || !got.Expires.Equal(begin().Truncate(time.Millisecond).Add(time.Hour)) {
		t.Errorf("got %+v", got)
	}
	w.told()
	w.fails(400, "rest_invalid_request_error", "POST", all, as, `{"user":"ann","expiration_time":"2032-01-01T00:00:00Z"}`)
	w.fails(403, "auth_not_authorized_error", "PATCH", all+one.ID, as, `{"expiration_time":null}`)
	wide, _ := w.put("ann", disabled)
	w.fails(403, "auth_not_authorized_error", "PATCH", all+string(wide.ID), as, `{"enabled":true}`)
	w.fails(403, "auth_not_authorized_error", "POST", all, "manager", `{"user":"strong"}`)
}
