package filerepository_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/admin/filerepository"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/keyring"
	"tollgate/tokens/memstore"
)

// world is the API on a real server over a real token service.
type world struct {
	t       *testing.T
	tokens  *tokens.Service
	store   *memstore.Store
	url     string
	now     time.Time
	step    time.Duration   // by which the clock goes on each time somebody looks
	issued  []*tokens.Token // what the hooks were told
	ended   []*tokens.Token
	failure api.Failure // the last
}

// start is when the tests play.
func start() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 123_456_789, time.UTC) }

// config is who there is. All passwords are right: the Identify hook asks for
// names alone.
func config() accounts.Config {
	return accounts.Config{
		Tenants: []accounts.TenantConfig{
			{Name: "red", Domains: []string{"red.example.com"}},
			{Name: "blue", Domains: []string{"blue.example.com"}},
		},
		Users: []accounts.UserConfig{
			{Name: "admin", Roles: []string{accounts.AdminRole}},
			{Name: "ann", Tenants: []string{"red"}},
			{Name: "bob", Tenants: []string{"red"}},
			{Name: "eve", Tenants: []string{"blue"}},
			{Name: "reader", Tenants: []string{"red"}, Permissions: []string{"storage.read"}},
			{Name: "auditor", Tenants: []string{"red"}, Permissions: []string{"storage.read", "tokens.read"}},
			{Name: "remover", Tenants: []string{"red"}, Permissions: []string{"tokens.delete"}},
		},
	}
}

// adminToken is the value of the source document's administrator.
const adminToken = "your-admin-token-there"

func newWorld(t *testing.T, settings ...func(*tokens.Config)) *world {
	t.Helper()
	ring, err := keyring.Parse(base64.StdEncoding.EncodeToString([]byte("a key for tests, and nothing else")[:keyring.KeySize]) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: memstore.New(), now: start()}
	directory := accounts.NewDirectory(config(), nil, nil)
	users := func(name string) (*tokens.User, bool) {
		account, ok := directory.Lookup(name)
		if !ok {
			return nil, false
		}
		return &account.User, true
	}
	c := tokens.Default()
	for _, set := range settings {
		set(&c)
	}
	w.tokens = tokens.NewService(tokens.Deps{
		Store: w.store, Usage: w.store, Sealer: ring, Users: users, Random: rand.Reader,
		Now: func() time.Time { w.now = w.now.Add(w.step); return w.now },
	}, c)
	w.put(&tokens.Token{ID: "7000000000000000000001", Owner: "admin", Scope: tokens.Scope{Tenant: tokens.AnyTenant}}, adminToken)

	e := echo.New()
	e.HTTPErrorHandler = w.answerError
	api := &filerepository.API{Host: api.Host{
		Tokens: w.tokens, Directory: func() *accounts.Directory { return directory }, Identify: w.identify(users),
		Issued:  func(_ echo.Context, t *tokens.Token) { w.issued = append(w.issued, t) },
		Changed: func(echo.Context, *tokens.Token) { t.Error("a token changed") },
		Ended:   func(_ echo.Context, t *tokens.Token) { w.ended = append(w.ended, t) },
	}}
	api.Register(e)
	e.RouteNotFound("/*", func(c echo.Context) error { return c.String(http.StatusTeapot, "proxied") })
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// put stores a token that another API made.
func (w *world) put(t *tokens.Token, value string) *tokens.Token {
	w.t.Helper()
	if t.API == "" {
		t.API = tokens.ContentGateway
	}
	t.Creator, t.Created, t.Hash = t.Owner, w.now.Truncate(time.Millisecond), tokens.HashOf(value)
	if t.SigningOnly() {
		t.AccessKey = value
	}
	var err error
	if t.Revision, err = w.store.Put(context.Background(), t); err != nil {
		w.t.Fatal(err)
	}
	return t
}

// errCaller is what is wrong with a credential.
var errCaller = errors.New("the credential is missing or not accepted")

// errCrossSite is what another site's page gets.
var errCrossSite = errors.New("cross-site request")

// identify takes a name of Basic, the file repository's query argument and its
// header.
func (w *world) identify(users tokens.UserByName) func(echo.Context) (caller.Caller, error) {
	return func(c echo.Context) (caller.Caller, error) {
		if c.Request().Header.Get("Sec-Fetch-Site") == "cross-site" {
			return caller.Caller{}, errCrossSite
		}
		if name, _, ok := c.Request().BasicAuth(); ok {
			user, known := users(name)
			if !known {
				return caller.Caller{}, errCaller
			}
			return caller.Caller{Subject: tokens.Subject{User: user}, Form: caller.Basic}, nil
		}
		value := c.QueryParam("_token") + c.Request().Header.Get("token")
		if value == "" {
			return caller.Caller{}, nil
		}
		subject, err := w.tokens.Verify(c.Request().Context(), tokens.Secret(value))
		if err != nil {
			return caller.Caller{}, errCaller
		}
		return caller.Caller{Subject: subject, Form: caller.QueryToken}, nil
	}
}

// answerError turns errors into failures as the gateway's error handler does.
func (w *world) answerError(err error, c echo.Context) {
	w.failure = failureOf(err)
	shape := api.ShapeOf(c)
	if shape == nil {
		_ = c.String(http.StatusTeapot, "no shape: "+err.Error())
		return
	}
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(w.failure.Status)
		return
	}
	if err := shape(c, w.failure, err); err != nil {
		w.t.Errorf("the failure could not be written: %v", err)
	}
}

