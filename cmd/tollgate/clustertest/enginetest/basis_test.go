package enginetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// judgedAt returns a context in which somebody was judged by what there was at a
// revision.
func judgedAt(ctx context.Context, revision uint64, who tokens.Subject, others ...string) context.Context {
	s := tokens.NewService(tokens.Deps{Revision: func() uint64 { return revision }}, tokens.Config{})
	return tokens.Resting(s.Judge(ctx), who, others...)
}

// TestWritesRestOnWhatWasJudged: a gateway that has not heard yet that somebody
// was removed, or that his token was revoked, gives him nothing any more.
func TestWritesRestOnWhatWasJudged(t *testing.T) {
	cluster := members.Single(t)
	user := func(t *testing.T, e *engine.Engine, name string, account []byte) uint64 {
		t.Helper()
		revision, err := e.PutUser(t.Context(), feed.User{Name: name, Account: account})
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	rows := map[string]struct {
		change func(t *testing.T, e *engine.Engine, maker *tokens.Token)
		stale  bool
	}{
		"nothing changed":        {func(*testing.T, *engine.Engine, *tokens.Token) {}, false},
		"a stranger changed":     {func(t *testing.T, e *engine.Engine, _ *tokens.Token) { user(t, e, "eve", []byte("x")) }, false},
		"another token revoked":  {func(t *testing.T, e *engine.Engine, _ *tokens.Token) { put(t, e, revoked(put(t, e, token(5)))) }, false},
		"who asks changed":       {func(t *testing.T, e *engine.Engine, _ *tokens.Token) { user(t, e, "root", []byte("new")) }, true},
		"who asks removed":       {func(t *testing.T, e *engine.Engine, _ *tokens.Token) { user(t, e, "root", nil) }, true},
		"whom it is for changed": {func(t *testing.T, e *engine.Engine, _ *tokens.Token) { user(t, e, "ada", []byte("new")) }, true},
		"whom it is for removed": {func(t *testing.T, e *engine.Engine, _ *tokens.Token) { user(t, e, "ada", nil) }, true},
		"removed and made again": {func(t *testing.T, e *engine.Engine, _ *tokens.Token) {
			user(t, e, "ada", nil)
			user(t, e, "ada", []byte("old"))
		}, true},
		"his token removed": {func(t *testing.T, e *engine.Engine, maker *tokens.Token) {
			if n, _, err := e.Remove(t.Context(), []*tokens.Token{maker}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}, true},
		"his token revoked": {func(t *testing.T, e *engine.Engine, maker *tokens.Token) { put(t, e, revoked(maker)) }, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := two(t, cluster)
			user(t, a, "root", []byte("old"))
			user(t, a, "ada", []byte("old"))
			held := put(t, a, token(2))
			maker := put(t, a, token(1))
			who := tokens.Subject{User: &tokens.User{Name: "root"}, Token: maker}
			ctx := judgedAt(t.Context(), maker.Revision, who, "ada")
			row.change(t, b, maker)
			writes := map[string]func(ctx context.Context) (uint64, error){
				"a token":        func(ctx context.Context) (uint64, error) { return a.Put(ctx, named(3, "deploy")) },
				"a change of it": func(ctx context.Context) (uint64, error) { return a.Put(ctx, held) },
				"another user": func(ctx context.Context) (uint64, error) {
					return a.PutUser(ctx, feed.User{Name: "new", Account: []byte("x")})
				},
			}
			for what, write := range writes {
				revision, err := write(ctx)
				if row.stale != errors.Is(err, tokens.ErrStale) || !row.stale && err != nil || row.stale && revision <= maker.Revision {
					t.Errorf("%s: %d, %v, want it refused: %v", what, revision, err, row.stale)
				}
				if !row.stale {
					continue
				}
				// Nothing of it happened, and who is judged anew is given it.
				again := judgedAt(t.Context(), revision, tokens.Subject{User: who.User}, "ada")
				if _, err := write(again); err != nil {
					t.Errorf("%s, judged anew: %v", what, err)
				}
			}
		})
	}
}

// TestNothingIsGivenBehindAFence: while somebody has the turn that is the fence, on
// whichever gateway, what rests on somebody waits, and nothing else does.
func TestNothingIsGivenBehindAFence(t *testing.T) {
	a, b := two(t, members.Single(t))
	maker := put(t, a, token(1))
	who := tokens.Subject{User: &tokens.User{Name: "ada"}, Token: maker}
	resting := func(ctx context.Context) context.Context { return judgedAt(ctx, maker.Revision, who) }
	fence, err := b.Turn(t.Context(), tokens.Fence)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := a.Put(resting(short), token(2)); !errors.Is(err, tokens.ErrStale) {
		t.Errorf("what rests on somebody: %v, want it to wait", err)
	}
	put(t, a, token(3))
	last := put(t, a, token(4))
	last.Revoked = tokens.Mark{At: last.Created, By: "root"}
	if _, err := b.Put(fence.Context(tokens.RestingOnNobody(resting(t.Context()))), last); err != nil {
		t.Errorf("what whoever has the fence ends: %v", err)
	}
	waits := make(chan error, 1)
	go func() {
		_, err := a.Put(resting(t.Context()), token(5))
		waits <- err
	}()
	fence.End()
	if err := <-waits; err != nil {
		t.Errorf("once the fence is gone: %v", err)
	}
	all := newReplica()
	all.load(t, a.Session())
	if all.tokens[token(2).ID] != nil || all.tokens[token(5).ID] == nil {
		t.Errorf("%d tokens are there", len(all.tokens))
	}
}

// TestEndpointsOfTwoClusters: two truths are none.
func TestEndpointsOfTwoClusters(t *testing.T) {
	one, other, prefix := members.Single(t), members.Single(t), newPrefix()
	mine, others := one.Endpoints()[0], other.Endpoints()[0]
	put(t, open(t, configFor(prefix, mine)), token(1))
	e := open(t, configFor(prefix, mine, others))
	for range 2 {
		s := e.Session()
		_, snapshot := s.Snapshot(t.Context(), func([]feed.Change) error { return nil })
		_, stamps := s.Stamps(t.Context(), func([]engine.Stamp) error { return nil })
		for what, err := range map[string]error{"snapshot": snapshot, "stamps": stamps} {
			if !errors.Is(err, tokens.ErrEngine) {
				t.Errorf("%s from %s: %v, want a refusal", what, s.Endpoint(), err)
			}
		}
		e.Leave(s)
	}
	// One of them was away when the other was loaded.
	for e.Session().Endpoint() != "http://"+mine && e.Session().Endpoint() != mine {
		e.Leave(e.Session())
	}
	loaded := newReplica()
	loaded.load(t, open(t, configFor(prefix, mine)).Session())
	s := e.Session()
	if p, err := s.Proof(t.Context(), loaded.position()); err != nil || p.History != engine.Same {
		t.Fatalf("proof: %+v, %v", p, err)
	}
	e.Leave(s)
	if _, err := e.Put(t.Context(), token(2)); !errors.Is(err, tokens.ErrEngine) {
		t.Errorf("a write to the other cluster: %v, want ErrEngine", err)
	}
	put(t, e, token(2))
	after := newReplica()
	after.load(t, open(t, configFor(prefix, mine)).Session())
	if len(after.tokens) != 2 {
		t.Errorf("%d tokens are in the cluster of the proofs, want 2", len(after.tokens))
	}
}
