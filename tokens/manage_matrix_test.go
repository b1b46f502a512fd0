package tokens_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// deeds are what can be done to a token, by the letter that the matrix uses.
// Each reports whether it was done.
var deeds = []struct {
	letter string
	name   string
	do     func(context.Context, *world, tokens.Manager, *tokens.Token) (bool, error)
}{
	{"s", "show", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		got, err := w.Show(ctx, m, tokens.Secret(k.ID))
		return got != nil, err
	}},
	{"f", "find", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		got, err := w.Find(ctx, m, tokens.Secret(k.ID))
		return got != nil, err
	}},
	{"l", "list", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		page, err := w.List(ctx, m, tokens.Filter{Owner: k.Owner})
		return len(page.Tokens) == 1, err
	}},
	{"r", "revoke", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		got, err := w.Revoke(ctx, m, tokens.Secret(k.ID), nil)
		return got != nil && got.StateAt(w.time) == tokens.Revoked, err
	}},
	{"d", "disable", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		got, err := w.Change(ctx, m, tokens.Secret(k.ID), tokens.Change{Enabled: new(bool)})
		return got != nil && got.StateAt(w.time) == tokens.Disabled, err
	}},
	{"e", "enable", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		k.Disabled = tokens.Mark{At: stamped(), By: "root"}
		if _, err := w.memory.Put(ctx, k); err != nil {
			return false, err
		}
		enabled := true
		got, err := w.Change(ctx, m, tokens.Secret(k.ID), tokens.Change{Enabled: &enabled})
		return got != nil && got.StateAt(w.time) == tokens.Active, err
	}},
	{"x", "extend", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		end := k.Expires.Add(time.Minute)
		got, err := w.Change(ctx, m, tokens.Secret(k.ID), tokens.Change{Lifetime: &tokens.Lifetime{Until: end}})
		return got != nil && got.Expires.Equal(end), err
	}},
	{"c", "cut short", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		end := k.Expires.Add(-time.Minute)
		got, err := w.Change(ctx, m, tokens.Secret(k.ID), tokens.Change{Lifetime: &tokens.Lifetime{Until: end}})
		return got != nil && got.Expires.Equal(end), err
	}},
	{"a", "revoke all", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		n, err := w.RevokeAll(ctx, m, tokens.Filter{Owner: k.Owner}, nil)
		return n == 1, err
	}},
	{"o", "revoke sessions", func(ctx context.Context, w *world, m tokens.Manager, k *tokens.Token) (bool, error) {
		n, err := w.RevokeAll(ctx, m, tokens.Filter{Owner: k.Owner, API: tokens.ContentGateway, Plain: true}, nil)
		return n == 1, err
	}},
}

// everyDeed is all that can be done.
const everyDeed = "sflrdexcao"

// matrixRow says what somebody may do to the login session of ann, through
// each of the APIs.
type matrixRow struct {
	name                      string
	by                        func(*world) tokens.Subject
	tokens, users, accessKeys string // of the APIs that ask for tokens.*, of 5.3 and of 5.4
}