func failureOf(err error) api.Failure {
	var own *api.Error
	var invalid *tokens.InvalidError
	switch {
	case errors.As(err, &own):
		return api.Failure{Status: own.Status, Reason: own.Reason, Detail: own.Detail}
	case errors.As(err, &invalid):
		return api.Failure{Status: http.StatusBadRequest, Reason: api.ReasonInvalid, Detail: invalid.Reason}
	case errors.Is(err, errCaller), errors.Is(err, tokens.ErrAnonymous):
		return api.Failure{Status: http.StatusUnauthorized, Reason: "unauthenticated", Detail: errCaller.Error()}
	case errors.Is(err, errCrossSite):
		return api.Failure{Status: http.StatusForbidden, Reason: "cross_site", Detail: err.Error()}
	case errors.Is(err, tokens.ErrUnknown):
		return api.Failure{Status: http.StatusNotFound, Reason: "no_such_token", Detail: "no such token"}
	case errors.Is(err, tokens.ErrPermission), errors.Is(err, tokens.ErrNotOwner), errors.Is(err, tokens.ErrOtherTenant), errors.Is(err, tokens.ErrOutOfScope):
		return api.Failure{Status: http.StatusForbidden, Reason: "permission", Detail: "not allowed"}
	}
	return api.Failure{Status: http.StatusServiceUnavailable, Reason: "store_unavailable", Detail: "the token store does not answer"}
}

// reply is an answer that was read to its end.
type reply struct {
	*http.Response
	body string
}

// send asks as somebody: a name is Basic, token:VALUE a token, nothing nobody.
func (w *world) send(as, method, path, body string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if value, ok := strings.CutPrefix(as, "token:"); ok {
		r.Header.Set("token", value)
	} else if as != "" {
		r.SetBasicAuth(as, "x")
	}
	return w.do(r)
}

func (w *world) do(r *http.Request) reply {
	w.t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{answer, strings.TrimSuffix(string(text), "\n")}
}

// made is the answer to generate.
type made struct {
	TokenID string `json:"tokenId"`
	Expires string `json:"expires"`
}

// generate makes a token that must be made.
func (w *world) generate(as, body string) made {
	w.t.Helper()
	answer := w.send(as, http.MethodPost, "/auth/token/generate", body)
	if answer.StatusCode != http.StatusAccepted {
		w.t.Fatalf("generate %s as %s: %d %s", body, as, answer.StatusCode, answer.body)
	}
	var m made
	if err := json.Unmarshal([]byte(answer.body), &m); err != nil {
		w.t.Fatal(err)
	}
	return m
}

// record returns what the store has of a value.
func (w *world) record(value string) *tokens.Token {
	w.t.Helper()
	t, err := w.store.ByHash(context.Background(), tokens.HashOf(value))
	if err != nil {
		w.t.Fatalf("the token is not in the store: %v", err)
	}
	return t
}
