package tokens_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/tokens"
)

// turns are what several services on one store wait for.
type turns struct {
	mu   sync.Mutex
	took atomic.Int32
	lost error
}

func (ts *turns) take(ctx context.Context, name string) (context.Context, func(), error) {
	if ts.lost != nil || name != "owner/ann" {
		return nil, nil, errors.Join(ts.lost, errors.New("turn of "+name))
	}
	ts.mu.Lock()
	ts.took.Add(1)
	return ctx, ts.mu.Unlock, nil
}

// TestNoMoreThanMostOnSeveralGateways: each has locks of its own.
func TestNoMoreThanMostOnSeveralGateways(t *testing.T) {
	const most = 3
	w, ts := usualWorld(), &turns{}
	deps := w.deps
	deps.Store, deps.Turn = w.memory, ts.take
	var made atomic.Int32
	var group sync.WaitGroup
	for range 4 {
		service := tokens.NewService(deps, tokens.Default())
		for range 5 {
			group.Go(func() {
				_, err := service.Issue(t.Context(), tokens.Order{API: tokens.UserTokens, By: w.as("ann"), Scope: redA(), Most: most})
				if err == nil {
					made.Add(1)
				} else if !errors.Is(err, tokens.ErrTooMany) {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if made.Load() != most {
		t.Errorf("%d were made, want %d", made.Load(), most)
	}
}

// TestWhatTakesATurn: only what looks at several records before it writes.
func TestWhatTakesATurn(t *testing.T) {
	for _, c := range []struct {
		name  string
		order tokens.Order
		turns int32
	}{
		{"a plain order takes none", tokens.Order{}, 0},
		{"a limited one takes one", tokens.Order{Most: 2}, 1},
		{"one that can be given again takes one", tokens.Order{Again: "k", Request: tokens.HashOf("r")}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, ts := usualWorld(), &turns{}
			deps := w.deps
			deps.Turn = ts.take
			c.order.By, c.order.Scope, c.order.API = w.as("ann"), redA(), tokens.UserTokens
			if _, err := tokens.NewService(deps, tokens.Default()).Issue(t.Context(), c.order); err != nil {
				t.Fatal(err)
			}
			if ts.took.Load() != c.turns {
				t.Errorf("%d turns were taken, want %d", ts.took.Load(), c.turns)
			}
			ts.lost = errors.New("no turn")
			_, err := tokens.NewService(deps, tokens.Default()).Issue(t.Context(), c.order)
			if c.turns > 0 && !errors.Is(err, ts.lost) || c.turns == 0 && err != nil {
				t.Errorf("without a turn: %v", err)
			}
		})
	}
}

// TestStaleUsersAreNotDecidedBy: a user without a token has no store that says
// so.
func TestStaleUsersAreNotDecidedBy(t *testing.T) {
	w := usualWorld()
	deps, stale := w.deps, error(nil)
	deps.Fresh = func() error { return stale }
	service := tokens.NewService(deps, tokens.Default())
	user := tokens.Subject{User: w.users["ann"]}
	if _, err := service.Again(t.Context(), user); err != nil || service.Fresh() != nil {
		t.Fatalf("fresh users: %v", err)
	}
	stale = tokens.ErrStale
	if _, err := service.Again(t.Context(), user); !errors.Is(err, tokens.ErrStale) || !errors.Is(service.Fresh(), tokens.ErrStale) {
		t.Errorf("stale users: %v", err)
	}
	if _, err := service.Again(t.Context(), tokens.Subject{}); err != nil {
		t.Errorf("nobody: %v", err)
	}
}

// TestRevokeAllSeesWhatOthersMade: it asks for what was acknowledged elsewhere
// before it lists, and once more while nobody makes anything; it does nothing
// without.
func TestRevokeAllSeesWhatOthersMade(t *testing.T) {
	w := usualWorld()
	w.put(t, "ann", redA())
	deps, asked, lost := w.deps, []string(nil), error(nil)
	deps.Store = w.memory // several are revoked at a time
	deps.Turn = func(ctx context.Context, name string) (context.Context, func(), error) {
		asked = append(asked, name)
		if lost != nil {
			return ctx, nil, lost
		}
		if len(asked) <= 3 {
			w.put(t, "ann", redA()) // what another gateway made arrives
		}
		return ctx, func() { asked = append(asked, "done") }, nil
	}
	service := tokens.NewService(deps, tokens.Default())
	n, err := service.RevokeAll(t.Context(), via(w.as("root")), tokens.Filter{Owner: "ann"}, nil)
	if want := []string{"list", "done", tokens.Fence, "done"}; err != nil || n != 3 || !slices.Equal(asked, want) {
		t.Errorf("%d were revoked in the turns %q, want %q: %v", n, asked, want, err)
	}
	asked = nil // what is not found at once is looked for without a fence
	n, err = service.RevokeAll(t.Context(), via(w.as("root")), tokens.Filter{}, nil)
	if err != nil || n < 2 || len(asked) != 6 || slices.Contains(asked, tokens.Fence) {
		t.Errorf("of all %d were revoked in the turns %q: %v", n, asked, err)
	}
	w.put(t, "ann", redA())
	lost = tokens.ErrEngine
	if n, err := service.RevokeAll(t.Context(), via(w.as("root")), tokens.Filter{Owner: "ann"}, nil); n != 0 || !errors.Is(err, lost) {
		t.Errorf("without the others %d were revoked: %v", n, err)
	}
}

// TestRevokeAllSaysThatItIsOutrun: tokens that come as fast as they are ended do
// not keep it for ever.
func TestRevokeAllSaysThatItIsOutrun(t *testing.T) {
	w := usualWorld()
	w.put(t, "ann", redA())
	deps := w.deps
	deps.Store = w.memory
	service := tokens.NewService(deps, tokens.Default())
	more := func(*tokens.Token) { w.put(t, "ann", redA()) }
	n, err := service.RevokeAll(t.Context(), via(w.as("root")), tokens.Filter{Owner: "ann"}, more)
	if n < 2 || !errors.Is(err, tokens.ErrOutrun) {
		t.Errorf("%d were revoked: %v", n, err)
	}
}
