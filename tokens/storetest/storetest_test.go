package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/tokens"
	"tollgate/tokens/memstore"
	"tollgate/tokens/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// faultEnv names the fault that the store in a child process has.
const faultEnv = "TOLLGATE_STORETEST_FAULT"

// faulty is a good store with one fault.
type faulty struct {
	tokens.Store
	usages
	byHash func(context.Context, tokens.Hash) (*tokens.Token, error)
	byID   func(context.Context, tokens.ID) (*tokens.Token, error)
	put    func(context.Context, *tokens.Token) (uint64, error)
	list   func(context.Context, tokens.Query) (tokens.Page, error)
	purge  func(context.Context, time.Time) (int, error)
}

// usages is the other half of a store.
type usages interface {
	AddUsages(ctx context.Context, all []tokens.Usage) error
	Usages(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error)
}

func (f faulty) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	if f.byHash != nil {
		return f.byHash(ctx, h)
	}
	return f.Store.ByHash(ctx, h)
}

func (f faulty) ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
	if f.byID != nil {
		return f.byID(ctx, id)
	}
	return f.Store.ByID(ctx, id)
}

func (f faulty) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	if f.put != nil {
		return f.put(ctx, t)
	}
	return f.Store.Put(ctx, t)
}

func (f faulty) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	if f.list != nil {
		return f.list(ctx, q)
	}
	return f.Store.List(ctx, q)
}

func (f faulty) Purge(ctx context.Context, before time.Time) (int, error) {
	if f.purge != nil {
		return f.purge(ctx, before)
	}
	return f.Store.Purge(ctx, before)
}

// with returns what opens a good store into which one fault was put.
func with(spoil func(good tokens.Store, f *faulty)) func() tokens.Store {
	return func() tokens.Store {
		good := memstore.New()
		f := faulty{Store: good, usages: good}
		spoil(good, &f)
		return f
	}
}

// fault is a store that the suite must not pass.
type fault struct {
	open   func() tokens.Store
	groups string // of clauses, one of which finds it: a regular expression
}

// faults returns every fault that the suite must find.
func faults() map[string]fault {
	all := make(map[string]fault)
	for _, some := range []struct {
		groups string
		faults map[string]func() tokens.Store
	}{
		{".", readFaults()},
		{".", writeFaults()},
		{"read", sharingFaults()},
		{"read|mark", fieldFaults()},
		{"list|page", listFaults()},
		{"select|mark", selectFaults()},
		{"own_names", nameFaults()},
		{"purge", purgeFaults()},
		{"usage", usageFaults()},
	} {
		for name, open := range some.faults {
			all[name] = fault{open: open, groups: some.groups}
		}
	}
	return all
}

func readFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"revoked tokens are unknown": with(func(good tokens.Store, f *faulty) {
			f.byHash = func(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
				t, err := good.ByHash(ctx, h)
				if err == nil && !t.Revoked.At.IsZero() {
					return nil, tokens.ErrUnknown
				}
				return t, err
			}
		}),
		"the context is ignored": with(func(good tokens.Store, f *faulty) {
			f.byID = func(_ context.Context, id tokens.ID) (*tokens.Token, error) {
				return good.ByID(context.Background(), id)
			}
		}),
		"reads share one token": with(func(good tokens.Store, f *faulty) {
			var last atomic.Pointer[tokens.Token]
			f.byID = func(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
				t, err := good.ByID(ctx, id)
				if old := last.Load(); err == nil && old != nil && old.ID == id {
					return old, nil
				}
				if err == nil {
					last.Store(t)
				}
				return t, err
			}
		}),
	}
}