func matrix() []matrixRow {
	red, blue := tokens.Scope{Tenant: "red"}, tokens.Scope{Tenant: "blue"}
	as := func(name string) func(*world) tokens.Subject {
		return func(w *world) tokens.Subject { return w.as(name) }
	}
	token := func(name string, scope tokens.Scope, change func(*tokens.Token)) func(*world) tokens.Subject {
		return func(w *world) tokens.Subject {
			s := w.by(name, scope)
			change(s.Token)
			return s
		}
	}
	given := func(all ...tokens.Allowance) func(*tokens.Token) {
		return func(k *tokens.Token) { k.Allowed = all }
	}
	plain := func(*tokens.Token) {}
	const storage = tokens.StorageAll
	// user returns one of the tenants with these rights and those on the storage.
	user := func(rights tokens.Permissions, names ...string) func(*world) tokens.Subject {
		return func(*world) tokens.Subject {
			return tokens.Subject{User: &tokens.User{Name: "somebody", Tenants: tenants(names...), Rights: rights | storage}}
		}
	}
	weak := func(rights tokens.Permissions) func(*world) tokens.Subject {
		return func(*world) tokens.Subject {
			return tokens.Subject{User: &tokens.User{Name: "somebody", Tenants: tenants("red"), Rights: rights}}
		}
	}
	return []matrixRow{
		{"nobody", func(*world) tokens.Subject { return tokens.Subject{} }, "", "", ""},
		{"the owner by password", as("ann"), everyDeed, everyDeed, everyDeed},
		{"the owner by a token of the tenant", token("ann", red, plain), everyDeed, everyDeed, everyDeed},
		{"the owner by a token for every tenant", token("ann", tokens.Scope{Tenant: tokens.AnyTenant}, plain), everyDeed, everyDeed, everyDeed},
		{"the owner by a domain's token", token("ann", redA(), plain), "sflrdcao", "sflrdcao", "sflrdcao"},
		{"the owner by a token of a tenant that he has not", token("ann", blue, plain), "", "", ""},
		{"the owner by a token of another tenant", token("ann", tokens.Scope{Tenant: tokens.AnyTenant}, func(k *tokens.Token) { k.Tenants = []string{"blue"} }), "", "", ""},
		{"the owner by a token for the storage", token("ann", red, given(on(storage))), "", "", ""},
		{"the owner by a token with tokens.read", token("ann", red, given(on(storage), on(tokens.TokensRead))), "sfl", "sfl", "sfl"},
		{"the owner by a token with tokens.create", token("ann", red, given(on(storage), on(tokens.TokensCreate))), "", "", ""},
		{"the owner by a token with tokens.delete", token("ann", red, given(on(storage), on(tokens.TokensDelete))), "rdao", "rdao", "rdao"},
		// What it was given bounds what it makes live: ann's session is not.
		{"the owner by a token with tokens.*", token("ann", red, given(on(storage|tokens.TokensAll))), "sflrdcao", "sflrdcao", "sflrdcao"},
		{"the owner by a token with users.write", token("ann", red, given(on(storage|tokens.UsersWrite))), "", "rdcao", ""},
		{"the owner by a token with users.revoke", token("ann", red, given(on(storage|tokens.UsersRevoke))), "", "rdo", ""},
		{"the owner by a token with access_tokens.write", token("ann", red, given(on(storage|tokens.AccessTokensWrite))), "", "", "rdcao"},
		{"the owner by a token that is restricted", token("ann", red, func(k *tokens.Token) { k.Only.SizeBelow = 10 }), "", "", ""},
		{"the owner by a token with one use", token("ann", red, func(k *tokens.Token) { k.Only.Uses = 1 }), "", "", ""},
		{"the owner by a token with roles that give nothing", token("ann", red, func(k *tokens.Token) { k.Roles = []string{"collections.view"} }), "", "", ""},
		{"the owner by a restricted token with tokens.*", token("ann", red, func(k *tokens.Token) { k.Only.SizeBelow, k.Allowed = 10, tokens.Allowances{on(tokens.TokensAll)} }), "sflrdcao", "sflrdcao", "sflrdcao"},
		{"another user of the tenant", as("bob"), "", "", ""},
		{"an admin of the tenant", as("redadmin"), everyDeed, "", ""},
		{"an admin of the tenant by a token", token("redadmin", red, plain), everyDeed, "", ""},
		{"an admin of the tenant by a token for the storage", token("redadmin", red, given(on(storage))), "", "", ""},
		{"an admin of the tenant by a token with tokens.read", token("redadmin", red, given(on(storage|tokens.TokensRead))), "sfl", "", ""},
		{"an admin of the tenant by a token for another", token("boss", blue, plain), "", "", ""},
		{"an admin of another tenant", user(tokens.Everything, "blue"), "", "", ""},
		{"an admin of both tenants", as("boss"), everyDeed, everyDeed, everyDeed},
		{"an admin of every tenant", as("root"), everyDeed, everyDeed, everyDeed},
		{"every right and no tenant", as("nowhere"), "", "", ""},
		{"tokens.read", as("auditor"), "sfl", "", ""},
		{"tokens.create", user(tokens.TokensCreate, "red"), "ex", "", ""},
		{"tokens.delete", user(tokens.TokensDelete, "red"), "rdao", "", ""},
		{"tokens.create without the owner's rights", weak(tokens.TokensCreate), "", "", ""},
		{"users.read", user(tokens.UsersRead, "red"), "", "sfl", ""},
		{"users.write", user(tokens.UsersWrite, "red"), "", "rdexcao", ""},
		{"users.write elsewhere", user(tokens.UsersWrite, "blue"), "", "", ""},
		{"users.write without the owner's rights", weak(tokens.UsersWrite), "", "rdcao", ""},
		{"users.custom", user(tokens.UsersCustom, "red"), "", everyDeed, ""},
		{"users.revoke", user(tokens.UsersRevoke, "red"), "", "rdo", ""},
		{"access_tokens.read", user(tokens.AccessTokensRead, "red"), "", "", "sfl"},
		{"access_tokens.write", user(tokens.AccessTokensWrite, "red"), "", "", "rdexcao"},
		{"access_tokens.write without the owner's rights", weak(tokens.AccessTokensWrite), "", "", "rdcao"},
	}
}

