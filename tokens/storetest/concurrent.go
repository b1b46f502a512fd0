package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
)

func concurrentClauses() []clause {
	return []clause{
		{"no update is lost", noUpdateIsLost},
		{"one of many creations wins", oneCreationWins},
		{"one of many updates wins", oneUpdateWins},
		{"readers see a revocation from its answer on", revocationIsSeen},
	}
}

const workers = 8

// together runs a function in several goroutines and waits for all.
func together(run func(worker int)) {
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() { run(worker) })
	}
	wait.Wait()
}

// noUpdateIsLost counts in a token: each goroutine reads, adds one, writes,
// and begins again when somebody was faster.
func noUpdateIsLost(t *testing.T, s tokens.Store) {
	const each = 25
	first := put(t, s, changed(sample(1), "0"))
	together(func(int) {
		for range each {
			if err := addOne(t, s, first.ID); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if got := byID(t, s, first.ID).Meta[0].Value; got != strconv.Itoa(workers*each) {
		t.Errorf("counted to %s, want %d", got, workers*each)
	}
}

func addOne(t *testing.T, s tokens.Store, id tokens.ID) error {
	for {
		tok, err := s.ByID(t.Context(), id)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(tok.Meta[0].Value)
		if err != nil {
			return err
		}
		_, err = s.Put(t.Context(), changed(tok, strconv.Itoa(n+1)))
		if !errors.Is(err, tokens.ErrConflict) {
			return err
		}
	}
}

func oneCreationWins(t *testing.T, s tokens.Store) {
	for round := range 10 {
		var won atomic.Int32
		together(func(worker int) {
			tok := with(round, func(tok *tokens.Token) {
				tok.Creator = fmt.Sprint(worker)
				if worker%2 == 0 { // half of them fight for the hash, all for the id
					tok.Hash = tokens.HashOf(fmt.Sprint(round, worker))
				}
			})
			switch _, err := s.Put(t.Context(), tok); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokens.ErrExists):
				t.Errorf("Put = %v, want ErrExists", err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("round %d: %d creations won", round, won.Load())
		}
	}
	if got := list(t, s, tokens.Query{Owner: "ada"}); len(got) != 10 {
		t.Errorf("%d tokens are listed, want 10", len(got))
	}
}

func oneUpdateWins(t *testing.T, s tokens.Store) {
	tok := put(t, s, sample(1))
	for range 10 {
		var won atomic.Int32
		together(func(worker int) {
			switch _, err := s.Put(t.Context(), changed(tok, fmt.Sprint(worker))); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, tokens.ErrConflict):
				t.Errorf("Put = %v, want ErrConflict", err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d updates won", won.Load())
		}
		tok = byID(t, s, tok.ID)
	}
}

// revocationIsSeen reads a token in many goroutines: a read that starts after
// the revocation was answered must see it.
func revocationIsSeen(t *testing.T, s tokens.Store) {
	for n := range 10 {
		tok := put(t, s, sample(n))
		var answered atomic.Bool
		together(func(worker int) {
			if worker == 0 {
				revoke(t, s, tok, after(time.Minute))
				answered.Store(true)
				return
			}
			for last := false; !last; {
				last = answered.Load()
				got, err := s.ByHash(t.Context(), tok.Hash)
				if err != nil {
					t.Errorf("ByHash = %v", err)
					return
				}
				if last && got.StateAt(epoch()) != tokens.Revoked {
					t.Error("a read after the answer sees the token live")
				}
			}
		})
	}
}
