package accesstokens_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// follow reads a whole list as the vendor's client does: the URI of the next
// page as it is, until there is none.
func (w *world) follow(uri, as string) (all []entry, pages int) {
	w.t.Helper()
	for uri != "" {
		page := read[listed](w.t, w.expect(200, "GET", uri, as, ""))
		if page.Paging.Next == nil {
			w.t.Fatal("paging.next is missing")
		}
		all, uri = append(all, page.Entries...), *page.Paging.Next
		if pages++; pages > 100 {
			w.t.Fatal("the list has no end")
		}
	}
	return all, pages
}

func ownersOf(all []entry) string {
	var owners []string
	for _, e := range all {
		owners = append(owners, *e.User.Name)
	}
	slices.Sort(owners)
	return strings.Join(owners, " ")
}

// TestPaging: every token once, whatever the size of the pages.
func TestPaging(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.put("svc", by(tokens.ContentGateway), in("red"), ending(time.Duration(i+1)*time.Hour))
		w.put("ann", by(tokens.FileRepository))
	}
	for _, c := range []struct {
		name, query, as string
		tokens, pages   int
	}{
		{"one at a time", "?limit=1", "reader", 14, 14},
		{"four at a time", "?limit=4", "reader", 14, 4},
		{"just as many as there are", "?limit=14", "reader", 14, 1},
		{"more than there are", "?limit=15", "reader", 14, 1},
		{"more than there can be", "?limit=1001", "reader", 14, 1},
		{"more than a number can hold", "?limit=99999999999999999999999", "reader", 14, 1},
		{"no limit", "", "reader", 14, 1},
		{"no place to go on from", "?after=", "reader", 14, 1},
		{"of one user", "?user=svc&limit=3", "reader", 7, 3},
		{"of one user, in a form with a backslash", `?user=name:ann&limit=3`, "reader", 7, 3},
		{"one's own", "?limit=2", "ann", 7, 4},
		{"one's own, named", "?limit=2&user=uid:1000", "ann", 7, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			got, pages := w.follow(all+c.query, c.as)
			ids := map[string]bool{}
			for _, e := range got {
				ids[e.ID] = true
			}
			if len(got) != c.tokens || len(ids) != c.tokens || pages != c.pages {
				t.Errorf("got %d tokens, %d of them different, on %d pages", len(got), len(ids), pages)
			}
		})
	}
}

// TestNext: the URI of the next page keeps filter and limit, and nothing that
// could be a credential.
func TestNext(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.put("svc", by(tokens.ContentGateway), in("red"))
	}
	next := *read[listed](t, w.expect(200, "GET", plain+"?_token=secret&user=local%3Asvc&limit=1&x=y", "reader", "")).Paging.Next
	if !strings.HasPrefix(next, "/v1/auth/access-tokens/?") || !strings.Contains(next, "limit=1") || !strings.Contains(next, "user=local%3Asvc") ||
		strings.Contains(next, "secret") || strings.Contains(next, "x=y") {
		t.Errorf("got %q", next)
	}
	foreign := strings.Replace(next, "user=local%3Asvc", "user=ann", 1)
	w.fails(400, "rest_invalid_request_error", "GET", foreign, "reader", "")
	w.expect(200, "GET", next, "reader", "")
}