func TestWhoMayDoWhatThroughWhichAPI(t *testing.T) {
	red := tokens.Scope{Tenant: "red"}
	for _, row := range matrix() {
		for api, allowed := range map[tokens.API]string{
			tokens.ContentGateway: row.tokens, tokens.FileRepository: row.tokens, tokens.Management: row.tokens,
			tokens.UserTokens: row.users, tokens.AccessTokens: row.accessKeys,
		} {
			for _, deed := range deeds {
				t.Run(row.name+"/"+string(api)+"/"+deed.name, func(t *testing.T) {
					w := usualWorld()
					session, value := w.put(t, "ann", red)
					by := row.by(w)
					done, err := deed.do(t.Context(), w, tokens.Manager{Subject: by, Via: api}, session)
					want := strings.Contains(allowed, deed.letter)
					if done != want || want && err != nil {
						t.Fatalf("done: %v, %v", done, err)
					}
					switch {
					case want:
						return
					case by.Anonymous():
						isVerdict(t, err, tokens.ErrAnonymous)
					case err != nil && !errors.Is(err, tokens.ErrNotOwner) && !errors.Is(err, tokens.ErrPermission):
						t.Fatalf("refused with %v", err)
					}
					stored, err := w.memory.ByHash(t.Context(), tokens.HashOf(value.Reveal()))
					isVerdict(t, err, nil)
					if stored.Revision != session.Revision && deed.letter != "e" || stored.StateAt(w.time) == tokens.Revoked {
						t.Fatalf("refused, and still %+v", stored)
					}
				})
			}
		}
	}
}

func TestMayReadWriteEnd(t *testing.T) {
	w := usualWorld()
	for _, c := range []struct {
		name             string
		by               tokens.Subject
		via              tokens.API
		read, write, end bool
	}{
		{"anonymous", tokens.Subject{}, tokens.ContentGateway, false, false, false},
		{"the zero manager", tokens.Subject{}, "", false, false, false},
		{"a plain user", w.as("ann"), tokens.ContentGateway, false, false, false},
		{"an auditor", w.as("auditor"), tokens.Management, true, false, false},
		{"an auditor elsewhere", w.as("auditor"), tokens.UserTokens, false, false, false},
		{"a minter", w.as("minter"), tokens.FileRepository, false, true, false},
		{"a remover", w.as("remover"), tokens.FileRepository, false, false, true},
		{"a token admin", w.as("redadmin"), tokens.ContentGateway, true, true, true},
		{"a token admin elsewhere", w.as("redadmin"), tokens.AccessTokens, false, false, false},
		{"every right", w.as("root"), tokens.AccessTokens, true, true, true},
		{"every right, by a token for the storage", w.narrowed("root", on(tokens.StorageAll)), tokens.AccessTokens, false, false, false},
		{"every right, by a token for reading", w.narrowed("root", on(tokens.AccessTokensRead)), tokens.AccessTokens, true, false, false},
		{"users.custom", w.narrowed("root", on(tokens.UsersCustom)), tokens.UserTokens, true, true, true},
		{"users.revoke", w.narrowed("root", on(tokens.UsersRevoke)), tokens.UserTokens, false, false, false},
	} {
		m := tokens.Manager{Subject: c.by, Via: c.via}
		if m.MayRead() != c.read || m.MayWrite() != c.write || m.MayEnd() != c.end {
			t.Errorf("%s: %v, %v, %v", c.name, m.MayRead(), m.MayWrite(), m.MayEnd())
		}
	}
}

func TestPowers(t *testing.T) {
	w := usualWorld()
	capped := w.by("root", tokens.Scope{Tenant: tokens.AnyTenant})
	capped.Token.Ceiling, capped.Token.Tenants = tokens.StorageRead|tokens.UsersRead, []string{"red", "blue"}
	for _, c := range []struct {
		name    string
		by      tokens.Subject
		rights  tokens.Permissions
		tenants tokens.Tenants
	}{
		{"nobody", tokens.Subject{}, 0, tokens.Tenants{}},
		{"by password", w.as("boss"), tokens.Everything, tenants("red", "blue")},
		{"by a token of a tenant", w.by("boss", tokens.Scope{Tenant: "red"}), tokens.Everything, tenants("red")},
		{"by a token of a lost tenant", w.by("ann", tokens.Scope{Tenant: "blue"}), tokens.StorageAll, tokens.Tenants{}},
		{"a token admin by a token", w.by("redadmin", redA()), tokens.StorageAll | tokens.TokensAll, tenants("red")},
		{"by a narrowed one", w.narrowed("root", on(tokens.StorageRead|tokens.UsersRead, "a")), tokens.StorageRead | tokens.UsersRead, tenants("red")},
		{"by one that is bounded", capped, tokens.StorageRead | tokens.UsersRead, tenants("red", "blue")},
	} {
		got := c.by.Powers()
		if got.Rights != c.rights || got.Tenants.Any != c.tenants.Any || !got.Tenants.Covers(c.tenants) || !c.tenants.Covers(got.Tenants) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
