// Package tokens is the domain: what a token is, how long it lives, where it
// holds, what it grants and who may make, see and end one. It knows no HTTP,
// logs nothing and takes time, randomness and its store from outside.
package tokens

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// ID is a token's public id: a decimal string of 22 digits. It names the
// token in lists, logs and management paths and authenticates nothing.
type ID string

// IsID reports whether s has the form of a public id, 20 to 24 decimal
// digits.
func IsID(s string) bool {
	if len(s) < 20 || len(s) > 24 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Hash is the SHA-256 of a token's value, the only trace of the value that is
// kept. A value has at least 122 random bits, so a fast hash is enough.
type Hash [sha256.Size]byte

// HashOf returns the hash under which the token with that value is kept.
func HashOf(value string) Hash { return sha256.Sum256([]byte(value)) }

// API names the token API that made a token.
type API string

// The token APIs. The zero API is none: a record must say who made it.
const (
	ContentGateway API = "content_gateway"
	FileRepository API = "file_repository"
	UserTokens     API = "user_tokens"
	AccessTokens   API = "access_tokens"
)

// Scope says where a token holds. The zero Scope holds nowhere.
type Scope struct {
	Tenant string
	Domain string // one host name of the tenant; empty = all of them
}

// String returns the scope as the content gateway prints it: the name of the
// domain, or a plus sign and the name of the tenant.
func (s Scope) String() string {
	if s.Domain != "" {
		return s.Domain
	}
	return "+" + s.Tenant
}

// Sealed is a secret that was encrypted by a Sealer. Empty means there is
// none. It prints as ***.
type Sealed []byte

// Format implements fmt.Formatter so that no verb prints the bytes.
func (Sealed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// MarshalText returns ***, for JSON, YAML and every other encoding. Stores
// write the bytes themselves.
func (Sealed) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Meta is one piece of metadata that a token's maker attached. The gateway
// keeps and returns it and does not interpret it.
type Meta struct {
	Name  string // lower case, without the x-custom-meta- in front
	Value string // UTF-8
}

// Revocation is who ended a token before its time, and when. The zero
// Revocation is none.
type Revocation struct {
	At time.Time
	By string // a user's name
}

// Token is one record. It is a value: whoever gets one from a Store owns it.
type Token struct {
	ID        ID
	Hash      Hash
	API       API
	Owner     string // the user whose rights the token carries
	Creator   string // the user who made it
	Scope     Scope
	AccessKey string    // the value itself, for S3 tokens only: there it is a name and no secret
	Secret    Sealed    // the S3 secret key; not empty = the token is for signing only
	Created   time.Time // UTC, milliseconds
	Expires   time.Time // UTC, milliseconds; zero = never
	Meta      []Meta
	Allowed   Allowances // what it was given; none = all that its owner has
	Revoked   Revocation
	Revision  uint64 // set by the store on each write; zero = not stored yet
}

// State is where a token stands in its life.
type State string

// The states of a token.
const (
	Active  State = "active"
	Expired State = "expired"
	Revoked State = "revoked"
)

// StateAt returns the state of the token at the given time. A token is
// expired from the instant of Expires on, with no tolerance.
func (t *Token) StateAt(now time.Time) State {
	switch {
	case !t.Revoked.At.IsZero():
		return Revoked
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return Expired
	default:
		return Active
	}
}

// Ends returns when the token stopped or will stop to be live: the earlier
// of its expiry and its revocation. Zero = never.
func (t *Token) Ends() time.Time {
	switch {
	case t.Revoked.At.IsZero():
		return t.Expires
	case t.Expires.IsZero() || t.Revoked.At.Before(t.Expires):
		return t.Revoked.At
	default:
		return t.Expires
	}
}

// SigningOnly reports whether the token is an S3 key pair. Such a token
// authenticates by signature and in no other form.
func (t *Token) SigningOnly() bool { return len(t.Secret) > 0 }

// Narrowed reports whether the token was given less than its owner has.
func (t *Token) Narrowed() bool { return len(t.Allowed) > 0 }

// Clone returns a copy that shares nothing with t.
func (t *Token) Clone() *Token {
	c := *t
	c.Secret = slices.Clone(t.Secret)
	c.Meta = slices.Clone(t.Meta)
	c.Allowed = t.Allowed.Clone()
	return &c
}
