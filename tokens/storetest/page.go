package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
)

func pageClauses() []clause {
	return []clause{
		{"the limit has bounds", limitHasBounds},
		{"a cursor goes on behind its page", cursorGoesOn},
		{"a cursor outlives its token", cursorOutlivesToken},
		{"a cursor is printable and safe in a query", cursorIsSafe},
		{"a cursor that List did not give is refused", badCursorIsRefused},
		{"a cursor of another list is refused", othersCursorIsRefused},
		{"what stays is listed once while others write", listIsStable},
	}
}

func limitHasBounds(t *testing.T, s tokens.Store) {
	putMany(t, s, tokens.MaxLimit+50)
	rows := map[int]int{
		-1: tokens.DefaultLimit, 0: tokens.DefaultLimit, 1: 1, 99: 99,
		tokens.MaxLimit: tokens.MaxLimit, tokens.MaxLimit + 1: tokens.MaxLimit, 1 << 40: tokens.MaxLimit,
	}
	for limit, want := range rows {
		page, err := s.List(t.Context(), tokens.Query{Owner: "ada", Limit: limit})
		if err != nil || len(page.Tokens) != want || page.Next == "" {
			t.Errorf("limit %d: %d tokens, next %q, %v, want %d and a next", limit, len(page.Tokens), page.Next, err, want)
		}
	}
}

// putMany puts the samples from zero on, each ending a second after the one
// before.
func putMany(t *testing.T, s tokens.Store, n int) {
	t.Helper()
	var wait sync.WaitGroup
	for worker := range 16 {
		wait.Go(func() {
			for i := worker; i < n; i += 16 {
				if _, err := s.Put(t.Context(), endingAt(i, after(time.Duration(i)*time.Second))); err != nil {
					t.Errorf("Put(%d) = %v", i, err)
				}
			}
		})
	}
	wait.Wait()
}

func cursorGoesOn(t *testing.T, s tokens.Store) {
	const n = 25
	putMany(t, s, n)
	for limit := 1; limit <= n+1; limit++ {
		for _, q := range []tokens.Query{{Owner: "ada"}, {Tenant: "acme"}, {}} {
			q.Limit = limit
			got := list(t, s, q)
			if len(got) != n {
				t.Fatalf("%+v: %d tokens in all, want %d", q, len(got), n)
			}
			for i, tok := range got {
				if tok.ID != sample(i).ID {
					t.Fatalf("%+v: %s in place %d", q, tok.ID, i)
				}
			}
		}
	}
}

func cursorOutlivesToken(t *testing.T, s tokens.Store) {
	putMany(t, s, 10)
	page, err := s.List(t.Context(), tokens.Query{Owner: "ada", Limit: 4})
	if err != nil || page.Next == "" {
		t.Fatalf("List = %q, %v", page.Next, err)
	}
	if n, err := s.Purge(t.Context(), after(3500*time.Millisecond)); n != 4 || err != nil {
		t.Fatalf("Purge = %d, %v", n, err)
	}
	listed(t, s, "the rest", tokens.Query{Owner: "ada", After: page.Next}, 4, 5, 6, 7, 8, 9)
}

func cursorIsSafe(t *testing.T, s tokens.Store) {
	for n := range 3 {
		put(t, s, with(n, func(tok *tokens.Token) {
			tok.Owner = "\x00/é&=+%"
			tok.ID += "\x00/&?#é"
		}))
	}
	page, err := s.List(t.Context(), tokens.Query{Owner: "\x00/é&=+%", Limit: 1})
	if err != nil || page.Next == "" {
		t.Fatalf("List = %q, %v", page.Next, err)
	}
	const safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	if rest := strings.Trim(string(page.Next), safe); rest != "" {
		t.Errorf("cursor %q has bytes that are not safe: %q", page.Next, rest)
	}
}

func badCursorIsRefused(t *testing.T, s tokens.Store) {
	putMany(t, s, 5)
	q := tokens.Query{Owner: "ada", Limit: 2}
	page, err := s.List(t.Context(), q)
	if err != nil || page.Next == "" {
		t.Fatalf("List = %q, %v", page.Next, err)
	}
	good := string(page.Next)
	bad := []string{"x", "0", " ", "\x00", "====", "not a cursor", strings.Repeat("A", 5000), good + "A", good + "AAAA", good + "\n"}
	for cut := 1; cut < len(good); cut++ {
		bad = append(bad, good[:cut], good[cut:])
	}
	for i := range good {
		bad = append(bad, good[:i]+"!"+good[i+1:])
		if good[i] != 'Q' {
			bad = append(bad, good[:i]+"Q"+good[i+1:])
		}
	}
	for _, c := range bad {
		q.After = tokens.Cursor(c)
		if _, err := s.List(t.Context(), q); !errors.Is(err, tokens.ErrBadCursor) {
			t.Errorf("List after %q = %v, want ErrBadCursor", c, err)
		}
	}
}

func othersCursorIsRefused(t *testing.T, s tokens.Store) {
	putMany(t, s, 5)
	lists := []tokens.Query{{Owner: "ada"}, {Tenant: "acme"}, {Owner: "bob"}, {Tenant: "ada"}, {}}
	for _, from := range lists {
		from.Limit = 2
		page, err := s.List(t.Context(), from)
		if err != nil {
			t.Fatalf("List(%+v) = %v", from, err)
		}
		for _, to := range lists {
			if to.After = page.Next; page.Next == "" || to.Owner == from.Owner && to.Tenant == from.Tenant {
				continue
			}
			if _, err := s.List(t.Context(), to); !errors.Is(err, tokens.ErrBadCursor) {
				t.Errorf("List(%+v) with a cursor of %+v = %v, want ErrBadCursor", to, from, err)
			}
		}
	}
}

// listIsStable lists again and again while tokens come, are revoked and are
// purged between those that stay.
func listIsStable(t *testing.T, s tokens.Store) {
	const stay = 60
	for n := range stay {
		put(t, s, endingAt(n, after(time.Duration(n)*time.Minute)))
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	defer wait.Wait()
	defer close(stop)
	for worker := range 4 {
		wait.Go(func() { disturb(t, s, worker, stop) })
	}
	for n := range 20 {
		seen := map[tokens.ID]int{}
		q := tokens.Query{Owner: "ada", Limit: 7}
		if n%2 == 0 {
			q.Owner = "" // that is the list of all
		}
		for _, tok := range list(t, s, q) {
			seen[tok.ID]++
		}
		for n := range stay {
			if id := sample(n).ID; seen[id] != 1 {
				t.Fatalf("token %s is listed %d times, want once", id, seen[id])
			}
		}
	}
}

func disturb(t *testing.T, s tokens.Store, worker int, stop <-chan struct{}) {
	for n := range 400 { // bounded: the lists must come to an end
		select {
		case <-stop:
			return
		default:
		}
		tok := endingAt(1000+worker*1_000_000+n, after(time.Duration(n%60)*time.Minute+time.Second))
		tok.ID = tokens.ID(fmt.Sprintf("%s-%d", tok.ID, worker))
		revision, err := s.Put(t.Context(), tok)
		if err == nil && n%2 == 0 {
			tok.Revision = revision
			tok.Revoked = tokens.Mark{At: after(-time.Hour), By: "grace"}
			_, err = s.Put(t.Context(), tok)
		}
		if err == nil && n%10 == 0 {
			_, err = s.Purge(t.Context(), after(-time.Minute))
		}
		if err != nil {
			t.Errorf("write beside a list: %v", err)
			return
		}
	}
}
