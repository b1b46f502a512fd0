package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"tollgate/tokens"
	"tollgate/tokens/badgerstore"
	"tollgate/tokens/keyring"
)

// keysOf returns the sealing keys: those that are configured, else those of
// the data directory, which are made on the first run.
func keysOf(c Config) (*keyring.Ring, error) {
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
	return keyring.Create(c.DataDir, rand.Reader)
}

type storeCommands struct {
	Reseal resealCommand `cmd:"" help:"Seal all S3 secrets with the newest key. The gateway must be stopped."`
}

type resealCommand struct{ configFlag }

// Run moves every record to the newest key.
func (r *resealCommand) Run(ctx context.Context, p Process) (err error) {
	c, _, err := loadConfig(r.Config, p.Environ)
	if err != nil {
		return err
	}
	ring, err := keysOf(c)
	if err != nil {
		return err
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
	return reseal(ctx, p, store, ring)
}

func reseal(ctx context.Context, p Process, store *badgerstore.Store, ring *keyring.Ring) error {
	moved := 0
	err := store.Each(ctx, func(t *tokens.Token) error {
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
		if _, err := store.Put(ctx, t); err != nil {
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
