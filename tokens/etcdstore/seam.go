package etcdstore

import (
	"context"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// What follows is how the store sees the engine and its replica: as interfaces,
// so that tests can lose events, fall silent, go back in time and forget, which
// no engine does when it is told to.

// session is one member of the engine.
type session interface {
	Proof(ctx context.Context, have feed.Position) (engine.Proof, error)
	Snapshot(ctx context.Context, page func([]feed.Change) error) (feed.Position, error)
	Watch(ctx context.Context, after feed.Position, batch func(engine.Batch) error) error
	Stamps(ctx context.Context, page func([]engine.Stamp) error) (revision uint64, err error)
	Read(ctx context.Context, which []engine.Stamp) (all []feed.Change, revision uint64, err error)
}

// members are those of the engine, one of which is used at a time.
type members interface {
	Current() session
	Leave(s session)
	Endpoint(s session) string
}

// writer writes to the engine. A revision is that of the write, or what a
// refusal is based on; zero = unknown.
type writer interface {
	Put(ctx context.Context, t *tokens.Token) (revision uint64, err error)
	Remove(ctx context.Context, all []*tokens.Token) (removed int, revision uint64, err error)
	PutUser(ctx context.Context, u feed.User) (revision uint64, err error)
	AddUsages(ctx context.Context, all []tokens.Usage) (revision uint64, err error)
}

// group is what the gateways have to do with one another.
type group interface {
	Ack(ctx context.Context, nonce string) error
	Everywhere(ctx context.Context) (gateways int, err error)
	Turn(ctx context.Context, name string) (turn, error)
}

// list is that of the gateways that live.
type list interface {
	Announce(ctx context.Context)
	Present() (from, until time.Time)
	Gateways(ctx context.Context) ([]engine.Gateway, error)
	Relist()
}

// turn is a lock that is held.
type turn interface {
	Context(ctx context.Context) context.Context
	Revision() uint64
	End()
}

// truth is an engine.
type truth struct {
	members
	writer
	group
	list
	close func() error
}

// shared is the engine as the store sees it.
type shared struct{ *engine.Engine }

func newTruth(e *engine.Engine) truth {
	s := shared{e}
	return truth{members: s, writer: e, group: s, list: e, close: e.Close}
}

func (s shared) Current() session { return s.Session() }

func (s shared) Leave(of session) {
	if one, ok := of.(*engine.Session); ok {
		s.Engine.Leave(one)
	}
}

func (s shared) Endpoint(of session) string {
	if one, ok := of.(*engine.Session); ok {
		return one.Endpoint()
	}
	return ""
}

func (s shared) Turn(ctx context.Context, name string) (turn, error) {
	t, err := s.Engine.Turn(ctx, name)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// keeper is the side of a replica that is fed.
type keeper interface {
	Position() feed.Position
	Apply(ctx context.Context, at feed.Position, changes []feed.Change) error
	Begin(ctx context.Context) (generation, error)
	Healthy() error
}

// generation is a replica in the making.
type generation interface {
	Add(ctx context.Context, changes []feed.Change) error
	Flip(ctx context.Context, at feed.Position) error
	Discard() error
}

// reader is the side of a replica that is asked for tokens.
type reader interface {
	ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error)
	ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error)
	List(ctx context.Context, q tokens.Query) (tokens.Page, error)
	Usages(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error)
}

// holder is the side of a replica that is asked what it holds.
type holder interface {
	Accounts(ctx context.Context) (map[string][]byte, error)
	Each(ctx context.Context, after tokens.ID, limit int) ([]badgerstore.Held, error)
	Counts(now time.Time) (active, expired, revoked int)
	Size() (lsm, vlog int64)
	Close() error
}

// replica is what this gateway has of what all share.
type replica struct {
	keeper
	reader
	holder
}

func newReplica(r *badgerstore.Replica) replica {
	return replica{keeper: kept{r}, reader: r, holder: r}
}

// kept is a replica on the disk as the store sees it.
type kept struct{ *badgerstore.Replica }

func (k kept) Begin(ctx context.Context) (generation, error) {
	g, err := k.Replica.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// inner is a replica below a cache. Nothing is written through it.
type inner struct{ reader }

// Put implements tokens.Store by refusing.
func (inner) Put(context.Context, *tokens.Token) (uint64, error) { return 0, tokens.ErrEngine }

// Purge implements tokens.Store by refusing.
func (inner) Purge(context.Context, time.Time) (int, error) { return 0, tokens.ErrEngine }
