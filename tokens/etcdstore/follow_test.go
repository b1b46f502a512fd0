package etcdstore

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

func TestEmptyEngineIsFresh(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := openGateway(t, e, newFakeReplica())
		says(t, "before anything is proved", g, sample(1), tokens.ErrStale.Error())
		g.awaitFresh(t)
		says(t, "after", g, sample(1), tokens.ErrUnknown.Error())
		time.Sleep(time.Minute)
		says(t, "a minute later", g, sample(1), tokens.ErrUnknown.Error())
		e.pass(1000)
		e.compact()
		e.set("a", down) // the watch has to begin again
		time.Sleep(time.Second)
		e.set("a", well)
		time.Sleep(10 * time.Second)
		tok := put(t, g, sample(1))
		says(t, "after the first write", g, tok, "live")
		if got := g.loaded(); !slices.Equal(got, []Reason{Empty}) {
			t.Errorf("loads %q, want the first alone", got)
		}
	})
}

func TestWriteIsSeenByItsGatewayAtOnceAndByOthersSoon(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a", "b")
		one, two := freshGateway(t, e), freshGateway(t, e)
		tok := put(t, one, sample(1))
		says(t, "the writer's", one, tok, "live")
		synctest.Wait()
		says(t, "the other's", two, tok, "live")
		put(t, two, revoked(tok))
		says(t, "the writer's", two, tok, string(tokens.Revoked))
		synctest.Wait()
		says(t, "the other's", one, tok, string(tokens.Revoked))
		if one.Revision() != two.Revision() || one.Status().Head > one.Revision() {
			t.Errorf("revisions %d and %d, head %d", one.Revision(), two.Revision(), one.Status().Head)
		}
	})
}

func TestStoppedMemberCostsNothingButASecond(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{"stopped": stopped, "down": down, "silent": mute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, func(t *testing.T) {
				e := newFakeEngine("a", "b", "c")
				g := freshGateway(t, e)
				tok := put(t, g, sample(1))
				time.Sleep(10 * time.Second)
				e.set("a", f)
				e.change(feed.Change{Token: revoked(tok)})
				within(t, 4*time.Second, "the revocation arrives", func() bool { return look(t, g, tok) == string(tokens.Revoked) })
				time.Sleep(time.Minute)
				if got := g.statesTold(); !slices.Equal(got, []State{Fresh}) {
					t.Errorf("the states were %v, want fresh throughout", got)
				}
				if got := g.Status().Member; got == "a" {
					t.Errorf("the member in use is %q still", got)
				}
			})
		})
	}
}

func TestRestartGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		meanwhile func(e *fakeEngine, tok *tokens.Token)
		state     string
		loads     []Reason
	}{
		"nothing came":            {func(*fakeEngine, *tokens.Token) {}, "live", nil},
		"a revocation came":       {func(e *fakeEngine, tok *tokens.Token) { e.change(feed.Change{Token: revoked(tok)}) }, "revoked", nil},
		"it was compacted behind": {func(e *fakeEngine, _ *tokens.Token) { e.pass(50); e.compact() }, "live", nil},
		"it was compacted past": {func(e *fakeEngine, tok *tokens.Token) {
			e.change(feed.Change{Token: revoked(tok)})
			e.pass(1)
			e.compact()
		}, "revoked", []Reason{Compacted}},
		"it was purged and compacted": {func(e *fakeEngine, tok *tokens.Token) {
			e.change(feed.Change{Gone: tok.ID})
			e.pass(1)
			e.compact()
		}, tokens.ErrUnknown.Error(), []Reason{Compacted}},
		"another engine": {func(e *fakeEngine, _ *tokens.Token) { e.restore(emptyPast(8)) },
			tokens.ErrUnknown.Error(), []Reason{Foreign}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, func(t *testing.T) {
				e, r := newFakeEngine("a"), newFakeReplica()
				g := openGateway(t, e, r)
				g.awaitFresh(t)
				tok := put(t, g, sample(1))
				put(t, g, sample(2))
				if err := g.Close(); err != nil {
					t.Fatal(err)
				}
				row.meanwhile(e, tok)
				r.closed = false
				g = openGateway(t, e, r)
				says(t, "before anything is proved", g, tok, tokens.ErrStale.Error())
				g.awaitFresh(t)
				says(t, "once it is", g, tok, row.state)
				if got := g.loaded(); !slices.Equal(got, row.loads) {
					t.Errorf("loads %q, want %q", got, row.loads)
				}
				if want := len(row.loads) > 0; e.relisted > 0 != want {
					t.Errorf("put on the list anew %d times, want it: %v", e.relisted, want)
				}
			})
		})
	}
}

