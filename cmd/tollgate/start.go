package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/admin"
	"tollgate/cmd/tollgate/conf"
	"tollgate/metrics"
	"tollgate/metrics/accesslog"
	"tollgate/proxy"
	"tollgate/proxy/caller"
	"tollgate/proxy/lane"
	"tollgate/proxy/sigv4"
	"tollgate/proxy/upstream"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/keyring"
)

// gatewayProcess is a gateway with everything that it is made of.
type gatewayProcess struct {
	process Process
	config  Config // as it was started; what can change is in the parts
	log     *zap.Logger

	registry   *prometheus.Registry
	metrics    *metrics.Metrics
	shelf      shelf
	loadTook   atomic.Int64 // of the shared tokens, the last time, in nanoseconds
	users      *accounts.Registry
	tokens     *tokens.Service
	maxPerUser atomic.Int64 // of the users' auth tokens
	callers    *caller.Callers
	gateway    *proxy.Gateway
	admin      *admin.Admin
	upstreams  []*upstream.Upstream
	current    Config // in force; only the reload loop touches it after the start
	cert       atomic.Pointer[tls.Certificate]
	watcher    *conf.Watcher // nil = no file is watched

	public, internal                 *http.Server
	lane                             *lane.Lane // nil = there is none
	publicListener, internalListener net.Listener
	ready                            atomic.Bool
	requests                         sync.WaitGroup
	jobs                             sync.WaitGroup
	cutAll                           context.CancelFunc
	closers                          []func() error
}

// risks is what the operator accepts of a damaged data directory.
type risks struct{ rollback, newKeys bool }

// start makes a gateway ready to serve: listeners are bound and nothing is
// accepted yet. Who gets it without an error calls serve.
func start(ctx context.Context, c Config, p Process, risk risks) (_ *gatewayProcess, err error) {
	g := &gatewayProcess{process: p, config: c, current: c}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	level, err := logLevel(c.Log.Level)
	if err != nil {
		return nil, err
	}
	sink := zapcore.Lock(zapcore.AddSync(p.Stderr))
	g.log = accesslog.NewApplication(sink, level)
	access := accesslog.Nop()
	if c.Log.Access {
		access = accesslog.New(sink, level)
	}
	g.closers = append(g.closers, access.Close)
	g.registry = prometheus.NewRegistry()
	g.metrics = metrics.New(g.registry, build())
	ring, err := keysOf(c, risk) // before the store, whose being there says that this is no first run
	if err != nil {
		return nil, err
	}
	if err := g.openShelf(c, risk); err != nil {
		return nil, err
	}
	if err := g.loadUsers(ctx, c); err != nil {
		return nil, err
	}
	if err := g.assemble(ctx, c, ring, access); err != nil {
		return nil, err
	}
	if err := g.listen(ctx, c); err != nil {
		return nil, err
	}
	if !c.Store.shared() {
		if err := g.makeFirstUser(ctx); err != nil {
			return nil, err
		}
	}
	g.metrics.ConfigLoaded(time.Now())
	return g, nil
}

func logLevel(name string) (zapcore.Level, error) {
	level, err := zapcore.ParseLevel(name)
	if err != nil || level > zapcore.ErrorLevel {
		return level, fmt.Errorf("read %q, accepted are debug, info, warn and error", name)
	}
	return level, nil
}

// makeDirs makes the data directory, and the folder in it that is served when
// no upstream is configured.
func makeDirs(c Config) error {
	dir := c.DataDir
	if len(c.Upstreams) == 0 {
		dir = filepath.Join(dir, folderName)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

func storeDir(c Config) string { return filepath.Join(c.DataDir, "tokens") }

// assemble puts the parts together.
func (g *gatewayProcess) assemble(ctx context.Context, c Config, ring *keyring.Ring, access *accesslog.Logger) error {
	deps := tokens.Deps{
		Store: g.shelf.tokens, Usage: g.shelf.usage, Sealer: ring, Users: g.users.User, Now: time.Now, Random: rand.Reader,
		Redact: accesslog.Redact,
	}
	if s := g.shelf.shared; s != nil {
		deps.Fresh, deps.Turn, deps.Revision = s.Fresh, s.Turn, s.Revision
	} else {
		deps.Revision, deps.Known = g.shelf.revision, g.users.Settled(g.shelf.revision)
	}
	g.tokens = tokens.NewService(deps, c.Tokens.Config)
	g.callers = &caller.Callers{
		Tokens:    g.tokens,
		Gate:      accounts.NewGate(time.Now, rand.Reader, accounts.DefaultLimits()),
		Directory: g.users.Directory, PasswordChecked: g.observePassword,
		Keys: sigv4.NewKeys(signingKeys),
	}
	g.users.Vacant(g.endTokensOf)
	g.maxPerUser.Store(int64(c.Tokens.MaxPerUser))
	settings, err := adminSettings(c)
	if err != nil {
		return err
	}
	managing := admin.Deps{
		Tokens: g.tokens, Callers: g.callers, Directory: g.users.Directory,
		Metrics: g.metrics, Log: access, Audit: g.log.Named("audit"), Now: time.Now,
		RemoveCredentials: g.users.RemoveCredentials, MaxPerUser: func() int { return int(g.maxPerUser.Load()) },
		Users: g.users, Check: g.check, Derive: ring.Derive, Random: rand.Reader,
		HashPassword: hashing(),
	}
	if s := g.shelf.shared; s != nil {
		g.callers.Revision = s.Await
		managing.Revision, managing.Everywhere = s.Revision, s.Everywhere
	}
	management, e := admin.New(managing, c.Config, c.Tokens.Path, settings)
	g.admin = management
	rules, upstreams, err := g.newRules(c, nil)
	if err != nil {
		return err
	}
	g.useUpstreams(ctx, upstreams)
	g.closers = append(g.closers, g.closeUpstreams)
	g.gateway = proxy.New(g.callers, rules, g.metrics, access, time.Now)
	g.public = g.publicServer(newFront(g, e))
	g.internal = g.internalServer()
	g.closers = append(g.closers, g.flushUses, func() error { g.jobs.Wait(); return nil })
	return nil
}

// signingKeys is how many keys of S3 clients are kept ready, one a day for
// each client.
const signingKeys = 16 << 10

func adminSettings(c Config) (admin.Settings, error) {
	addresses, err := caller.NewAddresses(c.Road.TrustedProxies)
	if err != nil {
		return admin.Settings{}, err
	}
	sites, err := caller.NewSites(c.Road.TrustedOrigins)
	if err != nil {
		return admin.Settings{}, err
	}
	return admin.Settings{Cookie: c.Tokens.Cookie, Addresses: addresses, Sites: sites}, nil
}

// listen binds both listeners.
func (g *gatewayProcess) listen(ctx context.Context, c Config) error {
	if err := g.loadCertificate(c); err != nil {
		return err
	}
	var lc net.ListenConfig
	internal, err := lc.Listen(ctx, "tcp", c.Internal.Listen)
	if err != nil {
		return fmt.Errorf("internal listener (internal.listen): %w", err)
	}
	g.internalListener = internal
	g.closers = append(g.closers, ignoreClosed(internal.Close))
	public, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("public listener (listen): %w", err)
	}
	g.closers = append(g.closers, ignoreClosed(public.Close))
	public, err = withProxyProtocol(c, public)
	if err != nil {
		return err
	}
	g.publicListener = g.withTLS(c, g.withLane(c, public))
	return nil
}
