package badgerstore

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"tollgate/tokens"
)

// The store of the benchmarks below: a tenth of the tokens belongs to one
// owner, a tenth was made through each of two APIs, one in a thousand through
// a third.

const bulkOwner = "bulk"

func scaleToken(n int) *tokens.Token {
	t := benchToken(n)
	if n%10 == 3 {
		t.Owner = bulkOwner
	}
	t.Expires = time.UnixMilli(1_900_003_600_000 + int64(n)*7919%1_000_003).UTC() // not in the order of ids
	switch {
	case n%10 == 5:
		t.API = tokens.AccessTokens
	case n%1000 == 7:
		t.API = tokens.FileRepository
	}
	return t
}

// BenchmarkScale measures what lists and bulk changes cost among many tokens:
// 10,000, or as many as TOLLGATE_BENCH_TOKENS says.
func BenchmarkScale(b *testing.B) {
	n := benchSize(10_000)
	dir := filepath.Join(b.TempDir(), "store")
	load(b, dir, n, scaleToken)
	start := time.Now()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	opened := time.Since(start)
	<-s.counts.ready
	lsm, _ := s.Size()
	b.Logf("%d tokens: opened in %v, counted after %v, %d MiB", n, opened, time.Since(start), lsm>>20)
	benchPages(b, s)
	benchUsages(b, s, n)
	benchRevokeAll(b, s, n)
	b.Run("after/page of the owner, live", func(b *testing.B) {
		benchList(b, s, tokens.Query{Owner: bulkOwner, LiveAt: scaleNow()})
	})
	b.Run("after/page of all, live", func(b *testing.B) { benchList(b, s, tokens.Query{LiveAt: scaleNow()}) })
	benchPurge(b, s, n)
}

func scaleNow() time.Time { return time.UnixMilli(1_900_000_000_000).UTC() }

func benchPages(b *testing.B, s *Store) {
	live := scaleNow()
	for _, row := range []struct {
		name string
		q    tokens.Query
	}{
		{"owner", tokens.Query{Owner: bulkOwner}},
		{"owner, live", tokens.Query{Owner: bulkOwner, LiveAt: live}},
		{"tenant", tokens.Query{Tenant: "tenant7"}},
		{"all", tokens.Query{}},
		{"all, live", tokens.Query{LiveAt: live}},
		{"all, the end", tokens.Query{LiveAt: time.UnixMilli(1_900_003_600_000 + 1_000_000)}},
		{"owner and API, none", tokens.Query{Owner: bulkOwner, API: tokens.AccessTokens}},
		{"API, one in ten", tokens.Query{API: tokens.AccessTokens}},
		{"API, one in a thousand", tokens.Query{API: tokens.FileRepository}},
		{"API, none", tokens.Query{API: tokens.Management}},
		{"name, none", tokens.Query{Owner: bulkOwner, Name: "deploy"}},
	} {
		b.Run("page of "+row.name, func(b *testing.B) { benchList(b, s, row.q) })
	}
}

// benchList reads one page and says how many tokens it has.
func benchList(b *testing.B, s *Store, q tokens.Query) {
	b.Helper()
	b.ReportAllocs()
	found := 0
	for b.Loop() {
		page, err := s.List(b.Context(), q)
		if err != nil {
			b.Fatal(err)
		}
		found = len(page.Tokens)
	}
	b.ReportMetric(float64(found), "tokens/page")
}

func benchUsages(b *testing.B, s *Store, n int) {
	all := make([]tokens.Usage, min(n, 10_000))
	ids := make([]tokens.ID, len(all))
	for i := range all {
		ids[i] = scaleToken(i * (n / len(all))).ID
		all[i] = tokens.Usage{ID: ids[i], At: scaleNow(), Agent: "curl/8.5.0", Count: 1}
	}
	b.Run("add usages", func(b *testing.B) {
		for b.Loop() {
			if err := s.AddUsages(b.Context(), all); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/token")
	})
	b.Run("read usages", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Usages(b.Context(), ids); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/token")
	})
}

// benchRevokeAll ends all tokens of one owner through the service. It can be
// done once.
func benchRevokeAll(b *testing.B, s *Store, n int) {
	admin := &tokens.User{Name: "root", Tenants: tokens.Tenants{Any: true}, Rights: tokens.Everything}
	service := tokens.NewService(tokens.Deps{
		Store: s, Usage: s, Now: scaleNow,
		Users: func(name string) (*tokens.User, bool) {
			return &tokens.User{Name: name, Tenants: admin.Tenants, Rights: tokens.StorageAll}, true
		},
	}, tokens.Default())
	m := tokens.Manager{Subject: tokens.Subject{User: admin}, Via: tokens.Management}
	b.Run("revoke all of an owner", func(b *testing.B) {
		if b.N > 1 {
			b.Skip("it can be done once: run with -benchtime 1x")
		}
		count, err := service.RevokeAll(context.Background(), m, tokens.Filter{Owner: bulkOwner}, nil)
		if err != nil || count != n/10 {
			b.Fatalf("RevokeAll = %d, %v, want %d", count, err, n/10)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(count), "ns/token")
	})
}

func benchPurge(b *testing.B, s *Store, n int) {
	b.Run("purge", func(b *testing.B) {
		if b.N > 1 {
			b.Skip("it can be done once: run with -benchtime 1x")
		}
		total := 0
		for {
			count, err := s.Purge(context.Background(), scaleNow().Add(time.Second))
			if err != nil {
				b.Fatal(err)
			}
			if total += count; count < maxPurge {
				break
			}
		}
		if total != n/10 {
			b.Fatal(fmt.Sprint("purged are ", total))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/token")
	})
}
