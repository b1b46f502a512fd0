package tokens_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/memstore"
)

// start is when the tests play. It has nanoseconds, which records do not keep.
func start() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 123_456_789, time.UTC) }

// stamped is start as records keep it.
func stamped() time.Time { return start().Truncate(time.Millisecond) }

const (
	storageUser = tokens.StorageAll
	nobody      = "" // the subject without a user
)

func tenants(names ...string) tokens.Tenants { return tokens.Tenants{Names: names} }

// people is who there is in the tests.
func people() map[string]*tokens.User {
	all := map[string]*tokens.User{}
	for _, u := range []*tokens.User{
		{Name: "ann", Tenants: tenants("red"), Rights: storageUser},
		{Name: "bob", Tenants: tenants("red", "blue"), Rights: storageUser},
		{Name: "reader", Tenants: tenants("red"), Rights: tokens.StorageRead},
		{Name: "nowhere", Rights: tokens.Everything},
		{Name: "redadmin", Tenants: tenants("red"), Rights: storageUser, TokenAdmin: true},
		{Name: "auditor", Tenants: tenants("red"), Rights: tokens.StorageRead | tokens.TokensRead},
		{Name: "minter", Tenants: tenants("red", "blue"), Rights: tokens.StorageRead | tokens.TokensCreate},
		{Name: "remover", Tenants: tenants("red"), Rights: tokens.TokensDelete},
		{Name: "boss", Tenants: tenants("red", "blue"), Rights: tokens.Everything},
		{Name: "root", Tenants: tokens.Tenants{Any: true}, Rights: tokens.Everything},
	} {
		all[u.Name] = u
	}
	return all
}

// world is a service with all that it needs in the hands of a test.
type world struct {
	*tokens.Service
	store  *faulty
	memory *memstore.Store // below it
	deps   tokens.Deps
	users  map[string]*tokens.User
	time   time.Time
	made   int
}

// random is where the world takes randomness from, with the usual
// configuration.
func newWorld(random io.Reader) *world {
	memory := memstore.New()
	w := &world{store: &faulty{Store: memory}, memory: memory, users: people(), time: start()}
	byName := func(name string) (*tokens.User, bool) {
		u, ok := w.users[name]
		return u, ok
	}
	w.deps = tokens.Deps{Store: w.store, Usage: memory, Sealer: vault{}, Users: byName, Now: func() time.Time { return w.time }, Random: random}
	w.Service = tokens.NewService(w.deps, tokens.Default())
	return w
}

// plain returns a service on the store itself: the wrapper counts without a
// lock.
func (w *world) plain() *tokens.Service {
	d := w.deps
	d.Store = unhurried{w.memory}
	return tokens.NewService(d, tokens.Default())
}

// via is a subject at the API of the content gateway.
func via(s tokens.Subject) tokens.Manager {
	return tokens.Manager{Subject: s, Via: tokens.ContentGateway}
}

func usualWorld() *world { return newWorld(rand.Reader) }

// valueOf is the value of the nth token that put made.
func valueOf(n int) tokens.Secret { return tokens.Secret(fmt.Sprintf("%032x", n)) }

// put stores a live token, changed as the test wants it, and returns it with
// its value.
func (w *world) put(t *testing.T, owner string, scope tokens.Scope, change ...func(*tokens.Token)) (*tokens.Token, tokens.Secret) {
	t.Helper()
	w.made++
	value := valueOf(w.made)
	tok := &tokens.Token{
		ID: tokens.ID(fmt.Sprintf("7%021d", w.made)), Hash: tokens.HashOf(value.Reveal()), API: tokens.ContentGateway,
		Owner: owner, Creator: owner, Scope: scope,
		Created: stamped(), Expires: stamped().Add(time.Hour),
	}
	for _, c := range change {
		c(tok)
	}
	revision, err := w.store.Put(context.Background(), tok)
	if err != nil {
		t.Fatalf("put a token of %s: %v", owner, err)
	}
	tok.Revision = revision
	return tok, value
}

// as returns the subject that comes by password.
func (w *world) as(name string) tokens.Subject {
	if name == nobody {
		return tokens.Subject{}
	}
	return tokens.Subject{User: w.users[name]}
}

// by returns the subject that comes by a token of that scope.
func (w *world) by(name string, scope tokens.Scope) tokens.Subject {
	return tokens.Subject{User: w.users[name], Token: &tokens.Token{Owner: name, Scope: scope}}
}

func revokedBy(name string, at time.Time) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Revoked = tokens.Mark{At: at, By: name} }
}

func expiring(at time.Time) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Expires = at }
}

func beginning(at time.Time) func(*tokens.Token) {
	return func(t *tokens.Token) { t.NotBefore = at }
}

func usedUp(at time.Time) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Only.Uses, t.Used, t.Spent = 1, 1, at }
}

