package engine

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens/feed"
)

// Proof is what the engine was like at some moment between the beginning and
// the end of the call that made it.
type Proof struct {
	// Head is the newest position: who has everything up to it has everything
	// whose write was acknowledged before the call began. Its Revision is zero
	// and its Mark empty while nothing was ever written.
	Head     feed.Position
	History  History // whether the position that was asked about belongs to it
	Revision uint64  // of all of etcd, for people
}

// History says whether a position is one of the engine's own past.
type History int

const (
	// Unknown says that the engine has given up what it was like then. It is the
	// zero History, and no reason to trust or to throw away anything: the watch says
	// whether changes are missing.
	Unknown History = iota
	// Same says that it is.
	Same
	// Foreign says that it is not: the engine was restored from a backup, or is another
	// one, or the position is the zero one.
	Foreign
)

// Proof reads the head, linearizably, and says whether have belongs to the same
// history. Errors wrap tokens.ErrEngine; the session should be left then.
func (s *Session) Proof(ctx context.Context, have feed.Position) (p Proof, err error) {
	defer s.engine.observe("proof")(&err)
	if p, err = s.proof(ctx, have); err != nil {
		return Proof{}, fmt.Errorf("proof of freshness: %w", engineError(err))
	}
	if p.History == Same {
		s.engine.cluster.Store(p.Head.Cluster)
	}
	return p, nil
}

func (s *Session) proof(ctx context.Context, have feed.Position) (p Proof, err error) {
	c, err := s.member.connect(ctx)
	if err != nil {
		return p, err
	}
	head := s.engine.keys.head()
	resp, err := c.Get(ctx, head)
	if err != nil {
		return p, err
	}
	p.Head, p.Revision = headOf(resp.Header, resp.Kvs), unsigned(resp.Header.Revision)
	known, history := compared(have, p)
	if known {
		p.History = history
		return p, nil
	}
	// The member has everything up to the read before: no need to ask the
	// others again.
	resp, err = c.Get(ctx, head, clientv3.WithRev(signed(have.Revision)), clientv3.WithSerializable())
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		p.History = Unknown
	case errors.Is(err, rpctypes.ErrFutureRev):
		p.History = Foreign
	case err != nil:
		return p, err
	default:
		p.History = matching(have, headOf(resp.Header, resp.Kvs))
	}
	return p, nil
}

// headOf returns the position that the head says. The zero revision and the
// empty mark say that there is none.
func headOf(header *etcdserverpb.ResponseHeader, kvs []*mvccpb.KeyValue) feed.Position {
	at := feed.Position{Cluster: header.GetClusterId()}
	if len(kvs) > 0 {
		at.Revision, at.Mark = revisionOf(kvs[0]), string(kvs[0].Value)
	}
	return at
}

// compared says what the newest head alone tells of a position, if it does.
func compared(have feed.Position, p Proof) (known bool, h History) {
	switch {
	case have.Cluster != p.Head.Cluster, have.Revision == 0, have.Revision > p.Revision:
		return true, Foreign
	case have.Revision >= p.Head.Revision:
		return true, matching(have, p.Head) // the head has been the same since
	}
	return false, Unknown
}

// matching compares a position with the head as it was at its revision. A
// position without a mark is that of a snapshot before the first write.
func matching(have, head feed.Position) History {
	switch {
	case have.Mark == "" && head.Revision == 0:
		return Same
	case have.Mark != "" && have.Revision == head.Revision && have.Mark == head.Mark:
		return Same
	}
	return Foreign
}
