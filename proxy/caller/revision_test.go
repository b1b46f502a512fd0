package caller_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/proxy/caller"
	"tollgate/tokens"
)

func TestRequestWaitsForTheRevisionThatItAsksFor(t *testing.T) {
	has := func(_ context.Context, revision uint64) error {
		if revision > 17 {
			return context.DeadlineExceeded
		}
		return nil
	}
	stale := func(context.Context, uint64) error { return tokens.ErrStale }
	for _, c := range []struct {
		name     string
		revision func(context.Context, uint64) error
		header   []string
		want     error
	}{
		{"a gateway alone has every revision", nil, []string{"99"}, nil},
		{"a gateway alone reads no header", nil, []string{"x"}, nil},
		{"no header asks for nothing", stale, nil, nil},
		{"one that is here", has, []string{"17"}, nil},
		{"one that is not", has, []string{"18"}, caller.ErrNotHereYet},
		{"one that a stale gateway has", stale, []string{"1"}, tokens.ErrStale},
		{"none", has, []string{""}, caller.ErrRevision},
		{"no number", has, []string{"1x"}, caller.ErrRevision},
		{"less than nothing", has, []string{"-1"}, caller.ErrRevision},
		{"more than any", has, []string{"9223372036854775808"}, caller.ErrRevision},
		{"two", has, []string{"1", "2"}, caller.ErrRevision},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := wire(t, "/")
			if c.header != nil {
				r.Header[caller.MinRevision] = c.header
			}
			callers := &caller.Callers{Revision: c.revision}
			if err := callers.Await(r); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestWaitForARevisionIsBounded: by two seconds, and by the client's patience.
func TestWaitForARevisionIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		callers := &caller.Callers{Revision: func(ctx context.Context, _ uint64) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		r := wire(t, "/", caller.MinRevision+": 5")
		started := time.Now()
		if err := callers.Await(r); !errors.Is(err, caller.ErrNotHereYet) || time.Since(started) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := callers.Await(r.WithContext(gone)); !errors.Is(err, context.Canceled) || errors.Is(err, caller.ErrNotHereYet) {
			t.Errorf("a client that is gone: %v", err)
		}
	})
}
