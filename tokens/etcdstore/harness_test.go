package etcdstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a store under test, and what it told.
type gateway struct {
	*Store
	engine  *fakeEngine
	replica *fakeReplica

	mu     sync.Mutex // guards what follows
	lines  []string
	states []State
	loads  []Reason
	users  []string // names of those that changed, "all" when all did
	found  int      // records that diverged
}

// scenario plays something in a bubble of its own, whose time goes by only
// while everybody waits.
func scenario(t *testing.T, play func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, play)
}

// openGateway opens a store over an engine and a replica, which closes at the
// end of the test.
func openGateway(t *testing.T, e *fakeEngine, r *fakeReplica, change ...func(*Config)) *gateway {
	t.Helper()
	g := &gateway{engine: e, replica: r}
	cfg := Config{
		MaxStaleness: 5 * time.Second,
		UserChanged:  func(u feed.User) { g.note(func() { g.users = append(g.users, u.Name) }) },
		UsersLoaded:  func(map[string][]byte) { g.note(func() { g.users = append(g.users, "all") }) },
		Log:          func(line string) { g.note(func() { g.lines = append(g.lines, line) }) },
		Events: Events{
			State:    func(s State) { g.note(func() { g.states = append(g.states, s) }) },
			Loaded:   func(why Reason, _ int, _ time.Duration) { g.note(func() { g.loads = append(g.loads, why) }) },
			Diverged: func(n int) { g.note(func() { g.found += n }) },
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	g.Store = newStore(cfg, e.truth(), r.replica())
	g.start()
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return g
}

// fresh opens a gateway over a new replica and waits until it is fresh.
func freshGateway(t *testing.T, e *fakeEngine, change ...func(*Config)) *gateway {
	t.Helper()
	g := openGateway(t, e, newFakeReplica(), change...)
	g.awaitFresh(t)
	return g
}

func (g *gateway) awaitFresh(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := g.AwaitFresh(ctx); err != nil {
		t.Fatalf("AwaitFresh = %v; %q", err, g.told())
	}
}

func (g *gateway) note(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

func (g *gateway) told() (lines []string) {
	g.note(func() { lines = slices.Clone(g.lines) })
	return lines
}

func (g *gateway) loaded() (loads []Reason) {
	g.note(func() { loads = slices.Clone(g.loads) })
	return loads
}

func (g *gateway) usersTold() (all []string) {
	g.note(func() { all = slices.Clone(g.users) })
	return all
}

func (g *gateway) statesTold() (all []State) {
	g.note(func() { all = slices.Clone(g.states) })
	return all
}

func (g *gateway) diverged() (n int) {
	g.note(func() { n = g.found })
	return n
}

// sample returns a live token made from n.
func sample(n int) *tokens.Token {
	return &tokens.Token{
		ID: tokens.ID(fmt.Sprintf("%022d", n)), Hash: tokens.HashOf(fmt.Sprint("value ", n)), API: tokens.UserTokens,
		Owner: "ada", Creator: "ada", Scope: tokens.Scope{Tenant: "acme"},
		Created: time.Now().Truncate(time.Millisecond), Expires: time.Now().Add(time.Hour).Truncate(time.Millisecond),
	}
}

// revoked returns the same token as it is when it is revoked now.
func revoked(tok *tokens.Token) *tokens.Token {
	r := tok.Clone()
	r.Revoked = tokens.Mark{At: time.Now().Truncate(time.Millisecond), By: "grace"}
	return r
}

func put(t *testing.T, s tokens.Store, tok *tokens.Token) *tokens.Token {
	t.Helper()
	revision, err := s.Put(t.Context(), tok)
	if err != nil {
		t.Fatalf("Put(%s) = %v", tok.ID, err)
	}
	stored := tok.Clone()
	stored.Revision = revision
	return stored
}

// look returns what a store says of a token: live, revoked or the error.
func look(t *testing.T, s tokens.Store, tok *tokens.Token) string {
	t.Helper()
	got, err := s.ByHash(t.Context(), tok.Hash)
	switch {
	case err != nil:
		return err.Error()
	case got.StateAt(time.Now()) == tokens.Active:
		return "live"
	default:
		return string(got.StateAt(time.Now()))
	}
}

// says fails the test unless look says that.
func says(t *testing.T, when string, s tokens.Store, tok *tokens.Token, want string) {
	t.Helper()
	if got := look(t, s, tok); got != want {
		t.Errorf("%s: the token is %q, want %q", when, got, want)
	}
}

// within waits until something is so, in steps of the bubble's time, and fails
// the test if it is not within the time.
func within(t *testing.T, d time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !is(); time.Sleep(max(d/500, time.Millisecond)) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", d, what)
		}
	}
}
