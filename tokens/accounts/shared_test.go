package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"tollgate/tokens/accounts"
)

// shared are records that several registries change. As a store for several
// gateways does, it tells all of them of a write before the write returns.
type shared struct {
	turn sync.Mutex

	mu      sync.Mutex // guards all below
	all     map[string][]byte
	readers []*accounts.Registry
	lost    error
}

func (s *shared) Put(_ context.Context, name string, record []byte) error {
	return s.tell(name, record)
}

func (s *shared) Delete(_ context.Context, name string) error { return s.tell(name, nil) }

func (s *shared) tell(name string, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[name] = record; record == nil {
		delete(s.all, name)
	}
	for _, r := range s.readers {
		if err := r.Changed(name, record); err != nil {
			return err
		}
	}
	return nil
}

func (s *shared) All(context.Context) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.all), nil
}

func (s *shared) take(ctx context.Context, name string) (context.Context, func(), error) {
	if name != "users" {
		return nil, nil, fmt.Errorf("the turn of %q is asked for", name)
	}
	if s.lost != nil {
		return nil, nil, s.lost
	}
	s.turn.Lock()
	return ctx, s.turn.Unlock, nil
}

// join returns another registry of the records.
func (s *shared) join(t *testing.T) *accounts.Registry {
	t.Helper()
	r, err := accounts.NewRegistry(t.Context(), s, parse(t, filed), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Share(s.take)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers = append(s.readers, r)
	return r
}

func TestChangesOfOneRegistryAreInForceInAll(t *testing.T) {
	store := &shared{all: make(map[string][]byte)}
	one, two := store.join(t), store.join(t)
	if err := one.Create(t.Context(), accounts.Stored{Name: "jane", Tenants: []string{"red"}, PasswordHash: bcrypt2y}); err != nil {
		t.Fatal(err)
	}
	if _, ok := two.User("jane"); !ok || !passes(t, two, "jane") {
		t.Fatal("a user of one registry is none of the other")
	}
	if err := two.Create(t.Context(), accounts.Stored{Name: "jane"}); !errors.Is(err, accounts.ErrUserExists) {
		t.Fatalf("the same name again: %v", err)
	}
	for what, change := range map[string]func() error{
		"disabled":        func() error { return two.SetDisabled(t.Context(), "jane", marked()) },
		"the file's user": func() error { return two.SetDisabled(t.Context(), "filed", marked()) },
		"hash removed":    func() error { return two.RemoveCredentials(t.Context(), "jane") },
	} {
		if err := change(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, jane := one.User("jane")
	_, john := one.User("filed")
	if jane || john || passes(t, one, "jane") {
		t.Error("a user who was disabled by one registry acts in the other")
	}
	if err := one.Delete(t.Context(), "jane"); err != nil {
		t.Fatal(err)
	}
	if _, ok := two.Directory().Account("jane"); ok {
		t.Error("a user who was deleted by one registry is there in the other")
	}
}

// TestNoChangeOfSharedRecordsIsLost: both change the same user, each another
// part of him.
func TestNoChangeOfSharedRecordsIsLost(t *testing.T) {
	store := &shared{all: make(map[string][]byte)}
	all := []*accounts.Registry{store.join(t), store.join(t), store.join(t)}
	if err := all[0].Create(t.Context(), accounts.Stored{Name: "jane"}); err != nil {
		t.Fatal(err)
	}
	const each = 20
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() {
			for n := range each {
				err := r.Change(t.Context(), "jane", func(s *accounts.Stored) error {
					s.Identity.UID++
					return nil
				})
				if err != nil {
					t.Errorf("registry %d, change %d: %v", i, n, err)
				}
			}
		})
	}
	wg.Wait()
	for i, r := range all {
		a, _ := r.Directory().Account("jane")
		if got := int(*a.Identity.UID); got != len(all)*each {
			t.Errorf("registry %d has %d changes, want %d", i, got, len(all)*each)
		}
	}
}

func TestWithoutTheTurnNothingIsChanged(t *testing.T) {
	store := &shared{all: make(map[string][]byte)}
	r := store.join(t)
	store.lost = errStore
	for what, err := range map[string]error{
		"create":  r.Create(t.Context(), accounts.Stored{Name: "jane"}),
		"change":  r.Change(t.Context(), "jane", func(*accounts.Stored) error { return nil }),
		"delete":  r.Delete(t.Context(), "jane"),
		"disable": r.SetDisabled(t.Context(), "filed", marked()),
	} {
		if !errors.Is(err, errStore) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(store.all) != 0 {
		t.Errorf("%d records were written", len(store.all))
	}
	store.lost = nil
	if err := r.SetDisabled(t.Context(), "filed", marked()); err != nil {
		t.Errorf("the turn was not given back: %v", err)
	}
}

// TestLoadedTakesThePlaceOfAll: what is not there any more is forgotten.
func TestLoadedTakesThePlaceOfAll(t *testing.T) {
	store := &shared{all: make(map[string][]byte)}
	one := store.join(t)
	for _, name := range []string{"jane", "john"} {
		if err := one.Create(t.Context(), accounts.Stored{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := store.All(t.Context())
	delete(all, "john")
	if err := one.Loaded(all); err != nil {
		t.Fatal(err)
	}
	_, jane := one.User("jane")
	_, john := one.User("john")
	if !jane || john {
		t.Errorf("jane is there: %v, john is there: %v", jane, john)
	}
}

// TestSharedRecordThatCannotBeReadDisables: it may have been one that disables
// somebody, and nobody can ask.
func TestSharedRecordThatCannotBeReadDisables(t *testing.T) {
	other, err := accounts.EncodeStored(accounts.Stored{Name: "somebody"})
	if err != nil {
		t.Fatal(err)
	}
	for what, record := range map[string][]byte{"none": {}, "cut": other[:len(other)-1], "of another": other} {
		r := (&shared{all: make(map[string][]byte)}).join(t)
		if err := r.Create(t.Context(), accounts.Stored{Name: "jane"}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"jane", "filed"} {
			for how, err := range map[string]error{
				"changed": r.Changed(name, record), "loaded": r.Loaded(map[string][]byte{name: record}),
			} {
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%s, %s: the error does not name %s: %v", what, how, name, err)
				}
				if _, ok := r.User(name); ok {
					t.Errorf("%s, %s: %s may act", what, how, name)
				}
			}
		}
	}
}

// TestConfigurationDoesNotWaitForATurn: who waits for his turn holds up nobody
// who has another configuration for the gateway.
func TestConfigurationDoesNotWaitForATurn(t *testing.T) {
	store := &shared{all: make(map[string][]byte)}
	r := store.join(t)
	store.turn.Lock()
	waits, changed := make(chan struct{}), make(chan error, 1)
	r.Share(func(ctx context.Context, name string) (context.Context, func(), error) {
		close(waits)
		return store.take(ctx, name)
	})
	go func() { changed <- r.Create(context.Background(), accounts.Stored{Name: "jane"}) }()
	<-waits
	r.Configure(accounts.Config{}, nil)
	if _, ok := r.User("filed"); ok {
		t.Error("the configuration is not in force while a change waits for its turn")
	}
	store.turn.Unlock()
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	if _, ok := r.User("jane"); !ok {
		t.Error("the change is not in force")
	}
}
