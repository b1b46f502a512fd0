package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/keyring"
)

// storeFolder is where a gateway has its tokens in its data directory.
const storeFolder = "tokens"

// fillers is how many tokens are made at a time: writes that wait for the disk
// share it.
const fillers = 256

// filling makes the tokens of a data directory.
type filling struct {
	dir   string // of the gateway's data
	count int    // tokens
	list  string // file for the values of some of them, evenly spread
	chose int    // how many of them at most
}

// runFill fills a data directory that no gateway has open.
func runFill(ctx context.Context, args []string) error {
	var l filling
	f := flag.NewFlagSet(roleFill, flag.ContinueOnError)
	f.StringVar(&l.dir, "dir", "", "data directory")
	f.IntVar(&l.count, "count", 1000, "tokens")
	f.StringVar(&l.list, "list", "", "`file` for values, one a line")
	f.IntVar(&l.chose, "choose", 1000, "how many values at most")
	if err := f.Parse(args); err != nil {
		return err
	}
	return l.run(ctx)
}

func (l filling) run(ctx context.Context) (err error) {
	ring, err := keyring.Create(l.dir, rand.Reader)
	if err != nil {
		return err
	}
	store, err := badgerstore.Open(badgerstore.Config{Dir: filepath.Join(l.dir, storeFolder), MinFree: minFree})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	me := &tokens.User{Name: user, Tenants: tokens.Tenants{Any: true}, Rights: tokens.StorageAll}
	service := tokens.NewService(tokens.Deps{
		Store: store, Usage: store, Sealer: ring, Now: time.Now, Random: rand.Reader,
		Users: func(string) (*tokens.User, bool) { return me, true },
	}, tokens.Default())
	values, err := l.issueAll(ctx, service, tokens.Order{
		API: tokens.ContentGateway, By: tokens.Subject{User: me}, AnyDomain: true,
		Scope: tokens.Scope{Tenant: tenant}, Lifetime: tokens.Lifetime{Never: true},
	})
	if err != nil {
		return err
	}
	return writeValues(l.list, values)
}

// issueAll makes the tokens and returns the values that were chosen.
func (l filling) issueAll(ctx context.Context, service *tokens.Service, o tokens.Order) ([]string, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	step := max(l.count/max(l.chose, 1), 1)
	values := make([]string, min(l.count, l.chose))
	var next atomic.Int64
	var all sync.WaitGroup
	for range fillers {
		all.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1) - 1)
				if n >= l.count {
					return
				}
				issued, err := service.Issue(ctx, o)
				if err != nil {
					stop(fmt.Errorf("token %d: %w", n+1, err))
					return
				}
				if n%step == 0 && n/step < len(values) {
					values[n/step] = issued.Value.Reveal()
				}
			}
		})
	}
	all.Wait()
	return values, context.Cause(ctx)
}

// writeValues writes a list that nobody else can read.
func writeValues(file string, values []string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- the benchmark's own
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	for _, v := range values {
		if _, err = io.WriteString(out, v+"\n"); err != nil {
			break
		}
	}
	return errors.Join(err, out.Flush(), f.Close())
}
