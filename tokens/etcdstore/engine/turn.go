package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
)

const (
	turnTTL = 10 * time.Second
	// turnWatch is how long the end of another turn is waited for before it is
	// looked for again: a watch may be silent.
	turnWatch = time.Second
)

// Turn is that of one caller among all gateways. Whoever has it writes with its
// context; its end lets the next one have it. A turn is for one goroutine.
type Turn struct {
	engine   *Engine
	key      string
	created  int64 // revision; zero = it does not wait yet
	revision uint64
	end      func()
}

// Turn waits until it is the caller's turn in what has that name, which may be
// any bytes, at most 4,096. Turns are given in the order in which they were
// asked for. The caller ends it. The errors wrap tokens.ErrEngine, and that of
// the context, or are tokens.ErrStoreFull and tokens.ErrStoreClosed.
func (e *Engine) Turn(ctx context.Context, name string) (t *Turn, err error) {
	defer e.observe("turn")(&err)
	ended, ok := e.begin()
	if !ok {
		return nil, fmt.Errorf("wait for a turn: %w", tokens.ErrStoreClosed)
	}
	lease, err := e.grant(ctx, turnTTL)
	if err != nil {
		ended()
		return nil, fmt.Errorf("wait for a turn: %w", err)
	}
	kept, stop := context.WithCancel(e.life)
	t = &Turn{engine: e, key: e.keys.lock(name, lease)}
	t.end = sync.OnceFunc(stop)
	go func() {
		defer ended()
		e.keep(kept, lease, turnTTL, func(time.Time) {})
		e.revoke(kept, lease)
	}()
	if err := t.await(ctx, name, lease); err != nil {
		t.End()
		return nil, fmt.Errorf("wait for a turn: %w", engineError(err))
	}
	return t, nil
}

// Context returns a context whose writes fail, with an error that wraps
// tokens.ErrEngine, if the turn has run out.
func (t *Turn) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, turnKey{}, t)
}

// Revision returns that of the head when the turn began: whoever has it has all
// that those before wrote.
func (t *Turn) Revision() uint64 { return t.revision }

// End gives the turn to the next. It does not wait for etcd. Ending again does
// nothing.
func (t *Turn) End() { t.end() }

type turnKey struct{}

// turnIn returns the turn in which a write is made, nil = in none.
func turnIn(ctx context.Context) *Turn {
	t, _ := ctx.Value(turnKey{}).(*Turn)
	return t
}

// isHad is true while the turn has not run out.
func (t *Turn) isHad() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(t.key), "=", t.created)
}

// isAt says the same of what the key holds.
func (t *Turn) isAt(kv *mvccpb.KeyValue) bool {
	return kv != nil && t.created > 0 && kv.CreateRevision == t.created
}

// await stands in the queue until nobody is before.
func (t *Turn) await(ctx context.Context, name string, lease clientv3.LeaseID) error {
	if err := t.queue(ctx, lease); err != nil {
		return err
	}
	for {
		before, revision, err := t.before(ctx, name)
		if err != nil {
			return err
		}
		if before == "" {
			break
		}
		t.awaitEnd(ctx, before, revision)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	s, err := t.engine.look(ctx, clientv3.OpGet(t.key, clientv3.WithKeysOnly()))
	switch {
	case err != nil:
		return err
	case !t.isAt(s.held[0]):
		return errTurnLost
	}
	t.revision = s.head
	return nil
}

// queue puts the key down. Doing it again finds the one that is there.
func (t *Turn) queue(ctx context.Context, lease clientv3.LeaseID) error {
	return t.engine.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Txn(ctx).If(absent(t.key)).
			Then(clientv3.OpPut(t.key, "", clientv3.WithLease(lease))).Else(clientv3.OpGet(t.key)).Commit()
		switch {
		case err != nil:
			return err
		case resp.Succeeded:
			t.created = resp.Header.Revision
			return nil
		}
		t.created = resp.Responses[0].GetResponseRange().Kvs[0].CreateRevision
		return nil
	})
}

// before returns the key of the one that is next before, empty = none is, and
// the revision of etcd as it said so.
func (t *Turn) before(ctx context.Context, name string) (key string, revision int64, err error) {
	opts := append(clientv3.WithLastCreate(), clientv3.WithMaxCreateRev(t.created-1), clientv3.WithKeysOnly())
	err = t.engine.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Get(ctx, t.engine.keys.locks(name), opts...)
		if err != nil {
			return err
		}
		key, revision = "", resp.Header.Revision
		if len(resp.Kvs) > 0 {
			key = string(resp.Kvs[0].Key)
		}
		return nil
	})
	return key, revision, err
}

// awaitEnd waits until a key has been deleted, or for turnWatch.
func (t *Turn) awaitEnd(ctx context.Context, key string, revision int64) {
	ctx, cancel := context.WithTimeout(ctx, turnWatch)
	defer cancel()
	c, err := t.engine.servingMember().connect(ctx)
	if err == nil {
		for resp := range c.Watch(clientv3.WithRequireLeader(ctx), key, clientv3.WithRev(revision+1), clientv3.WithFilterPut()) {
			if len(resp.Events) > 0 {
				return
			}
		}
	}
	sleep(ctx, turnWatch/20) // the watch broke
}
