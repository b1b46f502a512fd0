package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/feed"
	"tollgate/tokens/record"
)

// testReplica opens a replica that is closed at the end of the test.
func testReplica(t testing.TB, cfg ReplicaConfig) *Replica {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	r, err := openReplica(cfg, "this-boot")
	if err != nil {
		t.Fatal(err)
	}
	<-r.current.Load().counts.ready
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return r
}

func at(revision uint64) feed.Position {
	return feed.Position{Cluster: 7, Revision: revision, Mark: fmt.Sprint("mark ", revision)}
}

// fedTokenAt returns a token with a revision.
func fedTokenAt(n int, revision uint64) *tokens.Token {
	t := benchToken(n)
	t.Name = fmt.Sprint("name ", n)
	t.Revision = revision
	return t
}

func apply(t testing.TB, r *Replica, revision uint64, changes ...feed.Change) {
	t.Helper()
	if err := r.Apply(t.Context(), at(revision), changes); err != nil {
		t.Fatalf("Apply at %d = %v", revision, err)
	}
	if got := r.Position(); got != at(revision) {
		t.Fatalf("position is %+v, want %+v", got, at(revision))
	}
}

func came(all ...*tokens.Token) []feed.Change {
	var changes []feed.Change
	for _, t := range all {
		changes = append(changes, feed.Change{Token: t})
	}
	return changes
}

// shows checks that a replica has these tokens and no others, by every way to
// read them.
func shows(t testing.TB, r *Replica, what string, want ...*tokens.Token) {
	t.Helper()
	ctx := t.Context()
	for _, w := range want {
		got, err := r.ByHash(ctx, w.Hash)
		if err != nil || !reflect.DeepEqual(got, w) {
			t.Errorf("%s: by hash: %+v, %v, want %+v", what, got, err, w)
		}
		if got, err = r.ByID(ctx, w.ID); err != nil || !reflect.DeepEqual(got, w) {
			t.Errorf("%s: by id: %+v, %v, want %+v", what, got, err, w)
		}
		for kind, q := range map[string]tokens.Query{"owner": {Owner: w.Owner}, "tenant": {Tenant: w.Scope.Tenant}} {
			page, err := r.List(ctx, q)
			if n := count(page.Tokens, w.ID); err != nil || n != 1 {
				t.Errorf("%s: %s is listed %d times of its %s, %v", what, w.ID, n, kind, err)
			}
		}
		page, err := r.List(ctx, tokens.Query{Owner: w.Owner, Name: w.Name})
		if n := count(page.Tokens, w.ID); w.Name != "" && (err != nil || n != 1 || len(page.Tokens) != 1) {
			t.Errorf("%s: %d tokens have the name of %s, %v", what, len(page.Tokens), w.ID, err)
		}
	}
	page, err := r.List(ctx, tokens.Query{})
	if err != nil || len(page.Tokens) != len(want) {
		t.Errorf("%s: %d tokens are listed, %v, want %d", what, len(page.Tokens), err, len(want))
	}
	held, err := r.Each(ctx, "", 0)
	if err != nil || len(held) != len(want) {
		t.Errorf("%s: %d tokens are held, %v, want %d", what, len(held), err, len(want))
	}
	active, expired, revoked := r.Counts(time.UnixMilli(1_900_000_000_000))
	if active+expired+revoked != len(want) {
		t.Errorf("%s: %d active, %d expired and %d revoked are counted, want %d in all", what, active, expired, revoked, len(want))
	}
}

func count(all []*tokens.Token, id tokens.ID) (n int) {
	for _, t := range all {
		if t.ID == id {
			n++
		}
	}
	return n
}

func TestChangesAreAppliedInTheirOrder(t *testing.T) {
	t.Parallel()
	r := testReplica(t, ReplicaConfig{})
	if got := r.Position(); got != (feed.Position{}) {
		t.Errorf("a new replica is at %+v", got)
	}
	one, two := fedTokenAt(1, 10), fedTokenAt(2, 10)
	apply(t, r, 10, came(one, two)...)
	shows(t, r, "two came", one, two)

	stale := fedTokenAt(1, 9)
	stale.Meta = nil
	same := fedTokenAt(1, 10)
	same.Meta = nil
	apply(t, r, 11, came(stale, same)...)
	shows(t, r, "what is not newer", one, two)

	newer := fedTokenAt(1, 12)
	newer.Revoked = tokens.Mark{At: time.UnixMilli(1_900_000_000_007).UTC(), By: "grace"}
	apply(t, r, 12, came(newer)...)
	shows(t, r, "what is newer", newer, two)
	if _, _, revoked := r.Counts(time.UnixMilli(1)); revoked != 1 {
		t.Errorf("%d are revoked, want 1", revoked)
	}

	apply(t, r, 13, feed.Change{Gone: one.ID}, feed.Change{Gone: one.ID}, feed.Change{Gone: "nobody's"})
	shows(t, r, "one is gone", two)
	if _, err := r.ByHash(t.Context(), one.Hash); !errors.Is(err, tokens.ErrUnknown) {
		t.Errorf("ByHash = %v, want ErrUnknown", err)
	}
	again := fedTokenAt(1, 14)
	apply(t, r, 14, feed.Change{Token: fedTokenAt(3, 14)}, feed.Change{Gone: benchToken(3).ID}, feed.Change{Token: again})
	shows(t, r, "made again, and made and gone", again, two)
	apply(t, r, 15)
	shows(t, r, "nothing", again, two)
}

