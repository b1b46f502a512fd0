package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore"
	"tollgate/tokens/feed"
)

// named has a store's gateway go by a name.
func named(name string) func(*etcdstore.Config) {
	return func(c *etcdstore.Config) { c.Engine.Gateway = name }
}

func TestRevocationHoldsOnTheOtherGateway(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	one, two := fresh(t, c, prefixOf(t), named("one")), fresh(t, c, prefixOf(t), named("two"))
	var took []time.Duration
	for n := range 50 {
		tok := put(t, one, sample(n))
		until(t, "the other gateway knows the token", func() bool { return look(t, two, tok) == "active" })
		revocation := put(t, two, revoked(tok))
		says(t, "on the gateway that revoked it", two, tok, "revoked")
		took = append(took, until(t, "the other gateway refuses the token", func() bool { return look(t, one, tok) == "revoked" }))
		if err := one.Await(t.Context(), revocation.Revision); err != nil {
			t.Errorf("Await = %v", err)
		}
	}
	slices.Sort(took)
	t.Logf("refused on the other gateway after %s (median), %s (longest)", took[len(took)/2], took[len(took)-1])
}

// TestEverywhereWaitsForTheOthers: what was revoked before is refused on each
// gateway right after.
func TestEverywhereWaitsForTheOthers(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	all := []*gateway{
		fresh(t, c, prefixOf(t), named("one")), fresh(t, c, prefixOf(t), named("two")), fresh(t, c, prefixOf(t), named("three")),
	}
	for n := range 10 {
		tok := put(t, all[0], sample(n))
		if got, err := all[n%3].Everywhere(t.Context()); got != 3 || err != nil {
			t.Fatalf("Everywhere = %d, %v", got, err)
		}
		put(t, all[0], revoked(tok))
		if got, err := all[0].Everywhere(t.Context()); got != 3 || err != nil {
			t.Fatalf("Everywhere = %d, %v", got, err)
		}
		for _, g := range all {
			says(t, "right after", g, tok, "revoked")
		}
	}
	if names, err := all[1].Gateways(t.Context()); err != nil || len(names) != 3 {
		t.Errorf("Gateways = %v, %v", names, err)
	}
}

// TestTurnsKeepARuleOverSeveralRecords: of all that two gateways make at the
// same time no more come into being than the rule allows.
func TestTurnsKeepARuleOverSeveralRecords(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	both := []*gateway{fresh(t, c, prefixOf(t), named("one")), fresh(t, c, prefixOf(t), named("two"))}
	const allowed = 5
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			g := both[worker%2]
			for n := range 3 {
				ctx, end, err := g.Turn(t.Context(), "tokens of ada")
				if err != nil {
					t.Errorf("Turn = %v", err)
					return
				}
				page, err := g.List(ctx, tokens.Query{Owner: "ada"})
				if err == nil && len(page.Tokens) < allowed {
					_, err = g.Put(ctx, sample(100*worker+n))
				}
				if err != nil {
					t.Error(err)
				}
				end()
			}
		})
	}
	wait.Wait()
	for _, g := range both {
		until(t, "both gateways have as many as are allowed", func() bool {
			page, err := g.List(t.Context(), tokens.Query{Owner: "ada"})
			return err == nil && len(page.Tokens) == allowed
		})
	}
}

func TestUsersAreShared(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	told := make(chan string, 10)
	one := fresh(t, c, prefixOf(t))
	two := fresh(t, c, prefixOf(t), func(cfg *etcdstore.Config) {
		cfg.UsersLoaded = func(all map[string][]byte) { told <- fmt.Sprint("all ", len(all)) }
		cfg.UserChanged = func(u feed.User) { told <- u.Name + " " + string(u.Account) }
	})
	name := "\x00/é " // any bytes
	for _, err := range []error{
		one.Users().Put(t.Context(), name, []byte("1")), two.Users().Put(t.Context(), name, []byte("2")),
		one.Users().Delete(t.Context(), name), one.Users().Delete(t.Context(), "nobody"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"all 0", "all 0", name + " 1", name + " 2", name + " "} {
		if got := <-told; got != want {
			t.Errorf("told of %q, want %q", got, want)
		}
	}
	if all, err := one.Users().All(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("All = %q, %v", all, err)
	}
}

// TestManyWritersOnTwoGateways has eight writers change the same tokens through
// two stores, each by what it read last. Every write that succeeded replaced
// what the one before had left, none is lost, whoever writes reads it, and in
// the end both gateways hold the same.
func TestManyWritersOnTwoGateways(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	both := []*gateway{fresh(t, c, prefixOf(t), named("one")), fresh(t, c, prefixOf(t), named("two"))}
	m := &model{last: map[tokens.ID]uint64{}, count: map[tokens.ID]int{}}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 60 {
				if err := m.step(t.Context(), both[worker%2], random); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	for id, revision := range m.last {
		var held []*tokens.Token
		for _, g := range both {
			if err := g.Await(t.Context(), revision); err != nil {
				t.Fatal(err)
			}
			tok, err := g.ByID(t.Context(), id)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			held = append(held, tok)
			if tok.Revision != revision || len(tok.Meta) != m.count[id] {
				t.Errorf("%s has revision %d and %d changes, want %d and %d", id, tok.Revision, len(tok.Meta), revision, m.count[id])
			}
		}
		if !reflect.DeepEqual(held[0], held[1]) {
			t.Errorf("%s differs:\n%+v\n%+v", id, held[0], held[1])
		}
	}
	until(t, "everything was compared", func() bool { return both[0].Status().Reconciled > 0 && both[1].Status().Reconciled > 0 })
	if both[0].Status().Diverged+both[1].Status().Diverged != 0 {
		t.Error("replicas diverged")
	}
}

// model is what the tokens have to be, by the writes that succeeded.
type model struct {
	mu    sync.Mutex // guards what follows
	last  map[tokens.ID]uint64
	count map[tokens.ID]int // changes of each
}

// step makes one token or adds a change to it, whoever was faster.
func (m *model) step(ctx context.Context, g *gateway, random *rand.Rand) error {
	tok := sample(random.IntN(12))
	old, err := g.ByID(ctx, tok.ID)
	switch {
	case err == nil:
		tok = old
	case !errors.Is(err, tokens.ErrUnknown):
		return err
	}
	replaced := tok.Revision
	tok.Meta = append(tok.Meta, tokens.Meta{Name: "turn", Value: fmt.Sprint(len(tok.Meta))})
	revision, err := g.Put(ctx, tok)
	if errors.Is(err, tokens.ErrConflict) || errors.Is(err, tokens.ErrExists) {
		now, err := g.ByID(ctx, tok.ID)
		if err != nil || now.Revision == replaced {
			return fmt.Errorf("refused for what was there, but %+v is, %w", now, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.count[tok.ID]++
	m.last[tok.ID] = max(m.last[tok.ID], revision)
	m.mu.Unlock()
	now, err := g.ByID(ctx, tok.ID)
	if err != nil || now.Revision < revision {
		return fmt.Errorf("after writing %d there is %+v, %w", revision, now, err)
	}
	return nil
}
