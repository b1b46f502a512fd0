package accounts

import (
	"fmt"
	"time"

	"tollgate/tokens"
)

// Share says that others change the records too: each change waits for the
// turn, and what is in the records, the registry's own changes among it, is in
// force when Changed or Loaded tells it, which must have happened when Put and
// Delete of the records return. To be called before anything is changed.
func (r *Registry) Share(turn tokens.Turn) {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.turn = turn
}

// Changed puts one record in force as it is now, nil = there is none any more.
// A record that cannot be read may be one that disables somebody: its user is
// disabled, and the error says why.
func (r *Registry) Changed(name string, record []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.take(name, record)
	r.rebuild()
	return err
}

// Loaded puts all records in force as they are now, in place of those before.
// Of those that cannot be read it is as with Changed; the error is the last
// one's.
func (r *Registry) Loaded(all map[string][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.stored)
	var failed error
	for name, record := range all {
		if record == nil {
			record = []byte{} // it is there, and cannot be read
		}
		if err := r.take(name, record); err != nil {
			failed = err
		}
	}
	r.rebuild()
	return failed
}

func (r *Registry) take(name string, record []byte) error {
	if record == nil {
		delete(r.stored, name)
		return nil
	}
	s, err := storedOf(name, record)
	if err != nil {
		s = Stored{Name: name, Disabled: tokens.Mark{At: time.UnixMilli(0), By: "tollgate"}}
	}
	r.stored[name] = s
	return err
}

// storedOf reads the record that is kept under a name.
func storedOf(name string, record []byte) (Stored, error) {
	s, err := DecodeStored(record)
	if err == nil && s.Name != name {
		err = fmt.Errorf("it is that of %q", s.Name)
	}
	if err != nil {
		return Stored{}, fmt.Errorf("read user %q: %w", name, err)
	}
	return s, nil
}
