package engine

import (
	"context"
	"math"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// How long an operation is tried for. A member that stands still costs
// attemptTime, and what was begun is over after totalTime.
const (
	attemptTime = 2 * time.Second
	totalTime   = 5 * time.Second
	minAttempts = 4
	roundPause  = 100 * time.Millisecond // after each member was tried once
)

// call is something that is done with one member.
type call func(ctx context.Context, c *clientv3.Client) error

// bounded bounds an operation as a whole.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, totalTime)
}

// attempts is how often something is tried at most.
func (e *Engine) attempts() int { return max(minAttempts, len(e.members)) }

// ask does what may be done twice, with one member after the other until one
// answers.
func (e *Engine) ask(ctx context.Context, do call) error {
	var err error
	for i := range e.attempts() {
		if err = e.once(ctx, do); err == nil || isFinal(err) || !e.pause(ctx, i) {
			break
		}
	}
	return engineError(err)
}

// once is one attempt. A member that fails is left for the next one, for
// whatever is asked then: which member sessions are on is another matter.
func (e *Engine) once(ctx context.Context, do call) error {
	m := e.servingMember()
	err := m.once(ctx, do)
	if err != nil && !isFinal(err) && ctx.Err() == nil {
		e.avoid(m)
	}
	return err
}

func (m *member) once(ctx context.Context, do call) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	c, err := m.connect(ctx)
	if err != nil {
		return err
	}
	return do(ctx, c)
}

// pause comes after an attempt that failed. False: there is no time for another.
func (e *Engine) pause(ctx context.Context, attempt int) bool {
	if (attempt+1)%len(e.members) != 0 {
		return ctx.Err() == nil
	}
	return sleep(ctx, roundPause)
}

// sleep reports whether the time went by before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sight is what some keys held at one moment.
type sight struct {
	held []*mvccpb.KeyValue // in the order in which they were asked for; nil = there is none
	head uint64             // the revision of the head; zero = there is none
}

// look reads at most as many keys as a transaction may touch, and the head with
// them. The read is linearizable.
func (e *Engine) look(ctx context.Context, gets ...clientv3.Op) (sight, error) {
	var s sight
	ops := append(gets[:len(gets):len(gets)], clientv3.OpGet(e.keys.head(), clientv3.WithKeysOnly()))
	err := e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Txn(ctx).Then(ops...).Commit()
		if err != nil {
			return err
		}
		s = sightOf(resp)
		return e.isOurs(resp.Header)
	})
	return s, err
}

// sightOf reads the answers to gets of one key each, the last being the head.
func sightOf(resp *clientv3.TxnResponse) sight {
	s := sight{held: make([]*mvccpb.KeyValue, 0, len(resp.Responses))}
	for _, one := range resp.Responses {
		var kv *mvccpb.KeyValue
		if kvs := one.GetResponseRange().GetKvs(); len(kvs) > 0 {
			kv = kvs[0]
		}
		s.held = append(s.held, kv)
	}
	last := len(s.held) - 1
	s.head = revisionOf(s.held[last])
	s.held = s.held[:last]
	return s
}

// revisionOf returns the revision of the last write to a key, zero if it is not
// there.
func revisionOf(kv *mvccpb.KeyValue) uint64 {
	return unsigned(kv.GetModRevision())
}

// unsigned returns a revision of etcd's, which is never negative.
func unsigned(revision int64) uint64 { return uint64(max(revision, 0)) }

// signed returns a revision as etcd takes it.
func signed(revision uint64) int64 { return int64(min(revision, 1<<63-1)) }

// absent is true while there is no such key.
func absent(key string) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
}

// present is true while there is such a key.
func present(key string) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(key), ">", 0)
}

// noNewer is true while the last write to a key is not after a revision, and
// while it is absent.
func noNewer(key string, revision uint64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(key), "<", signed(min(revision, math.MaxInt64-1)+1))
}

// unchanged is true while a key is as it was at a revision; zero = absent.
func unchanged(key string, revision uint64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(key), "=", signed(revision))
}
