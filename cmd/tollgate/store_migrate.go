package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"sync"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
	"tollgate/tokens/keyring"
)

// What ends a migration before anything is written. Test with errors.Is.
var (
	errNoEtcd   = errors.New("store.etcd.endpoints names no etcd")
	errLive     = errors.New("a gateway is alive on this etcd")
	errNotEmpty = errors.New("there are tokens or users already")
	errOtherKey = errors.New("the sealing keys do not open the S3 secrets of the store")
	errDiffers  = errors.New("what was written is not what was read")
)

type migrateCommand struct {
	configFlag
	To string `required:"" enum:"etcd,badger" help:"Where tokens and users go: etcd, from the data directory; or badger, from etcd into the data directory."`
}

// Run copies everything and then compares both sides. Every gateway must be
// stopped.
func (m *migrateCommand) Run(ctx context.Context, p Process) (err error) {
	c, _, err := loadConfig(m.Config, p.Environ)
	if err != nil {
		return err
	}
	if !c.Store.shared() {
		return fmt.Errorf("%w; it is needed for both directions", errNoEtcd)
	}
	ring, err := keysOf(c, risks{})
	if err != nil {
		return err
	}
	own, err := badgerstore.Open(badgerstore.Config{Dir: storeDir(c), MinFree: uint64(c.Store.MinFree)}) // #nosec G115 -- validated
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	etcd, err := openEngine(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, etcd.Close()) }()
	both := migration{own: own, etcd: etcd, ring: ring}
	move := both.toEtcd
	if m.To == "badger" {
		move = both.toBadger
	}
	if err := move(ctx); err != nil {
		return err
	}
	done, err := both.compare(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "%d tokens, %d users and the uses of %d tokens are in %s, and were read back and compared\n", done.tokens, done.users, done.usages, m.To)
	return nil
}

func openEngine(c Config) (*engine.Engine, error) {
	secure, err := c.Store.Etcd.clientTLS()
	if err != nil {
		return nil, err
	}
	return engine.Open(engine.Config{
		Endpoints: c.Store.Etcd.Endpoints, Prefix: c.Store.Etcd.Prefix, TLS: secure,
		Username: c.Store.Etcd.Username, Password: c.Store.Etcd.Password, Gateway: gatewayName(c) + " store", Presence: engine.MinPresence,
	})
}

// migration is both sides of one.
type migration struct {
	own  *badgerstore.Store
	etcd *engine.Engine
	ring *keyring.Ring
}

// movers is how many tokens are written at once.
const movers = 64

// mover writes tokens in goroutines. Those of one name and owner are written in
// the order in which they were made: each may have the name only since the one
// before has ended.
type mover struct {
	put   func(ctx context.Context, t *tokens.Token) (uint64, error)
	lanes [movers]chan *tokens.Token
	next  int
	named []*tokens.Token
	wait  sync.WaitGroup
	ctx   context.Context //nolint:containedctx // what ends the goroutines
	fail  context.CancelCauseFunc
}

// newMover returns one that is to be ended.
func newMover(ctx context.Context, put func(context.Context, *tokens.Token) (uint64, error)) *mover {
	m := &mover{put: put}
	m.ctx, m.fail = context.WithCancelCause(ctx)
	for i := range m.lanes {
		m.lanes[i] = make(chan *tokens.Token, 1)
		m.wait.Go(func() { m.work(m.lanes[i]) })
	}
	return m
}

func (m *mover) work(lane <-chan *tokens.Token) {
	for t := range lane {
		if m.ctx.Err() != nil {
			continue
		}
		fresh := t.Clone()
		fresh.Revision = 0
		if _, err := m.put(m.ctx, fresh); err != nil {
			m.fail(fmt.Errorf("write token %s: %w", t.ID, err))
		}
	}
}

