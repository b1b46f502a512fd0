package etcdstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

func TestConfigIsCompleted(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		cfg      Config
		refused  bool
		presence time.Duration
	}{
		"nothing given":                  {Config{}, false, 15 * time.Second},
		"bounds given":                   {Config{MaxStaleness: 5 * time.Second, AllowStale: time.Minute}, false, 105 * time.Second},
		"short ones":                     {Config{MaxStaleness: time.Second}, false, engine.MinPresence},
		"presence in whole seconds":      {Config{MaxStaleness: 5*time.Second + 1}, false, 15 * time.Second},
		"the longest":                    {Config{MaxStaleness: MaxBound}, false, 45*time.Minute + 8*time.Second},
		"too long":                       {Config{MaxStaleness: time.Second, AllowStale: MaxBound}, true, 0},
		"presence given":                 {Config{Engine: engine.Config{Presence: 20 * time.Second}}, false, 20 * time.Second},
		"presence not longer than it is": {Config{MaxStaleness: 20 * time.Second, Engine: engine.Config{Presence: 20 * time.Second}}, true, 0},
		"less than no staleness":         {Config{MaxStaleness: -1}, true, 0},
		"less than none is allowed":      {Config{AllowStale: -1}, true, 0},
		"no patience at all":             {Config{Patience: -1}, true, 0},
		"compared less than never":       {Config{Reconcile: -1}, true, 0},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := row.cfg.withDefaults()
			if (err != nil) != row.refused {
				t.Fatalf("withDefaults = %v", err)
			}
			if err == nil && (got.Engine.Presence != row.presence || got.MaxStaleness == 0 || got.Patience == 0 || got.Patience > got.MaxStaleness/2 || got.Reconcile != DefaultReconcile) {
				t.Errorf("got %+v, presence %s, want %s", got, got.Engine.Presence, row.presence)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"a bound below zero": {MaxStaleness: -1},
		"no directory":       {Engine: engine.Config{Endpoints: []string{"localhost:1"}, Gateway: "one"}},
		"no engine":          {Replica: badgerstore.ReplicaConfig{Dir: t.TempDir()}},
	} {
		if s, err := Open(cfg); err == nil {
			t.Errorf("%s: Open succeeds, Close = %v", name, s.Close())
		}
	}
}

// TestOpenWithoutAnEngine: the gateway starts, and decides nothing.
func TestOpenWithoutAnEngine(t *testing.T) {
	t.Parallel()
	told := make(chan int, 2)
	s, err := Open(Config{
		Engine:      engine.Config{Endpoints: []string{"127.0.0.1:1"}, Gateway: "one"},
		Replica:     badgerstore.ReplicaConfig{Dir: t.TempDir()},
		UsersLoaded: func(all map[string][]byte) { told <- len(all) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := <-told; n != 0 {
		t.Errorf("told of %d users", n)
	}
	says(t, "without an engine", s, sample(1), tokens.ErrStale.Error())
	if st := s.Status(); st.State != Stale || st.Staleness >= 0 || st.Member == "" {
		t.Errorf("status %+v", st)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	says(t, "closed", s, sample(1), tokens.ErrStoreClosed.Error())
}

func TestClockMayBeGiven(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := Config{Now: func() time.Time { return now }}.clock()
	now = now.Add(3 * time.Second)
	if got := clock(); got != 3*time.Second {
		t.Errorf("the clock says %s", got)
	}
}

// TestPresenceIsAskedFor: a gateway that is not listed decides nothing, and one
// that is listed no longer stops.
func TestPresenceIsAskedFor(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		e.locked(func() { e.from = time.Time{} })
		g := openGateway(t, e, newFakeReplica())
		time.Sleep(10 * time.Second)
		says(t, "not listed", g, sample(1), tokens.ErrStale.Error())
		e.locked(func() { e.from, e.until = time.Now(), time.Now().Add(13*time.Second) })
		within(t, time.Second, "it is fresh soon after it is listed", func() bool { return g.Fresh() == nil })
		time.Sleep(time.Until(e.until) - 1)
		says(t, "while it is listed", g, sample(1), tokens.ErrUnknown.Error())
		time.Sleep(time.Nanosecond) // proofs of the last seconds would hold for longer
		says(t, "when it is listed no longer", g, sample(1), tokens.ErrStale.Error())
	})
}

func TestEverywhereDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		e.losing(func(engine.Batch) bool { return true })
		began := time.Now()
		_, err := g.Everywhere(t.Context())
		if !errors.Is(err, errSomebody) || !errors.Is(err, tokens.ErrEngine) || time.Since(began) != 20*time.Second {
			t.Errorf("Everywhere = %v after %s", err, time.Since(began))
		}
		e.losing(nil)
		within(t, time.Minute, "the answer came in the end", func() bool { return e.acked("everywhere") })
		e.locked(func() { e.acks = nil })
		e.losing(func(engine.Batch) bool { return true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Everywhere(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errSomebody) {
			t.Errorf("Everywhere for one second = %v", err)
		}
	})
}

// TestCacheGivesNothingOld has look-ups read the replica right before it
// changes and keep what they read right after.
func TestCacheGivesNothingOld(t *testing.T) {
	t.Parallel()
	rows := map[string]func(e *fakeEngine, tok *tokens.Token){
		"a change":  func(e *fakeEngine, tok *tokens.Token) { e.change(feed.Change{Token: revoked(tok)}) },
		"a removal": func(e *fakeEngine, tok *tokens.Token) { e.change(feed.Change{Gone: tok.ID}) },
		"another under the id": func(e *fakeEngine, tok *tokens.Token) {
			other := sample(5)
			other.ID = tok.ID
			e.change(feed.Change{Gone: tok.ID}, feed.Change{Token: other})
		},
		"another replica": func(e *fakeEngine, _ *tokens.Token) { e.restore(emptyPast(9)) },
	}
	for name, change := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, func(t *testing.T) {
				e := newFakeEngine("a")
				r := &slowReplica{fakeReplica: newFakeReplica()}
				g := openGateway(t, e, r.fakeReplica, func(*Config) {})
				g.cache = cachestore.New(inner{r}, cachestore.Config{})
				g.replicator.mu.Lock()
				g.replicator.cache = g.cache
				g.replicator.mu.Unlock()
				g.awaitFresh(t)
				tok := put(t, g, sample(1))
				r.hold(1) // the next look-up stands still between its reading and its keeping
				read := make(chan string)
				go func() { read <- look(t, g, tok) }()
				synctest.Wait()
				change(e, tok)
				time.Sleep(2 * time.Second)
				r.release()
				<-read // what was asked before may be answered by what was there before
				g.awaitFresh(t)
				if got := look(t, g, tok); got == "live" {
					t.Errorf("afterwards the token is %q", got)
				}
			})
		})
	}
}

