package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/tokens"
)

// stage is a gate whose hashes take as long as the test wants, in a bubble.
type stage struct {
	*Gate
	dir     *Directory
	proceed chan bool // each value ends one hash, with that result
	now     atomic.Int64
	most    atomic.Int64 // hashes at once
}

func newStage(l Limits) *stage {
	s := &stage{Gate: NewGate(time.Now, rand.Reader, l), dir: peopleWith(hashCost4), proceed: make(chan bool)}
	s.compute = func(passwordHash, string) bool {
		defer s.now.Add(-1)
		for n := s.now.Add(1); ; {
			most := s.most.Load()
			if n <= most || s.most.CompareAndSwap(most, n) {
				break
			}
		}
		return <-s.proceed
	}
	return s
}

// ask starts a check and returns where its result will be.
func (s *stage) ask(ctx context.Context, name string, password tokens.Secret) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := s.Check(ctx, s.dir, name, password)
		result <- err
	}()
	synctest.Wait()
	return result
}

// finish ends the one hash that runs.
func (s *stage) finish(result bool) {
	s.proceed <- result
	synctest.Wait()
}

// expect wants the result that a check has by now.
func expect(t *testing.T, result <-chan error, want error) {
	t.Helper()
	select {
	case err := <-result:
		if !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	default:
		t.Fatalf("no result, want %v", want)
	}
}

// pending wants that a check has no result yet.
func pending(t *testing.T, result <-chan error) {
	t.Helper()
	select {
	case err := <-result:
		t.Fatalf("got %v already", err)
	default:
	}
}

func password(i int) tokens.Secret { return tokens.Secret(rune('a' + i)) }

func TestNoMoreHashesAtOnceThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrent, checks = 3, 40
		s := newStage(Limits{Concurrent: concurrent})
		var results []<-chan error
		for i := range checks {
			name := "john"
			if i%2 == 0 {
				name = "nobody" // goes through the same gate
			}
			results = append(results, s.ask(t.Context(), name, password(i)))
		}
		if n := s.now.Load(); n != concurrent {
			t.Fatalf("%d hashes at once, want %d", n, concurrent)
		}
		for range checks {
			s.finish(false)
		}
		for _, r := range results {
			expect(t, r, ErrBadPassword)
		}
		if n := s.most.Load(); n != concurrent {
			t.Fatalf("%d hashes at once, want %d", n, concurrent)
		}
		if st := s.Stats(); st != (Stats{Hashed: checks}) {
			t.Fatalf("counted %+v", st)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queue = 64
		s := newStage(Limits{Concurrent: 1})
		running := s.ask(t.Context(), "john", "first")
		var waiting []<-chan error
		for i := range queue {
			waiting = append(waiting, s.ask(t.Context(), "john", password(i)))
		}
		for _, name := range []string{"john", "nobody"} {
			expect(t, s.ask(t.Context(), name, "one too many"), ErrBusy)
		}
		s.finish(true)
		expect(t, running, nil)
		room := s.ask(t.Context(), "john", "there is room again")
		for range queue + 1 {
			s.finish(false)
		}
		for _, r := range append(waiting, room) {
			expect(t, r, ErrBadPassword)
		}
		if st := s.Stats(); st != (Stats{Hashed: queue + 2, Busy: 2}) {
			t.Fatalf("counted %+v", st)
		}
	})
}

func TestWaitEndsAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 1})
		running := s.ask(t.Context(), "john", "first")
		waiting := s.ask(t.Context(), "john", "second")
		begin := time.Now()
		err := <-waiting // the bubble's clock moves on
		if !errors.Is(err, ErrBusy) || time.Since(begin) != time.Second {
			t.Fatalf("got %v after %v", err, time.Since(begin))
		}
		pending(t, running) // a hash that runs is not cut
		s.finish(true)
		expect(t, running, nil)
		if n := s.waiting.Load(); n != 0 {
			t.Fatalf("%d still count as waiting", n)
		}
	})
}

func TestRememberedCheckDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 1})
		first := s.ask(t.Context(), "john", right)
		s.finish(true)
		expect(t, first, nil)
		running := s.ask(t.Context(), "john", "another")
		expect(t, s.ask(t.Context(), "john", right), nil)
		s.finish(false)
		expect(t, running, ErrBadPassword)
	})
}