func disabled(t *tokens.Token) { t.Disabled = tokens.Mark{At: stamped(), By: "root"} }

func signing(t *tokens.Token) { t.Secret = tokens.Sealed("sealed") }

var errBroken = errors.New("disk on fire")

// faulty is a store that fails when it is told to.
type faulty struct {
	tokens.Store
	broken error                     // fails every call; nil = none
	onPut  func(*tokens.Token) error // is asked before each Put; its error is the answer
	calls  int
	puts   []*tokens.Token // what Put was given
}

func (f *faulty) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	if f.calls++; f.broken != nil {
		return nil, f.broken
	}
	return f.Store.ByHash(ctx, h)
}

func (f *faulty) ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
	if f.calls++; f.broken != nil {
		return nil, f.broken
	}
	return f.Store.ByID(ctx, id)
}

func (f *faulty) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	f.calls++
	f.puts = append(f.puts, t.Clone())
	if f.broken != nil {
		return 0, f.broken
	}
	if f.onPut != nil {
		if err := f.onPut(t); err != nil {
			return 0, err
		}
	}
	return f.Store.Put(ctx, t)
}

func (f *faulty) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	if f.calls++; f.broken != nil {
		return tokens.Page{}, f.broken
	}
	return f.Store.List(ctx, q)
}

func (f *faulty) Purge(ctx context.Context, before time.Time) (int, error) {
	if f.calls++; f.broken != nil {
		return 0, f.broken
	}
	return f.Store.Purge(ctx, before)
}

// vault seals by turning the text round and binding it to what goes with it.
type vault struct{ broken error }

func (v vault) Seal(plain tokens.Secret, associated string) (tokens.Sealed, error) {
	if v.broken != nil {
		return nil, v.broken
	}
	turned := []byte(plain.Reveal())
	slices.Reverse(turned)
	return tokens.Sealed(associated + "\x00" + string(turned)), nil
}

func (vault) Open(sealed tokens.Sealed, associated string) (tokens.Secret, error) {
	turned, ok := bytes.CutPrefix(sealed, []byte(associated+"\x00"))
	if !ok {
		return "", errors.New("sealed for another record")
	}
	plain := slices.Clone(turned)
	slices.Reverse(plain)
	return tokens.Secret(plain), nil
}

// isInvalid fails the test unless err is an *InvalidError whose sentence holds
// all the given parts.
func isInvalid(t *testing.T, err error, parts ...string) {
	t.Helper()
	var invalid *tokens.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v, want an InvalidError", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the sentence %q does not say %q", err, part)
		}
	}
}

// verdicts are the errors of this package. Each check for one of them checks
// that it is none of the others too.
func verdicts() []error {
	return []error{
		tokens.ErrUnknown, tokens.ErrExists, tokens.ErrConflict, tokens.ErrStoreFull, tokens.ErrStoreClosed, tokens.ErrBadCursor,
		tokens.ErrAnonymous, tokens.ErrOtherTenant, tokens.ErrOutOfScope, tokens.ErrPermission, tokens.ErrNotOwner,
		tokens.ErrExpired, tokens.ErrRevoked, tokens.ErrSigningOnly, tokens.ErrOwnerGone,
		tokens.ErrDisabled, tokens.ErrNotYet, tokens.ErrUsedUp, tokens.ErrChecksum, tokens.ErrName, tokens.ErrTooMany, tokens.ErrOtherRequest,
		tokens.ErrAddress, tokens.ErrAgent, tokens.ErrType, tokens.ErrSize, tokens.ErrTag, tokens.ErrResource,
	}
}

// isVerdict fails the test unless err is exactly that verdict; nil = no error.
func isVerdict(t *testing.T, err, want error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, other := range verdicts() {
		if !errors.Is(want, other) && errors.Is(err, other) {
			t.Fatalf("%v is %v as well as %v", err, other, want)
		}
	}
}

// everyRestriction is one of each.
func everyRestriction() tokens.Restrictions {
	return tokens.Restrictions{
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Agents: []tokens.Agent{{Text: "curl/*", Pattern: true}},
		Types: []string{"image/*"}, Tags: []string{"team"}, SizeBelow: 100, Uses: 3,
	}
}

func names(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// Derive is as good as a key that everybody knows.
func (vault) Derive(text string) [32]byte { return tokens.HashOf(text) }

// failingPuts fails to write one token. Unlike faulty it can be used by many
// at once.
type failingPuts struct {
	tokens.Store
	name string
}

// unhurried lets others go first before each write, so that what was read and
// is not guarded has changed.
type unhurried struct{ tokens.Store }

func (u unhurried) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	for range 200 {
		runtime.Gosched()
	}
	return u.Store.Put(ctx, t)
}

func (f *failingPuts) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	if t.Name == f.name && f.name != "" {
		return 0, tokens.ErrStoreFull
	}
	return f.Store.Put(ctx, t)
}
