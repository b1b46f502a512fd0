package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Manager is who manages tokens, and the API that he does it through: the APIs
// ask for rights of different names. The zero Manager is anonymous.
type Manager struct {
	Subject
	Via API
	// AnyDomain: the tenant has no domains of its own, so that a domain's
	// token gives a longer life to tokens of every host.
	AnyDomain bool
}

// deed is what is done to a token.
type deed uint8

const (
	deedRead  deed = iota
	deedWrite      // make, enable, extend
	deedEnd        // revoke, disable
)

// own returns the right that a narrowed token must have been given to do that
// with tokens of its own owner.
func (d deed) own() Permissions {
	switch d {
	case deedRead:
		return TokensRead
	case deedWrite:
		return TokensCreate
	case deedEnd:
		return TokensDelete
	}
	return 0
}

// others returns the rights any one of which is needed to do that with tokens
// of others.
func (m Manager) others(d deed) Permissions {
	switch {
	case m.Via == UserTokens && d == deedRead:
		return UsersRead | UsersCustom
	case m.Via == UserTokens:
		return UsersWrite | UsersCustom
	case m.Via == AccessTokens && d == deedRead:
		return AccessTokensRead
	case m.Via == AccessTokens:
		return AccessTokensWrite
	}
	return d.own()
}

// othersOf returns the same for one token: ending login sessions, which are the
// content gateway's tokens but for key pairs, has a right of its own.
func (m Manager) othersOf(t *Token, d deed) Permissions {
	if m.Via == UserTokens && d == deedEnd && t.API == ContentGateway && !t.SigningOnly() {
		return m.others(d) | UsersRevoke
	}
	return m.others(d)
}

// has reports whether the manager has any of these rights, wherever he has
// business.
func (m Manager) has(anyOf Permissions) bool {
	me := m.Powers()
	return me.AllRights()&anyOf != 0
}

// MayRead reports whether the manager may see tokens of others, in the tenants
// that he has.
func (m Manager) MayRead() bool { return m.has(m.others(deedRead)) }

// MayWrite reports whether the manager may make, enable and extend tokens of
// others, in the tenants that he has.
func (m Manager) MayWrite() bool { return m.has(m.others(deedWrite)) }

// MayEnd reports whether the manager may disable and end tokens of others, in
// the tenants that he has.
func (m Manager) MayEnd() bool { return m.has(m.others(deedEnd)) }

// managesOwn reports whether the manager may do that to tokens of his own: a
// narrowed token must have been given the right, or one of those by which it is
// done to tokens of others.
func (m Manager) managesOwn(d deed, others Permissions) bool {
	if m.Token == nil || !m.Token.Narrowed() {
		return true
	}
	return m.Token.given()&(d.own()|others) != 0
}

// commands reports whether the manager may do to tokens of another user what
// needs any of these rights: he has one and every tenant of the other.
func (m Manager) commands(owner *User, anyOf Permissions) bool {
	me := m.Powers()
	return me.AllRights()&anyOf != 0 && me.Tenants.Covers(owner.Tenants)
}

// Show returns the token that ref names, by public id or by value, unless it
// has ended. ErrUnknown if there is none, ErrAnonymous or ErrNotOwner if the
// manager may not see it.
func (s *Service) Show(ctx context.Context, m Manager, ref Secret) (*Token, error) {
	t, err := s.find(ctx, m, ref)
	if err != nil {
		return nil, err
	}
	if t.EndedAt(s.now()) {
		return nil, fmt.Errorf("look up token: %w", ErrUnknown)
	}
	if !s.reaches(m, t, deedRead) {
		return nil, ErrNotOwner
	}
	return t, nil
}

// Find returns the token that ref names as Show does, one that has ended too.
func (s *Service) Find(ctx context.Context, m Manager, ref Secret) (*Token, error) {
	t, err := s.find(ctx, m, ref)
	if err != nil {
		return nil, err
	}
	if !s.reaches(m, t, deedRead) {
		return nil, ErrNotOwner
	}
	return t, nil
}

