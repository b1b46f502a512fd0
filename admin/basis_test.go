package admin_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/crypto/bcrypt"

	"tollgate/admin"
	"tollgate/metrics"
	"tollgate/metrics/accesslog"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/keyring"
	"tollgate/tokens/memstore"
)

const rootPassword = "correct horse battery staple"

// noted is what tokens and users are kept in, and what their writes rest on.
type noted struct {
	*memstore.Store
	mu    sync.Mutex
	users map[string][]byte
	all   []tokens.Basis
}

func (n *noted) note(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, tokens.BasisOf(ctx))
}

func (n *noted) taken() []tokens.Basis {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = nil
	return all
}

func (n *noted) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	n.note(ctx)
	return n.Store.Put(ctx, t)
}

// people are the users' records.
type people struct{ *noted }

func (p people) Put(ctx context.Context, name string, record []byte) error {
	p.note(ctx)
	p.users[name] = record
	return nil
}

func (p people) Delete(ctx context.Context, name string) error {
	p.note(ctx)
	delete(p.users, name)
	return nil
}

func (p people) All(context.Context) (map[string][]byte, error) { return maps.Clone(p.users), nil }

// TestWhatRequestsRestOn: what is given on a request rests on who asks, as he
// was when the revision that it has was the newest.
func TestWhatRequestsRestOn(t *testing.T) {
	kept := &noted{Store: memstore.New(), users: map[string][]byte{}}
	var revision atomic.Uint64
	e := restingOn(t, kept, &revision)
	ask := func(method, path, body string, headers ...string) (status int, answer string) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		if r.Header.Get("Authorization") == "" {
			r.SetBasicAuth("root", rootPassword)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		revision.Add(1)
		return w.Code, w.Body.String()
	}
	status, answer := ask(http.MethodPost, "/_admin/api/v1/tokens", `{}`)
	value := between(answer, `"token":"`, `"`)
	id := tokens.ID(between(answer, `"id":"`, `"`))
	if status != http.StatusCreated || value == "" || id == "" {
		t.Fatalf("a token: %d %s", status, answer)
	}
	root := []string{"root"}
	bearer := []string{"Authorization", "Bearer " + value}
	by := func(at uint64) tokens.Basis { return tokens.Basis{Revision: at, Users: root} }
	byToken := func(at uint64) tokens.Basis {
		return tokens.Basis{Revision: at, Users: root, Tokens: []tokens.ID{id}}
	}
	if got := kept.taken(); !reflect.DeepEqual(got, []tokens.Basis{by(0)}) {
		t.Errorf("a token by password rests on %+v", got)
	}
	for _, row := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		want                     tokens.Basis
	}{
		{"a token by a token", http.MethodPost, "/_admin/api/v1/tokens", `{}`, bearer, http.StatusCreated, byToken(1)},
		{"a session", http.MethodPost, "/.TOKEN/", "", nil, http.StatusCreated, by(2)},
		{"a user by password", http.MethodPost, "/_admin/api/v1/users", `{"name":"eve","password":"a long enough one"}`, nil, http.StatusCreated, by(3)},
		{"a user by a token", http.MethodPatch, "/_admin/api/v1/users/eve", `{"roles":["read-only"]}`, bearer, http.StatusOK, byToken(4)},
		{"a user removed", http.MethodDelete, "/_admin/api/v1/users/eve", "", nil, http.StatusNoContent, by(5)},
		{"a token ended", http.MethodDelete, "/_admin/api/v1/tokens/" + string(id), "", bearer, http.StatusNoContent, tokens.Basis{}},
	} {
		status, answer := ask(row.method, row.path, row.body, row.headers...)
		got := kept.taken()
		if status != row.status || len(got) != 1 || !reflect.DeepEqual(got[0], row.want) {
			t.Errorf("%s: %d %s rests on %+v, want %d and %+v", row.name, status, answer, got, row.status, row.want)
		}
	}
}

// slowly is a body during which something happens.
type slowly struct {
	io.Reader
	happens func()
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.happens != nil {
		s.happens()
		s.happens = nil
	}
	return s.Reader.Read(p)
}

// TestWhatHappensDuringABody: who asks is judged by what he was at first, and a
// token that was changed meanwhile gives nothing.
func TestWhatHappensDuringABody(t *testing.T) {
	kept := &noted{Store: memstore.New(), users: map[string][]byte{}}
	var revision atomic.Uint64
	e := restingOn(t, kept, &revision)
	ask := func(authorization string, happens func()) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_admin/api/v1/tokens", &slowly{strings.NewReader("{}"), happens})
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	password := "Basic " + base64.StdEncoding.EncodeToString([]byte("root:"+rootPassword))
	status, answer := ask(password, func() { revision.Add(5) })
	if got := kept.taken(); status != http.StatusCreated || !reflect.DeepEqual(got, []tokens.Basis{{Users: []string{"root"}}}) {
		t.Fatalf("revisions during the body: %d %s rests on %+v", status, answer, got)
	}
	bearer, id := "Bearer "+between(answer, `"token":"`, `"`), tokens.ID(between(answer, `"id":"`, `"`))
	status, answer = ask(bearer, func() {
		mine, err := kept.ByID(t.Context(), id)
		if err != nil {
			t.Error(err)
			return
		}
		mine = mine.Clone()
		mine.Expires = time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
		if _, err := kept.Store.Put(t.Context(), mine); err != nil {
			t.Error(err)
		}
	})
	if got := kept.taken(); status != http.StatusForbidden || len(got) != 0 {
		t.Errorf("a shorter life during the body: %d %s, %d writes, want 403 and none", status, answer, len(got))
	}
	if status, answer = ask(bearer, nil); status != http.StatusCreated {
		t.Errorf("afterwards: %d %s", status, answer)
	}
}

// restingOn is all of the management.
func restingOn(t *testing.T, kept *noted, revision *atomic.Uint64) *echo.Echo {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(rootPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := accounts.NewRegistry(t.Context(), people{kept}, accounts.Config{
		Users: []accounts.UserConfig{{Name: "root", Tenants: []string{"any"}, Roles: []string{"admin"}, PasswordHash: tokens.Secret(hash)}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Create(t.TempDir(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	service := tokens.NewService(tokens.Deps{
		Store: kept, Usage: kept, Sealer: ring, Users: registry.User, Now: time.Now, Random: rand.Reader, Revision: revision.Load,
	}, tokens.Default())
	addresses, err := caller.NewAddresses(nil)
	if err != nil {
		t.Fatal(err)
	}
	sites, err := caller.NewSites(nil)
	if err != nil {
		t.Fatal(err)
	}
	log := accesslog.New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
	t.Cleanup(func() { _ = log.Close() })
	_, e := admin.New(admin.Deps{
		Tokens: service, Directory: registry.Directory, Users: registry,
		Callers: &caller.Callers{Tokens: service, Gate: accounts.NewGate(time.Now, rand.Reader, accounts.DefaultLimits()), Directory: registry.Directory},
		Metrics: metrics.New(prometheus.NewRegistry(), metrics.Build{}), Log: log,
		Audit: zap.NewNop(), Now: time.Now, Derive: ring.Derive, Random: rand.Reader, MaxPerUser: func() int { return 0 },
		HashPassword: func(tokens.Secret) (tokens.Secret, error) { return tokens.Secret(hash), nil },
	}, admin.Default(), "/.TOKEN/", admin.Settings{Addresses: addresses, Sites: sites, Cookie: caller.CookieConfig{Name: "token"}})
	return e
}

// between returns what stands between two texts.
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}
