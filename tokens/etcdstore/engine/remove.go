package engine

import (
	"context"
	"fmt"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
)

// removeBatch tokens go in one transaction: four operations each, three
// compares. etcd takes 128 of either.
const removeBatch = 20

// Remove removes those of the tokens that still have their revisions, with all
// that is kept of them, and returns how many and the revision of the last
// write. Others are left as they are. When it fails, part of the work may be
// done. The errors are those of Put.
func (e *Engine) Remove(ctx context.Context, all []*tokens.Token) (removed int, revision uint64, err error) {
	defer e.observe("purge")(&err)
	for part := range slices.Chunk(all, removeBatch) {
		n, at, err := e.removeSome(ctx, part)
		removed, revision = removed+n, max(revision, at)
		if err != nil {
			return removed, revision, fmt.Errorf("remove tokens: %w", err)
		}
	}
	return removed, revision, nil
}

func (e *Engine) removeSome(ctx context.Context, some []*tokens.Token) (removed int, revision uint64, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for range contests {
		w, n, head, err := e.removal(ctx, some)
		if err != nil || n == 0 {
			return 0, head, err
		}
		out, err := e.commit(ctx, w)
		switch {
		case err != nil:
			return 0, 0, err
		case out.done:
			return n, out.revision, nil
		}
	}
	return 0, 0, fmt.Errorf("%w: %w", tokens.ErrEngine, errContended)
}

// removal plans the end of those tokens that are still as they were.
func (e *Engine) removal(ctx context.Context, some []*tokens.Token) (w write, n int, head uint64, err error) {
	const each = 3
	gets := make([]clientv3.Op, 0, each*len(some))
	for _, t := range some {
		gets = append(gets, clientv3.OpGet(e.keys.token(t.ID), clientv3.WithKeysOnly()),
			clientv3.OpGet(e.keys.hash(t.Hash)), clientv3.OpGet(e.keys.name(t.Owner, t.Name)))
	}
	s, err := e.look(ctx, gets...)
	if err != nil {
		return w, 0, 0, err
	}
	for i, t := range some {
		held := s.held[i*each : (i+1)*each]
		if t.Revision == 0 || revisionOf(held[0]) != t.Revision {
			continue
		}
		n++
		w.compares = append(w.compares, unchanged(e.keys.token(t.ID), t.Revision))
		w.ops = append(w.ops, clientv3.OpDelete(e.keys.token(t.ID)), clientv3.OpDelete(e.keys.usage(t.ID)))
		for j, key := range []string{e.keys.hash(t.Hash), e.keys.name(t.Owner, t.Name)} {
			if kv := held[1+j]; kv != nil && tokens.ID(kv.Value) == t.ID {
				w.compares = append(w.compares, unchanged(key, revisionOf(kv)))
				w.ops = append(w.ops, clientv3.OpDelete(key))
			}
		}
	}
	return w, n, s.head, nil
}
