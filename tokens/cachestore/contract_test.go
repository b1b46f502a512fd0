package cachestore_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/memstore"
	"tollgate/tokens/storetest"
)

// warm is a cache that is asked for every token before and after all that is
// done to it, and answers by what it keeps wherever it can.
type warm struct {
	*cachestore.Store
	t *testing.T
}

func (w warm) look(h tokens.Hash) {
	_, _ = w.ByHash(context.Background(), h)
}

func (w warm) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	h := t.Hash
	w.look(h)
	defer w.look(h)
	return w.Store.Put(ctx, t)
}

func (w warm) ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
	t, err := w.Store.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.look(t.Hash)
	kept, err := w.ByHash(ctx, t.Hash)
	if err != nil || kept.Revision < t.Revision {
		w.t.Errorf("by hash there is %+v, %v, by id %+v", kept, err, t)
		return t, err
	}
	return kept.Clone(), nil
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) tokens.Store{
		"over memory": func(*testing.T) tokens.Store { return memstore.New() },
		"over Badger": func(t *testing.T) tokens.Store { return openBadger(t, t.TempDir()) },
	} {
		for size, cfg := range map[string]cachestore.Config{"usual": {}, "small": {MaxBytes: 3000}, "none": {MaxBytes: -1}} {
			disk := name == "over Badger"
			if disk && size != "usual" {
				continue
			}
			if size == "usual" && !disk {
				t.Run(name+", "+size, func(t *testing.T) {
					storetest.Run(t, func(t *testing.T) tokens.Store { return cachestore.New(open(t), cfg) })
				})
			}
			t.Run(name+", "+size+", warm", func(t *testing.T) {
				storetest.Run(t, func(t *testing.T) tokens.Store { return warm{cachestore.New(open(t), cfg), t} })
			})
		}
	}
}

