package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// firstUser is the name of the user that a first run makes.
const firstUser = "admin"

// loadUsers reads the users that are kept in the store.
func (g *gatewayProcess) loadUsers(ctx context.Context, c Config) error {
	if g.users != nil { // the store brings them
		return nil
	}
	registry, err := accounts.NewRegistry(ctx, g.shelf.records, c.Accounts, c.Tokens.Admins)
	if err != nil {
		return err
	}
	g.users = registry
	return nil
}

// makeFirstUser makes a user if nobody is known, neither in the store nor in
// the configuration, and prints his password. It comes last before serving:
// whatever can fail has not failed, so that the password is not lost.
func (g *gatewayProcess) makeFirstUser(ctx context.Context) error {
	if !g.users.Unused() {
		return nil
	}
	password := accounts.GeneratePassword(rand.Reader)
	hash, err := accounts.HashPassword(password, rand.Reader)
	if err != nil {
		return fmt.Errorf("make first user: %w", err)
	}
	u := accounts.Stored{
		Name: firstUser, PasswordHash: hash, Created: g.tokens.Now(),
		Roles: []string{accounts.AdminRole}, Tenants: []string{accounts.AnyTenant},
	}
	if err := g.users.Create(ctx, u); err != nil && !g.isMade(u) {
		return fmt.Errorf("make first user: %w", err)
	}
	printFirstRun(g.process.Stdout, g.publicURL(), u.Name, password)
	return nil
}

// isMade reports whether a user is there as he was to be made: a write whose
// end is not known may have happened.
func (g *gatewayProcess) isMade(u accounts.Stored) bool {
	a, ok := g.users.Directory().Lookup(u.Name)
	return ok && a.PasswordHash == u.PasswordHash
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

// endTokensOf ends the tokens that are kept of a user who is no more, so that
// nobody gets them by taking the name.
func (g *gatewayProcess) endTokensOf(ctx context.Context, name string) error {
	everything := &tokens.User{Name: "tollgate", Tenants: tokens.Tenants{Any: true}, Rights: tokens.Everything}
	m := tokens.Manager{Subject: tokens.Subject{User: everything}, Via: tokens.Management}
	_, err := g.tokens.RevokeAll(ctx, m, tokens.Filter{Owner: name}, nil)
	return err
}

// hashing returns what hashes new passwords, no more at once than are checked:
// each takes a lot of memory.
func hashing() func(tokens.Secret) (tokens.Secret, error) {
	slots := make(chan struct{}, accounts.DefaultLimits().Concurrent)
	return func(password tokens.Secret) (tokens.Secret, error) {
		slots <- struct{}{}
		defer func() { <-slots }()
		return accounts.HashPassword(password, rand.Reader)
	}
}
