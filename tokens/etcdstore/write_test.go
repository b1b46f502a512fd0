package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// TestWriteThatDoesNotArrive: the write has happened, and the error says so.
func TestWriteThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		for name, write := range map[string]func() error{
			"Put":          func() error { _, err := g.Put(t.Context(), sample(1)); return err },
			"Users.Put":    func() error { return g.Users().Put(t.Context(), "ada", []byte("x")) },
			"Users.Delete": func() error { return g.Users().Delete(t.Context(), "ada") },
			"AddUsages":    func() error { return g.AddUsages(t.Context(), []tokens.Usage{{ID: "x", Count: 1}}) },
		} {
			g.awaitFresh(t)
			e.losing(func(engine.Batch) bool { return true })
			e.set("a", mute)
			before, began := e.backup().revision, time.Now()
			err := write()
			if !errors.Is(err, tokens.ErrEngine) || !strings.Contains(err.Error(), "has happened") {
				t.Errorf("%s = %v", name, err)
			}
			if took := time.Since(began); took != 2*DefaultPatience {
				t.Errorf("%s took %s", name, took)
			}
			if e.backup().revision == before {
				t.Errorf("%s: nothing was written", name)
			}
			e.losing(nil)
			e.set("a", well)
		}
	})
}

// TestRefusalWaitsForItsReason: who is refused and reads again sees why.
func TestRefusalWaitsForItsReason(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		tok := put(t, g, sample(1))
		arrive := make(chan struct{})
		g.replica.applying(func() { <-arrive })
		e.change(feed.Change{Token: revoked(tok)})
		refused := make(chan error)
		go func() {
			_, err := g.Put(context.Background(), tok)
			refused <- err
		}()
		synctest.Wait()
		select {
		case err := <-refused:
			t.Errorf("Put returned before the replica has what refused it: %v", err)
		default:
		}
		close(arrive)
		if err := <-refused; !errors.Is(err, tokens.ErrConflict) {
			t.Errorf("Put = %v, want ErrConflict", err)
		}
		says(t, "then", g, tok, string(tokens.Revoked))
	})
}

func TestWritesAreRefusedAtOnceWhenTheyCannotBe(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e, func(c *Config) { c.AllowStale = time.Minute })
		tok := put(t, g, sample(1))
		e.set("a", down)
		time.Sleep(2500 * time.Millisecond)
		if err := g.Writable(); !errors.Is(err, tokens.ErrStale) || g.Fresh() != nil {
			t.Errorf("after 2.5 s: Writable = %v, Fresh = %v", err, g.Fresh())
		}
		time.Sleep(10 * time.Second)
		says(t, "what is allowed to be old", g, tok, "live")
		began := time.Now()
		for name, write := range map[string]func() error{
			"Put":        func() error { _, err := g.Put(t.Context(), tok); return err },
			"Purge":      func() error { _, err := g.Purge(t.Context(), time.Now()); return err },
			"AddUsages":  func() error { return g.AddUsages(t.Context(), nil) },
			"Users.Put":  func() error { return g.Users().Put(t.Context(), "ada", []byte("x")) },
			"Turn":       func() error { _, _, err := g.Turn(t.Context(), "x"); return err },
			"Everywhere": func() error { _, err := g.Everywhere(t.Context()); return err },
		} {
			if err := write(); !errors.Is(err, tokens.ErrStale) {
				t.Errorf("%s = %v, want ErrStale", name, err)
			}
		}
		if time.Since(began) != 0 {
			t.Errorf("that took %s", time.Since(began))
		}
		time.Sleep(time.Minute)
		says(t, "when even that is over", g, tok, tokens.ErrStale.Error())
		e.set("a", well)
		g.awaitFresh(t)
		synctest.Wait()
		if got := g.statesTold(); !slices.Equal(got, []State{Fresh, Late, Stale, Fresh}) {
			t.Errorf("the states were %v", got)
		}
	})
}

// TestWriteToARestoredEngine: the answer shows that the engine went back,
// before any proof does.
func TestWriteToARestoredEngine(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		backup := e.backup()
		for n := range 9 {
			put(t, g, sample(n))
		}
		e.mu.Lock() // without the watch taking note
		e.past = backup.clone()
		e.mu.Unlock()
		if _, err := g.Put(t.Context(), sample(100)); !errors.Is(err, tokens.ErrEngine) {
			t.Errorf("Put = %v, want ErrEngine", err)
		}
		if err := g.Fresh(); !errors.Is(err, tokens.ErrStale) {
			t.Errorf("right after it Fresh = %v, want ErrStale", err)
		}
		g.awaitFresh(t)
		says(t, "after", g, sample(1), tokens.ErrUnknown.Error())
		says(t, "what was written", g, sample(100), "live")
	})
}

