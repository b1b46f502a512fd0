package engine

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens/feed"
)

var (
	errOtherCluster = errors.New("the member belongs to another cluster now")
	errWatchEnded   = errors.New("the watch ended without a reason")
)

// Batch is what changed up to a position, all of it. It may be empty but for
// one of its fields.
type Batch struct {
	// At is where a replica is that has applied the batch. It is the position
	// before if somebody else than a gateway wrote the changes.
	At      feed.Position
	Changes []feed.Change // in the order in which they were made; the caller's own
	// Barriers are the nonces for Ack, once the batch is applied.
	Barriers []string
}

// Watch gives out every change after a position, in order, and what one write
// changed in one batch, until the context ends, batch returns an error or the
// watch breaks; it returns why, never nil. ErrCompacted: changes are missing.
// The caller has applied everything up to after, and each batch when it returns
// from it: barriers up to after come in a first batch, which may come again
// with the next watch. What a member sends again is left out.
//
// A watch that is silent proves nothing: its member may stand still.
func (s *Session) Watch(ctx context.Context, after feed.Position, batch func(Batch) error) (err error) {
	defer s.engine.observe("watch")(&err)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := s.member.connect(ctx)
	if err != nil {
		return fmt.Errorf("watch: %w", engineError(err))
	}
	if err := s.awaited(ctx, c, after, batch); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	events := c.Watch(clientv3.WithRequireLeader(ctx), s.engine.keys.data(),
		clientv3.WithPrefix(), clientv3.WithRev(signed(after.Revision)+1), clientv3.WithFragment())
	f := follower{engine: s.engine, at: after, last: after.Revision}
	for resp := range events {
		b, err := f.take(resp)
		if err != nil {
			return fmt.Errorf("watch: %w", engineError(err))
		}
		if b == nil {
			continue
		}
		if err := batch(*b); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("watch: %w", ctx.Err())
	}
	return fmt.Errorf("watch: %w", engineError(errWatchEnded))
}

// awaited gives out the barriers that somebody waits at already. A replica that
// was loaded since they were put up does not meet them in the watch.
func (s *Session) awaited(ctx context.Context, c *clientv3.Client, after feed.Position, batch func(Batch) error) error {
	if after.Revision == 0 {
		return nil
	}
	prefix := s.engine.keys.barrier("")
	getCtx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	resp, err := c.Get(getCtx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return engineError(err)
	}
	b := Batch{At: after}
	for _, kv := range resp.Kvs {
		if kind, nonce := s.engine.keys.parse(string(kv.Key)); kind == barrierKind && revisionOf(kv) <= after.Revision {
			b.Barriers = append(b.Barriers, nonce)
		}
	}
	if len(b.Barriers) == 0 {
		return nil
	}
	return batch(b)
}

// follower makes batches of what a watch sends.
type follower struct {
	engine *Engine
	at     feed.Position
	last   uint64 // revision; nothing up to it is wanted
}

// take returns the batch that a response makes, nil = none. etcd promises that
// a response has all events of a revision or none.
// https://etcd.io/docs/latest/learning/api_guarantees/
func (f *follower) take(resp clientv3.WatchResponse) (*Batch, error) {
	if err := resp.Err(); err != nil {
		if resp.CompactRevision != 0 {
			err = rpctypes.ErrCompacted
		}
		return nil, err
	}
	if f.at.Cluster != 0 && resp.Header.GetClusterId() != f.at.Cluster {
		return nil, errOtherCluster
	}
	before, last := f.at, f.last
	var b Batch
	for _, event := range resp.Events {
		revision := revisionOf(event.Kv)
		if revision <= f.last {
			continue
		}
		last = max(last, revision)
		f.add(&b, event, resp.Header.GetClusterId())
	}
	f.last = last
	if f.at == before && len(b.Changes) == 0 && len(b.Barriers) == 0 {
		return nil, nil //nolint:nilnil // no batch is no fault
	}
	b.At = f.at
	return &b, nil
}

func (f *follower) add(b *Batch, event *clientv3.Event, cluster uint64) {
	var change feed.Change
	told := false
	if event.Type == clientv3.EventTypeDelete {
		change, told = f.engine.absenceOf(string(event.Kv.Key))
	} else {
		change, told = f.engine.changeOf(event.Kv)
		switch kind, name := f.engine.keys.parse(string(event.Kv.Key)); kind {
		case headKind:
			f.at = feed.Position{Cluster: cluster, Revision: revisionOf(event.Kv), Mark: string(event.Kv.Value)}
		case barrierKind:
			b.Barriers = append(b.Barriers, name)
		default: // it is a change or nothing
		}
	}
	if told {
		b.Changes = append(b.Changes, change)
	}
}
