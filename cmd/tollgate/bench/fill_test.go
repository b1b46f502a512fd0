package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/keyring"
)

// filled fills a new directory and returns it with the list of values.
func filled(t *testing.T, count, choose int) (dir string, values []string) {
	t.Helper()
	dir = t.TempDir()
	list := filepath.Join(dir, "values")
	if err := runFill(t.Context(), []string{"-dir", dir, "-count", itoa(count), "-list", list, "-choose", itoa(choose)}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(list)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the list is %v, %v", info, err)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	return dir, strings.Fields(string(text))
}

func TestFilledDirectoriesHaveTheirTokens(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ count, choose, want int }{{30, 10, 10}, {10, 30, 10}, {1, 1, 1}, {7, 3, 3}} {
		dir, values := filled(t, row.count, row.choose)
		if len(values) != row.want {
			t.Errorf("%d of %d: %d values, want %d", row.choose, row.count, len(values), row.want)
		}
		store, err := badgerstore.Open(badgerstore.Config{Dir: filepath.Join(dir, storeFolder), MinFree: minFree})
		if err != nil {
			t.Fatal(err)
		}
		page, err := store.List(t.Context(), tokens.Query{Limit: 100})
		if err != nil || len(page.Tokens) != row.count {
			t.Errorf("%d tokens, %v, want %d", len(page.Tokens), err, row.count)
		}
		for _, v := range values {
			kept, err := store.ByHash(t.Context(), tokens.HashOf(v))
			if err != nil || kept.Owner != user || kept.Scope.Tenant != tenant || !kept.Expires.IsZero() {
				t.Errorf("got %+v, %v", kept, err)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if _, err := keyring.Create(dir, rand.Reader); err != nil {
			t.Errorf("the keys: %v", err)
		}
	}
}

func TestFillRefusesWhatItWouldOverwrite(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "values")
	if err := os.WriteFile(list, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := runFill(t.Context(), []string{"-dir", t.TempDir(), "-count", "1", "-list", list}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
}
