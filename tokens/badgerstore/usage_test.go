package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tokens"
)

func goldenUsage() tokens.Usage {
	return tokens.Usage{
		At: time.UnixMilli(1_900_000_000_001).UTC(), Address: netip.MustParseAddr("2001:db8::7"), Agent: "curl/8 grüße", Count: 1<<40 + 7,
	}
}

func TestMalformedUsagesAreRefused(t *testing.T) {
	t.Parallel()
	good := encodeUsage(goldenUsage())
	if u, err := decodeUsage(good); err != nil || u != goldenUsage() {
		t.Fatalf("usage is %+v, %v", u, err)
	}
	if u, err := decodeUsage(encodeUsage(tokens.Usage{})); err != nil || u != (tokens.Usage{}) {
		t.Errorf("zero usage is %+v, %v", u, err)
	}
	version := []byte{usageVersion}
	rows := map[string][]byte{
		"nothing":          {},
		"version 0":        append([]byte{0}, good[1:]...),
		"version 2":        append([]byte{2}, good[1:]...),
		"cut off":          good[:len(good)-1],
		"unknown field":    append(bytes.Clone(good), usageTags, 1, 'x'),
		"count 0":          appendNumber(version, usageTagCount, 0),
		"count short":      appendField(version, usageTagCount, "\x01"),
		"time after 9999":  appendNumber(version, usageTagAt, maxMillis+1),
		"address 5 bytes":  appendField(version, usageTagAddress, "12345"),
		"agent too long":   appendField(version, usageTagAgent, strings.Repeat("a", maxAgent+1)),
		"fields unordered": appendNumber(appendField(version, usageTagAgent, "a"), usageTagCount, 1),
	}
	for name, data := range rows {
		if u, err := decodeUsage(data); !errors.Is(err, errUsage) {
			t.Errorf("%s: %+v, %v, want errUsage", name, u, err)
		}
	}
}

// FuzzDecodeUsage: whatever is taken is the one encoding of what is returned.
func FuzzDecodeUsage(f *testing.F) {
	f.Add(encodeUsage(goldenUsage()))
	f.Add(encodeUsage(tokens.Usage{}))
	f.Add(encodeUsage(tokens.Usage{Address: netip.MustParseAddr("::ffff:192.0.2.7%eth0"), Count: 1}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := decodeUsage(data)
		if err != nil {
			return
		}
		if again := encodeUsage(u); !bytes.Equal(again, data) {
			t.Errorf("%x decodes to what encodes to %x", data, again)
		}
	})
}

// observed returns a store and how many commits it has made.
func observed(t *testing.T) (*Store, func() int64) {
	t.Helper()
	var commits atomic.Int64
	s, err := Open(Config{Dir: t.TempDir(), Observe: func(op string, _ time.Duration, _ error) {
		if op == "commit" {
			commits.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, commits.Load
}

func TestUsagesShareCommits(t *testing.T) {
	t.Parallel()
	s, commits := observed(t)
	var all []tokens.Usage
	for n := range 600 {
		tok := benchToken(n)
		if n%100 == 0 {
			if _, err := s.Put(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, tokens.Usage{ID: tok.ID, Count: 1, Agent: fmt.Sprint(n)})
	}
	before := commits()
	if err := s.AddUsages(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if n := commits() - before; n != 2 {
		t.Errorf("600 usages took %d commits, want 2", n)
	}
	before = commits()
	if err := s.AddUsages(t.Context(), []tokens.Usage{{ID: benchToken(1).ID, Count: 1}}); err != nil {
		t.Fatal(err)
	}
	if n := commits() - before; n != 0 {
		t.Errorf("a usage of an unknown token took %d commits, want none", n)
	}
}

func TestUsagesThatCannotBeKeptAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := observed(t)
	if _, err := s.Put(t.Context(), benchToken(1)); err != nil {
		t.Fatal(err)
	}
	id := benchToken(1).ID
	rows := map[string]tokens.Usage{
		"a long agent": {ID: id, Agent: strings.Repeat("a", maxAgent+1), Count: 1},
		"before 1970":  {ID: id, At: time.UnixMilli(-1), Count: 1},
		"after 9999":   {ID: id, At: time.UnixMilli(maxMillis + 1), Count: 1},
	}
	for name, u := range rows {
		if err := s.AddUsages(t.Context(), []tokens.Usage{u}); err == nil {
			t.Errorf("%s: AddUsages succeeds", name)
		}
	}
	long := tokens.ID(strings.Repeat("1", 100_000))
	if err := s.AddUsages(t.Context(), []tokens.Usage{{ID: long, Count: 1}}); err != nil {
		t.Errorf("an id that no token has: %v", err)
	}
	got, err := s.Usages(t.Context(), []tokens.ID{id, long})
	if err != nil || got[0] != (tokens.Usage{ID: id}) || got[1] != (tokens.Usage{ID: long}) {
		t.Errorf("usages are %+v, %v, want none", got, err)
	}
}

// TestAddUsagesKeepsNothingOfTheCallers: who gives up waiting may use his
// list again while the write is still under way.
func TestAddUsagesKeepsNothingOfTheCallers(t *testing.T) {
	t.Parallel()
	s, _ := observed(t)
	if _, err := s.Put(t.Context(), benchToken(1)); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		mine := []tokens.Usage{{ID: benchToken(1).ID, Count: 1, Agent: "mine"}}
		go cancel()
		_ = s.AddUsages(ctx, mine)
		mine[0] = tokens.Usage{ID: benchToken(1).ID, Count: 1 << 40, Agent: "spoilt"}
	}
	got, err := s.Usages(t.Context(), []tokens.ID{benchToken(1).ID})
	if err != nil || got[0].Count > 200 {
		t.Errorf("usages are %+v, %v", got, err)
	}
}
