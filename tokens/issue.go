package tokens

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// InvalidError says what is wrong with something that was asked for, in a
// sentence for whoever asked.
type InvalidError struct{ Reason string }

// Error returns the sentence.
func (e *InvalidError) Error() string { return e.Reason }

// Invalid returns an InvalidError.
func Invalid(format string, args ...any) error {
	return &InvalidError{Reason: fmt.Sprintf(format, args...)}
}

// Lifetime is what a request wishes. The zero Lifetime wishes nothing and
// gets the default.
type Lifetime struct {
	Until time.Time // not zero = until then
	Never bool      // without an end, as far as max_ttl allows
}

// Order is what is wanted of a new token.
type Order struct {
	API   API
	At    time.Time // when it was asked for: the token begins then; zero = now
	By    Subject   // who asks
	Owner *User     // for whom; nil = for oneself. Naming oneself counts as naming another
	Scope Scope     // where it shall hold
	// AnyDomain: the tenant has no domains of its own, so that a domain's
	// token mints for every host.
	AnyDomain bool
	Lifetime  Lifetime
	SecretKey *Secret // not nil = make an S3 key pair with this secret key
	Meta      []Meta
	// Allowed narrows the token; none = all that its owner has, or what the
	// narrowed token allows that By came by.
	Allowed Allowances
}

// Issued is a new token with what is seen this once.
type Issued struct {
	Token *Token
	Value Secret
}

// Issue makes a token. When it returns without an error the token is durable.
// The errors are ErrAnonymous, ErrOtherTenant, ErrOutOfScope, ErrPermission, an
// *InvalidError, ErrStoreFull and what the store says when it fails.
func (s *Service) Issue(ctx context.Context, o Order) (Issued, error) {
	if err := mayIssue(o); err != nil {
		return Issued{}, err
	}
	allowed, err := o.allowances()
	if err != nil {
		return Issued{}, err
	}
	c, now := s.config.Load(), s.stamp()
	if !o.At.IsZero() {
		now = o.At.UTC().Truncate(time.Millisecond)
	}
	expires, err := c.expiry(o.Lifetime, now)
	if err != nil {
		return Issued{}, err
	}
	if expires, err = o.capped(expires); err != nil {
		return Issued{}, err
	}
	if err := c.checkSecret(o.SecretKey); err != nil {
		return Issued{}, err
	}
	owner := o.By.User.Name
	if o.Owner != nil {
		owner = o.Owner.Name
	}
	t := &Token{
		API: o.API, Owner: owner, Creator: o.By.User.Name, Scope: o.Scope,
		Created: now, Expires: expires, Meta: o.Meta, Allowed: allowed,
	}
	return s.put(ctx, t, o.SecretKey)
}

// attempts at a free id and value: two collisions of 73 random bits in a row
// mean that the source of randomness is broken.
const issueAttempts = 3

// put gives t an id, a value and its sealed secret and stores it.
func (s *Service) put(ctx context.Context, t *Token, secret *Secret) (Issued, error) {
	for range issueAttempts {
		value, err := newValue(s.random)
		if err != nil {
			return Issued{}, fmt.Errorf("make token: %w", err)
		}
		if t.ID, err = newID(s.random); err != nil {
			return Issued{}, fmt.Errorf("make token: %w", err)
		}
		t.Hash = HashOf(value.Reveal())
		if secret != nil {
			t.AccessKey = value.Reveal()
			if t.Secret, err = s.sealer.Seal(*secret, string(t.ID)); err != nil {
				return Issued{}, fmt.Errorf("seal secret key: %w", err)
			}
		}
		t.Revision, err = s.store.Put(ctx, t)
		if err == nil {
			return Issued{Token: t, Value: value}, nil
		}
		if !errors.Is(err, ErrExists) {
			return Issued{}, fmt.Errorf("store token: %w", err)
		}
	}
	return Issued{}, fmt.Errorf("store token: %w", ErrExists)
}

// mayIssue holds the rules for making tokens: where the subject is, and for
// another owner the right to make tokens with every right and tenant that the
// owner has.
func mayIssue(o Order) error {
	if err := o.By.in(o.Scope, o.AnyDomain); err != nil {
		return err
	}
	if o.Owner == nil || o.Owner.Name == o.By.User.Name {
		if !o.By.managesOwn(TokensCreate) {
			return ErrPermission
		}
	}
	if o.Owner == nil {
		return nil
	}
	me := o.By.effective()
	switch {
	case !me.Commands(o.Owner, TokensCreate):
		return ErrPermission
	case !me.rights().Covers(o.Owner.rights()):
		return ErrPermission
	case !o.Owner.Tenants.Has(o.Scope.Tenant):
		return Invalid("user %q does not belong to tenant %q", o.Owner.Name, o.Scope.Tenant)
	}
	return nil
}

