package cachestore_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"weak"

	"tollgate/tokens"
)

// fat returns a token with as much as one can have.
func fat(n int) *tokens.Token {
	k := usual(n)
	text := func(i, size int) string { return fmt.Sprintf("%07d%s", i, strings.Repeat("x", size-7)) }
	for i := range 15 {
		k.Only.Agents = append(k.Only.Agents, tokens.Agent{Text: text(i, 1000), Pattern: true})
		k.Meta = append(k.Meta, tokens.Meta{Name: "n", Value: text(i, 1000)})
		k.Allowed = append(k.Allowed, tokens.Allowance{Permissions: tokens.StorageRead, Resources: []tokens.Resource{tokens.Resource(text(i, 1000))}})
		k.Roles, k.Tenants = append(k.Roles, text(i, 100)), append(k.Tenants, text(i, 100))
		k.Only.Tags = append(k.Only.Tags, text(i, 40))
		k.Only.Types = append(k.Only.Types, "image/*")
		k.Only.Addresses = append(k.Only.Addresses, netip.MustParsePrefix("10.0.0.0/8"))
	}
	return k
}

func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(int) *tokens.Token
		most int64
		n    int
		all  bool // are kept
	}{
		{"many usual ones, some must go", usual, 1 << 20, 3000, false},
		{"few usual ones stay", usual, 1 << 20, 500, true},
		{"large ones, most must go", fat, 1 << 20, 60, false},
		{"large ones in a small cache, none is kept", fat, 1 << 14, 20, false},
		{"in several parts", usual, 4 << 20, 6000, false},
		{"nothing is kept", usual, -1, 10, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, below := counted(c.most)
			for i := range c.n {
				byHash(t, s, put(t, s, c.make(i)).Hash)
				if got := s.Stats(); got.Bytes > max(c.most, 0) {
					t.Fatalf("%d bytes are kept, the bound is %d", got.Bytes, c.most)
				}
			}
			got := s.Stats()
			if (got.Tokens == c.n) != c.all || (got.Evictions == 0) != (c.all || got.Tokens == 0) || got.Misses != uint64(c.n) {
				t.Errorf("%+v of %d", got, c.n)
			}
			if got.Tokens > 0 && got.Bytes < c.most/2 && !c.all {
				t.Errorf("only %d bytes of %d are used", got.Bytes, c.most)
			}
			before := below.reads
			for i := range c.n {
				byHash(t, s, c.make(i).Hash)
			}
			if c.all && below.reads != before {
				t.Errorf("%d reads of what is kept", below.reads-before)
			}
			s.Clear()
			if got := s.Stats(); got.Tokens != 0 || got.Bytes != 0 {
				t.Errorf("cleared it has %+v", got)
			}
		})
	}
}

