package badgerstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

func TestUsersAreKeptApartFromTokensAndSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, badgerstore.Config{Dir: dir})
	want := map[string]string{
		"ada": "1", "ad": "", "ada\x00": "\x00\xff", "\xff": "x", "é/日本": strings.Repeat("y", 100_000),
		strings.Repeat("n", 4096): "long name",
	}
	for name, data := range want {
		mine := []byte(data)
		if err := s.Users().Put(t.Context(), name, mine); err != nil {
			t.Fatalf("Put(%.20q) = %v", name, err)
		}
		for i := range mine {
			mine[i] = '!'
		}
	}
	putNumbered(t, s, 1)
	if err := s.Users().Put(t.Context(), "ada", []byte("2")); err != nil {
		t.Fatal(err)
	}
	want["ada"] = "2"
	for range 2 {
		got, err := s.Users().All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		for name, data := range got {
			texts[name] = string(data)
		}
		if !maps.Equal(texts, want) {
			t.Errorf("accounts are %.300q", texts)
		}
		closeStore(t, s)
		s = openStore(t, badgerstore.Config{Dir: dir})
	}
	if active, _, _ := countedWhenReady(t, s, revokedAt(), 1); active != 1 {
		t.Errorf("%d tokens are counted, want 1", active)
	}
}

func TestUsersRefuseWhatCannotBeKept(t *testing.T) {
	t.Parallel()
	s := openStore(t, badgerstore.Config{Dir: t.TempDir()})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	rows := map[string]error{
		"no name":       s.Users().Put(t.Context(), "", nil),
		"long name":     s.Users().Put(t.Context(), strings.Repeat("n", 4097), nil),
		"much data":     s.Users().Put(t.Context(), "ada", make([]byte, 512<<10+1)),
		"ended context": s.Users().Put(ended, "ada", nil),

		"delete no name":       s.Users().Delete(t.Context(), ""),
		"delete long name":     s.Users().Delete(t.Context(), strings.Repeat("n", 4097)),
		"delete ended context": s.Users().Delete(ended, "ada"),
	}
	for name, err := range rows {
		if err == nil {
			t.Errorf("%s: it succeeds", name)
		}
	}
	if got, err := s.Users().All(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("All = %v, %v, want none", got, err)
	}
	closeStore(t, s)
	if err := s.Users().Put(t.Context(), "ada", nil); !errors.Is(err, tokens.ErrStoreClosed) {
		t.Errorf("Put = %v, want ErrStoreClosed", err)
	}
	if err := s.Users().Delete(t.Context(), "ada"); !errors.Is(err, tokens.ErrStoreClosed) {
		t.Errorf("Delete = %v, want ErrStoreClosed", err)
	}
	if _, err := s.Users().All(t.Context()); !errors.Is(err, tokens.ErrStoreClosed) {
		t.Errorf("All = %v, want ErrStoreClosed", err)
	}
	if err := s.Healthy(); !errors.Is(err, tokens.ErrStoreClosed) {
		t.Errorf("Healthy = %v, want ErrStoreClosed", err)
	}
}

func TestADeletedUserIsGoneAndNoOtherIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, badgerstore.Config{Dir: dir})
	for _, name := range []string{"ada", "ad", "adam"} {
		if err := s.Users().Put(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is none
		if err := s.Users().Delete(t.Context(), "ada"); err != nil {
			t.Errorf("Delete = %v", err)
		}
		got, err := s.Users().All(t.Context())
		if err != nil || len(got) != 2 || string(got["ad"]) != "ad" || string(got["adam"]) != "adam" {
			t.Errorf("accounts are %q, %v", got, err)
		}
		closeStore(t, s)
		s = openStore(t, badgerstore.Config{Dir: dir})
	}
	if err := s.Users().Put(t.Context(), "ada", []byte("again")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Users().All(t.Context()); err != nil || string(got["ada"]) != "again" {
		t.Errorf("accounts are %q, %v", got, err)
	}
}

// countedWhenReady asks until the tokens have been counted in the background.
func countedWhenReady(t *testing.T, s *badgerstore.Store, now time.Time, total int) (active, expired, revoked int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		active, expired, revoked = s.Counts(now)
		if active+expired+revoked == total {
			return active, expired, revoked
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("counted are %d, %d, %d, want %d in all", active, expired, revoked, total)
		}
	}
}

