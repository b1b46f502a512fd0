package badgerstore

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

// model is what a replica should hold.
type model struct {
	rand     *rand.Rand
	revision uint64
	tokens   map[tokens.ID]*tokens.Token
	usages   map[tokens.ID]tokens.Usage
	users    map[string]string
	sent     []feed.Change // tokens that may come again
	made     int
}

func newModel(seed uint64) *model {
	return &model{
		rand: rand.New(rand.NewPCG(seed, 1)), tokens: make(map[tokens.ID]*tokens.Token),
		usages: make(map[tokens.ID]tokens.Usage), users: make(map[string]string),
	}
}

// The times of the model are whole minutes.
func (m *model) time(most int) time.Time {
	return time.UnixMilli(1_900_000_020_000).Add(time.Duration(m.rand.IntN(most)) * time.Minute).UTC()
}

func (m *model) id() tokens.ID { return tokens.ID(fmt.Sprintf("%02d", m.rand.IntN(30))) }

// token returns a new token, which may have the id of one that has gone.
func (m *model) token(id tokens.ID) *tokens.Token {
	m.made++
	t := &tokens.Token{
		ID: id, Hash: tokens.HashOf(fmt.Sprint("value ", m.made)), API: tokens.UserTokens, Creator: "root",
		Owner: []string{"ada", "bob"}[m.rand.IntN(2)], Name: []string{"", "a", "b", "c"}[m.rand.IntN(4)],
		Scope: tokens.Scope{Tenant: []string{"acme", "other"}[m.rand.IntN(2)]}, Created: m.time(20),
	}
	if m.rand.IntN(3) > 0 {
		t.Expires = m.time(40)
	}
	return t
}

// change makes up what one write did, and does it to the model.
func (m *model) change() feed.Change {
	id := m.id()
	old, known := m.tokens[id]
	switch kind := m.rand.IntN(12); {
	case kind == 0 && len(m.sent) > 0: // comes again
		return m.again()
	case kind == 1:
		delete(m.tokens, id)
		delete(m.usages, id)
		return feed.Change{Gone: id}
	case kind <= 3:
		u := tokens.Usage{ID: id, Count: uint64(m.rand.IntN(100) + 1), At: m.time(40)}
		if known {
			m.usages[id] = u
		}
		return feed.Change{Usage: &u}
	case kind == 4:
		return m.user()
	case known:
		return m.keep(m.spoiled(old))
	default:
		return m.keep(m.token(id))
	}
}

// again returns a token that was sent before and is not newer than what there
// is; after its end it would be taken for a new one.
func (m *model) again() feed.Change {
	ch := m.sent[m.rand.IntN(len(m.sent))]
	if have, known := m.tokens[ch.Token.ID]; known && ch.Token.Revision <= have.Revision {
		return ch
	}
	return m.user()
}

func (m *model) user() feed.Change {
	name := fmt.Sprint("user ", m.rand.IntN(4))
	if m.rand.IntN(3) == 0 {
		delete(m.users, name)
		return feed.Change{User: &feed.User{Name: name}}
	}
	m.users[name] = fmt.Sprint(m.rand.Int())
	return feed.Change{User: &feed.User{Name: name, Account: []byte(m.users[name])}}
}

// spoiled returns a token with another end.
func (m *model) spoiled(old *tokens.Token) *tokens.Token {
	t := old.Clone()
	switch m.rand.IntN(5) {
	case 0:
		t.Revoked = tokens.Mark{At: m.time(40), By: "grace"}
	case 1:
		t.Revoked, t.Spent = tokens.Mark{}, time.Time{}
	case 2:
		t.Spent = m.time(40)
	case 3:
		t.Expires = m.time(40)
	default:
		t.Disabled = tokens.Mark{At: m.time(40), By: "grace"}
	}
	return t
}

func (m *model) keep(t *tokens.Token) feed.Change {
	t.Revision = m.revision
	m.tokens[t.ID] = t
	m.sent = append(m.sent, feed.Change{Token: t})
	return feed.Change{Token: t}
}

// batch is what one revision does: no token comes twice with one revision.
func (m *model) batch() []feed.Change {
	var changes []feed.Change
	for range m.rand.IntN(6) {
		m.revision++
		changes = append(changes, m.change())
	}
	m.revision++
	return changes
}

// whole returns everything in any order.
func (m *model) whole() (changes []feed.Change) {
	for _, t := range m.tokens {
		changes = append(changes, feed.Change{Token: t})
	}
	for _, u := range m.usages {
		changes = append(changes, feed.Change{Usage: &u})
	}
	for name, account := range m.users {
		changes = append(changes, user(name, account))
	}
	return changes
}

// placed sorts as List does.
func placed(a, b *tokens.Token) int {
	return cmp.Or(cmp.Compare(endOf(a), endOf(b)), cmp.Compare(a.ID, b.ID))
}

// hasName returns the one of some tokens that has their name.
func hasName(all []*tokens.Token) *tokens.Token {
	return slices.MaxFunc(all, func(a, b *tokens.Token) int {
		closed := func(t *tokens.Token) bool { return !t.Revoked.At.IsZero() || !t.Spent.IsZero() }
		until := func(t *tokens.Token) int64 {
			switch {
			case closed(t):
				return t.Created.UnixMilli()
			case t.Expires.IsZero():
				return 1 << 62
			}
			return t.Expires.UnixMilli()
		}
		early := cmp.Compare(until(a), until(b))
		if early == 0 && closed(a) != closed(b) {
			if early = -1; closed(a) {
				early = 1
			}
		}
		return cmp.Or(early, a.Created.Compare(b.Created), cmp.Compare(a.Revision, b.Revision), cmp.Compare(b.ID, a.ID))
	})
}

