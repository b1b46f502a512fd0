package management

import (
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// members of a token that its maker did not choose.
func fresh(owner string) map[string]any {
	return map[string]any{
		"api": "management", "name": "", "description": "", "metadata": map[string]any{}, "owner": owner, "creator": owner,
		"tenant": "any", "tenants": []any{}, "domain": "", "created_at": "2031-05-17T08:30:00.000Z", "not_before": nil,
		"expires_at": "2031-05-18T08:30:00.000Z", "state": "active", "enabled": true, "disabled": nil, "revoked": nil, "used_up_at": nil,
		"roles": []any{}, "grants": []any{}, "restrictions": map[string]any{}, "s3": false, "access_key": nil, "last_used": nil,
	}
}

func grants(pairs ...[]any) []any {
	all := []any{}
	for _, p := range pairs {
		g := map[string]any{"permissions": p[0]}
		if len(p) > 1 {
			g["resources"] = p[1]
		}
		all = append(all, g)
	}
	return all
}

func list(items ...any) []any { return items }

func TestCreate(t *testing.T) {
	for _, c := range []struct {
		name, caller, body string
		want               map[string]any // beside what is fresh
	}{
		{"nothing said: the default life, all that the owner has", "ann", `{}`, nil},
		{"a name, a description and metadata", "ann", `{"name":"nightly","description":"größe","metadata":{"team":"ops","cost-centre":"7"}}`,
			map[string]any{"name": "nightly", "description": "größe", "metadata": map[string]any{"team": "ops", "cost-centre": "7"}}},
		{"an end", "ann", `{"expires_at":"2031-06-01T02:00:00+02:00"}`, map[string]any{"expires_at": "2031-06-01T00:00:00.000Z"}},
		{"never", "ann", `{"expires_at":null}`, map[string]any{"expires_at": nil}},
		{"a lifetime", "ann", `{"lifetime":"90m"}`, map[string]any{"expires_at": "2031-05-17T10:00:00.000Z"}},
		{"a beginning", "ann", `{"not_before":"2031-05-17T09:00:00Z"}`, map[string]any{"not_before": "2031-05-17T09:00:00.000Z", "state": "pending"}},
		{"any tenant by name", "ann", `{"tenant":"any"}`, nil},
		{"one tenant", "bob", `{"tenant":"blue"}`, map[string]any{"tenant": "blue"}},
		{"several tenants", "bob", `{"tenants":["blue"]}`, map[string]any{"tenants": list("blue")}},
		{"a domain, in normal form", "ann", `{"tenant":"red","domain":"A.Red.example.com."}`, map[string]any{"tenant": "red", "domain": "a.red.example.com"}},
		{"a domain, which says the tenant", "ann", `{"domain":"red.example.com"}`, map[string]any{"tenant": "red", "domain": "red.example.com"}},
		{"permissions", "ann", `{"permissions":["storage.read","storage.list"]}`, map[string]any{"grants": grants([]any{list("storage.read", "storage.list")})}},
		{"permissions on resources", "ann", `{"permissions":["storage.read"],"resources":["/a/b","c/"]}`,
			map[string]any{"grants": grants([]any{list("storage.read"), list("a/b", "c/")})}},
		{"grants", "ann", `{"grants":[{"permissions":["storage.read"],"resources":["a"]},{"permissions":["storage.write"],"resources":["b"]}]}`,
			map[string]any{"grants": grants([]any{list("storage.read"), list("a")}, []any{list("storage.write"), list("b")})}},
		{"a role", "ann", `{"roles":["read-only"]}`, map[string]any{"roles": list("read-only"), "grants": grants([]any{list("storage.read", "storage.list")})}},
		{"a role and permissions on resources", "ann", `{"roles":["read-only"],"permissions":["storage.delete"],"resources":["a"]}`,
			map[string]any{"roles": list("read-only"), "grants": grants([]any{list("storage.read", "storage.list", "storage.delete"), list("a")})}},
		{"a configured role", "ann", `{"roles":["lister"]}`, map[string]any{"roles": list("lister"), "grants": grants([]any{list("storage.list")})}},
		{"a role with media types of one's own", "ann", `{"roles":["upload.images"],"restrictions":{"mime_types":["image/PNG"]}}`,
			map[string]any{"roles": list("upload.images"), "grants": grants([]any{list("storage.append")}), "restrictions": map[string]any{"mime_types": list("image/png")}}},
		{"a role with one use", "ann", `{"roles":["upload.all","upload.only_once_successful"]}`,
			map[string]any{"roles": list("upload.all", "upload.only_once_successful"), "grants": grants([]any{list("storage.append")}), "restrictions": map[string]any{"max_uses": 1.0, "uses_left": 1.0}}},
		{"roles of which one says something about the others", "ann", `{"roles":["upload.all","security.overwrite","read-only"]}`,
			map[string]any{"roles": list("upload.all", "security.overwrite", "read-only"), "grants": grants([]any{list("storage.read", "storage.list", "storage.write")})}},
		{"every restriction", "ann", `{"restrictions":{"addresses":["10.0.0.1/8","::ffff:192.0.2.7","2001:db8::/32"],"user_agents":["a"],"user_agent_patterns":["b*"],"mime_types":["image/*"],"tags":["k","k=v"],"max_size":0,"max_uses":3}}`,
			map[string]any{"restrictions": map[string]any{
				"addresses": list("10.0.0.0/8", "192.0.2.7", "2001:db8::/32"), "user_agents": list("a"), "user_agent_patterns": list("b*"),
				"mime_types": list("image/*"), "tags": list("k", "k=v"), "max_size": 0.0, "max_uses": 3.0, "uses_left": 3.0,
			}}},
		{"the largest size and number of uses", "ann", `{"restrictions":{"max_size":9007199254740991,"max_uses":4294967295}}`,
			map[string]any{"restrictions": map[string]any{"max_size": 9007199254740991.0, "max_uses": 4294967295.0, "uses_left": 4294967295.0}}},
		{"no restrictions said in many words", "ann", `{"restrictions":{}}`, nil},
		{"for oneself by name", "ann", `{"owner":"ann"}`, nil},
		{"for another", "redadmin", `{"owner":"ann"}`, map[string]any{"owner": "ann", "creator": "redadmin", "tenants": list("red")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.call(c.caller, "POST", "tokens", c.body).is(t, http.StatusCreated)
			got, want := a.object(t), fresh(c.caller)
			maps.Copy(want, c.want)
			id, value := got["id"].(string), got["token"].(string)
			if loc, tag := a.header.Get("Location"), a.header.Get("ETag"); loc != tokensPath+"/"+id || tag != `"`+got["revision"].(string)+`"` || a.header.Get(headerTokenID) != id {
				t.Errorf("Location %q, ETag %q, %s %q", loc, tag, headerTokenID, a.header.Get(headerTokenID))
			}
			if a.header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be kept")
			}
			shown := w.call(c.caller, "GET", "tokens/"+id, "").is(t, 200).object(t)
			for _, o := range []map[string]any{got, shown} {
				for _, name := range []string{"id", "token", "revision"} {
					delete(o, name)
				}
				if !reflect.DeepEqual(o, want) {
					t.Errorf("got %v\nwant %v", o, want)
				}
			}
			if s, err := w.svc.SubjectOf(mustFind(t, w, id)); err == nil && (s.User.Name != want["owner"] || tokens.HashOf(value) != s.Token.Hash) {
				t.Error("the value is not the token's")
			}
			if w.counts() != [3]int{1, 0, 0} {
				t.Errorf("told of %v", w.counts())
			}
		})
	}
}

