package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func usageClauses() []clause {
	return []clause{
		{"what was not used has no usage", unusedIsZero},
		{"counts add up and the later use is kept", usagesAddUp},
		{"usages come in the order that was asked for", usagesInOrder},
		{"a usage changes nothing else", usageIsApart},
		{"usages of unknown tokens are dropped", unknownUsageIsDropped},
		{"a purge takes the usage along", purgeTakesUsage},
		{"many usages are taken at once", manyUsages},
		{"every form of a usage comes back", usageFormsComeBack},
		{"no use is lost", noUseIsLost},
		{"an ended context is honoured by usages", usageContext},
	}
}

// usageStore returns the store as what it must be too.
func usageStore(t *testing.T, s tokens.Store) tokens.UsageStore {
	t.Helper()
	u, ok := s.(tokens.UsageStore)
	if !ok {
		t.Fatalf("%T is no tokens.UsageStore", s)
	}
	return u
}

// use adds to what is kept.
func use(t *testing.T, s tokens.Store, all ...tokens.Usage) {
	t.Helper()
	if err := usageStore(t, s).AddUsages(t.Context(), all); err != nil {
		t.Fatalf("AddUsages = %v", err)
	}
}

// used checks what is kept of the tokens that are named in it.
func used(t *testing.T, s tokens.Store, what string, want ...tokens.Usage) {
	t.Helper()
	asked := make([]tokens.ID, len(want))
	for i, u := range want {
		asked[i] = u.ID
	}
	got, err := usageStore(t, s).Usages(t.Context(), asked)
	if err != nil || len(got) != len(want) {
		t.Errorf("%s: %d usages, %v, want %d", what, len(got), err, len(want))
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: usage %d is %+v, want %+v", what, i, got[i], want[i])
		}
	}
}

// usageOf returns a usage of sample(n).
func usageOf(n int, count uint64, at time.Time, agent string) tokens.Usage {
	return tokens.Usage{ID: sample(n).ID, At: at, Address: netip.MustParseAddr("192.0.2.7"), Agent: agent, Count: count}
}

func unusedIsZero(t *testing.T, s tokens.Store) {
	tok := put(t, s, sample(1))
	used(t, s, "nothing asked")
	used(t, s, "unused and unknown", tokens.Usage{ID: tok.ID}, tokens.Usage{ID: sample(2).ID}, tokens.Usage{}, tokens.Usage{ID: "\x00"})
	use(t, s) // nothing was used
	used(t, s, "after nothing", tokens.Usage{ID: tok.ID})
}

func usagesAddUp(t *testing.T, s tokens.Store) {
	put(t, s, sample(1))
	use(t, s, usageOf(1, 3, epoch(), "first"))
	used(t, s, "first", usageOf(1, 3, epoch(), "first"))
	use(t, s, usageOf(1, 2, after(time.Second), "second"))
	used(t, s, "later", usageOf(1, 5, after(time.Second), "second"))
	use(t, s, usageOf(1, 4, after(-time.Second), "late to come"))
	used(t, s, "earlier", usageOf(1, 9, after(time.Second), "second"))
	use(t, s, usageOf(1, 1, after(time.Minute), "a"), usageOf(1, 1, after(time.Hour), "b"), usageOf(1, 1, after(time.Second), "c"))
	used(t, s, "one token thrice", usageOf(1, 12, after(time.Hour), "b"))
	use(t, s, tokens.Usage{ID: sample(1).ID, Count: 1})
	used(t, s, "at no time", usageOf(1, 13, after(time.Hour), "b"))
}

func usagesInOrder(t *testing.T, s tokens.Store) {
	for n := range 5 {
		put(t, s, sample(n))
		use(t, s, usageOf(n, uint64(n+1), after(time.Duration(n)*time.Second), fmt.Sprint("agent ", n)))
	}
	var want []tokens.Usage
	for _, n := range []int{3, 0, 4, 3, 1, 2} {
		want = append(want, usageOf(n, uint64(n+1), after(time.Duration(n)*time.Second), fmt.Sprint("agent ", n)))
	}
	used(t, s, "mixed", append(want, tokens.Usage{ID: sample(9).ID})...)
}

func usageIsApart(t *testing.T, s tokens.Store) {
	want := put(t, s, sample(1))
	use(t, s, usageOf(1, 3, after(30*time.Minute), "agent"))
	equal(t, "the token", byID(t, s, want.ID), want)
	next := put(t, s, changed(want, "with the revision from before the use"))
	used(t, s, "after a change", usageOf(1, 3, after(30*time.Minute), "agent"))
	revoke(t, s, next, after(time.Minute))
	used(t, s, "after the end", usageOf(1, 3, after(30*time.Minute), "agent"))
	use(t, s, usageOf(1, 1, after(31*time.Minute), "agent"))
	used(t, s, "used after the end", usageOf(1, 4, after(31*time.Minute), "agent"))
	listed(t, s, "all", tokens.Query{}, 1)
}

