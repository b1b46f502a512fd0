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
	// ErrOwnerGone: the user whose rights the token carries is no more.
	ErrOwnerGone = errors.New("owner of the token is gone")
)

// Config is the part of the tokens section that the domain reads. Default
// gives its defaults.
type Config struct {
	DefaultTTL      time.Duration `yaml:"default_ttl"`       // lifetime when the request names none, cut to MaxTTL; 0 = never ends
	MaxTTL          time.Duration `yaml:"max_ttl"`           // ceiling; 0 = none
	MinSecretLength int           `yaml:"min_secret_length"` // of a chosen S3 secret key, in bytes
	KeepEnded       time.Duration `yaml:"keep_ended"`        // how long ended tokens stay visible to admins
}

// Default returns the configuration that holds when nothing is configured.
func Default() Config {
	return Config{
		DefaultTTL:      24 * time.Hour,
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
	if c.MinSecretLength < 1 {
		report("min_secret_length", fmt.Sprintf("%d is too short, accepted is 1 or more", c.MinSecretLength))
	}
}

// Sealer encrypts secrets that must be recoverable. The associated text binds
// a sealed secret to its record: it opens with the same text alone.
type Sealer interface {
	Seal(plain Secret, associated string) (Sealed, error)
	Open(sealed Sealed, associated string) (Secret, error)
}

// UserByName returns what the named user may do now, or false if there is no
// such user. It must be quick: every request asks.
type UserByName func(name string) (*User, bool)

// Service issues, verifies, shows and ends tokens. Make one with NewService;
// it is safe for concurrent use.
type Service struct {
	store  Store
	sealer Sealer
	users  UserByName
	now    func() time.Time
	random io.Reader // guarded by being crypto/rand.Reader or the like, safe for concurrent use
	config atomic.Pointer[Config]
}

// NewService returns a service on a store. Random must be safe for concurrent
// use and fit for keys, as crypto/rand.Reader is.
func NewService(store Store, sealer Sealer, users UserByName, now func() time.Time, random io.Reader, c Config) *Service {
	s := &Service{store: store, sealer: sealer, users: users, now: now, random: random}
	s.Configure(c)
	return s
}

// Configure puts another configuration in force, for what comes after.
func (s *Service) Configure(c Config) { s.config.Store(&c) }

// Now returns the time of the service.
func (s *Service) Now() time.Time { return s.now() }

// Verify returns who comes with that value. The errors are ErrUnknown,
// ErrExpired, ErrRevoked, ErrSigningOnly, ErrOwnerGone and what the store
// says when it fails.
func (s *Service) Verify(ctx context.Context, value Secret) (Subject, error) {
	h := HashOf(value.Reveal())
	t, err := s.store.ByHash(ctx, h)
	if err != nil {
		return Subject{}, fmt.Errorf("verify token: %w", err)
	}
	if t.SigningOnly() {
		return Subject{Token: t}, ErrSigningOnly
	}
	return s.subject(t)
}

// Signer returns who signs with an access key, and the secret key by which to
// check it. The signature is the proof, so until it was checked the subject is
// only somebody's claim. The errors are ErrUnknown, also for a token that is
// no key pair, ErrExpired, ErrRevoked, ErrOwnerGone and what the store or the
// sealer says when it fails.
func (s *Service) Signer(ctx context.Context, accessKey string) (Subject, Secret, error) {
	t, err := s.store.ByHash(ctx, HashOf(accessKey))
	if err != nil {
		return Subject{}, "", fmt.Errorf("look up access key: %w", err)
	}
	if !t.SigningOnly() {
		return Subject{Token: t}, "", ErrUnknown
	}
	subject, err := s.subject(t)
	if err != nil {
		return subject, "", err
	}
	secret, err := s.sealer.Open(t.Secret, string(t.ID))
	if err != nil {
		return subject, "", fmt.Errorf("open secret key: %w", err)
	}
	return subject, secret, nil
}

// Again returns the subject as it is now, for an exchange that lasts. The
// errors are those of Verify.
func (s *Service) Again(ctx context.Context, old Subject) (Subject, error) {
	if old.Token == nil {
		if old.User == nil {
			return old, nil
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
	return s.subject(t)
}

// subject returns the owner of a live token. With an error it returns the
// token without a user, so that a log can name it.
func (s *Service) subject(t *Token) (Subject, error) {
	switch t.StateAt(s.now()) {
	case Active:
	case Expired:
		return Subject{Token: t}, ErrExpired
	case Revoked:
		return Subject{Token: t}, ErrRevoked
	}
	u, ok := s.users(t.Owner)
	if !ok {
		return Subject{Token: t}, ErrOwnerGone
	}
	return Subject{User: u, Token: t}, nil
}

// lookup returns the token that ref names, by public id or by value, in
// whatever state.
func (s *Service) lookup(ctx context.Context, ref Secret) (*Token, error) {
	if IsID(ref.Reveal()) {
		return s.store.ByID(ctx, ID(ref.Reveal()))
	}
	return s.store.ByHash(ctx, HashOf(ref.Reveal()))
}

// Show returns the live token that ref names, by public id or by value.
// ErrUnknown if there is none that is live, ErrAnonymous or ErrNotOwner if the
// subject may not see it.
func (s *Service) Show(ctx context.Context, by Subject, ref Secret) (*Token, error) {
	return s.reach(ctx, by, ref, TokensRead)
}

// Revoke ends the live token that ref names, by public id or by value, and
// returns it as it is then. When it returns without an error the end is
// durable and in force. If accept is not nil it is asked before, and its error
// ends the matter. The other errors are those of Show and ErrStoreFull.
func (s *Service) Revoke(ctx context.Context, by Subject, ref Secret, accept func(*Token) error) (*Token, error) {
	for {
		t, err := s.reach(ctx, by, ref, TokensDelete)
		if err != nil {
			return nil, err
		}
		if accept != nil {
			if err := accept(t); err != nil {
				return nil, err
			}
		}
		t.Revoked = Revocation{At: s.stamp(), By: by.User.Name}
		t.Revision, err = s.store.Put(ctx, t)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("revoke token: %w", err)
		}
		return t, nil
	}
}

// reach finds a live token and checks the subject's right to it.
func (s *Service) reach(ctx context.Context, by Subject, ref Secret, need Permissions) (*Token, error) {
	if by.Anonymous() {
		return nil, ErrAnonymous
	}
	t, err := s.lookup(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("look up token: %w", err)
	}
	if t.StateAt(s.now()) != Active {
		return nil, fmt.Errorf("look up token: %w", ErrUnknown)
	}
	if !s.reaches(by, t, need) {
		return nil, ErrNotOwner
	}
	return t, nil
}

// reaches says whether the subject may do to the token what needs that right:
// to one's own without any, to another's with it and all of his tenants.
func (s *Service) reaches(by Subject, t *Token, need Permissions) bool {
	me := by.effective()
	if !me.Tenants.Has(t.Scope.Tenant) {
		return false
	}
	if t.Owner == me.Name {
		return by.managesOwn(need)
	}
	if owner, ok := s.users(t.Owner); ok {
		return me.Commands(owner, need)
	}
	return me.Has(t.Scope.Tenant, need)
}

// Filter selects tokens for Service.List.
type Filter struct {
	Owner  string // empty = everybody's, with Tenant
	Tenant string // empty = every tenant that the subject has, with Owner
	Domain string // with Tenant
	After  Cursor
	Limit  int // as in Query
}

// List returns a page of live tokens: one's own, or with the right to read
// them another's or all of a tenant. A page may be short, even empty, while
// Next says that there is more. The errors are ErrAnonymous, ErrOtherTenant,
// ErrPermission and ErrBadCursor.
func (s *Service) List(ctx context.Context, by Subject, f Filter) (Page, error) {
	if err := s.mayList(by, f); err != nil {
		return Page{}, err
	}
	q := Query{Owner: f.Owner, Tenant: f.Tenant, Domain: f.Domain, LiveAt: s.now(), After: f.After, Limit: f.Limit}
	size := q.PageSize()
	var all Page
	for range listRounds {
		page, err := s.store.List(ctx, q)
		if err != nil {
			return Page{}, fmt.Errorf("list tokens: %w", err)
		}
		for _, t := range page.Tokens {
			if s.reaches(by, t, TokensRead) {
				all.Tokens = append(all.Tokens, t)
			}
		}
		all.Next = page.Next
		q.After, q.Limit = page.Next, size-len(all.Tokens)
		if page.Next == "" || q.Limit <= 0 {
			break
		}
	}
	return all, nil
}

// listRounds bounds the work for one page: what the subject may not see is
// left out, and a page is filled up with what comes after it.
const listRounds = 8

func (s *Service) mayList(by Subject, f Filter) error {
	if by.Anonymous() {
		return ErrAnonymous
	}
	me := by.effective()
	if f.Tenant != "" && !me.Tenants.Has(f.Tenant) {
		return ErrOtherTenant
	}
	if f.Owner == me.Name && by.managesOwn(TokensRead) {
		return nil
	}
	if f.Owner == me.Name || !me.rights().Has(TokensRead) {
		return ErrPermission
	}
	return nil
}

// MayReadAll reports whether the subject sees everybody's tokens in a tenant.
func (s *Service) MayReadAll(by Subject, tenant string) bool {
	if by.Anonymous() {
		return false
	}
	me := by.effective()
	return me.Has(tenant, TokensRead)
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
