package tokens_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"tollgate/tokens"
)

// noting notes what each write rests on.
type noting struct {
	tokens.Store
	all []tokens.Basis
}

func (n *noting) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	n.all = append(n.all, tokens.BasisOf(ctx))
	return n.Store.Put(ctx, t)
}

// TestWhatWritesRestOn: what gives something rests on who asks and on whom it is
// for, as they were when they were looked at; what takes away rests on nobody.
func TestWhatWritesRestOn(t *testing.T) {
	const judged, since = 7, 9
	yes, no := true, false
	order := func(by tokens.Subject) tokens.Order {
		return tokens.Order{API: tokens.ContentGateway, By: by, Scope: redA()}
	}
	change := func(ctx context.Context, s *tokens.Service, w *world, id tokens.ID, c tokens.Change) error {
		_, err := s.Change(ctx, via(w.as("root")), tokens.Secret(id), c)
		return err
	}
	rows := map[string]struct {
		do   func(ctx context.Context, s *tokens.Service, w *world) error
		want []tokens.Basis
	}{
		"a token by password": {func(ctx context.Context, s *tokens.Service, w *world) error {
			_, err := s.Issue(ctx, order(w.as("ann")))
			return err
		}, []tokens.Basis{{Revision: judged, Users: []string{"ann"}}}},
		"a token by a token": {func(ctx context.Context, s *tokens.Service, w *world) error {
			mine, _ := w.put(t, "ann", redA())
			_, err := s.Issue(ctx, order(tokens.Subject{User: w.users["ann"], Token: mine}))
			return err
		}, []tokens.Basis{{Revision: judged, Users: []string{"ann"}, Tokens: []tokens.ID{"7000000000000000000001"}}}},
		"a token by one whose uses are counted": {func(ctx context.Context, s *tokens.Service, w *world) error {
			mine, _ := w.put(t, "ann", redA(), uses(3), func(k *tokens.Token) { k.Allowed = tokens.Allowances{on(tokens.TokensCreate)} })
			o := order(tokens.Subject{User: w.users["ann"], Token: mine})
			o.Only.Uses = 1
			_, err := s.Issue(ctx, o)
			return err
		}, []tokens.Basis{{Revision: judged, Users: []string{"ann"}}, {Revision: judged, Users: []string{"ann"}}}},
		"a token for another": {func(ctx context.Context, s *tokens.Service, w *world) error {
			o := order(w.as("root"))
			o.Owner = w.users["ann"]
			_, err := s.Issue(ctx, o)
			return err
		}, []tokens.Basis{{Revision: judged, Users: []string{"ann", "root"}}}},
		"a longer life": {func(ctx context.Context, s *tokens.Service, w *world) error {
			tok, _ := w.put(t, "ann", redA())
			return change(ctx, s, w, tok.ID, tokens.Change{Lifetime: &tokens.Lifetime{Until: w.time.Add(2 * time.Hour)}})
		}, []tokens.Basis{{Revision: judged, Users: []string{"ann", "root"}}}},
		"enabled": {func(ctx context.Context, s *tokens.Service, w *world) error {
			tok, _ := w.put(t, "ann", redA(), disabled)
			return change(ctx, s, w, tok.ID, tokens.Change{Enabled: &yes})
		}, []tokens.Basis{{Revision: judged, Users: []string{"ann", "root"}}}},
		"disabled": {func(ctx context.Context, s *tokens.Service, w *world) error {
			tok, _ := w.put(t, "ann", redA())
			return change(ctx, s, w, tok.ID, tokens.Change{Enabled: &no})
		}, []tokens.Basis{{}}},
		"revoked": {func(ctx context.Context, s *tokens.Service, w *world) error {
			tok, _ := w.put(t, "ann", redA())
			_, err := s.Revoke(ctx, via(w.as("root")), tokens.Secret(tok.ID), nil)
			return err
		}, []tokens.Basis{{}}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			w := usualWorld()
			store := &noting{Store: w.memory}
			deps, revision := w.deps, uint64(judged)
			deps.Store, deps.Revision = store, func() uint64 { return revision }
			s := tokens.NewService(deps, tokens.Default())
			ctx := s.Judge(t.Context())
			revision = since
			if err := row.do(tokens.Resting(ctx, w.as("root")), s, w); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(store.all, row.want) {
				t.Errorf("the writes rest on %+v, want %+v", store.all, row.want)
			}
		})
	}
}

// TestNobodyRestsOnAnythingAlone: a store that nobody shares is told nothing,
// and where nobody was judged before, the write rests on what is there when it
// begins.
func TestNobodyRestsOnAnythingAlone(t *testing.T) {
	w := usualWorld()
	store := &noting{Store: w.memory}
	deps := w.deps
	deps.Store = store
	o := tokens.Order{API: tokens.ContentGateway, By: w.as("ann"), Scope: redA()}
	for _, revision := range []func() uint64{nil, func() uint64 { return 4 }} {
		deps.Revision = revision
		s := tokens.NewService(deps, tokens.Default())
		if _, err := s.Issue(tokens.Resting(t.Context(), w.as("root")), o); err != nil {
			t.Fatal(err)
		}
	}
	if want := []tokens.Basis{{}, {Revision: 4, Users: []string{"ann"}}}; !reflect.DeepEqual(store.all, want) {
		t.Errorf("the writes rest on %+v, want %+v", store.all, want)
	}
}
