package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

// Pages are read without a quorum: what they show is bound to a revision that
// the member has, and does not change. They grow as long as they are small, as
// etcd counts all keys behind a page for each one.
const (
	firstKeys = 1000
	pageKeys  = 10_000
	stampKeys = 50_000
	pageSize  = 1000    // of what is given out
	pageBytes = 8 << 20 // of keys and values; above it the next page asks for fewer
	pageTime  = 10 * time.Second
	readBatch = 50
)

// Snapshot gives out everything that replicas are told, tokens first, as it is
// at one moment after the call began, in pages of at most 1,000 that are the
// caller's own, and returns the position to go on from. The state of an engine that was never
// written to has a revision and no mark. ErrCompacted: it took so long that
// the engine has given the state up, and the pages mean nothing. An error of
// page ends it and is returned. All others wrap tokens.ErrEngine.
func (s *Session) Snapshot(ctx context.Context, page func([]feed.Change) error) (at feed.Position, err error) {
	defer s.engine.observe("snapshot")(&err)
	r, err := s.reading(ctx)
	if err != nil {
		return feed.Position{}, fmt.Errorf("snapshot: %w", err)
	}
	for _, part := range []string{tokenPart, userPart, usagePart} {
		err := r.pages(ctx, part, pageKeys, func(kvs []*mvccpb.KeyValue) error {
			for part := range slices.Chunk(kvs, pageSize) {
				if err := page(s.engine.changesOf(part)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return feed.Position{}, fmt.Errorf("snapshot: %w", err)
		}
	}
	at = r.head
	if at.Mark == "" {
		at.Revision = unsigned(r.revision)
	}
	return at, nil
}

// Stamp is the revision of one record. Either Token or User is set.
type Stamp struct {
	Token    tokens.ID
	User     string
	Revision uint64
}

// Stamps gives out the revisions of all tokens and then of all users, both in
// the order of the bytes of their keys, as they are at one moment after the
// call began. It returns the revision of the head then. The errors are those
// of Snapshot.
func (s *Session) Stamps(ctx context.Context, page func([]Stamp) error) (revision uint64, err error) {
	defer s.engine.observe("stamps")(&err)
	r, err := s.reading(ctx)
	if err != nil {
		return 0, fmt.Errorf("stamps: %w", err)
	}
	for _, part := range []string{tokenPart, userPart} {
		err := r.pages(ctx, part, stampKeys, func(kvs []*mvccpb.KeyValue) error {
			stamps := make([]Stamp, 0, len(kvs))
			for _, kv := range kvs {
				switch kind, name := s.engine.keys.parse(string(kv.Key)); kind {
				case tokenKind:
					stamps = append(stamps, Stamp{Token: tokens.ID(name), Revision: revisionOf(kv)})
				case userKind:
					stamps = append(stamps, Stamp{User: name, Revision: revisionOf(kv)})
				default: // nothing that a replica has
				}
			}
			return page(stamps)
		}, clientv3.WithKeysOnly())
		if err != nil {
			return 0, fmt.Errorf("stamps: %w", err)
		}
	}
	return r.head.Revision, nil
}

// Read returns the records that the stamps name as they are now, in their
// order: Gone for a token and a nil account for a user that are no more. The
// revision is that of the head: a replica that has it has them. The errors wrap
// tokens.ErrEngine.
func (s *Session) Read(ctx context.Context, stamps []Stamp) (changes []feed.Change, revision uint64, err error) {
	defer s.engine.observe("read")(&err)
	c, err := s.member.connect(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read records: %w", engineError(err))
	}
	for part := range slices.Chunk(stamps, readBatch) {
		ops := make([]clientv3.Op, 0, len(part)+1)
		for _, stamp := range part {
			ops = append(ops, clientv3.OpGet(s.engine.stampKey(stamp)))
		}
		resp, err := c.Txn(ctx).Then(append(ops, clientv3.OpGet(s.engine.keys.head(), clientv3.WithKeysOnly()))...).Commit()
		if err != nil {
			return nil, 0, fmt.Errorf("read records: %w", engineError(err))
		}
		now := sightOf(resp)
		for i, kv := range now.held {
			changes = append(changes, s.engine.stateOf(part[i], kv))
		}
		revision = max(revision, now.head)
	}
	return changes, revision, nil
}

func (e *Engine) stampKey(s Stamp) string {
	if s.Token != "" {
		return e.keys.token(s.Token)
	}
	return e.keys.user(s.User)
}

// stateOf returns what a record is now; kv nil = no more.
func (e *Engine) stateOf(s Stamp, kv *mvccpb.KeyValue) feed.Change {
	var c feed.Change
	if kv != nil {
		c, _ = e.changeOf(kv)
		return c
	}
	c, _ = e.absenceOf(e.stampKey(s))
	return c
}

// reading is the state at one revision, as one member has it.
type reading struct {
	session  *Session
	client   *clientv3.Client
	head     feed.Position
	revision int64
}

// reading begins with a linearizable read, so that the state is no older than
// the call, and with all endpoints being of one cluster, before much is read for
// nothing.
func (s *Session) reading(ctx context.Context) (*reading, error) {
	c, err := s.member.connect(ctx)
	if err != nil {
		return nil, engineError(err)
	}
	within, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	resp, err := c.Get(within, s.engine.keys.head())
	if err != nil {
		return nil, engineError(err)
	}
	if err := s.engine.agree(ctx, s.member, resp.Header.GetClusterId()); err != nil {
		return nil, err
	}
	return &reading{
		session: s, client: c, head: headOf(resp.Header, resp.Kvs), revision: resp.Header.Revision,
	}, nil
}

// pages gives out what is below a part of the prefix, in the order of the keys.
// The next page is read while one is being used.
func (r *reading) pages(ctx context.Context, part string, most int64, use func([]*mvccpb.KeyValue) error, opts ...clientv3.OpOption) error {
	ctx, cancel := context.WithCancel(ctx)
	prefix := r.session.engine.keys.prefix + part
	opts = append(opts, clientv3.WithRange(clientv3.GetPrefixRangeEnd(prefix)), clientv3.WithRev(r.revision), clientv3.WithSerializable())
	found, ended := make(chan []*mvccpb.KeyValue), make(chan error, 1)
	go func() {
		defer close(found)
		ended <- r.read(ctx, prefix, most, found, opts)
	}()
	var failed error
	for kvs := range found {
		if failed = use(kvs); failed != nil {
			break
		}
	}
	cancel()
	if err := <-ended; failed == nil {
		return engineError(err)
	}
	return failed
}

// read sends pages until there are no more.
func (r *reading) read(ctx context.Context, from string, most int64, to chan<- []*mvccpb.KeyValue, opts []clientv3.OpOption) error {
	limit := int64(firstKeys)
	for {
		resp, err := r.page(ctx, from, append(opts[:len(opts):len(opts)], clientv3.WithLimit(limit)))
		if err != nil {
			return err
		}
		if len(resp.Kvs) == 0 {
			return nil
		}
		select {
		case to <- resp.Kvs:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !resp.More {
			return nil
		}
		from = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
		limit = nextLimit(limit, most, sizeOf(resp.Kvs))
	}
}

func (r *reading) page(ctx context.Context, from string, opts []clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	resp, err := r.client.Get(ctx, from, opts...)
	if err == nil && resp.Header.ClusterId != r.head.Cluster {
		return nil, errOtherCluster
	}
	return resp, err
}

// nextLimit returns how many keys to ask for, after so many that had a size.
func nextLimit(limit, most int64, size int) int64 {
	switch {
	case size > pageBytes:
		return max(limit/2, 1)
	case size < pageBytes/2:
		return min(2*limit, most)
	}
	return limit
}

func sizeOf(kvs []*mvccpb.KeyValue) int {
	n := 0
	for _, kv := range kvs {
		n += len(kv.Key) + len(kv.Value)
	}
	return n
}

// Empty reports whether nothing was ever written that replicas are told of. The
// errors wrap tokens.ErrEngine.
func (e *Engine) Empty(ctx context.Context) (empty bool, err error) {
	defer e.observe("empty")(&err)
	ctx, cancel := bounded(ctx)
	defer cancel()
	err = e.ask(ctx, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Get(ctx, e.keys.data(), clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly())
		empty = err == nil && len(resp.Kvs) == 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look whether etcd is empty: %w", err)
	}
	return empty, nil
}
