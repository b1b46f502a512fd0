package main

import (
	"context"
	"reflect"
	"slices"
	"time"

	"go.uber.org/zap"

	"tollgate/proxy"
	"tollgate/proxy/upstream"
)

// reloads reads the configuration again when somebody asks for it or the file
// changed.
func (g *gatewayProcess) reloads(ctx context.Context, changed <-chan struct{}, load func() (Config, error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.process.HangUp:
		case <-changed:
		}
		if err := g.reload(ctx, load); err != nil {
			g.metrics.ConfigReloadFailed()
			g.log.Error("the configuration has faults, the one before stays in force", zap.Error(err))
			continue
		}
		g.metrics.ConfigReloaded(time.Now())
		g.log.Info("configuration reloaded")
	}
}

// reload parses, validates and makes ready; only then it swaps.
func (g *gatewayProcess) reload(ctx context.Context, load func() (Config, error)) error {
	c, err := load()
	if err != nil {
		return err
	}
	g.warnOfRestart(c)
	c.DataDir = g.config.DataDir // the default folder stays where it is
	settings, err := adminSettings(c)
	if err != nil {
		return err
	}
	if err := g.loadCertificate(c); err != nil {
		return err
	}
	rules, upstreams, err := g.newRules(c, g.upstreams)
	if err != nil {
		return err
	}
	old := g.upstreams
	g.useUpstreams(ctx, upstreams)
	g.users.Configure(c.Accounts, c.Tokens.Admins)
	g.maxPerUser.Store(int64(c.Tokens.MaxPerUser))
	g.tokens.Configure(c.Tokens.Config)
	g.admin.Configure(settings)
	g.gateway.Follow(rules)
	g.current = c
	for _, u := range old {
		if !slices.Contains(upstreams, u) {
			u.Close()
		}
	}
	return nil
}

// newRules makes the road's rules. Upstreams that did not change are taken
// over with their connections and what is known of their health.
func (g *gatewayProcess) newRules(c Config, old []*upstream.Upstream) (*proxy.Rules, []*upstream.Upstream, error) {
	before := g.current.upstreams()
	var all, made []*upstream.Upstream
	discard := func() {
		for _, u := range made {
			u.Close()
		}
	}
	for _, uc := range c.upstreams() {
		i := slices.IndexFunc(before, func(b upstream.Config) bool { return reflect.DeepEqual(b, uc) })
		if i >= 0 && i < len(old) {
			all = append(all, old[i])
			continue
		}
		u, err := newUpstream(uc, g.metrics)
		if err != nil {
			discard()
			return nil, nil, err
		}
		all, made = append(all, u), append(made, u)
	}
	rules, err := proxy.NewRules(c.Road, proxy.Surroundings{
		Cookie: c.Tokens.Cookie, Upstreams: all, Directory: g.users.Directory, Login: g.admin.LoginPage,
		Storages: c.storages(), Signing: c.S3, SniffTypes: c.Tokens.SniffTypes,
		Metrics: g.metrics,
	})
	if err != nil {
		discard()
		return nil, nil, err
	}
	return rules, all, nil
}

// useUpstreams makes the upstreams the ones that are counted and watched and,
// at the end, closed. Those that are new begin their health checks.
func (g *gatewayProcess) useUpstreams(ctx context.Context, all []*upstream.Upstream) {
	servers := make(map[string][]string, len(all))
	for _, u := range all {
		servers[u.Name()] = u.Servers()
	}
	g.metrics.SetUpstreams(servers)
	for _, u := range all {
		if slices.Contains(g.upstreams, u) {
			continue
		}
		for _, s := range u.Servers() {
			g.metrics.ServerHealthy(u.Name(), s)
		}
		u.Start(ctx)
	}
	g.upstreams = all
}

func (g *gatewayProcess) closeUpstreams() error {
	for _, u := range g.upstreams {
		u.Close()
	}
	return nil
}

// warnOfRestart tells of keys that changed in the file and are not in force.
func (g *gatewayProcess) warnOfRestart(c Config) {
	was := g.config
	for key, same := range map[string]bool{
		"listen":           c.Listen == was.Listen,
		"proxy_protocol":   c.ProxyProtocol == was.ProxyProtocol,
		"internal.listen":  c.Internal.Listen == was.Internal.Listen,
		"tls":              (c.TLS.CertFile == "") == (was.TLS.CertFile == ""),
		"data_dir":         c.DataDir == was.DataDir,
		"shutdown_timeout": c.ShutdownTimeout == was.ShutdownTimeout,
		"keys":             c.Keys == was.Keys && c.KeysFile == was.KeysFile,
		"apis":             slices.Equal(c.APIs, was.APIs),
		"admin_hosts":      slices.Equal(c.AdminHosts, was.AdminHosts),
		"tokens.path":      c.Tokens.Path == was.Tokens.Path,
		"log":              c.Log == was.Log,
		"store":            reflect.DeepEqual(c.Store, was.Store),
		"fast_lane":        c.FastLane == was.FastLane,
	} {
		if !same {
			g.log.Warn("this key changed and takes a restart to come into force", zap.String("key", key))
		}
	}
}