// sharingFaults are about what ByHash gives, which others hold too.
func sharingFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"what was read by hash is written over": with(func(good tokens.Store, f *faulty) {
			var last tokens.Token
			f.byHash = func(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
				t, err := good.ByHash(ctx, h)
				if err != nil {
					return nil, err
				}
				last = *t
				return &last, nil
			}
		}),
		"a token that was read by hash is kept": with(func(good tokens.Store, f *faulty) {
			kept := map[tokens.Hash]*tokens.Token{}
			f.byHash = func(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
				t, err := good.ByHash(ctx, h)
				if err != nil {
					return nil, err
				}
				if kept[h] == nil {
					kept[h] = t
				}
				return kept[h], nil
			}
		}),
		"a list shares what is read by hash": with(func(good tokens.Store, f *faulty) {
			shared := map[tokens.Hash]*tokens.Token{}
			f.byHash = func(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
				t, err := good.ByHash(ctx, h)
				if err == nil && shared[h] != nil && shared[h].Revision >= t.Revision {
					return shared[h], nil
				}
				shared[h] = t
				return t, err
			}
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				p, err := good.List(ctx, q)
				for i, t := range p.Tokens {
					if own := shared[t.Hash]; own != nil && own.Revision == t.Revision {
						p.Tokens[i] = own
					}
				}
				return p, err
			}
		}),
	}
}

func writeFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"an old revision overwrites": with(func(good tokens.Store, f *faulty) {
			f.put = func(ctx context.Context, t *tokens.Token) (uint64, error) {
				revision, err := good.Put(ctx, t)
				for errors.Is(err, tokens.ErrConflict) {
					now, _ := good.ByID(ctx, t.ID)
					c := t.Clone()
					c.Revision = now.Revision
					revision, err = good.Put(ctx, c)
				}
				return revision, err
			}
		}),
		"the secret is lost": with(func(good tokens.Store, f *faulty) {
			f.put = func(ctx context.Context, t *tokens.Token) (uint64, error) {
				c := t.Clone()
				c.Secret = nil
				return good.Put(ctx, c)
			}
		}),
	}
}

func listFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"lists ignore the domain": with(func(good tokens.Store, f *faulty) {
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				q.Domain = ""
				return good.List(ctx, q)
			}
		}),
		"lists of live tokens have ended ones": with(func(good tokens.Store, f *faulty) {
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				q.LiveAt = time.Time{}
				return good.List(ctx, q)
			}
		}),
		"the end of a page is forgotten": with(func(good tokens.Store, f *faulty) {
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				p, err := good.List(ctx, q)
				p.Next = ""
				return p, err
			}
		}),
		"bad cursors begin anew": with(func(good tokens.Store, f *faulty) {
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				p, err := good.List(ctx, q)
				if errors.Is(err, tokens.ErrBadCursor) {
					q.After = ""
					return good.List(ctx, q)
				}
				return p, err
			}
		}),
	}
}

func purgeFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"a purge takes what ends at the very time": with(func(good tokens.Store, f *faulty) {
			f.purge = func(ctx context.Context, before time.Time) (int, error) {
				return good.Purge(ctx, before.Add(time.Millisecond))
			}
		}),
		"a purge says too little": with(func(good tokens.Store, f *faulty) {
			f.purge = func(ctx context.Context, before time.Time) (int, error) {
				n, err := good.Purge(ctx, before)
				return max(n-1, 0), err
			}
		}),
	}
}

func TestSuitePassesAGoodStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) tokens.Store {
		good := memstore.New()
		return faulty{Store: good, usages: good}
	})
}

// TestSuiteFindsEveryFault runs the suite in a process for each fault, and the
// process must fail.
func TestSuiteFindsEveryFault(t *testing.T) {
	t.Parallel()
	for name, f := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.failfast", "-test.run=^TestChildWithAFault$/("+f.groups+")")
			cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", faultEnv+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("--- FAIL: TestChildWithAFault/")) {
				t.Errorf("the suite passes this store: %v\n%s", err, out)
			}
		})
	}
}

func TestChildWithAFault(t *testing.T) {
	f, ok := faults()[os.Getenv(faultEnv)]
	if !ok {
		t.Skip("not a test of its own: TestSuiteFindsEveryFault runs it as a process")
	}
	storetest.Run(t, func(*testing.T) tokens.Store { return f.open() })
}