// Change is what is to become of a token.
type Change struct {
	// Accept is asked first, if it is not nil; its error ends the matter.
	Accept func(*Token) error
	// Revision, if it is not zero, is the one that the token must still
	// have. ErrConflict if not.
	Revision uint64
	Enabled  *bool     // disable or enable; nil = neither
	Lifetime *Lifetime // a new end, counted from now; nil = as it is
	// Revive allows a new end for a token that has expired.
	Revive bool
	// Most is, with Revive, how many tokens that have not ended the owner
	// may have of the token's API when it is one of them again: ErrTooMany.
	// 0 = any number.
	Most int
	end  bool
}

// Revoke ends the token that ref names, by public id or by value, and returns
// it as it is then. When it returns without an error the end is durable and in
// force. A token that has ended already is ErrUnknown. If accept is not nil it
// is asked before, and its error ends the matter. The other errors are
// ErrAnonymous, ErrNotOwner and ErrStoreFull.
func (s *Service) Revoke(ctx context.Context, m Manager, ref Secret, accept func(*Token) error) (*Token, error) {
	return s.Change(ctx, m, ref, Change{Accept: accept, end: true})
}

// Change changes the token that ref names and returns it as it is then. When
// it returns without an error the change is durable and in force. A token that
// has ended is ErrUnknown, but for what c.Revive says. A longer life, and being
// enabled, a token gets only from who could make one like it; disabling it and
// shortening its life need what ending it does. The other errors are
// ErrAnonymous, ErrNotOwner, ErrPermission, ErrConflict, ErrName and ErrTooMany
// for one that is revived, an *InvalidError and ErrStoreFull.
func (s *Service) Change(ctx context.Context, m Manager, ref Secret, c Change) (*Token, error) {
	ctx = s.restingFor(ctx, m, &c)
	if c.Revive && c.Most > 0 {
		t, err := s.find(ctx, m, ref)
		if err != nil {
			return nil, err
		}
		var done func()
		if ctx, done, err = s.turnOf(ctx, t.Owner); err != nil {
			return nil, fmt.Errorf("change token: %w", err)
		}
		defer done()
	}
	for {
		t, err := s.find(ctx, m, ref)
		if err != nil {
			return nil, err
		}
		if err := s.apply(ctx, m, t, c); err != nil {
			return nil, err
		}
		t.Revision, err = s.store.Put(alsoResting(ctx, t.Owner), t)
		if errors.Is(err, ErrConflict) && c.Revision == 0 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("change token: %w", err)
		}
		return t, nil
	}
}

func (c *Change) disables() bool { return c.end || c.Enabled != nil && !*c.Enabled }

// deed returns what c does to a token, first of all.
func (c *Change) deed() deed {
	if c.Lifetime != nil || c.Enabled != nil && *c.Enabled {
		return deedWrite
	}
	return deedEnd
}

// mayChange says whether the token is one that the manager may change so.
func (s *Service) mayChange(m Manager, t *Token, c *Change, now time.Time) error {
	state := t.StateAt(now)
	revives := c.Revive && c.Lifetime != nil && state == Expired
	switch {
	case t.EndedAt(now) && !revives:
		return fmt.Errorf("look up token: %w", ErrUnknown)
	case !s.reaches(m, t, c.deed()):
		return ErrNotOwner
	case c.disables() && !s.reaches(m, t, deedEnd):
		return ErrPermission
	}
	return nil
}

// apply changes t, which is not stored yet.
func (s *Service) apply(ctx context.Context, m Manager, t *Token, c Change) error {
	now := s.stamp()
	if err := s.mayChange(m, t, &c, now); err != nil {
		return err
	}
	if c.Accept != nil {
		if err := c.Accept(t); err != nil {
			return err
		}
	}
	if c.Revision != 0 && c.Revision != t.Revision {
		return ErrConflict
	}
	if c.Lifetime != nil {
		dead := t.EndedAt(now)
		if err := s.extend(m, t, *c.Lifetime, now); err != nil {
			return err
		}
		if dead && !t.EndedAt(now) {
			if err := s.checkCount(ctx, t, now, c.Most); err != nil {
				return err
			}
		}
	}
	return s.mark(m, t, c, Mark{At: now, By: m.User.Name})
}