func unknownUsageIsDropped(t *testing.T, s tokens.Store) {
	put(t, s, sample(1))
	use(t, s, usageOf(2, 9, epoch(), "unknown"), usageOf(1, 3, epoch(), "known"), tokens.Usage{Count: 1}, tokens.Usage{ID: "\x00", Count: 1})
	use(t, s, usageOf(2, 9, epoch(), "alone"))
	used(t, s, "both", usageOf(1, 3, epoch(), "known"), tokens.Usage{ID: sample(2).ID}, tokens.Usage{}, tokens.Usage{ID: "\x00"})
	put(t, s, sample(2))
	used(t, s, "made later", tokens.Usage{ID: sample(2).ID})
}

func purgeTakesUsage(t *testing.T, s tokens.Store) {
	put(t, s, sample(1))
	put(t, s, endingAt(2, time.Time{}))
	use(t, s, usageOf(1, 3, epoch(), "agent"), usageOf(2, 4, epoch(), "agent"))
	if n := purge(t, s, after(2*time.Hour)); n != 1 {
		t.Fatalf("Purge removes %d, want 1", n)
	}
	used(t, s, "purged and kept", tokens.Usage{ID: sample(1).ID}, usageOf(2, 4, epoch(), "agent"))
	use(t, s, usageOf(1, 1, epoch(), "too late"))
	put(t, s, sample(1))
	used(t, s, "made again", tokens.Usage{ID: sample(1).ID})
}

func manyUsages(t *testing.T, s tokens.Store) {
	const n = 1100
	putMany(t, s, n)
	agent := strings.Repeat("m", 256)
	var all []tokens.Usage
	for i := range n {
		all = append(all, usageOf(i, uint64(i), after(time.Duration(i)*time.Millisecond), agent))
	}
	use(t, s, all...)
	used(t, s, "all", all...)
}

func usageFormsComeBack(t *testing.T, s tokens.Store) {
	east := time.FixedZone("east", 5*3600)
	rows := map[string]tokens.Usage{
		"no address":   {Count: 1, At: epoch(), Agent: "a"},
		"no agent":     {Count: 1, At: epoch(), Address: netip.MustParseAddr("192.0.2.7")},
		"IPv6":         {Count: 1, At: epoch(), Address: netip.MustParseAddr("2001:db8::1")},
		"IPv4 in IPv6": {Count: 1, At: epoch(), Address: netip.MustParseAddr("::ffff:192.0.2.7")},
		"a zone":       {Count: 1, At: epoch(), Address: netip.MustParseAddr("fe80::1%eth0")},
		"zero address": {Count: 1, At: epoch(), Address: netip.MustParseAddr("0.0.0.0")},
		"odd bytes":    {Count: 1, At: epoch(), Agent: "\x00\xff é\n"},
		"the most":     {Count: 1<<64 - 1, At: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), Agent: strings.Repeat("x", 256)},
		"in 1970":      {Count: 1, At: time.UnixMilli(0).UTC()},
	}
	n := 0
	for name, want := range rows {
		want.ID = put(t, s, sample(n)).ID
		use(t, s, want)
		used(t, s, name, want)
		n++
	}
	put(t, s, sample(n))
	use(t, s, usageOf(n, 1, epoch().Add(999_999).In(east), "rounded"))
	used(t, s, "times are whole milliseconds", usageOf(n, 1, epoch(), "rounded"))
}

func noUseIsLost(t *testing.T, s tokens.Store) {
	const each = 20
	tok := put(t, s, changed(sample(1), "0"))
	together(func(worker int) {
		for i := range each {
			err := usageStore(t, s).AddUsages(t.Context(), []tokens.Usage{usageOf(1, 1, after(time.Duration(i)*time.Second), "agent")})
			if err == nil && worker == 0 {
				err = addOne(t, s, tok.ID)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	used(t, s, "in all", usageOf(1, workers*each, after((each-1)*time.Second), "agent"))
	if got := byID(t, s, tok.ID).Meta[0].Value; got != fmt.Sprint(each) {
		t.Errorf("changed %s times beside the uses, want %d", got, each)
	}
}

func usageContext(t *testing.T, s tokens.Store) {
	put(t, s, sample(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := usageStore(t, s).AddUsages(ctx, []tokens.Usage{usageOf(1, 1, epoch(), "")}); !errors.Is(err, context.Canceled) {
		t.Errorf("AddUsages with an ended context = %v, want context.Canceled", err)
	}
	if _, err := usageStore(t, s).Usages(ctx, []tokens.ID{sample(1).ID}); !errors.Is(err, context.Canceled) {
		t.Errorf("Usages with an ended context = %v, want context.Canceled", err)
	}
	used(t, s, "what was refused", tokens.Usage{ID: sample(1).ID})
}
