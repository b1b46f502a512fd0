package badgerstore

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// Each calls visit with every token as it was when Each began, live and ended
// ones, in no order that means anything. Visit may write to the store. The
// first error ends it and is returned.
func (s *Store) Each(ctx context.Context, visit func(*tokens.Token) error) error {
	err := s.view(ctx, func(txn *badger.Txn) error {
		prefix := []byte{kindRecord}
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 100})
		defer it.Close()
		for it.Seek(prefix); it.ValidForPrefix(prefix); it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			h := tokens.Hash(it.Item().Key()[len(prefix):])
			t, err := recordByHash(txn, h)
			if err != nil {
				return err
			}
			if err := visit(t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("each token: %w", err)
	}
	return nil
}
