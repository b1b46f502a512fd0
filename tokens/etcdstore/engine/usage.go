package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// usageBatch usages go in one transaction: two compares each, one operation.
const usageBatch = 40

// contestPause is by how much longer gateways that write the same usages wait
// for one another each time, at most.
const contestPause = 5 * time.Millisecond

// AddUsages adds to what is kept, as tokens.UsageStore says, and returns the
// revision of the last write. Usages of tokens that are not there are left out.
// When it fails, any part may have been added: the errors are those of Put, and
// one that wraps tokens.ErrEngine may also say that others wrote the same
// usages again and again.
func (e *Engine) AddUsages(ctx context.Context, all []tokens.Usage) (revision uint64, err error) {
	defer e.observe("usages")(&err)
	mine, err := canonicalUsages(all)
	if err != nil {
		return 0, fmt.Errorf("add usages: %w", err)
	}
	e.usages.Lock()
	defer e.usages.Unlock()
	for part := range slices.Chunk(mine, usageBatch) {
		at, err := e.addSome(ctx, part)
		revision = max(revision, at)
		if err != nil {
			return revision, fmt.Errorf("add usages: %w", err)
		}
	}
	return revision, nil
}

// canonicalUsages returns one usage for each token, in the form in which it can
// be stored.
func canonicalUsages(all []tokens.Usage) ([]tokens.Usage, error) {
	mine := make([]tokens.Usage, 0, len(all))
	places := make(map[tokens.ID]int, len(all))
	for _, u := range all {
		if len(u.Agent) > record.MaxAgent {
			return nil, fmt.Errorf("%w: a user agent of %d bytes, at most %d are taken", record.ErrTooLong, len(u.Agent), record.MaxAgent)
		}
		if err := record.CanonicalTime(&u.At); err != nil {
			return nil, err
		}
		if u.ID == "" || len(u.ID) > record.MaxName {
			continue // no token has it
		}
		if at, known := places[u.ID]; known {
			mine[at] = mine[at].Merge(u)
			continue
		}
		places[u.ID] = len(mine)
		mine = append(mine, u)
	}
	return mine, nil
}

func (e *Engine) addSome(ctx context.Context, some []tokens.Usage) (uint64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for i := range contests {
		w, head, err := e.addition(ctx, some)
		if err != nil || len(w.ops) == 0 {
			return head, err
		}
		out, err := e.commit(ctx, w)
		if err != nil || out.done {
			return out.revision, err
		}
		if !sleep(ctx, rand.N(time.Duration(i+1)*contestPause)) { //nolint:gosec // it keeps others apart and protects nothing
			break
		}
	}
	return 0, fmt.Errorf("%w: %w", tokens.ErrEngine, errContended)
}

// addition plans what is kept of those tokens that are there.
func (e *Engine) addition(ctx context.Context, some []tokens.Usage) (w write, head uint64, err error) {
	gets := make([]clientv3.Op, 0, 2*len(some))
	for _, u := range some {
		gets = append(gets, clientv3.OpGet(e.keys.token(u.ID), clientv3.WithKeysOnly()), clientv3.OpGet(e.keys.usage(u.ID)))
	}
	s, err := e.look(ctx, gets...)
	if err != nil {
		return w, 0, err
	}
	for i, u := range some {
		token, kept := s.held[2*i], s.held[2*i+1]
		if token == nil {
			continue
		}
		key := e.keys.usage(u.ID)
		w.compares = append(w.compares,
			clientv3.Compare(clientv3.CreateRevision(e.keys.token(u.ID)), "=", token.CreateRevision), unchanged(key, revisionOf(kept)))
		w.ops = append(w.ops, clientv3.OpPut(key, string(record.EncodeUsage(e.kept(u.ID, kept).Merge(u)))))
		w.witness = key
	}
	return w, s.head, nil
}

// kept returns what is kept of a token's use. What cannot be read is given up:
// it is a count, and nothing that protects anybody.
func (e *Engine) kept(id tokens.ID, kv *mvccpb.KeyValue) tokens.Usage {
	if kv == nil {
		return tokens.Usage{ID: id}
	}
	u, err := record.DecodeUsage(kv.Value)
	if err != nil {
		e.damaged("usage of token "+string(id), err)
		u = tokens.Usage{}
	}
	u.ID = id
	return u
}
