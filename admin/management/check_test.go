package management

import (
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestCheckDescribes(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       Described
	}{
		{"the least", `{"method":"GET","path":"/"}`, Described{Method: "GET", Path: "/", Size: -1, Header: http.Header{}}},
		{"a query in the path", `{"method":"GET","path":"/a?list-type=2&prefix=b%2Fc"}`, Described{Method: "GET", Path: "/a?list-type=2&prefix=b%2Fc", Size: -1, Header: http.Header{}}},
		{"a query beside the path", `{"method":"GET","path":"/a","query":"x=1"}`, Described{Method: "GET", Path: "/a?x=1", Size: -1, Header: http.Header{}}},
		{"a path as it is, undecoded", `{"method":"PURGE","path":"/a//b/../%2e%2E/"}`, Described{Method: "PURGE", Path: "/a//b/../%2e%2E/", Size: -1, Header: http.Header{}}},
		{"all of it", `{"method":"PUT","path":"/a","host":"red.example.com","address":"::ffff:10.0.0.1","user_agent":"curl/8","size":0,"content_type":"image/png","tags":["a=b"],"headers":{"x-amz-copy-source":"/b/c","If-None-Match":"*"}}`,
			Described{
				Method: "PUT", Path: "/a", Host: "red.example.com", Address: netip.MustParseAddr("10.0.0.1"), UserAgent: "curl/8", ContentType: "image/png",
				Tags: []string{"a=b"}, Header: http.Header{"X-Amz-Copy-Source": {"/b/c"}, "If-None-Match": {"*"}},
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.make("ann", `{}`)
			if c.want.Host == "" {
				c.want.Host = strings.TrimPrefix(w.url, "http://")
			}
			w.call("ann", "POST", "tokens/"+m.id+"/check", c.body).is(t, 200, `"allowed":true`, `"rule":"allowed"`)
			if len(w.described) != 1 || !reflect.DeepEqual(w.described[0], c.want) {
				t.Errorf("described %+v\nwant %+v", w.described, c.want)
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	w := newWorld(t)
	anns := w.make("ann", `{}`)
	path := "tokens/" + anns.id + "/check"
	for _, c := range []struct {
		name, caller, path, body string
		status                   int
		part                     string
	}{
		{"nobody", "", path, `{"method":"GET","path":"/"}`, 401, "unauthenticated"},
		{"another's token", "reader", path, `{"method":"GET","path":"/"}`, 403, "not_owner"},
		{"a token that is none", "root", "tokens/1234567890123456789012/check", `{"method":"GET","path":"/"}`, 404, "no_such_token"},
		{"no body", "ann", path, ``, 400, "the body is empty"},
		{"no method", "ann", path, `{"path":"/"}`, 400, "method was read as"},
		{"a method that is none", "ann", path, `{"method":"GET /","path":"/"}`, 400, "method was read as"},
		{"no path", "ann", path, `{"method":"GET"}`, 400, "path was read as"},
		{"a path without a slash", "ann", path, `{"method":"GET","path":"a"}`, 400, "begins with /"},
		{"a path with a blank", "ann", path, `{"method":"GET","path":"/a b"}`, 400, "printable ASCII"},
		{"a path with a line end", "ann", path, `{"method":"GET","path":"/a\r\nX: y"}`, 400, "printable ASCII"},
		{"a path with a letter beyond ASCII", "ann", path, `{"method":"GET","path":"/ö"}`, 400, "printable ASCII"},
		{"a path with a fragment", "ann", path, `{"method":"GET","path":"/a#b"}`, 400, "printable ASCII"},
		{"two queries", "ann", path, `{"method":"GET","path":"/a?b","query":"c"}`, 400, "one of them"},
		{"a query with a blank", "ann", path, `{"method":"GET","path":"/a","query":"b c"}`, 400, "printable ASCII"},
		{"an empty host", "ann", path, `{"method":"GET","path":"/","host":""}`, 400, "host is empty"},
		{"an address that is none", "ann", path, `{"method":"GET","path":"/","address":"10.0.0.0/8"}`, 400, "address was read as"},
		{"an address with a zone", "ann", path, `{"method":"GET","path":"/","address":"fe80::1%eth0"}`, 400, "address was read as"},
		{"an empty address", "ann", path, `{"method":"GET","path":"/","address":""}`, 400, "address was read as"},
		{"a negative size", "ann", path, `{"method":"PUT","path":"/","size":-1}`, 400, "size was read as -1"},
		{"an agent with a line end", "ann", path, `{"method":"GET","path":"/","user_agent":"a\nb"}`, 400, "control character"},
		{"a tag with a line end", "ann", path, `{"method":"PUT","path":"/","tags":["a\nb"]}`, 400, "control character"},
		{"a header that is none", "ann", path, `{"method":"GET","path":"/","headers":{"a b":"c"}}`, 400, "no name of a header"},
		{"a header with a line end", "ann", path, `{"method":"GET","path":"/","headers":{"a":"b\nc"}}`, 400, "control character"},
		{"a header with a member of its own", "ann", path, `{"method":"GET","path":"/","headers":{"user-agent":"c"}}`, 400, "member of its own"},
		{"an unknown member", "ann", path, `{"method":"GET","path":"/","ip":"10.0.0.1"}`, 400, "not known"},
	} {
		t.Run(c.name, func(t *testing.T) { w.call(c.caller, "POST", c.path, c.body).is(t, c.status, c.part) })
	}
	if len(w.described) != 0 {
		t.Errorf("asked about %v", w.described)
	}
}

// TestCheckSaysTheState: a token that does not authenticate is refused by its
// state, before anything of the request counts.
func TestCheckSaysTheState(t *testing.T) {
	for _, c := range []struct {
		rule, body string
		then       func(*testing.T, *world, made)
	}{
		{"expired", `{"lifetime":"1s"}`, func(_ *testing.T, w *world, _ made) { w.later(time.Second) }},
		{"pending", `{"not_before":"2031-05-17T09:00:00Z"}`, func(*testing.T, *world, made) {}},
		{"disabled", `{}`, func(t *testing.T, w *world, m made) {
			w.call("ann", "PATCH", "tokens/"+m.id, `{"enabled":false}`).is(t, 200)
		}},
		{"revoked", `{}`, func(t *testing.T, w *world, m made) { w.call("ann", "DELETE", "tokens/"+m.id, "").is(t, 204) }},
		{"used_up", `{"restrictions":{"max_uses":1}}`, func(t *testing.T, w *world, m made) {
			s, err := w.svc.SubjectOf(mustFind(t, w, m.id))
			if err == nil {
				_, err = w.svc.Use(t.Context(), s, tokens.Circumstances{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"owner_gone", `{}`, func(t *testing.T, w *world, _ made) {
			w.call("root", "PATCH", "users/ann", `{"enabled":false}`).is(t, 200)
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			m := w.make("ann", c.body)
			c.then(t, w, m)
			o := w.call("root", "POST", "tokens/"+m.id+"/check", `{"method":"GET","path":"/"}`).is(t, 200).object(t)
			if o["allowed"] != false || o["rule"] != c.rule || o["detail"] == "" || len(w.described) != 0 {
				t.Errorf("%v, asked about %v", o, w.described)
			}
		})
	}
}

func TestCheckChangesNothing(t *testing.T) {
	w := newWorld(t)
	m := w.make("ann", `{"restrictions":{"max_uses":1}}`)
	before := w.call("ann", "GET", "tokens/"+m.id, "").body
	w.verdict = Verdict{Rule: "address", Detail: "not from there"}
	for range 3 {
		w.call("ann", "POST", "tokens/"+m.id+"/check", `{"method":"GET","path":"/"}`).is(t, 200, `"allowed":false`, `"rule":"address"`, `"detail":"not from there"`)
	}
	if after := w.call("ann", "GET", "tokens/"+m.id, "").body; after != before || w.counts() != [3]int{1, 0, 0} {
		t.Errorf("before %s\nafter %s\ntold of %v", before, after, w.counts())
	}
}
