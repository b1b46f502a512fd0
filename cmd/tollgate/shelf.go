package main

import (
	"time"

	"go.uber.org/zap"

	"tollgate/metrics"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/etcdstore"
)

// shelf is where the tokens and the users of a gateway are.
type shelf struct {
	tokens  tokens.Store
	usage   tokens.UsageStore
	records accounts.Records
	// revision is that of what one gateway's own store has; nil = it is shared.
	revision func() uint64
	healthy  func() error     // why requests should not be sent here; nil = they should
	shared   *etcdstore.Store // nil = no other gateway has the same tokens
}

// openShelf opens the store that the configuration names.
func (g *gatewayProcess) openShelf(c Config, risk risks) error {
	if err := makeDirs(c); err != nil {
		return err
	}
	if c.Store.shared() {
		return g.openShared(c)
	}
	return g.openOwn(c, risk)
}

// openOwn opens the token store in the data directory.
func (g *gatewayProcess) openOwn(c Config, risk risks) error {
	store, err := badgerstore.Open(badgerstore.Config{
		Dir: storeDir(c), MinFree: uint64(c.Store.MinFree), AcceptRollback: risk.rollback, // #nosec G115 -- validated
		Observe: g.observeStore, Log: g.badgerSays,
	})
	if err != nil {
		return err
	}
	cache := cachestore.New(store, cachestore.Config{})
	g.shelf = shelf{tokens: cache, usage: store, records: store.Users(), revision: store.Revision, healthy: store.Healthy}
	g.watchStore(store, cache.Stats)
	g.closers = append(g.closers, func() error {
		g.unwatchStore()
		err := store.Close()
		cache.Clear() // or it would go on answering
		return err
	})
	return nil
}

func (g *gatewayProcess) badgerSays(line string) { g.log.Warn("badger", zap.String("says", line)) }

// sized is what a store in the data directory says of itself.
type sized interface {
	Counts(now time.Time) (active, expired, revoked int)
	Size() (lsm, vlog int64)
}

func (g *gatewayProcess) watchStore(store sized, cached func() cachestore.Stats) {
	g.metrics.WatchStore(func() (int, int, int) { return store.Counts(time.Now()) }, store.Size)
	g.metrics.WatchCache(func() metrics.Cache {
		s := cached()
		return metrics.Cache{Tokens: s.Tokens, Bytes: s.Bytes, Misses: s.Misses, Evictions: s.Evictions}
	})
}

func (g *gatewayProcess) unwatchStore() {
	g.metrics.WatchStore(nil, nil)
	g.metrics.WatchCache(nil)
	g.metrics.WatchReplica(nil)
}
