package caller

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tollgate/proxy/sigv4"
	"tollgate/proxy/sigv4/postpolicy"
	"tollgate/tokens"
)

// Proof is a signature that a request carries, wherever it stands. What it
// says is a claim until Verify returns without an error.
type Proof interface {
	// Names returns the access key that it names.
	Names() string
	// Check judges all that needs no secret: the scope, which must be of the
	// region, the time and what had to be signed.
	Check(now time.Time, region string) error
	// Verify checks the signature. The seed is what signatures of parts of
	// the body hang on; nil where there are none.
	Verify(secret tokens.Secret, keys *sigv4.Keys) (*sigv4.Seed, error)
	// Pretend does the work of Verify for an access key that is not known.
	Pretend(keys *sigv4.Keys)
	// Explain returns a word for why the signature does not match, for the
	// operator; empty = no known cause.
	Explain(secret tokens.Secret) string
}

// SignedRequest is the Proof that is in the header or in the query.
type SignedRequest struct {
	*sigv4.Signature
	Hints func() sigv4.Hints // what the request could have been when it was signed

	seed sigv4.Seed
}

// Names implements Proof.
func (s *SignedRequest) Names() string { return s.AccessKey }

// Verify implements Proof. The seed is good as long as the SignedRequest is.
func (s *SignedRequest) Verify(secret tokens.Secret, keys *sigv4.Keys) (*sigv4.Seed, error) {
	if err := s.VerifyInto(&s.seed, secret, keys); err != nil {
		return nil, err
	}
	return &s.seed, nil
}

// Pretend implements Proof.
func (s *SignedRequest) Pretend(keys *sigv4.Keys) { s.VerifyDummy(keys) }

// Explain implements Proof.
func (s *SignedRequest) Explain(secret tokens.Secret) string {
	return s.Signature.Explain(secret, s.Hints())
}

// SignedForm is the Proof that is the policy of a form.
type SignedForm struct{ *postpolicy.Form }

// Names implements Proof.
func (f SignedForm) Names() string { return f.AccessKey() }

// Verify implements Proof. A form's file is not signed, so there is no seed.
func (f SignedForm) Verify(secret tokens.Secret, keys *sigv4.Keys) (*sigv4.Seed, error) {
	if f.Version() == postpolicy.V2 {
		return nil, f.VerifyV2(secret)
	}
	return nil, f.Form.Verify(keys.MAC(secret, f.Date(), f.Region()))
}

// Pretend implements Proof.
func (f SignedForm) Pretend(keys *sigv4.Keys) {
	_, _ = f.Verify("of nobody", keys) // only the time that it takes counts
}

// Explain implements Proof: what a form signs, nothing on the way changes.
func (SignedForm) Explain(tokens.Secret) string { return "" }

// MismatchError is a signature that does not match, with why, as far as that
// is known. Why is for the operator alone.
type MismatchError struct {
	Err error
	Why string
}

// Error returns the reason with why.
func (e *MismatchError) Error() string {
	if e.Why == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + " (it would with the cause " + e.Why + " undone)"
}

// Unwrap returns the reason.
func (e *MismatchError) Unwrap() error { return e.Err }

// bySignature finds out who signed a request.
func (c *Callers) bySignature(ctx context.Context, cred Credential) (Caller, error) {
	who := Caller{Form: Signature}
	if cred.Proof == nil || c.Keys == nil {
		return who, ErrSignature
	}
	now := c.Tokens.Now()
	if err := cred.Proof.Check(now, cred.Region); err != nil {
		return who, err
	}
	subject, secret, err := c.Tokens.Signer(ctx, cred.Proof.Names())
	who.Token = subject.Token
	if err != nil {
		cred.Proof.Pretend(c.Keys)
		return who, err
	}
	if who.Seed, err = cred.Proof.Verify(secret, c.Keys); err != nil {
		if errors.Is(err, sigv4.ErrMismatch) && c.explained.take(now) {
			err = &MismatchError{Err: err, Why: cred.Proof.Explain(secret)}
		}
		return who, err
	}
	who.Subject = subject
	return who, nil
}

// explainPerSecond bounds the signatures that do not match and are looked
// into: whoever knows an access key could make work with it.
const explainPerSecond = 20

// budget counts what is done in one second. The zero budget is ready.
type budget struct {
	second, used atomic.Int64
}

// take reports whether there is something left in the second of now. Around
// the turn of a second it may be a few more.
func (b *budget) take(now time.Time) bool {
	if second := now.Unix(); b.second.Swap(second) != second {
		b.used.Store(0)
	}
	return b.used.Add(1) <= explainPerSecond
}
