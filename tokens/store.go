package tokens

import (
	"context"
	"errors"
	"time"
)

// What a Store can say. Test with errors.Is.
var (
	// ErrUnknown: there is no such token, and none is kept as ended.
	ErrUnknown = errors.New("unknown token")
	// ErrExists: a token with that id or hash is stored already.
	ErrExists = errors.New("token exists")
	// ErrName: another token of that owner has the name.
	ErrName = errors.New("name of the token is taken")
	// ErrConflict: the record was changed since it was read.
	ErrConflict = errors.New("token was changed meanwhile")
	// ErrBasis: somebody on whom the write rests was changed since he was
	// looked at, see Basis.
	ErrBasis = errors.New("who asked for the write, or whom it is for, was changed meanwhile")
	// ErrOutrun: tokens were made as fast as they were ended.
	ErrOutrun = errors.New("tokens are made as fast as they are ended")
	// ErrStoreFull: there is no room for another write. Reads go on.
	ErrStoreFull = errors.New("token store is full")
	// ErrStoreClosed: the store was closed.
	ErrStoreClosed = errors.New("token store is closed")
	// ErrStale: several gateways share the tokens, and this one cannot prove
	// that it knows the newest ones. Nothing is decided until it can.
	ErrStale = errors.New("this gateway cannot prove that its tokens are fresh")
	// ErrEngine: what several gateways share their tokens in did not answer or
	// cannot write now.
	ErrEngine = errors.New("shared token store does not answer")
	// ErrBadCursor: the cursor is none that List gave.
	ErrBadCursor = errors.New("bad cursor")
)

// Store keeps tokens, live and ended ones. Implementations are safe for
// concurrent use, pass storetest and honour the context, unless they have what
// was asked for at hand.
//
// A write is durable when the call returns and is seen by every read that
// starts after that. Tokens that come back are the caller's own, but for those
// of ByHash.
type Store interface {
	// ByHash returns the token whose value has this hash, in whatever
	// state, or ErrUnknown. The token can be shared with others and never
	// changes: whoever wants to change it clones it first.
	ByHash(ctx context.Context, h Hash) (*Token, error)

	// ByID returns the token with this public id, in whatever state, or
	// ErrUnknown.
	ByID(ctx context.Context, id ID) (*Token, error)

	// Put writes t and returns its new revision. With t.Revision zero it
	// creates: ErrExists if the id or the hash is taken, ErrName if t has a
	// name that another token of the same owner has, one that has not ended
	// by t.Created. Otherwise it replaces the record with the same id if
	// that still has t.Revision: ErrConflict if not, ErrUnknown if there is
	// none. ID, Hash, API, Name, Owner and Scope never change; an end that
	// is moved back so that it has not come yet is ErrName if the name was
	// given again. What no token can be, such as one with restrictions that
	// do not validate, is refused. ErrStoreFull if there is no room. When it fails in
	// any other way the write may or may not have happened.
	Put(ctx context.Context, t *Token) (revision uint64, err error)

	// List returns one page of the tokens that q selects, those that end
	// first coming first, ids breaking ties. A page costs what the page
	// holds: it may be shorter than the limit, even empty, while Next says
	// that there is more. ErrBadCursor.
	List(ctx context.Context, q Query) (Page, error)

	// Purge removes tokens that ended before the given time, at most 1,000,
	// and returns how many. Fewer than 1,000 means that none is left.
	Purge(ctx context.Context, before time.Time) (int, error)
}

// Query selects tokens for List; all that is given must match.
type Query struct {
	Owner  string
	Tenant string    // the one of the scope, AnyTenant too
	Domain string    // with Tenant: tokens of this one domain
	API    API       // the one that made the token
	Name   string    // with Owner; of ended tokens it may find the last one alone
	LiveAt time.Time // only tokens that have not ended at that time; zero = ended ones too
	After  Cursor    // empty = from the start
	Limit  int       // zero or less = 100, more than 1,000 = 1,000
}

// The bounds of Query.Limit.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Cursor says where a page ended. It is printable ASCII, safe in a query
// argument, and means something to the store that gave it alone.
type Cursor string

// Page is a part of a list. An empty Next says that it was the last.
type Page struct {
	Tokens []*Token
	Next   Cursor
}

// PageSize returns the number of tokens that q asks for, within the bounds.
func (q Query) PageSize() int {
	switch {
	case q.Limit <= 0:
		return DefaultLimit
	case q.Limit > MaxLimit:
		return MaxLimit
	default:
		return q.Limit
	}
}

// Matches reports whether t is selected by q, its cursor aside.
func (q Query) Matches(t *Token) bool {
	return (q.Owner == "" || q.Owner == t.Owner) &&
		(q.Tenant == "" || q.Tenant == t.Scope.Tenant) &&
		(q.Domain == "" || q.Domain == t.Scope.Domain) &&
		(q.API == "" || q.API == t.API) &&
		(q.Name == "" || q.Name == t.Name) &&
		(q.LiveAt.IsZero() || !t.EndedAt(q.LiveAt))
}
