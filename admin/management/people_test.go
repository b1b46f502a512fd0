package management

import (
	"context"
	"maps"
	"sync"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// records keeps users in memory.
type records struct {
	mu     sync.Mutex // guards what follows
	all    map[string][]byte
	broken error // of every write; nil = none
}

func (r *records) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

func (r *records) Put(_ context.Context, name string, record []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken == nil {
		r.all[name] = record
	}
	return r.broken
}

func (r *records) Delete(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken == nil {
		delete(r.all, name)
	}
	return r.broken
}

func (r *records) All(context.Context) (map[string][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.all), nil
}

// hashOf is a hash of the word horse.
const hashOf = tokens.Secret("$2y$04$XM2Y4Ugt/rTPDFzWh3wQa.0pOtDvgBX5DrZOqzVDSmwjnRvYTV3KC")

// people is who there is in the tests: bob and root in the file, all others
// made through an API.
func people(t testing.TB) (*accounts.Registry, *records) {
	t.Helper()
	kept := &records{all: map[string][]byte{}}
	r, err := accounts.NewRegistry(context.Background(), kept, accounts.Config{
		Tenants: []accounts.TenantConfig{
			{Name: "red", Domains: []string{"red.example.com", "*.red.example.com"}}, {Name: "blue", Domains: []string{"blue.example.com"}},
		},
		Roles: []accounts.RoleConfig{{Name: "lister", Permissions: []string{"storage.list"}}},
		Users: []accounts.UserConfig{
			{Name: "bob", Tenants: []string{"red", "blue"}, PasswordHash: hashOf},
			{Name: "root", Tenants: []string{"any"}, Roles: []string{"admin"}, PasswordHash: hashOf},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []accounts.Stored{
		{Name: "ann", Tenants: []string{"red"}},
		{Name: "reader", Tenants: []string{"red"}, Permissions: []string{"storage.read"}},
		{Name: "minter", Tenants: []string{"red"}, Permissions: []string{"storage.read", "tokens.create"}},
		{Name: "auditor", Tenants: []string{"red"}, Permissions: []string{"storage.read", "tokens.read", "users.read"}},
		{Name: "redadmin", Tenants: []string{"red"}, Permissions: []string{"storage.*", "tokens.*", "users.*"}},
		{Name: "helpdesk", Tenants: []string{"red"}, Permissions: []string{"storage.read", "users.read", "users.write"}},
		{Name: "blueadmin", Tenants: []string{"blue"}, Permissions: []string{"storage.*", "tokens.*", "users.*"}},
	} {
		s.PasswordHash = hashOf
		if err := r.Create(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	return r, kept
}
