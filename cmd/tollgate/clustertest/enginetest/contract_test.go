package enginetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/memstore"
	"tollgate/tokens/storetest"
)

// following is an engine and a replica as a tokens.Store: it writes to one,
// waits until the other has it, and reads there.
type following struct {
	t      *testing.T
	engine *engine.Engine
	*replica
}

func (f following) settled(revision uint64) {
	if revision > 0 {
		f.has(f.t, revision)
	}
}

func (f following) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	revision, err := f.engine.Put(ctx, t)
	f.settled(revision)
	return revision, err
}

func (f following) ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
	return f.find(ctx, func(t *tokens.Token) bool { return t.ID == id })
}

func (f following) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	return f.find(ctx, func(t *tokens.Token) bool { return t.Hash == h })
}

func (f following) find(ctx context.Context, is func(*tokens.Token) bool) (*tokens.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.tokens {
		if is(t) {
			return t.Clone(), nil
		}
	}
	return nil, tokens.ErrUnknown
}

// List has a store in memory do the work, for tokens without their names.
func (f following) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	listed := memstore.New()
	for _, t := range f.tokens {
		if _, err := listed.Put(ctx, with(t, func(c *tokens.Token) { c.Name, c.Revision = "", 0 })); err != nil {
			return tokens.Page{}, err
		}
	}
	name := q.Name
	q.Name = ""
	page, err := listed.List(ctx, q)
	for i, t := range page.Tokens {
		page.Tokens[i] = f.tokens[t.ID].Clone()
	}
	page.Tokens = slices.DeleteFunc(page.Tokens, func(t *tokens.Token) bool { return name != "" && t.Name != name })
	return page, err
}

func (f following) Purge(ctx context.Context, before time.Time) (int, error) {
	var ended []*tokens.Token
	f.mu.Lock()
	for _, t := range f.tokens {
		if end := t.Ends(); !end.IsZero() && end.Before(before) && len(ended) < 1000 {
			ended = append(ended, t)
		}
	}
	f.mu.Unlock()
	n, revision, err := f.engine.Remove(ctx, ended)
	f.settled(revision)
	return n, err
}

func (f following) AddUsages(ctx context.Context, all []tokens.Usage) error {
	revision, err := f.engine.AddUsages(ctx, all)
	f.settled(revision)
	return err
}

func (f following) Usages(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]tokens.Usage, len(ids))
	for i, id := range ids {
		all[i] = f.usages[id]
		all[i].ID = id
	}
	return all, nil
}

// TestWritesKeepTheContract runs the contract of stores on what the engine
// decides and tells. At the end of each clause the replica that followed has
// what one has that is loaded then.
func TestWritesKeepTheContract(t *testing.T) {
	if testing.Short() {
		t.Skip("the store that stands on the engine runs the contract too")
	}
	cluster := members.Single(t)
	storetest.Run(t, func(t *testing.T) tokens.Store {
		e := open(t, configFor(newPrefix(), cluster.Endpoints()...))
		f := following{t: t, engine: e, replica: replicaOf(t, e)}
		t.Cleanup(func() { agrees(t, e, f.replica) })
		return f
	})
}

// agrees checks that a replica has what the engine has, and the revisions that
// the engine says.
func agrees(t *testing.T, e *engine.Engine, r *replica) {
	t.Helper()
	fresh := newReplica()
	s := e.Session()
	at, err := s.Snapshot(context.Background(), adding(fresh))
	if err != nil {
		t.Fatal(err)
	}
	if at.Mark != "" {
		r.has(t, at.Revision)
	}
	same(t, "followed", r, fresh)
	n := 0
	_, err = s.Stamps(context.Background(), func(stamps []engine.Stamp) error {
		for _, stamp := range stamps {
			if tok := fresh.tokens[stamp.Token]; stamp.Token != "" && (tok == nil || tok.Revision != stamp.Revision) {
				return errors.New("a stamp of " + string(stamp.Token) + " is not that of its record")
			}
		}
		n += len(stamps)
		return nil
	})
	if err != nil || n != len(fresh.tokens)+len(fresh.users) {
		t.Errorf("%d stamps, %v, want one for each of %d tokens and %d users", n, err, len(fresh.tokens), len(fresh.users))
	}
}
