package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// A name is claimed by the token that was given it last. The claim stays when
// that one ends, until another token takes the name or the token is purged.

// claimName takes the name of a token for it. tokens.ErrName if another has it
// that has not ended by when this one was created.
func (c *change) claimName(on state, t *tokens.Token) error {
	if t.Name == "" {
		return nil
	}
	holder, err := recordByName(on, t.Owner, t.Name)
	switch {
	case err == nil && holder.ID == t.ID:
		return nil
	case err == nil && !holder.EndedAt(t.Created):
		return tokens.ErrName
	case err != nil && !errors.Is(err, tokens.ErrUnknown):
		return err
	}
	c.set(nameKey(t.Owner, t.Name), t.Hash[:])
	return nil
}

// releaseName gives the name of a token free if it still has it.
func (c *change) releaseName(on state, t *tokens.Token) error {
	if t.Name == "" {
		return nil
	}
	h, err := hashAt(on, nameKey(t.Owner, t.Name))
	if errors.Is(err, tokens.ErrUnknown) {
		return nil
	}
	if err == nil && h == t.Hash {
		c.remove(nameKey(t.Owner, t.Name))
	}
	return err
}

// revives reports whether a change makes a token live longer than it did, so
// that its name may have been given again.
func revives(old, t *tokens.Token) bool {
	return closingOf(t) == byTime && (closingOf(old) != byTime || endOf(t) > endOf(old))
}

// recordByName reads the token that has a name, or tokens.ErrUnknown.
func recordByName(from state, owner, name string) (*tokens.Token, error) {
	h, err := hashAt(from, nameKey(owner, name))
	if err != nil {
		return nil, err
	}
	t, err := recordByHash(from, h)
	switch {
	case errors.Is(err, tokens.ErrUnknown):
		return nil, fmt.Errorf("%w: a name has no record", errIndex)
	case err != nil:
		return nil, err
	case t.Owner != owner || t.Name != name:
		return nil, fmt.Errorf("%w: a name leads to token %s, which has another", errIndex, t.ID)
	}
	return t, nil
}

// heldName is how a Store finds the token of a name.
func heldName(from *snapshot, owner, name string) (*tokens.Token, error) {
	return recordByName(from, owner, name)
}

// listNamed is List for one name of one owner. It has one page.
func (r *reader) listNamed(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	var page tokens.Page
	switch {
	case q.After != "":
		return page, tokens.ErrBadCursor
	case len(q.Owner) > record.MaxName || len(q.Name) > record.MaxName:
		return page, nil
	}
	err := r.view(ctx, func(from *snapshot) error {
		t, err := r.byName(from, q.Owner, q.Name)
		if errors.Is(err, tokens.ErrUnknown) {
			return nil
		}
		if err == nil && q.Matches(t) {
			page.Tokens = append(page.Tokens, t)
		}
		return err
	})
	return page, err
}
