package badgerstore

import (
	"expvar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
)

// BenchmarkUnknown measures the look-up of hashes that no token has, which is
// what guessed values cost: among 10,000 tokens in tables on the disk, or as
// many as TOLLGATE_BENCH_TOKENS says. blocks/op says how often a table was
// searched although its filter should have said that it has not got the key,
// disk-B/op what came from the disk.
func BenchmarkUnknown(b *testing.B) {
	n := benchSize(10_000)
	dir := filepath.Join(b.TempDir(), "store")
	load(b, dir, n, benchToken)
	b.Run("store", func(b *testing.B) {
		s, err := Open(Config{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Close() })
		<-s.counts.ready
		before := diskRead(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.ByHash(b.Context(), unknownHash(i)); err == nil {
				b.Fatal("a guessed token is known")
			}
		}
		b.ReportMetric(float64(diskRead(b)-before)/float64(b.N), "disk-B/op")
	})
	b.Run("filters", func(b *testing.B) {
		db, err := badger.Open(Config{Dir: dir}.badgerOptions().WithMetricsEnabled(true))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		snap := newSnapshot(db)
		defer snap.leave()
		before := searched()
		for i := 0; b.Loop(); i++ {
			if _, err := recordByHash(snap, unknownHash(i)); err == nil {
				b.Fatal("a guessed token is known")
			}
		}
		b.ReportMetric(float64(searched()-before)/float64(b.N), "blocks/op")
	})
}

func unknownHash(n int) tokens.Hash { return tokens.HashOf(fmt.Sprint("guess", n)) }

// searched sums over the levels how many tables were searched for a key.
func searched() int64 {
	sum := int64(0)
	if levels, ok := expvar.Get("badger_get_num_lsm").(*expvar.Map); ok {
		levels.Do(func(kv expvar.KeyValue) {
			if n, ok := kv.Value.(*expvar.Int); ok {
				sum += n.Value()
			}
		})
	}
	return sum
}

// diskRead returns the bytes that this process has read from disks.
func diskRead(b *testing.B) int64 {
	b.Helper()
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skip("the system does not say what was read from the disk")
	}
	var n int64
	for line := range strings.Lines(string(data)) {
		if _, err := fmt.Sscanf(line, "read_bytes: %d", &n); err == nil {
			return n
		}
	}
	return 0
}