// take writes a token, or keeps it for the end if it has a name.
func (m *mover) take(t *tokens.Token) error {
	if t.Name != "" {
		m.named = append(m.named, t)
		return nil
	}
	m.next = (m.next + 1) % movers
	m.lanes[m.next] <- t
	return context.Cause(m.ctx)
}

// end writes what was kept and waits until everything is written. With an error
// it writes nothing more.
func (m *mover) end(err error) error {
	if err != nil {
		m.fail(err)
	}
	slices.SortFunc(m.named, func(a, b *tokens.Token) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Revision, b.Revision))
	})
	seed := maphash.MakeSeed()
	for _, t := range m.named {
		m.lanes[maphash.String(seed, t.Owner+"\x00"+t.Name)%movers] <- t
	}
	for _, lane := range m.lanes {
		close(lane)
	}
	m.wait.Wait()
	err = context.Cause(m.ctx)
	m.fail(nil)
	return err
}

// toEtcd copies the data directory into an etcd that has nothing yet. Users come
// first: without what disables one of them his tokens would be live.
func (m *migration) toEtcd(ctx context.Context) error {
	if err := m.etcdIsFree(ctx); err != nil {
		return err
	}
	if err := m.own.Each(ctx, m.opens); err != nil {
		return err
	}
	accounts, err := m.own.Users().All(ctx)
	if err != nil {
		return err
	}
	for name, account := range accounts {
		if _, err := m.etcd.PutUser(ctx, feed.User{Name: name, Account: account}); err != nil {
			return err
		}
	}
	mover := newMover(ctx, m.etcd.Put)
	var ids []tokens.ID
	err = m.own.Each(ctx, func(t *tokens.Token) error {
		ids = append(ids, t.ID)
		return mover.take(t)
	})
	if err := mover.end(err); err != nil {
		return err
	}
	for part := range slices.Chunk(ids, tokens.MaxLimit) {
		all, err := m.used(ctx, part)
		if err != nil {
			return err
		}
		if _, err := m.etcd.AddUsages(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// etcdIsFree says whether etcd has nothing yet, and no gateway looks at it.
func (m *migration) etcdIsFree(ctx context.Context) error {
	empty, err := m.etcd.Empty(ctx)
	if err != nil {
		return err
	}
	if !empty {
		return fmt.Errorf("%w in etcd below store.etcd.prefix; take another prefix, or remove them with etcdctl del --prefix", errNotEmpty)
	}
	return m.nobodyLives(ctx)
}

// nobodyLives says whether all gateways are stopped.
func (m *migration) nobodyLives(ctx context.Context) error {
	live, err := m.etcd.Gateways(ctx)
	if err != nil {
		return err
	}
	if len(live) > 0 {
		return fmt.Errorf("%w: %s, of %d; stop them, and wait until they are forgotten", errLive, live[0].Name, len(live))
	}
	return nil
}

// opens says whether the configured keys are those of a token's secret.
func (m *migration) opens(t *tokens.Token) error {
	if !t.SigningOnly() {
		return nil
	}
	if _, err := m.ring.Open(t.Secret, string(t.ID)); err != nil {
		return fmt.Errorf("%w: token %s; give those of the data directory as keys_file", errOtherKey, t.ID)
	}
	return nil
}

// toBadger copies etcd into a data directory that has nothing yet.
func (m *migration) toBadger(ctx context.Context) error {
	for _, step := range []func(context.Context) error{m.ownIsEmpty, m.nobodyLives, m.usersToBadger} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	mover := newMover(ctx, m.own.Put)
	var usages []tokens.Usage
	_, err := m.etcd.Session().Snapshot(ctx, func(page []feed.Change) error {
		for _, change := range page {
			switch {
			case change.Token != nil:
				if err := mover.take(change.Token); err != nil {
					return err
				}
			case change.Usage != nil:
				usages = append(usages, *change.Usage)
			}
		}
		return nil
	})
	if err := mover.end(err); err != nil {
		return err
	}
	return m.own.AddUsages(ctx, usages)
}

// usersToBadger copies the users alone, and sees before that the keys are right.
func (m *migration) usersToBadger(ctx context.Context) error {
	var users []*feed.User
	_, err := m.etcd.Session().Snapshot(ctx, func(page []feed.Change) error {
		for _, change := range page {
			if change.User != nil {
				users = append(users, change.User)
			}
			if change.Token == nil {
				continue
			}
			if err := m.opens(change.Token); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range users {
		if err := m.own.Users().Put(ctx, u.Name, u.Account); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) ownIsEmpty(ctx context.Context) error {
	page, err := m.own.List(ctx, tokens.Query{Limit: 1})
	if err != nil {
		return err
	}
	users, err := m.own.Users().All(ctx)
	if err != nil {
		return err
	}
	if len(page.Tokens) > 0 || len(users) > 0 {
		return fmt.Errorf("%w in the data directory; take another data_dir", errNotEmpty)
	}
	return nil
}

// tally is how much was compared.
type tally struct{ tokens, users, usages int }

// compare reads both sides and says whether they have the same.
func (m *migration) compare(ctx context.Context) (tally, error) {
	var in tally
	users, err := m.own.Users().All(ctx)
	if err != nil {
		return in, err
	}
	_, err = m.etcd.Session().Snapshot(ctx, func(page []feed.Change) error {
		for _, change := range page {
			if err := m.same(ctx, change, users); err != nil {
				return err
			}
			switch {
			case change.Token != nil:
				in.tokens++
			case change.User != nil:
				in.users++
			case change.Usage != nil:
				in.usages++
			}
		}
		return nil
	})
	if err != nil {
		return in, err
	}
	own, err := m.count(ctx)
	own.users = len(users)
	if err == nil && own != in {
		err = fmt.Errorf("%w: %d tokens, %d users and the uses of %d tokens in etcd, %d, %d and %d in the data directory",
			errDiffers, in.tokens, in.users, in.usages, own.tokens, own.users, own.usages)
	}
	return in, err
}

// count counts what the data directory has, but for users.
func (m *migration) count(ctx context.Context) (own tally, err error) {
	var ids []tokens.ID
	err = m.own.Each(ctx, func(t *tokens.Token) error {
		ids = append(ids, t.ID)
		return nil
	})
	if err != nil {
		return own, err
	}
	own.tokens = len(ids)
	for part := range slices.Chunk(ids, tokens.MaxLimit) {
		all, err := m.used(ctx, part)
		if err != nil {
			return own, err
		}
		own.usages += len(all)
	}
	return own, nil
}

// used returns the uses of those of the tokens that were used.
func (m *migration) used(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
	all, err := m.own.Usages(ctx, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(u tokens.Usage) bool { return u.Count == 0 }), nil
}

// same says whether the data directory has what etcd has.
func (m *migration) same(ctx context.Context, change feed.Change, users map[string][]byte) error {
	switch {
	case change.Token != nil:
		own, err := m.own.ByID(ctx, change.Token.ID)
		if err != nil {
			return fmt.Errorf("%w: token %s: %w", errDiffers, change.Token.ID, err)
		}
		own.Revision = change.Token.Revision // each side counts for itself
		if !reflect.DeepEqual(own, change.Token) {
			return fmt.Errorf("%w: token %s", errDiffers, own.ID)
		}
	case change.User != nil:
		if !bytes.Equal(users[change.User.Name], change.User.Account) {
			return fmt.Errorf("%w: user %q", errDiffers, change.User.Name)
		}
	case change.Usage != nil:
		all, err := m.own.Usages(ctx, []tokens.ID{change.Usage.ID})
		if err != nil {
			return err
		}
		if all[0] != *change.Usage {
			return fmt.Errorf("%w: uses of token %s", errDiffers, change.Usage.ID)
		}
	}
	return nil
}
