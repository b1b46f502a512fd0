//go:build race

package clustertest

// buildFlags build the gateway as these tests were.
var buildFlags = []string{"-race"}

// What a slow program is not asked for: the race detector makes everything ten
// times slower.
const (
	manyTokens    = 2_000
	testsTogether = "2"
)
