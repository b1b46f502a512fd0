package engine

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// endTime bounds what is tidied up at the end of something.
const endTime = 2 * time.Second

// grant makes a lease. It runs for that long from a moment after the call began.
func (e *Engine) grant(ctx context.Context, ttl time.Duration) (id clientv3.LeaseID, err error) {
	err = e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Grant(ctx, int64(ttl/time.Second))
		if err == nil {
			id = resp.ID
		}
		return err
	})
	return id, err
}

// renewal renews one lease, on one stream for as long as its member answers:
// with users of etcd's each new stream costs etcd a check of the password. The
// client of etcd would stay with a member that does not answer. A renewal is
// for one goroutine, which closes it.
type renewal struct {
	engine *Engine
	lease  clientv3.LeaseID
	member *member
	stream etcdserverpb.Lease_LeaseKeepAliveClient // nil = none is open
	cancel context.CancelFunc                      // of the stream
}

// renew has the lease run for its whole time again, from a moment after the
// call began. errLeaseLost if it has run out. A stream that is opened lives as
// long as the context.
func (r *renewal) renew(ctx context.Context) error {
	var err error
	for i := range r.engine.attempts() {
		if err = r.once(ctx); err == nil || isFinal(err) || !r.engine.pause(ctx, i) {
			break
		}
	}
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return errLeaseLost
	}
	return engineError(err)
}

func (r *renewal) once(ctx context.Context) error {
	err := r.open(ctx)
	if err == nil {
		late := time.AfterFunc(attemptTime, r.cancel)
		err = r.exchange()
		late.Stop()
	}
	if err != nil && !isFinal(err) && ctx.Err() == nil {
		r.engine.avoid(r.member)
	}
	if err != nil {
		r.close()
	}
	return err
}

func (r *renewal) open(ctx context.Context) error {
	if r.stream != nil {
		return nil
	}
	r.member = r.engine.servingMember()
	connecting, done := context.WithTimeout(ctx, attemptTime)
	defer done()
	c, err := r.member.connect(connecting)
	if err != nil {
		return err
	}
	ctx, r.cancel = context.WithCancel(ctx)
	late := time.AfterFunc(attemptTime, r.cancel)
	defer late.Stop()
	r.stream, err = etcdserverpb.NewLeaseClient(c.ActiveConnection()).LeaseKeepAlive(ctx)
	return rpctypes.Error(err)
}

func (r *renewal) exchange() error {
	if err := r.stream.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: int64(r.lease)}); err != nil {
		return rpctypes.Error(err)
	}
	resp, err := r.stream.Recv()
	if err == nil && resp.TTL <= 0 {
		return rpctypes.ErrLeaseNotFound
	}
	return rpctypes.Error(err)
}

func (r *renewal) close() {
	if r.cancel != nil {
		r.cancel()
	}
	r.stream, r.cancel = nil, nil
}

// revoke ends a lease and removes what is bound to it. It goes on when the
// context ends, for endTime at most; what it does not reach runs out by itself.
func (e *Engine) revoke(ctx context.Context, id clientv3.LeaseID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_ = e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Revoke(ctx, id)
		return err
	})
}

// keep renews a lease until the context ends, or until it has run out.
func (e *Engine) keep(ctx context.Context, id clientv3.LeaseID, ttl time.Duration, renewed func(at time.Time)) {
	until := time.Now().Add(ttl)
	r := renewal{engine: e, lease: id}
	defer r.close()
	for sleep(ctx, ttl/5) {
		sent := time.Now()
		err := r.renew(ctx)
		switch {
		case err == nil:
			until = sent.Add(ttl)
			renewed(sent)
		case errors.Is(err, errLeaseLost), time.Now().After(until):
			return
		}
	}
}
