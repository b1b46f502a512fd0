package tokens_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

// orderWithKey is ann's order of an S3 key pair.
func orderWithKey(w *world, key string) tokens.Order {
	secret := tokens.Secret(key)
	return tokens.Order{API: tokens.ContentGateway, By: w.as("ann"), Scope: redA(), SecretKey: &secret}
}

func TestWhereOneMayIssue(t *testing.T) {
	red, redB, blue := tokens.Scope{Tenant: "red"}, tokens.Scope{Tenant: "red", Domain: "b.red"}, tokens.Scope{Tenant: "blue"}
	w := usualWorld()
	for _, c := range []struct {
		name  string
		by    tokens.Subject
		scope tokens.Scope
		any   bool
		want  error
	}{
		{"anonymous", tokens.Subject{}, red, false, tokens.ErrAnonymous},
		{"for a tenant by password", w.as("ann"), red, false, nil},
		{"for a domain by password", w.as("ann"), redA(), false, nil},
		{"for another tenant", w.as("ann"), blue, false, tokens.ErrOtherTenant},
		{"for no tenant", w.as("root"), tokens.Scope{}, false, tokens.ErrOtherTenant},
		{"for a domain of no tenant", w.as("root"), tokens.Scope{Domain: "a.red"}, false, tokens.ErrOtherTenant},
		{"for the tenant by its token", w.by("ann", red), red, false, nil},
		{"for a domain by the tenant's token", w.by("ann", red), redB, false, nil},
		{"for the domain by its token", w.by("ann", redA()), redA(), false, nil},
		{"for another domain by a domain's token", w.by("ann", redA()), redB, false, tokens.ErrOutOfScope},
		{"for the tenant by a domain's token", w.by("ann", redA()), red, false, tokens.ErrOutOfScope},
		{"for another domain where there are none", w.by("ann", redA()), redB, true, nil},
		{"for another tenant by a token", w.by("bob", red), blue, false, tokens.ErrOutOfScope},
		{"for another tenant by a token where there are no domains", w.by("bob", red), blue, true, tokens.ErrOutOfScope},
		{"by a token of a tenant that one lost", w.by("ann", blue), blue, false, tokens.ErrOtherTenant},
		{"without any right, for oneself", w.as("reader"), red, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.store.puts)
			got, err := w.Issue(t.Context(), tokens.Order{API: tokens.UserTokens, By: c.by, Scope: c.scope, AnyDomain: c.any})
			isVerdict(t, err, c.want)
			if c.want != nil {
				if got != (tokens.Issued{}) || len(w.store.puts) != before {
					t.Fatalf("refused, and still %+v", got)
				}
				return
			}
			k := got.Token
			if k.Scope != c.scope || k.Owner != c.by.User.Name || k.Creator != c.by.User.Name || k.API != tokens.UserTokens {
				t.Errorf("got %+v", k)
			}
		})
	}
}

func TestIssueForAnother(t *testing.T) {
	red := tokens.Scope{Tenant: "red"}
	w := usualWorld()
	w.users["weakadmin"] = &tokens.User{Name: "weakadmin", Tenants: tenants("red"), Rights: tokens.StorageRead, TokenAdmin: true}
	w.users["peer"] = &tokens.User{Name: "peer", Tenants: tenants("red"), Rights: storageUser, TokenAdmin: true}
	w.users["auditing"] = &tokens.User{Name: "auditing", Tenants: tenants("red"), Rights: tokens.UsersRead}
	for _, c := range []struct {
		name    string
		by      tokens.Subject
		owner   string
		scope   tokens.Scope
		want    error
		invalid string
	}{
		{"as token admin", w.as("redadmin"), "ann", red, nil, ""},
		{"as token admin, for a domain", w.as("redadmin"), "ann", redA(), nil, ""},
		{"for another token admin", w.as("redadmin"), "peer", red, nil, ""},
		{"for oneself by name, as token admin", w.as("redadmin"), "redadmin", red, nil, ""},
		{"without the right", w.as("ann"), "reader", red, tokens.ErrPermission, ""},
		{"for oneself by name, without the right", w.as("ann"), "ann", red, tokens.ErrPermission, ""},
		{"with the right to read tokens alone", w.as("auditor"), "reader", red, tokens.ErrPermission, ""},
		{"with fewer rights than the owner", w.as("weakadmin"), "ann", red, tokens.ErrPermission, ""},
		{"with as many rights as the owner", w.as("weakadmin"), "reader", red, nil, ""},
		{"with another right than the owner", w.as("redadmin"), "auditing", red, tokens.ErrPermission, ""},
		{"for a token admin, without tokens.*", w.as("minter"), "weakadmin", red, tokens.ErrPermission, ""},
		{"for one who has more tenants", w.as("redadmin"), "bob", red, tokens.ErrPermission, ""},
		{"for one who has every tenant", w.as("boss"), "root", red, tokens.ErrPermission, ""},
		{"for one with the same tenants", w.as("boss"), "bob", tokens.Scope{Tenant: "blue"}, nil, ""},
		{"by a token of one of his tenants", w.by("boss", red), "bob", red, tokens.ErrPermission, ""},
		{"by a token of all his tenants", w.by("boss", red), "ann", red, nil, ""},
		{"by a domain's token for that domain", w.by("redadmin", redA()), "ann", redA(), nil, ""},
		{"by a domain's token for the tenant", w.by("redadmin", redA()), "ann", red, tokens.ErrOutOfScope, ""},
		{"in a tenant that the owner has not", w.as("boss"), "ann", tokens.Scope{Tenant: "blue"}, nil, `user "ann" does not belong to tenant "blue"`},
		{"for one without tenants", w.as("root"), "nowhere", red, nil, `user "nowhere" does not belong to tenant "red"`},
		{"in a tenant that one has not oneself", w.as("redadmin"), "ann", tokens.Scope{Tenant: "blue"}, tokens.ErrOtherTenant, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := w.Issue(t.Context(), tokens.Order{API: tokens.ContentGateway, By: c.by, Owner: w.users[c.owner], Scope: c.scope})
			if c.invalid != "" {
				isInvalid(t, err, c.invalid)
				return
			}
			isVerdict(t, err, c.want)
			if c.want == nil && (got.Token.Owner != c.owner || got.Token.Creator != c.by.User.Name) {
				t.Errorf("got %+v", got.Token)
			}
		})
	}
}