// allowances returns what the new token is given: what was asked for, which
// neither the maker nor the owner may have less of, or with nothing asked for
// what the maker's own narrowed token has.
func (o *Order) allowances() (Allowances, error) {
	if err := o.Allowed.Validate(); err != nil {
		return nil, err
	}
	var mine Allowances
	if t := o.By.Token; t != nil {
		mine = t.Allowed
	}
	if len(o.Allowed) == 0 {
		return mine.Clone(), nil
	}
	owner := o.By.User
	if o.Owner != nil {
		owner = o.Owner
	}
	asked := o.Allowed.permissions()
	if !owner.rights().Covers(asked) || !o.Allowed.within(mine) {
		return nil, ErrPermission
	}
	return o.Allowed.Clone(), nil
}

// capped returns when the new token ends: one that a narrowed token makes
// never after that one.
func (o *Order) capped(expires time.Time) (time.Time, error) {
	t := o.By.Token
	if t == nil || !t.Narrowed() || t.Expires.IsZero() || !expires.IsZero() && !expires.After(t.Expires) {
		return expires, nil
	}
	if o.Lifetime.Until.IsZero() {
		return t.Expires, nil
	}
	return time.Time{}, Invalid("the expiry was read as %s, which is after the end of the token that asks, accepted is up to %s", expires.Format(timeForm), t.Expires.Format(timeForm))
}

// timeForm is how times are written in sentences.
const timeForm = "2006-01-02T15:04:05.000Z"

// MayIssueForOthers reports whether the subject may make tokens in a tenant
// that others own.
func (s *Service) MayIssueForOthers(by Subject, tenant string) bool {
	if by.Anonymous() {
		return false
	}
	me := by.effective()
	return me.Has(tenant, TokensCreate)
}

// expiry returns when a token ends that is made now with that wish.
func (c *Config) expiry(wish Lifetime, now time.Time) (time.Time, error) {
	if !wish.Until.IsZero() {
		return c.checkUntil(wish.Until.UTC().Truncate(time.Millisecond), now)
	}
	ttl := c.DefaultTTL
	if wish.Never {
		ttl = 0
	}
	if c.MaxTTL > 0 && (ttl == 0 || ttl > c.MaxTTL) {
		ttl = c.MaxTTL
	}
	if ttl == 0 {
		return time.Time{}, nil
	}
	return now.Add(ttl).Truncate(time.Millisecond), nil
}

func (c *Config) checkUntil(until, now time.Time) (time.Time, error) {
	if !until.After(now) {
		return time.Time{}, Invalid("the expiry was read as %s, which is not in the future: it is %s now, accepted is a later time", until.Format(timeForm), now.Format(timeForm))
	}
	if c.MaxTTL > 0 && until.After(now.Add(c.MaxTTL)) {
		return time.Time{}, Invalid("the expiry was read as %s, which is later than the longest lifetime allows: accepted is up to %s", until.Format(timeForm), now.Add(c.MaxTTL).Format(timeForm))
	}
	return until, nil
}

// checkSecret accepts printable ASCII, space included, of a minimum length.
func (c *Config) checkSecret(secret *Secret) error {
	if secret == nil {
		return nil
	}
	text := secret.Reveal()
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return Invalid("the secret key has a byte at position %d that is not printable ASCII", i+1)
		}
	}
	if len(text) < c.MinSecretLength {
		return Invalid("the secret key has %d characters, accepted is %d or more", len(text), c.MinSecretLength)
	}
	return nil
}

// newValue returns a token value: 128 random bits as 32 lower-case hex digits.
func newValue(random io.Reader) (Secret, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	return Secret(hex.EncodeToString(b[:])), nil
}

// idDigits gives an id about 73 random bits. It is random and not a counter,
// so that it does not tell how many tokens there are.
const idDigits = 22

// newID returns a random public id that does not begin with a zero.
func newID(random io.Reader) (ID, error) {
	id := make([]byte, 0, idDigits)
	var b [32]byte
	for len(id) < idDigits {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", err
		}
		id = appendDigits(id, b[:])
	}
	return ID(id), nil
}

// appendDigits turns random bytes into evenly spread digits, until the id is
// complete.
func appendDigits(id, random []byte) []byte {
	for _, c := range random {
		digit := '0' + c%10
		uneven := c >= 250 // 250..255 would favour 0 to 5
		if uneven || len(id) == idDigits || (len(id) == 0 && digit == '0') {
			continue
		}
		id = append(id, digit)
	}
	return id
}