// TestPagingWhileOthersWrite: what is there all the time comes once.
func TestPagingWhileOthersWrite(t *testing.T) {
	w := newWorld(t)
	stay := map[string]int{}
	for i := range 6 {
		one, _ := w.put("svc", by(tokens.ContentGateway), in("red"), ending(time.Duration(i+1)*time.Hour))
		stay[string(one.ID)] = 0
	}
	uri := all + "?limit=2"
	for uri != "" {
		page := read[listed](t, w.expect(200, "GET", uri, "manager", ""))
		for _, e := range page.Entries {
			if _, ok := stay[e.ID]; ok {
				stay[e.ID]++
			}
		}
		uri = *page.Paging.Next
		w.put("ann", by(tokens.ContentGateway), in("red"), ending(time.Minute))
		if uri != "" {
			last := page.Entries[len(page.Entries)-1]
			w.expect(200, "DELETE", all+last.ID, "manager", "")
		}
	}
	for id, n := range stay {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}

// TestRotation is the vendor's recipe: there is one token, a second is made,
// the service is switched over, the old one is disabled and then deleted.
func TestRotation(t *testing.T) {
	w := newWorld(t)
	uses := func(one made) error {
		_, err := w.service.Verify(t.Context(), tokens.Secret(one.BearerToken))
		return err
	}
	old := w.make("manager", "svc")
	if got, _ := w.follow(all+"?user=svc", "manager"); len(got) != 1 || got[0].ID != old.ID {
		t.Fatalf("got %v", got)
	}
	fresh := w.make("manager", "svc")
	w.told()
	w.fails(409, "auth_access_token_limit_reached_error", "POST", all, "manager", `{"user":"svc"}`)
	w.fails(409, "auth_access_token_limit_reached_error", "POST", all, "Bearer "+fresh.BearerToken, `{"user":"svc"}`)
	w.make("manager", "ann") // whom the two do not count for
	if uses(old) != nil || uses(fresh) != nil {
		t.Fatal("one of the two does not authenticate")
	}
	if got := read[entry](t, w.expect(200, "PATCH", all+old.ID, "manager", `{"enabled":false}`)); got.Enabled {
		t.Error("the old one is enabled")
	}
	if uses(old) == nil || uses(fresh) != nil {
		t.Fatal("the old one authenticates, or the new one does not")
	}
	w.told()
	w.fails(409, "auth_access_token_limit_reached_error", "POST", all, "manager", `{"user":"svc"}`) // it is still there
	if got := read[entry](t, w.expect(200, "PATCH", all+old.ID, "manager", `{"enabled":true}`)); !got.Enabled || uses(old) != nil {
		t.Error("the old one does not come back")
	}
	w.expect(200, "DELETE", all+old.ID, "manager", "")
	if uses(old) == nil {
		t.Error("the old one authenticates")
	}
	w.told()
	w.fails(404, "rest_not_found_error", "DELETE", all+old.ID, "manager", "")
	w.make("manager", "svc")
}

// TestTwoOfThisAPI: tokens of other APIs and such as have ended do not count.
func TestTwoOfThisAPI(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.put("svc", by(tokens.ContentGateway), in("red"))
		w.put("svc", by(tokens.UserTokens))
		w.put("svc", revoked)
		w.put("svc", ending(-time.Second))
	}
	w.put("svc", func(t *tokens.Token) { t.NotBefore = begin().Add(time.Hour) })
	w.make("admin", "svc")
	w.told()
	w.fails(409, "auth_access_token_limit_reached_error", "POST", all, "admin", `{"user":"svc"}`)
}

// TestManyAtOnce: of any number of requests at the same time two succeed.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	const requests = 16
	statuses := make(chan int, requests)
	for range requests {
		go func() { statuses <- w.send("POST", all, "manager", `{"user":"svc"}`).status }()
	}
	got := map[int]int{}
	for range requests {
		got[<-statuses]++
	}
	if got[200] != 2 || got[409] != requests-2 {
		t.Errorf("got %v", got)
	}
}

