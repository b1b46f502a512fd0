package filerepository_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestATokenIsAsNarrowAsItWasAskedFor(t *testing.T) {
	network := netip.MustParsePrefix
	for _, c := range []struct {
		name, body string
		allowed    tokens.Allowances
		only       tokens.Restrictions
	}{
		{
			"a role without limits",
			`{"roles":["view.any_file"]}`,
			tokens.Allowances{{Permissions: tokens.StorageRead}}, tokens.Restrictions{},
		}, {
			"null is no limit",
			`{"roles":["view.any_file"],"data":null,"expires":null}`,
			tokens.Allowances{{Permissions: tokens.StorageRead}}, tokens.Restrictions{},
		}, {
			"null is no limit in the data",
			`{"roles":["view.any_file"],"data":{"tags":null,"allowedMimeTypes":null,"maxAllowedFileSize":null,"allowedUserAgents":null,"allowedIpAddresses":null}}`,
			tokens.Allowances{{Permissions: tokens.StorageRead}}, tokens.Restrictions{},
		}, {
			"empty is no limit",
			`{"roles":["view.any_file"],"data":{"tags":[],"allowedMimeTypes":[],"maxAllowedFileSize":0,"allowedUserAgents":[],"allowedIpAddresses":[]}}`,
			tokens.Allowances{{Permissions: tokens.StorageRead}}, tokens.Restrictions{},
		}, {
			"roles add up",
			`{"roles":["view.any_file","view.files_from_all_tags","deletion.all_files_including_protected_and_unprotected"]}`,
			tokens.Allowances{{Permissions: tokens.StorageRead | tokens.StorageList | tokens.StorageDelete}}, tokens.Restrictions{},
		}, {
			"an upload is for what is new",
			`{"roles":["upload.all"]}`,
			tokens.Allowances{{Permissions: tokens.StorageAppend}}, tokens.Restrictions{},
		}, {
			"an upload that may overwrite",
			`{"roles":["upload.all","security.overwrite"]}`,
			tokens.Allowances{{Permissions: tokens.StorageWrite | tokens.StorageAppend}}, tokens.Restrictions{},
		}, {
			"a single upload",
			`{"roles":["upload.all","upload.only_once_successful"]}`,
			tokens.Allowances{{Permissions: tokens.StorageAppend}}, tokens.Restrictions{Uses: 1},
		}, {
			"types take the place of the role's",
			`{"roles":["upload.images"],"data":{"allowedMimeTypes":["Application/PDF","text/*"]}}`,
			tokens.Allowances{{Permissions: tokens.StorageAppend}}, tokens.Restrictions{Types: []string{"application/pdf", "text/*"}},
		}, {
			"every limit",
			`{"roles":["upload.all"],"data":{"tags":["a","b=c"],"allowedMimeTypes":["image/png"],"maxAllowedFileSize":14579,"allowedUserAgents":["curl/8.0","a*"],"allowedIpAddresses":["192.168.1.10","10.1.2.3/8","2001:db8::1","::ffff:192.0.2.7"]}}`,
			tokens.Allowances{{Permissions: tokens.StorageAppend}},
			tokens.Restrictions{
				Tags: []string{"a", "b=c"}, Types: []string{"image/png"}, SizeBelow: 14579,
				Agents:    []tokens.Agent{{Text: "curl/8.0"}, {Text: "a*"}},
				Addresses: []netip.Prefix{network("192.168.1.10/32"), network("10.0.0.0/8"), network("2001:db8::1/128"), network("192.0.2.7/32")},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			got := w.record(w.generate("ann", c.body).TokenID)
			if !reflect.DeepEqual(got.Allowed, c.allowed) {
				t.Errorf("allowed: got %v, want %v", got.Allowed, c.allowed)
			}
			if !reflect.DeepEqual(got.Only, c.only) {
				t.Errorf("only: got %+v, want %+v", got.Only, c.only)
			}
		})
	}
}

