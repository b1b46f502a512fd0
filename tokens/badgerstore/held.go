package badgerstore

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// Held says that a replica has a token, and with which revision.
type Held struct {
	ID       tokens.ID
	Revision uint64
}

// Each returns the tokens whose ids come behind one, in rising order, at most
// as many as limit says; zero or less = 256. Fewer than that means that no
// more are left. Each reads the records themselves: it is an error that wraps
// ErrReplicaDamaged if one cannot be read. tokens.ErrStoreClosed.
func (r *Replica) Each(ctx context.Context, after tokens.ID, limit int) (held []Held, err error) {
	defer r.observe("each")(&err)
	if limit <= 0 {
		limit = eachBatch
	}
	err = r.view(ctx, func(from *snapshot) error {
		held, err = heldAfter(ctx, from, after, limit)
		return err
	})
	if err != nil && isDamage(err) {
		err = fmt.Errorf("%w: %w", ErrReplicaDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("each token: %w", err)
	}
	return held, nil
}

func heldAfter(ctx context.Context, from *snapshot, after tokens.ID, limit int) ([]Held, error) {
	it := from.txn.NewIterator(badger.IteratorOptions{Prefix: []byte{kindID}})
	defer it.Close()
	var held []Held
	for it.Seek(append(idKey(after), 0)); it.Valid() && len(held) < limit; it.Next() {
		if len(held)%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		id := tokens.ID(it.Item().Key()[1:])
		t, err := recordByID(from, id)
		if err != nil {
			return nil, err
		}
		held = append(held, Held{ID: id, Revision: t.Revision})
	}
	return held, nil
}
