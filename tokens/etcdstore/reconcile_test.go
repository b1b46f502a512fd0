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
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

func TestMergeFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		engine, replica string // ids, each followed by its revision
		want            string
	}{
		"nothing anywhere":                {"", "", ""},
		"the same":                        {"a1 b2 c3", "a1 b2 c3", ""},
		"nothing in the replica":          {"a1 b2", "", "a b"},
		"nothing in the engine":           {"", "a1 b2", "a b"},
		"one is missing first":            {"a1 b2 c3", "b2 c3", "a"},
		"one is missing last":             {"a1 b2 c3", "a1 b2", "c"},
		"one too many first":              {"b2 c3", "a1 b2 c3", "a"},
		"one too many last":               {"a1 b2", "a1 b2 c3", "c"},
		"an older record":                 {"a1 b5 c3", "a1 b2 c3", "b"},
		"a newer record":                  {"a1 b2 c3", "a1 b5 c3", "b"},
		"another in place of one":         {"a1 c2", "a1 b2", "b c"},
		"everything differs":              {"a1 c1 e1", "b1 d1 f1", "a b c d e f"},
		"one is the beginning of another": {"a1 aa1 b1", "a1 b1", "aa"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := stampsIn(row.replica)
			m := &merge{each: eachOf(held)}
			for part := range slices.Chunk(stampsIn(row.engine), 2) {
				if err := m.page(t.Context(), part); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.end(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := idsOf(m.doubtful); got != row.want {
				t.Errorf("differ %q, want %q", got, row.want)
			}
		})
	}
}

// stampsIn reads ids of letters, each followed by a revision of one digit.
func stampsIn(text string) []engine.Stamp {
	var all []engine.Stamp
	for _, word := range strings.Fields(text) {
		last := len(word) - 1
		all = append(all, engine.Stamp{Token: tokens.ID(word[:last]), Revision: uint64(word[last] - '0')})
	}
	return all
}

func idsOf(all []engine.Stamp) string {
	text := ""
	for i, s := range all {
		if i > 0 {
			text += " "
		}
		text += string(s.Token)
	}
	return text
}

// eachOf hands out what a replica holds one at a time, as pages that are full.
func eachOf(held []engine.Stamp) func(context.Context, tokens.ID, int) ([]badgerstore.Held, error) {
	return func(_ context.Context, after tokens.ID, limit int) ([]badgerstore.Held, error) {
		var all []badgerstore.Held
		for _, h := range held {
			if h.Token > after && len(all) < limit {
				all = append(all, badgerstore.Held{ID: h.Token, Revision: h.Revision})
			}
		}
		return all, nil
	}
}

