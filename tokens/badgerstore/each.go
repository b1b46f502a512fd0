package badgerstore

import (
	"bytes"
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// eachBatch is how many tokens Each reads at a time.
const eachBatch = 256

// Each calls visit with every token, live and ended ones, in no order that
// means anything. Visit may use the store; tokens that are made meanwhile may
// be visited or not. The first error ends it and is returned.
func (s *Store) Each(ctx context.Context, visit func(*tokens.Token) error) error {
	from := []byte{kindRecord}
	for from != nil {
		var batch []*tokens.Token
		err := s.view(ctx, func(snap *snapshot) (err error) {
			batch, from, err = recordsFrom(snap, from)
			return err
		})
		if err != nil {
			return fmt.Errorf("each token: %w", err)
		}
		for _, t := range batch {
			if err := visit(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordsFrom returns some records and the key of the one after them, nil if
// there is none.
func recordsFrom(snap *snapshot, from []byte) (batch []*tokens.Token, next []byte, err error) {
	prefix := []byte{kindRecord}
	it := snap.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Seek(from); it.ValidForPrefix(prefix); it.Next() {
		key := it.Item().Key()
		if len(batch) == eachBatch {
			return batch, bytes.Clone(key), nil
		}
		t, err := recordByHash(snap, tokens.Hash(key[len(prefix):]))
		if err != nil {
			return nil, nil, err
		}
		batch = append(batch, t)
	}
	return batch, nil, nil
}
