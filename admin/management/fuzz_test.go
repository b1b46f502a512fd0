package management

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// isRefusal fails the test unless err is one for whoever sent it.
func isRefusal(t *testing.T, err error) {
	t.Helper()
	var own *api.Error
	var invalid *tokens.InvalidError
	if !errors.As(err, &own) && !errors.As(err, &invalid) && !errors.Is(err, tokens.ErrPermission) {
		t.Errorf("%v is no refusal", err)
	}
}

func seeds(f *testing.F, texts ...string) {
	for _, text := range append(texts, ``, `{}`, `[]`, `null`, `{"a":1}`, `{"name":1,"name":2}`, strings.Repeat(`{"a":`, 40), "{\"\xff\":1}") {
		f.Add(text)
	}
}

// FuzzCreation: whatever becomes an order has grants and restrictions that a
// token can have, and was not wider than what was said.
func FuzzCreation(f *testing.F) {
	seeds(f, `{"name":"n","description":"d","metadata":{"a":"b"},"tenant":"red","domain":"red.example.com","lifetime":"1h","not_before":"2031-05-17T08:45:00Z"}`,
		`{"roles":["upload.images"],"permissions":["storage.read"],"resources":["a/"],"restrictions":{"addresses":["10.0.0.0/8"],"user_agents":["a"],"user_agent_patterns":["*"],"mime_types":["a/b"],"tags":["t"],"max_size":1,"max_uses":1}}`,
		`{"grants":[{"permissions":["*.*"],"resources":["b"]}],"expires_at":null,"format":"prefixed","s3":true,"owner":"reader"}`)
	w := newWorld(f)
	who := w.callerOf("ann")
	f.Fuzz(func(t *testing.T, text string) {
		var b creation
		if err := decode([]byte(text), &b); err != nil {
			isRefusal(t, err)
			return
		}
		o, err := w.api.order(who, &b)
		if err != nil {
			isRefusal(t, err)
			return
		}
		for _, r := range []struct {
			said  bool
			taken bool
		}{
			{b.Grants != nil || b.Permissions != nil || b.Roles != nil || b.Resources != nil, len(o.Allowed) > 0},
			{b.Tenant != nil && *b.Tenant != tokens.AnyTenant, o.Scope.Tenant != tokens.AnyTenant}, {b.Tenants != nil, len(o.Tenants) > 0},
			{b.Domain != nil, o.Scope.Domain != ""}, {b.given(), o.Lifetime != tokens.Lifetime{}},
		} {
			if r.said && !r.taken {
				t.Errorf("%s became %+v", text, o)
			}
		}
		if b.Resources != nil && !o.Allowed.Placed() {
			t.Errorf("%s became %v", text, o.Allowed)
		}
	})
}