func TestTheTypesOfARole(t *testing.T) {
	w := newWorld(t)
	only := w.record(w.generate("ann", `{"roles":["upload.images"]}`).TokenID).Only
	if !only.AcceptsType("image/png") || only.AcceptsType("text/html") {
		t.Errorf("got %v", only.Types)
	}
}

func TestARecordSaysWhoseTokenItIs(t *testing.T) {
	w := newWorld(t)
	m := w.generate("ann", `{"roles":["view.any_file","upload.images","view.any_file"]}`)
	got := w.record(m.TokenID)
	if !uuid.MatchString(m.TokenID) || len(m.TokenID) != 36 {
		t.Errorf("the value %q is no UUID", m.TokenID)
	}
	if got.API != tokens.FileRepository || got.Owner != "ann" || got.Creator != "ann" || got.Scope != (tokens.Scope{Tenant: tokens.AnyTenant}) || len(got.Tenants) > 0 {
		t.Errorf("got %+v", got)
	}
	if want := []string{"view.any_file", "upload.images", "view.any_file"}; !slices.Equal(got.Roles, want) {
		t.Errorf("roles: got %v, want them as asked, %v", got.Roles, want)
	}
	if len(w.issued) != 1 || w.issued[0].ID != got.ID {
		t.Errorf("the hook was told of %v", w.issued)
	}
}

func TestTheAnswerIsForNoCache(t *testing.T) {
	w := newWorld(t)
	answer := w.send("ann", http.MethodPost, "/auth/token/generate/", `{"roles":["view.any_file"]}`)
	if answer.StatusCode != http.StatusAccepted || answer.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		t.Errorf("got %d %v", answer.StatusCode, answer.Header)
	}
	if id := answer.Header.Get("Gateway-Token-Id"); !tokens.IsID(id) || strings.Contains(answer.body, id) {
		t.Errorf("the public id is %q, the body %s", id, answer.body)
	}
}

// A token for collections alone is good for nothing here, whoever makes it.
func TestRolesThatGrantNothing(t *testing.T) {
	for _, as := range []string{"ann", "admin", "reader", "remover"} {
		t.Run(as, func(t *testing.T) {
			w := newWorld(t)
			value := w.generate(as, `{"roles":["collections.create_new"]}`).TokenID
			s, err := w.tokens.Verify(t.Context(), tokens.Secret(value))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(w.issued[0].Allowed); n != 0 {
				t.Errorf("it was given %d grants", n)
			}
			for name, p := range map[string]tokens.Permissions{"read": tokens.StorageRead, "list": tokens.StorageList, "write": tokens.StorageWrite, "append": tokens.StorageAppend, "delete": tokens.StorageDelete} {
				for _, reach := range []tokens.Reach{tokens.Exact, tokens.Under, tokens.Whole, tokens.Within} {
					action := tokens.Action{Place: tokens.Scope{Tenant: "red"}, Needs: p, Resource: "bucket/file", Reach: reach}
					if _, err := tokens.Authorise(s, action); err == nil {
						t.Errorf("%s is allowed, reach %d", name, reach)
					}
				}
			}
			for _, path := range []string{"/auth/token/" + value, "/auth/token/" + adminToken} {
				if answer := w.send("token:"+value, http.MethodGet, path, ""); answer.StatusCode != http.StatusForbidden {
					t.Errorf("it may look up %s: %d", path, answer.StatusCode)
				}
			}
		})
	}
}

