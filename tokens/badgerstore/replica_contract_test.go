package badgerstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/feed"
	"tollgate/tokens/memstore"
	"tollgate/tokens/storetest"
)

// openReplica opens a replica that is closed at the end of the test.
func openReplica(t testing.TB, cfg badgerstore.ReplicaConfig) *badgerstore.Replica {
	t.Helper()
	r, err := badgerstore.OpenReplica(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeReplica(t, r) })
	return r
}

func closeReplica(t testing.TB, r *badgerstore.Replica) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// fedStore is a store whose writes are decided in memory, as an engine would,
// and which reads a replica that is told of them.
type fedStore struct {
	*badgerstore.Replica
	engine *engine
	flips  bool // load the replica anew at every write
}

// engine is what is shared: it outlives the replicas.
type engine struct {
	mu       sync.Mutex // held while a write is decided and fed
	store    *memstore.Store
	ids      map[tokens.ID]bool
	revision uint64
}

func newEngine() *engine {
	return &engine{store: memstore.New(), ids: make(map[tokens.ID]bool)}
}

func (s fedStore) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	revision, err := e.store.Put(ctx, t)
	if err != nil {
		return 0, err
	}
	e.ids[t.ID] = true
	stored, err := e.store.ByID(ctx, t.ID)
	if err != nil {
		return 0, err
	}
	return revision, s.feed(ctx, feed.Change{Token: stored})
}

func (s fedStore) Purge(ctx context.Context, before time.Time) (int, error) {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	removed, err := e.store.Purge(ctx, before)
	if err != nil {
		return 0, err
	}
	var gone []feed.Change
	for id := range e.ids {
		if _, err := e.store.ByID(ctx, id); errors.Is(err, tokens.ErrUnknown) {
			delete(e.ids, id)
			gone = append(gone, feed.Change{Gone: id})
		}
	}
	return removed, s.feed(ctx, gone...)
}

func (s fedStore) AddUsages(ctx context.Context, all []tokens.Usage) error {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.store.AddUsages(ctx, all); err != nil {
		return err
	}
	changes := make([]feed.Change, 0, len(all))
	for _, u := range all {
		changes = append(changes, feed.Change{Usage: e.usage(ctx, u.ID)})
	}
	return s.feed(ctx, changes...)
}

// usage is called with mu held.
func (e *engine) usage(ctx context.Context, id tokens.ID) *tokens.Usage {
	all, err := e.store.Usages(ctx, []tokens.ID{id})
	if err != nil {
		return &tokens.Usage{ID: id}
	}
	return &all[0]
}

// feed is called with mu held.
func (s fedStore) feed(ctx context.Context, changes ...feed.Change) error {
	s.engine.revision++
	at := feed.Position{Cluster: 1, Revision: s.engine.revision, Mark: "mark"}
	if !s.flips {
		return s.Apply(ctx, at, changes)
	}
	g, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	for id := range s.engine.ids {
		t, err := s.engine.store.ByID(ctx, id)
		if err != nil {
			return errors.Join(err, g.Discard())
		}
		page := []feed.Change{{Usage: s.engine.usage(ctx, id)}, {Token: t}}
		if err := g.Add(ctx, page); err != nil {
			return errors.Join(err, g.Discard())
		}
	}
	return errors.Join(g.Flip(ctx, at), g.Discard())
}

func TestAFedReplicaKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) tokens.Store {
		t.Helper()
		r := openReplica(t, badgerstore.ReplicaConfig{Dir: t.TempDir()})
		return fedStore{Replica: r, engine: newEngine()}
	})
}

func TestAFedReplicaKeepsTheDurableContract(t *testing.T) {
	t.Parallel()
	for name, flips := range map[string]bool{"by changes": false, "by generations": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engines := map[string]*engine{}
			storetest.RunDurable(t, func(t *testing.T, dir string) (tokens.Store, func()) {
				t.Helper()
				if engines[dir] == nil {
					engines[dir] = newEngine()
				}
				r := openReplica(t, badgerstore.ReplicaConfig{Dir: dir})
				return fedStore{Replica: r, engine: engines[dir], flips: flips}, func() { closeReplica(t, r) }
			})
		})
	}
}
