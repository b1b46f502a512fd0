package tokens_test

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
)

func uses(n uint32) func(*tokens.Token) { return func(k *tokens.Token) { k.Only.Uses = n } }

func TestUsesAreCountedToTheLast(t *testing.T) {
	for _, n := range []uint32{1, 2, 3} {
		w := usualWorld()
		tok, value := w.put(t, "ann", redA(), uses(n))
		for i := range n {
			who, err := w.Verify(t.Context(), value)
			isVerdict(t, err, nil)
			before := len(w.store.puts)
			who, err = w.Use(t.Context(), who, tokens.Circumstances{})
			isVerdict(t, err, nil)
			if len(w.store.puts) != before+1 || who.Token.Used != i+1 || who.User.Name != "ann" {
				t.Fatalf("use %d: %d writes, %+v", i+1, len(w.store.puts)-before, who.Token)
			}
			if last := i+1 == n; who.Token.Spent.IsZero() == last || last && !who.Token.Spent.Equal(stamped()) {
				t.Errorf("after use %d of %d it was spent at %v", i+1, n, who.Token.Spent)
			}
		}
		_, err := w.Verify(t.Context(), value)
		isVerdict(t, err, tokens.ErrUsedUp)
		_, err = w.Use(t.Context(), tokens.Subject{User: w.users["ann"], Token: tok}, tokens.Circumstances{}) // who verified before
		isVerdict(t, err, tokens.ErrUsedUp)
	}
}

func TestUsesInParallel(t *testing.T) {
	for _, n := range []uint32{1, 3} {
		w := usualWorld()
		service := w.plain()
		tok, value := w.put(t, "ann", redA(), uses(n))
		who, err := service.Verify(t.Context(), value)
		isVerdict(t, err, nil)
		var used, refused atomic.Int32
		var group sync.WaitGroup
		begin := make(chan struct{})
		for range 1000 {
			group.Go(func() {
				<-begin
				switch _, err := service.Use(t.Context(), who, tokens.Circumstances{}); {
				case err == nil:
					used.Add(1)
				case errors.Is(err, tokens.ErrUsedUp):
					refused.Add(1)
				default:
					t.Errorf("got %v", err)
				}
			})
		}
		close(begin)
		group.Wait()
		stored, err := w.memory.ByID(t.Context(), tok.ID)
		isVerdict(t, err, nil)
		if used.Load() != int32(n) || refused.Load() != 1000-int32(n) || stored.Used != n || stored.StateAt(w.time) != tokens.UsedUp {
			t.Errorf("of %d uses %d were made, %d refused: %+v", n, used.Load(), refused.Load(), stored)
		}
	}
}