func TestATokenThatIsAnotherTakesThePlace(t *testing.T) {
	t.Parallel()
	rows := map[string]func(*tokens.Token){
		"another hash":  func(tok *tokens.Token) { tok.Hash = tokens.HashOf("another") },
		"another owner": func(tok *tokens.Token) { tok.Owner = "bob" },
		"another name":  func(tok *tokens.Token) { tok.Name = "another" },
		"no name":       func(tok *tokens.Token) { tok.Name = "" },
		"another scope": func(tok *tokens.Token) { tok.Scope.Tenant = "another" },
		"another API":   func(tok *tokens.Token) { tok.API = tokens.AccessTokens },
		"another id":    func(tok *tokens.Token) { tok.ID = "another" },
	}
	for name, change := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := testReplica(t, ReplicaConfig{})
			old, other := fedTokenAt(1, 10), fedTokenAt(2, 10)
			apply(t, r, 10, append(came(old, other), feed.Change{Usage: &tokens.Usage{ID: old.ID, Count: 3}})...)
			next := fedTokenAt(1, 12)
			change(next)
			apply(t, r, 12, came(next)...)
			shows(t, r, name, next, other)
			if got := usageIn(t, r, old.ID); got.Count != 0 {
				t.Errorf("it was used %d times", got.Count)
			}
			if old.Hash != next.Hash {
				if _, err := r.ByHash(t.Context(), old.Hash); !errors.Is(err, tokens.ErrUnknown) {
					t.Errorf("the old value: %v, want ErrUnknown", err)
				}
			}
		})
	}
}

func usageIn(t testing.TB, r *Replica, id tokens.ID) tokens.Usage {
	t.Helper()
	all, err := r.Usages(t.Context(), []tokens.ID{id})
	if err != nil || len(all) != 1 {
		t.Fatalf("Usages = %v, %v", all, err)
	}
	return all[0]
}

func TestUsagesAndUsersAreReplaced(t *testing.T) {
	t.Parallel()
	r := testReplica(t, ReplicaConfig{})
	tok := fedTokenAt(1, 10)
	use := func(n uint64, id tokens.ID) feed.Change {
		return feed.Change{Usage: &tokens.Usage{ID: id, Count: n, Agent: "curl", At: time.UnixMilli(int64(n)).UTC()}}
	}
	apply(t, r, 10, feed.Change{Token: tok}, use(5, tok.ID), use(6, "nobody's"), use(7, ""))
	apply(t, r, 11, use(4, tok.ID))
	if got := usageIn(t, r, tok.ID); got.Count != 4 || got.At != time.UnixMilli(4).UTC() || got.Agent != "curl" {
		t.Errorf("usage is %+v, want the last one", got)
	}
	if got := usageIn(t, r, "nobody's"); got.Count != 0 {
		t.Errorf("an unknown token was used %d times", got.Count)
	}
	shows(t, r, "with usage", tok)
	apply(t, r, 12, feed.Change{Gone: tok.ID})
	apply(t, r, 13, feed.Change{Token: fedTokenAt(1, 13)})
	if got := usageIn(t, r, tok.ID); got.Count != 0 {
		t.Errorf("a token that was made again was used %d times", got.Count)
	}

	apply(t, r, 14, user("ada", "1"), user("a", ""), user("\x00\xff", "2"), user("ada", "3"), user("bob", "4"))
	apply(t, r, 15, feed.Change{User: &feed.User{Name: "bob"}}, feed.Change{User: &feed.User{Name: "nobody"}})
	all, err := r.Accounts(t.Context())
	want := map[string]string{"ada": "3", "a": "", "\x00\xff": "2"}
	if err != nil || len(all) != len(want) {
		t.Errorf("accounts are %q, %v, want %q", all, err, want)
	}
	for name, account := range want {
		if got, known := all[name]; !known || string(got) != account {
			t.Errorf("%q has %q, want %q", name, got, account)
		}
	}
}

func user(name, account string) feed.Change {
	return feed.Change{User: &feed.User{Name: name, Account: []byte(account)}}
}

