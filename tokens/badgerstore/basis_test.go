package badgerstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

// TestWritesRestOnThoseWhoWereLookedAt: what was judged by what is no more does
// not happen.
func TestWritesRestOnThoseWhoWereLookedAt(t *testing.T) {
	t.Parallel()
	put := func(s *badgerstore.Store, k *tokens.Token) (err error) {
		k.Revision, err = s.Put(context.Background(), k)
		return err
	}
	user := func(s *badgerstore.Store, name string) error {
		return s.Users().Put(context.Background(), name, []byte("changed"))
	}
	rows := map[string]struct {
		before func(s *badgerstore.Store, mine *tokens.Token) error // it is looked at anybody
		since  func(s *badgerstore.Store, mine *tokens.Token) error
		refuse bool
	}{
		"nothing happened": {},
		"he was changed before": {before: func(s *badgerstore.Store, mine *tokens.Token) error {
			mine.Disabled = tokens.Mark{}
			return errors.Join(user(s, "ada"), put(s, mine))
		}},
		"others were changed": {since: func(s *badgerstore.Store, _ *tokens.Token) error {
			return errors.Join(user(s, "bob"), user(s, "ad"), put(s, numbered(8)))
		}},
		"the user was changed": {since: func(s *badgerstore.Store, _ *tokens.Token) error { return user(s, "ada") }, refuse: true},
		"the user was removed": {since: func(s *badgerstore.Store, _ *tokens.Token) error {
			return s.Users().Delete(context.Background(), "ada")
		}, refuse: true},
		"the token was revoked": {since: func(s *badgerstore.Store, mine *tokens.Token) error {
			mine.Revoked = tokens.Mark{At: revokedAt(), By: "root"}
			return put(s, mine)
		}, refuse: true},
		"the token was purged": {since: func(s *badgerstore.Store, mine *tokens.Token) error {
			mine.Revoked = tokens.Mark{At: revokedAt(), By: "root"}
			if err := put(s, mine); err != nil {
				return err
			}
			n, err := s.Purge(context.Background(), revokedAt().Add(time.Hour))
			if n == 0 {
				return errors.Join(err, errors.New("nothing is purged"))
			}
			return err
		}, refuse: true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, badgerstore.Config{Dir: t.TempDir()})
			mine := putNumbered(t, s, 1)
			happens := func(what func(*badgerstore.Store, *tokens.Token) error) {
				if what == nil {
					return
				}
				if err := what(s, mine.Clone()); err != nil {
					t.Fatal(err)
				}
			}
			happens(row.before)
			ctx := judged(t.Context(), s, "ada", mine.ID)
			happens(row.since)
			_, err := s.Put(ctx, numbered(2))
			if errors.Is(err, tokens.ErrBasis) != row.refuse || !row.refuse && err != nil {
				t.Errorf("a token: %v, refused: %v", err, row.refuse)
			}
			if _, err := s.ByID(t.Context(), numbered(2).ID); errors.Is(err, tokens.ErrUnknown) != row.refuse {
				t.Errorf("it is there: %v", err)
			}
			if err := s.Users().Put(ctx, "new", []byte("x")); errors.Is(err, tokens.ErrBasis) != row.refuse || !row.refuse && err != nil {
				t.Errorf("a user: %v, refused: %v", err, row.refuse)
			}
			if _, err := s.Put(tokens.RestingOnNobody(ctx), numbered(3)); err != nil {
				t.Errorf("a token that rests on nobody: %v", err)
			}
		})
	}
}

// TestWritesThatWaitRestOnThoseBeforeThem: many writes share a commit or wait for
// one. Those that come after the end of whom they rest on do not happen.
func TestWritesThatWaitRestOnThoseBeforeThem(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"token", "user"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, badgerstore.Config{Dir: t.TempDir()})
			mine := putNumbered(t, s, 1)
			var wait sync.WaitGroup
			var mu sync.Mutex
			made := map[int]uint64{}
			for i := range 400 {
				ctx := judged(t.Context(), s, "ada", mine.ID)
				wait.Go(func() {
					revision, err := s.Put(ctx, numbered(10+i))
					if err != nil && !errors.Is(err, tokens.ErrBasis) {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						made[i] = revision
					}
				})
			}
			var ended uint64
			var err error
			if end == "token" {
				mine.Revoked = tokens.Mark{At: revokedAt(), By: "root"}
				ended, err = s.Put(t.Context(), mine)
			} else {
				err = s.Users().Put(t.Context(), "ada", []byte("disabled"))
				ended = s.Revision()
			}
			if err != nil {
				t.Fatal(err)
			}
			wait.Wait()
			for i, revision := range made {
				if revision > ended {
					t.Errorf("token %d was made at %d, after the end at %d", i, revision, ended)
				}
			}
			if _, err := s.Put(judged(t.Context(), s, "ada", ""), numbered(9)); err != nil {
				t.Errorf("judged anew: %v", err)
			}
		})
	}
}

// TestUsersMayBeKnownLater: a change of a user that is committed, and that nobody
// who judges can see yet, counts as one that comes later.
func TestUsersMayBeKnownLater(t *testing.T) {
	t.Parallel()
	s := openStore(t, badgerstore.Config{Dir: t.TempDir()})
	putNumbered(t, s, 1)
	before := s.Revision()
	if err := s.Users().Put(t.Context(), "ada", []byte("disabled")); err != nil {
		t.Fatal(err)
	}
	mine := putNumbered(t, s, 2) // her token is newer than what is known of her
	service := tokens.NewService(tokens.Deps{Revision: s.Revision, Known: func() uint64 { return before }, Now: time.Now}, tokens.Default())
	for user, refused := range map[string]bool{"ada": true, "bob": false} {
		by := tokens.Subject{User: &tokens.User{Name: user}, Token: mine}
		_, err := s.Put(tokens.Resting(service.Judge(t.Context()), by), numbered(3))
		if errors.Is(err, tokens.ErrBasis) != refused || !refused && err != nil {
			t.Errorf("by %s: %v, refused: %v", user, err, refused)
		}
	}
}

// judged returns the context of a write that rests on a user, and on his token if
// it is named, as they are now.
func judged(ctx context.Context, s *badgerstore.Store, user string, id tokens.ID) context.Context {
	service := tokens.NewService(tokens.Deps{Store: s, Revision: s.Revision, Now: time.Now}, tokens.Default())
	by := tokens.Subject{User: &tokens.User{Name: user}}
	if id != "" {
		by.Token = &tokens.Token{ID: id}
	}
	return tokens.Resting(service.Judge(ctx), by)
}
