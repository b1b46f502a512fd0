package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"tollgate/tokens/accounts"
)

// firstUser is the name of the user that a first run makes.
const firstUser = "admin"

// loadUsers reads the users that are kept in the store.
func (g *gatewayProcess) loadUsers(ctx context.Context) error {
	all, err := g.store.Users().All(ctx)
	if err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	for name, record := range all {
		u, err := accounts.DecodeStored(record)
		if err != nil {
			return fmt.Errorf("read user %q: %w", name, err)
		}
		g.stored = append(g.stored, u)
	}
	return nil
}

// makeFirstUser makes a user if nobody is known, neither in the store nor in
// the configuration, and prints his password. It comes last before serving:
// whatever can fail has not failed, so that the password is not lost.
func (g *gatewayProcess) makeFirstUser(ctx context.Context) error {
	if len(g.stored) > 0 || len(g.config.Accounts.Users) > 0 {
		return nil
	}
	password := accounts.GeneratePassword(rand.Reader)
	hash, err := accounts.HashPassword(password, rand.Reader)
	if err != nil {
		return fmt.Errorf("make first user: %w", err)
	}
	u := accounts.Stored{
		Name: firstUser, PasswordHash: hash,
		Roles: []string{accounts.AdminRole}, Tenants: []string{accounts.AnyTenant},
	}
	record, err := accounts.EncodeStored(u)
	if err != nil {
		return fmt.Errorf("make first user: %w", err)
	}
	if err := g.store.Users().Put(ctx, u.Name, record); err != nil {
		return fmt.Errorf("make first user: %w", err)
	}
	g.stored = append(g.stored, u)
	g.directory.Store(g.newDirectory(g.config))
	printFirstRun(g.process.Stdout, g.publicURL(), u.Name, password)
	return nil
}

// publicURL returns the address of the gateway as a client on this machine
// writes it.
func (g *gatewayProcess) publicURL() string {
	scheme := "http://"
	if g.config.TLS.CertFile != "" {
		scheme = "https://"
	}
	return scheme + reachable(g.publicListener.Addr())
}
