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
	"tollgate/proxy/sigv4"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/keyring"
	"tollgate/tokens/memstore"
)

// bench is a gateway on a store in memory, in front of a server of the same
// process, with log and metrics on.
func bench(b *testing.B) (gateway *proxy.Gateway, token tokens.Secret, signer sigv4.Signer) {
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
	config.Name = "objects"
	objects, err := upstream.New(config, upstream.Observer{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(objects.Close)
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
	order := tokens.Order{API: tokens.ContentGateway, By: tokens.Subject{User: john}, Scope: place.Scope, AnyDomain: place.AnyDomain}
	issued, err := service.Issue(b.Context(), order)
	if err != nil {
		b.Fatal(err)
	}
	secret := tokens.Secret("of the client")
	order.SecretKey = &secret
	pair, err := service.Issue(b.Context(), order)
	if err != nil {
		b.Fatal(err)
	}
	figures := metrics.New(prometheus.NewRegistry(), metrics.Build{})
	rules, err := proxy.NewRules(proxy.Config{Routes: []proxy.RouteConfig{{PathPrefix: "/photos/", Upstream: "objects"}, {Upstream: "storage"}}}, proxy.Surroundings{
		Cookie: caller.DefaultCookie(), Upstreams: []*upstream.Upstream{up, objects},
		Storages: map[string]*proxy.StorageConfig{"objects": {AccessKey: "AK", SecretKey: "of the storage", Region: "us-east-1", Payload: "auto"}},
		Signing:  proxy.DefaultSigning(), Metrics: figures,
		Directory: func() *accounts.Directory { return directory }, Login: func(string) string { return "" },
	})
	if err != nil {
		b.Fatal(err)
	}
	log := accesslog.New(zapcore.AddSync(io.Discard), zapcore.InfoLevel)
	b.Cleanup(func() { _ = log.Close() })
	callers := &caller.Callers{Tokens: service, Directory: func() *accounts.Directory { return directory }, Keys: sigv4.NewKeys(16)}
	gateway = proxy.New(callers, rules, figures, log, time.Now)
	return gateway, issued.Value, sigv4.Signer{AccessKey: pair.Value.Reveal(), Secret: secret, Region: "us-east-1", Keys: sigv4.NewKeys(1)}
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkPrepare is all that the road does with a request but sending it on.
func BenchmarkPrepare(b *testing.B) {
	gateway, token, signer := bench(b)
	measure := func(b *testing.B, r *http.Request) {
		r.Header.Set("User-Agent", "bench")
		r.Header.Set("Accept", "*/*")
		w := &discard{header: make(http.Header)}
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			if err := gateway.Prepare(w, r); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("Signed", func(b *testing.B) {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/photos/key", nil)
		signer.Sign(time.Now(), &sigv4.View{Method: r.Method, Host: r.Host, Path: "/photos/key", Header: r.Header}, sigv4.EmptyDigest)
		measure(b, r)
	})
	for _, row := range []struct{ name, header, value string }{
		{"Bearer", "Authorization", "Bearer " + token.Reveal()},
		{"Cookie", "Cookie", "a=b; token=" + token.Reveal()},
	} {
		b.Run(row.name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/bucket/key", nil)
			r.Header.Set(row.header, row.value)
			measure(b, r)
		})
	}
}

// BenchmarkServeHTTP carries a request along the whole road, and refuses one.
func BenchmarkServeHTTP(b *testing.B) {
	gateway, token, _ := bench(b)
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
