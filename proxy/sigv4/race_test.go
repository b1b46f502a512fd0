//go:build race

package sigv4_test

// raceEnabled: the race detector empties pools at random.
const raceEnabled = true
