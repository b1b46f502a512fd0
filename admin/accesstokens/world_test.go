package accesstokens_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/admin/accesstokens"
	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/memstore"
)

// begin is when the tests play.
func begin() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 120_456_789, time.UTC) }

const (
	all   = "/v1/auth/access-tokens/"
	plain = "/v1/auth/access-tokens"
)

// people is who there is.
func people() accounts.Config {
	user := func(name, tenant string, permissions ...string) accounts.UserConfig {
		return accounts.UserConfig{Name: name, Tenants: []string{tenant}, Permissions: permissions}
	}
	known := func(u accounts.UserConfig, as accounts.IdentityConfig) accounts.UserConfig { u.Identity = as; return u }
	svc := known(user("svc", "red", "storage.*"), accounts.IdentityConfig{Domain: "LOCAL", AuthID: "1002", SID: "S-1-5-21-3623811015-3361044348-30300820-1002"})
	svc.ServiceAccount = true
	return accounts.Config{
		Tenants: []accounts.TenantConfig{{Name: "red", Domains: []string{"red.example"}}, {Name: "blue", Domains: []string{"blue.example"}}},
		Users: []accounts.UserConfig{
			svc,
			known(user("ann", "red", "storage.*"), accounts.IdentityConfig{Domain: "POSIX_USER", AuthID: "12884902888", UID: 1000, GID: 100}),
			known(user("twin", "red", "storage.*"), accounts.IdentityConfig{AuthID: "2001", UID: 2000}),
			known(user("other twin", "red", "storage.*"), accounts.IdentityConfig{AuthID: "2002", UID: 2000}),
			known(user("idle", "red", "storage.*"), accounts.IdentityConfig{AuthID: "2003"}),
			known(user("strong", "red", "storage.*", "tokens.*"), accounts.IdentityConfig{AuthID: "2004"}),
			user("reader", "red", "storage.*", "access_tokens.read"),
			user("writer", "red", "storage.*", "access_tokens.write"),
			user("weakwriter", "red", "storage.read", "access_tokens.write"),
			user("manager", "red", "storage.*", "access_tokens.*"),
			user("minter", "red", "storage.*", "tokens.*", "users.*"),
			known(user("bob", "blue", "storage.*"), accounts.IdentityConfig{AuthID: "3001"}),
			user("bluemanager", "blue", "storage.*", "access_tokens.*"),
			{Name: "admin", Roles: []string{accounts.AdminRole}, Identity: accounts.IdentityConfig{AuthID: "500"}},
		},
	}
}

// counter gives bytes that are always the same and look random.
type counter struct {
	mu sync.Mutex // guards n
	n  uint64
}

func (c *counter) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := 0
	for done < len(p) {
		c.n++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.n))
		done += copy(p[done:], sum[:])
	}
	return done, nil
}

// vault seals nothing: no secrets are made here.
type vault struct{}

func (vault) Seal(tokens.Secret, string) (tokens.Sealed, error) {
	return nil, errors.New("nothing to seal")
}

func (vault) Open(tokens.Sealed, string) (tokens.Secret, error) {
	return "", errors.New("nothing to open")
}

func (vault) Derive(text string) [32]byte { return tokens.HashOf(text) }

// broken is a store that fails when it is told to.
type broken struct {
	*memstore.Store
	err error // of every write and every list; nil = none
}

func (b *broken) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	if b.err != nil {
		return 0, b.err
	}
	return b.Store.Put(ctx, t)
}

func (b *broken) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	if b.err != nil {
		return tokens.Page{}, b.err
	}
	return b.Store.List(ctx, q)
}

// world is the API on a server, with all that it works with in the hands of a
// test.
type world struct {
	t         *testing.T
	server    *httptest.Server
	service   *tokens.Service
	store     *broken
	directory *accounts.Directory
	random    *counter

	mu     sync.Mutex // guards what follows
	now    time.Time
	events []string // what the hooks were told
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: &broken{Store: memstore.New()}, now: begin(), random: &counter{}}
	w.hire(people())
	w.service = tokens.NewService(tokens.Deps{
		Store: w.store, Usage: w.store, Sealer: vault{}, Users: w.user, Now: w.clock, Random: w.random,
	}, tokens.Default())
	tell := func(what string) func(echo.Context, *tokens.Token) {
		return func(_ echo.Context, t *tokens.Token) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, what+" "+t.Owner)
		}
	}
	a := &accesstokens.API{Host: api.Host{
		Tokens: w.service, Directory: func() *accounts.Directory { return w.directory }, Identify: w.identify,
		Issued: tell("issued"), Changed: tell("changed"), Ended: tell("ended"),
	}}
	e := echo.New()
	e.HTTPErrorHandler = answerError
	a.Register(e)
	w.server = httptest.NewServer(e)
	t.Cleanup(w.server.Close)
	return w
}

// hire makes the directory anew. The idle user is disabled.
func (w *world) hire(c accounts.Config) {
	idle := accounts.Stored{Name: "idle", Disabled: tokens.Mark{At: begin(), By: "admin"}, Override: accounts.Override{Seen: "x"}}
	w.directory = accounts.NewDirectory(c, []accounts.Stored{idle}, nil)
}

