package cachestore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/memstore"
)

// benchTokens is how many tokens the benchmarks have: 100,000, or as many as
// TOLLGATE_BENCH_TOKENS says.
func benchTokens() int {
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_BENCH_TOKENS")); err == nil {
		return n
	}
	return 100_000
}

// filled returns a cache of the default size over memory with n tokens, each
// looked up once, and their hashes.
func filled(b *testing.B, n int) (*cachestore.Store, []tokens.Hash) {
	b.Helper()
	s := cachestore.New(memstore.New(), cachestore.Config{})
	hashes := make([]tokens.Hash, n)
	for i := range hashes {
		hashes[i] = put(b, s, usual(i)).Hash
		byHash(b, s, hashes[i])
	}
	return s, hashes
}

func BenchmarkHit(b *testing.B) {
	s, hashes := filled(b, benchTokens())
	got := s.Stats()
	b.Logf("%d tokens are kept in %d MiB", got.Tokens, got.Bytes>>20)
	ctx := context.Background()
	for _, row := range []struct {
		name string
		n    int
	}{{"one token", 1}, {"64 tokens", 64}, {"all, evenly", len(hashes)}} {
		some := hashes[:row.n]
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.ByHash(ctx, some[i*7919%len(some)]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(row.name+", 64 at once", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := s.ByHash(ctx, some[i*7919%len(some)]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkVerify is a whole check of a value by the service.
func BenchmarkVerify(b *testing.B) {
	ann := &tokens.User{Name: "ann", Tenants: tokens.Tenants{Names: []string{"red"}}, Rights: tokens.StorageAll}
	for name, store := range map[string]func() tokens.Store{
		"cached": func() tokens.Store { return cachestore.New(memstore.New(), cachestore.Config{}) },
		"memory": func() tokens.Store { return memstore.New() },
	} {
		s := tokens.NewService(tokens.Deps{
			Store: store(), Users: func(string) (*tokens.User, bool) { return ann, true }, Now: time.Now, Random: rand.Reader,
		}, tokens.Default())
		for _, form := range []tokens.Form{tokens.Hex, tokens.Prefixed} {
			got, err := s.Issue(b.Context(), tokens.Order{By: tokens.Subject{User: ann}, Scope: tokens.Scope{Tenant: "red"}, Form: form})
			if err != nil {
				b.Fatal(err)
			}
			ctx := context.Background()
			b.Run(name+" "+string(form), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Verify(ctx, got.Value); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkPut(b *testing.B) {
	for name, open := range map[string]func() tokens.Store{
		"bare":   func() tokens.Store { return memstore.New() },
		"cached": func() tokens.Store { return cachestore.New(memstore.New(), cachestore.Config{}) },
	} {
		b.Run(name, func(b *testing.B) {
			s := open()
			tok := put(b, s, usual(1))
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				revision, err := s.Put(ctx, tok)
				if err != nil {
					b.Fatal(err)
				}
				tok.Revision = revision
			}
		})
	}
}

// BenchmarkOverBadger has the tokens in tables on the disk.
func BenchmarkOverBadger(b *testing.B) {
	dir, n := filepath.Join(b.TempDir(), "store"), benchTokens()
	below, err := badgerstore.Open(badgerstore.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	var writers sync.WaitGroup
	var next atomic.Int64
	for range 512 {
		writers.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				if _, err := below.Put(context.Background(), usual(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	if err := below.Close(); err != nil { // which writes out the tables
		b.Fatal(err)
	}
	s := cachestore.New(openBadger(b, dir), cachestore.Config{})
	ctx := context.Background()
	start := heap()
	for i := range n {
		byHash(b, s, usual(i+1).Hash)
	}
	got := s.Stats()
	b.Logf("%d tokens: kept are %d in %d bytes, by the memory %d, evicted %d",
		n, got.Tokens, got.Bytes, heap()-start, got.Evictions)
	b.Run("unknown, each time another", func(b *testing.B) {
		hashes := make([]tokens.Hash, 1<<16)
		for i := range hashes {
			hashes[i] = tokens.HashOf(fmt.Sprint("garbage ", i))
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.ByHash(ctx, hashes[i%len(hashes)]); err == nil {
				b.Fatal("found")
			}
		}
	})
	b.Run("read and kept", func(b *testing.B) {
		hashes := make([]tokens.Hash, min(n, 1<<16))
		for i := range hashes {
			hashes[i] = usual(i + 1).Hash
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			h := hashes[i*7919%len(hashes)]
			s.Forget(h)
			if _, err := s.ByHash(ctx, h); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kept, evenly", func(b *testing.B) {
		hashes := make([]tokens.Hash, n)
		for i := range hashes {
			hashes[i] = usual(i + 1).Hash
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.ByHash(ctx, hashes[i*7919%n]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