func TestWhatIsIssuedIsStored(t *testing.T) {
	w := usualWorld()
	meta := []tokens.Meta{{Name: "source", Value: "ci"}, {Name: "team", Value: "größe"}}
	got, err := w.Issue(t.Context(), tokens.Order{API: tokens.ContentGateway, By: w.as("ann"), Scope: redA(), Meta: meta})
	isVerdict(t, err, nil)
	stored, err := w.store.ByID(t.Context(), got.Token.ID)
	isVerdict(t, err, nil)
	want := tokens.Token{
		ID: got.Token.ID, Hash: tokens.HashOf(got.Value.Reveal()), API: tokens.ContentGateway, Owner: "ann", Creator: "ann",
		Scope: redA(), Created: stamped(), Expires: stamped().Add(tokens.Default().DefaultTTL), Meta: meta, Revision: got.Token.Revision,
	}
	for name, k := range map[string]*tokens.Token{"answered": got.Token, "stored": stored} {
		if k.Hash != want.Hash || k.API != want.API || k.Owner != want.Owner || k.Creator != want.Creator || k.Scope != want.Scope {
			t.Errorf("%s is %+v", name, k)
		}
		if !k.Created.Equal(want.Created) || !k.Expires.Equal(want.Expires) || !k.Revoked.At.IsZero() {
			t.Errorf("%s has times %v, %v", name, k.Created, k.Expires)
		}
		if !slices.Equal(k.Meta, meta) || k.AccessKey != "" || k.SigningOnly() || k.Revision == 0 {
			t.Errorf("%s is %+v", name, k)
		}
	}
	who, err := w.Verify(t.Context(), got.Value)
	isVerdict(t, err, nil)
	if who.User.Name != "ann" {
		t.Errorf("it is of %s", who.User.Name)
	}
}

func TestSecretKeys(t *testing.T) {
	var printable strings.Builder
	for c := byte(' '); c <= '~'; c++ {
		printable.WriteByte(c)
	}
	for _, c := range []struct {
		name    string
		least   int
		key     string
		invalid string
	}{
		{"all printable ASCII", 8, printable.String(), ""},
		{"as long as it must be", 8, "12345678", ""},
		{"one too short", 8, "1234567", "7 characters, accepted is 8 or more"},
		{"empty", 8, "", "0 characters, accepted is 8 or more"},
		{"another minimum", 20, "1234567890123456789", "19 characters, accepted is 20 or more"},
		{"a minimum of one", 1, "x", ""},
		{"blanks only", 8, "        ", ""},
		{"percent signs stay as they are", 8, "%41%42%43", ""},
		{"four kilobytes", 8, strings.Repeat("k", 4096), ""},
		{"a tab", 8, "1234\t5678", "position 5"},
		{"a line end", 8, "12345678\n", "position 9"},
		{"a NUL", 8, "\x0012345678", "position 1"},
		{"DEL", 8, "12345678\x7f", "position 9"},
		{"UTF-8", 8, "pässword", "position 2"},
		{"ISO-8859-1", 8, "p\xe4ssword", "position 2"},
		{"short and not printable", 8, "\x01", "position 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			config := tokens.Default()
			config.MinSecretLength = c.least
			w.Configure(config)
			got, err := w.Issue(t.Context(), orderWithKey(w, c.key))
			if c.invalid != "" {
				isInvalid(t, err, c.invalid)
				if len(w.store.puts) != 0 {
					t.Error("something was stored")
				}
				return
			}
			isVerdict(t, err, nil)
			k := got.Token
			if !k.SigningOnly() || k.AccessKey != got.Value.Reveal() {
				t.Fatalf("got %+v, which is no key pair", k)
			}
			if plain, err := (vault{}).Open(k.Secret, string(k.ID)); err != nil || plain.Reveal() != c.key {
				t.Errorf("opens as %q, %v", plain.Reveal(), err)
			}
			_, err = w.Verify(t.Context(), got.Value)
			isVerdict(t, err, tokens.ErrSigningOnly)
		})
	}
}

func TestASealerThatFailsStoresNothing(t *testing.T) {
	w := usualWorld()
	d := w.deps
	d.Sealer, d.Random = vault{broken: errBroken}, strings.NewReader(strings.Repeat("r", 1000))
	broken := tokens.NewService(d, tokens.Default())
	if _, err := broken.Issue(t.Context(), orderWithKey(w, "12345678")); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if len(w.store.puts) != 0 {
		t.Error("something was stored")
	}
}

func TestAFullStore(t *testing.T) {
	w := usualWorld()
	w.store.onPut = func(*tokens.Token) error { return tokens.ErrStoreFull }
	_, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA()})
	isVerdict(t, err, tokens.ErrStoreFull)
	if len(w.store.puts) != 1 {
		t.Errorf("tried %d times, once is enough", len(w.store.puts))
	}
}