// TestCreate: what is made, for whom, and what the value is like.
func TestCreate(t *testing.T) {
	w := newWorld(t)
	r := w.expect(200, "POST", all, "admin", `{"user":{"auth_id":"1002"},"expiration_time":"2032-01-01T01:00:00.123456789+01:00"}`)
	one := read[made](t, r)
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Gateway-Token-Id") != one.ID || w.told() != "issued svc" {
		t.Errorf("got %v", r.header)
	}
	subject, err := w.service.Verify(t.Context(), tokens.Secret(one.BearerToken))
	if err != nil {
		t.Fatal(err)
	}
	got := subject.Token
	if string(got.ID) != one.ID || got.API != tokens.AccessTokens || got.Owner != "svc" || got.Creator != "admin" || got.Narrowed() ||
		got.Scope != (tokens.Scope{Tenant: tokens.AnyTenant}) || !got.Expires.Equal(time.Date(2032, 1, 1, 0, 0, 0, 123_000_000, time.UTC)) {
		t.Errorf("got %+v", got)
	}
	text, ok := strings.CutPrefix(one.BearerToken, "access-v1:")
	bytes, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(bytes) != 64 || len(text) != 88 {
		t.Fatalf("the value is %q", one.BearerToken)
	}
	id := new(big.Int).SetUint64(binary.LittleEndian.Uint64(bytes[36:]))
	id.Add(id.Lsh(id, 64), new(big.Int).SetUint64(binary.LittleEndian.Uint64(bytes[44:])))
	if id.String() != one.ID || binary.LittleEndian.Uint32(bytes[32:]) != 1 || binary.LittleEndian.Uint64(bytes[52:]) != uint64(begin().Unix()) {
		t.Errorf("the value holds %s", id)
	}
	for _, path := range []string{all, all + one.ID} {
		if r := w.expect(200, "GET", path, "admin", ""); strings.Contains(r.body, text[:40]) {
			t.Errorf("%s shows the value: %s", path, r.body)
		}
	}
}

// TestIdentities: everybody whom the forms of an identity name gets a token,
// in the domain that they say.
func TestIdentities(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, user, want string }{
		{"a name", `{"name":"svc"}`, "svc"},
		{"a name and a domain", `{"name":"svc","domain":"LOCAL"}`, "svc"},
		{"an auth_id", `{"auth_id":"1002"}`, "svc"},
		{"a SID", `{"sid":"S-1-5-21-3623811015-3361044348-30300820-1002"}`, "svc"},
		{"a uid", `{"uid":1000}`, "ann"},
		{"a uid and a gid", `{"uid":1000,"gid":100}`, "ann"},
		{"the auth_id that a uid gives", `{"auth_id":"12884902888"}`, "ann"},
		{"the SID that a uid gives", `{"sid":"S-1-5-88-1-1000"}`, "ann"},
		{"all six, as they are shown", `{"domain":"POSIX_USER","auth_id":"12884902888","uid":1000,"gid":100,"sid":null,"name":"ann"}`, "ann"},
		{"the null domain", `{"domain":"API_NULL_DOMAIN","name":"ann"}`, "ann"},
		{"a string", `"svc"`, "svc"},
		{"a string with a prefix", `"auth_id:0x3ea"`, "svc"},
		{"a string with a domain", `"ldap_user:ann"`, "ann"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			one := read[made](t, w.expect(200, "POST", all, "admin", `{"user":`+c.user+`}`))
			if got := read[entry](t, w.expect(200, "GET", all+one.ID, "admin", "")); *got.User.Name != c.want {
				t.Errorf("got %v", got)
			}
			w.expect(200, "DELETE", all+one.ID, "admin", "")
		})
	}
}

// TestWhoIsShown: the identity as it is configured, and a name alone of who is
// gone.
func TestWhoIsShown(t *testing.T) {
	w := newWorld(t)
	one := w.make("admin", "ann")
	show := func() string {
		return w.expect(200, "GET", all+one.ID, "admin", "").body
	}
	const ann = `{"domain":"POSIX_USER","auth_id":"12884902888","uid":1000,"gid":100,"sid":null,"name":"ann"}`
	const admin = `{"domain":"LOCAL","auth_id":"500","uid":null,"gid":null,"sid":null,"name":"admin"}`
	want := fmt.Sprintf(`{"id":%q,"user":%s,"creator":%s,"creation_time":"2031-05-17T08:30:00.12Z","expiration_time":null,"enabled":true}`, one.ID, ann, admin)
	if got := show(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w.dismiss("ann")
	const gone = `{"domain":null,"auth_id":null,"uid":null,"gid":null,"sid":null,"name":"ann"}`
	if got := show(); got != strings.Replace(want, ann, gone, 1) {
		t.Errorf("got %s", got)
	}
}
