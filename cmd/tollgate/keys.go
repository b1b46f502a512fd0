package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/feed"
	"tollgate/tokens/keyring"
)

// errKeysMissing: there is a store without the keys that its secrets were
// sealed with.
var errKeysMissing = errors.New("the sealing keys are missing")

// keysOf returns the sealing keys: those that are configured, else those of
// the data directory. They are made there on the first run only: a store that
// exists has its keys elsewhere, and new ones would open none of its secrets.
func keysOf(c Config, risk risks) (*keyring.Ring, error) {
	switch {
	case c.Keys != "":
		ring, err := keyring.Parse(c.Keys.Reveal())
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		return ring, nil
	case c.KeysFile != "":
		return keyring.Load(c.KeysFile)
	}
	file := keyring.File(c.DataDir)
	if !exists(file) && exists(storeDir(c)) && !risk.newKeys {
		return nil, fmt.Errorf("%w: there is a token store in %s, but no %s; restore it, name the keys with keys_file, "+
			"or start with --accept-new-keys, after which S3 tokens that exist cannot be used", errKeysMissing, storeDir(c), file)
	}
	return keyring.Create(c.DataDir, rand.Reader)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

type storeCommands struct {
	Migrate migrateCommand `cmd:"" help:"Copy tokens and users between the data directory and etcd. All gateways must be stopped."`
	Reseal  resealCommand  `cmd:"" help:"Seal all S3 secrets with the newest key. The gateway must be stopped."`
}

type resealCommand struct{ configFlag }

// Run moves every record to the newest key.
func (r *resealCommand) Run(ctx context.Context, p Process) (err error) {
	c, _, err := loadConfig(r.Config, p.Environ)
	if err != nil {
		return err
	}
	if !c.Store.shared() && !exists(storeDir(c)) {
		return fmt.Errorf("there are no tokens in %s: name the gateway's configuration with --config", storeDir(c))
	}
	ring, err := keysOf(c, risks{})
	if err != nil {
		return err
	}
	if c.Store.shared() {
		return resealShared(ctx, p, c, ring)
	}
	store, err := badgerstore.Open(badgerstore.Config{Dir: storeDir(c), MinFree: uint64(c.Store.MinFree)}) // #nosec G115 -- validated
	if err != nil {
		return err
	}
	defer func() {
		if closing := store.Close(); err == nil {
			err = closing
		}
	}()
	return reseal(ctx, p, ring, store.Put, func(visit func(*tokens.Token) error) error { return store.Each(ctx, visit) })
}

// resealShared does so in etcd. Gateways may run meanwhile: a record that one
// of them changes at that moment ends it, and the next call goes on.
func resealShared(ctx context.Context, p Process, c Config, ring *keyring.Ring) (err error) {
	e, err := openEngine(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return reseal(ctx, p, ring, e.Put, func(visit func(*tokens.Token) error) error {
		_, err := e.Session().Snapshot(ctx, func(page []feed.Change) error {
			for _, change := range page {
				if change.Token == nil {
					continue
				}
				if err := visit(change.Token); err != nil {
					return err
				}
			}
			return nil
		})
		return err
	})
}

type putToken func(ctx context.Context, t *tokens.Token) (revision uint64, err error)

func reseal(ctx context.Context, p Process, ring *keyring.Ring, put putToken, each func(visit func(*tokens.Token) error) error) error {
	moved := 0
	err := each(func(t *tokens.Token) error {
		if !t.SigningOnly() || ring.Current(t.Secret) {
			return nil
		}
		secret, err := ring.Open(t.Secret, string(t.ID))
		if err != nil {
			return fmt.Errorf("token %s: %w", t.ID, err)
		}
		if t.Secret, err = ring.Seal(secret, string(t.ID)); err != nil {
			return fmt.Errorf("token %s: %w", t.ID, err)
		}
		if _, err := put(ctx, t); err != nil {
			return fmt.Errorf("token %s: %w", t.ID, err)
		}
		moved++
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "%d secrets sealed with the newest key\n", moved)
	return nil
}
