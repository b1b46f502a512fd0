package accounts_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"tollgate/tokens/accounts"
)

var errStore = errors.New("the store is broken")

// records is a store of users in memory that can be made to fail, and looks at
// the registry at the moment of writing.
type records struct {
	mu      sync.Mutex
	all     map[string][]byte
	err     error
	writing func()
	writes  int
}

func newRecords() *records { return &records{all: make(map[string][]byte)} }

func (r *records) write(do func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writing != nil {
		r.writing()
	}
	if r.err != nil {
		return r.err
	}
	r.writes++
	do()
	return nil
}

func (r *records) Put(_ context.Context, name string, record []byte) error {
	return r.write(func() { r.all[name] = record })
}

func (r *records) Delete(_ context.Context, name string) error {
	return r.write(func() { delete(r.all, name) })
}

func (r *records) All(context.Context) (map[string][]byte, error) {
	return maps.Clone(r.all), r.err
}

// opened returns the registry of a file over records.
func opened(t *testing.T, r *records, file string) *accounts.Registry {
	t.Helper()
	registry, err := accounts.NewRegistry(t.Context(), r, parse(t, file), []string{"admin"})
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// passes reports whether a user comes in by the password of argonOpenSSL and
// bcrypt2y.
func passes(t *testing.T, r *accounts.Registry, name string) bool {
	t.Helper()
	a, ok := r.Directory().Account(name)
	return ok && a.PasswordHash != ""
}

const filed = twoTenants + `
users:
  - {name: filed, password_hash: "` + bcrypt2y + `", tenants: [red], locator: 123e4567-e89b-12d3-a456-426614174000, identity: {auth_id: "5"}}
  - {name: hashless}
`

// changed is filed with another hash of the user.
func changed(t *testing.T) string {
	t.Helper()
	hash, err := accounts.HashPassword("another", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(filed, bcrypt2y, hash.Reveal(), 1)
}

const withoutUsers = twoTenants