func TestMergeOfManyPages(t *testing.T) {
	t.Parallel()
	var inEngine, inReplica []engine.Stamp
	want := ""
	for n := range 5*mergeChunk + 3 {
		s := engine.Stamp{Token: tokens.ID(fmt.Sprintf("%06d", n)), Revision: 1}
		switch n {
		case 0, mergeChunk, 2*mergeChunk - 1, 5*mergeChunk + 2:
			want += string(s.Token) + " "
			if n%2 == 0 {
				inEngine = append(inEngine, s)
				continue
			}
			inReplica = append(inReplica, s)
			continue
		}
		inEngine, inReplica = append(inEngine, s), append(inReplica, s)
	}
	m := &merge{each: eachOf(inReplica)}
	if err := errors.Join(m.page(t.Context(), inEngine), m.end(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := idsOf(m.doubtful) + " "; got != want {
		t.Errorf("differ %q, want %q", got, want)
	}
}

func TestMergeIsBounded(t *testing.T) {
	t.Parallel()
	m := &merge{each: eachOf(nil)}
	for n := range maxDoubtful + 7 {
		if err := m.page(t.Context(), []engine.Stamp{{Token: tokens.ID(fmt.Sprintf("%06d", n))}, {User: "ada"}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.doubtful) != maxDoubtful || !m.more || len(m.users) != maxDoubtful+7 {
		t.Errorf("%d differ, more %t, %d users", len(m.doubtful), m.more, len(m.users))
	}
}

func TestMergeEndsWithItsError(t *testing.T) {
	t.Parallel()
	m := &merge{each: func(context.Context, tokens.ID, int) ([]badgerstore.Held, error) { return nil, errDown }}
	if err := m.page(t.Context(), []engine.Stamp{{Token: "a"}}); !errors.Is(err, errDown) {
		t.Errorf("page = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m = &merge{each: eachOf(nil)}
	if err := m.page(ctx, []engine.Stamp{{Token: "a"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("page after its end = %v", err)
	}
}

// TestLostEventIsFound loses one event each, which no proof can notice once
// another came, and waits for the comparison.
func TestLostEventIsFound(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		lost  func(tok *tokens.Token) feed.Change
		local func(r *fakeReplica, tok *tokens.Token) // what is done to the replica instead
		right func(t *testing.T, g *gateway, tok *tokens.Token) bool
	}{
		"a revocation": {
			lost:  func(tok *tokens.Token) feed.Change { return feed.Change{Token: revoked(tok)} },
			right: func(t *testing.T, g *gateway, tok *tokens.Token) bool { return look(t, g, tok) == "revoked" },
		},
		"a removal": {
			lost: func(tok *tokens.Token) feed.Change { return feed.Change{Gone: tok.ID} },
			right: func(t *testing.T, g *gateway, tok *tokens.Token) bool {
				return look(t, g, tok) == tokens.ErrUnknown.Error()
			},
		},
		"a creation": {
			lost:  func(*tokens.Token) feed.Change { return feed.Change{Token: sample(7)} },
			right: func(t *testing.T, g *gateway, _ *tokens.Token) bool { return look(t, g, sample(7)) == "live" },
		},
		"a user": {
			lost: func(*tokens.Token) feed.Change {
				return feed.Change{User: &feed.User{Name: "eve", Account: []byte("off")}}
			},
			right: func(t *testing.T, g *gateway, _ *tokens.Token) bool {
				all, err := g.Users().All(t.Context())
				return err == nil && string(all["eve"]) == "off" && slices.Contains(g.usersTold(), "eve")
			},
		},
		"the removal of a user": {
			lost: func(*tokens.Token) feed.Change { return feed.Change{User: &feed.User{Name: "ada"}} },
			right: func(t *testing.T, g *gateway, _ *tokens.Token) bool {
				all, err := g.Users().All(t.Context())
				return err == nil && len(all) == 1
			},
		},
		"a record that the engine never had": {
			local: func(r *fakeReplica, _ *tokens.Token) {
				r.locked(func(c *copyOf) { tok := sample(9); tok.Revision = 3; c.take([]feed.Change{{Token: tok}}) })
			},
			right: func(t *testing.T, g *gateway, _ *tokens.Token) bool {
				return look(t, g, sample(9)) == tokens.ErrUnknown.Error()
			},
		},
		"a record that is newer than the engine's": {
			local: func(r *fakeReplica, tok *tokens.Token) {
				r.locked(func(c *copyOf) { tok := tok.Clone(); tok.Revision += 1000; c.take([]feed.Change{{Token: tok}}) })
			},
			right: func(t *testing.T, g *gateway, tok *tokens.Token) bool {
				got, err := g.ByHash(t.Context(), tok.Hash)
				return err == nil && got.Revision == tok.Revision
			},
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, func(t *testing.T) {
				e := newFakeEngine("a")
				g := freshGateway(t, e)
				tok := put(t, g, sample(1))
				for _, name := range []string{"ada", "bob"} {
					if err := g.Users().Put(t.Context(), name, []byte("on")); err != nil {
						t.Fatal(err)
					}
				}
				look(t, g, tok) // it is in the cache now
				time.Sleep(time.Minute)
				if row.lost != nil {
					lost := e.backup().revision + 1
					e.losing(func(b engine.Batch) bool { return b.At.Revision == lost })
					e.change(row.lost(tok))
					synctest.Wait()
				}
				if row.local != nil {
					row.local(g.replica, tok)
				}
				put(t, g, sample(2))
				time.Sleep(10 * time.Second)
				if row.right(t, g, tok) && row.local == nil {
					t.Fatal("nothing was lost")
				}
				if g.diverged() != 0 {
					t.Fatal("it was found before the comparison")
				}
				within(t, 11*time.Minute, "it is found", func() bool { return g.diverged() == 1 })
				if !row.right(t, g, tok) {
					t.Error("it was not repaired")
				}
				if st := g.Status(); st.Diverged != 1 || st.Reconciled == 0 {
					t.Errorf("status %+v", st)
				}
				time.Sleep(25 * time.Minute)
				if got := g.diverged(); got != 1 {
					t.Errorf("%d differ 25 minutes later, want the one", got)
				}
			})
		})
	}
}

// TestNothingDivergesWhileOthersWrite: neither writes nor a restored engine
// are taken for divergence.
func TestNothingDivergesWhileOthersWrite(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e, func(c *Config) { c.Reconcile = time.Second })
		toks := make([]*tokens.Token, 30)
		for n := range toks {
			toks[n] = put(t, g, sample(n))
		}
		n := 0
		e.stamping(func() { // and so between all looks of the comparison
			n++
			e.change(feed.Change{Token: toks[n%len(toks)]})
			e.change(feed.Change{Token: sample(1000 + n)}, feed.Change{User: &feed.User{Name: fmt.Sprint("user ", n%3), Account: []byte(fmt.Sprint(n))}})
			if n > 20 {
				e.change(feed.Change{Gone: sample(1000 + n - 20).ID})
			}
		})
		within(t, time.Minute, "ten comparisons", func() bool { return g.Status().Reconciled >= 10 })
		backup := e.backup()
		within(t, time.Minute, "more comparisons", func() bool { return g.Status().Reconciled >= 12 })
		e.restore(backup)
		time.Sleep(10 * time.Second)
		e.restore(emptyPast(8))
		time.Sleep(10 * time.Second)
		if g.diverged() != 0 {
			t.Errorf("%d records diverged", g.diverged())
		}
		if n < 100 {
			t.Errorf("only %d writes came between", n)
		}
	})
}

// TestWritesBetweenTwoLooksAreNoDivergence has the replica move on each time
// after the engine was asked and before the replica is.
func TestWritesBetweenTwoLooksAreNoDivergence(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		g := freshGateway(t, e, func(c *Config) { c.Reconcile = time.Second })
		tok := put(t, g, sample(1))
		n := 0
		g.replica.locked(func(*copyOf) {
			g.replica.onLook = func() {
				n++
				account := []byte(fmt.Sprint(n))
				e.change(feed.Change{Token: tok}, feed.Change{User: &feed.User{Name: "ada", Account: account}})
				within(t, time.Second, "the replica has it", func() bool { return g.replica.Position() == e.backup().head })
			}
		})
		e.stamping(func() { e.change(feed.Change{Token: tok}) }) // so that there is something to look into
		within(t, time.Minute, "ten comparisons", func() bool { return g.Status().Reconciled >= 10 })
		if g.diverged() != 0 {
			t.Errorf("%d records diverged", g.diverged())
		}
		if n < 20 {
			t.Errorf("the replica moved on %d times only", n)
		}
	})
}

// TestComparisonThatFailsIsTriedAgain: soon, and told of once.
func TestComparisonThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	scenario(t, func(t *testing.T) {
		e := newFakeEngine("a")
		e.change(feed.Change{Token: sample(1)}, feed.Change{Token: sample(2)}, feed.Change{Token: sample(3)})
		g := openGateway(t, e, newFakeReplica(), func(c *Config) { c.Reconcile = 10 * time.Minute })
		g.awaitFresh(t)
		within(t, time.Second, "the first comparison", func() bool { return g.Status().Reconciled == 1 })
		e.stamping(func() {
			e.stamping(nil)
			e.set("a", stopped)
		})
		time.Sleep(10*time.Minute + 10*time.Second)
		e.set("a", well)
		within(t, time.Minute, "the second", func() bool { return g.Status().Reconciled == 2 })
	})
}
