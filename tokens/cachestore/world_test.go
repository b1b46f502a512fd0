package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/tokens"
	"tollgate/tokens/cachestore"
	"tollgate/tokens/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is when the tests play.
func epoch() time.Time { return time.Date(2031, 5, 17, 8, 30, 0, 0, time.UTC) }

var errBroken = errors.New("disk on fire")

// usual returns a live token of usual size, made from n.
func usual(n int) *tokens.Token {
	return &tokens.Token{
		ID: tokens.ID(fmt.Sprintf("%022d", n)), Hash: tokens.HashOf(fmt.Sprint("value ", n)), API: tokens.UserTokens,
		Owner: fmt.Sprint("user", n%1000), Creator: fmt.Sprint("user", n%1000),
		Scope:   tokens.Scope{Tenant: fmt.Sprint("tenant", n%50), Domain: "files.acme.example"},
		Created: epoch(), Expires: epoch().Add(time.Hour),
		Meta: []tokens.Meta{{Name: "note", Value: "made for the benchmark"}},
	}
}

// counting is a store that counts the reads by hash that reach it and does what
// it is told to instead.
type counting struct {
	*memstore.Store
	reads  int
	byHash func(tokens.Hash) (*tokens.Token, error) // nil = as the store does
	putErr error                                    // what Put says after it did its work
}

func (c *counting) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	c.reads++
	if c.byHash != nil {
		return c.byHash(h)
	}
	return c.Store.ByHash(ctx, h)
}

func (c *counting) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	revision, err := c.Store.Put(ctx, t)
	if c.putErr != nil {
		return 0, c.putErr
	}
	return revision, err
}

// counted returns a cache over a store that counts.
func counted(most int64) (*cachestore.Store, *counting) {
	below := &counting{Store: memstore.New()}
	return cachestore.New(below, cachestore.Config{MaxBytes: most}), below
}

func put(t testing.TB, s tokens.Store, tok *tokens.Token) *tokens.Token {
	t.Helper()
	stored := tok.Clone()
	revision, err := s.Put(context.Background(), tok)
	if err != nil {
		t.Fatalf("Put(%s) = %v", tok.ID, err)
	}
	stored.Revision = revision
	return stored
}

func byHash(t testing.TB, s tokens.Store, h tokens.Hash) *tokens.Token {
	t.Helper()
	tok, err := s.ByHash(context.Background(), h)
	if err != nil {
		t.Fatalf("ByHash(%x) = %v", h, err)
	}
	return tok
}

// unknown fails the test unless there is no such token.
func unknown(t testing.TB, s tokens.Store, h tokens.Hash) {
	t.Helper()
	if tok, err := s.ByHash(context.Background(), h); !errors.Is(err, tokens.ErrUnknown) || tok != nil {
		t.Fatalf("ByHash(%x) = %v, %v, want ErrUnknown", h, tok, err)
	}
}

// readsOfTwo returns how often the store below is asked in two look-ups of a
// token: never if it was kept, once if it is kept now.
func (c *counting) readsOfTwo(t testing.TB, s tokens.Store, h tokens.Hash) int {
	t.Helper()
	before := c.reads
	byHash(t, s, h)
	byHash(t, s, h)
	return c.reads - before
}
