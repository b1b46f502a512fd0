package contentgateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// header makes a header of names and values in turn, as a server reads it.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestCreationOf(t *testing.T) {
	key := func(s string) *tokens.Secret { k := tokens.Secret(s); return &k }
	for _, c := range []struct {
		name string
		h    http.Header
		want creation
	}{
		{"nothing", header("Accept", "*/*", "X-Other-Meta", "x"), creation{}},
		{"an owner", header("x-owner-meta", "john"), creation{owner: "john"}},
		{"a blank owner is none", header("X-Owner-Meta", "  "), creation{}},
		{"an owner between blanks", header("X-Owner-Meta", " Jef Metdepet "), creation{owner: "Jef Metdepet"}},
		{"an expiry", header("X-User-Token-Expires-Meta", "+1"), creation{lifetime: tokens.Lifetime{Until: expiryNow().Add(24 * time.Hour)}}},
		{"a blank expiry is none", header("X-User-Token-Expires-Meta", " "), creation{}},
		{"a secret key, byte for byte", header("X-User-Secret-Key-Meta", " %41+ b "), creation{secret: key(" %41+ b ")}},
		{"an empty secret key was given", header("X-User-Secret-Key-Meta", ""), creation{secret: key("")}},
		{"metadata, sorted and in lower case", header("X-Custom-Meta-Source", "ci", "x-custom-meta-A1_b-C", "2"),
			creation{meta: []tokens.Meta{{Name: "a1_b-c", Value: "2"}, {Name: "source", Value: "ci"}}}},
		{"metadata twice", header("X-Custom-Meta-X", "a", "X-Custom-Meta-X", "b"), creation{meta: []tokens.Meta{{Name: "x", Value: "a, b"}}}},
		{"metadata without a value", header("X-Custom-Meta-X", ""), creation{meta: []tokens.Meta{{Name: "x"}}}},
		{"metadata in UTF-8", header("X-Custom-Meta-X", "größe ✓"), creation{meta: []tokens.Meta{{Name: "x", Value: "größe ✓"}}}},
		{"metadata in ISO-8859-1", header("X-Custom-Meta-X", "gr\xf6\xdfe \xff"), creation{meta: []tokens.Meta{{Name: "x", Value: "größe ÿ"}}}},
		{"metadata in encoded words stays", header("X-Custom-Meta-X", "=?utf-8?q?x?="), creation{meta: []tokens.Meta{{Name: "x", Value: "=?utf-8?q?x?="}}}},
		{"other names of metadata", header("X-Custom", "x", "X-Custom-Metadata", "y", "X_Custom_Meta_Z", "z"), creation{}},
		{"16 KB in one header", header("X-Custom-Meta-X", strings.Repeat("x", 16<<10)), creation{meta: []tokens.Meta{{Name: "x", Value: strings.Repeat("x", 16<<10)}}}},
		{"32 KB in two", header("X-Custom-Meta-A", strings.Repeat("x", 16<<10), "X-Custom-Meta-B", strings.Repeat("y", 16<<10)),
			creation{meta: []tokens.Meta{{Name: "a", Value: strings.Repeat("x", 16<<10)}, {Name: "b", Value: strings.Repeat("y", 16<<10)}}}},
		{"other headers do not count", header("X-Other", strings.Repeat("x", 64<<10)), creation{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := creationOf(c.h, expiryNow())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestCreationOfRefuses(t *testing.T) {
	big := strings.Repeat("x", 16<<10)
	for _, c := range []struct {
		name string
		h    http.Header
		says string
	}{
		{"two owners", header("X-Owner-Meta", "john", "X-Owner-Meta", "john"), "X-Owner-Meta was given 2 times"},
		{"two expiries", header("X-User-Token-Expires-Meta", "+1", "X-User-Token-Expires-Meta", "+2"), "X-User-Token-Expires-Meta was given 2 times"},
		{"three secret keys", header("X-User-Secret-Key-Meta", "hunter2a", "X-User-Secret-Key-Meta", "hunter2b", "X-User-Secret-Key-Meta", ""), "X-User-Secret-Key-Meta was given 3 times"},
		{"an expiry that cannot be read", header("X-User-Token-Expires-Meta", "soon"), `was read as "soon"`},
		{"more than 16 KB", header("X-Custom-Meta-X", big+"x"), "X-Custom-Meta-X has 16385 bytes, accepted are 16384"},
		{"more than 16 KB in two values", header("X-Custom-Meta-X", big, "X-Custom-Meta-X", "x"), "X-Custom-Meta-X has 16385 bytes"},
		{"a secret key of more than 16 KB", header("X-User-Secret-Key-Meta", big+"x"), "X-User-Secret-Key-Meta has 16385 bytes"},
		{"more than 32 KB together", header("X-Custom-Meta-A", big, "X-Custom-Meta-B", big, "X-Owner-Meta", "j"), "32769 bytes together, accepted are 32768"},
		{"metadata without a name", header("X-Custom-Meta-", "x"), "is no name of metadata"},
		{"metadata with a dot", header("X-Custom-Meta-a.b", "x"), `"X-Custom-Meta-A.b" is no name of metadata`},
		{"metadata with a plus sign", header("X-Custom-Meta-a+b", "x"), "is no name of metadata"},
		{"two names that lists print alike", header("X-Custom-Meta-A-B", "x", "X-Custom-Meta-A_B", "y"), "was given with - and with _"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := creationOf(c.h, expiryNow())
			var invalid *tokens.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
			if len(err.Error()) > 400 || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the sentence repeats what was sent: %v", err)
			}
		})
	}
}

// printed is a token with the times of a recorded answer.
func printed(change func(*tokens.Token)) *tokens.Token {
	k := &tokens.Token{
		ID: "7000000000000000000042", Owner: "Jef Metdepet", Creator: "root", Scope: tokens.Scope{Tenant: "or-123abcd"},
		Created: time.Date(2031, 1, 5, 12, 39, 8, 877e6, time.UTC),
		Expires: time.Date(2031, 1, 10, 12, 39, 8, 877e6, time.UTC),
	}
	if change != nil {
		change(k)
	}
	return k
}

func ofDomain(k *tokens.Token) { k.Scope.Domain = "mydomain.example.com" }
func forever(k *tokens.Token)  { k.Expires = time.Time{} }
func keyPair(k *tokens.Token) {
	k.AccessKey, k.Secret = "8b89d382891a33f8f05f875c7086f1f3", tokens.Sealed("hunter2")
}
func withMeta(k *tokens.Token) {
	k.Meta = []tokens.Meta{{Name: "source", Value: `a "key" & <more>`}, {Name: "cost-centre_2", Value: "größe"}}
}
func elsewhere(k *tokens.Token) {
	zone := time.FixedZone("east", 5*3600)
	k.Created, k.Expires = k.Created.In(zone), k.Expires.In(zone)
}

func TestTokensInJSON(t *testing.T) {
	const (
		value = "0123456789abcdef0123456789abcdef"
		rest  = `"id":"7000000000000000000042","owner":"Jef Metdepet","scope":"+or-123abcd",` +
			`"expiration":"2031-01-10T12:39:08.877Z","creation":"2031-01-05T12:39:08.000Z"`
	)
	create := func(k *tokens.Token) object { return tokenObject(k, value) }
	for _, c := range []struct {
		name   string
		form   func(*tokens.Token) object
		change func(*tokens.Token)
		want   string
	}{
		{"a create answer", create, nil, `{"token":"` + value + `",` + rest + `}`},
		{"times are in UTC", create, elsewhere, `{"token":"` + value + `",` + rest + `}`},
		{"of a domain", create, ofDomain, `{"token":"` + value + `",` + strings.Replace(rest, "+or-123abcd", "mydomain.example.com", 1) + `}`},
		{"without an end", create, forever, `{"token":"` + value + `",` + strings.Replace(rest, `"2031-01-10T12:39:08.877Z"`, "null", 1) + `}`},
		{"in the tenant's list", managementItem, nil, `{` + rest + `}`},
		{"a key pair in the tenant's list", managementItem, keyPair, `{"token":"8b89d382891a33f8f05f875c7086f1f3",` + rest + `}`},
		{"with metadata in the tenant's list", managementItem, withMeta,
			`{` + rest + `,"x_custom_meta_source":"a \"key\" \u0026 \u003cmore\u003e","x_custom_meta_cost_centre_2":"größe"}`},
		{"in the list of the token path", storageItem, nil,
			`{"x_owner_meta":"Jef Metdepet","last_modified":"2031-01-05T12:39:08.877000Z","x_token_domain_meta":"+or-123abcd",` +
				`"name":"7000000000000000000042","lifepoint":"[Fri, 10 Jan 2031 12:39:08 GMT] reps=2, [] delete"}`},
		{"times of that list are in UTC", storageItem, elsewhere,
			`{"x_owner_meta":"Jef Metdepet","last_modified":"2031-01-05T12:39:08.877000Z","x_token_domain_meta":"+or-123abcd",` +
				`"name":"7000000000000000000042","lifepoint":"[Fri, 10 Jan 2031 12:39:08 GMT] reps=2, [] delete"}`},
		{"a key pair of a domain without an end in that list", storageItem, func(k *tokens.Token) { ofDomain(k); forever(k); keyPair(k); withMeta(k) },
			`{"x_owner_meta":"Jef Metdepet","last_modified":"2031-01-05T12:39:08.877000Z","x_token_domain_meta":"mydomain.example.com",` +
				`"name":"8b89d382891a33f8f05f875c7086f1f3","lifepoint":"[] reps=2",` +
				`"x_custom_meta_source":"a \"key\" \u0026 \u003cmore\u003e","x_custom_meta_cost_centre_2":"größe"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(c.form(printed(c.change)))
			if err != nil || string(got) != c.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestObjectsInJSON(t *testing.T) {
	for _, c := range []struct {
		o    object
		want string
	}{
		{nil, `{}`},
		{object{}, `{}`},
		{object{{"b", 1}, {"a", nil}}, `{"b":1,"a":null}`},
		{object{{`a"\`, object{{"b", []int{1}}}}}, `{"a\"\\":{"b":[1]}}`},
	} {
		if got, err := json.Marshal(c.o); err != nil || string(got) != c.want {
			t.Errorf("got %s, %v; want %s", got, err, c.want)
		}
	}
	if _, err := json.Marshal(object{{"a", func() {}}}); err == nil {
		t.Error("what JSON cannot hold is no error")
	}
}

func TestAnEmptyListIsNotNull(t *testing.T) {
	for _, item := range []func(*tokens.Token) object{storageItem, managementItem} {
		if got, err := json.Marshal(items(tokens.Page{}, item)); err != nil || string(got) != "[]" {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestLifepointIsCutAtTheBracketByClients(t *testing.T) {
	point := lifepoint(printed(nil))
	date, _, _ := strings.Cut(strings.TrimPrefix(point, "["), "]")
	got, err := http.ParseTime(date)
	if err != nil || !got.Equal(printed(nil).Expires.Truncate(time.Second)) {
		t.Errorf("%q is %v, %v", point, got, err)
	}
}