// mustFind returns a record.
func mustFind(t *testing.T, w *world, id string) *tokens.Token {
	t.Helper()
	tok, err := w.store.ByID(t.Context(), tokens.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestRolesBringTheirTypes: who may upload images uploads nothing else.
func TestRolesBringTheirTypes(t *testing.T) {
	w := newWorld(t)
	only := mustFind(t, w, w.make("ann", `{"roles":["upload.images","read-only"]}`).id).Only
	if !only.AcceptsType("image/png") || only.AcceptsType("text/html") || only.AcceptsType("") {
		t.Errorf("accepted are %v", only.Types)
	}
}

func TestMaxSizeIsTheLargestThatIsAccepted(t *testing.T) {
	w := newWorld(t)
	only := mustFind(t, w, w.make("ann", `{"restrictions":{"max_size":10}}`).id).Only
	if !only.AcceptsSize(10) || only.AcceptsSize(11) {
		t.Errorf("of 10 bytes at most became fewer than %d", only.SizeBelow)
	}
}

// TestCreateRefuses has a row for each thing that a body can have wrong. Each
// says what was read or what is accepted, and nothing is made.
func TestCreateRefuses(t *testing.T) {
	long := strings.Repeat("x", 16<<10+1)
	for _, c := range []struct {
		name, caller, body string
		status             int
		part               string
	}{
		{"nobody", "", `{}`, 401, "unauthenticated"},
		{"somebody who does not exist", "zoe", `{}`, 401, "unauthenticated"},
		{"no body", "ann", ``, 400, "the body is empty"},
		{"no object", "ann", `[]`, 400, "no JSON object"},
		{"no JSON", "ann", `{`, 400, "no JSON"},
		{"something behind it", "ann", `{}{}`, 400, "something follows"},
		{"an unknown member", "ann", `{"expires":"never"}`, 400, `\"expires\" is not known`},
		{"a member twice", "ann", `{"name":"a","Name":"b"}`, 400, "twice"},
		{"a member inside twice", "ann", `{"restrictions":{"max_uses":1,"max_uses":2}}`, 400, "twice"},
		{"too large", "ann", `{"description":"` + strings.Repeat("x", 256<<10) + `"}`, 413, "262144"},
		{"null", "ann", `{"tenant":null}`, 400, `\"tenant\" is null`},
		{"null inside", "ann", `{"grants":[{"permissions":["storage.read"],"resources":null}]}`, 400, `\"grants[0].resources\" is null`},
		{"null in a list", "ann", `{"permissions":[null]}`, 400, `\"permissions[0]\" is null`},
		{"null as a piece of metadata", "ann", `{"metadata":{"a":null}}`, 400, `\"metadata.a\" is null`},
		{"a number as name", "ann", `{"name":1}`, 400, "accepted is a text"},
		{"a text as list", "ann", `{"permissions":"*.*"}`, 400, "accepted is an array"},
		{"a list as restrictions", "ann", `{"restrictions":[]}`, 400, "accepted is an object"},
		{"a text as number of uses", "ann", `{"restrictions":{"max_uses":"1"}}`, 400, "accepted is a number"},

		{"an empty owner", "ann", `{"owner":""}`, 400, "owner is empty"},
		{"another owner, without the right", "ann", `{"owner":"reader"}`, 403, "permission"},
		{"an unknown owner, without the right", "ann", `{"owner":"zoe"}`, 403, "permission"},
		{"an unknown owner", "redadmin", `{"owner":"zoe"}`, 400, `\"zoe\"`},
		{"an owner with more tenants", "redadmin", `{"owner":"bob"}`, 403, "permission"},
		{"an owner with more rights", "minter", `{"owner":"ann"}`, 403, "permission"},
		{"an owner with every right", "redadmin", `{"owner":"root"}`, 403, "permission"},

		{"a name with blanks around", "ann", `{"name":" a"}`, 400, "without blanks"},
		{"a name like a public id", "ann", `{"name":"12345678901234567890"}`, 400, "public id"},
		{"a name with a line end", "ann", `{"name":"a\nb"}`, 400, "control character"},
		{"a name of 256 bytes", "ann", `{"name":"` + strings.Repeat("x", 256) + `"}`, 400, "255"},
		{"metadata in capitals", "ann", `{"metadata":{"Team":"x"}}`, 400, `\"Team\"`},
		{"metadata without a name", "ann", `{"metadata":{"":"x"}}`, 400, "no name"},
		{"metadata called as the description is", "ann", `{"metadata":{"source":"x"}}`, 400, "member description"},
		{"metadata that another API lists as one", "ann", `{"metadata":{"a-b":"1","a_b":"2"}}`, 400, "one of them"},
		{"metadata with a number", "ann", `{"metadata":{"a":1}}`, 400, "accepted is a text"},
		{"metadata with a control character", "ann", `{"metadata":{"a":"\u0000"}}`, 400, "control character"},
		{"a description that is too long", "ann", `{"description":"` + long + `"}`, 400, "16384"},
		{"metadata that is too long together", "ann", `{"description":"` + long[1:] + `","metadata":{"a":"` + long[1:] + `","b":"x"}}`, 400, "32768"},

		{"an empty tenant", "ann", `{"tenant":""}`, 400, "tenant is empty"},
		{"an unknown tenant", "ann", `{"tenant":"green"}`, 400, `\"green\" is no tenant`},
		{"another's tenant", "ann", `{"tenant":"blue"}`, 403, "other_tenant"},
		{"another's among the tenants", "ann", `{"tenants":["red","blue"]}`, 403, "other_tenant"},
		{"no tenants", "ann", `{"tenants":[]}`, 400, "tenants is an empty list"},
		{"an unknown one among the tenants", "ann", `{"tenants":["green"]}`, 400, "tenants: "},
		{"tenant and tenants", "ann", `{"tenant":"red","tenants":["red"]}`, 400, "one of them"},
		{"a domain of every tenant", "ann", `{"tenant":"any","domain":"red.example.com"}`, 400, "with every tenant"},
		{"a domain and tenants", "ann", `{"tenants":["red"],"domain":"red.example.com"}`, 400, "one of them"},
		{"another's domain", "ann", `{"domain":"blue.example.com"}`, 403, "other_tenant"},
		{"an unknown domain alone", "ann", `{"domain":"example.org"}`, 400, "no domain of any tenant"},
		{"an empty domain alone", "ann", `{"domain":""}`, 400, "domain is empty"},
		{"an empty domain", "ann", `{"tenant":"red","domain":""}`, 400, "domain is empty"},
		{"a domain of another tenant", "bob", `{"tenant":"red","domain":"blue.example.com"}`, 400, "no domain of tenant"},
		{"an unknown domain", "ann", `{"tenant":"red","domain":"example.org"}`, 400, "no domain of tenant"},

		{"an end in the past", "ann", `{"expires_at":"2031-05-17T08:30:00Z"}`, 400, "not in the future"},
		{"an end before 1970", "ann", `{"expires_at":"0001-01-01T00:00:00Z"}`, 400, "from 1970 on"},
		{"an end without a zone", "ann", `{"expires_at":"2031-06-01T00:00:00"}`, 400, "RFC 3339"},
		{"an empty end", "ann", `{"expires_at":""}`, 400, "RFC 3339"},
		{"never as a text", "ann", `{"expires_at":"never"}`, 400, `\"never\"`},
		{"seconds as the end", "ann", `{"expires_at":1940000000}`, 400, "was read as 1940000000"},
		{"a day that does not exist", "ann", `{"expires_at":"2031-02-29T00:00:00Z"}`, 400, "RFC 3339"},
		{"an end and a lifetime", "ann", `{"expires_at":null,"lifetime":"1h"}`, 400, "one of them"},
		{"a lifetime in words", "ann", `{"lifetime":"1 day"}`, 400, `\"1 day\"`},
		{"no lifetime", "ann", `{"lifetime":"0s"}`, 400, "length of time"},
		{"a negative lifetime", "ann", `{"lifetime":"-1h"}`, 400, "length of time"},
		{"a lifetime beyond all time", "ann", `{"lifetime":"9999999h"}`, 400, "length of time"},
		{"a beginning behind the end", "ann", `{"lifetime":"1h","not_before":"2031-05-18T00:00:00Z"}`, 400, "not before its end"},
		{"a beginning that is no time", "ann", `{"not_before":"soon"}`, 400, "not_before was read as"},

		{"an unknown permission", "ann", `{"permissions":["storage.fly"]}`, 400, "storage.fly"},
		{"an action on everything", "ann", `{"permissions":["*.read"]}`, 400, "*.read"},
		{"no permissions", "ann", `{"permissions":[]}`, 400, "permissions is an empty list"},
		{"resources alone", "ann", `{"resources":["a"]}`, 400, "without permissions"},
		{"no resources", "ann", `{"permissions":["storage.read"],"resources":[]}`, 400, "resources is an empty list"},
		{"an empty resource", "ann", `{"permissions":["storage.read"],"resources":[""]}`, 400, "is empty"},
		{"a resource as elsewhere", "ann", `{"permissions":["storage.read"],"resources":["arn:aws:s3:::a"]}`, 400, "ARN"},
		{"no grants", "ann", `{"grants":[]}`, 400, "grants is an empty list"},
		{"a grant of nothing", "ann", `{"grants":[{}]}`, 400, "has no permissions"},
		{"grants and permissions", "ann", `{"grants":[{"permissions":["storage.read"]}],"permissions":["storage.read"]}`, 400, "either grants"},
		{"grants and roles", "ann", `{"grants":[{"permissions":["storage.read"]}],"roles":["read-only"]}`, 400, "either grants"},
		{"grants and resources", "ann", `{"grants":[{"permissions":["storage.read"]}],"resources":["a"]}`, 400, "either grants"},
		{"no roles", "ann", `{"roles":[]}`, 400, "roles is an empty list"},
		{"an unknown role", "ann", `{"roles":["king"]}`, 400, `\"king\" is no role`},
		{"a role that grants nothing", "ann", `{"roles":["upload.only_once_successful"]}`, 400, "no permissions"},
		{"more than the owner has", "reader", `{"permissions":["storage.write"]}`, 403, "permission"},
		{"a role with more than the owner has", "reader", `{"roles":["admin"]}`, 403, "permission"},

		{"an address that is none", "ann", `{"restrictions":{"addresses":["10.0.0.0/33"]}}`, 400, "addresses: "},
		{"no addresses", "ann", `{"restrictions":{"addresses":[]}}`, 400, "addresses is an empty list"},
		{"no agents", "ann", `{"restrictions":{"user_agents":[]}}`, 400, "user_agents is an empty list"},
		{"an empty agent", "ann", `{"restrictions":{"user_agents":[""]}}`, 400, "is empty"},
		{"no patterns", "ann", `{"restrictions":{"user_agent_patterns":[]}}`, 400, "user_agent_patterns is an empty list"},
		{"a media type that is none", "ann", `{"restrictions":{"mime_types":["png"]}}`, 400, "mime_types: "},
		{"no tags", "ann", `{"restrictions":{"tags":[]}}`, 400, "tags is an empty list"},
		{"an empty tag", "ann", `{"restrictions":{"tags":[""]}}`, 400, "is empty"},
		{"a negative size", "ann", `{"restrictions":{"max_size":-1}}`, 400, "max_size was read as -1"},
		{"a size beyond all", "ann", `{"restrictions":{"max_size":9223372036854775807}}`, 400, "max_size"},
		{"half a byte", "ann", `{"restrictions":{"max_size":0.5}}`, 400, "accepted is a number"},
		{"no uses", "ann", `{"restrictions":{"max_uses":0}}`, 400, "max_uses was read as 0"},
		{"uses beyond all", "ann", `{"restrictions":{"max_uses":4294967296}}`, 400, "max_uses"},
		{"more uses than the role has", "ann", `{"roles":["upload.all","upload.only_once_successful"],"restrictions":{"max_uses":2}}`, 400, "at most 1"},
		{"what is left of the uses", "ann", `{"restrictions":{"uses_left":1}}`, 400, "not known"},

		{"a secret key that is too short", "ann", `{"secret_key":"short"}`, 400, "5 characters"},
		{"a secret key beyond ASCII", "ann", `{"secret_key":"größer als acht"}`, 400, "printable ASCII"},
		{"a secret key and no key pair", "ann", `{"secret_key":"longenough","s3":false}`, 400, "s3 is false"},
		{"a form of another API", "ann", `{"format":"uuid"}`, 400, `\"uuid\"`},
		{"an empty form", "ann", `{"format":""}`, 400, "accepted are hex and prefixed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.call(c.caller, "POST", "tokens", c.body).is(t, c.status, c.part)
			page, err := w.store.List(t.Context(), tokens.Query{})
			if err != nil || len(page.Tokens) != 0 || w.counts() != [3]int{} {
				t.Errorf("made %d tokens, told of %v, %v", len(page.Tokens), w.counts(), err)
			}
		})
	}
}

func TestCreateTakesJSONAlone(t *testing.T) {
	w := newWorld(t)
	for kind, status := range map[string]int{"application/json": 201, "application/json; charset=utf-8": 201, "text/plain": 415, "application/x-www-form-urlencoded": 201} {
		w.send(request{caller: "ann", method: "POST", path: "tokens", body: `{}`, header: http.Header{"Content-Type": {kind}}}).is(t, status)
	}
}

func TestLongestLifetimeIsAnError(t *testing.T) {
	w := newWorld(t, func(c *tokens.Config) { c.MaxTTL = time.Hour })
	w.call("ann", "POST", "tokens", `{"lifetime":"1h"}`).is(t, 201, "2031-05-17T09:30:00.000Z")
	w.call("ann", "POST", "tokens", `{"lifetime":"3601s"}`).is(t, 400, "longest lifetime")
	w.call("ann", "POST", "tokens", `{"expires_at":null}`).is(t, 201, "2031-05-17T09:30:00.000Z")
	w.call("ann", "POST", "tokens", `{}`).is(t, 201, "2031-05-17T09:30:00.000Z")
}

func TestNamesAreUnique(t *testing.T) {
	w := newWorld(t)
	first := w.make("ann", `{"name":"n"}`)
	w.call("ann", "POST", "tokens", `{"name":"n"}`).is(t, 409, "name_taken")
	w.call("bob", "POST", "tokens", `{"name":"n"}`).is(t, 201)
	w.call("ann", "DELETE", "tokens/"+first.id, "").is(t, 204)
	w.call("ann", "POST", "tokens", `{"name":"n"}`).is(t, 201)
}

func TestForms(t *testing.T) {
	w := newWorld(t)
	for body, form := range map[string]string{`{}`: "", `{"format":"hex"}`: "", `{"format":"prefixed"}`: "tgt_", `{"format":"prefixed","s3":true}`: "tgk_"} {
		if value := w.make("ann", body).value; !strings.HasPrefix(value, form) || form == "" && len(value) != 32 {
			t.Errorf("%s makes %s", body, value)
		}
	}
}

func TestKeyPairs(t *testing.T) {
	w := newWorld(t)
	secrets := map[string]bool{}
	for _, body := range []string{`{"s3":true}`, `{"s3":true}`, `{"secret_key":"my own key"}`, `{"s3":true,"secret_key":"another key"}`} {
		a := w.call("ann", "POST", "tokens", body).is(t, 201)
		o := a.object(t)
		secret := o["secret_key"].(string)
		_, want, err := w.svc.Signer(t.Context(), o["token"].(string))
		if err != nil || want.Reveal() != secret || o["s3"] != true || o["access_key"] != o["token"] || secrets[secret] {
			t.Errorf("%s: %v, the secret key is %q, another was told", body, err, want.Reveal())
		}
		if !strings.Contains(body, "key\"") && (len(secret) != 40 || strings.Trim(secret, alphabet) != "") {
			t.Errorf("the secret key that was made is %q", secret)
		}
		secrets[secret] = true
		if shown := w.call("ann", "GET", "tokens/"+o["id"].(string), "").is(t, 200, `"access_key":"`+o["token"].(string)); strings.Contains(shown.body, secret) {
			t.Error("the secret key is seen a second time")
		}
		w.call("token "+o["token"].(string), "GET", "tokens", "").is(t, 401)
	}
}
