package enginetest

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens/feed"
)

// BenchmarkCreate has 64 writers, and reports how long one waits.
func BenchmarkCreate(b *testing.B) {
	for name, start := range map[string]func(testing.TB, ...members.Option) *members.Cluster{"one member": members.Single, "three members": members.Three} {
		b.Run(name, func(b *testing.B) {
			cluster := start(b)
			e := open(b, configFor(newPrefix(), cluster.Endpoints()...))
			fill(b, e, 0, 100)
			var next atomic.Int64
			var mu sync.Mutex
			var took []time.Duration
			var wait sync.WaitGroup
			b.ResetTimer()
			for range 64 {
				wait.Go(func() {
					for {
						n := int(next.Add(1))
						if n > b.N {
							return
						}
						began := time.Now()
						if _, err := e.Put(b.Context(), token(1000+n)); err != nil {
							b.Error(err)
						}
						mu.Lock()
						took = append(took, time.Since(began))
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "creates/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkPut has one writer: what one change waits for.
func BenchmarkPut(b *testing.B) {
	cluster := members.Three(b)
	e := open(b, configFor(newPrefix(), cluster.Endpoints()...))
	tok := put(b, e, token(1))
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		tok = put(b, e, tok)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkProof is what each gateway does each second.
func BenchmarkProof(b *testing.B) {
	cluster := members.Three(b)
	e := open(b, configFor(newPrefix(), cluster.Endpoints()...))
	put(b, e, token(1))
	have := newReplica()
	have.load(b, e.Session())
	s := e.Session()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Proof(b.Context(), have.at); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot reads 100,000 tokens.
func BenchmarkSnapshot(b *testing.B) {
	cluster := members.Single(b)
	e := open(b, configFor(newPrefix(), cluster.Endpoints()...))
	fill(b, e, 0, 100_000)
	for b.Loop() {
		n := 0
		_, err := e.Session().Snapshot(b.Context(), func(changes []feed.Change) error {
			n += len(changes)
			return nil
		})
		if err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