// TestWhoIsNotListedDecidesNothing: a gateway that loads anew is put on the list
// anew, and whoever revokes something meanwhile does not wait for it. It is
// closed until it is listed, however fresh it was.
func TestWhoIsNotListedDecidesNothing(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e, func(c *Config) { c.AllowStale = time.Minute })
		tok := put(t, g, sample(1))
		e.locked(func() { e.unlists = true })
		e.losing(func(engine.Batch) bool { return true })
		e.change(feed.Change{Token: sample(2)})
		e.pass(1)
		e.compact()
		synctest.Wait()
		e.losing(nil)
		within(t, 10*time.Second, "all is loaded anew", func() bool { return len(g.loaded()) == 2 })
		if from, _ := e.Present(); !from.IsZero() {
			t.Fatal("it is listed still")
		}
		says(t, "while it is not listed", g, tok, tokens.ErrStale.Error())
		e.locked(func() { e.from = time.Now() })
		g.awaitFresh(t)
		says(t, "once it is", g, tok, "live")
	})
}

func TestCompactedWatchBeginsAgain(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		tok := put(t, g, sample(1))
		put(t, g, sample(2))
		e.set("a", down)
		e.change(feed.Change{Token: revoked(tok)})
		e.pass(1)
		e.compact()
		time.Sleep(time.Minute)
		says(t, "while the engine is away", g, tok, tokens.ErrStale.Error())
		e.set("a", well)
		g.awaitFresh(t)
		says(t, "after", g, tok, string(tokens.Revoked))
	})
}

func TestRestoredEngineIsNoticedWithinASecond(t *testing.T) {
	t.Parallel()
	rows := map[string]func(e *fakeEngine, tok *tokens.Token){
		"as it was":               func(*fakeEngine, *tokens.Token) {},
		"with fewer writes since": func(e *fakeEngine, _ *tokens.Token) { e.change(feed.Change{Token: sample(8)}) },
		"with as many writes since": func(e *fakeEngine, _ *tokens.Token) {
			e.change(feed.Change{Token: sample(8)})
			e.change(feed.Change{Token: sample(9)})
		},
		"with more writes since": func(e *fakeEngine, _ *tokens.Token) {
			for n := range 20 {
				e.change(feed.Change{Token: sample(10 + n)})
			}
		},
		"with the revisions moved on": func(e *fakeEngine, _ *tokens.Token) {
			e.pass(1000)
			e.compact()
		},
	}
	for name, since := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, func(t *testing.T) {
				e := newFakeEngine("a")
				g := freshGateway(t, e)
				tok := put(t, g, sample(1))
				backup := e.backup()
				put(t, g, revoked(tok))
				put(t, g, sample(2))
				e.restore(backup)
				since(e, tok)
				within(t, 1100*time.Millisecond, "it is noticed", func() bool { return look(t, g, sample(2)) != "live" })
				within(t, 2*time.Second, "the restored state is in force", func() bool { return look(t, g, sample(2)) == tokens.ErrUnknown.Error() })
				says(t, "the restored engine's word counts", g, tok, "live")
				if got := g.loaded(); len(got) != 2 {
					t.Errorf("loads %q, want the first and one more", got)
				}
			})
		})
	}
}

func TestLoadThatIsCompactedBeginsAgain(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		for n := range 9 {
			e.change(feed.Change{Token: sample(n)})
		}
		left := 3
		e.paging(func() {
			if left--; left == 0 {
				e.change(feed.Change{Token: sample(100)})
				e.compact()
			}
		})
		g := freshGateway(t, e)
		says(t, "the one from meanwhile", g, sample(100), "live")
		if got := g.Status().Loads; got != 2 {
			t.Errorf("%d loads were tried, want 2", got)
		}
	})
}

func TestLoadThatStallsGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a", "b")
		for n := range 9 {
			e.change(feed.Change{Token: sample(n)})
		}
		left := 3
		e.paging(func() {
			if left--; left == 0 {
				e.set("a", stopped)
			}
		})
		g := freshGateway(t, e)
		says(t, "after", g, sample(8), "live")
		if got := g.Status().Member; got != "b" {
			t.Errorf("the member in use is %q", got)
		}
	})
}

// TestOldReplicaIsReadWhileAnotherIsLoaded: a compaction alone stops nobody.
func TestOldReplicaIsReadWhileAnotherIsLoaded(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		tok := put(t, g, sample(1))
		e.losing(func(engine.Batch) bool { return true })
		e.change(feed.Change{Token: sample(2)})
		e.pass(1)
		e.compact()
		synctest.Wait()
		e.paging(func() { says(t, "while it is loaded", g, tok, "live") })
		e.losing(nil)
		within(t, 4*time.Second, "what came is there", func() bool { return look(t, g, sample(2)) == "live" })
		if got := g.loaded(); !slices.Equal(got, []Reason{Empty, Compacted}) {
			t.Errorf("loads %q", got)
		}
	})
}