// slowReplica can have look-ups stand still after they read.
type slowReplica struct {
	*fakeReplica
	held chan struct{}
	left int
}

func (r *slowReplica) hold(n int) { r.held, r.left = make(chan struct{}), n }

func (r *slowReplica) release() { close(r.held) }

func (r *slowReplica) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	tok, err := r.fakeReplica.ByHash(ctx, h)
	if r.left > 0 {
		r.left--
		<-r.held
	}
	return tok, err
}

func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		var mu sync.Mutex
		fine := 0
		g := freshGateway(t, e, func(c *Config) {
			c.Info = func(string) {
				mu.Lock()
				defer mu.Unlock()
				fine++
			}
		})
		if got := g.told(); len(got) != 0 {
			t.Errorf("a start that goes as it should tells of %q", got)
		}
		for range 2 {
			e.set("a", down)
			time.Sleep(30 * time.Second)
			e.set("a", well)
			g.awaitFresh(t)
			time.Sleep(time.Second)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		for part, want := range map[string]int{"no proof from a": 2, "does not follow": 2, "STALE": 2} {
			got := 0
			for _, line := range g.told() {
				if strings.Contains(line, part) {
					got++
				}
			}
			if got != want {
				t.Errorf("%q is told of %d times, want %d; all is %q", part, got, want, g.told())
			}
		}
		if got := g.statesTold(); !slices.Equal(got, []State{Fresh, Stale, Fresh, Stale, Fresh}) {
			t.Errorf("the states were %v", got)
		}
		if fine < 5 { // all goroutines have ended
			t.Errorf("of what went well there are %d lines", fine)
		}
	})
}

func TestStateHasAName(t *testing.T) {
	t.Parallel()
	for s, want := range map[State]string{Stale: "stale", Late: "late", Fresh: "fresh", 17: "stale", -1: "stale"} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", s, s, want)
		}
	}
}

func TestInnerStoreTakesNoWrites(t *testing.T) {
	t.Parallel()
	if _, err := (inner{}).Put(t.Context(), sample(1)); err == nil {
		t.Error("Put succeeds")
	}
	if _, err := (inner{}).Purge(t.Context(), time.Now()); err == nil {
		t.Error("Purge succeeds")
	}
}

func TestRestOfTheFigures(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		tok := put(t, g, sample(1))
		look(t, g, tok)
		time.Sleep(500 * time.Millisecond)
		st := g.Status()
		if st.State != Fresh || st.Loads != 1 || st.Loading || st.Head > st.Revision || st.Staleness < 0 || st.Staleness > time.Second {
			t.Errorf("status %+v", st)
		}
		if active, _, _ := g.Counts(time.Now()); active != 1 {
			t.Errorf("%d are active", active)
		}
		if lsm, vlog := g.Size(); lsm != 1 || vlog != 2 {
			t.Errorf("Size = %d, %d", lsm, vlog)
		}
		if g.Stats().Tokens != 1 {
			t.Errorf("Stats = %+v", g.Stats())
		}
		if got, err := g.ByID(t.Context(), tok.ID); err != nil || got.Revision != tok.Revision {
			t.Errorf("ByID = %v, %v", got, err)
		}
		if page, err := g.List(t.Context(), tokens.Query{After: " "}); err != nil || len(page.Tokens) != 1 {
			t.Errorf("List = %v, %v", page, err)
		}
	})
}

func TestStallEndsWhatStandsStill(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		ctx, s := newStall(t.Context(), time.Second)
		defer s.end()
		for range 5 {
			time.Sleep(900 * time.Millisecond)
			done := s.step()
			time.Sleep(time.Minute) // what is done with a step is not counted
			done()
		}
		if ctx.Err() != nil {
			t.Fatal("it ended although steps came")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if err := causeOf(ctx, ctx.Err()); !errors.Is(err, errStalled) {
			t.Errorf("it ended with %v", err)
		}
		if err := causeOf(ctx, nil); err != nil {
			t.Errorf("what went well failed with %v", err)
		}
	})
}
