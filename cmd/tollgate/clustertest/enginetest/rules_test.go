package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/etcdstore/engine"
	"tollgate/tokens/feed"
)

// two returns engines of two gateways of one prefix.
func two(t *testing.T, cluster *members.Cluster) (a, b *engine.Engine) {
	t.Helper()
	prefix := newPrefix()
	return open(t, configFor(prefix, cluster.Endpoints()...)), open(t, configFor(prefix, cluster.Endpoints()...))
}

// TestRefusalsAreBasedOnARevision has a row for each reason. Each refusal is
// that of an engine that another one wrote to.
func TestRefusalsAreBasedOnARevision(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	old := put(t, a, named(1, "deploy"))
	now := put(t, a, with(old, func(c *tokens.Token) { c.Meta = []tokens.Meta{{Name: "note"}} }))
	ended := put(t, a, revoked(put(t, a, named(2, "ended"))))
	put(t, a, named(3, "ended"))
	gone := put(t, a, revoked(put(t, a, token(4))))
	if n, _, err := a.Remove(t.Context(), []*tokens.Token{gone}); n != 1 || err != nil {
		t.Fatalf("Remove = %d, %v", n, err)
	}
	rows := map[string]struct {
		token *tokens.Token
		want  error
	}{
		"the id is taken":                {with(token(9), func(c *tokens.Token) { c.ID = now.ID }), tokens.ErrExists},
		"the hash is taken":              {with(token(9), func(c *tokens.Token) { c.Hash = now.Hash }), tokens.ErrExists},
		"all is taken, the name too":     {named(1, "deploy"), tokens.ErrExists},
		"the name is taken":              {named(9, "deploy"), tokens.ErrName},
		"the name was given again":       {with(ended, func(c *tokens.Token) { c.Revoked = tokens.Mark{} }), tokens.ErrName},
		"it was changed since":           {old, tokens.ErrConflict},
		"its revision is yet to come":    {with(now, func(c *tokens.Token) { c.Revision += 1000 }), tokens.ErrConflict},
		"its revision is beyond numbers": {with(now, func(c *tokens.Token) { c.Revision = 1<<64 - 1 }), tokens.ErrConflict},
		"it is unknown":                  {with(token(9), func(c *tokens.Token) { c.Revision = 1 }), tokens.ErrUnknown},
		"it was removed":                 {gone, tokens.ErrUnknown},
	}
	for name, row := range rows {
		revision, err := b.Put(t.Context(), row.token)
		refused(t, b, name, revision, err, row.want)
	}
	for name, spoil := range map[string]func(*tokens.Token){
		"hash":  func(c *tokens.Token) { c.Hash = tokens.HashOf("other") },
		"API":   func(c *tokens.Token) { c.API = tokens.Management },
		"name":  func(c *tokens.Token) { c.Name = "other" },
		"owner": func(c *tokens.Token) { c.Owner = "eve" },
		"scope": func(c *tokens.Token) { c.Scope.Tenant = "other" },
	} {
		if _, err := b.Put(t.Context(), with(now, spoil)); err == nil || errors.Is(err, tokens.ErrConflict) || errors.Is(err, tokens.ErrEngine) {
			t.Errorf("another %s: %v, want a refusal of its own", name, err)
		}
	}
	r := newReplica()
	r.load(t, b.Session())
	if got := r.tokens[now.ID]; len(r.tokens) != 3 || got == nil || got.Revision != now.Revision || got.Owner != "ada" {
		t.Errorf("refusals left %+v", r.tokens)
	}
}

// TestOneOfManyWins: of 32 creations at once that want the same, over two
// engines, one is done.
func TestOneOfManyWins(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	put(t, a, revoked(put(t, a, named(1000, "taken over"))))
	rows := map[string]struct {
		token func(n int) *tokens.Token
		want  error
	}{
		"name":             {func(n int) *tokens.Token { return named(n, "name") }, tokens.ErrName},
		"name, taken over": {func(n int) *tokens.Token { return named(100+n, "taken over") }, tokens.ErrName},
		"hash": {func(n int) *tokens.Token {
			return with(token(200+n), func(c *tokens.Token) { c.Hash = tokens.HashOf("same") })
		}, tokens.ErrExists},
		"id": {func(n int) *tokens.Token { return with(token(300+n), func(c *tokens.Token) { c.ID = "300" }) }, tokens.ErrExists},
	}
	for name, row := range rows {
		var won atomic.Int32
		var wait sync.WaitGroup
		for n := range 32 {
			wait.Go(func() {
				switch _, err := []*engine.Engine{a, b}[n%2].Put(t.Context(), row.token(n)); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, row.want):
					t.Errorf("%s: %v, want %v", name, err, row.want)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d creations are done", name, won.Load())
		}
	}
	r := newReplica()
	r.load(t, a.Session())
	if len(r.tokens) != 5 {
		t.Errorf("%d tokens are there, want one of each row and the one that ended", len(r.tokens))
	}
}

// TestNoUpdateIsLost: writers on two engines count in one record.
func TestNoUpdateIsLost(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	const writers, rounds = 8, 10
	first := put(t, a, with(token(1), func(c *tokens.Token) { c.Only.Uses = writers * rounds }))
	r := replicaOf(t, b)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for done := 0; done < rounds; {
				var mine *tokens.Token
				r.await(t, "the token", func() bool {
					mine = r.tokens[first.ID]
					return mine != nil
				})
				revision, err := []*engine.Engine{a, b}[w%2].Put(t.Context(), with(mine, func(c *tokens.Token) { c.Used++ }))
				switch {
				case err == nil:
					done++
				case !errors.Is(err, tokens.ErrConflict):
					t.Error(err)
					return
				}
				r.has(t, revision)
			}
		})
	}
	wait.Wait()
	if got := r.tokens[first.ID].Used; got != writers*rounds {
		t.Errorf("%d uses are counted, want %d", got, writers*rounds)
	}
}

