package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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

// Issued is a new token with what is seen this once.
type Issued struct {
	Token *Token
	Value Secret
	// Repeated: the order was given before, and this is what it made.
	Repeated bool
}

// Issue makes a token. When it returns without an error the token is durable.
// The errors are ErrAnonymous, ErrOtherTenant, ErrOutOfScope, ErrPermission, an
// *InvalidError, ErrName, ErrTooMany, ErrOtherRequest, ErrUsedUp, ErrConflict, ErrStoreFull,
// ErrStale also if somebody was changed while he was judged, and what the store
// says when it fails.
func (s *Service) Issue(ctx context.Context, o Order) (Issued, error) {
	ctx = s.resting(ctx, o.By, o.Owner)
	t, err := s.draft(&o)
	if err != nil {
		return Issued{}, err
	}
	if o.Again != "" || o.Most > 0 {
		var done func()
		if ctx, done, err = s.turnOf(ctx, t.Owner); err != nil {
			return Issued{}, fmt.Errorf("make token: %w", err)
		}
		defer done()
	}
	if o.Again != "" {
		issued, err := s.repeated(ctx, o, t)
		if err != nil || issued.Token != nil {
			return issued, err
		}
	}
	if err := s.checkCount(ctx, t, t.Created, o.Most); err != nil {
		return Issued{}, err
	}
	if err := s.pay(ctx, o.By.Token, t.Only.Uses); err != nil {
		return Issued{}, err
	}
	return s.put(ctx, t, o)
}

// pay takes the uses of a new token off the one that it is made with, if that
// one has a limited number of them; nil = by none. ErrConflict if its life is
// not what the new token's was made of.
func (s *Service) pay(ctx context.Context, mine *Token, n uint32) error {
	if mine == nil || mine.Only.Uses == 0 {
		return nil
	}
	now, err := s.spend(ctx, mine.ID, n)
	if err == nil && !now.Expires.Equal(mine.Expires) {
		err = fmt.Errorf("make token: the token that it is made with: %w", ErrConflict)
	}
	return err
}

// draft returns what an order makes, but for its id and its value, if it may be
// made. It puts the configured form into the order where that names none.
func (s *Service) draft(o *Order) (*Token, error) {
	if err := mayIssue(o); err != nil {
		return nil, err
	}
	c, now := s.config.Load(), s.stamp()
	if !o.At.IsZero() {
		now = o.At.UTC().Truncate(time.Millisecond)
	}
	if o.Form == "" {
		o.Form = c.Format
	}
	if err := c.checkSecret(o.SecretKey); err != nil {
		return nil, err
	}
	return o.token(c, now)
}

// issueAttempts at a free id and value: two collisions of 73 random bits in a row
// mean that the source of randomness is broken.
const issueAttempts = 3