// TestUsesThroughTwoServices: two gateways on one store do not share locks.
func TestUsesThroughTwoServices(t *testing.T) {
	w := usualWorld()
	_, value := w.put(t, "ann", redA(), uses(20))
	var used atomic.Int32
	var group sync.WaitGroup
	services := [2]*tokens.Service{w.plain(), w.plain()}
	var callers [2]tokens.Subject
	for i, service := range services { // all before the first use
		var err error
		callers[i], err = service.Verify(t.Context(), value)
		isVerdict(t, err, nil)
	}
	for i, service := range services {
		for range 40 {
			group.Go(func() {
				if _, err := service.Use(t.Context(), callers[i], tokens.Circumstances{}); err == nil {
					used.Add(1)
				} else if !errors.Is(err, tokens.ErrUsedUp) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
	group.Wait()
	if used.Load() != 20 {
		t.Errorf("%d uses of 20", used.Load())
	}
}

func TestAUseThatMeetsAnotherIsCountedOnTop(t *testing.T) {
	w := usualWorld()
	tok, value := w.put(t, "ann", redA(), uses(3))
	who, err := w.Verify(t.Context(), value)
	isVerdict(t, err, nil)
	w.store.onPut = func(*tokens.Token) error { // another gateway is quicker
		w.store.onPut = nil
		_, err := w.plain().Use(t.Context(), who, tokens.Circumstances{})
		return err
	}
	who, err = w.Use(t.Context(), who, tokens.Circumstances{})
	isVerdict(t, err, nil)
	stored, err := w.memory.ByID(t.Context(), tok.ID)
	isVerdict(t, err, nil)
	if stored.Used != 2 || who.Token.Used != 2 || who.Token.Revision != stored.Revision {
		t.Errorf("used %d times, says %+v", stored.Used, who.Token)
	}
}

func TestAUseThatIsNotWrittenDoesNotHappen(t *testing.T) {
	past := stamped().Add(-time.Minute)
	for _, c := range []struct {
		name string
		how  func(*world, *tokens.Token) error
		want error
	}{
		{"the write fails", func(w *world, _ *tokens.Token) error {
			w.store.onPut = func(*tokens.Token) error { return errBroken }
			return nil
		}, errBroken},
		{"the store is full", func(w *world, _ *tokens.Token) error {
			w.store.onPut = func(*tokens.Token) error { return tokens.ErrStoreFull }
			return nil
		}, tokens.ErrStoreFull},
		{"the read fails", func(w *world, _ *tokens.Token) error { w.store.broken = errBroken; return nil }, errBroken},
		{"it was revoked meanwhile", func(w *world, k *tokens.Token) error {
			revokedBy("root", past)(k)
			_, err := w.memory.Put(context.Background(), k)
			return err
		}, tokens.ErrRevoked},
		{"it was disabled meanwhile", func(w *world, k *tokens.Token) error {
			disabled(k)
			_, err := w.memory.Put(context.Background(), k)
			return err
		}, tokens.ErrDisabled},
		{"it expired meanwhile", func(w *world, k *tokens.Token) error { w.time = k.Expires; return nil }, tokens.ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := usualWorld()
			tok, value := w.put(t, "ann", redA(), uses(5))
			who, err := w.Verify(t.Context(), value)
			isVerdict(t, err, nil)
			if err := c.how(w, tok); err != nil {
				t.Fatal(err)
			}
			_, err = w.Use(t.Context(), who, tokens.Circumstances{})
			isVerdict(t, err, c.want)
			if got, err := w.UsesOf(t.Context(), []*tokens.Token{tok}); err != nil || got[0].Count != 0 {
				t.Errorf("a use that was refused is recorded: %+v, %v", got, err)
			}
		})
	}
}

func TestWhoMintsGivesUsesAway(t *testing.T) {
	w := usualWorld()
	red := tokens.Scope{Tenant: "red"}
	_, value := w.put(t, "ann", red, uses(10), func(k *tokens.Token) { k.Allowed = tokens.Allowances{on(tokens.TokensCreate | tokens.StorageRead)} })
	// mint asks for n uses, 0 = none named, and returns the value of the new token.
	mint := func(value tokens.Secret, n uint32, want error) tokens.Secret {
		t.Helper()
		who, err := w.Verify(t.Context(), value)
		isVerdict(t, err, nil)
		got, err := w.Issue(t.Context(), tokens.Order{By: who, Scope: red, Only: tokens.Restrictions{Uses: n}})
		isVerdict(t, err, want)
		return got.Value
	}
	left := func(value tokens.Secret, want uint32) {
		t.Helper()
		k, err := w.memory.ByHash(t.Context(), tokens.HashOf(value.Reveal()))
		isVerdict(t, err, nil)
		if got := k.Only.Uses - k.Used; got != want {
			t.Errorf("%d uses are left, want %d", got, want)
		}
	}
	mint(value, 11, tokens.ErrPermission)
	child := mint(value, 6, nil)
	left(value, 4)
	left(child, 6)
	mint(value, 5, tokens.ErrPermission)
	grandchild := mint(child, 2, nil)
	left(child, 4)
	left(grandchild, 2)
	all := mint(value, 0, nil) // as many as there are
	left(value, 0)
	left(all, 4)
	_, err := w.Verify(t.Context(), value)
	isVerdict(t, err, tokens.ErrUsedUp)

	// A subject that is older than the record does not get more.
	old, err := w.Verify(t.Context(), all)
	isVerdict(t, err, nil)
	mint(all, 3, nil)
	_, err = w.Issue(t.Context(), tokens.Order{By: old, Scope: red, Only: tokens.Restrictions{Uses: 2}})
	isVerdict(t, err, tokens.ErrUsedUp)
	left(all, 1)

	// What cannot be written afterwards is lost, not doubled.
	who, err := w.Verify(t.Context(), all)
	isVerdict(t, err, nil)
	w.store.onPut = func(k *tokens.Token) error {
		if k.Revision == 0 {
			return errBroken
		}
		return nil
	}
	_, err = w.Issue(t.Context(), tokens.Order{By: who, Scope: red})
	isVerdict(t, err, errBroken)
	left(all, 0)
}

func TestLastUse(t *testing.T) {
	w := usualWorld()
	one, value := w.put(t, "ann", redA())
	other, _ := w.put(t, "ann", redA())
	both := []*tokens.Token{other, one}
	who, err := w.Verify(t.Context(), value)
	isVerdict(t, err, nil)
	use := func(after time.Duration, address, agent string) {
		t.Helper()
		w.time = start().Add(after)
		writes := w.store.calls
		got, err := w.Use(t.Context(), who, tokens.Circumstances{Client: netip.MustParseAddr(address), Agent: agent})
		isVerdict(t, err, nil)
		if got != who || w.store.calls != writes {
			t.Errorf("a use asked the store, or changed the subject: %+v", got)
		}
	}
	shows := func(count uint64, at time.Duration, address, agent string) {
		t.Helper()
		got, err := w.UsesOf(t.Context(), both)
		isVerdict(t, err, nil)
		want := tokens.Usage{ID: one.ID, At: stamped().Add(at), Address: netip.MustParseAddr(address), Agent: agent, Count: count}
		if len(got) != 2 || got[0] != (tokens.Usage{ID: other.ID}) || got[1] != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	use(time.Second, "192.0.2.1", "curl/8")
	use(2*time.Second, "2001:db8::1", strings.Repeat("ü", 200))
	shows(2, 2*time.Second, "2001:db8::1", strings.Repeat("ü", 128))
	isVerdict(t, w.FlushUses(t.Context()), nil)
	shows(2, 2*time.Second, "2001:db8::1", strings.Repeat("ü", 128))
	use(3*time.Second, "192.0.2.2", "a\xffb")
	shows(3, 3*time.Second, "192.0.2.2", "ab")
	isVerdict(t, w.FlushUses(t.Context()), nil)
	isVerdict(t, w.FlushUses(t.Context()), nil)
	shows(3, 3*time.Second, "192.0.2.2", "ab")
	if kept, err := w.memory.Usages(t.Context(), []tokens.ID{one.ID}); err != nil || kept[0].Count != 3 {
		t.Errorf("kept is %+v, %v", kept, err)
	}
	// By password there is nothing to record.
	if got, err := w.Use(t.Context(), w.as("ann"), tokens.Circumstances{}); err != nil || got.Token != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAgentsAreRedactedBeforeTheyAreCut(t *testing.T) {
	w := usualWorld()
	d := w.deps
	d.Redact = func(agent string) string { return strings.ReplaceAll(agent, hidden, "***") }
	service := tokens.NewService(d, tokens.Default())
	for _, front := range []int{0, 1, 256 - len(hidden), 257 - len(hidden), 255, 256, 257, 300} {
		tok, value := w.put(t, "ann", redA())
		who, err := service.Verify(t.Context(), value)
		isVerdict(t, err, nil)
		_, err = service.Use(t.Context(), who, tokens.Circumstances{Agent: strings.Repeat("-", front) + hidden + strings.Repeat("-", 100)})
		isVerdict(t, err, nil)
		for _, when := range []string{"held", "written"} {
			got, err := service.UsesOf(t.Context(), []*tokens.Token{tok})
			isVerdict(t, err, nil)
			if agent := got[0].Agent; strings.Trim(agent, "-*") != "" || len(agent) > 256 || len(agent) < 100 {
				t.Errorf("behind %d, %s: %q", front, when, agent)
			}
			isVerdict(t, service.FlushUses(t.Context()), nil)
		}
	}
}

func TestUsesBeyondTheRoomAreLostAndCounted(t *testing.T) {
	w := usualWorld()
	const many = 64*4096 + 1
	who := tokens.Subject{User: w.users["ann"], Token: &tokens.Token{}}
	for i := range many {
		who.Token.ID = tokens.ID(strconv.Itoa(i))
		if _, err := w.Use(t.Context(), who, tokens.Circumstances{}); err != nil {
			t.Fatal(err)
		}
	}
	if w.LostUses() == 0 || w.LostUses() > many/10 {
		t.Errorf("%d of %d were lost", w.LostUses(), many)
	}
	isVerdict(t, w.FlushUses(t.Context()), nil)
	lost := w.LostUses()
	if _, err := w.Use(t.Context(), tokens.Subject{User: w.users["ann"], Token: &tokens.Token{ID: "1"}}, tokens.Circumstances{}); err != nil || w.LostUses() != lost {
		t.Errorf("there is no room after a flush: %v", err)
	}
}

// broken is a usage store that fails.
type brokenUsage struct{}

func (brokenUsage) AddUsages(context.Context, []tokens.Usage) error { return errBroken }

func (brokenUsage) Usages(context.Context, []tokens.ID) ([]tokens.Usage, error) {
	return nil, errBroken
}

func TestUsagesThatFail(t *testing.T) {
	w := usualWorld()
	d := w.deps
	d.Usage = brokenUsage{}
	service := tokens.NewService(d, tokens.Default())
	tok, value := w.put(t, "ann", redA())
	who, err := service.Verify(t.Context(), value)
	isVerdict(t, err, nil)
	isVerdict(t, service.FlushUses(t.Context()), nil) // nothing to write
	_, err = service.Use(t.Context(), who, tokens.Circumstances{})
	isVerdict(t, err, nil) // requests do not care
	isVerdict(t, service.FlushUses(t.Context()), errBroken)
	_, err = service.UsesOf(t.Context(), []*tokens.Token{tok})
	isVerdict(t, err, errBroken)
	_, err = service.List(t.Context(), via(w.as("ann")), tokens.Filter{Owner: "ann", UnusedSince: start().Add(time.Hour)})
	isVerdict(t, err, errBroken)
	if n, err := service.RevokeAll(t.Context(), via(w.as("ann")), tokens.Filter{Owner: "ann", UnusedSince: start()}, nil); n != 0 || !errors.Is(err, errBroken) {
		t.Errorf("%d ended, %v", n, err)
	}
}
