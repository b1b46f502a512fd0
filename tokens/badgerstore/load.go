package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens/feed"
)

var (
	errLoading = errors.New("another generation is being loaded")
	errEnded   = errors.New("the generation is in force or was discarded")
)

// Generation is what a replica is to become: it is loaded while the one before
// it is read. Begin makes one; Flip or Discard ends it, as does the end of the
// replica. It is safe for concurrent use.
type Generation struct {
	replica *Replica

	mu     sync.Mutex // guards what follows; writing of the replica comes before it
	g      *generation
	batch  *badger.WriteBatch // nil = ended
	usages bool               // there are some
	err    error              // of an Add
}

// Begin makes a new generation, which is empty. There is one at a time.
// tokens.ErrStoreFull, tokens.ErrStoreClosed.
func (r *Replica) Begin(ctx context.Context) (*Generation, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	if err := r.check(ctx); err != nil {
		return nil, fmt.Errorf("begin generation: %w", err)
	}
	if r.loading != nil {
		return nil, fmt.Errorf("begin generation: %w", errLoading)
	}
	if err := r.room(r.cfg.MinFree); err != nil {
		return nil, fmt.Errorf("begin generation: %w", err)
	}
	g, err := r.create()
	if err != nil {
		return nil, fmt.Errorf("begin generation: %w", err)
	}
	r.loading = &Generation{replica: r, g: g, batch: g.db.NewWriteBatch()}
	return r.loading, nil
}

// Add puts a part of what the engine holds into the generation, in any order,
// but each token, each usage and each user once. What is gone is left out, as
// is what no store could keep, with a line to Log. After an error the
// generation can only be discarded. tokens.ErrStoreFull.
func (n *Generation) Add(ctx context.Context, changes []feed.Change) (err error) {
	defer n.replica.observe("add")(&err)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err = n.add(ctx, changes); err != nil {
		return fmt.Errorf("load generation: %w", err)
	}
	return nil
}

func (n *Generation) add(ctx context.Context, changes []feed.Change) error {
	switch {
	case n.batch == nil:
		return errEnded
	case n.err != nil:
		return n.err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if n.err = n.replica.room(n.replica.cfg.roomToGrow()); n.err != nil {
		return n.err
	}
	done := make([]*change, 0, len(changes))
	for i := range changes {
		c, err := n.plan(&changes[i])
		if err == nil {
			err = n.write(c)
		}
		if err != nil {
			n.err = err
			return err
		}
		done = append(done, c)
	}
	n.g.counts.apply(done)
	return nil
}

// plan says what one change adds.
func (n *Generation) plan(ch *feed.Change) (*change, error) {
	switch {
	case ch.Token != nil:
		t, err := newToken(ch.Token)
		if err != nil {
			n.g.note(fmt.Errorf("token %s is left out: %w", ch.Token.ID, err))
			return &change{}, nil
		}
		return t.come(), nil
	case ch.Gone != "":
		return &change{}, nil
	case ch.Usage != nil && isTokenID(ch.Usage.ID):
		n.usages = true
		return planUsage(*ch.Usage, n.g.note), nil
	case ch.Usage != nil:
		return &change{}, nil
	case ch.User != nil:
		return planUser(ch.User, n.g.note), nil
	default:
		return nil, errNoChange
	}
}

// write adds the entries of a change. There is nothing that it could remove.
func (n *Generation) write(c *change) error {
	for i := range c.entries {
		if err := n.batch.SetEntry(&c.entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// Flip puts the generation in force: all reads that start after it see this
// one, as it was at a position of the engine. The one before is closed when
// its last reader has left, and its files are removed. After an error the one
// before stays in force, and this one can only be discarded.
func (n *Generation) Flip(ctx context.Context, at feed.Position) (err error) {
	r := n.replica
	defer r.observe("flip")(&err)
	r.writing.Lock()
	defer r.writing.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.batch == nil {
		return fmt.Errorf("flip generation: %w", errEnded)
	}
	if err = errors.Join(r.check(ctx), n.err); err == nil {
		err = n.finish(ctx, at)
	}
	if err != nil {
		n.err = err
		return fmt.Errorf("flip generation: %w", err)
	}
	r.show(n.g.snapshot())
	old := r.current.Swap(n.g)
	n.batch, r.loading = nil, nil
	r.retired.Go(func() {
		if err := old.discard(); err != nil {
			old.note(err)
		}
	})
	return nil
}

// finish writes the rest, the position, and the name of the generation.
func (n *Generation) finish(ctx context.Context, at feed.Position) error {
	if len(at.Mark) > maxMark {
		return errPosition
	}
	if err := n.batch.Flush(); err != nil {
		return err
	}
	if n.usages {
		if err := n.g.dropStrayUsages(ctx); err != nil {
			return err
		}
	}
	err := n.g.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte{kindPosition}, positionValue(at)) })
	if err != nil {
		return err
	}
	n.g.position.Store(&at)
	return n.replica.stand(n.g.number, trustBoot)
}

// Discard ends the generation and removes its files, if it is not in force.
// Discarding one that has ended does nothing.
func (n *Generation) Discard() error {
	n.replica.writing.Lock()
	defer n.replica.writing.Unlock()
	if err := n.drop(); err != nil {
		return fmt.Errorf("discard generation: %w", err)
	}
	return nil
}

// drop is called with writing of the replica held.
func (n *Generation) drop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.batch == nil {
		return nil
	}
	n.batch.Cancel()
	n.batch, n.replica.loading = nil, nil
	return n.g.discard()
}

// dropStrayUsages removes the usages of tokens that the generation has not
// got, which may be made again.
func (g *generation) dropStrayUsages(ctx context.Context) error {
	txn := g.db.NewTransaction(false)
	defer txn.Discard()
	batch := g.db.NewWriteBatch()
	defer batch.Cancel()
	ids := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{kindID}})
	defer ids.Close()
	usages := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{kindUsage}})
	defer usages.Close()
	ids.Rewind()
	n := 0
	for usages.Rewind(); usages.Valid(); usages.Next() {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		id := usages.Item().Key()[1:]
		for ids.Valid() && bytes.Compare(ids.Item().Key()[1:], id) < 0 {
			ids.Next()
		}
		if ids.Valid() && bytes.Equal(ids.Item().Key()[1:], id) {
			continue
		}
		if err := batch.Delete(usages.Item().KeyCopy(nil)); err != nil {
			return err
		}
	}
	return batch.Flush()
}
