package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Why a value does not authenticate. Test with errors.Is.
var (
	// ErrExpired: the token's time is over.
	ErrExpired = errors.New("token expired")
	// ErrRevoked: somebody ended the token.
	ErrRevoked = errors.New("token revoked")
	// ErrSigningOnly: the token is an S3 key pair and does not authenticate
	// by being shown.
	ErrSigningOnly = errors.New("token is for S3 signatures only")
	// ErrDisabled: somebody disabled the token.
	ErrDisabled = errors.New("token disabled")
	// ErrNotYet: the token's time has not come.
	ErrNotYet = errors.New("token is not valid yet")
	// ErrUsedUp: the token was used as often as it may be.
	ErrUsedUp = errors.New("token used up")
	// ErrOwnerGone: the user whose rights the token carries is no more.
	ErrOwnerGone = errors.New("owner of the token is gone")
)

// Config is the part of the tokens section that the domain reads. Default
// gives its defaults.
type Config struct {
	DefaultTTL      time.Duration `yaml:"default_ttl"`       // lifetime when the request names none, cut to MaxTTL; 0 = never ends
	MaxTTL          time.Duration `yaml:"max_ttl"`           // ceiling; 0 = none
	Format          Form          `yaml:"format"`            // of values whose API does not say: hex or prefixed
	MinSecretLength int           `yaml:"min_secret_length"` // of a chosen S3 secret key, in bytes
	KeepEnded       time.Duration `yaml:"keep_ended"`        // how long ended tokens stay visible to admins
}

// Default returns the configuration that holds when nothing is configured.
func Default() Config {
	return Config{
		DefaultTTL:      24 * time.Hour,
		Format:          Hex,
		MinSecretLength: 8,
		KeepEnded:       720 * time.Hour,
	}
}

// Validate reports every fault of c.
func (c Config) Validate(report func(path, message string)) {
	for _, d := range []struct {
		path  string
		value time.Duration
	}{{"default_ttl", c.DefaultTTL}, {"max_ttl", c.MaxTTL}, {"keep_ended", c.KeepEnded}} {
		if d.value < 0 {
			report(d.path, fmt.Sprintf("%v is negative, accepted is 0 or more", d.value))
		}
	}
	if c.Format != Hex && c.Format != Prefixed {
		report("format", fmt.Sprintf("read %q, accepted are hex and prefixed", string(c.Format)))
	}
	if c.MinSecretLength < 1 {
		report("min_secret_length", fmt.Sprintf("%d is too short, accepted is 1 or more", c.MinSecretLength))
	}
}

// Sealer encrypts secrets that must be recoverable. The associated text binds
// a sealed secret to its record: it opens with the same text alone.
type Sealer interface {
	Seal(plain Secret, associated string) (Sealed, error)
	Open(sealed Sealed, associated string) (Secret, error)
	// Derive returns 32 bytes that are always the same for a text, as long
	// as the newest key is, and that nobody can tell who has no key.
	Derive(text string) [32]byte
}

// UserByName returns what the named user may do now, or false if there is no
// such user. It must be quick: every request asks.
type UserByName func(name string) (*User, bool)

// Service issues, verifies, shows and ends tokens. Make one with NewService;
// it is safe for concurrent use.
type Service struct {
	store    Store
	usage    UsageStore
	sealer   Sealer
	users    UserByName
	now      func() time.Time
	random   io.Reader                 // guarded by being crypto/rand.Reader or the like, safe for concurrent use
	redact   func(agent string) string // nil = nothing is redacted
	config   atomic.Pointer[Config]
	used     *usages
	fresh    func() error  // nil = always
	turn     Turn          // nil = nobody shares the store
	revision func() uint64 // of what the store has; nil = writes rest on nobody
	known    func() uint64 // and of users; nil = the same
	// Who holds one of both holds the one of the owner first.
	byOwner locks // where tokens are counted, or made once
	byToken locks // where uses are counted
}

// Deps is what a Service works with. All fields but Redact and those after it
// must be set.
type Deps struct {
	Store  Store
	Usage  UsageStore
	Sealer Sealer
	Users  UserByName
	Now    func() time.Time
	Random io.Reader // safe for concurrent use and fit for keys, as crypto/rand.Reader is
	// Redact takes out of a user agent what must not be kept, as somebody may
	// have put a token there; nil = nothing is.
	Redact func(agent string) string
	// Fresh is nil as long as what is known of users is fresh, or ErrStale; nil
	// = it always is. Of tokens the store says so itself.
	Fresh func() error
	// Turn is needed where others share the store; nil = nobody does.
	Turn Turn
	// Revision is that of what the store has, and Known that up to which every
	// change of a user is in Users, if that can be less: whoever is looked at from
	// then on is as he was then or later. Without Revision writes rest on nobody,
	// whoever was changed meanwhile.
	Revision, Known func() uint64
}

