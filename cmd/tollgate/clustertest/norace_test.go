//go:build !race

package clustertest

// buildFlags build the gateway as these tests were.
var buildFlags []string

// manyTokens are as many as are loaded, testsTogether how many tests run at the
// same time: most of the time of most of them is waiting.
const (
	manyTokens    = 20_000
	testsTogether = "3"
)