func TestPurgeKeepsItsContract(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		var ended []feed.Change
		for n := range maxPurge + 250 {
			tok := sample(n)
			tok.Expires = time.Now().Add(time.Duration(n) * time.Millisecond)
			ended = append(ended, feed.Change{Token: tok})
		}
		keep := sample(5000)
		keep.Expires = time.Time{}
		e.change(append(ended, feed.Change{Token: keep})...)
		synctest.Wait()
		for _, row := range []struct {
			before time.Duration
			want   int
		}{{0, 0}, {1, 1}, {100 * time.Millisecond, 99}, {time.Hour, maxPurge}, {time.Hour, 150}, {time.Hour, 0}} {
			if n, err := g.Purge(t.Context(), sample(0).Created.Add(row.before)); n != row.want || err != nil {
				t.Errorf("Purge of what ended before %s = %d, %v, want %d", row.before, n, err, row.want)
			}
		}
		says(t, "what never ends", g, keep, "live")
		says(t, "what ended", g, sample(7), tokens.ErrUnknown.Error())
	})
}

// TestPurgeBesideAnother: what another gateway purged is not counted, and is no
// reason to go on for ever.
func TestPurgeBesideAnother(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		var all, gone []feed.Change
		for n := range 150 {
			tok := sample(n)
			tok.Expires = time.Now()
			all, gone = append(all, feed.Change{Token: tok}), append(gone, feed.Change{Gone: tok.ID})
		}
		e.change(all...)
		synctest.Wait()
		g.replica.applying(func() {
			g.replica.applying(nil)
			e.change(gone[100:120]...)
		})
		n, err := g.Purge(t.Context(), time.Now().Add(time.Second))
		if n != 130 || err != nil {
			t.Errorf("Purge = %d, %v, want 130 of its own", n, err)
		}
	})
}

// TestAwaitOfARevisionThatNobodyIsToldOf: a proof shows that the replica has
// everything up to it.
func TestAwaitOfARevisionThatNobodyIsToldOf(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		put(t, g, sample(1))
		time.Sleep(100 * time.Millisecond)
		e.pass(3)
		began := time.Now()
		if err := g.Await(t.Context(), e.backup().revision); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("Await = %v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Await(ctx, e.backup().revision+1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Await of what is yet to come = %v", err)
		}
	})
}

func TestTurnBeginsWithEverything(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		tok := put(t, g, sample(1))
		time.Sleep(300 * time.Millisecond)
		e.change(feed.Change{Token: revoked(tok)})
		ctx, end, err := g.Turn(t.Context(), "users")
		if err != nil {
			t.Fatal(err)
		}
		if ctx.Value(turnKey{}) == nil {
			t.Error("the context is not that of the turn")
		}
		says(t, "in the turn", g, tok, string(tokens.Revoked))
		end()
		e.losing(func(engine.Batch) bool { return true })
		e.change(feed.Change{Token: sample(2)})
		_, end, err = g.Turn(t.Context(), "users")
		if !errors.Is(err, tokens.ErrEngine) {
			t.Errorf("Turn without what came before = %v, want ErrEngine", err)
		}
		end()
		if !e.turns.TryLock() {
			t.Error("the turn is held still")
		}
	})
}

func TestEverywhereIsAnsweredByTheReplicator(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		if n, err := g.Everywhere(t.Context()); n != 1 || err != nil {
			t.Errorf("Everywhere = %d, %v", n, err)
		}
		if all, err := g.Gateways(t.Context()); len(all) != 1 || err != nil {
			t.Errorf("Gateways = %v, %v", all, err)
		}
		e.set("a", down)
		time.Sleep(time.Second)
		e.pass(5)
		e.locked(func() { e.waiting = []string{"earlier"} })
		e.set("a", well)
		within(t, 5*time.Second, "a barrier that a watch meets is answered", func() bool { return e.acked("earlier") })
		time.Sleep(5 * time.Second)
		if got := g.loaded(); len(got) != 1 {
			t.Errorf("loads %q, want the first alone", got)
		}
		if g.Status().Revision != e.backup().head.Revision {
			t.Errorf("revision %d, head %d", g.Status().Revision, e.backup().head.Revision)
		}
		e.locked(func() { e.waiting = nil })
		var many []string
		for n := range 3 * maxBarriers {
			many = append(many, fmt.Sprint("many ", n))
		}
		e.locked(func() { e.commit(many) })
		within(t, time.Minute, "some of very many are answered", func() bool { return e.acked("many 0") })
	})
}

