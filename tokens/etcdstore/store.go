// Package etcdstore is the store of one gateway among several: etcd is the
// truth, and a replica of it on the gateway's disk is read, so that a request
// costs no more than with one gateway alone.
//
// Nothing is decided by a replica that may be old. A linearizable read of the
// engine each second says how far the replica has to be; once it is, everything
// that was acknowledged before that read began is in it, and the store is fresh
// until MaxStaleness after that beginning. Nothing else makes it fresh: not an
// open watch, not silence. A write is acknowledged when the own replica has it.
//
// A Store has four goroutines: the replicator loads the replica and then brings
// every change to it, the prover proves, the reconciler compares everything now
// and then, and one answers other gateways' barriers.
package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// Defaults of Config.
const (
	DefaultMaxStaleness = 5 * time.Second
	DefaultPatience     = time.Second
	DefaultReconcile    = 10 * time.Minute
	// MaxBound is the most that MaxStaleness and AllowStale may be together.
	MaxBound = 30 * time.Minute
)

// presenceMargin is how much longer a gateway is listed than it decides
// anything, at least; and for as long as it takes to keep it on the list, which
// is tried three times in its presence.
const presenceMargin = 5 * time.Second

// Config says what a store is made of.
type Config struct {
	Engine  engine.Config             // Presence zero = long enough for the bounds below
	Replica badgerstore.ReplicaConfig // a directory of this gateway's own
	Cache   cachestore.Config

	// MaxStaleness is for how long a proof of freshness holds, from its
	// beginning; zero = DefaultMaxStaleness.
	MaxStaleness time.Duration
	// AllowStale is for how much longer reads go on without one; zero = not at
	// all. Writes never do.
	AllowStale time.Duration
	// Patience is how long the engine may take for a proof before the next
	// member is asked; zero = DefaultPatience, at most a half of MaxStaleness.
	// After twice as long without one nothing can be written, and twice as
	// long a write waits for the own replica.
	Patience time.Duration
	// Reconcile is how often everything is compared with the engine; zero =
	// DefaultReconcile. The first comparison comes right after the start.
	Reconcile time.Duration

	// Now is the clock, whose times have a monotonic reading; nil = the
	// system's. The rhythm of proofs is by the system's in any case.
	Now func() time.Time

	// UserChanged is told of each user that changed, after the replica has it
	// and before anybody can know of the revision. UsersLoaded is told of all
	// of them by Open and when another generation of the replica is in force. They are
	// called by one goroutine at a time and must not wait for a write of this
	// store. nil = nobody.
	UserChanged func(u feed.User)
	UsersLoaded func(all map[string][]byte)

	Events Events
	// Log takes one line about each thing that somebody should look into, Info
	// about what goes as it should; nil = nobody.
	Log  func(line string)
	Info func(line string)
}

// Store implements tokens.Store and tokens.UsageStore for one gateway among
// several. Open makes it. The zero Store is of no use.
type Store struct {
	truth      truth
	replica    replica
	cache      *cachestore.Store
	progress   *progress
	prover     *prover
	replicator *replicator
	reconciler *reconciler
	stop       context.CancelFunc
	running    sync.WaitGroup
	close      func() error
	clocks     clocks
	own        time.Duration // that a write waits for the own replica
	others     time.Duration // that all other gateways are waited for
}

var (
	_ tokens.Store      = (*Store)(nil)
	_ tokens.UsageStore = (*Store)(nil)
)

// Open opens the replica and begins to follow the engine. It does not wait for
// the engine: until AwaitFresh returns the store decides nothing. The errors
// are faults of cfg and what badgerstore.OpenReplica says.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	kept, err := badgerstore.OpenReplica(cfg.Replica)
	if err != nil {
		return nil, err
	}
	s, err := open(cfg, kept)
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	s.start()
	return s, nil
}

func open(cfg Config, kept *badgerstore.Replica) (*Store, error) {
	e, err := engine.Open(cfg.Engine)
	if err != nil {
		return nil, err
	}
	if cfg.UsersLoaded != nil {
		users, err := kept.Accounts(context.Background())
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		cfg.UsersLoaded(users)
	}
	return newStore(cfg, newTruth(e), newReplica(kept)), nil
}