func TestReplicaThatTakesNothing(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		err   error
		loads int
	}{
		"a full disk is waited for": {tokens.ErrStoreFull, 1},
		"a broken one is made anew": {errors.New("disk on fire"), 2},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, func(t *testing.T) {
				e, r := newFakeEngine("a"), newFakeReplica()
				g := openGateway(t, e, r)
				g.awaitFresh(t)
				tok := put(t, g, sample(1))
				r.fail(row.err)
				if row.loads > 1 {
					before := g.Revision()
					_, err := g.Put(t.Context(), revoked(tok))
					t.Logf("Put = %v, revision %d after %d", err, g.Revision(), before)
					within(t, 3*time.Second, "it is loaded", func() bool { return g.Status().Loads == 2 })
				} else {
					if _, err := g.Put(t.Context(), revoked(tok)); !errors.Is(err, tokens.ErrEngine) {
						t.Errorf("Put = %v, want ErrEngine", err)
					}
					time.Sleep(10 * time.Second)
					says(t, "when it is old", g, tok, tokens.ErrStale.Error())
				}
				r.fail(nil)
				within(t, 3*time.Second, "the revocation is there", func() bool { return look(t, g, tok) == string(tokens.Revoked) })
				if got := len(g.loaded()); got != row.loads {
					t.Errorf("%d loads, want %d", got, row.loads)
				}
			})
		})
	}
}

// TestLongLoadIsLeftAlone: while it goes on no member is left because no watch
// brings anything.
func TestLongLoadIsLeftAlone(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a", "b")
		g := freshGateway(t, e)
		for n := range 20 {
			put(t, g, sample(n))
		}
		e.losing(func(engine.Batch) bool { return true })
		e.change(feed.Change{Token: sample(100)})
		e.pass(1)
		e.compact()
		synctest.Wait()
		e.losing(nil)
		var used []string
		e.paging(func() {
			time.Sleep(4 * time.Second)
			used = append(used, g.Status().Member)
		})
		within(t, 2*time.Minute, "it is loaded", func() bool { return len(g.loaded()) == 2 })
		if len(used) < 10 || len(slices.Compact(used)) != 1 {
			t.Errorf("the members in use were %q", used)
		}
	})
}

// TestDamagedReplicaDecidesNothing: what is damaged may hide a revocation.
func TestDamagedReplicaDecidesNothing(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		tok := put(t, g, sample(1))
		e.paging(func() { says(t, "while it is loaded", g, tok, tokens.ErrStale.Error()) })
		g.replica.locked(func(*copyOf) { g.replica.damage = errors.New("a bit flipped") })
		within(t, 2*time.Second, "it is made anew", func() bool { return slices.Equal(g.loaded(), []Reason{Empty, Damaged}) })
		g.awaitFresh(t)
		says(t, "after", g, tok, "live")
	})
}

func TestClosedStoreRefuses(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		tok := put(t, g, sample(1))
		waiting := make(chan error, 2)
		go func() { waiting <- g.Await(context.Background(), 1<<60) }()
		e.losing(func(engine.Batch) bool { return true })
		go func() {
			_, err := g.Put(context.Background(), sample(2))
			waiting <- err
		}()
		synctest.Wait()
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-waiting; !errors.Is(err, tokens.ErrStoreClosed) {
				t.Errorf("who waited got %v", err)
			}
		}
		ctx := t.Context()
		for name, call := range map[string]func() error{
			"ByHash":     func() error { _, err := g.ByHash(ctx, tok.Hash); return err },
			"ByID":       func() error { _, err := g.ByID(ctx, tok.ID); return err },
			"List":       func() error { _, err := g.List(ctx, tokens.Query{}); return err },
			"Usages":     func() error { _, err := g.Usages(ctx, nil); return err },
			"Put":        func() error { _, err := g.Put(ctx, tok); return err },
			"Purge":      func() error { _, err := g.Purge(ctx, time.Now()); return err },
			"AddUsages":  func() error { return g.AddUsages(ctx, nil) },
			"Users.All":  func() error { _, err := g.Users().All(ctx); return err },
			"Users.Put":  func() error { return g.Users().Put(ctx, "ada", []byte("x")) },
			"Turn":       func() error { _, _, err := g.Turn(ctx, "x"); return err },
			"Everywhere": func() error { _, err := g.Everywhere(ctx); return err },
			"Await":      func() error { return g.Await(ctx, 1) },
			"AwaitFresh": func() error { return g.AwaitFresh(ctx) },
			"Fresh":      g.Fresh,
			"Writable":   g.Writable,
		} {
			if err := call(); !errors.Is(err, tokens.ErrStoreClosed) {
				t.Errorf("%s of a closed store = %v", name, err)
			}
		}
		if !e.closed || !g.replica.closed {
			t.Error("the engine or the replica is open still")
		}
	})
}
