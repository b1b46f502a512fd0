package usertokens_test

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

	"tollgate/admin/api"
	"tollgate/admin/usertokens"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/memstore"
)

// begin is when the tests play.
func begin() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 123_456_789, time.UTC) }

// people is who there is. The locators end in the letters of the names as far
// as hex has them, so that they can be told apart.
func people() accounts.Config {
	user := func(name, locator string, tenants []string, permissions ...string) accounts.UserConfig {
		return accounts.UserConfig{Name: name, Locator: locator, Tenants: tenants, Permissions: permissions}
	}
	robot := func(u accounts.UserConfig) accounts.UserConfig { u.ServiceAccount = true; return u }
	red, blue, both := []string{"red"}, []string{"blue"}, []string{"red", "blue"}
	return accounts.Config{
		Tenants: []accounts.TenantConfig{{Name: "red", Domains: []string{"red.example"}}, {Name: "blue", Domains: []string{"blue.example"}}},
		Users: []accounts.UserConfig{
			user("john", locatorJohn, red, "storage.*"),
			user("jane", "", red, "storage.*"),
			user("both", "", both, "storage.*"),
			user("nowhere", "", nil, "storage.*"),
			user("reader", "", red, "storage.*", "users.read"),
			user("writer", "", red, "storage.*", "users.write"),
			user("custom", "", red, "storage.*", "users.custom"),
			user("revoker", "", red, "storage.read", "users.revoke"),
			user("weakwriter", "", red, "storage.read", "users.write"),
			user("bluecustom", "", blue, "storage.*", "users.*"),
			user("twocustom", "", both, "storage.*", "users.custom"),
			user("minter", "", red, "storage.*", "tokens.*"),
			{Name: "root", Roles: []string{accounts.AdminRole}},
			robot(user("robot", locatorRobot, red, "storage.read", "storage.list")),
			robot(user("bluebot", "", blue, "storage.read")),
			robot(user("strongbot", "", red, "storage.*", "tokens.*")),
		},
	}
}

const (
	locatorJohn  = "0b51f6f0-4c6c-4d0a-9d57-1c1a1a3c2a77"
	locatorRobot = "5e1f0c3a-7d2b-4b0e-8a55-90b0b07b0b07"
)

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

// vault seals by writing what the secret is bound to in front of it.
type vault struct{}

func (vault) Seal(plain tokens.Secret, bound string) (tokens.Sealed, error) {
	return tokens.Sealed(bound + plain.Reveal()), nil
}

func (vault) Open(sealed tokens.Sealed, bound string) (tokens.Secret, error) {
	return tokens.Secret(strings.TrimPrefix(string(sealed), bound)), nil
}

func (vault) Derive(text string) [32]byte { return tokens.HashOf(text) }

// picky is a store that takes no name longer than a few KB, as those on disk.
type picky struct{ *memstore.Store }

func (p picky) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	if len(q.Name) > 4<<10 {
		return tokens.Page{}, errors.New("a name that is too long for the store")
	}
	return p.Store.List(ctx, q)
}

// world is the API on a server, with all that it works with in the hands of a
// test.
type world struct {
	t         *testing.T
	server    *httptest.Server
	service   *tokens.Service
	store     *memstore.Store
	directory *accounts.Directory
	most      int
	random    *counter

	mu      sync.Mutex // guards what follows
	now     time.Time
	removed []string // whose credentials
	refuse  error    // what RemoveCredentials says
	events  []string // what the hooks were told
	// onRemove is called by RemoveCredentials.
	onRemove func()
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: memstore.New(), now: begin(), most: 3, random: &counter{}}
	w.hire()
	w.service = tokens.NewService(tokens.Deps{
		Store: picky{w.store}, Usage: w.store, Sealer: vault{}, Users: w.user, Now: w.clock, Random: w.random,
	}, tokens.Default())
	tell := func(what string) func(echo.Context, *tokens.Token) {
		return func(_ echo.Context, t *tokens.Token) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, what+" "+t.Owner+" "+t.Name)
		}
	}
	a := &usertokens.API{
		Host: api.Host{
			Tokens: w.service, Directory: func() *accounts.Directory { return w.directory }, Identify: w.identify,
			Issued: tell("issued"), Changed: tell("changed"), Ended: tell("ended"),
		},
		RemoveCredentials: w.removeCredentials, MaxPerUser: func() int { return w.most },
	}
	e := echo.New()
	e.HTTPErrorHandler = answerError
	a.Register(e)
	w.server = httptest.NewServer(e)
	t.Cleanup(w.server.Close)
	return w
}

