// Package storetest holds the tests of tokens/etcdstore that need a real etcd.
package storetest

import (
	"testing"

	"go.uber.org/goleak"

	"tollgate/cmd/tollgate/clustertest/members"
)

func TestMain(m *testing.M) {
	members.Main()
	goleak.VerifyTestMain(m)
}
