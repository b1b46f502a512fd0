package badgerstore

import (
	"errors"
	"fmt"

	"tollgate/tokens"
)

// Revision is that of the last commit that reads see, for tokens.Deps: what was
// changed after it has a greater one.
func (s *Store) Revision() uint64 { return s.committed.Load() }

// holds refuses a write if somebody on whom it rests was changed since he was
// looked at, by a commit that is done or by one that this write comes after.
func (w *writer) holds(b tokens.Basis) error {
	known := b.Revision - b.Behind
	for _, name := range b.Users {
		if max(w.changed[name], w.forgotten) > known || w.on.touches(userKey(name)) {
			return fmt.Errorf("user %q: %w", name, tokens.ErrBasis)
		}
	}
	for _, id := range b.Tokens {
		t, err := recordByID(&w.on, id)
		if errors.Is(err, tokens.ErrUnknown) || err == nil && t.Revision > b.Revision {
			return fmt.Errorf("token %s: %w", id, tokens.ErrBasis)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// touches reports whether a commit that is not done yet writes or removes a key.
func (p *planning) touches(key []byte) bool {
	for _, layer := range p.layers {
		if _, known := layer[string(key)]; known {
			return true
		}
	}
	return false
}

// maxChanged is how many users' changes are kept. Beyond that all are forgotten,
// and who was looked at before that is looked at again.
const maxChanged = 4096

// note keeps which users a commit has changed that went well. A store that was
// opened anew knows none, and nobody was looked at before.
func (w *writer) note(f *flight) {
	for _, c := range f.changes {
		if c.user == "" {
			continue
		}
		if len(w.changed) >= maxChanged {
			clear(w.changed)
			w.forgotten = f.sequence
		}
		w.changed[c.user] = f.sequence
	}
}
