package badgerstore

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// observed returns a store and how many commits it has made.
func observed(t *testing.T) (*Store, func() int64) {
	t.Helper()
	var commits atomic.Int64
	s, err := Open(Config{Dir: t.TempDir(), Observe: func(op string, _ time.Duration, _ error) {
		if op == "commit" {
			commits.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, commits.Load
}

func TestUsagesShareCommits(t *testing.T) {
	t.Parallel()
	s, commits := observed(t)
	var all []tokens.Usage
	for n := range 600 {
		tok := benchToken(n)
		if n%100 == 0 {
			if _, err := s.Put(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, tokens.Usage{ID: tok.ID, Count: 1, Agent: fmt.Sprint(n)})
	}
	before := commits()
	if err := s.AddUsages(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if n := commits() - before; n != 2 {
		t.Errorf("600 usages took %d commits, want 2", n)
	}
	before = commits()
	if err := s.AddUsages(t.Context(), []tokens.Usage{{ID: benchToken(1).ID, Count: 1}}); err != nil {
		t.Fatal(err)
	}
	if n := commits() - before; n != 0 {
		t.Errorf("a usage of an unknown token took %d commits, want none", n)
	}
}

func TestUsagesThatCannotBeKeptAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := observed(t)
	if _, err := s.Put(t.Context(), benchToken(1)); err != nil {
		t.Fatal(err)
	}
	id := benchToken(1).ID
	rows := map[string]tokens.Usage{
		"a long agent": {ID: id, Agent: strings.Repeat("a", record.MaxAgent+1), Count: 1},
		"before 1970":  {ID: id, At: time.UnixMilli(-1), Count: 1},
		"after 9999":   {ID: id, At: time.UnixMilli(record.MaxMillis + 1), Count: 1},
	}
	for name, u := range rows {
		if err := s.AddUsages(t.Context(), []tokens.Usage{u}); err == nil {
			t.Errorf("%s: AddUsages succeeds", name)
		}
	}
	long := tokens.ID(strings.Repeat("1", 100_000))
	if err := s.AddUsages(t.Context(), []tokens.Usage{{ID: long, Count: 1}}); err != nil {
		t.Errorf("an id that no token has: %v", err)
	}
	got, err := s.Usages(t.Context(), []tokens.ID{id, long})
	if err != nil || got[0] != (tokens.Usage{ID: id}) || got[1] != (tokens.Usage{ID: long}) {
		t.Errorf("usages are %+v, %v, want none", got, err)
	}
}

// TestAddUsagesKeepsNothingOfTheCallers: who gives up waiting may use his
// list again while the write is still under way.
func TestAddUsagesKeepsNothingOfTheCallers(t *testing.T) {
	t.Parallel()
	s, _ := observed(t)
	if _, err := s.Put(t.Context(), benchToken(1)); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		mine := []tokens.Usage{{ID: benchToken(1).ID, Count: 1, Agent: "mine"}}
		go cancel()
		_ = s.AddUsages(ctx, mine)
		mine[0] = tokens.Usage{ID: benchToken(1).ID, Count: 1 << 40, Agent: "spoilt"}
	}
	got, err := s.Usages(t.Context(), []tokens.ID{benchToken(1).ID})
	if err != nil || got[0].Count > 200 {
		t.Errorf("usages are %+v, %v", got, err)
	}
}
