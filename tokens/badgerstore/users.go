package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"tollgate/tokens/record"
)

var errUserName = errors.New("name of a user is empty or too long")

// Users keeps user accounts in the database of a Store. What the bytes of an
// account mean is the business of whoever puts them there. A Store makes it;
// it lives as long as the store and is safe for concurrent use.
type Users struct{ store *Store }

// Users returns the user accounts of the store.
func (s *Store) Users() *Users { return &Users{store: s} }

// All returns every account by the name of its user. Names and bytes are the
// caller's own. tokens.ErrStoreClosed.
func (u *Users) All(ctx context.Context) (accounts map[string][]byte, err error) {
	defer u.store.observe("users_all")(&err)
	accounts, err = u.store.accounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	return accounts, nil
}

// Put writes one account in place of the one with that name, if there is one.
// It is durable when Put returns. A name has 1 to 4,096 bytes, data at most
// 512 KiB. tokens.ErrStoreFull, tokens.ErrStoreClosed.
func (u *Users) Put(ctx context.Context, name string, data []byte) (err error) {
	defer u.store.observe("users_put")(&err)
	switch {
	case !isUserName(name):
		return fmt.Errorf("put user: %w: %d bytes", errUserName, len(name))
	case len(data) > record.MaxSize:
		return fmt.Errorf("put user: account of %d bytes, at most %d are taken", len(data), record.MaxSize)
	}
	value := append([]byte(nil), data...) // the caller may go on before it is written
	_, err = u.store.submit(ctx, u.store.cfg.roomToGrow(), func(state, uint64) (*change, error) {
		c := &change{user: name}
		c.set(userKey(name), value)
		return c, nil
	})
	if err != nil {
		return fmt.Errorf("put user: %w", err)
	}
	return nil
}

// Delete removes one account. That there is none is no error. It is durable
// when Delete returns. tokens.ErrStoreFull, tokens.ErrStoreClosed.
func (u *Users) Delete(ctx context.Context, name string) (err error) {
	defer u.store.observe("users_delete")(&err)
	if !isUserName(name) {
		return fmt.Errorf("delete user: %w: %d bytes", errUserName, len(name))
	}
	_, err = u.store.submit(ctx, u.store.cfg.roomToChange(), func(state, uint64) (*change, error) {
		c := &change{user: name}
		c.remove(userKey(name))
		return c, nil
	})
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

func isUserName(name string) bool { return name != "" && len(name) <= record.MaxName }
