package management

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/memstore"
)

// start is when the tests play.
func start() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 0, time.UTC) }

// errCredential is what a credential is refused with.
var errCredential = errors.New("bad credential")

// world is the API behind a real server, on a store in memory. Callers name
// themselves by Basic or come with the value of a token.
type world struct {
	t       testing.TB
	url     string
	svc     *tokens.Service
	store   *memstore.Store
	api     *API
	echo    *echo.Echo
	users   *accounts.Registry
	records *records     // below it
	nanos   atomic.Int64 // since start
	doc     *openAPI

	mu                     sync.Mutex // guards what follows
	issued, changed, ended int
	described              []Described
	verdict                Verdict
}

func (w *world) now() time.Time { return start().Add(time.Duration(w.nanos.Load())) }

func (w *world) later(d time.Duration) { w.nanos.Add(int64(d)) }

// counts returns how many tokens the hooks were told of: made, changed, ended.
func (w *world) counts() [3]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return [3]int{w.issued, w.changed, w.ended}
}

func newWorld(t testing.TB, configure ...func(*tokens.Config)) *world {
	t.Helper()
	w := &world{t: t, store: memstore.New(), doc: parsed(t), verdict: Verdict{Allowed: true, Rule: "allowed"}}
	w.users, w.records = people(t)
	config := tokens.Default()
	for _, c := range configure {
		c(&config)
	}
	w.svc = tokens.NewService(tokens.Deps{
		Store: w.store, Usage: w.store, Sealer: vault{}, Users: w.users.User, Now: w.now, Random: rand.Reader,
	}, config)
	count := func(n *int) func(echo.Context, *tokens.Token) {
		return func(echo.Context, *tokens.Token) {
			w.mu.Lock()
			defer w.mu.Unlock()
			*n++
		}
	}
	w.api = &API{
		Host: api.Host{
			Tokens: w.svc, Directory: w.users.Directory, Identify: w.identify,
			Issued: count(&w.issued), Changed: count(&w.changed), Ended: count(&w.ended),
		},
		Check: w.check, Derive: vault{}.Derive, Random: rand.Reader, Users: w.users,
		UserChanged:  func(echo.Context, string, string) {},
		HashPassword: func(p tokens.Secret) (tokens.Secret, error) { return hashed(p) },
	}
	w.echo = echo.New()
	w.echo.HTTPErrorHandler = answerError
	w.api.Register(w.echo)
	server := httptest.NewServer(w.echo)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// identify knows whoever names himself.
func (w *world) identify(c echo.Context) (caller.Caller, error) {
	if name, _, ok := c.Request().BasicAuth(); ok {
		u, known := w.users.User(name)
		if !known {
			return caller.Caller{}, errCredential
		}
		return caller.Caller{Form: caller.Basic, Subject: tokens.Subject{User: u}}, nil
	}
	value := c.QueryParam("_token")
	if bearer, ok := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer "); ok {
		value = bearer
	}
	if value == "" {
		return caller.Caller{}, nil
	}
	s, err := w.svc.Verify(c.Request().Context(), tokens.Secret(value))
	if err != nil {
		return caller.Caller{}, errCredential
	}
	return caller.Caller{Form: caller.Bearer, Subject: s}, nil
}

func (w *world) check(_ context.Context, s tokens.Subject, d Described) Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.User == nil || s.Token == nil {
		return Verdict{Rule: "no subject"}
	}
	w.described = append(w.described, d)
	return w.verdict
}

// answerError is as good as the error handler that the API runs behind.
func answerError(err error, c echo.Context) {
	status, code := http.StatusServiceUnavailable, "store_unavailable"
	var own *api.Error
	var invalid *tokens.InvalidError
	var plain *echo.HTTPError
	switch {
	case errors.As(err, &own):
		status, code = own.Status, own.Reason
	case errors.As(err, &invalid):
		status, code = http.StatusBadRequest, "invalid"
	case errors.As(err, &plain):
		status, code = plain.Code, "bad_request"
	default:
		for _, r := range []struct {
			err    error
			status int
			code   string
		}{
			{errCredential, 401, "unauthenticated"}, {tokens.ErrAnonymous, 401, "unauthenticated"},
			{tokens.ErrPermission, 403, "permission"}, {tokens.ErrNotOwner, 403, "not_owner"}, {tokens.ErrOtherTenant, 403, "other_tenant"}, {tokens.ErrOutOfScope, 403, "out_of_scope"},
			{tokens.ErrUnknown, 404, "no_such_token"}, {tokens.ErrBadCursor, 400, "bad_cursor"}, {tokens.ErrName, 409, "name_taken"},
			{tokens.ErrOtherRequest, 422, "idempotency_key_reused"}, {tokens.ErrUsedUp, 403, "used_up"},
		} {
			if errors.Is(err, r.err) {
				status, code = r.status, r.code
				break
			}
		}
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	_ = c.JSON(status, map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": err.Error(), "request_id": "9F86D081884C7D65",
	})
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// request is what is sent. Caller is a user's name, or the value of a token
// after "token ".
type request struct {
	caller, method, path, body string
	header                     http.Header
}

// send sends a request, and holds the answer against the document.
func (w *world) send(r request) answer {
	w.t.Helper()
	path := r.path
	if !strings.HasPrefix(path, "/") {
		path = basePath + "/" + path
	}
	req, err := http.NewRequestWithContext(w.t.Context(), r.method, w.url+path, strings.NewReader(r.body))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if value, ok := strings.CutPrefix(r.caller, "token "); ok {
		req.Header.Set("Authorization", "Bearer "+value)
	} else if r.caller != "" {
		req.SetBasicAuth(r.caller, "-")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, string(text)}
	if r.method != http.MethodHead {
		w.doc.holds(w.t, r.method, req.URL.EscapedPath(), a)
	}
	return a
}

// callerOf returns who comes by password.
func (w *world) callerOf(name string) caller.Caller {
	u, _ := w.users.User(name)
	return caller.Caller{Form: caller.Basic, Subject: tokens.Subject{User: u}}
}

// call sends a request of which no header matters.
func (w *world) call(who, method, path, body string) answer {
	w.t.Helper()
	return w.send(request{caller: who, method: method, path: path, body: body})
}

// is fails the test unless the answer has that status and, in its body, all of
// the parts.
func (a answer) is(t testing.TB, status int, parts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("the answer does not say %s: %s", part, a.body)
		}
	}
	return a
}

// object returns the body as an object.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return o
}

// made is a token that a test made.
type made struct{ id, value, etag string }

// make makes a token as somebody asks for it.
func (w *world) make(who, body string) made {
	w.t.Helper()
	a := w.call(who, "POST", "tokens", body)
	if a.status != http.StatusCreated {
		w.t.Fatalf("make %s: %d %s", body, a.status, a.body)
	}
	o := a.object(w.t)
	return made{o["id"].(string), o["token"].(string), a.header.Get("ETag")}
}

// hashed is a hash that each password has of its own.
func hashed(p tokens.Secret) (tokens.Secret, error) {
	return accounts.HashPassword(p, bytes.NewReader(make([]byte, 64)))
}

// vault seals by turning the text round; it is no secret here.
type vault struct{}

func (vault) Seal(plain tokens.Secret, associated string) (tokens.Sealed, error) {
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

func (vault) Derive(text string) [32]byte { return sha256.Sum256([]byte(text)) }
