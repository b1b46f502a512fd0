package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// benchToken returns a token of usual size.
func benchToken(n int) *tokens.Token {
	return &tokens.Token{
		ID:      tokens.ID(fmt.Sprintf("%022d", n)),
		Hash:    tokens.HashOf(strconv.Itoa(n)),
		API:     tokens.UserTokens,
		Owner:   fmt.Sprintf("user%d", n%1000),
		Creator: fmt.Sprintf("user%d", n%1000),
		Scope:   tokens.Scope{Tenant: fmt.Sprintf("tenant%d", n%50), Domain: "files.acme.example"},
		Created: time.UnixMilli(1_900_000_000_000).UTC(),
		Expires: time.UnixMilli(1_900_003_600_000 + int64(n)).UTC(),
		Meta:    []tokens.Meta{{Name: "note", Value: "made for the benchmark"}},
	}
}

// load fills a store with the tokens that make returns, without waiting for
// the disk after each, and brings it into the form that it has when it has been
// left alone for a while.
func load(b *testing.B, dir string, n int, make func(int) *tokens.Token) {
	b.Helper()
	cfg, err := Config{Dir: dir}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	s, err := open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	for i := range n {
		t := make(i)
		c := &change{}
		c.set(idKey(t.ID), t.Hash[:])
		c.index(t)
		if err := c.record(t, uint64(i+1)); err != nil {
			b.Fatal(err)
		}
		for i := range c.entries {
			if err := batch.SetEntry(&c.entries[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := batch.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(s.db.Flatten(2), s.db.Close(), s.lock.release()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkByHash compares a token check with a bare look-up of the same key.
// Sizes above the first are run only if TOLLGATE_BENCH_TOKENS is at least as
// large, for they take minutes and gigabytes to build.
func BenchmarkByHash(b *testing.B) {
	most := benchSize(1000)
	for _, size := range []struct {
		name string
		n    int
	}{{"1k", 1000}, {"1M", 1_000_000}, {"10M", 10_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			if size.n > most {
				b.Skipf("TOLLGATE_BENCH_TOKENS is less than %d", size.n)
			}
			dir := filepath.Join(b.TempDir(), "store")
			load(b, dir, size.n, benchToken)
			start := time.Now()
			s, err := Open(Config{Dir: dir})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			opened := time.Since(start)
			<-s.counts.ready
			b.Logf("%d tokens: opened in %v, counted after %v", size.n, opened, time.Since(start))
			benchReads(b, s, size.n)
		})
	}
}

// benchSize is how many tokens a benchmark may have made for it.
func benchSize(otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_BENCH_TOKENS")); err == nil {
		return n
	}
	return otherwise
}

func benchReads(b *testing.B, s *Store, n int) {
	b.Helper()
	hashes := make([]tokens.Hash, min(n, 1<<16))
	for i := range hashes {
		hashes[i] = tokens.HashOf(strconv.Itoa(i * (n / len(hashes))))
	}
	for _, h := range hashes { // bring in what the first look-up would pay for
		if _, err := s.ByHash(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		for i := 0; b.Loop(); i++ {
			if _, err := s.ByHash(ctx, hashes[i%len(hashes)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			err := s.db.View(func(txn *badger.Txn) error {
				item, err := txn.Get(recordKey(hashes[i%len(hashes)]))
				if err != nil {
					return err
				}
				return item.Value(func([]byte) error { return nil })
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkList(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "store")
	load(b, dir, 10_000, benchToken)
	s, err := Open(Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	b.ReportAllocs()
	for b.Loop() {
		page, err := s.List(b.Context(), tokens.Query{Tenant: "tenant7"})
		if err != nil || len(page.Tokens) != tokens.DefaultLimit {
			b.Fatalf("%d tokens, %v", len(page.Tokens), err)
		}
	}
}
