package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"tollgate/metrics"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/etcdstore"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// replicaDir is where a gateway among several keeps what it has of the shared
// tokens. It holds nothing that etcd has not.
func replicaDir(c Config) string { return filepath.Join(c.DataDir, "replica") }

// openShared follows the tokens that several gateways share. It does not wait
// for etcd: until the gateway has everything it refuses.
func (g *gatewayProcess) openShared(c Config) error {
	cfg, err := g.sharedConfig(c)
	if err != nil {
		return err
	}
	users := &sharedUsers{}
	if g.users, err = accounts.NewRegistry(context.Background(), users, c.Accounts, c.Tokens.Admins); err != nil {
		return err
	}
	cfg.UserChanged = func(u feed.User) { g.userSays(g.users.Changed(u.Name, u.Account)) }
	cfg.UsersLoaded = func(all map[string][]byte) { g.userSays(g.users.Loaded(all)) }
	store, err := etcdstore.Open(cfg)
	if err != nil {
		return err
	}
	users.Users = store.Users()
	g.users.Share(store.Turn)
	g.shelf = shelf{tokens: store, usage: store, records: users, healthy: store.Fresh, shared: store}
	g.watchStore(store, store.Stats)
	g.metrics.WatchReplica(func() metrics.Replica { return g.replicaOf(store.Status()) })
	g.closers = append(g.closers, func() error {
		g.unwatchStore()
		return store.Close()
	})
	return nil
}

func (g *gatewayProcess) sharedConfig(c Config) (etcdstore.Config, error) {
	secure, err := c.Store.Etcd.clientTLS()
	if err != nil {
		return etcdstore.Config{}, err
	}
	return etcdstore.Config{
		Engine: engine.Config{
			Endpoints: c.Store.Etcd.Endpoints, Prefix: c.Store.Etcd.Prefix, TLS: secure,
			Username: c.Store.Etcd.Username, Password: c.Store.Etcd.Password, Gateway: gatewayName(c),
			Observe: g.observeEngine, Log: func(line string) { g.log.Warn("etcd", zap.String("says", line)) },
		},
		Replica: badgerstore.ReplicaConfig{
			Dir: replicaDir(c), MinFree: uint64(c.Store.MinFree), // #nosec G115 -- validated
			Observe: g.observeStore, Log: g.badgerSays,
		},
		MaxStaleness: c.Store.MaxStaleness, AllowStale: c.Store.StaleReads.AllowFor,
		Log:    func(line string) { g.log.Warn("shared tokens", zap.String("says", line)) },
		Info:   func(line string) { g.log.Info("shared tokens", zap.String("says", line)) },
		Events: etcdstore.Events{Loaded: func(_ etcdstore.Reason, _ int, took time.Duration) { g.loadTook.Store(int64(took)) }},
	}, nil
}

// gatewayName is what people know this gateway by among the others.
func gatewayName(c Config) string {
	if c.Store.Etcd.Name != "" {
		return c.Store.Etcd.Name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + " " + c.Listen
}

// userSays logs that the record of a user cannot be read. He is disabled then.
func (g *gatewayProcess) userSays(err error) {
	if err != nil {
		g.log.Error("a user of the shared store cannot be read and is disabled", zap.Error(err))
	}
}

func (g *gatewayProcess) replicaOf(s etcdstore.Status) metrics.Replica {
	return metrics.Replica{
		LastLoaded: time.Duration(g.loadTook.Load()),
		Applied:    s.Revision, Head: s.Head, Fresh: s.State == etcdstore.Fresh, OnCredit: s.State == etcdstore.Late,
		Staleness: s.Staleness, Diverged: s.Diverged, Loads: s.Loads,
	}
}

// observeEngine counts the operations of etcd. What a rule refuses is no
// failure of it.
func (g *gatewayProcess) observeEngine(op string, took time.Duration, err error) {
	for _, refusal := range []error{
		tokens.ErrUnknown, tokens.ErrConflict, tokens.ErrExists, tokens.ErrName, tokens.ErrStale, context.Canceled,
	} {
		if errors.Is(err, refusal) {
			err = nil
		}
	}
	if errors.Is(err, tokens.ErrStoreFull) {
		g.metrics.StoreFailed(op, metrics.StoreFull)
	}
	g.metrics.EngineOperation(op, took, err)
}

// sharedUsers are the users' records of a store that is opened after the
// registry that reads them: it tells the registry of all there are.
type sharedUsers struct{ *etcdstore.Users }

// All returns nothing: what there is comes from the store by itself.
func (*sharedUsers) All(context.Context) (map[string][]byte, error) {
	return map[string][]byte{}, nil
}

// makeSharedFirstUser makes a user as makeFirstUser does, once it is known
// what etcd has. Of several gateways that begin at once one makes him.
func (g *gatewayProcess) makeSharedFirstUser(ctx context.Context) {
	for g.shelf.shared.AwaitFresh(ctx) == nil {
		err := g.makeFirstUser(ctx)
		if err == nil || errors.Is(err, accounts.ErrUserExists) || ctx.Err() != nil {
			return
		}
		g.log.Error("no first user was made, it is tried again", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(firstUserAgain):
		}
	}
}

// firstUserAgain is how long after a failure it is tried again.
const firstUserAgain = 5 * time.Second
