package engine

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

var errIdentity = errors.New("hash, API, name, owner and scope of a token never change")

// contests is how often a write is planned anew because others changed what it
// was planned on.
const contests = 16

// Put writes t as tokens.Store says, and returns the revision of the write,
// which is the token's. With tokens.ErrExists, ErrName, ErrConflict and
// ErrUnknown it returns the revision that the refusal is based on: a replica
// that has it says the same. tokens.ErrStoreFull if etcd has no room; every
// other failure of etcd wraps tokens.ErrEngine, and the write may or may not
// have happened.
func (e *Engine) Put(ctx context.Context, t *tokens.Token) (revision uint64, err error) {
	defer e.observe("put")(&err)
	t, err = record.Canonical(t)
	if err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	data, err := encoded(t)
	if err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if t.Revision == 0 {
		revision, err = e.create(ctx, t, data)
	} else {
		revision, err = e.update(ctx, t, data)
	}
	if err != nil {
		return revision, fmt.Errorf("put token: %w", err)
	}
	return revision, nil
}

// encoded returns the record of a token. The revision in it is 1 and means
// nothing: what counts is that of the key.
func encoded(t *tokens.Token) (string, error) {
	stored := *t
	stored.Revision = 1
	data := record.Encode(&stored)
	if len(data) > record.MaxSize {
		return "", fmt.Errorf("%w: %d bytes, at most %d are taken", record.ErrTooLong, len(data), record.MaxSize)
	}
	return string(data), nil
}

// create first takes it that nobody has the name, which is one transaction.
func (e *Engine) create(ctx context.Context, t *tokens.Token, data string) (uint64, error) {
	hash, id, name := e.keys.hash(t.Hash), e.keys.token(t.ID), e.keys.name(t.Owner, t.Name)
	w := write{
		ops:     []clientv3.Op{clientv3.OpPut(id, data), clientv3.OpPut(hash, string(t.ID))},
		looks:   []clientv3.Op{clientv3.OpGet(hash, clientv3.WithKeysOnly()), clientv3.OpGet(id, clientv3.WithKeysOnly())},
		witness: id,
	}
	free := []clientv3.Cmp{absent(hash), absent(id)}
	var claim []clientv3.Cmp
	if t.Name != "" {
		w.ops = append(w.ops, clientv3.OpPut(name, string(t.ID)))
		w.looks = append(w.looks, clientv3.OpGet(name))
		claim = []clientv3.Cmp{absent(name)}
	}
	for range contests {
		w.compares = append(free[:len(free):len(free)], claim...)
		out, err := e.commit(ctx, w)
		switch {
		case err != nil || out.done:
			return out.revision, err
		case out.seen[0] != nil || out.seen[1] != nil:
			return out.revision, tokens.ErrExists
		case t.Name == "":
			continue // what was in the way is gone
		}
		var base uint64
		if claim, base, err = e.claim(ctx, t, out.seen[2]); err != nil {
			return base, err
		}
	}
	return 0, fmt.Errorf("%w: %w", tokens.ErrEngine, errContended)
}

// update reads the record that it replaces, for what must stay as it is.
func (e *Engine) update(ctx context.Context, t *tokens.Token, data string) (uint64, error) {
	id, name := e.keys.token(t.ID), e.keys.name(t.Owner, t.Name)
	s, err := e.look(ctx, clientv3.OpGet(id), clientv3.OpGet(name))
	if err != nil {
		return 0, err
	}
	old, err := replaced(s.held[0], t)
	if err != nil {
		return s.head, err
	}
	w := write{ops: []clientv3.Op{clientv3.OpPut(id, data)}, looks: []clientv3.Op{clientv3.OpGet(id, clientv3.WithKeysOnly())}, witness: id}
	claims := t.Name != "" && revives(old, t)
	if claims {
		w.ops = append(w.ops, clientv3.OpPut(name, string(t.ID)))
	}
	for range contests {
		w.compares = []clientv3.Cmp{unchanged(id, t.Revision)}
		if claims {
			claim, base, err := e.claim(ctx, t, s.held[1])
			if err != nil {
				return base, err
			}
			w.compares = append(w.compares, claim...)
		}
		out, err := e.commit(ctx, w)
		if err != nil || out.done {
			return out.revision, err
		}
		if err := matches(out.seen[0], t); err != nil {
			return out.revision, err
		}
	}
	return 0, fmt.Errorf("%w: %w", tokens.ErrEngine, errContended)
}

// replaced returns the record that t replaces, or why it may not.
func replaced(kv *mvccpb.KeyValue, t *tokens.Token) (*tokens.Token, error) {
	if err := matches(kv, t); err != nil {
		return nil, err
	}
	old, err := record.Decode(kv.Value)
	switch {
	case err != nil:
		return nil, err
	case old.ID != t.ID || old.Hash != t.Hash || old.API != t.API || old.Name != t.Name || old.Owner != t.Owner || old.Scope != t.Scope:
		return nil, errIdentity
	}
	return old, nil
}

// matches says whether a record is still the one that t replaces.
func matches(kv *mvccpb.KeyValue, t *tokens.Token) error {
	switch {
	case kv == nil:
		return tokens.ErrUnknown
	case revisionOf(kv) != t.Revision:
		return tokens.ErrConflict
	}
	return nil
}
