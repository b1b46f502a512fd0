package proxy_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"

	"tollgate/metrics"
	"tollgate/metrics/accesslog"
	"tollgate/proxy"
	"tollgate/proxy/caller"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/keyring"
	"tollgate/tokens/memstore"
)

// bench is a gateway on a store in memory, in front of a server of the same
// process, with log and metrics on.
func bench(b *testing.B) (http.Handler, tokens.Secret) {
	b.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1024)) }))
	b.Cleanup(server.Close)
	config := upstream.Default()
	config.Name, config.URLs = "storage", []string{server.URL}
	up, err := upstream.New(config, upstream.Observer{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(up.Close)
	directory := accounts.NewDirectory(accounts.Config{Users: []accounts.UserConfig{{Name: "john"}}}, nil, nil)
	ring, err := keyring.Create(b.TempDir(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	users := func(name string) (*tokens.User, bool) {
		account, ok := directory.Lookup(name)
		return &account.User, ok
	}
	store := memstore.New()
	service := tokens.NewService(tokens.Deps{Store: store, Usage: store, Sealer: ring, Users: users, Now: time.Now, Random: rand.Reader}, tokens.Default())
	john, _ := users("john")
	place, _ := directory.Place("example.com")
	issued, err := service.Issue(b.Context(), tokens.Order{API: tokens.ContentGateway, By: tokens.Subject{User: john}, Scope: place.Scope, AnyDomain: place.AnyDomain})
	if err != nil {
		b.Fatal(err)
	}
	rules, err := proxy.NewRules(proxy.Config{}, proxy.Surroundings{
		Cookie: caller.DefaultCookie(), Upstreams: []*upstream.Upstream{up},
		Directory: func() *accounts.Directory { return directory }, Login: func(string) string { return "" },
	})
	if err != nil {
		b.Fatal(err)
	}
	log := accesslog.New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
	b.Cleanup(func() { _ = log.Close() })
	callers := &caller.Callers{Tokens: service, Directory: func() *accounts.Directory { return directory }}
	return proxy.New(callers, rules, metrics.New(prometheus.NewRegistry(), metrics.Build{}), log, time.Now), issued.Value
}

// BenchmarkServeHTTP carries a request along the whole road, and refuses one.
func BenchmarkServeHTTP(b *testing.B) {
	gateway, token := bench(b)
	for _, row := range []struct {
		name, header, value string
		status              int
	}{
		{"Bearer", "Authorization", "Bearer " + token.Reveal(), http.StatusOK},
		{"Cookie", "Cookie", "a=b; token=" + token.Reveal(), http.StatusOK},
		{"Unknown", "Authorization", "Bearer 0123456789abcdef0123456789abcdef", http.StatusUnauthorized},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/bucket/key", nil)
				r.Header.Set(row.header, row.value)
				w := httptest.NewRecorder()
				gateway.ServeHTTP(w, r)
				if w.Code != row.status {
					b.Fatalf("got %d, want %d", w.Code, row.status)
				}
			}
		})
	}
}