// dismiss takes somebody out of the directory.
func (w *world) dismiss(name string) {
	c := people()
	for i, u := range c.Users {
		if u.Name == name {
			c.Users = append(c.Users[:i], c.Users[i+1:]...)
			break
		}
	}
	w.hire(c)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) user(name string) (*tokens.User, bool) { return w.directory.User(name) }

// told returns what the hooks were told, and forgets it.
func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.events, ", ")
	w.events = nil
	return all
}

// errCredential is what the identify hook says of a value that counts for
// nothing.
var errCredential = errors.New("credential does not count")

// identify knows everybody by name alone and tokens by their value.
func (w *world) identify(c echo.Context) (caller.Caller, error) {
	if name, _, ok := c.Request().BasicAuth(); ok {
		u, known := w.user(name)
		if !known {
			return caller.Caller{}, errCredential
		}
		return caller.Caller{Form: caller.Basic, Subject: tokens.Subject{User: u}}, nil
	}
	value, ok := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
	if !ok {
		return caller.Caller{}, nil // anonymous: the API must not take that for somebody
	}
	s, err := w.service.Verify(c.Request().Context(), tokens.Secret(value))
	if err != nil {
		return caller.Caller{}, errCredential
	}
	return caller.Caller{Form: caller.Bearer, Subject: s}, nil
}

// answerError does what the management's error handler does: an error becomes a
// failure once, and the API writes it.
func answerError(err error, c echo.Context) {
	f := api.Failure{Status: 503, Reason: "store_unavailable", Detail: "the token store does not answer", ID: "00C0FFEE00C0FFEE"}
	for _, known := range []struct {
		err    error
		status int
		reason string
	}{
		{tokens.ErrAnonymous, 401, "unauthenticated"}, {errCredential, 401, "unauthenticated"},
		{tokens.ErrPermission, 403, "permission"}, {tokens.ErrNotOwner, 403, "not_owner"},
		{tokens.ErrOtherTenant, 403, "other_tenant"}, {tokens.ErrOutOfScope, 403, "out_of_scope"},
		{tokens.ErrUnknown, 404, "no_such_token"}, {tokens.ErrBadCursor, 400, "bad_cursor"},
		{tokens.ErrTooMany, 409, "too_many_tokens"}, {tokens.ErrStoreFull, 507, "store_full"},
	} {
		if errors.Is(err, known.err) {
			f.Status, f.Reason, f.Detail = known.status, known.reason, known.err.Error()
		}
	}
	var own *api.Error
	var invalid *tokens.InvalidError
	if errors.As(err, &own) {
		f.Status, f.Reason, f.Detail = own.Status, own.Reason, own.Detail
	} else if errors.As(err, &invalid) {
		f.Status, f.Reason, f.Detail = 400, "invalid", invalid.Reason
	}
	shape := api.ShapeOf(c)
	if shape == nil {
		_ = c.String(599, "a failure without the shape of the API")
		return
	}
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(f.Status)
		return
	}
	_ = shape(c, f, err)
}

// put stores a live token that this API could have made, changed as the test
// wants it, and returns it with its value.
func (w *world) put(owner string, change ...func(*tokens.Token)) (*tokens.Token, string) {
	w.t.Helper()
	var b [16]byte
	_, _ = w.random.Read(b[:])
	value := fmt.Sprintf("%x", b)
	t := &tokens.Token{
		ID: tokens.ID(fmt.Sprintf("7%021d", binary.BigEndian.Uint64(b[:8]))), Hash: tokens.HashOf(value), API: tokens.AccessTokens,
		Owner: owner, Creator: owner, Scope: tokens.Scope{Tenant: tokens.AnyTenant}, Created: w.clock().Truncate(time.Millisecond),
	}
	for _, c := range change {
		c(t)
	}
	if _, err := w.store.Put(context.Background(), t); err != nil {
		w.t.Fatalf("put a token of %s: %v", owner, err)
	}
	return t, value
}

func by(a tokens.API) func(*tokens.Token) { return func(t *tokens.Token) { t.API = a } }

func given(p tokens.Permissions) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Allowed = tokens.Allowances{{Permissions: p}} }
}

func in(tenant string) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Scope = tokens.Scope{Tenant: tenant} }
}

// ending lets a token end that long after the beginning.
func ending(d time.Duration) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Expires = begin().Truncate(time.Millisecond).Add(d) }
}

func disabled(t *tokens.Token) { t.Disabled = tokens.Mark{At: begin(), By: "admin"} }
func revoked(t *tokens.Token)  { t.Revoked = tokens.Mark{At: begin(), By: "admin"} }
func usedUp(t *tokens.Token)   { t.Only.Uses, t.Used, t.Spent = 1, 1, begin() }

// dump prints everything that a request can change.
func (w *world) dump() string {
	w.t.Helper()
	page, err := w.store.Store.List(context.Background(), tokens.Query{Limit: tokens.MaxLimit})
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	for _, t := range page.Tokens {
		fmt.Fprintf(&b, "%s %d\n", t.ID, t.Revision)
	}
	return b.String()
}