// putHourly puts a hundred tokens, one of which ends every hour. The first ten
// have no end, and the first and the last five are revoked.
func putHourly(t *testing.T, s *badgerstore.Store, base time.Time) {
	t.Helper()
	for n := range 100 {
		tok := numbered(n)
		tok.Expires = base.Add(time.Duration(n+1) * time.Hour)
		if n < 10 {
			tok.Expires = time.Time{}
		}
		var err error
		if tok.Revision, err = s.Put(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
		if n > 0 && n < 95 {
			continue
		}
		tok.Revoked = tokens.Mark{At: base, By: "grace"}
		if _, err := s.Put(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCountsFollowTimeAndWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, badgerstore.Config{Dir: dir})
	base := numbered(0).Created
	putHourly(t, s, base)
	check := func(s *badgerstore.Store, total int, at time.Duration, want [3]int) {
		t.Helper()
		active, expired, revoked := countedWhenReady(t, s, base.Add(at), total)
		if got := [3]int{active, expired, revoked}; got != want {
			t.Errorf("at %v: counts are %v, want %v", at, got, want)
		}
	}
	for range 2 {
		for _, row := range []struct {
			at   time.Duration
			want [3]int
		}{
			{0, [3]int{94, 0, 6}},
			{12*time.Hour + time.Minute, [3]int{92, 2, 6}},
			{50*time.Hour + time.Minute, [3]int{54, 40, 6}},
			{49*time.Hour + 30*time.Minute, [3]int{55, 39, 6}}, // a little back
			{50*time.Hour + 30*time.Minute, [3]int{54, 40, 6}}, // and a little on
			{13*time.Hour + time.Minute, [3]int{91, 3, 6}},     // clocks are set back
			{1000 * time.Hour, [3]int{9, 85, 6}},
			{-1e6 * time.Hour, [3]int{94, 0, 6}},
			{12*time.Hour + 2*time.Minute, [3]int{92, 2, 6}},
		} {
			check(s, 100, row.at, row.want)
		}
		closeStore(t, s)
		s = openStore(t, badgerstore.Config{Dir: dir})
	}
	check(s, 100, 50*time.Hour+time.Minute, [3]int{54, 40, 6})
	if n, err := s.Purge(t.Context(), base.Add(20*time.Hour+time.Minute)); n != 16 || err != nil {
		t.Fatalf("Purge = %d, %v, want 10 expired and 6 revoked ones", n, err)
	}
	check(s, 84, 50*time.Hour+time.Minute, [3]int{54, 30, 0})
}

// TestCountsOfEveryState: what can still be used is active, what was used up
// is expired.
func TestCountsOfEveryState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, badgerstore.Config{Dir: dir})
	base := numbered(0).Created
	later := base.Add(time.Hour)
	spend := func(tok *tokens.Token) { tok.Only.Uses, tok.Used, tok.Spent = 1, 1, base }
	for n, change := range []func(*tokens.Token){
		func(*tokens.Token) {},
		func(tok *tokens.Token) { tok.Disabled = tokens.Mark{At: base, By: "grace"} },
		func(tok *tokens.Token) { tok.NotBefore = later },
		spend,
		func(tok *tokens.Token) { spend(tok); tok.Expires = time.Time{} },
		func(tok *tokens.Token) { spend(tok); tok.Revoked = tokens.Mark{At: base, By: "grace"} },
		func(tok *tokens.Token) { tok.Revoked = tokens.Mark{At: base, By: "grace"} },
	} {
		tok := numbered(n)
		tok.Expires = base.Add(24 * time.Hour)
		var err error
		if tok.Revision, err = s.Put(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
		change(tok)
		if _, err := s.Put(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if active, expired, revoked := countedWhenReady(t, s, later, 7); active != 3 || expired != 2 || revoked != 2 {
			t.Errorf("counted are %d, %d, %d, want 3, 2, 2", active, expired, revoked)
		}
		closeStore(t, s)
		s = openStore(t, badgerstore.Config{Dir: dir})
	}
	if n, err := s.Purge(t.Context(), later); n != 4 || err != nil {
		t.Fatalf("Purge = %d, %v, want 4", n, err)
	}
	if active, expired, revoked := countedWhenReady(t, s, later, 3); active != 3 || expired != 0 || revoked != 0 {
		t.Errorf("counted are %d, %d, %d, want 3, 0, 0", active, expired, revoked)
	}
}

func TestWritesThatRaceWithCloseAreDoneOrRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, badgerstore.Config{Dir: dir})
	var mu sync.Mutex // guards done
	done := map[int]bool{}
	started := make(chan struct{}, 8)
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for n := worker; ; n += 8 {
				_, err := s.Put(t.Context(), numbered(n))
				if errors.Is(err, tokens.ErrStoreClosed) {
					return
				}
				if err != nil {
					t.Errorf("Put = %v, want ErrStoreClosed", err)
					return
				}
				mu.Lock()
				done[n] = true
				mu.Unlock()
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 8 {
		<-started
	}
	closeStore(t, s)
	wait.Wait()
	s = openStore(t, badgerstore.Config{Dir: dir})
	for n := range done {
		if _, err := s.ByHash(t.Context(), numbered(n).Hash); err != nil {
			t.Errorf("token %d was acknowledged: %v", n, err)
		}
	}
}

// TestLargeWritesAreSplitIntoSeveralCommits: together the writes are larger
// than what Badger takes at a time.
func TestLargeWritesAreSplitIntoSeveralCommits(t *testing.T) {
	t.Parallel()
	s := openStore(t, badgerstore.Config{Dir: t.TempDir()})
	var wait sync.WaitGroup
	for n := range 64 {
		wait.Go(func() {
			tok := numbered(n)
			tok.Meta = []tokens.Meta{{Name: "pad", Value: strings.Repeat(fmt.Sprint(n%10), 500<<10)}}
			if _, err := s.Put(t.Context(), tok); err != nil {
				t.Errorf("Put(%d) = %v", n, err)
			}
		})
	}
	wait.Wait()
	readAll(t, s, 64)
	tok := numbered(64)
	tok.Meta = []tokens.Meta{{Name: "pad", Value: strings.Repeat("x", 513<<10)}}
	if _, err := s.Put(t.Context(), tok); err == nil {
		t.Error("a token of more than 512 KiB is taken")
	}
	tok.Meta, tok.Owner = nil, strings.Repeat("o", 4097)
	if _, err := s.Put(t.Context(), tok); err == nil {
		t.Error("a name of more than 4,096 bytes is taken")
	}
}

// TestACombinedQueryIsBoundedByWhatItReads: one page gives up before it has
// read everything, and says so.
func TestACombinedQueryIsBoundedByWhatItReads(t *testing.T) {
	t.Parallel()
	s := openStore(t, badgerstore.Config{Dir: t.TempDir()})
	const n = 4500
	var wait sync.WaitGroup
	for worker := range 32 {
		wait.Go(func() {
			for i := worker; i < n; i += 32 {
				tok := numbered(i)
				if i == n-1 {
					tok.Scope.Tenant, tok.API, tok.Name = "other", tokens.AccessTokens, "last"
				}
				if _, err := s.Put(t.Context(), tok); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	for _, q := range []tokens.Query{
		{Owner: "ada", Tenant: "other"}, {Owner: "ada", API: tokens.AccessTokens}, {API: tokens.AccessTokens}, {Name: "last"},
	} {
		if pages := pageSizes(t, s, q); fmt.Sprint(pages) != "[0 0 1]" {
			t.Errorf("%+v: pages have %v tokens, want two empty ones and one with the token", q, pages)
		}
	}
	if pages := pageSizes(t, s, tokens.Query{Owner: "ada", Name: "last"}); fmt.Sprint(pages) != "[1]" {
		t.Errorf("by owner and name pages have %v tokens, want one with the token", pages)
	}
}

// pageSizes returns how many tokens each page of a list has.
func pageSizes(t *testing.T, s *badgerstore.Store, q tokens.Query) []int {
	t.Helper()
	var pages []int
	for {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(page.Tokens))
		if page.Next == "" {
			return pages
		}
		q.After = page.Next
	}
}
