package etcdstore

import (
	"context"
	"errors"
	"fmt"

	"tollgate/tokens/feed"
)

// errUserName and errNoAccount: what can be no user.
var (
	errUserName  = errors.New("name of a user is empty")
	errNoAccount = errors.New("account of a user has no bytes")
)

// Users keeps user accounts where the tokens are; it implements
// accounts.Records. What the bytes of an account mean is the business of
// whoever puts them there. A Store makes it; it lives as long as the store and
// is safe for concurrent use.
type Users struct{ store *Store }

// Users returns the user accounts that all gateways share.
func (s *Store) Users() *Users { return &Users{store: s} }

// All returns every account by the name of its user. tokens.ErrStale if the
// store is not fresh.
func (u *Users) All(ctx context.Context) (map[string][]byte, error) {
	if err := u.store.Fresh(); err != nil {
		return nil, err
	}
	return u.store.replica.Accounts(ctx)
}

// Put writes one account in place of the one with that name, if there is one,
// with the errors of Store.Put.
func (u *Users) Put(ctx context.Context, name string, account []byte) error {
	if len(account) == 0 {
		return fmt.Errorf("put user: %w", errNoAccount)
	}
	if err := u.write(ctx, feed.User{Name: name, Account: account}); err != nil {
		return fmt.Errorf("put user: %w", err)
	}
	return nil
}

// Delete removes one account, with the errors of Store.Put. That there is none
// is no error.
func (u *Users) Delete(ctx context.Context, name string) error {
	if err := u.write(ctx, feed.User{Name: name}); err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

func (u *Users) write(ctx context.Context, user feed.User) error {
	if user.Name == "" {
		return errUserName
	}
	before, err := u.store.progress.writable()
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	revision, err := u.store.truth.PutUser(within, user)
	return u.store.settle(ctx, before, revision, err)
}