// put gives t an id, a value and its sealed secret and stores it.
func (s *Service) put(ctx context.Context, t *Token, o Order) (Issued, error) {
	for range issueAttempts {
		var err error
		if t.ID, err = newID(s.randomOf(o, time.Time{})); err != nil {
			return Issued{}, fmt.Errorf("make token: %w", err)
		}
		value, err := newValue(o.Form, t, o.SecretKey != nil, s.randomOf(o, t.Created))
		if err != nil {
			return Issued{}, fmt.Errorf("make token: %w", err)
		}
		t.Hash = HashOf(value.Reveal())
		if o.SecretKey != nil {
			t.AccessKey = value.Reveal()
			if t.Secret, err = s.sealer.Seal(*o.SecretKey, string(t.ID)); err != nil {
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
		if o.Again != "" {
			return s.repeated(ctx, o, t)
		}
	}
	return Issued{}, fmt.Errorf("store token: %w", ErrExists)
}

// randomOf returns the randomness for an order. Of one that can be given again
// it is the same each time, and nobody can tell it who has no sealing key. It
// is bound to the credential, so that a narrowed token does not get what its
// owner made by password, and for a value to the time at which the token was
// made: a value that ended never comes back, not even when its record was
// removed. The id, by which the record is found, has no time.
func (s *Service) randomOf(o Order, made time.Time) io.Reader {
	if o.Again == "" {
		return s.random
	}
	by := "password"
	if o.By.Token != nil {
		by = "token " + string(o.By.Token.ID)
	}
	text := fmt.Sprintf("order of %q by %s: %q", o.By.User.Name, by, o.Again)
	if !made.IsZero() {
		text += fmt.Sprintf(" at %d", made.UnixMilli())
	}
	return rand.NewChaCha8(s.sealer.Derive(text))
}

// repeated returns what an order made that was given before; nothing if it was
// not.
func (s *Service) repeated(ctx context.Context, o Order, t *Token) (Issued, error) {
	id, err := newID(s.randomOf(o, time.Time{}))
	if err != nil {
		return Issued{}, fmt.Errorf("make token: %w", err)
	}
	old, err := s.store.ByID(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return Issued{}, nil
	}
	if err != nil {
		return Issued{}, fmt.Errorf("look for the same order: %w", err)
	}
	if o.Request == (Hash{}) || old.Request != o.Request || old.Owner != t.Owner || old.Creator != t.Creator {
		return Issued{}, ErrOtherRequest
	}
	value, err := newValue(o.Form, old, o.SecretKey != nil, s.randomOf(o, old.Created))
	if err != nil {
		return Issued{}, fmt.Errorf("make token: %w", err)
	}
	if HashOf(value.Reveal()) != old.Hash || old.EndedAt(s.now()) {
		return Issued{}, ErrOtherRequest
	}
	return Issued{Token: old, Value: value, Repeated: true}, nil
}

// checkCount refuses one token more than the owner may have of an API; most
// zero is any number. It is called with the owner held.
func (s *Service) checkCount(ctx context.Context, t *Token, now time.Time, most int) error {
	if most <= 0 {
		return nil
	}
	q := Query{Owner: t.Owner, API: t.API, LiveAt: now, Limit: most}
	for count := 0; ; {
		page, err := s.store.List(ctx, q)
		if err != nil {
			return fmt.Errorf("count tokens: %w", err)
		}
		if count += len(page.Tokens); count >= most {
			return ErrTooMany
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

// timeForm is how times are written in sentences.
const timeForm = "2006-01-02T15:04:05.000Z"

// expiry returns when a token ends that is made now with that wish.
func (c *Config) expiry(wish Lifetime, now time.Time) (time.Time, error) {
	if !wish.Until.IsZero() {
		return c.checkUntil(wish, now)
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

// recordable returns a time as records keep it. What stores and RFC 3339 cannot
// say is an *InvalidError.
func recordable(what string, t time.Time) (time.Time, error) {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1970 || t.Year() > 9999 {
		return t, Invalid("%s was read as %s, accepted is a time from 1970 to 9999", what, t.Format(timeForm))
	}
	return t, nil
}

func (c *Config) checkUntil(wish Lifetime, now time.Time) (time.Time, error) {
	until := wish.Until.UTC().Truncate(time.Millisecond)
	if !until.After(now) && !wish.Past {
		return time.Time{}, Invalid("the expiry was read as %s, which is not in the future: it is %s now, accepted is a later time", until.Format(timeForm), now.Format(timeForm))
	}
	if _, err := recordable("the expiry", until); err != nil {
		return time.Time{}, err
	}
	if c.MaxTTL == 0 || !until.After(now.Add(c.MaxTTL)) {
		return until, nil
	}
	if wish.Yields {
		return now.Add(c.MaxTTL).Truncate(time.Millisecond), nil
	}
	return time.Time{}, Invalid("the expiry was read as %s, which is later than the longest lifetime allows: accepted is up to %s", until.Format(timeForm), now.Add(c.MaxTTL).Format(timeForm))
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
