//go:build race

package accesslog

// raceEnabled: a sync.Pool forgets at random, so that allocations cannot be counted.
const raceEnabled = true
