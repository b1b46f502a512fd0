package badgerstore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tollgate/tokens"
)

// BenchmarkWrites measures durable writes by many callers at a time: new
// tokens, and their revocation, which is the second write of each token. The
// time of the processor is said too, for it depends less on what else the
// machine does.
func BenchmarkWrites(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprintf("create/%d", callers), func(b *testing.B) {
			s := openCounting(b)
			s.measurePuts(b, benchTokens(b.N), callers)
		})
		b.Run(fmt.Sprintf("revoke/%d", callers), func(b *testing.B) {
			s := openCounting(b)
			all := benchTokens(b.N)
			putAll(b, s.Store, all, 512)
			for _, t := range all {
				t.Revoked = tokens.Mark{At: t.Created.Add(time.Minute), By: "grace"}
			}
			s.measurePuts(b, all, callers)
		})
	}
}

// countingStore counts commits.
type countingStore struct {
	*Store
	commits atomic.Int64
}

// openCounting opens a store on the disk that holds temporary files.
func openCounting(b *testing.B) *countingStore {
	b.Helper()
	c := &countingStore{}
	s, err := Open(Config{Dir: b.TempDir(), Observe: func(op string, _ time.Duration, _ error) {
		if op == "commit" {
			c.commits.Add(1)
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	c.Store = s
	return c
}

func (c *countingStore) measurePuts(b *testing.B, all []*tokens.Token, callers int) {
	b.Helper()
	c.commits.Store(0)
	busy := processorTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	putAll(b, c.Store, all, callers)
	b.StopTimer()
	writes := float64(len(all))
	b.ReportMetric(float64((processorTime(b)-busy).Microseconds())/writes, "cpu-us/op")
	b.ReportMetric(writes/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(writes/float64(max(c.commits.Load(), 1)), "writes/commit")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func benchTokens(n int) []*tokens.Token {
	all := make([]*tokens.Token, n)
	for i := range all {
		all[i] = benchToken(i)
	}
	return all
}

// putAll writes every token once and keeps its revision.
func putAll(b *testing.B, s *Store, all []*tokens.Token, callers int) {
	b.Helper()
	var next atomic.Int64
	var wait sync.WaitGroup
	for range callers {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				var err error
				if all[i].Revision, err = s.Put(b.Context(), all[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}
