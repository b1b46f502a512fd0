package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestEveryDurationIsInABucketOfItsSize(t *testing.T) {
	t.Parallel()
	values := []uint64{0, 1, 63, 64, 127, 128, 129, 255, 256, 1e3, 1e6, 1e9, math.MaxInt64}
	for shift := range 63 {
		values = append(values, 1<<shift, 1<<shift-1, 1<<shift+1)
	}
	for _, v := range values {
		b := bucketOf(v)
		if b < 0 || b >= buckets {
			t.Fatalf("%d is in bucket %d of %d", v, b, buckets)
		}
		if top(b) < v || top(b)-v > v/stepsPerDouble {
			t.Errorf("%d is in a bucket that ends at %d", v, top(b))
		}
	}
}

func TestBucketsFollowEachOtherWithoutGaps(t *testing.T) {
	t.Parallel()
	for b := range bucketOf(math.MaxInt64) {
		if next := bucketOf(top(b) + 1); next != b+1 {
			t.Fatalf("after bucket %d, which ends at %d, comes %d", b, top(b), next)
		}
	}
}

func TestQuantilesAreThoseOfTheSortedValues(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- reproducible on purpose
	var h histogram
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(math.Exp(random.Float64()*20)) + 1
		all = append(all, d)
		h.add(d)
	}
	slices.Sort(all)
	if h.count() != uint64(len(all)) {
		t.Fatalf("counted %d of %d", h.count(), len(all))
	}
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		exact := all[int(q*float64(len(all)))-1]
		if got := h.quantile(q); got < exact || got-exact > exact/stepsPerDouble {
			t.Errorf("quantile %v = %d, exactly %d", q, got, exact)
		}
	}
}

func TestQuantileOfFewValues(t *testing.T) {
	t.Parallel()
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("of none: %s", got)
	}
	h.add(-time.Second) // a clock that went back
	if got := h.quantile(0.99); got != 0 || h.count() != 1 {
		t.Errorf("of one below zero: %s, counted %d", got, h.count())
	}
	h.add(100)
	if got := h.quantile(1); got != 100 {
		t.Errorf("greatest of two: %s", got)
	}
}

func TestHistogramCountsFromSeveralGoroutines(t *testing.T) {
	t.Parallel()
	var h histogram
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				h.add(time.Duration(i))
			}
		})
	}
	all.Wait()
	if h.count() != 8000 {
		t.Errorf("counted %d of 8000", h.count())
	}
}

func BenchmarkHistogram(b *testing.B) {
	var h histogram
	b.ReportAllocs()
	for i := range b.N {
		h.add(time.Duration(i))
	}
}
