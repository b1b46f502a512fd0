// Package enginetest holds the tests of tokens/etcdstore/engine that need a
// real etcd.
package enginetest

import (
	"testing"

	"go.uber.org/goleak"

	"tollgate/cmd/tollgate/clustertest/members"
)

func TestMain(m *testing.M) {
	members.Main()
	goleak.VerifyTestMain(m)
}