// check compares a replica with the model.
func (m *model) check(t *testing.T, r *Replica) {
	t.Helper()
	if got := r.Position(); got != at(m.revision) {
		t.Fatalf("position is %+v, want %+v", got, at(m.revision))
	}
	for n := range 30 {
		m.checkToken(t, r, tokens.ID(fmt.Sprintf("%02d", n)))
	}
	for _, q := range []tokens.Query{
		{}, {Owner: "ada"}, {Owner: "bob"}, {Tenant: "acme"}, {Tenant: "other"}, {Owner: "bob", Tenant: "acme"},
		{LiveAt: m.time(40)}, {Owner: "ada", LiveAt: m.time(40)}, {Tenant: "other", LiveAt: m.time(40)},
	} {
		m.checkList(t, r, q)
	}
	for _, owner := range []string{"ada", "bob"} {
		for _, name := range []string{"a", "b", "c", "d"} {
			m.checkName(t, r, owner, name)
		}
	}
	m.checkCounts(t, r)
	accounts, err := r.Accounts(t.Context())
	got := make(map[string]string)
	for name, account := range accounts {
		got[name] = string(account)
	}
	if err != nil || !maps.Equal(got, m.users) {
		t.Fatalf("accounts are %v, %v, want %v", got, err, m.users)
	}
}

func (m *model) checkToken(t *testing.T, r *Replica, id tokens.ID) {
	t.Helper()
	want := m.tokens[id]
	got, err := r.ByID(t.Context(), id)
	if want == nil && !errors.Is(err, tokens.ErrUnknown) || want != nil && (err != nil || !reflect.DeepEqual(got, want)) {
		t.Fatalf("%s is %+v, %v, want %+v", id, got, err, want)
	}
	if want != nil {
		if got, err := r.ByHash(t.Context(), want.Hash); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s by hash is %+v, %v, want %+v", id, got, err, want)
		}
	}
	wantUsage := m.usages[id]
	wantUsage.ID = id
	if got := usageIn(t, r, id); got != wantUsage {
		t.Fatalf("usage of %s is %+v, want %+v", id, got, wantUsage)
	}
	for range min(len(m.sent), 3) {
		old := m.sent[m.rand.IntN(len(m.sent))].Token
		if now := m.tokens[old.ID]; now == nil || old.Hash != now.Hash {
			if got, err := r.ByHash(t.Context(), old.Hash); !errors.Is(err, tokens.ErrUnknown) {
				t.Fatalf("%s by a hash from before is %+v, %v", old.ID, got, err)
			}
		}
	}
}

func (m *model) selected(q tokens.Query) []*tokens.Token {
	var all []*tokens.Token
	for _, tok := range m.tokens {
		if q.Matches(tok) {
			all = append(all, tok)
		}
	}
	slices.SortFunc(all, placed)
	return all
}

func (m *model) checkList(t *testing.T, r *Replica, q tokens.Query) {
	t.Helper()
	page, err := r.List(t.Context(), q)
	if want := m.selected(q); err != nil || !slices.EqualFunc(page.Tokens, want, func(a, b *tokens.Token) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("%+v lists %d, %v, want %d", q, len(page.Tokens), err, len(want))
	}
}

func (m *model) checkName(t *testing.T, r *Replica, owner, name string) {
	t.Helper()
	q := tokens.Query{Owner: owner, Name: name}
	page, err := r.List(t.Context(), q)
	all := m.selected(q)
	switch {
	case err != nil || len(page.Tokens) != min(len(all), 1):
		t.Fatalf("%d tokens have the name %s of %s, %v, want one of %d", len(page.Tokens), name, owner, err, len(all))
	case len(all) > 0 && page.Tokens[0].ID != hasName(all).ID:
		t.Fatalf("%+v has the name %s, want %+v", page.Tokens[0], name, hasName(all))
	}
}

func (m *model) checkCounts(t *testing.T, r *Replica) {
	t.Helper()
	now := m.time(40)
	var want [3]int
	for _, tok := range m.tokens {
		switch { // one that ends in this very minute counts as active
		case !tok.Revoked.At.IsZero():
			want[2]++
		case endOf(tok) < uint64(now.UnixMilli()):
			want[1]++
		default:
			want[0]++
		}
	}
	active, expired, revoked := r.Counts(now)
	if got := [3]int{active, expired, revoked}; got != want {
		t.Fatalf("counts are %v, want %v", got, want)
	}
}

// TestAReplicaIsLikeItsModel plays changes, flips and restarts at random.
func TestAReplicaIsLikeItsModel(t *testing.T) {
	t.Parallel()
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			m, cfg := newModel(seed), ReplicaConfig{Dir: t.TempDir()}
			r := testReplica(t, cfg)
			m.revision = 1
			for step := range 120 {
				switch {
				case step%30 == 29:
					if err := r.Close(); err != nil {
						t.Fatal(err)
					}
					r = testReplica(t, cfg)
				case step%20 == 14:
					m.revision++
					flip(t, r, m.revision, m.whole()...)
				default:
					changes := m.batch()
					apply(t, r, m.revision, changes...)
				}
				m.check(t, r)
			}
		})
	}
}