// mark ends, disables or enables t.
func (s *Service) mark(m Manager, t *Token, c Change, by Mark) error {
	disabled := !t.Disabled.At.IsZero()
	switch {
	case c.end:
		t.Revoked = by
	case c.Enabled == nil, *c.Enabled != disabled: // as it is already
	case !disabled:
		t.Disabled = by
	case !s.couldMake(m, t):
		return ErrPermission
	default:
		t.Disabled = Mark{}
	}
	return nil
}

// extend gives t another end.
func (s *Service) extend(m Manager, t *Token, wish Lifetime, now time.Time) error {
	expires, err := s.config.Load().expiry(wish, now)
	if err != nil {
		return err
	}
	before := t.Expires
	t.Expires = expires
	switch {
	case outlives(expires, before) && !s.couldMake(m, t):
		return ErrPermission
	case outlives(before, expires) && !s.reaches(m, t, deedEnd):
		return ErrPermission
	case expires.After(now): // one that ends now or has ended may have begun whenever
		return t.checkSpan()
	}
	return nil
}

// outlives reports whether one end comes after another; the zero end never
// comes.
func outlives(end, other time.Time) bool {
	return !other.IsZero() && (end.IsZero() || end.After(other))
}

// couldMake reports whether the manager could make a token like t, with t's
// end: he has every right that it grants and, coming by a token himself, what
// bounds that one bounds t as well. A token with a limited number of uses would
// add to them, so it makes no other one live.
func (s *Service) couldMake(m Manager, t *Token) bool {
	owner, known := s.users(t.Owner)
	if !known {
		return false
	}
	me, given := m.Powers(), t.ceiling()&t.given()
	mine := m.Token
	switch {
	case !me.AllRights().Covers(owner.AllRights() & given):
		return false
	case mine == nil:
		return true
	case mine.Scope.Domain != "" && !m.AnyDomain && mine.Scope != t.Scope:
		return false
	case mine.Only.Uses > 0, !mine.ceiling().Covers(given):
		return false
	case mine.Narrowed() && outlives(t.Expires, mine.Expires):
		return false
	}
	return t.Allowed.within(mine.Allowed) && t.Only.inside(&mine.Only)
}

// find returns the token that ref names, by public id or by value, in whatever
// state, to somebody.
func (s *Service) find(ctx context.Context, m Manager, ref Secret) (*Token, error) {
	if m.Anonymous() {
		return nil, ErrAnonymous
	}
	t, err := s.lookup(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("look up token: %w", err)
	}
	return t, nil
}

// reaches says whether the manager may do that to the token: to one's own
// without any right, to another's with it and all of his tenants.
func (s *Service) reaches(m Manager, t *Token, d deed) bool {
	me, others := m.Powers(), m.othersOf(t, d)
	owner, known := s.users(t.Owner)
	if !me.Tenants.Covers(t.tenantsOf(owner)) {
		return false
	}
	switch {
	case t.Owner == me.Name:
		return m.managesOwn(d, others)
	case known:
		return m.commands(owner, others)
	}
	return me.AllRights()&others != 0
}

// tenantsOf returns where the token holds, given its owner; nil = he is gone.
// One for several tenants holds in those that he still has.
func (t *Token) tenantsOf(owner *User) Tenants {
	if t.Scope.Tenant == AnyTenant && owner != nil {
		return t.tenants().and(owner.Tenants)
	}
	return t.tenants()
}

// lookup returns the token that ref names, by public id or by value, in
// whatever state. It is the caller's own.
func (s *Service) lookup(ctx context.Context, ref Secret) (*Token, error) {
	if IsID(ref.Reveal()) {
		return s.store.ByID(ctx, ID(ref.Reveal()))
	}
	if err := CheckText(ref.Reveal()); err != nil {
		return nil, ErrUnknown
	}
	t, err := s.store.ByHash(ctx, HashOf(ref.Reveal()))
	if err != nil {
		return nil, err
	}
	return t.Clone(), nil
}
