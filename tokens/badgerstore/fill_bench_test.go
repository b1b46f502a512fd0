package badgerstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
)

// spread returns one of many tokens, of a thousand owners in fifty tenants.
func spread(n int) *tokens.Token {
	t := numbered(n)
	t.Owner = fmt.Sprintf("user%d", n%1000)
	t.Creator = t.Owner
	t.Scope.Tenant = fmt.Sprintf("tenant%d", n%50)
	return t
}

// BenchmarkFill fills a directory by 512 callers at a time with 10,000 tokens,
// or as many as TOLLGATE_BENCH_TOKENS says, and prints what memory a process
// takes that opens it, and that has looked up 100,000 of them.
func BenchmarkFill(b *testing.B) {
	n := 10_000
	if most, err := strconv.Atoi(os.Getenv("TOLLGATE_BENCH_TOKENS")); err == nil {
		n = most
	}
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "store")
		fill(b, dir, n)
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tokens/s")
		cmd := child(b, "TestChildLooksUpTokens", "memory", "STORE_DIR="+dir, "STORE_TOKENS="+strconv.Itoa(n))
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.Logf("%d tokens in %v\n%s", n, b.Elapsed(), out)
	}
}

func fill(b *testing.B, dir string, n int) {
	b.Helper()
	s, err := badgerstore.Open(badgerstore.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range 512 {
		wait.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				if _, err := s.Put(b.Context(), spread(i-1)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// TestChildLooksUpTokens is the process whose memory is measured.
func TestChildLooksUpTokens(t *testing.T) {
	if os.Getenv(childEnv) != "memory" {
		t.Skip("not a test of its own: BenchmarkFill runs it as a process")
	}
	n, err := strconv.Atoi(os.Getenv("STORE_TOKENS"))
	if err != nil {
		t.Fatal(err)
	}
	t.Log("before", memory(t))
	s := openStore(t, badgerstore.Config{Dir: os.Getenv("STORE_DIR")})
	t.Log("open", memory(t))
	for active := -1; active < n; { // until they have been counted
		active, _, _ = s.Counts(numbered(0).Created)
	}
	t.Log("counted", memory(t))
	const looks = 100_000
	for i := range looks {
		if _, err := s.ByHash(t.Context(), spread(i*max(n/looks, 1)%n).Hash); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("looked up", memory(t))
	for i := range looks {
		if _, err := s.ByHash(t.Context(), tokens.HashOf(fmt.Sprint("guess", i))); !errors.Is(err, tokens.ErrUnknown) {
			t.Fatal(err)
		}
	}
	t.Log("guessed", memory(t))
}

// memory says what of this process is in memory: its own pages, and those of
// mapped files, which the system can take back.
func memory(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("the system does not say how much memory a process has")
	}
	var found []string
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "RssAnon") || strings.HasPrefix(line, "RssFile") {
			found = append(found, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(found, ", ")
}
