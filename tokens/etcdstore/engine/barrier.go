package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
)

// A barrier and all acks of it are bound to one lease, which its asker keeps
// and ends.
const (
	barrierTTL  = 30 * time.Second
	barrierPoll = 5 * time.Millisecond // the first time; then up to maxPoll
	maxPoll     = 200 * time.Millisecond
)

// Ack says that this gateway has applied everything up to a barrier, and the
// barrier. It may be said again. Nil too if nobody waits any more. The errors
// wrap tokens.ErrEngine, ErrStoreFull is one as well.
func (e *Engine) Ack(ctx context.Context, nonce string) (err error) {
	defer e.observe("ack")(&err)
	ctx, cancel := bounded(ctx)
	defer cancel()
	key := e.keys.barrier(nonce)
	s, err := e.look(ctx, clientv3.OpGet(key))
	if err != nil {
		return fmt.Errorf("ack: %w", err)
	}
	if s.held[0] == nil || s.held[0].Lease == 0 {
		return nil
	}
	put := clientv3.OpPut(e.keys.ack(nonce, e.instance), "", clientv3.WithLease(clientv3.LeaseID(s.held[0].Lease)))
	err = e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Txn(ctx).If(unchanged(key, revisionOf(s.held[0]))).Then(put).Commit()
		return err
	})
	if err != nil {
		return fmt.Errorf("ack: %w", err)
	}
	return nil
}

// Everywhere returns once every gateway that is live has applied everything
// that was written before the call, or is live no more, and how many have. It
// waits for as long as the context allows. The errors wrap tokens.ErrEngine or
// are ErrStoreFull; nothing is known then.
func (e *Engine) Everywhere(ctx context.Context) (gateways int, err error) {
	defer e.observe("barrier")(&err)
	ended, ok := e.begin()
	if !ok {
		return 0, fmt.Errorf("wait for all gateways: %w", tokens.ErrStoreClosed)
	}
	defer ended()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	if gateways, err = e.everywhere(ctx); err != nil {
		return 0, fmt.Errorf("wait for all gateways: %w", engineError(err))
	}
	return gateways, nil
}

func (e *Engine) everywhere(ctx context.Context) (int, error) {
	mark, err := e.mark()
	if err != nil {
		return 0, err
	}
	nonce := hex.EncodeToString([]byte(mark))
	lease, err := e.grant(ctx, barrierTTL)
	if err != nil {
		return 0, err
	}
	defer e.revoke(ctx, lease)
	if err := e.raise(ctx, nonce, lease); err != nil {
		return 0, err
	}
	// A gateway that lists itself later proves itself later too.
	listed, _, err := e.roll(ctx, nonce)
	if err != nil {
		return 0, err
	}
	if !listed[e.instance] { // nor may others be that decide
		return 0, fmt.Errorf("%w: %w", tokens.ErrEngine, errNotListed)
	}
	renewed, pause := time.Now(), barrierPoll
	r := renewal{engine: e, lease: lease}
	defer r.close()
	for {
		live, acked, err := e.roll(ctx, nonce)
		if err != nil {
			return 0, err
		}
		if n, all := count(listed, live, acked); all {
			return n, nil
		}
		if !sleep(ctx, pause) {
			return 0, ctx.Err()
		}
		pause = min(2*pause, maxPoll)
		if time.Since(renewed) < barrierTTL/3 {
			continue
		}
		renewed = time.Now()
		if err := r.renew(ctx); err != nil {
			return 0, err
		}
	}
}

// raise puts the barrier up.
func (e *Engine) raise(ctx context.Context, nonce string, lease clientv3.LeaseID) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	key := e.keys.barrier(nonce)
	out, err := e.commit(ctx, write{
		compares: []clientv3.Cmp{absent(key)},
		ops:      []clientv3.Op{clientv3.OpPut(key, "", clientv3.WithLease(lease))},
		witness:  key,
	})
	if err == nil && !out.done {
		return fmt.Errorf("%w: %w", tokens.ErrEngine, errContended)
	}
	return err
}

// roll returns who is live and who has acked, as they are at one moment.
func (e *Engine) roll(ctx context.Context, nonce string) (live, acked map[string]bool, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err = e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Txn(ctx).Then(
			clientv3.OpGet(e.keys.gateways(), clientv3.WithPrefix(), clientv3.WithKeysOnly()),
			clientv3.OpGet(e.keys.acks(nonce), clientv3.WithPrefix(), clientv3.WithKeysOnly())).Commit()
		if err != nil {
			return err
		}
		live, acked = namesBelow(e.keys.gateways(), resp.Responses[0]), namesBelow(e.keys.acks(nonce), resp.Responses[1])
		return e.isOurs(resp.Header)
	})
	return live, acked, err
}

func namesBelow(prefix string, resp *etcdserverpb.ResponseOp) map[string]bool {
	kvs := resp.GetResponseRange().GetKvs()
	names := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		names[strings.TrimPrefix(string(kv.Key), prefix)] = true
	}
	return names
}

// count returns how many of those that were listed have acked, and whether none
// of the others is live.
func count(listed, live, acked map[string]bool) (n int, all bool) {
	all = true
	for gateway := range listed {
		switch {
		case acked[gateway]:
			n++
		case live[gateway]:
			all = false
		}
	}
	return n, all
}
