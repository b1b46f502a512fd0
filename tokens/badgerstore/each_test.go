package badgerstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

func openForEach(t *testing.T, n int) *badgerstore.Store {
	t.Helper()
	s, err := badgerstore.Open(badgerstore.Config{Dir: t.TempDir(), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for i := range n {
		_, err := s.Put(t.Context(), &tokens.Token{
			ID: tokens.ID(fmt.Sprintf("%022d", i)), Hash: tokens.HashOf(fmt.Sprint(i)), API: tokens.ContentGateway,
			Owner: "o", Creator: "o", Scope: tokens.Scope{Tenant: "t"}, Created: time.UnixMilli(1).UTC(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestEachVisitsEveryTokenOnceAndMayWrite(t *testing.T) {
	const n = 600 // more than two batches
	s := openForEach(t, n)
	seen := map[tokens.ID]int{}
	err := s.Each(t.Context(), func(tok *tokens.Token) error {
		seen[tok.ID]++
		tok.Revoked = tokens.Mark{At: time.UnixMilli(2).UTC(), By: "o"}
		_, err := s.Put(t.Context(), tok)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != n {
		t.Errorf("%d of %d visited", len(seen), n)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s visited %d times", id, times)
		}
	}
}

func TestEachEndsWithTheFirstError(t *testing.T) {
	s := openForEach(t, 3)
	stop, calls := errors.New("stop"), 0
	if err := s.Each(t.Context(), func(*tokens.Token) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Each(t.Context(), func(*tokens.Token) error { return nil }); !errors.Is(err, tokens.ErrStoreClosed) {
		t.Errorf("closed store: %v", err)
	}
}