func openBadger(t testing.TB, dir string) *badgerstore.Store {
	t.Helper()
	s, err := badgerstore.Open(badgerstore.Config{Dir: dir, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

func TestStoreKeepsTheDurableContract(t *testing.T) {
	t.Parallel()
	storetest.RunDurable(t, func(t *testing.T, dir string) (tokens.Store, func()) {
		s := openBadger(t, dir)
		return cachestore.New(s, cachestore.Config{}), func() { _ = s.Close() }
	})
}

func TestUsagesAreUnsupportedOverAStoreWithoutThem(t *testing.T) {
	s := cachestore.New(struct{ tokens.Store }{memstore.New()}, cachestore.Config{})
	if err := s.AddUsages(t.Context(), nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("AddUsages = %v", err)
	}
	if _, err := s.Usages(t.Context(), nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Usages = %v", err)
	}
}

// TestWhatIsKept: after one look-up, whether a second one asks the store below.
func TestWhatIsKept(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*tokens.Token)
		kept   bool
	}{
		{"live is kept", func(*tokens.Token) {}, true},
		{"without an end is kept", func(k *tokens.Token) { k.Expires = time.Time{} }, true},
		{"disabled is kept", func(k *tokens.Token) { k.Disabled = tokens.Mark{At: epoch(), By: "root"} }, true},
		{"pending is kept", func(k *tokens.Token) { k.NotBefore = epoch().Add(time.Minute) }, true},
		{"a key pair is kept", func(k *tokens.Token) { k.Secret, k.AccessKey = tokens.Sealed("sealed"), "AK" }, true},
		{"expired is kept, for its end is judged at each use", func(k *tokens.Token) { k.Expires = epoch().Add(-time.Hour) }, true},
		{"revoked is not kept", func(k *tokens.Token) { k.Revoked = tokens.Mark{At: epoch(), By: "root"} }, false},
		{"used up is not kept", func(k *tokens.Token) { k.Only.Uses, k.Used, k.Spent = 1, 1, epoch() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, below := counted(0)
			want := usual(1)
			c.change(want)
			want = put(t, s, want)
			if reads := below.readsOfTwo(t, s, want.Hash); (reads == 1) != c.kept {
				t.Errorf("%d reads of the store below", reads)
			}
			if got := byHash(t, s, want.Hash); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestChangesAreInForceAtOnce: each change of a token that is kept, seen by the
// next look-up, and what is live is kept again after that.
func TestChangesAreInForceAtOnce(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		do   func(s *cachestore.Store, below *counting, k *tokens.Token) error
		err  error
		want func(k *tokens.Token) bool
		kept bool
	}{
		{"revoked", func(s *cachestore.Store, _ *counting, k *tokens.Token) error {
			k.Revoked = tokens.Mark{At: epoch(), By: "root"}
			_, err := s.Put(t.Context(), k)
			return err
		}, nil, func(k *tokens.Token) bool { return k.Revoked.By == "root" }, false},
		{"disabled", func(s *cachestore.Store, _ *counting, k *tokens.Token) error {
			k.Disabled = tokens.Mark{At: epoch(), By: "root"}
			_, err := s.Put(t.Context(), k)
			return err
		}, nil, func(k *tokens.Token) bool { return k.Disabled.By == "root" }, true},
		{"shortened", func(s *cachestore.Store, _ *counting, k *tokens.Token) error {
			k.Expires = epoch()
			_, err := s.Put(t.Context(), k)
			return err
		}, nil, func(k *tokens.Token) bool { return k.Expires.Equal(epoch()) }, true},
		{"refused for an old revision", func(s *cachestore.Store, _ *counting, k *tokens.Token) error {
			k.Revision++
			_, err := s.Put(t.Context(), k)
			return err
		}, tokens.ErrConflict, func(k *tokens.Token) bool { return k.Revision > 0 }, true},
		{"refused for want of room", func(s *cachestore.Store, below *counting, k *tokens.Token) error {
			k.Revision, below.putErr = k.Revision+1, tokens.ErrStoreFull
			_, err := s.Put(t.Context(), k)
			return err
		}, tokens.ErrStoreFull, func(k *tokens.Token) bool { return k.Revision > 0 }, true},
		{"tried when the context had ended", func(s *cachestore.Store, _ *counting, k *tokens.Token) error {
			_, err := s.Put(ended, k)
			return err
		}, context.Canceled, func(k *tokens.Token) bool { return k.Revision > 0 }, true},
		{"happened with an error", func(s *cachestore.Store, below *counting, k *tokens.Token) error {
			k.Disabled, below.putErr = tokens.Mark{At: epoch(), By: "root"}, errBroken
			_, err := s.Put(t.Context(), k)
			return err
		}, errBroken, func(k *tokens.Token) bool { return k.Disabled.By == "root" }, true},
		{"failed, and may happen yet", func(s *cachestore.Store, below *counting, k *tokens.Token) error {
			k.Owner, below.putErr = "another", errBroken // the store below refuses it, and the answer does not say so
			_, err := s.Put(t.Context(), k)
			return err
		}, errBroken, func(k *tokens.Token) bool { return k.Revision > 0 }, false},
		{"failed, and then done again", func(s *cachestore.Store, below *counting, k *tokens.Token) error {
			wrong := k.Clone()
			wrong.Owner, below.putErr = "another", errBroken
			_, err := s.Put(t.Context(), wrong)
			below.putErr = nil
			_, _ = s.Put(t.Context(), k)
			if got := s.Stats().InDoubt; got != 0 {
				t.Errorf("%d are in doubt", got)
			}
			return err
		}, errBroken, func(k *tokens.Token) bool { return k.Revision > 1 }, true},
		{"changed past the cache, which was told", func(s *cachestore.Store, below *counting, k *tokens.Token) error {
			k.Disabled = tokens.Mark{At: epoch(), By: "root"}
			_, err := below.Store.Put(t.Context(), k)
			s.Forget(k.Hash)
			return err
		}, nil, func(k *tokens.Token) bool { return k.Disabled.By == "root" }, true},
		{"changed past the cache, which was told of all", func(s *cachestore.Store, below *counting, k *tokens.Token) error {
			k.Disabled = tokens.Mark{At: epoch(), By: "root"}
			_, err := below.Store.Put(t.Context(), k)
			s.Clear()
			return err
		}, nil, func(k *tokens.Token) bool { return k.Disabled.By == "root" }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, below := counted(0)
			first := put(t, s, usual(1))
			before := byHash(t, s, first.Hash)
			if err := c.do(s, below, first.Clone()); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("the change: %v, want %v", err, c.err)
			}
			below.putErr = nil
			if got := byHash(t, s, first.Hash); !c.want(got) {
				t.Errorf("seen is %+v", got)
			}
			if reads := below.readsOfTwo(t, s, first.Hash); (reads < 2) != c.kept {
				t.Errorf("%d reads of the store below", reads)
			}
			if !reflect.DeepEqual(before, first) {
				t.Errorf("what was read before is now %+v", before)
			}
			if n := s.Stats().InDoubt; (n == 1) != (c.name == "failed, and may happen yet") {
				t.Errorf("%d are in doubt", n)
			}
		})
	}
}

func TestAPurgedTokenIsGoneAtOnce(t *testing.T) {
	s, below := counted(0)
	early, late := put(t, s, usual(1)), usual(2)
	late.Expires = epoch().Add(3 * time.Hour)
	late = put(t, s, late)
	byHash(t, s, early.Hash)
	byHash(t, s, late.Hash)
	if n, err := s.Purge(t.Context(), epoch().Add(2*time.Hour)); n != 1 || err != nil {
		t.Fatalf("Purge = %d, %v", n, err)
	}
	unknown(t, s, early.Hash)
	if reads := below.readsOfTwo(t, s, late.Hash); reads != 0 {
		t.Errorf("what was not purged is read %d times", reads)
	}
	again := put(t, s, usual(1))
	if got := byHash(t, s, again.Hash); got.Revision != again.Revision {
		t.Errorf("made again it has revision %d, want %d", got.Revision, again.Revision)
	}
}

func TestATokenAuthenticatesFromItsCreationOn(t *testing.T) {
	s, _ := counted(0)
	for range 3 {
		unknown(t, s, usual(1).Hash)
	}
	made := put(t, s, usual(1))
	if got := byHash(t, s, made.Hash); got.Revision != made.Revision {
		t.Errorf("it has revision %d", got.Revision)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	s, below := counted(0)
	tok := put(t, s, usual(1))
	for _, err := range []error{errBroken, tokens.ErrUnknown, tokens.ErrStoreClosed, context.Canceled} {
		below.byHash = func(tokens.Hash) (*tokens.Token, error) { return nil, err }
		if got, is := s.ByHash(t.Context(), tok.Hash); !errors.Is(is, err) || got != nil {
			t.Errorf("got %v, %v, want %v", got, is, err)
		}
	}
	below.byHash = nil
	byHash(t, s, tok.Hash)
}

func TestARecordOfAnotherHashIsNotKept(t *testing.T) {
	s, below := counted(0)
	a, b := put(t, s, usual(1)), put(t, s, usual(2))
	below.byHash = func(tokens.Hash) (*tokens.Token, error) { return b.Clone(), nil }
	byHash(t, s, a.Hash)
	below.byHash = nil
	if got := byHash(t, s, a.Hash); got.ID != a.ID {
		t.Errorf("got %s, want %s", got.ID, a.ID)
	}
	if reads := below.readsOfTwo(t, s, b.Hash); reads != 1 {
		t.Errorf("%d reads of the other", reads)
	}
}

// TestAHitNeedsNoContext: what is kept is given even when the store below could
// not be asked.
func TestAHitNeedsNoContext(t *testing.T) {
	s, below := counted(0)
	tok := put(t, s, usual(1))
	byHash(t, s, tok.Hash)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := s.ByHash(ended, tok.Hash); err != nil || got.ID != tok.ID {
		t.Errorf("kept: %v, %v", got, err)
	}
	if _, err := s.ByHash(ended, usual(2).Hash); !errors.Is(err, context.Canceled) || below.reads != 2 {
		t.Errorf("not kept: %v after %d reads", err, below.reads)
	}
}