func TestWhenTokensEnd(t *testing.T) {
	hour := func(c *tokens.Config) { c.MaxTTL = time.Hour }
	none := func(*tokens.Config) {}
	for _, c := range []struct {
		name    string
		ceiling func(*tokens.Config)
		expires string
		status  int
		want    string
	}{
		{"absent is half an hour", none, ``, 202, "2031-05-17 09:00:00"},
		{"null is half an hour", none, `,"expires":null`, 202, "2031-05-17 09:00:00"},
		{"empty is half an hour", none, `,"expires":""`, 202, "2031-05-17 09:00:00"},
		{"auto is half an hour", none, `,"expires":"auto"`, 202, "2031-05-17 09:00:00"},
		{"never is twenty years", none, `,"expires":"never"`, 202, "2051-05-17 08:30:00"},
		{"a span", none, `,"expires":"+1 week"`, 202, "2031-05-24 08:30:00"},
		{"a past time is dead at birth", none, `,"expires":"2020-05-05"`, 202, "2020-05-05 00:00:00"},
		{"never is cut to the ceiling", hour, `,"expires":"never"`, 202, "2031-05-17 09:30:00"},
		{"up to the ceiling", hour, `,"expires":"+1 hour"`, 202, "2031-05-17 09:30:00"},
		{"beyond the ceiling", hour, `,"expires":"+61 minutes"`, 400, "later than the longest lifetime"},
		{"a past time under a ceiling", hour, `,"expires":"2020-05-05"`, 202, "2020-05-05 00:00:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.ceiling)
			answer := w.send("ann", http.MethodPost, "/auth/token/generate", `{"roles":["view.any_file"]`+c.expires+`}`)
			if answer.StatusCode != c.status || !strings.Contains(answer.body, c.want) {
				t.Fatalf("got %d %s", answer.StatusCode, answer.body)
			}
			if c.status == http.StatusBadRequest {
				isField(t, answer.body, "expires", c.want)
				return
			}
			if got := w.issued[0].Expires.Format(time.DateTime); got != c.want {
				t.Errorf("the record ends at %s", got)
			}
		})
	}
}

// A token's life is counted from the instant at which its end was reckoned.
func TestTheClockIsReadOnce(t *testing.T) {
	w := newWorld(t)
	w.step = time.Second
	got := w.record(w.generate("ann", `{"roles":["view.any_file"]}`).TokenID)
	if life := got.Expires.Sub(got.Created.Truncate(time.Second)); life != 30*time.Minute {
		t.Errorf("it lives %v", life)
	}
}

func TestAPastTokenDoesNotAuthenticate(t *testing.T) {
	w := newWorld(t)
	m := w.generate("ann", `{"roles":["view.any_file"],"expires":"2020-05-05 08:00:00"}`)
	if answer := w.send("token:"+m.TokenID, http.MethodGet, "/auth/roles", ""); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d %s", answer.StatusCode, answer.body)
	}
}

// Nobody mints more than he has, and no token mints that was not given it.
func TestWhoMayGenerate(t *testing.T) {
	const deny = "Current token does not allow to generate tokens"
	for _, c := range []struct {
		name, as string // as: a user, or what a token of ann's is made of first
		body     string
		want     int
	}{
		{"a user what he has", "ann", `{"roles":["upload.all","security.overwrite"]}`, 202},
		{"a user more than he has", "reader", `{"roles":["upload.all"]}`, 403},
		{"a user a right to look up that he has not", "ann", `{"roles":["security.authentication_lookup"]}`, 403},
		{"a user one that he has", "auditor", `{"roles":["security.authentication_lookup"]}`, 202},
		{"a user everything", "ann", `{"roles":["security.administrator"]}`, 403},
		{"an administrator everything", "admin", `{"roles":["security.administrator"]}`, 202},
		{"a token that is not narrowed", "token:" + adminToken, `{"roles":["security.administrator"]}`, 202},
		{"nobody", "", `{"roles":["view.any_file"]}`, 401},
		{"a token that was not given it", `{"roles":["view.any_file"]}`, `{"roles":["view.any_file"]}`, 403},
		{"a token that was given it", `{"roles":["view.any_file","security.generate_tokens"]}`, `{"roles":["view.any_file"]}`, 202},
		{"a token of one that was given it, more", `{"roles":["view.any_file","security.generate_tokens"]}`, `{"roles":["upload.all"]}`, 403},
		{"a token for collections that was given it, for collections", `{"roles":["collections.create_new","security.generate_tokens"]}`, `{"roles":["collections.create_new"]}`, 202},
		{"a token for collections", `{"roles":["collections.create_new"]}`, `{"roles":["collections.create_new"]}`, 403},
		{"a token of an administrator's, everything", `{"roles":["security.administrator"]}`, `{"roles":["security.administrator"]}`, 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			as := c.as
			if strings.HasPrefix(as, "{") {
				as = "token:" + w.generate("admin", as).TokenID
				w.issued = nil
			}
			answer := w.send(as, http.MethodPost, "/auth/token/generate", c.body)
			if answer.StatusCode != c.want || len(w.issued) != 0 != (c.want == http.StatusAccepted) {
				t.Fatalf("got %d %s, issued %d", answer.StatusCode, answer.body, len(w.issued))
			}
			if c.want == http.StatusForbidden && !strings.Contains(answer.body, deny) {
				t.Errorf("the answer does not say why: %s", answer.body)
			}
		})
	}
}

