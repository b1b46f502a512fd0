package engine

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
	"tollgate/tokens/feed"
	"tollgate/tokens/record"
)

var errUserName = errors.New("name of a user is empty or too long")

// PutUser writes the account of a user in place of the one that is there, or
// removes it. That there is none to remove is no error. A name has 1 to 4,096
// bytes, an account at most 512 KiB. It returns the revision of the write, or
// the one at which there was nothing to do. The errors are those of Put.
func (e *Engine) PutUser(ctx context.Context, u feed.User) (revision uint64, err error) {
	defer e.observe("user")(&err)
	switch {
	case u.Name == "" || len(u.Name) > record.MaxName:
		return 0, fmt.Errorf("put user: %w: %d bytes", errUserName, len(u.Name))
	case len(u.Account) > record.MaxSize:
		return 0, fmt.Errorf("put user: %w: an account of %d bytes, at most %d are taken", record.ErrTooLong, len(u.Account), record.MaxSize)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if revision, err = e.putUser(ctx, u); err != nil {
		return revision, fmt.Errorf("put user: %w", err)
	}
	return revision, nil
}

// putUser compares what it replaces, although whatever it is goes: so an
// attempt whose answer was lost cannot undo a later write.
func (e *Engine) putUser(ctx context.Context, u feed.User) (uint64, error) {
	key := e.keys.user(u.Name)
	put := clientv3.OpPut(key, string(u.Account))
	if u.Account == nil {
		put = clientv3.OpDelete(key)
	}
	changed := e.keys.changed(u.Name)
	w := write{ops: []clientv3.Op{put, clientv3.OpPut(changed, "")}, witness: changed}
	for range contests {
		s, err := e.look(ctx, clientv3.OpGet(key, clientv3.WithKeysOnly()))
		if err != nil {
			return 0, err
		}
		if u.Account == nil && s.held[0] == nil {
			return s.head, nil
		}
		w.compares = []clientv3.Cmp{unchanged(key, revisionOf(s.held[0]))}
		out, err := e.commit(ctx, w)
		if err != nil || out.done {
			return out.revision, err
		}
	}
	return 0, fmt.Errorf("%w: %w", tokens.ErrEngine, errContended)
}