func TestUsers(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		var g *gateway
		var seen []uint64
		g = freshGateway(t, e, func(c *Config) {
			told := c.UserChanged
			c.UserChanged = func(u feed.User) {
				told(u)
				held, _ := g.replica.Accounts(context.Background())
				if string(held[u.Name]) != string(u.Account) {
					t.Errorf("%s is told of before the replica has him", u.Name)
				}
				seen = append(seen, g.Revision())
			}
		})
		u := g.Users()
		if err := u.Put(t.Context(), "ada", []byte("1")); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 1 || seen[0] >= g.Revision() {
			t.Errorf("told at revisions %d, which is %d now: the user has to come first", seen, g.Revision())
		}
		e.change(feed.Change{User: &feed.User{Name: "bob", Account: []byte("2")}})
		synctest.Wait()
		all, err := u.All(t.Context())
		if err != nil || len(all) != 2 || string(all["ada"]) != "1" || string(all["bob"]) != "2" {
			t.Errorf("All = %q, %v", all, err)
		}
		if err := u.Delete(t.Context(), "ada"); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"no name": u.Put(t.Context(), "", []byte("x")), "no name to delete": u.Delete(t.Context(), ""),
			"no account": u.Put(t.Context(), "ada", nil),
		} {
			if err == nil {
				t.Errorf("%s is taken", name)
			}
		}
		e.restore(emptyPast(9))
		within(t, 5*time.Second, "all are told of anew", func() bool { return slices.Contains(g.usersTold()[1:], "all") })
		g.awaitFresh(t)
		if got := g.usersTold(); !slices.Equal(got, []string{"all", "ada", "bob", "ada", "all"}) {
			t.Errorf("told of %q", got)
		}
		if all, err := u.All(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("All = %q, %v", all, err)
		}
		e.set("a", down)
		time.Sleep(10 * time.Second)
		if _, err := u.All(t.Context()); !errors.Is(err, tokens.ErrStale) {
			t.Errorf("All of old users = %v, want ErrStale", err)
		}
	})
}

func TestUsagesAddUp(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		g := freshGateway(t, newFakeEngine("a"))
		tok := put(t, g, sample(1))
		for range 2 {
			if err := g.AddUsages(t.Context(), []tokens.Usage{{ID: tok.ID, At: tok.Created, Count: 2}}); err != nil {
				t.Fatal(err)
			}
		}
		if all, err := g.Usages(t.Context(), []tokens.ID{tok.ID}); err != nil || all[0].Count != 4 {
			t.Errorf("Usages = %v, %v", all, err)
		}
	})
}

// TestAClockThatIsAheadRemovesNothing: what has ended by it may be alive.
func TestAClockThatIsAheadRemovesNothing(t *testing.T) {
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e)
		put(t, g, sample(1))
		time.Sleep(2 * time.Hour)
		g.awaitFresh(t)
		gateway := func(name string, behind time.Duration) engine.Gateway {
			return engine.Gateway{Name: name, Clock: time.Now().Add(-behind)}
		}
		for _, row := range []struct {
			name   string
			others []engine.Gateway
			want   int
		}{
			{"another one is behind", []engine.Gateway{gateway("a", time.Minute), gateway("b", g.clocks.late+maxAhead+time.Second)}, 0},
			{"all say the same", []engine.Gateway{gateway("a", g.clocks.late+maxAhead-time.Second), gateway("b", -time.Hour), {Name: "says nothing"}}, 1},
		} {
			e.locked(func() { e.others = row.others })
			n, err := g.Purge(t.Context(), time.Now())
			if n != row.want || errors.Is(err, tokens.ErrEngine) != (row.want == 0) || row.want > 0 && err != nil {
				t.Errorf("%s: %d are removed, %v, want %d", row.name, n, err, row.want)
			}
		}
		if g.clocks.late < 2*engine.MinPresence {
			t.Errorf("what another one said can be %v old, it is listed for %v", g.clocks.late, engine.MinPresence)
		}
		if !slices.ContainsFunc(g.told(), func(line string) bool { return strings.Contains(line, "CLOCK: ") }) {
			t.Errorf("nobody was told: %q", g.told())
		}
	})
}
