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

// loadUsers reads the users that are kept in the store. If nobody is known,
// neither there nor in the configuration, it makes the first one and returns
// his password; otherwise the password is empty.
func (g *gatewayProcess) loadUsers(ctx context.Context) (tokens.Secret, error) {
	all, err := g.store.Users().All(ctx)
	if err != nil {
		return "", fmt.Errorf("read users: %w", err)
	}
	for name, record := range all {
		u, err := accounts.DecodeStored(record)
		if err != nil {
			return "", fmt.Errorf("read user %q: %w", name, err)
		}
		g.stored = append(g.stored, u)
	}
	if len(g.stored) > 0 || len(g.config.Accounts.Users) > 0 {
		return "", nil
	}
	return g.makeFirstUser(ctx)
}

func (g *gatewayProcess) makeFirstUser(ctx context.Context) (tokens.Secret, error) {
	password := accounts.GeneratePassword(rand.Reader)
	hash, err := accounts.HashPassword(password, rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make first user: %w", err)
	}
	u := accounts.Stored{
		Name: firstUser, PasswordHash: hash,
		Roles: []string{accounts.AdminRole}, Tenants: []string{accounts.AnyTenant},
	}
	record, err := accounts.EncodeStored(u)
	if err != nil {
		return "", fmt.Errorf("make first user: %w", err)
	}
	if err := g.store.Users().Put(ctx, u.Name, record); err != nil {
		return "", fmt.Errorf("make first user: %w", err)
	}
	g.stored = append(g.stored, u)
	return password, nil
}