// hire makes the directory anew, with what is kept about these users beside
// the file.
func (w *world) hire(kept ...accounts.Stored) {
	w.directory = accounts.NewDirectory(people(), kept, nil)
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

func (w *world) user(name string) (*tokens.User, bool) {
	a, ok := w.directory.Lookup(name)
	if !ok {
		return nil, false
	}
	return &a.User, true
}

func (w *world) removeCredentials(_ context.Context, name string) error {
	if w.onRemove != nil {
		w.onRemove()
	}
	if w.refuse != nil {
		return w.refuse
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removed = append(w.removed, name)
	return nil
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
		return caller.Caller{}, tokens.ErrAnonymous
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
	f := api.Failure{Status: http.StatusServiceUnavailable, Reason: "store_unavailable", Detail: "the token store does not answer", ID: "00C0FFEE00C0FFEE"}
	for _, known := range []struct {
		err    error
		status int
		reason string
	}{
		{tokens.ErrAnonymous, 401, "no_credential"}, {errCredential, 401, "unknown_token"},
		{tokens.ErrPermission, 403, "permission"}, {tokens.ErrNotOwner, 403, "not_owner"},
		{tokens.ErrOtherTenant, 403, "other_tenant"}, {tokens.ErrOutOfScope, 403, "out_of_scope"},
		{tokens.ErrUnknown, 404, "no_such_token"}, {tokens.ErrBadCursor, 400, "bad_cursor"},
		{tokens.ErrName, 409, "name_taken"}, {tokens.ErrTooMany, 409, "too_many_tokens"},
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
		f.Status, f.Reason, f.Detail = http.StatusBadRequest, "invalid", invalid.Reason
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

// put stores a live plain token of the content gateway, changed as the test
// wants it, and returns it with its value.
func (w *world) put(owner string, change ...func(*tokens.Token)) (*tokens.Token, string) {
	w.t.Helper()
	var b [16]byte
	_, _ = w.random.Read(b[:])
	value := fmt.Sprintf("%x", b)
	t := &tokens.Token{
		ID: tokens.ID(fmt.Sprintf("7%021d", binary.BigEndian.Uint64(b[:8])/10)), Hash: tokens.HashOf(value), API: tokens.ContentGateway,
		Owner: owner, Creator: owner, Scope: tokens.Scope{Tenant: "red"},
		Created: w.clock().Truncate(time.Millisecond), Expires: w.clock().Truncate(time.Millisecond).Add(time.Hour),
	}
	for _, c := range change {
		c(t)
	}
	if _, err := w.store.Put(context.Background(), t); err != nil {
		w.t.Fatalf("put a token of %s: %v", owner, err)
	}
	return t, value
}

func named(name string) func(*tokens.Token) { return func(t *tokens.Token) { t.Name = name } }

func in(tenant string, names ...string) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Scope, t.Tenants = tokens.Scope{Tenant: tenant}, names }
}

func by(api tokens.API) func(*tokens.Token) { return func(t *tokens.Token) { t.API = api } }

func given(p tokens.Permissions) func(*tokens.Token) {
	return func(t *tokens.Token) { t.Allowed = tokens.Allowances{{Permissions: p}} }
}

func signing(t *tokens.Token) {
	t.Secret, t.AccessKey = tokens.Sealed("sealed"), "key of "+string(t.ID)
}

// state returns how a token stands.
func (w *world) state(id tokens.ID) tokens.State {
	w.t.Helper()
	t, err := w.store.ByID(context.Background(), id)
	if err != nil {
		w.t.Fatalf("look up %s: %v", id, err)
	}
	return t.StateAt(w.clock())
}

// dump prints everything that a request can change.
func (w *world) dump() string {
	w.t.Helper()
	page, err := w.store.List(context.Background(), tokens.Query{Limit: tokens.MaxLimit})
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	for _, t := range page.Tokens {
		fmt.Fprintf(&b, "%s %d\n", t.ID, t.Revision)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(&b, w.removed, w.events)
	return b.String()
}

// locator returns a user's.
func (w *world) locator(name string) string {
	w.t.Helper()
	a, ok := w.directory.Account(name)
	if !ok {
		w.t.Fatalf("there is no user %q", name)
	}
	return a.Locator
}

// of is the path of something of a user.
func (w *world) of(name, what string) string { return "/auth/users/" + w.locator(name) + "/" + what }
