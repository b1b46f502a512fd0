package engine

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
)

// isOurs returns an error if an answer is not from the cluster of the proofs.
func (e *Engine) isOurs(answer *etcdserverpb.ResponseHeader) error {
	if of := e.cluster.Load(); of != 0 && answer.GetClusterId() != of {
		return errOtherCluster
	}
	return nil
}

// agreeTime is for the members to say of which cluster they are.
const agreeTime = time.Second

// agree asks all members but one whether they are of its cluster too. Endpoints
// of two clusters would be two truths: a token that is revoked in one would count
// in the other.
func (e *Engine) agree(ctx context.Context, with *member, cluster uint64) error {
	ctx, cancel := context.WithTimeout(ctx, agreeTime)
	defer cancel()
	all := make(chan error, len(e.members))
	for _, m := range e.members {
		go func() {
			if m == with {
				all <- nil
				return
			}
			all <- e.isOf(ctx, m, with, cluster)
		}()
	}
	var failed error
	for range e.members {
		if err := <-all; err != nil {
			failed = err
		}
	}
	return failed
}

// isOf returns an error if a member says that it is of another cluster. One
// that says nothing has no part in anything either.
func (e *Engine) isOf(ctx context.Context, m, with *member, cluster uint64) error {
	c, err := m.connect(ctx)
	if err != nil {
		return nil //nolint:nilerr // it does not answer
	}
	resp, err := c.Get(ctx, e.keys.head(), clientv3.WithKeysOnly(), clientv3.WithSerializable())
	if err != nil || resp.Header.GetClusterId() == cluster {
		return nil //nolint:nilerr // likewise
	}
	return fmt.Errorf("%w: the endpoints are of two clusters: %s of %x, %s of %x",
		tokens.ErrEngine, with.endpoint, cluster, m.endpoint, resp.Header.GetClusterId())
}
