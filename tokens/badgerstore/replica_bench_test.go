package badgerstore

import (
	"fmt"
	"strconv"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/feed"
)

// loaded returns a replica with n tokens.
func loaded(b *testing.B, n int) *Replica {
	b.Helper()
	r := testReplica(b, ReplicaConfig{})
	g := newGeneration(b, r)
	addTokens(b, g, n)
	if err := g.Flip(b.Context(), at(uint64(n))); err != nil {
		b.Fatal(err)
	}
	return r
}

// addTokens adds tokens in pages of a thousand, as they come from an engine.
func addTokens(b *testing.B, g *Generation, n int) {
	b.Helper()
	page := make([]feed.Change, 0, 1000)
	for i := range n {
		t := benchToken(i)
		t.Revision = uint64(i + 1)
		if page = append(page, feed.Change{Token: t}); len(page) == cap(page) || i == n-1 {
			if err := g.Add(b.Context(), page); err != nil {
				b.Fatal(err)
			}
			page = page[:0]
		}
	}
}

// BenchmarkReplicaLoad loads 20,000 tokens, or as many as TOLLGATE_BENCH_TOKENS
// says, and puts them in force.
func BenchmarkReplicaLoad(b *testing.B) {
	n := benchSize(20_000)
	r := testReplica(b, ReplicaConfig{})
	for b.Loop() {
		g := newGeneration(b, r)
		addTokens(b, g, n)
		if err := g.Flip(b.Context(), at(uint64(n))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	lsm, _ := r.Size()
	b.Logf("%d tokens take %d MiB", n, lsm>>20)
}

// BenchmarkReplicaByHash is BenchmarkByHash for a replica.
func BenchmarkReplicaByHash(b *testing.B) {
	n := benchSize(1000)
	r := loaded(b, n)
	hashes := make([]tokens.Hash, min(n, 1<<16))
	for i := range hashes {
		hashes[i] = tokens.HashOf(strconv.Itoa(i * (n / len(hashes))))
		if _, err := r.ByHash(b.Context(), hashes[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	ctx := b.Context()
	for i := 0; b.Loop(); i++ {
		if _, err := r.ByHash(ctx, hashes[i%len(hashes)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReplicaApply applies one change at a time among many tokens.
func BenchmarkReplicaApply(b *testing.B) {
	n := benchSize(10_000)
	r := loaded(b, n)
	revision := uint64(n)
	one := make([]feed.Change, 1)
	run := func(name string, change func(i int) feed.Change) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				revision++
				one[0] = change(i)
				if err := r.Apply(b.Context(), at(revision), one); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	revised := func(i int) *tokens.Token {
		t := benchToken(i % n)
		t.Revision = revision
		return t
	}
	run("create", func(i int) feed.Change {
		t := benchToken(n + i)
		t.Revision, t.Name = revision, fmt.Sprint("name ", i)
		return feed.Change{Token: t}
	})
	run("update", func(i int) feed.Change { return feed.Change{Token: revised(i)} })
	run("revoke", func(i int) feed.Change {
		t := revised(i)
		t.Revoked = tokens.Mark{At: t.Created, By: "grace"}
		return feed.Change{Token: t}
	})
	run("usage", func(i int) feed.Change {
		return feed.Change{Usage: &tokens.Usage{ID: benchToken(i % n).ID, Count: revision}}
	})
	run("gone", func(i int) feed.Change { return feed.Change{Gone: benchToken(i % n).ID} })
}

// BenchmarkReplicaEach reads what a replica holds, a thousand tokens at a time.
func BenchmarkReplicaEach(b *testing.B) {
	n := benchSize(10_000)
	r := loaded(b, n)
	for b.Loop() {
		for after := tokens.ID(""); ; {
			held, err := r.Each(b.Context(), after, 1000)
			if err != nil {
				b.Fatal(err)
			}
			if len(held) == 0 {
				break
			}
			after = held[len(held)-1].ID
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/token")
}
