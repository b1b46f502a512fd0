package badgerstore

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/feed"
	"tollgate/tokens/record"
)

var (
	errNoChange   = errors.New("a change of nothing")
	errUnkeepable = errors.New("no token can be like that")
)

// positionRoom is kept free in each transaction for the position.
const positionRoom = 1 << 10

// feeding puts what was fed into one generation: by one transaction if it has
// room for all, otherwise by several, the first of which takes the position
// away and the last of which puts the new one. So whoever finds a part finds
// no position with it.
type feeding struct {
	g      *generation
	txn    *badger.Txn
	on     *snapshot // what txn sees
	size   int64     // bytes in txn
	writes int64     // in txn
	parted bool      // a transaction was committed
	done   []*change
}

func newFeeding(g *generation) *feeding {
	f := &feeding{g: g}
	f.begin()
	return f
}

func (f *feeding) begin() {
	f.txn, f.size, f.writes = f.g.db.NewTransaction(true), positionRoom, 1
	f.on = &snapshot{txn: f.txn}
}

// take stages one change.
func (f *feeding) take(ch *feed.Change) error {
	switch {
	case ch.Token != nil:
		return f.token(ch.Token)
	case ch.Gone != "":
		return f.gone(ch.Gone)
	case ch.Usage != nil:
		return f.usage(*ch.Usage)
	case ch.User != nil:
		return f.stage(planUser(ch.User, f.g.note))
	default:
		return errNoChange
	}
}

// token takes a record that is newer than the one that is kept. One that
// cannot be kept must not leave the one before it in force.
func (f *feeding) token(t *tokens.Token) error {
	fresh, err := newToken(t)
	if err != nil {
		f.g.note(fmt.Errorf("token %s is left out: %w", t.ID, err))
		return f.gone(t.ID)
	}
	old, err := recordByID(f.on, t.ID)
	switch {
	case errors.Is(err, tokens.ErrUnknown):
	case err != nil:
		return err
	case t.Revision <= old.Revision:
		return nil
	case isSame(old, t):
		return f.stage(planNewer(old, fresh))
	default: // another token of that id, and this one's end was not told
		if err := f.gone(t.ID); err != nil {
			return err
		}
	}
	other, err := recordByHash(f.on, t.Hash)
	if err == nil { // its end was not told: no two tokens have one value
		err = f.gone(other.ID)
	}
	if err != nil && !errors.Is(err, tokens.ErrUnknown) {
		return err
	}
	return f.stage(fresh.come())
}

// fedToken is a token that can be kept, and its record.
type fedToken struct {
	token *tokens.Token
	first *change // the record alone
}

// newToken refuses what no record could hold.
func newToken(t *tokens.Token) (fedToken, error) {
	if t.Revision == 0 {
		return fedToken{}, errUnkeepable
	}
	t, err := record.Canonical(t)
	if err != nil {
		return fedToken{}, err
	}
	c := &change{}
	return fedToken{token: t, first: c}, c.record(t, t.Revision)
}

// come returns the change that makes the token known.
func (n fedToken) come() *change {
	c, t := n.first, n.token
	c.set(idKey(t.ID), t.Hash[:])
	c.index(t)
	if t.Name != "" {
		c.set(claimKey(t), t.Hash[:])
	}
	return c
}

// planNewer replaces the record of a token.
func planNewer(old *tokens.Token, n fedToken) *change {
	c, t := n.first, n.token
	if endingOf(old) != endingOf(t) {
		c.unindex(old)
		c.index(t)
	}
	if t.Name != "" {
		c.remove(claimKey(old))
		c.set(claimKey(t), t.Hash[:])
	}
	return c
}

// gone removes a token and its usage, if they are known.
func (f *feeding) gone(id tokens.ID) error {
	if !isTokenID(id) {
		return nil
	}
	c := &change{}
	t, err := recordByID(f.on, id)
	switch {
	case errors.Is(err, tokens.ErrUnknown):
	case err != nil:
		return err
	default:
		c.erase(t)
		if t.Name != "" {
			c.remove(claimKey(t))
		}
	}
	if err := c.forgetUsage(f.on, id); err != nil {
		return err
	}
	return f.stage(c)
}

// usage takes the usage of a token that is known.
func (f *feeding) usage(u tokens.Usage) error {
	known, err := hasToken(f.on, u.ID)
	if err != nil || !known {
		return err
	}
	return f.stage(planUsage(u, f.g.note))
}

// planUsage writes one usage in place of another. One that cannot be kept is
// left out: it is a figure, not a rule.
func planUsage(u tokens.Usage, note func(error)) *change {
	c := &change{}
	one, err := canonicalUsages([]tokens.Usage{u})
	if err != nil {
		note(fmt.Errorf("the usage of token %s is left out: %w", u.ID, err))
		return c
	}
	c.set(usageKey(u.ID), record.EncodeUsage(one[0]))
	return c
}

// planUser writes or removes one account. One that cannot be kept is removed.
func planUser(u *feed.User, note func(error)) *change {
	c := &change{}
	switch {
	case !isUserName(u.Name):
		note(fmt.Errorf("a user is left out: %w: %d bytes", errUserName, len(u.Name)))
	case len(u.Account) > record.MaxSize:
		note(fmt.Errorf("a user is left out: an account of %d bytes", len(u.Account)))
		c.remove(userKey(u.Name))
	case u.Account == nil:
		c.remove(userKey(u.Name))
	default:
		c.set(userKey(u.Name), append([]byte{}, u.Account...))
	}
	return c
}

// stage puts a change into the transaction, or into the next one if it is full.
func (f *feeding) stage(c *change) error {
	writes := int64(len(c.removals) + len(c.entries))
	if writes == 0 {
		return nil
	}
	if f.writes > 1 && (f.size+c.size > f.g.db.MaxBatchSize() || f.writes+writes > f.g.db.MaxBatchCount()) {
		if err := f.part(); err != nil {
			return err
		}
	}
	f.size += c.size
	f.writes += writes
	f.done = append(f.done, c)
	return c.stage(f.txn)
}

// part commits what has been staged, and takes the position away with it.
func (f *feeding) part() error {
	if err := f.txn.Delete([]byte{kindPosition}); err != nil {
		return err
	}
	f.parted = true
	if err := f.txn.Commit(); err != nil {
		return err
	}
	f.begin()
	return nil
}

// end commits what has been staged together with the position.
func (f *feeding) end(at feed.Position) error {
	if err := f.txn.Set([]byte{kindPosition}, positionValue(at)); err != nil {
		return err
	}
	return f.txn.Commit()
}
