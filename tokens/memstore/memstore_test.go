package memstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"tollgate/tokens"
	"tollgate/tokens/memstore"
	"tollgate/tokens/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) tokens.Store { return memstore.New() })
}