func (c Config) withDefaults() (Config, error) {
	if c.MaxStaleness == 0 {
		c.MaxStaleness = DefaultMaxStaleness
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	c.Patience = min(c.Patience, c.MaxStaleness/2)
	if c.Reconcile == 0 {
		c.Reconcile = DefaultReconcile
	}
	bound := c.MaxStaleness + c.AllowStale
	if c.Engine.Presence == 0 {
		c.Engine.Presence = max(engine.MinPresence, (3 * (bound + presenceMargin) / 2).Round(time.Second))
	}
	switch {
	case c.MaxStaleness < 0, c.AllowStale < 0, c.Reconcile < 0, c.Patience < 0:
		return c, errors.New("token store: a bound is below zero")
	case bound > MaxBound:
		return c, fmt.Errorf("token store: a gateway would decide for %s without a proof, at most %s are allowed", bound, MaxBound)
	case c.Engine.Presence <= bound:
		// Others take a gateway that is not listed for one that decides nothing.
		return c, fmt.Errorf("token store: a gateway is listed for %s, which must be longer than the %s that it decides",
			c.Engine.Presence, bound)
	}
	return c, nil
}

// clock returns the time since now, by the monotonic clock.
func (c Config) clock() func() time.Duration {
	if c.Now == nil {
		began := time.Now()
		return func() time.Duration { return time.Since(began) }
	}
	began := c.Now()
	return func() time.Duration { return c.Now().Sub(began) }
}

// wall returns the time of the calendar.
func (c Config) wall() func() time.Time {
	if c.Now == nil {
		return time.Now
	}
	return c.Now
}

// listing returns when this gateway is listed, by that clock: rather later and
// for a shorter time than it is.
func listing(from list, elapsed func() time.Duration) func() (from, until time.Duration) {
	return func() (time.Duration, time.Duration) {
		begin, end := from.Present()
		if begin.IsZero() {
			return 0, 0
		}
		now := elapsed()
		left := time.Until(end)
		ago := time.Since(begin)
		return max(elapsed()-ago, 1), now + left
	}
}

func newStore(cfg Config, from truth, to replica) *Store {
	tell := newTeller(cfg)
	s := &Store{
		truth: from, replica: to, cache: cachestore.New(inner{to.reader}, cfg.Cache),
		own: 2 * cfg.Patience, others: cfg.Engine.Presence + presenceMargin,
	}
	elapsed := cfg.clock()
	s.progress = newProgress(elapsed, listing(from, elapsed), bounds{cfg.MaxStaleness, cfg.AllowStale, 2 * cfg.Patience})
	s.replicator = &replicator{
		members: from.members, replica: to, cache: s.cache, progress: s.progress,
		hooks:    hooks{userChanged: cfg.UserChanged, usersLoaded: cfg.UsersLoaded},
		barriers: newBarriers(from.group, tell), relist: from.Relist, tell: tell, timeout: cfg.Patience,
	}
	s.prover = &prover{
		members: from.members, progress: s.progress, replicator: s.replicator,
		interval: min(proofInterval, cfg.MaxStaleness/4), timeout: cfg.Patience,
		pokes: make(chan struct{}, 1), tell: tell,
	}
	s.replicator.poke = s.prover.poke
	s.reconciler = &reconciler{
		members: from.members, replica: to, progress: s.progress, prover: s.prover,
		replicator: s.replicator, interval: cfg.Reconcile, tell: tell,
	}
	s.clocks = clocks{list: from.list, now: cfg.wall(), late: engine.NoticeAge(cfg.Engine.Presence), tell: tell.streak("the clocks of the gateways agree again")}
	s.progress.open(to.Position())
	return s
}

// start starts the goroutines that Close stops.
func (s *Store) start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = sync.OnceFunc(stop)
	s.close = sync.OnceValue(s.end)
	for _, run := range []func(context.Context){
		s.replicator.run, s.prover.run, s.reconciler.run, s.replicator.barriers.run, s.truth.Announce,
		(&herald{progress: s.progress, tell: s.prover.tell}).run,
	} {
		s.running.Go(func() { run(ctx) })
	}
}

// Close ends the store. Calls that wait, and all later ones, get
// tokens.ErrStoreClosed. Closing twice does nothing more.
func (s *Store) Close() error { return s.close() }

func (s *Store) end() error {
	s.stop()
	s.progress.close()
	s.running.Wait()
	return errors.Join(s.truth.close(), s.replica.Close())
}

// Fresh returns nil while requests may be decided, else tokens.ErrStale or
// tokens.ErrStoreClosed. It is asked before anything is read, and costs next to
// nothing.
func (s *Store) Fresh() error {
	if s.progress.fresh() {
		return nil
	}
	return s.progress.refusal()
}

// Writable returns nil while writes may be tried: while the last proof is not
// older than MaxStaleness, and not two seconds old if the engine has not
// answered since. Else tokens.ErrStale or tokens.ErrStoreClosed.
func (s *Store) Writable() error {
	_, err := s.progress.writable()
	return err
}

// AwaitFresh waits until requests of every kind may be decided.
// tokens.ErrStoreClosed, or the context's error.
func (s *Store) AwaitFresh(ctx context.Context) error { return s.progress.awaitFresh(ctx) }

// Revision returns the revision of the last change that is seen by everyone
// who reads.
func (s *Store) Revision() uint64 { return s.progress.position().Revision }

// Await waits until everything is seen that the engine had at a revision.
// tokens.ErrStoreClosed, or the context's error.
func (s *Store) Await(ctx context.Context, revision uint64) error {
	return s.prover.catchUp(ctx, revision)
}