func FuzzAlteration(f *testing.F) {
	seeds(f, `{"enabled":true,"lifetime":"1h"}`, `{"expires_at":null}`, `{"expires_at":"2031-05-17T08:45:00Z"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var b alteration
		err := decode([]byte(text), &b)
		if err == nil {
			wish, failed := b.wish(start())
			if err = failed; err == nil && b.given() && !wish.Never && wish.Until.IsZero() {
				t.Errorf("%s became nothing", text)
			}
		}
		if err != nil {
			isRefusal(t, err)
		}
	})
}

func FuzzSelection(f *testing.F) {
	seeds(f, `{"owner":"a","tenant":"b","domain":"c","api":"management","q":"d","stale_for":"1h"}`, `{"unused_since":"2031-05-17T08:45:00Z"}`, `{"all":true}`)
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, text string) {
		var b selection
		if err := decode([]byte(text), &b); err != nil {
			isRefusal(t, err)
			return
		}
		filter, err := b.filter(w.api, caller.Caller{})
		if err != nil {
			isRefusal(t, err)
			return
		}
		everything := filter.Owner == "" && filter.Tenant == "" && filter.Domain == "" && filter.API == "" && filter.Text == "" && filter.UnusedSince.IsZero()
		if everything && (b.All == nil || !*b.All) {
			t.Errorf("%s selects everything", text)
		}
	})
}

func FuzzDescription(f *testing.F) {
	seeds(f, `{"method":"PUT","path":"/a","host":"h","query":"q","address":"::1","user_agent":"u","size":1,"content_type":"c","tags":["t"],"headers":{"a":"b"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var b description
		if err := decode([]byte(text), &b); err != nil {
			isRefusal(t, err)
			return
		}
		d, err := b.described("host")
		if err != nil {
			isRefusal(t, err)
			return
		}
		if _, err := http.NewRequest(d.Method, "http://h"+strings.NewReplacer("%", "%25").Replace(d.Path), nil); err != nil {
			t.Errorf("%s cannot be a request: %v", text, err)
		}
		if d.Size < -1 || d.Host == "" || !strings.HasPrefix(d.Path, "/") {
			t.Errorf("%s became %+v", text, d)
		}
	})
}

func FuzzUserBody(f *testing.F) {
	seeds(f, `{"name":"n","password":"p","roles":["read-only"],"permissions":["*.*"],"tenants":["any"],"locator":"l","service_account":true,"enabled":false}`)
	w := newWorld(f)
	who := w.callerOf("root")
	f.Fuzz(func(t *testing.T, text string) {
		var b userBody
		if err := decode([]byte(text), &b); err != nil {
			isRefusal(t, err)
			return
		}
		set, err := w.api.setter(who, &b)
		if err != nil {
			isRefusal(t, err)
			return
		}
		u := accounts.Stored{Permissions: []string{"storage.read"}}
		set(&u)
		if b.Roles != nil && len(u.Roles)+len(u.Permissions) == 0 || b.Permissions != nil && len(u.Roles)+len(u.Permissions) == 0 {
			t.Errorf("%s leaves nothing, which is storage.*", text)
		}
	})
}

// FuzzQuery: what a list accepts, it says back in the filter.
func FuzzQuery(f *testing.F) {
	f.Add("owner=a&tenant=b&domain=c&api=management&name=d&state=active,all&q=e&stale_for=1h&limit=5&after=x")
	f.Add("unused_since=2031-05-17T08:45:00Z&state=expired&state=revoked")
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		args := arguments(query)
		err = args.check([]string{"owner", "tenant", "domain", "api", "name", "state", "q", "unused_since", "stale_for", "limit", "after"})
		if err != nil {
			isRefusal(t, err)
			return
		}
		filter, err := filterOf(args, start())
		if err != nil {
			isRefusal(t, err)
			return
		}
		if filter.Owner != query.Get("owner") || filter.Tenant != query.Get("tenant") || query.Has("state") == (len(filter.States) == 0) || filter.Limit < 1 || filter.Limit > tokens.MaxLimit {
			t.Errorf("%s became %+v", text, filter)
		}
	})
}

func FuzzIfMatch(f *testing.F) {
	f.Add(`*`)
	f.Add(`"1", W/"2"`)
	f.Add(`"1`)
	f.Fuzz(func(t *testing.T, text string) {
		holds, err := precondition(http.Header{"If-Match": {text}})
		if err != nil {
			isRefusal(t, err)
			return
		}
		if holds(&tokens.Token{Revision: 7}) == nil && !strings.Contains(text, `"7"`) && strings.TrimSpace(text) != "*" {
			t.Errorf("%q holds for revision 7", text)
		}
	})
}

func FuzzIdempotencyKey(f *testing.F) {
	f.Add("key")
	f.Add("")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := idempotencyKey(http.Header{"Idempotency-Key": {text}})
		if err != nil {
			isRefusal(t, err)
		} else if key != text || key == "" || len(key) > maxKey {
			t.Errorf("%q became %q", text, key)
		}
	})
}