// NewService returns a service on a store.
func NewService(d Deps, c Config) *Service {
	s := &Service{
		store: d.Store, usage: d.Usage, sealer: d.Sealer, users: d.Users,
		now: d.Now, random: d.Random, redact: d.Redact, fresh: d.Fresh, turn: d.Turn, revision: d.Revision, known: d.Known, used: newUsages(),
	}
	s.Configure(c)
	return s
}

// Configure puts another configuration in force, for what comes after.
func (s *Service) Configure(c Config) { s.config.Store(&c) }

// Fresh says whether what is known of users can be decided by: ErrStale if not.
// Who comes with a token need not ask, since the store does.
func (s *Service) Fresh() error {
	if s.fresh == nil {
		return nil
	}
	return s.fresh()
}

// Now returns the time of the service.
func (s *Service) Now() time.Time { return s.now() }

// Verify returns who comes with that value. The errors are ErrUnknown,
// ErrChecksum, ErrExpired, ErrRevoked, ErrDisabled, ErrNotYet, ErrUsedUp,
// ErrSigningOnly, ErrOwnerGone and what the store says when it fails.
func (s *Service) Verify(ctx context.Context, value Secret) (Subject, error) {
	if err := CheckText(value.Reveal()); err != nil {
		return Subject{}, err
	}
	h := HashOf(value.Reveal())
	t, err := s.store.ByHash(ctx, h)
	if err != nil {
		return Subject{}, fmt.Errorf("verify token: %w", err)
	}
	if t.SigningOnly() {
		return Subject{Token: t}, ErrSigningOnly
	}
	return s.SubjectOf(t)
}

// Signer returns who signs with an access key, and the secret key by which to
// check it. The signature is the proof, so until it was checked the subject is
// only somebody's claim. The errors are ErrUnknown, also for a token that is
// no key pair, the others of Verify, and what the store or the sealer says when
// it fails.
func (s *Service) Signer(ctx context.Context, accessKey string) (Subject, Secret, error) {
	if err := CheckText(accessKey); err != nil {
		return Subject{}, "", err
	}
	t, err := s.store.ByHash(ctx, HashOf(accessKey))
	if err != nil {
		return Subject{}, "", fmt.Errorf("look up access key: %w", err)
	}
	if !t.SigningOnly() {
		return Subject{Token: t}, "", ErrUnknown
	}
	subject, err := s.SubjectOf(t)
	if err != nil {
		return subject, "", err
	}
	secret, err := s.sealer.Open(t.Secret, string(t.ID))
	if err != nil {
		return subject, "", fmt.Errorf("open secret key: %w", err)
	}
	return subject, secret, nil
}

// Again returns the subject as it is now, for an exchange that lasts. That its
// token was used up meanwhile does not matter: the exchange was counted. The
// other errors are those of Verify.
func (s *Service) Again(ctx context.Context, old Subject) (Subject, error) {
	if old.Token == nil {
		if old.User == nil {
			return old, nil
		}
		if err := s.Fresh(); err != nil {
			return Subject{}, err
		}
		u, ok := s.users(old.User.Name)
		if !ok {
			return Subject{}, ErrOwnerGone
		}
		return Subject{User: u}, nil
	}
	t, err := s.store.ByHash(ctx, old.Token.Hash)
	if err != nil {
		return Subject{}, fmt.Errorf("verify token again: %w", err)
	}
	if !t.Spent.IsZero() {
		counted := *t // the record is not ours to change
		counted.Spent = time.Time{}
		t = &counted
	}
	return s.SubjectOf(t)
}

// SubjectOf returns who comes with a token, as he is now. The errors are those
// of Verify for how a token stands in its life and for its owner; with one it
// returns the token without a user, so that a log can name it.
func (s *Service) SubjectOf(t *Token) (Subject, error) {
	if err := t.refusal(s.now()); err != nil {
		return Subject{Token: t}, err
	}
	u, ok := s.users(t.Owner)
	if !ok {
		return Subject{Token: t}, ErrOwnerGone
	}
	return Subject{User: u, Token: t}, nil
}

// refusal returns why the token does not authenticate at a time; nil = it does.
func (t *Token) refusal(now time.Time) error {
	switch t.StateAt(now) {
	case Active:
		return nil
	case Pending:
		return ErrNotYet
	case Disabled:
		return ErrDisabled
	case UsedUp:
		return ErrUsedUp
	case Expired:
		return ErrExpired
	case Revoked:
		return ErrRevoked
	}
	return ErrRevoked
}

// Clean removes the tokens that ended longer than KeepEnded ago and returns
// how many it removed.
func (s *Service) Clean(ctx context.Context) (int, error) {
	before, total := s.now().Add(-s.config.Load().KeepEnded), 0
	for {
		n, err := s.store.Purge(ctx, before)
		total += n
		if err != nil {
			return total, fmt.Errorf("clean tokens: %w", err)
		}
		if n < MaxLimit {
			return total, nil
		}
	}
}

// stamp returns the time as records keep it.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Millisecond) }
