package clustertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"tollgate/cmd/tollgate/clustertest/model"
	"tollgate/tokens"
	"tollgate/tokens/record"
)

// prefix is that of the gateways' keys in etcd: the default.
const prefix = "/tollgate/"

// TestManyTokensAreLoaded starts a gateway that knows nothing, and one that has
// lost its data, while the engine holds many tokens and clients revoke some.
func TestManyTokensAreLoaded(t *testing.T) {
	t.Parallel()
	n := manyTokens
	if given.rounds > 1 {
		n = 200_000
	}
	s := newScene(t, 2)
	fault, ends := s.history.Fault(), s.awayAll() // nobody writes as much in so little time
	at, before := time.Now(), s.undecided()
	many := putMany(t, s, n)
	s.goOn()
	t.Logf("%d tokens written in %v; %d requests were not decided meanwhile", n, time.Since(at), s.undecided()-before)
	ends()
	fault.End()
	for range given.rounds {
		g := s.gateways[1]
		away := s.history.Away(g.name)
		g.kill()
		if err := os.RemoveAll(g.dir); err != nil {
			t.Fatal(err)
		}
		at := s.history.Now()
		g.start()
		s.recovered(g)
		away.End()
		t.Logf("%s is open %v after its start without data", g.name, s.history.Now()-at)
		s.goOn()
	}
	g := s.addGateway()
	g.awaitOpen()
	for i := 0; i < n; i += n / 50 {
		for _, g := range s.gateways {
			if got := g.decided(many[i]); got != model.Accepted {
				t.Errorf("token %d of %d is %s on %s", i, n, got, g.name)
			}
		}
	}
	s.finish()
}

// undecided is how often a gateway has decided nothing so far.
func (s *scene) undecided() (n int64) {
	for _, g := range s.gateways {
		n += g.shut.Load()
	}
	return n
}

// atOnce is how many tokens one transaction writes. etcd takes 128 operations.
const atOnce = 50

// putMany writes tokens as gateways do, many at once, and returns them in the
// order of their numbers.
func putMany(t *testing.T, s *scene, n int) []token {
	t.Helper()
	c := s.members.Client(t)
	created := time.Now().UTC().Truncate(time.Millisecond)
	all := make([]token, n)
	for i := range all {
		all[i] = token{fmt.Sprintf("%022d", i), fmt.Sprintf("%032x", i)}
	}
	parts := make(chan []token)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for part := range parts {
				putPart(t, s, c, part, created)
			}
		})
	}
	for part := range slices.Chunk(all, atOnce) {
		parts <- part
	}
	close(parts)
	writers.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// putPart writes some tokens in one transaction: the record of each, what finds
// it by its value, and the head, which each write moves.
func putPart(t *testing.T, s *scene, c *clientv3.Client, part []token, created time.Time) {
	t.Helper()
	var ops []clientv3.Op
	var refs []model.Ref
	for _, k := range part {
		hash := tokens.HashOf(k.value)
		data := record.Encode(&tokens.Token{
			ID: tokens.ID(k.id), Hash: hash, API: tokens.Management, Owner: userName, Creator: userName,
			Scope: tokens.Scope{Tenant: tokens.AnyTenant}, Created: created, Expires: created.Add(time.Hour), Revision: 1,
		})
		ops = append(ops, clientv3.OpPut(prefix+"d/t/"+k.id, string(data)), clientv3.OpPut(prefix+"i/h/"+string(hash[:]), k.id))
		refs = append(refs, s.history.Begin(model.Create, "", "loader"))
	}
	ops = append(ops, clientv3.OpPut(prefix+"d/h", rand.Text()[:16]))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Txn(ctx).Then(ops...).Commit(); err != nil {
		t.Error(err)
		return
	}
	for i, o := range refs {
		o.Created(part[i].id)
	}
}
