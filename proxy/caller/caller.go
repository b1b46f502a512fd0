package caller

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// ErrConflictingCookies says: two cookies of our name hold different values.
var ErrConflictingCookies = errors.New("two cookies with different values")

// Caller is who asks, and how he said so. The zero Caller is anonymous.
type Caller struct {
	tokens.Subject
	Form Form
	// Clear: the cookie he sent is dead and the answer should take it away.
	Clear bool
	// Degraded is why a credential that was sent counts as none; nil if none
	// was sent or it counts.
	Degraded error
	// Seed is what the signatures of a body's chunks hang on, with
	// Signature.
	Seed *sigv4.Seed
}

// Callers turns credentials into callers.
type Callers struct {
	Tokens    *tokens.Service
	Gate      *accounts.Gate
	Directory func() *accounts.Directory // the one in force now
	// PasswordChecked is told how each check of a password ended; nil =
	// nobody is told.
	PasswordChecked func(err error)
	// Keys are the signing keys of who came before; nil = no signature
	// counts.
	Keys *sigv4.Keys
	// Revision waits until a revision of the tokens has come to this gateway;
	// nil = nobody shares them, so that all revisions are here.
	Revision func(ctx context.Context, revision uint64) error

	explained budget
	awaiting  atomic.Int32 // requests that wait for a revision
}

// Identify returns who stands behind a credential. A cookie that does not
// authenticate gives the anonymous caller; every other credential that does
// not is an error: those of tokens.Service.Verify, accounts.ErrBadPassword,
// accounts.ErrBusy, ErrSignature, and for a signature a *MismatchError and
// those of its Proof. A store that fails is an error in every
// form. The caller that comes with an error names the token, if there is one,
// for the log.
func (c *Callers) Identify(ctx context.Context, cred Credential) (Caller, error) {
	switch cred.Form {
	case None:
		return Caller{}, nil
	case Basic, LoginForm:
		return c.byPassword(ctx, cred)
	case Bearer, QueryToken, TokenHeader, XAuthToken, GatewayToken:
		subject, err := c.Tokens.Verify(ctx, cred.Secret)
		return Caller{Form: cred.Form, Subject: subject}, err
	case Cookie:
		return c.byCookie(ctx, cred)
	case Signature:
		return c.bySignature(ctx, cred)
	}
	return Caller{Form: cred.Form}, ErrSignature
}

// byPassword asks whether the users are fresh when it knows the verdict: a check
// takes long enough for them to become old.
func (c *Callers) byPassword(ctx context.Context, cred Credential) (Caller, error) {
	if err := c.Tokens.Fresh(); err != nil {
		return Caller{Form: cred.Form}, err
	}
	account, err := c.Gate.Check(ctx, c.Directory(), cred.Name, cred.Secret)
	if c.PasswordChecked != nil {
		c.PasswordChecked(err)
	}
	if err == nil {
		err = c.Tokens.Fresh()
	}
	if err != nil {
		return Caller{Form: cred.Form}, fmt.Errorf("check password: %w", err)
	}
	return Caller{Form: cred.Form, Subject: tokens.Subject{User: &account.User}}, nil
}

// byCookie lets a browser with a dead cookie go on as anonymous: it cannot
// know that the cookie is dead, and what it asks for may be public.
func (c *Callers) byCookie(ctx context.Context, cred Credential) (Caller, error) {
	if cred.conflict {
		return Caller{Form: Cookie, Degraded: ErrConflictingCookies}, nil
	}
	subject, err := c.Tokens.Verify(ctx, cred.Secret)
	switch {
	case err == nil:
		return Caller{Form: Cookie, Subject: subject}, nil
	case errors.Is(err, tokens.ErrSigningOnly), errors.Is(err, tokens.ErrDisabled), errors.Is(err, tokens.ErrNotYet):
		return Caller{Form: Cookie, Degraded: err}, nil // its time may come
	case isDead(err):
		// Where tokens are shared, an unknown one may be about to arrive here.
		known := c.Revision == nil || !errors.Is(err, tokens.ErrUnknown)
		return Caller{Form: Cookie, Degraded: err, Clear: known}, nil
	default:
		return Caller{Form: Cookie}, err
	}
}

// isDead reports whether the error is a verdict about the token, and not a
// store that could not say.
func isDead(err error) bool {
	for _, verdict := range []error{tokens.ErrUnknown, tokens.ErrExpired, tokens.ErrRevoked, tokens.ErrUsedUp, tokens.ErrChecksum, tokens.ErrOwnerGone} {
		if errors.Is(err, verdict) {
			return true
		}
	}
	return false
}
