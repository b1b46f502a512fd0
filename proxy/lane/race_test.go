//go:build race

package lane

// raceEnabled: the race detector allocates by itself.
const raceEnabled = true
