package tokens_test

import (
	"testing"

	"tollgate/tokens"
)

func BenchmarkVerify(b *testing.B) {
	w := usualWorld()
	got, err := w.Issue(b.Context(), tokens.Order{By: w.as("ann"), Scope: redA()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if who, err := w.Verify(b.Context(), got.Value); err != nil || who.Anonymous() {
			b.Fatal(who, err)
		}
	}
}

func BenchmarkAuthorise(b *testing.B) {
	w := usualWorld()
	who, read := w.by("bob", redA()), tokens.Action{Place: redA(), Needs: tokens.StorageRead}
	b.ReportAllocs()
	for b.Loop() {
		if g, err := tokens.Authorise(who, read); err != nil || !g.Given() {
			b.Fatal(err)
		}
	}
}

func TestAuthoriseDoesNotAllocate(t *testing.T) {
	w := usualWorld()
	who, read := w.by("bob", redA()), tokens.Action{Place: redA(), Needs: tokens.StorageRead}
	if n := testing.AllocsPerRun(100, func() { _, _ = tokens.Authorise(who, read) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