func TestUsagesOfAllGatewaysAddUp(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	const n, rounds = 100, 5
	usages := make([]tokens.Usage, 0, 2*n)
	for i := range n {
		put(t, a, token(i))
		usages = append(usages, tokens.Usage{ID: token(i).ID, Count: 1, At: epoch()}, tokens.Usage{ID: token(n + i).ID, Count: 1})
	}
	usages = append(usages, tokens.Usage{Count: 1}, tokens.Usage{ID: token(0).ID, Count: 1})
	var wait sync.WaitGroup
	for _, e := range []*engine.Engine{a, b} {
		wait.Go(func() {
			for range rounds {
				if _, err := e.AddUsages(t.Context(), usages); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	r := newReplica()
	r.load(t, a.Session())
	if len(r.usages) != n {
		t.Errorf("usages of %d tokens are kept, want those of the %d that are there", len(r.usages), n)
	}
	for i := range n {
		want := uint64(2 * rounds)
		if i == 0 {
			want *= 2
		}
		if got := r.usages[token(i).ID]; got.Count != want || !got.At.Equal(epoch()) {
			t.Errorf("usage of %d is %+v, want a count of %d", i, got, want)
		}
	}
}

// TestRemovalsLeaveWhatIsNotTheirs has tokens that were changed since, that are
// gone and whose names and hashes others have.
func TestRemovalsLeaveWhatIsNotTheirs(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	changed := put(t, a, named(1, "changed"))
	put(t, a, with(changed, func(c *tokens.Token) { c.Expires = epoch().Add(2 * epoch().Sub(epoch())) }))
	lost := put(t, a, revoked(put(t, a, named(2, "lost"))))
	put(t, a, named(3, "lost"))
	gone := put(t, a, token(4))
	var many []*tokens.Token
	for n := 100; n < 145; n++ {
		many = append(many, put(t, a, named(n, fmt.Sprint(n))))
	}
	if _, err := a.AddUsages(t.Context(), []tokens.Usage{{ID: gone.ID, Count: 1}, {ID: many[0].ID, Count: 1}}); err != nil {
		t.Fatal(err)
	}
	if n, revision, err := a.Remove(t.Context(), []*tokens.Token{gone}); n != 1 || revision == 0 || err != nil {
		t.Fatalf("Remove = %d, %d, %v", n, revision, err)
	}
	r := replicaOf(t, b)
	all := slices.Concat([]*tokens.Token{changed, lost, gone, token(999), with(token(3), func(c *tokens.Token) { c.Revision = 0 })}, many)
	n, revision, err := b.Remove(t.Context(), all)
	if n != 1+len(many) || err != nil {
		t.Fatalf("Remove = %d, %v, want %d", n, err, 1+len(many))
	}
	r.has(t, revision)
	if len(r.tokens) != 2 || r.tokens[changed.ID] == nil || r.tokens[token(3).ID] == nil || len(r.usages) != 0 {
		t.Errorf("%v and usages %v are left", r.tokens, r.usages)
	}
	again, err := b.Put(t.Context(), named(5, "lost"))
	refused(t, b, "the name of another", again, err, tokens.ErrName)
	put(t, b, with(named(6, "100"), func(c *tokens.Token) { c.Hash, c.ID = many[0].Hash, many[0].ID }))
	if n, revision, err := b.Remove(t.Context(), []*tokens.Token{lost}); n != 0 || revision == 0 || err != nil {
		t.Errorf("Remove of what is gone = %d, %d, %v, want nothing and the revision of the head", n, revision, err)
	}
	if n, _, err := b.Remove(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("Remove of nothing = %d, %v", n, err)
	}
}

func TestUsersComeAndGo(t *testing.T) {
	cluster := members.Single(t)
	a, b := two(t, cluster)
	r := replicaOf(t, b)
	names := []string{"ada", "a/b", "\x00", "\xff\xff", "h", "日本"}
	for _, name := range names {
		for _, account := range []string{"first", "", "third"} {
			revision, err := a.PutUser(t.Context(), feed.User{Name: name, Account: []byte(account)})
			if err != nil {
				t.Fatal(err)
			}
			r.has(t, revision)
			if got, there := r.users[name]; got != account || !there {
				t.Errorf("account of %q is %q, %v, want %q", name, got, there, account)
			}
		}
	}
	for _, name := range names {
		for range 2 { // the second time there is none
			revision, err := b.PutUser(t.Context(), feed.User{Name: name})
			if err != nil || revision == 0 {
				t.Fatalf("removing %q: %d, %v", name, revision, err)
			}
			r.has(t, revision)
		}
	}
	agrees(t, a, r)
	if len(r.users) != 0 {
		t.Errorf("users %v are left", r.users)
	}
	for what, u := range map[string]feed.User{
		"no name": {Account: []byte("x")}, "a long name": {Name: string(make([]byte, 4097))}, "a large account": {Name: "x", Account: make([]byte, 512<<10+1)},
	} {
		if _, err := a.PutUser(t.Context(), u); err == nil || errors.Is(err, tokens.ErrEngine) {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	if _, err := a.PutUser(t.Context(), feed.User{Name: "large", Account: make([]byte, 512<<10)}); err != nil {
		t.Errorf("the largest account: %v", err)
	}
}
