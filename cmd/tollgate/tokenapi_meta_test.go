package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/keyring"
)

// TestTokenAPIOwner holds who may make tokens that belong to whom.
func TestTokenAPIOwner(t *testing.T) {
	const chief = "chief" // of tenant one alone, with more rights there than boss
	g := startWith(t, strings.Replace(setup{dir: "DIR"}.configuration(), "users:\n", "users:\n  - {name: chief, tenants: [one], permissions: ['*.*']}\n", 1))
	for _, row := range []struct {
		name, user, owner string
		status            int
		owns              string
	}{
		{"PlainUserForAnother", john, jane, 403, ""},
		{"PlainUserForHimself", john, john, 403, ""},
		{"PlainUserForUnknown", john, "nobody", 403, ""},
		{"BlankIsNotSet", john, "", 201, john},
		{"SpacesAreNotSet", john, "  ", 201, john},
		{"AdminForAnother", boss, john, 201, john},
		{"AdminForLesser", boss, jane, 201, jane},
		{"AdminForHimself", boss, boss, 201, boss},
		{"AdminBlank", boss, "", 201, boss},
		{"AdminForUnknown", boss, "nobody", 400, ""},
		{"AdminForOtherCase", boss, "JOHN", 400, ""},
		{"AdminForQualified", boss, "john+one", 400, ""},
		{"AdminWithoutTheTenant", boss, other, 403, ""},
		{"AdminWithoutTheRights", boss, root, 403, ""},
		{"AdminWithoutTheRightsInHisTenant", boss, chief, 403, ""},
		{"SuperuserForMore", root, chief, 201, chief},
		{"SuperuserForAll", root, boss, 201, boss},
		{"SuperuserForOwnerOfOtherTenant", root, other, 400, ""},
		{"SuperuserForOwnerOfNoTenant", root, none, 400, ""},
		{"ReaderForAnother", jane, john, 403, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, path := range []string{tokenPath, tenantPath, domainPath} {
				got := g.do(ask{method: "POST", target: path + "?setcookie=false", user: row.user, header: headers("X-Owner-Meta", row.owner)})
				if row.status != 201 {
					wantProblem(t, got, row.status)
					continue
				}
				if got.status != 201 {
					t.Errorf("%s: %d %s", path, got.status, got.body)
					continue
				}
				value := got.header.Get("Gateway-Token")
				if d := describe(t, g.do(ask{target: tenantPath + value, header: bearer(value)})); d.Owner != row.owns {
					t.Errorf("%s: the token is %q's, want %q", path, d.Owner, row.owns)
				}
			}
		})
	}
}

