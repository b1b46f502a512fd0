package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"tollgate/cmd/tollgate/conf"
	"tollgate/tokens"
)

type serveCommand struct {
	configFlag
	AcceptRollback bool `help:"Start although the token store has lost writes that were acknowledged. Tokens that were revoked by one of them are live again."`
	AcceptNewKeys  bool `help:"Start although the sealing keys of the token store are missing, with new ones. The S3 tokens that exist cannot be used then."`
}

// Run serves until the context ends.
func (s *serveCommand) Run(ctx context.Context, p Process) error {
	watcher := watch(s.Config) // before the file is read, so that no change is missed
	config, file, err := loadConfig(s.Config, p.Environ)
	if err != nil {
		closeWatcher(watcher)
		return err
	}
	g, err := start(ctx, config, p, risks{rollback: s.AcceptRollback, newKeys: s.AcceptNewKeys})
	if err != nil {
		closeWatcher(watcher)
		return err
	}
	g.watcher = watcher
	return g.serve(ctx, file, func() (Config, error) {
		c, _, err := loadConfig(s.Config, p.Environ)
		return c, err
	})
}

// watch begins to watch the configuration file; nil if there is none or it
// cannot be watched. SIGHUP reloads all the same.
func watch(file string) *conf.Watcher {
	if file == "" {
		if file = defaultFile; !exists(file) {
			return nil
		}
	}
	w, err := conf.NewWatcher(file)
	if err != nil {
		return nil
	}
	return w
}

func closeWatcher(w *conf.Watcher) {
	if w != nil {
		_ = w.Close() // what it held was only read
	}
}

// serve accepts requests until ctx ends or a listener fails, and then stops:
// not ready, no new connections, what is in flight comes to its end, the
// store is closed; all within the configured limit.
func (g *gatewayProcess) serve(ctx context.Context, file string, load func() (Config, error)) error {
	background, endBackground := context.WithCancel(ctx)
	defer endBackground()
	defer g.close()

	failed := make(chan error, 2)
	go func() { failed <- g.serveOn(g.internal, g.internalListener) }()
	go func() { failed <- g.serveOn(g.public, g.publicListener) }()
	g.startJobs(background, load)
	g.ready.Store(true)
	g.log.Info("ready", zap.Stringer("listen", g.publicListener.Addr()), zap.Stringer("internal", g.internalListener.Addr()), zap.String("config", file))
	if g.process.Started != nil {
		g.process.Started(g.publicListener.Addr(), g.internalListener.Addr())
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	g.ready.Store(false)
	g.log.Info("stopping", zap.Duration("limit", g.config.ShutdownTimeout))
	return errors.Join(err, g.drain())
}

func (g *gatewayProcess) serveOn(s *http.Server, l net.Listener) error {
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", l.Addr(), err)
}

// drain lets the requests in flight come to their end. Upgraded connections
// have none of their own and are cut when the rest is done.
func (g *gatewayProcess) drain() error {
	limit, done := context.WithTimeout(context.Background(), g.config.ShutdownTimeout)
	defer done()
	err := g.shutdown(limit)
	g.cutAll()
	g.gateway.CutAll()
	if err != nil {
		g.log.Warn("requests were cut because they did not end in time", zap.Error(err))
		_ = g.public.Close()
	}
	if g.lane != nil {
		_ = g.lane.Close() // what it served is over or cut
	}
	g.waitForRequests()
	_ = g.internal.Close()
	return nil
}

// shutdown has the public listener accept nothing more and waits for what both
// lanes serve.
func (g *gatewayProcess) shutdown(ctx context.Context) error {
	if g.lane == nil {
		return g.public.Shutdown(ctx)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.lane.Shutdown(ctx) }()
	return errors.Join(g.public.Shutdown(ctx), <-ended)
}

// lastRequests bounds the wait for requests that were cut.
const lastRequests = 2 * time.Second

// waitForRequests returns when no request is under way any more, so that the
// store and the logs can be closed.
func (g *gatewayProcess) waitForRequests() {
	gone := make(chan struct{})
	go func() {
		g.requests.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(lastRequests):
	}
}

// close ends everything that start began, last begun first.
func (g *gatewayProcess) close() {
	for i := len(g.closers) - 1; i >= 0; i-- {
		if err := g.closers[i](); err != nil {
			g.log.Error("close", zap.Error(err))
		}
	}
}

// startJobs starts what runs beside the requests, until ctx ends.
func (g *gatewayProcess) startJobs(ctx context.Context, load func() (Config, error)) {
	changed := make(chan struct{}, 1)
	again := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	if g.watcher != nil {
		g.job(func() {
			if err := g.watcher.Run(ctx, again); err != nil {
				g.log.Error("the configuration file is not watched", zap.Error(err))
			}
		})
	}
	g.job(func() { g.reloads(ctx, changed, load) })
	g.job(func() { g.cleans(ctx) })
	g.job(func() { g.flushes(ctx) })
	if g.shelf.shared != nil {
		g.job(func() { g.makeSharedFirstUser(ctx) })
	}
}

// How often it is written down when and how tokens were used last: sharedFlush
// where the writes are those of several gateways. What was gathered since is
// lost when the process dies.
const (
	flushInterval = 10 * time.Second
	sharedFlush   = time.Minute
)

func (g *gatewayProcess) flushes(ctx context.Context) {
	interval := flushInterval
	if g.shelf.shared != nil {
		interval = sharedFlush - time.Duration(rand.Int64N(int64(sharedFlush/4))) // #nosec G404 -- so that not all write at once
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var lost uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n := g.tokens.LostUses(); n > lost {
			g.log.Warn("there was no room to remember when tokens were used last", zap.Uint64("uses", n-lost))
			lost = n
		}
		if err := g.tokens.FlushUses(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("last uses of tokens were not recorded", zap.Error(err))
		}
	}
}

// flushUses writes them for the last time.
func (g *gatewayProcess) flushUses() error {
	ctx, done := context.WithTimeout(context.Background(), lastRequests)
	defer done()
	return g.tokens.FlushUses(ctx)
}

func (g *gatewayProcess) job(work func()) {
	g.jobs.Add(1)
	go func() {
		defer g.jobs.Done()
		work()
	}()
}

// cleanInterval is how often ended tokens are removed for good.
const cleanInterval = time.Hour

func (g *gatewayProcess) cleans(ctx context.Context) {
	tick := time.NewTicker(cleanInterval)
	defer tick.Stop()
	if s := g.shelf.shared; s != nil && s.AwaitFresh(ctx) != nil {
		return // it is being stopped
	}
	for {
		n, err := g.tokens.Clean(ctx)
		if err != nil && ctx.Err() == nil {
			g.log.Warn("ended tokens were not removed", zap.Error(err))
		}
		if n > 0 {
			g.log.Info("removed ended tokens", zap.Int("count", n))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// printFirstRun tells a new user how to begin: as plain text, since the
// password is printed this once and must not end in a log.
func printFirstRun(w io.Writer, url, name string, password tokens.Secret) {
	fmt.Fprintf(w, `
tollgate runs at %[1]s and has no users yet, so it made one:

    user      %[2]s
    password  %[3]s      (shown this once; only its hash is stored)

Log in for a token, use it, and see the same request refused without it:

curl -sS -u %[2]s:%[3]s -c tollgate-cookies.txt -X POST %[1]s/.TOKEN/
curl -i -b tollgate-cookies.txt %[1]s/
curl -i %[1]s/

`, url, name, password.Reveal())
}

// reachable returns a listener's address as a client on this machine writes
// it.
func reachable(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
