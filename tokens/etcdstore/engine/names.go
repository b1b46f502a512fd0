package engine

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// A name is claimed by the token that was given it last. The claim stays when
// that one ends, until another token takes the name or the token is purged.

// claim returns what must still be so when t takes its name, given what is
// known of the name: nil = that it is free. tokens.ErrName, with the revision
// that it is based on, if a token has it that has not ended by when t was
// created.
func (e *Engine) claim(ctx context.Context, t *tokens.Token, named *mvccpb.KeyValue) ([]clientv3.Cmp, uint64, error) {
	name := e.keys.name(t.Owner, t.Name)
	for range contests {
		if named == nil {
			return []clientv3.Cmp{absent(name)}, 0, nil
		}
		holder := tokens.ID(named.Value)
		if holder == t.ID {
			return []clientv3.Cmp{unchanged(name, revisionOf(named))}, 0, nil
		}
		s, err := e.look(ctx, clientv3.OpGet(name), clientv3.OpGet(e.keys.token(holder)))
		if err != nil {
			return nil, 0, err
		}
		if revisionOf(s.held[0]) != revisionOf(named) {
			named = s.held[0]
			continue
		}
		if err := givesWay(s.held[1], holder, t); err != nil {
			return nil, s.head, err
		}
		return []clientv3.Cmp{unchanged(name, revisionOf(named)), unchanged(e.keys.token(holder), revisionOf(s.held[1]))}, 0, nil
	}
	return nil, 0, fmt.Errorf("%w: %w", tokens.ErrEngine, errContended)
}

// givesWay says whether the token that has the name of t, with its record, must
// leave it to t. One that is no more must.
func givesWay(kv *mvccpb.KeyValue, id tokens.ID, t *tokens.Token) error {
	if kv == nil {
		return nil
	}
	holder, err := record.Decode(kv.Value)
	switch {
	case err != nil:
		return fmt.Errorf("token %s, which has the name: %w", id, err)
	case holder.ID != id || holder.Owner != t.Owner || holder.Name != t.Name:
		return fmt.Errorf("%w: a name leads to token %s, which has another", record.ErrDamaged, id)
	case !holder.EndedAt(t.Created):
		return tokens.ErrName
	}
	return nil
}

// revives reports whether a change makes a token live longer than it did, so
// that its name may have been given again.
func revives(old, t *tokens.Token) bool {
	if closed(t) {
		return false
	}
	if closed(old) {
		return true
	}
	if old.Expires.IsZero() {
		return false
	}
	return t.Expires.IsZero() || t.Expires.After(old.Expires)
}

// closed reports whether something was done to a token that ended it, whatever
// its times say.
func closed(t *tokens.Token) bool { return !t.Revoked.At.IsZero() || !t.Spent.IsZero() }