// TestTokenAPICustomMetadata: it is kept and returned, in every encoding that
// clients are known to send.
func TestTokenAPICustomMetadata(t *testing.T) {
	g := startGateway(t, setup{})
	g.manage(john, tenantPath, headers(
		"X-Custom-Meta-Source", `access key "1" <&>`,
		"X-Custom-Meta-Latin", "caf\xe9",
		"X-Custom-Meta-Utf8", "日本 é",
		"x-custom-meta-Some-Long_Name2", "plain",
		"X-Custom-Meta-Encoded", "=?UTF-8?B?w6k=?=",
		"X-Custom-Meta-Empty", "",
		"X-Custom-Meta-Twice", "a", "X-Custom-Meta-Twice", "b",
	))
	want := map[string]string{
		"x_custom_meta_source": `access key "1" <&>`, "x_custom_meta_latin": "café", "x_custom_meta_utf8": "日本 é",
		"x_custom_meta_some_long_name2": "plain", "x_custom_meta_encoded": "=?UTF-8?B?w6k=?=",
		"x_custom_meta_empty": "", "x_custom_meta_twice": "a, b",
	}
	for _, path := range []string{tokenPath + "?format=json", tenantPath} {
		list := objects(t, g.do(ask{target: path, user: john}))
		if len(list) != 1 {
			t.Fatalf("%s: %q", path, list)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(list[0]), &m); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for k, v := range m {
			if strings.HasPrefix(k, "x_custom_meta_") {
				got[k], _ = v.(string)
			}
		}
		for k, v := range want {
			if s, there := got[k]; !there || s != v {
				t.Errorf("%s: %s is %q, want %q", path, k, s, v)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestTokenAPIMetadataBounds(t *testing.T) {
	g := startGateway(t, setup{})
	const one = 16 << 10
	of := strings.Repeat
	for _, row := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"OneBelow", headers("X-Custom-Meta-A", of("x", one-1)), 201},
		{"OneAt", headers("X-Custom-Meta-A", of("x", one)), 201},
		{"OneAbove", headers("X-Custom-Meta-A", of("x", one+1)), 400},
		{"OneInPartsAbove", headers("X-Custom-Meta-A", of("x", one-1), "X-Custom-Meta-A", "yz"), 400},
		{"AllBelow", headers("X-Custom-Meta-A", of("x", one), "X-Custom-Meta-B", of("y", one-1)), 201},
		{"AllAt", headers("X-Custom-Meta-A", of("x", one), "X-Custom-Meta-B", of("y", one)), 201},
		{"AllAbove", headers("X-Custom-Meta-A", of("x", one), "X-Custom-Meta-B", of("y", one), "X-Custom-Meta-C", "z"), 400},
		{"SecretCounts", headers("X-Custom-Meta-A", of("x", one), "X-Custom-Meta-B", of("y", one-8), "X-User-Secret-Key-Meta", of("s", 9)), 400},
		{"SecretAbove", headers("X-User-Secret-Key-Meta", of("s", one+1)), 400},
		{"OtherHeadersDoNotCount", headers("X-Custom-Meta-A", of("x", one), "X-Custom-Meta-B", of("y", one), "X-Other", of("z", 1000)), 201},
		{"NameWithDot", headers("X-Custom-Meta-A.b", "x"), 400},
		{"NoName", headers("X-Custom-Meta-", "x"), 400},
		{"NamesThatListAsOne", headers("X-Custom-Meta-A-B", "x", "X-Custom-Meta-A_b", "y"), 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := g.do(ask{method: "POST", target: tokenPath, user: john, header: row.header})
			if row.status != 201 {
				wantProblem(t, got, row.status)
				if says := detail(t, got); !strings.Contains(says, "accepted") || len(says) > 300 {
					t.Errorf("says %q", says)
				}
				return
			}
			if got.status != 201 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	for _, o := range objects(t, g.do(ask{target: tenantPath, user: john})) {
		if a := member(t, o, "x_custom_meta_a"); strings.Trim(a, "x") != "" || len(a) < one-1 {
			t.Errorf("%d bytes are kept", len(a))
		}
	}
}

// punctuation is every printable character of ASCII.
func punctuation() string {
	var b strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		b.WriteByte(c)
	}
	return b.String()[:40] + " " + b.String()[40:]
}

// TestTokenAPISecretKey: any printable ASCII, byte for byte, sealed at rest.
func TestTokenAPISecretKey(t *testing.T) {
	g := startGateway(t, setup{})
	kept := map[tokens.ID]string{}
	for _, row := range []struct {
		name, secret string
		status       int
	}{
		{"Punctuation", punctuation(), 201},
		{"LooksEncoded", "%41%42+%2F&amp;", 201},
		{"Quoted", `"quoted\"`, 201},
		{"AtMinimum", "12345678", 201},
		{"BelowMinimum", "1234567", 400},
		{"Empty", "", 400},
		{"Latin1", "secret\xe9secret", 400},
		{"UTF8", "secret é secret", 400},
		{"Tab", "secret\tsecret", 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			header := headers("X-User-Secret-Key-Meta", row.secret)
			byTenant := g.do(ask{method: "POST", target: tenantPath, user: john, header: header})
			byToken := g.do(ask{method: "POST", target: tokenPath, user: john, header: header})
			if row.status != 201 {
				wantProblem(t, byTenant, row.status)
				wantProblem(t, byToken, row.status)
				if len(row.secret) > 3 && strings.Contains(byTenant.body+byToken.body, row.secret) {
					t.Errorf("the refusal shows the secret: %s", byTenant.body)
				}
				return
			}
			if byTenant.status != 201 || byToken.status != 201 {
				t.Fatalf("%d %s, %d %s", byTenant.status, byTenant.body, byToken.status, byToken.body)
			}
			d := describe(t, byTenant)
			if d.Secret != row.secret {
				t.Errorf("echoes %q, want %q", d.Secret, row.secret)
			}
			if strings.Contains(byToken.body, row.secret) {
				t.Errorf("the token path shows the secret: %q", byToken.body)
			}
			kept[tokens.ID(d.ID)] = row.secret
			kept[tokens.ID(byToken.header.Get("Gateway-Token-Id"))] = row.secret
			for _, path := range []string{tenantPath, tokenPath + "?format=json", tenantPath + d.ID, tokenPath + d.Token} {
				if got := g.do(ask{target: path, user: john}); got.status != 200 || strings.Contains(got.body, `"secret"`) {
					t.Errorf("%s: %d %s", path, got.status, got.body)
				}
			}
		})
	}
	if code := g.end(); code != exitOK {
		t.Fatalf("serve ended with %d", code)
	}
	opened := openSecrets(t, g.dir, filepath.Join(g.dir, "keys", "seal.keys"))
	for id, secret := range kept {
		if opened[id] != secret {
			t.Errorf("token %s: the secret at rest is %q, want %q", id, opened[id], secret)
		}
	}
}

// openSecrets returns the secret keys in the store of a stopped gateway; those
// that the keys do not open are empty.
func openSecrets(t *testing.T, dir, keys string) map[tokens.ID]string {
	t.Helper()
	ring, err := keyring.Load(keys)
	if err != nil {
		t.Fatal(err)
	}
	store, err := badgerstore.Open(badgerstore.Config{Dir: filepath.Join(dir, "tokens"), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	opened := map[tokens.ID]string{}
	err = store.Each(t.Context(), func(k *tokens.Token) error {
		if k.SigningOnly() {
			secret, _ := ring.Open(k.Secret, string(k.ID))
			opened[k.ID] = secret.Reveal()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}