func TestWhatANarrowedTokenMintsIsAsNarrow(t *testing.T) {
	w := newWorld(t)
	parent := w.generate("admin", `{"roles":["upload.all","security.generate_tokens"],"data":{"tags":["a"],"allowedMimeTypes":["image/*"],"maxAllowedFileSize":100,"allowedIpAddresses":["10.0.0.0/8"]},"expires":"+1 hour"}`)
	child := w.record(w.generate("token:"+parent.TokenID, `{"roles":["upload.all"],"data":{"allowedMimeTypes":["image/png"]},"expires":"never"}`).TokenID)
	if child.Only.SizeBelow != 100 || !slices.Equal(child.Only.Tags, []string{"a"}) || !slices.Equal(child.Only.Types, []string{"image/png"}) || len(child.Only.Addresses) != 1 {
		t.Errorf("got %+v", child.Only)
	}
	if got := child.Expires.Format(time.DateTime); got != parent.Expires {
		t.Errorf("it ends at %s, the one that made it at %s", got, parent.Expires)
	}
	for _, c := range []struct{ name, body, field string }{
		{"a wider type", `{"roles":["upload.all"],"data":{"allowedMimeTypes":["text/plain"]}}`, ""},
		{"a larger size", `{"roles":["upload.all"],"data":{"maxAllowedFileSize":101}}`, ""},
		{"another address", `{"roles":["upload.all"],"data":{"allowedIpAddresses":["11.0.0.1"]}}`, ""},
		{"another tag", `{"roles":["upload.all"],"data":{"tags":["b"]}}`, ""},
		{"a later end", `{"roles":["upload.all"],"expires":"+2 hours"}`, "expires"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := w.send("token:"+parent.TokenID, http.MethodPost, "/auth/token/generate", c.body)
			if c.field != "" {
				isField(t, answer.body, c.field, "after the end of the token that asks")
				return
			}
			if answer.StatusCode != http.StatusForbidden {
				t.Errorf("got %d %s", answer.StatusCode, answer.body)
			}
		})
	}
}

// isField fails the test unless the body is the file repository's complaint
// about exactly that field.
func isField(t *testing.T, body, field, says string) {
	t.Helper()
	var got struct {
		Status   string              `json:"status"`
		HTTPCode int                 `json:"http_code"`
		ExitCode int                 `json:"exit_code"`
		Fields   map[string][]string `json:"fields"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if got.Status != "Validation error" || got.HTTPCode != 400 || got.ExitCode != 400 || len(got.Fields) != 1 || len(got.Fields[field]) != 1 {
		t.Fatalf("want a complaint about %s, got %s", field, body)
	}
	if !strings.Contains(got.Fields[field][0], says) {
		t.Errorf("the sentence %q does not say %q", got.Fields[field][0], says)
	}
}