// TestTheEstimateIsHonest compares it with what the memory says.
func TestTheEstimateIsHonest(t *testing.T) {
	for name, make := range map[string]func(int) *tokens.Token{"usual": usual, "large": fat} {
		t.Run(name, func(t *testing.T) {
			s, below := counted(64 << 20)
			n := 4000
			if name == "large" {
				n = 200
			}
			made := 0
			below.byHash = func(tokens.Hash) (*tokens.Token, error) {
				k := make(made) // all of it new
				k.Revision = 1
				return k, nil
			}
			before := heap()
			for ; made < n; made++ {
				byHash(t, s, make(made).Hash)
			}
			took, got := float64(heap()-before), s.Stats()
			t.Logf("%d tokens take %.0f bytes each, estimated are %d", n, took/float64(n), got.Bytes/int64(n))
			if got.Tokens != n || took > 1.15*float64(got.Bytes) || took < 0.6*float64(got.Bytes) {
				t.Errorf("%+v takes %.0f bytes", got, took)
			}
			runtime.KeepAlive(s)
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestWhatIsUsedStays: one token is used all the time while others come by.
func TestWhatIsUsedStays(t *testing.T) {
	s, below := counted(1 << 18)
	hot := put(t, s, usual(0)).Hash
	byHash(t, s, hot)
	for i := range 2000 {
		byHash(t, s, put(t, s, usual(i+1)).Hash)
		byHash(t, s, hot)
	}
	if got := s.Stats(); got.Evictions < 1000 || below.reads != 2001 {
		t.Errorf("%d reads of the store below, %+v", below.reads, got)
	}
}

func TestUnknownValuesFillNothing(t *testing.T) {
	s, _ := counted(1 << 20)
	kept := put(t, s, usual(0))
	byHash(t, s, kept.Hash)
	want := s.Stats()
	for i := range 10_000 {
		unknown(t, s, tokens.HashOf(fmt.Sprint("garbage ", i)))
	}
	if got := s.Stats(); got.Tokens != 1 || got.Bytes != want.Bytes || got.Evictions != 0 || got.Misses != 10_001 {
		t.Errorf("%+v, before it was %+v", got, want)
	}
}

// TestDoubtsAreBounded: many writes fail so that they may happen yet. None of
// what they would replace is kept, and what is newer is.
func TestDoubtsAreBounded(t *testing.T) {
	s, below := counted(1 << 20) // one part
	const n = 1000
	var all []*tokens.Token
	for i := range n {
		all = append(all, put(t, s, usual(i)))
	}
	below.putErr = errBroken
	for i, tok := range all {
		wrong := tok.Clone()
		wrong.Owner = "another" // which the store below refuses
		if _, err := s.Put(t.Context(), wrong); err == nil {
			t.Fatal("no error")
		}
		if got := s.Stats().InDoubt; got > 256 || i < 256 && got != i+1 {
			t.Fatalf("%d are in doubt after %d", got, i+1)
		}
	}
	below.putErr = nil
	for _, tok := range all {
		if reads := below.readsOfTwo(t, s, tok.Hash); reads != 2 {
			t.Fatalf("token %s is kept", tok.ID)
		}
	}
	for i, tok := range []*tokens.Token{put(t, s, all[0]), put(t, s, all[n-1]), put(t, s, usual(n))} {
		if reads := below.readsOfTwo(t, s, tok.Hash); reads != 1 {
			t.Errorf("row %d: written since, it is read %d times", i, reads)
		}
	}
}

// TestAHitDoesNotAllocate, and takes no lock of the store below.
func TestAHitDoesNotAllocate(t *testing.T) {
	s, below := counted(0)
	h := put(t, s, usual(1)).Hash
	byHash(t, s, h)
	ctx := t.Context()
	n := testing.AllocsPerRun(100, func() {
		if _, err := s.ByHash(ctx, h); err != nil {
			t.Error(err)
		}
	})
	if n != 0 || below.reads != 1 {
		t.Errorf("%v allocations, %d reads of the store below", n, below.reads)
	}
}

// TestWhatIsHeldHoldsNoOther: a token that somebody holds after it went does not
// hold those that lay beside it. There are two buckets for three tokens.
func TestWhatIsHeldHoldsNoOther(t *testing.T) {
	for round := range 20 {
		s, _ := counted(4000)
		var gone []weak.Pointer[tokens.Token]
		var last *tokens.Token
		for n := range 3 {
			last = byHash(t, s, put(t, s, usual(10*round+n)).Hash)
			last = byHash(t, s, last.Hash)
			gone = append(gone, weak.Make(last))
		}
		if got := s.Stats().Tokens; got != 3 {
			t.Fatalf("%d are kept", got)
		}
		for n := range 3 {
			s.Forget(usual(10*round + 2 - n).Hash)
		}
		runtime.GC()
		if gone[0].Value() != nil || gone[1].Value() != nil || gone[2].Value() != last {
			t.Fatalf("round %d: what nobody holds is still there", round)
		}
		runtime.KeepAlive(last)
	}
}
