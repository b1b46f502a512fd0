package accounts

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestMemoryIsBounded(t *testing.T) {
	g, _ := newGate(Limits{Remembered: 3})
	g.compute = func(passwordHash, string) bool { return true }
	notes, check, d := watch(g), checks(g), peopleWith(hashCost4)
	ask := func(passwords ...tokens.Secret) int {
		for _, p := range passwords {
			if err := check("john", d, p); err != nil {
				t.Fatal(err)
			}
		}
		return len(notes())
	}
	if n := ask("a", "b", "c", "a", "b", "c"); n != 3 {
		t.Fatalf("%d hashes for 3 passwords", n)
	}
	if n := ask("d", "b", "c", "d"); n != 1 {
		t.Fatalf("%d hashes: the fourth put out more than the first", n)
	}
	if n := ask("a"); n != 1 {
		t.Fatalf("%d hashes: the first is still there", n)
	}
	for i := range 100 {
		ask(tokens.Secret(fmt.Sprint(i)))
	}
	if n := len(g.memory.ends); n != 3 {
		t.Fatalf("%d are remembered", n)
	}
}

func TestMemoryAgainstAModel(t *testing.T) {
	const size, span = 4, 10
	m := newMemory(size)
	at := func(tick int) time.Time { return time.Unix(int64(tick), 0) }
	type entry struct {
		d   digest
		end int
	}
	var model []entry
	seed := uint32(1)
	for tick := range 20_000 {
		seed = seed*1664525 + 1013904223
		d := digest{byte(seed>>24) % 9}
		for len(model) > 0 && model[0].end <= tick/3 {
			model = model[1:]
		}
		known := false
		for _, e := range model {
			known = known || e.d == d
		}
		if m.has(d, at(tick/3)) != known {
			t.Fatalf("tick %d: has says %v", tick, !known)
		}
		if seed>>16&1 == 0 || known {
			continue
		}
		if len(model) == size {
			model = model[1:]
		}
		model = append(model, entry{d, tick/3 + span})
		m.add(d, at(tick/3), span*time.Second)
		m.add(d, at(tick/3), span*time.Second) // a second time changes nothing
	}
}

func TestDigestsTellListsApart(t *testing.T) {
	m := newMAC(bytes.Repeat([]byte{7}, 32))
	seen := make(map[digest]string)
	for _, parts := range [][]string{
		{"", "", ""}, {"a", "", ""}, {"", "a", ""}, {"", "", "a"}, {"a\x00", "", ""}, {"\x00a", "", ""},
		{"ab", "c", ""}, {"a", "bc", ""}, {"a", "b", "c"}, {"a\x00b", "c", ""}, {"a", "b\x00c", ""},
	} {
		d := m.sum(parts...)
		if before, twice := seen[d]; twice {
			t.Errorf("%q and %s have one digest", parts, before)
		}
		seen[d] = fmt.Sprintf("%q", parts)
		if m.sum(parts...) != d {
			t.Errorf("%q has two digests", parts)
		}
	}
	if other := newMAC(bytes.Repeat([]byte{8}, 32)); other.sum("a", "b", "c") == m.sum("a", "b", "c") {
		t.Error("the key does not count")
	}
}
