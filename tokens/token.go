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
func HashOf(value string) Hash {
	var usual [128]byte // takes every form of value without an allocation
	return sha256.Sum256(append(usual[:0], value...))
}

// API names the token API that made a token.
type API string

// The token APIs. The zero API is none: a record must say who made it.
const (
	ContentGateway API = "content_gateway"
	FileRepository API = "file_repository"
	UserTokens     API = "user_tokens"
	AccessTokens   API = "access_tokens"
	Management     API = "management" // the gateway's own, under /_admin/api/
)

// AnyTenant as the tenant of a Scope stands for every tenant that the owner
// has. No tenant can have that name.
const AnyTenant = "any"

// Scope says where a token holds. The zero Scope holds nowhere.
type Scope struct {
	Tenant string // or AnyTenant
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

// Mark is who did something to a token, and when. The zero Mark says that
// nobody did.
type Mark struct {
	At time.Time
	By string // a user's name
}

// Token is one record. It is a value: whoever gets one from a Store owns it,
// but for one that Store.ByHash gives.
type Token struct {
	ID        ID
	Hash      Hash
	API       API
	Name      string // chosen by its maker, unique among the owner's that have not ended; empty = none
	Owner     string // the user whose rights the token carries
	Creator   string // the user who made it
	Scope     Scope
	Tenants   []string  // with AnyTenant: these alone; none = all that the owner has
	AccessKey string    // the value itself, for S3 tokens only: there it is a name and no secret
	Secret    Sealed    // the S3 secret key; not empty = the token is for signing only
	Created   time.Time // UTC, milliseconds
	NotBefore time.Time // UTC, milliseconds; it does not authenticate earlier. Zero = at once
	Expires   time.Time // UTC, milliseconds; zero = never
	Meta      []Meta
	Roles     []string     // as they were asked for; what they grant is in Allowed
	Allowed   Allowances   // what it was given; none = all that its owner has, with Roles nothing
	Only      Restrictions // what requests must be like
	// Ceiling bounds what the owner's rights count for, where somebody else
	// made the token: the rights that the owner had then. Zero = none.
	Ceiling  Permissions
	Used     uint32    // how often, with Only.Uses
	Spent    time.Time // when the last use was made; zero = there are some left
	Request  Hash      // of the request that made it, for who asks twice; zero = nobody will
	Disabled Mark      // does not authenticate until it is enabled again
	Revoked  Mark      // ended for good
	Revision uint64    // set by the store on each write; zero = not stored yet
}

// State is where a token stands in its life.
type State string

// The states of a token.
const (
	Active   State = "active"
	Pending  State = "pending" // its time has not come
	Disabled State = "disabled"
	UsedUp   State = "used_up"
	Expired  State = "expired"
	Revoked  State = "revoked"
)

// StateAt returns the state of the token at the given time. What was done to a
// token comes before what its times say. A token is expired from the instant of
// Expires on, with no tolerance.
func (t *Token) StateAt(now time.Time) State {
	switch {
	case !t.Revoked.At.IsZero():
		return Revoked
	case !t.Spent.IsZero():
		return UsedUp
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return Expired
	case !t.Disabled.At.IsZero():
		return Disabled
	case now.Before(t.NotBefore):
		return Pending
	default:
		return Active
	}
}

// EndedAt reports whether the token has come to its end at a time. Nothing
// brings it back but a Change with Revive, and that only what has expired.
func (t *Token) EndedAt(now time.Time) bool {
	switch t.StateAt(now) {
	case Active, Pending, Disabled:
		return false
	case UsedUp, Expired, Revoked:
		return true
	}
	return true
}

// Ends returns when the token stopped or will stop to be live: the earliest
// of its expiry, its last use and its revocation. Zero = never.
func (t *Token) Ends() time.Time {
	var end time.Time
	for _, at := range [...]time.Time{t.Expires, t.Spent, t.Revoked.At} {
		if !at.IsZero() && (end.IsZero() || at.Before(end)) {
			end = at
		}
	}
	return end
}

// SigningOnly reports whether the token is an S3 key pair. Such a token
// authenticates by signature and in no other form.
func (t *Token) SigningOnly() bool { return len(t.Secret) > 0 }

// Narrowed reports whether the token was given less than its owner has.
// Tenants and a domain are where it holds, and do not count.
func (t *Token) Narrowed() bool {
	return len(t.Allowed) > 0 || len(t.Roles) > 0 || !t.Only.IsZero()
}

// ceiling returns the most that the owner's rights count for.
func (t *Token) ceiling() Permissions {
	if t.Ceiling == 0 {
		return Everything
	}
	return t.Ceiling
}

// given returns the rights that the token was given anywhere. Roles that give
// nothing give nothing. One that is restricted and was given none by name is
// for the storage alone.
func (t *Token) given() Permissions {
	switch {
	case len(t.Allowed) > 0:
		return t.Allowed.permissions()
	case len(t.Roles) > 0:
		return 0
	case t.Narrowed():
		return StorageAll
	}
	return Everything
}

// check says whether the token was given what a name needs.
func (t *Token) check(n Name) error {
	if t.given() == 0 {
		return ErrPermission
	}
	return t.Allowed.check(n)
}

// holdsIn reports whether the token holds in a place.
func (t *Token) holdsIn(place Scope, anyDomain bool) bool {
	if t.Scope.Tenant == AnyTenant {
		return len(t.Tenants) == 0 || slices.Contains(t.Tenants, place.Tenant)
	}
	if t.Scope.Tenant != place.Tenant {
		return false
	}
	return t.Scope.Domain == "" || anyDomain || t.Scope.Domain == place.Domain
}

// tenants returns those in which the token holds, of the ones that its owner
// has.
func (t *Token) tenants() Tenants {
	switch {
	case t.Scope.Tenant != AnyTenant:
		return Tenants{Names: []string{t.Scope.Tenant}}
	case len(t.Tenants) > 0:
		return Tenants{Names: t.Tenants}
	}
	return Tenants{Any: true}
}

// Clone returns a copy that shares nothing with t.
func (t *Token) Clone() *Token {
	c := *t
	c.Secret = slices.Clone(t.Secret)
	c.Tenants = slices.Clone(t.Tenants)
	c.Meta = slices.Clone(t.Meta)
	c.Roles = slices.Clone(t.Roles)
	c.Only = t.Only.Clone()
	c.Allowed = t.Allowed.Clone()
	return &c
}