func TestIdenticalChecksShareOneHash(t *testing.T) {
	for name, c := range map[string]struct {
		user   string
		result bool
		want   error
	}{
		"success":      {"john", true, nil},
		"failure":      {"john", false, ErrBadPassword},
		"unknown user": {"nobody", true, ErrBadPassword},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(Limits{Concurrent: 4, Queue: 1})
				var results []<-chan error
				for range 100 { // far more than the queue has room for
					results = append(results, s.ask(t.Context(), c.user, right))
				}
				s.finish(c.result)
				for _, r := range results {
					expect(t, r, c.want)
				}
				if st := s.Stats(); st != (Stats{Hashed: 1, Shared: 99}) {
					t.Fatalf("counted %+v", st)
				}
				if len(s.running) != 0 {
					t.Fatal("the check still counts as running")
				}
			})
		})
	}
}

func TestDifferentChecksDoNotShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 4})
		one := s.ask(t.Context(), "john", right)
		two := s.ask(t.Context(), "john", wrong)
		three := s.ask(t.Context(), "nobody", right)
		s.dir = peopleWith(hashCost5)
		four := s.ask(t.Context(), "john", right)
		for range 4 {
			s.finish(false)
		}
		for _, r := range []<-chan error{one, two, three, four} {
			expect(t, r, ErrBadPassword)
		}
		if st := s.Stats(); st != (Stats{Hashed: 4}) {
			t.Fatalf("counted %+v", st)
		}
	})
}

func TestCancelledWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 1})
		running := s.ask(t.Context(), "john", "first")
		ctx, cancel := context.WithCancel(t.Context())
		queued := s.ask(ctx, "john", "second")
		following := s.ask(ctx, "john", "first")
		cancel()
		synctest.Wait()
		expect(t, queued, context.Canceled)
		expect(t, following, context.Canceled)
		pending(t, running)
		s.finish(true)
		expect(t, running, nil)
		if st := s.Stats(); st != (Stats{Hashed: 1}) {
			t.Fatalf("counted %+v", st)
		}
	})
}

func TestFollowerGoesOnWhenTheLeaderIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 1})
		running := s.ask(t.Context(), "john", "first")
		ctx, cancel := context.WithCancel(t.Context())
		leader := s.ask(ctx, "john", right)
		follower := s.ask(t.Context(), "john", right)
		cancel()
		synctest.Wait()
		expect(t, leader, context.Canceled)
		pending(t, follower)
		s.finish(false)
		expect(t, running, ErrBadPassword)
		s.finish(true)
		expect(t, follower, nil)
	})
}

func TestFollowerIsBusyWhenTheLeaderIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 1})
		running := s.ask(t.Context(), "john", "first")
		leader, follower := s.ask(t.Context(), "john", right), s.ask(t.Context(), "john", right)
		begin := time.Now()
		for _, r := range []<-chan error{leader, follower} {
			if err := <-r; !errors.Is(err, ErrBusy) {
				t.Fatal(err)
			}
		}
		if waited := time.Since(begin); waited != time.Second {
			t.Fatalf("they waited %v", waited)
		}
		s.finish(false)
		expect(t, running, ErrBadPassword)
		if st := s.Stats(); st != (Stats{Hashed: 1, Busy: 2}) {
			t.Fatalf("counted %+v", st)
		}
	})
}

func TestHashThatPanicsIsNoSuccessAndBlocksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 1})
		inner := s.compute
		s.compute = func(h passwordHash, p string) bool {
			if !inner(h, p) {
				panic("hash")
			}
			return true
		}
		panicked := make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_, _ = s.Check(t.Context(), s.dir, "john", right)
		}()
		synctest.Wait()
		follower := s.ask(t.Context(), "john", right)
		s.finish(false)
		if <-panicked == nil {
			t.Fatal("the panic was swallowed")
		}
		expect(t, follower, ErrBadPassword)
		again := s.ask(t.Context(), "john", right)
		s.finish(true)
		expect(t, again, nil)
	})
}

// A check that was on its way while the same one succeeded costs no hash.
func TestLateCheckFindsTheSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Concurrent: 1})
		account, _ := s.dir.Lookup("john")
		a := attempt{key: digest{1}, known: true, hash: account.hash(), password: "x"}
		s.memory.add(a.key, time.Now(), time.Minute)
		if ok, err := s.once(t.Context(), a); !ok || err != nil {
			t.Fatalf("got %v, %v", ok, err)
		}
		if st := s.Stats(); st.Hashed != 0 {
			t.Fatalf("counted %+v", st)
		}
	})
}
