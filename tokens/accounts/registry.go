package accounts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"tollgate/tokens"
)

// Why a user cannot be made or changed. Test with errors.Is.
var (
	// ErrUserExists: the name is taken, or was that of a user of the file and
	// something is still kept under it.
	ErrUserExists = errors.New("there is a user of that name, or was one that is not forgotten")
	// ErrConfigured: the configuration file names the user, and owns what was
	// to be changed.
	ErrConfigured = errors.New("user is named in the configuration file and is changed there")
)

// Records keeps users, each as bytes under his name. What it returned without
// an error from Put and Delete is durable.
type Records interface {
	// Put writes the record in place of the one with that name.
	Put(ctx context.Context, name string, record []byte) error
	// Delete removes the record, if there is one.
	Delete(ctx context.Context, name string) error
	// All returns every record by its name.
	All(ctx context.Context) (map[string][]byte, error)
}

// Registry holds the configuration in force and the users that are kept in the
// store, and the Directory that both make. When a method that changes
// something returns without an error, the change is durable and the directory
// in force has it; with an error the directory is as it was, and only a store
// that failed may yet have the change at the next start. It is safe for
// concurrent use.
type Registry struct {
	records Records
	current atomic.Pointer[Directory]

	changing sync.Mutex // held by who changes something, while records are written
	turn     tokens.Turn
	newest   func() uint64 // nil = Settled was not called
	before   atomic.Uint64 // one more than what newest was before the change under way; 0 = none is

	// mu guards all below. Who is changing holds it no longer than to look and
	// to put in force: what others wrote comes in while he waits for a write.
	mu     sync.Mutex
	cfg    Config
	admins []string
	stored map[string]Stored
	vacant func(ctx context.Context, name string) error
}

// NewRegistry returns a registry of what is kept in records and of a valid
// configuration, with the names that tokens.admins lists; neither may be
// changed afterwards. A record that cannot be read is an error: it may be one
// that disables somebody.
func NewRegistry(ctx context.Context, records Records, cfg Config, admins []string) (*Registry, error) {
	all, err := records.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	r := &Registry{records: records, cfg: cfg, admins: admins, stored: make(map[string]Stored, len(all))}
	for name, record := range all {
		if r.stored[name], err = storedOf(name, record); err != nil {
			return nil, err
		}
	}
	r.rebuild()
	return r, nil
}

// Directory returns the snapshot in force. It does not block.
func (r *Registry) Directory() *Directory { return r.current.Load() }

// User is Directory().User, for tokens.Deps.
func (r *Registry) User(name string) (*tokens.User, bool) { return r.Directory().User(name) }

// Unused reports whether nobody is known and nobody was: the file names no
// user and nothing is kept of any.
func (r *Registry) Unused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.stored) == 0 && len(r.cfg.Users) == 0
}

// Configure puts another valid configuration in force, neither of whose parts
// may be changed afterwards. What is kept in the store stays as it is.
func (r *Registry) Configure(cfg Config, admins []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg, r.admins = cfg, admins
	r.rebuild()
}