// TestWhatCannotBeKeptIsNotKept: such a token is unknown from then on, also if
// there was one before, and such a user has no account.
func TestWhatCannotBeKeptIsNotKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", record.MaxName+1)
	rows := map[string]func(*tokens.Token){
		"no hash":            func(tok *tokens.Token) { tok.Hash = tokens.Hash{} },
		"no revision":        func(tok *tokens.Token) { tok.Revision = 0 },
		"a long name":        func(tok *tokens.Token) { tok.Name = long },
		"a time in 1969":     func(tok *tokens.Token) { tok.Expires = time.UnixMilli(-1) },
		"too many uses":      func(tok *tokens.Token) { tok.Used = 2 },
		"rights of no kind":  func(tok *tokens.Token) { tok.Ceiling = ^tokens.Permissions(0) },
		"more than a record": func(tok *tokens.Token) { tok.AccessKey = strings.Repeat("x", record.MaxSize) },
	}
	for name, spoil := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines atomic.Int32
			r := testReplica(t, ReplicaConfig{Log: func(string) { lines.Add(1) }})
			other := fedTokenAt(2, 10)
			apply(t, r, 10, came(fedTokenAt(1, 10), other)...)
			bad := fedTokenAt(1, 11)
			spoil(bad)
			apply(t, r, 11, came(bad)...)
			shows(t, r, name, other)
			flip(t, r, 12, came(bad, other)...)
			shows(t, r, name+", loaded", other)
			if lines.Load() != 2 {
				t.Errorf("%d lines in the log, want 2", lines.Load())
			}
		})
	}
	r := testReplica(t, ReplicaConfig{})
	apply(t, r, 1, user("ada", "1"), user(long, "1"), user("", "1"), user("bob", "1"), feed.Change{Token: fedTokenAt(1, 1)})
	bad := []feed.Change{
		user("ada", strings.Repeat("x", record.MaxSize+1)), {Usage: &tokens.Usage{ID: benchToken(1).ID, Agent: long, Count: 1}},
		{Token: &tokens.Token{Revision: 1}}, {Gone: tokens.ID(long)}, {Usage: &tokens.Usage{ID: tokens.ID(long), Count: 1}},
	}
	apply(t, r, 2, bad...)
	if all, err := r.Accounts(t.Context()); err != nil || len(all) != 1 || string(all["bob"]) != "1" {
		t.Errorf("accounts are %.99q, %v", all, err)
	}
	shows(t, r, "what was good", fedTokenAt(1, 1))
	flip(t, r, 3, append(bad, user("bob", "2"))...)
	if all, err := r.Accounts(t.Context()); err != nil || len(all) != 1 || string(all["bob"]) != "2" {
		t.Errorf("accounts are %.99q, %v after a flip", all, err)
	}
	shows(t, r, "after a flip")
}

func TestAPositionThatCannotFollowIsRefused(t *testing.T) {
	t.Parallel()
	r := testReplica(t, ReplicaConfig{})
	tok := fedTokenAt(1, 10)
	apply(t, r, 10, came(tok)...)
	other := at(11)
	other.Cluster++
	long, restored := at(11), at(10)
	long.Mark, restored.Mark = strings.Repeat("m", maxMark+1), "another"
	for name, to := range map[string]feed.Position{
		"another cluster": other, "earlier": at(9), "a long mark": long, "another mark": restored, "none": {},
	} {
		if err := r.Apply(t.Context(), to, []feed.Change{{Gone: tok.ID}}); !errors.Is(err, errPosition) {
			t.Errorf("%s: Apply = %v, want errPosition", name, err)
		}
	}
	shows(t, r, "after refusals", tok)
	if got := r.Position(); got != at(10) {
		t.Errorf("position is %+v", got)
	}
	apply(t, r, 10, feed.Change{Gone: tok.ID}) // a repair
	shows(t, r, "repaired")
}

func TestApplyAsksForRoomAndHonoursItsContext(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	var free atomic.Uint64
	free.Store(1000 * mib)
	broken := errors.New("the disk does not answer")
	var fails atomic.Bool
	r := testReplica(t, ReplicaConfig{MinFree: 800 * mib, FreeSpace: func(string) (uint64, error) {
		if fails.Load() {
			return 0, broken
		}
		return free.Load(), nil
	}})
	try := func(ctx context.Context) error { return r.Apply(ctx, at(1), came(fedTokenAt(1, 1))) }
	free.Store(300*mib - 1)
	if err := try(t.Context()); !errors.Is(err, tokens.ErrStoreFull) {
		t.Errorf("Apply without room = %v, want ErrStoreFull", err)
	}
	fails.Store(true)
	if err := try(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Apply = %v, want %v", err, broken)
	}
	fails.Store(false)
	free.Store(300 * mib)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := try(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply with an ended context = %v", err)
	}
	if err := r.Apply(t.Context(), at(1), []feed.Change{{}}); !errors.Is(err, errNoChange) {
		t.Errorf("Apply of nothing = %v, want errNoChange", err)
	}
	shows(t, r, "what was refused")
	if r.Position() != (feed.Position{}) || r.Healthy() != nil {
		t.Errorf("position is %+v, health %v", r.Position(), r.Healthy())
	}
	if err := try(t.Context()); err != nil {
		t.Errorf("Apply = %v", err)
	}
}
