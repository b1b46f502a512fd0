package accounts_test

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

func number(n uint32) *uint32 { return &n }

func TestParseIdentity(t *testing.T) {
	for text, want := range map[string]accounts.Identity{
		"john":                {Name: "john"},
		"jürgen müller":       {Name: "jürgen müller"},
		"1000":                {Name: "1000"},
		"S-1-5":               {Name: "S-1-5"}, // too short for a SID
		"s-1-5-21-1":          {Name: "s-1-5-21-1"},
		"S-1-5-21-1-2-3-1002": {SID: "S-1-5-21-1-2-3-1002"},
		"sid:S-1-5-21-1":      {SID: "S-1-5-21-1"},
		"local:admin":         {Domain: "LOCAL", Name: "admin"},
		"LOCAL:Admin":         {Domain: "LOCAL", Name: "Admin"},
		"local:S-1-5-21-1":    {Domain: "LOCAL", Name: "S-1-5-21-1"},
		"world:Everyone":      {Domain: "WORLD", Name: "Everyone"},
		"World:everyone":      {Domain: "WORLD", Name: "Everyone"},
		"ldap_user:john":      {Domain: "POSIX_USER", Name: "john"},
		"ldap_group:staff":    {Domain: "POSIX_GROUP", Name: "staff"},
		"ad:john":             {Domain: "ACTIVE_DIRECTORY", Name: "john"},
		`AD\john`:             {Domain: "ACTIVE_DIRECTORY", Name: "john"},
		`ad\john`:             {Domain: "ACTIVE_DIRECTORY", Name: "john"},
		`CORP\john`:           {Name: `CORP\john`},
		"name:john":           {Name: "john"},
		"NAME:ad":             {Name: "ad"},
		"uid:0":               {UID: number(0)},
		"uid:1000":            {UID: number(1000)},
		"gid:4294967295":      {GID: number(4294967295)},
		"auth_id:500":         {AuthID: "500"},
		"auth_id:000500":      {AuthID: "500"},
		"auth_id:0x1F4":       {AuthID: "500"},
		"Auth_ID:0X1f4":       {AuthID: "500"},
		"auth_id:12884902888": {AuthID: "12884902888"},
	} {
		if got, err := accounts.ParseIdentity(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestParseIdentityRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                             "0 bytes",
		strings.Repeat("a", 513):       "513 bytes",
		strings.Repeat("a", 300):       "300 bytes",
		"a:b":                          `"a:"`,
		":john":                        `":"`,
		"user:john":                    "ldap_user:",
		"local:a:b":                    "more than one colon",
		"uid:1:2":                      "more than one colon",
		"local:":                       "empty",
		"name:":                        "empty",
		`AD\`:                          "empty",
		"world:all":                    "world:Everyone",
		"world:":                       "world:Everyone",
		"uid:":                         "uid",
		"uid:-1":                       "uid",
		"uid:+1":                       "uid",
		"uid:4294967296":               "4294967295",
		"uid:1_000":                    "uid",
		"uid:0x10":                     "uid",
		"gid:john":                     "gid",
		"auth_id:":                     "auth_id",
		"auth_id:0x":                   "auth_id",
		"auth_id:john":                 "auth_id",
		"auth_id:18446744073709551616": "2^64",
		"sid:john":                     "S-1-5-21",
		"sid:S-1-5":                    "S-1-5-21",
		"a\nb":                         "control",
		" john":                        "space",
		"a\xff":                        "UTF-8",
	} {
		got, err := accounts.ParseIdentity(text)
		var invalid *tokens.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), says) || len(err.Error()) > 400 {
			t.Errorf("%q is %+v, %v, want an error that says %q", text, got, err, says)
		}
	}
}

func TestDecodeIdentity(t *testing.T) {
	for text, want := range map[string]accounts.Identity{
		`"local:john"`:       {Domain: "LOCAL", Name: "john"},
		` "uid:5" `:          {UID: number(5)},
		`{"name":"john"}`:    {Name: "john"},
		`{"name":"ad:john"}`: {}, // refused: see below
		`{"uid":0}`:          {UID: number(0)},
		`{"gid":7}`:          {GID: number(7)},
		`{"domain":"LOCAL","auth_id":"1002","uid":null,"gid":null,"sid":"S-1-5-21-1002","name":"svc"}`: {Domain: "LOCAL", AuthID: "1002", SID: "S-1-5-21-1002", Name: "svc"},
		`{"domain":"API_NULL_DOMAIN","auth_id":"0x10"}`:                                                {AuthID: "16"},
		`{"domain":"","sid":"","auth_id":"","name":"john"}`:                                            {Name: "john"},
		`{"domain":null,"name":"john"}`:                                                                {Name: "john"},
		`{"domain":"API_OPERATOR_DOMAIN","name":"john"}`:                                               {Domain: "API_OPERATOR_DOMAIN", Name: "john"},
		`{"domain":"WORLD","name":"Everyone"}`:                                                         {Domain: "WORLD", Name: "Everyone"},
		`{"domain":"POSIX_USER","uid":4294967295}`:                                                     {Domain: "POSIX_USER", UID: number(4294967295)},
	} {
		got, err := accounts.DecodeIdentity([]byte(text))
		if reflect.DeepEqual(want, accounts.Identity{}) {
			if err == nil {
				t.Errorf("%s is %+v", text, got)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, %v, want %+v", text, got, err, want)
		}
	}
}

// refusedIdentities are no identities in JSON, each with what the error says.
func refusedIdentities() map[string]string {
	return map[string]string{
		``:                              "no JSON",
		`john`:                          "no JSON",
		`null`:                          "neither",
		`true`:                          "neither",
		`1000`:                          "neither",
		`[]`:                            "list",
		`["john"]`:                      "list",
		`""`:                            "0 bytes",
		`"uid:x"`:                       "uid",
		`{}`:                            "names nobody",
		`{"domain":"LOCAL"}`:            "names nobody",
		`{"name":null,"uid":null}`:      "names nobody",
		`{"name":""}`:                   "names nobody",
		`{"name":"a","email":"b"}`:      `"email"`,
		`{"Name":"a"}`:                  `"Name"`,
		`{"name":"a","name":"a"}`:       "twice",
		`{"uid":null,"uid":5}`:          "twice",
		`{"name":5}`:                    "string",
		`{"name":["a"]}`:                "string",
		`{"auth_id":5}`:                 "string",
		`{"auth_id":"five"}`:            "auth_id",
		`{"sid":"five"}`:                "sid",
		`{"sid":{}}`:                    "string",
		`{"domain":"MOON","name":"a"}`:  `"MOON"`,
		`{"domain":"local","name":"a"}`: `"local"`,
		`{"domain":1,"name":"a"}`:       "string",
		`{"uid":"1000"}`:                "number",
		`{"uid":true}`:                  "number",
		`{"uid":-1}`:                    "uid",
		`{"uid":1.0}`:                   "uid",
		`{"uid":1e3}`:                   "uid",
		`{"gid":4294967296}`:            "gid",
		`{"name":"a:b"}`:                "colon",
		`{"name":" a"}`:                 "space",
		`{"name":"a"`:                   "no JSON",
		`{"name":"a",}`:                 "no JSON",
		`{"name"}`:                      "no JSON",
		`{"name":}`:                     "no JSON",
		`{name:"a"}`:                    "no JSON",
		`{"name":"a"}{}`:                "follows",
		`{"name":"a"} x`:                "follows",
		`"john" "jane"`:                 "follows",
		`{"` + strings.Repeat("x", 500): "no JSON",
		`{"x` + strings.Repeat("x", 500) + `":1}`: "…",
	}
}

func TestDecodeIdentityRefuses(t *testing.T) {
	for text, says := range refusedIdentities() {
		got, err := accounts.DecodeIdentity([]byte(text))
		var invalid *tokens.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), says) || len(err.Error()) > 400 {
			t.Errorf("%s is %+v, %v, want an error that says %q", text, got, err, says)
		}
	}
}

const identified = `
users:
  - {name: john, identity: {auth_id: "1002", uid: 1000, gid: 100, sid: S-1-5-21-1-2-3-1002}}
  - {name: jane, identity: {gid: 100}, locator: 123e4567-e89b-12d3-a456-426614174000}
  - {name: posix, identity: {domain: POSIX_USER, auth_id: "12884903888"}}
  - {name: sidney, identity: {domain: ACTIVE_DIRECTORY, sid: S-1-5-88-1-3000}}
  - {name: twin, identity: {uid: 4000}}
  - {name: double, identity: {domain: POSIX_USER, uid: 4000}}
  - {name: third, identity: {uid: 4000}}
  - {name: Everyone}
`

func TestByIdentity(t *testing.T) {
	d := accounts.NewDirectory(parse(t, identified), []accounts.Stored{
		{Name: "kept", Identity: accounts.IdentityConfig{AuthID: "512"}},
	}, nil)
	jane, _ := d.Lookup("jane")
	for identity, want := range map[string]string{
		`"john"`:                             "john",
		`"local:john"`:                       "john",
		`"ad:john"`:                          "-",
		`"ldap_user:john"`:                   "-",
		`"John"`:                             "-",
		`"nobody"`:                           "-",
		`"auth_id:1002"`:                     "john",
		`"auth_id:0x3ea"`:                    "john",
		`"S-1-5-21-1-2-3-1002"`:              "john",
		`"uid:1000"`:                         "john",
		`"auth_id:12884902888"`:              "john", // (3<<32)+1000
		`"S-1-5-88-1-1000"`:                  "john",
		`"uid:2000"`:                         "posix", // his auth_id is (3<<32)+2000
		`"S-1-5-88-1-2000"`:                  "posix",
		`"ldap_user:posix"`:                  "posix",
		`"local:posix"`:                      "-",
		`"uid:3000"`:                         "sidney",
		`"auth_id:12884904888"`:              "sidney",
		`"uid:100"`:                          "-",
		`"uid:0"`:                            "-",
		`"auth_id:0"`:                        "-",
		`"S-1-5-88-1-99999999999"`:           "-",
		`"uid:4000"`:                         "ambiguous",
		`{"domain":"LOCAL","uid":4000}`:      "ambiguous",
		`{"domain":"POSIX_USER","uid":4000}`: "double",
		`{"uid":4000,"name":"twin"}`:         "ambiguous", // all three share it
		`{"name":"john","uid":2000}`:         "ambiguous",
		`{"name":"john","uid":77}`:           "john", // one attribute is enough
		`{"name":"john","gid":100}`:          "john",
		`{"name":"jane","gid":5}`:            "jane",
		`{"uid":1000,"gid":100}`:             "john", // jane has the gid, too
		`{"domain":"API_NULL_DOMAIN","name":"john"}`:     "john",
		`{"domain":"API_OPERATOR_DOMAIN","name":"john"}`: "-",
		`"auth_id:` + jane.Identity.AuthID + `"`:         "jane",
		`"auth_id:500"`:                                  "-", // well known elsewhere, nobody here
		`"auth_id:512"`:                                  "kept",
		`"auth_id:513"`:                                  "group",
		`"gid:100"`:                                      "group",
		`"gid:5"`:                                        "group",
		`"auth_id:17179869284"`:                          "group", // (4<<32)+100
		`"S-1-5-88-2-100"`:                               "group",
		`"S-1-1-0"`:                                      "group",
		`"ldap_group:john"`:                              "group",
		`"world:Everyone"`:                               "group",
		`"Everyone"`:                                     "Everyone",
		`{"domain":"POSIX_GROUP","name":"john","uid":1000}`: "group",
		`{"name":"john","sid":"S-1-5-88-2-100"}`:            "group",
	} {
		id, err := accounts.DecodeIdentity([]byte(identity))
		if err != nil {
			t.Fatalf("%s: %v", identity, err)
		}
		a, err := d.ByIdentity(id)
		got := ""
		switch {
		case errors.Is(err, accounts.ErrNoSuchUser):
			got = "-"
		case errors.Is(err, accounts.ErrAmbiguousIdentity):
			got = "ambiguous"
		case errors.Is(err, accounts.ErrGroupIdentity):
			got = "group"
		case err == nil:
			got = a.Name
		}
		if got != want || err != nil && a != nil {
			t.Errorf("%s is %s (%+v, %v), want %s", identity, got, a, err, want)
		}
	}
}

func TestIdentityThatSaysNothingIsNobodys(t *testing.T) {
	d := accounts.NewDirectory(parse(t, identified), nil, nil)
	for _, id := range []accounts.Identity{{}, {Domain: "LOCAL"}, {AuthID: "x"}, {SID: "x"}} {
		if a, err := d.ByIdentity(id); !errors.Is(err, accounts.ErrNoSuchUser) {
			t.Errorf("%+v is %+v, %v", id, a, err)
		}
	}
}

func TestIdentityOfAccounts(t *testing.T) {
	d := accounts.NewDirectory(parse(t, identified+`  - {name: padded, identity: {auth_id: "0077"}}`), nil, nil)
	identity := func(name string) accounts.Identity {
		t.Helper()
		a, ok := d.Lookup(name)
		if !ok {
			t.Fatalf("no user %s", name)
		}
		return a.Identity
	}
	want := accounts.Identity{Domain: "LOCAL", AuthID: "1002", UID: number(1000), GID: number(100), SID: "S-1-5-21-1-2-3-1002", Name: "john"}
	if got := identity("john"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := identity("padded"); got.AuthID != "77" || got.UID != nil || got.GID != nil || got.SID != "" {
		t.Errorf("got %+v", got)
	}
	if got := identity("sidney"); got.Domain != "ACTIVE_DIRECTORY" || got.SID != "S-1-5-88-1-3000" {
		t.Errorf("got %+v", got)
	}
}

// Who was given no auth_id keeps the one that he has, as long as he keeps his
// locator.
func TestDerivedAuthID(t *testing.T) {
	d := accounts.NewDirectory(parse(t, identified), nil, nil)
	again := accounts.NewDirectory(parse(t, `users: [{name: jane, locator: 123E4567-E89B-12D3-A456-426614174000}]`), nil, nil)
	renamed := accounts.NewDirectory(accounts.Config{}, []accounts.Stored{{Name: "joan", Locator: "123e4567-e89b-12d3-a456-426614174000"}}, nil)
	seen := map[string]string{}
	for _, a := range append(d.All(), again.All()...) {
		n, err := strconv.ParseInt(a.Identity.AuthID, 10, 64)
		if err != nil || n <= 0 {
			t.Errorf("%s has auth_id %q", a.Name, a.Identity.AuthID)
		}
		if a.Identity.SID == "" && a.Identity.UID == nil && n < 1<<62 && a.Name != "posix" {
			t.Errorf("%s has %d, which may be somebody's own", a.Name, n)
		}
		if other, ok := seen[a.Identity.AuthID]; ok && other != a.Name {
			t.Errorf("%s and %s have one auth_id", a.Name, other)
		}
		seen[a.Identity.AuthID] = a.Name
	}
	jane, _ := again.Lookup("jane")
	joan, _ := renamed.Lookup("joan")
	if joan.Identity.AuthID != jane.Identity.AuthID {
		t.Error("the auth_id does not come from the locator")
	}
	// SHA-256 of the locator, its first 62 bits behind 01; a promise to clients
	// that keep it.
	if jane.Identity.AuthID != "6371482731219288619" {
		t.Errorf("jane has %s", jane.Identity.AuthID)
	}
}

// What 5.4 prints is read back as the same user.
func TestPrintedIdentityIsItsUsers(t *testing.T) {
	d := accounts.NewDirectory(parse(t, `users: [{name: john, identity: {uid: 1000, gid: 100}}, {name: jane}, {name: ad, identity: {domain: ACTIVE_DIRECTORY, sid: S-1-5-21-1}}]`), nil, nil)
	for _, a := range d.All() {
		if found, err := d.ByIdentity(a.Identity); err != nil || found != a {
			t.Errorf("%+v is %+v, %v", a.Identity, found, err)
		}
		if found, err := d.ByIdentity(accounts.Identity{AuthID: a.Identity.AuthID}); err != nil || found != a {
			t.Errorf("the auth_id of %s is %+v, %v", a.Name, found, err)
		}
	}
}

// FuzzParseIdentity: what is read says something, and looking it up gives a
// user or one of the three errors.
func FuzzParseIdentity(f *testing.F) {
	for _, text := range []string{"john", `AD\john`, "uid:1000", "auth_id:0x1f4", "S-1-5-88-2-5", "world:Everyone", "a:b:c", "sid:S-1-5-21-1", "gid:5", ""} {
		f.Add(text)
	}
	d := accounts.NewDirectory(accounts.Config{Users: []accounts.UserConfig{{Name: "john"}}}, nil, nil)
	f.Fuzz(func(t *testing.T, text string) {
		id, err := accounts.ParseIdentity(text)
		checkIdentity(t, d, id, err)
	})
}

// FuzzDecodeIdentity: the same for the JSON form.
func FuzzDecodeIdentity(f *testing.F) {
	for text := range refusedIdentities() {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"domain":"LOCAL","auth_id":"1002","uid":5,"gid":null,"sid":"S-1-5-21-1002","name":"svc"}`))
	f.Add([]byte(`"local:john"`))
	d := accounts.NewDirectory(accounts.Config{Users: []accounts.UserConfig{{Name: "john"}}}, nil, nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := accounts.DecodeIdentity(text)
		checkIdentity(t, d, id, err)
	})
}

func checkIdentity(t *testing.T, d *accounts.Directory, id accounts.Identity, err error) {
	t.Helper()
	if err != nil {
		var invalid *tokens.InvalidError
		if !errors.As(err, &invalid) || len(err.Error()) > 4000 {
			t.Fatalf("%v", err)
		}
		return
	}
	if id.AuthID == "" && id.UID == nil && id.GID == nil && id.SID == "" && id.Name == "" {
		t.Fatalf("%+v names nobody", id)
	}
	if n, err := strconv.ParseUint(id.AuthID, 10, 64); id.AuthID != "" && (err != nil || strconv.FormatUint(n, 10) != id.AuthID) {
		t.Fatalf("the auth_id %q is not in normal form", id.AuthID)
	}
	a, err := d.ByIdentity(id)
	refused := errors.Is(err, accounts.ErrNoSuchUser) || errors.Is(err, accounts.ErrAmbiguousIdentity) || errors.Is(err, accounts.ErrGroupIdentity)
	if (a == nil) != refused || a != nil && err != nil {
		t.Fatalf("%+v is %+v, %v", id, a, err)
	}
}