// Vacant sets what Create asks before it takes a name, nil = nothing: an error
// ends the matter. It is there so that a name that is used again revives no
// token, by ending those that are kept under it or by refusing the name.
// Whoever once had it, in the file or in the store, may have left some. It may
// call Directory and User, and no other method.
func (r *Registry) Vacant(ask func(ctx context.Context, name string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vacant = ask
}

// Create makes a user. His record makes him one whatever s.Override says. The
// errors are ErrUserExists, also while a change of a user is kept who is gone
// from the file (Delete forgets it), an *tokens.InvalidError, what Vacant's
// function says and what the store says when it fails.
func (r *Registry) Create(ctx context.Context, s Stored) error {
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if _, kept := r.stored[s.Name]; kept || r.configured(s.Name) != nil {
		return ErrUserExists
	}
	s.Override = Override{}
	if err := r.judge(s, Stored{}); err != nil {
		return err
	}
	if r.vacant != nil {
		ask := r.vacant
		if err := r.aside(func() error { return ask(ctx, s.Name) }); err != nil {
			return err
		}
	}
	return r.put(ctx, s)
}

// Change changes a user who is kept in the store: change gets a copy, and its
// error ends the matter. Name, Created and Override stay as they are. Roles
// and tenants that were there before need not be valid still. The
// errors are ErrNoSuchUser, ErrConfigured, an *tokens.InvalidError and what
// the store says when it fails.
func (r *Registry) Change(ctx context.Context, name string, change func(*Stored) error) error {
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	old, err := r.own(name)
	if err != nil {
		return err
	}
	s := old.clone()
	if err := change(&s); err != nil {
		return err
	}
	s.Name, s.Created, s.Override = old.Name, old.Created, old.Override
	if err := r.judge(s, old); err != nil {
		return err
	}
	return r.put(ctx, s)
}

// Delete removes a user who is kept in the store, or forgets what was changed
// of a user who is gone from the file. His tokens are refused from then on;
// see Vacant for what becomes of them when the name is taken again. The errors
// are ErrNoSuchUser, ErrConfigured and what the store says when it fails.
func (r *Registry) Delete(ctx context.Context, name string) error {
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if r.configured(name) != nil {
		return ErrConfigured
	}
	if _, kept := r.stored[name]; !kept {
		return ErrNoSuchUser
	}
	if err := r.aside(func() error { return r.records.Delete(r.lasting(ctx), name) }); err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	if r.turn == nil {
		delete(r.stored, name)
		r.rebuild()
	}
	return nil
}

// RemoveCredentials takes a user's password away. For one whom the file names
// it stays away until the file has another password_hash. The user may have
// none. The errors are ErrNoSuchUser and what the store says when it fails.
func (r *Registry) RemoveCredentials(ctx context.Context, name string) error {
	return r.amend(ctx, name, func(s *Stored, u *UserConfig) {
		s.PasswordHash = ""
		if u != nil && u.PasswordHash != "" {
			s.Override.RemovedHash = Fingerprint(u.PasswordHash)
		}
	})
}

// SetDisabled disables a user, by whom and when the mark says, or enables him
// with the zero mark. Who is disabled already keeps his mark. For one whom the
// file names it holds whatever the file says of him. The errors are
// ErrNoSuchUser and what the store says when it fails.
func (r *Registry) SetDisabled(ctx context.Context, name string, mark tokens.Mark) error {
	return r.amend(ctx, name, func(s *Stored, _ *UserConfig) {
		if mark.At.IsZero() {
			s.Disabled = tokens.Mark{}
		} else if s.Disabled.At.IsZero() {
			s.Disabled = mark
		}
	})
}

// amend changes what may be changed of users of both kinds; u is the file's
// entry, nil = it has none.
func (r *Registry) amend(ctx context.Context, name string, change func(s *Stored, u *UserConfig)) error {
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	u := r.configured(name)
	s, kept := r.stored[name]
	switch {
	case u == nil && (!kept || s.only()):
		return ErrNoSuchUser
	case !kept:
		s = Stored{Name: name, Override: Override{Seen: u.fingerprint()}}
	}
	change(&s, u)
	if !kept && s.Disabled.At.IsZero() && s.Override.RemovedHash == "" {
		return nil // nothing of the file's entry is overridden
	}
	return r.put(ctx, s)
}

// Settled returns tokens.Deps.Known, given the function that returns the revision
// of the records: of the changes up to what it returns the directory has all. It
// is called once, before anything is changed.
func (r *Registry) Settled(newest func() uint64) func() uint64 {
	r.newest = newest
	return func() uint64 {
		now := newest() // first: a change that ends in between is in the directory
		if before := r.before.Load(); before > 0 {
			now = min(now, before-1)
		}
		return now
	}
}

// begin waits for its turn to change something and locks what is known. done
// ends both.
func (r *Registry) begin(ctx context.Context) (_ context.Context, done func(), err error) {
	r.changing.Lock()
	end := func() {}
	if r.turn != nil {
		if ctx, end, err = r.turn(ctx, "users"); err != nil {
			r.changing.Unlock()
			return nil, nil, fmt.Errorf("change user: %w", err)
		}
	}
	if r.newest != nil {
		r.before.Store(r.newest() + 1)
	}
	r.mu.Lock()
	return ctx, func() {
		r.before.Store(0)
		r.mu.Unlock()
		end()
		r.changing.Unlock()
	}, nil
}

// aside does what can take long while others may look at what is known.
func (r *Registry) aside(work func() error) error {
	r.mu.Unlock()
	defer r.mu.Lock()
	return work()
}

// lasting returns the context for a write of records. Where they tell nobody of
// it, whoever asked may go, but not before it is known whether it happened: it
// is to be put in force then.
func (r *Registry) lasting(ctx context.Context) context.Context {
	if r.turn != nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// own returns the record of a user who is kept in the store.
func (r *Registry) own(name string) (Stored, error) {
	if r.configured(name) != nil {
		return Stored{}, ErrConfigured
	}
	s, kept := r.stored[name]
	if !kept || s.only() {
		return Stored{}, ErrNoSuchUser
	}
	return s, nil
}

// configured returns the file's entry for a name, nil = it has none.
func (r *Registry) configured(name string) *UserConfig {
	i := slices.IndexFunc(r.cfg.Users, func(u UserConfig) bool { return u.Name == name })
	if i < 0 {
		return nil
	}
	return &r.cfg.Users[i]
}

// judge says what is wrong with a record that is to take the place of old.
func (r *Registry) judge(s, old Stored) error {
	var others []UserConfig
	for name, other := range r.stored {
		if name != s.Name && !other.only() {
			others = append(others, other.config())
		}
	}
	u, before := s.config(), old.config()
	if slices.Equal(u.Roles, before.Roles) {
		u.Roles = nil
	}
	if slices.Equal(u.Tenants, before.Tenants) {
		u.Tenants = nil
	}
	if fault := r.cfg.faultOf(u, others); fault != "" {
		return tokens.Invalid("%s", fault)
	}
	if err := s.check(); err != nil {
		return tokens.Invalid("%v", err)
	}
	return nil
}

// put makes a record durable and then puts it in force.
func (r *Registry) put(ctx context.Context, s Stored) error {
	record, err := EncodeStored(s)
	if err != nil {
		return err
	}
	if err := r.aside(func() error { return r.records.Put(r.lasting(ctx), s.Name, record) }); err != nil {
		return fmt.Errorf("put user: %w", err)
	}
	if r.turn == nil { // or the records have told it, and perhaps what came after it
		r.stored[s.Name] = s.clone()
		r.rebuild()
	}
	return nil
}

// rebuild makes the directory of what is there now.
func (r *Registry) rebuild() {
	all := make([]Stored, 0, len(r.stored))
	for _, name := range slices.Sorted(maps.Keys(r.stored)) {
		all = append(all, r.stored[name])
	}
	r.current.Store(NewDirectory(r.cfg, all, r.admins))
}

// clone returns a copy that shares nothing with s.
func (s *Stored) clone() Stored {
	c := *s
	c.Roles, c.Permissions, c.Tenants = slices.Clone(s.Roles), slices.Clone(s.Permissions), slices.Clone(s.Tenants)
	return c
}
