package storetest

import (
	"testing"

	"tollgate/cmd/tollgate/clustertest/members"
	"tollgate/tokens"
	"tollgate/tokens/storetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	storetest.Run(t, func(t *testing.T) tokens.Store {
		t.Helper()
		return fresh(t, c, prefixOf(t))
	})
}

func TestStoreKeepsTheDurableContract(t *testing.T) {
	t.Parallel()
	c := members.Single(t)
	storetest.RunDurable(t, func(t *testing.T, dir string) (tokens.Store, func()) {
		t.Helper()
		g := open(t, c, prefixOf(t), dir)
		g.awaitFresh(t)
		return g, func() { g.close(t) }
	})
}
