package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// stepsPerDouble makes a bucket at most 1/64 of its value wide.
	stepsPerDouble = 64
	stepBits       = 6
	buckets        = (64 - stepBits + 1) * stepsPerDouble
)

// histogram counts durations in buckets that grow with their value. The zero
// value is empty. It is safe for concurrent use.
type histogram struct {
	counts [buckets]atomic.Uint64
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))].Add(1) // #nosec G115 -- not negative
}

func bucketOf(v uint64) int {
	shift := max(bits.Len64(v)-stepBits-1, 0)
	return shift*stepsPerDouble + int(v>>shift) // #nosec G115 -- below 2*stepsPerDouble
}

// top is the greatest value of a bucket.
func top(bucket int) uint64 {
	if bucket < 2*stepsPerDouble {
		return uint64(bucket) // #nosec G115 -- not negative
	}
	shift := bucket/stepsPerDouble - 1
	return uint64(bucket-shift*stepsPerDouble+1)<<shift - 1 // #nosec G115 -- not negative
}

// count is the number of durations.
func (h *histogram) count() uint64 {
	var n uint64
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// quantile returns the duration that the share q of all does not exceed, at
// most 1/64 too long; 0 of an empty histogram.
func (h *histogram) quantile(q float64) time.Duration {
	rank := max(uint64(q*float64(h.count())+0.5), 1)
	var seen uint64
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= rank {
			return time.Duration(top(i)) // #nosec G115 -- as it was added
		}
	}
	return 0
}
