// Package memstore keeps tokens in memory. It is for tests and for stores
// that need not outlive the process.
package memstore

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tollgate/tokens"
)

var (
	errIncomplete = errors.New("token has no id or no hash")
	errIdentity   = errors.New("hash, API, name, owner and scope of a token never change")
	errTime       = errors.New("time is before 1970")
	errRights     = errors.New("token has rights that are not known")
	errUses       = errors.New("token was used more often than it may be")
)

const maxPurge = 1000

// Store implements tokens.Store and tokens.UsageStore. New makes one; there is
// nothing to close.
// Unlike a store on disk it is never full, and a page of a list costs what
// all tokens cost.
type Store struct {
	mu       sync.RWMutex // guards what follows
	byID     map[tokens.ID]*tokens.Token
	ids      map[tokens.Hash]tokens.ID
	revision uint64             // of the last write
	names    map[name]tokens.ID // the token that was given the name last
	usages   map[tokens.ID]tokens.Usage
}

// name is a token's, which is unique among its owner's that have not ended.
type name struct{ owner, name string }

var (
	_ tokens.Store      = (*Store)(nil)
	_ tokens.UsageStore = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		byID: make(map[tokens.ID]*tokens.Token), ids: make(map[tokens.Hash]tokens.ID),
		names: make(map[name]tokens.ID), usages: make(map[tokens.ID]tokens.Usage),
	}
}

// ByHash implements tokens.Store.
func (s *Store) ByHash(ctx context.Context, h tokens.Hash) (*tokens.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.get(s.ids[h])
}

// ByID implements tokens.Store.
func (s *Store) ByID(ctx context.Context, id tokens.ID) (*tokens.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.get(id)
}

// get is called with mu held. No token has the empty id.
func (s *Store) get(id tokens.ID) (*tokens.Token, error) {
	t, ok := s.byID[id]
	if !ok {
		return nil, tokens.ErrUnknown
	}
	return t.Clone(), nil
}

// Put implements tokens.Store. Times are rounded down to milliseconds.
func (s *Store) Put(ctx context.Context, t *tokens.Token) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := checkToken(t); err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	stored := t.Clone()
	for _, at := range []*time.Time{&stored.Created, &stored.NotBefore, &stored.Expires, &stored.Spent, &stored.Disabled.At, &stored.Revoked.At} {
		if !at.IsZero() && at.UnixMilli() < 0 {
			return 0, fmt.Errorf("put token: %w", errTime)
		}
		*at = at.Truncate(time.Millisecond).UTC()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(stored); err != nil {
		return 0, fmt.Errorf("put token: %w", err)
	}
	if t.Name != "" && s.revives(stored) {
		s.names[name{t.Owner, t.Name}] = t.ID
	}
	s.revision++
	stored.Revision = s.revision
	s.byID[stored.ID], s.ids[stored.Hash] = stored, stored.ID
	return stored.Revision, nil
}

// checkToken refuses what no token can be.
func checkToken(t *tokens.Token) error {
	if t.ID == "" || t.Hash == (tokens.Hash{}) {
		return errIncomplete
	}
	rights := t.Ceiling
	for _, a := range t.Allowed {
		rights |= a.Permissions
	}
	switch {
	case !tokens.Everything.Covers(rights):
		return errRights
	case t.Used > t.Only.Uses:
		return errUses
	}
	if err := t.Allowed.Validate(); err != nil {
		return err
	}
	return t.Only.Validate()
}

// check is called with mu held.
func (s *Store) check(t *tokens.Token) error {
	old, known := s.byID[t.ID]
	if t.Revision == 0 {
		if _, taken := s.ids[t.Hash]; taken || known {
			return tokens.ErrExists
		}
		return s.checkName(t)
	}
	switch {
	case !known:
		return tokens.ErrUnknown
	case old.Revision != t.Revision:
		return tokens.ErrConflict
	case old.Hash != t.Hash || old.API != t.API || old.Name != t.Name || old.Owner != t.Owner || old.Scope != t.Scope:
		return errIdentity
	case !s.revives(t):
		return nil
	}
	return s.checkName(t)
}

// revives reports whether a write makes a token live, or live longer than it did:
// its name may have been given again. It is called with mu held.
func (s *Store) revives(t *tokens.Token) bool {
	old, known := s.byID[t.ID]
	if !known {
		return true
	}
	return !closed(t) && (closed(old) || placeOf(t).compare(placeOf(old)) > 0)
}

// closed reports whether the token ended by something that was done to it.
func closed(t *tokens.Token) bool { return !t.Revoked.At.IsZero() || !t.Spent.IsZero() }

// checkName is called with mu held. The name is free if who was given it last
// had ended when t was created.
func (s *Store) checkName(t *tokens.Token) error {
	if t.Name == "" {
		return nil
	}
	holder, taken := s.byID[s.names[name{t.Owner, t.Name}]]
	if taken && holder.ID != t.ID && !holder.EndedAt(t.Created) {
		return tokens.ErrName
	}
	return nil
}

// AddUsages implements tokens.UsageStore.
func (s *Store) AddUsages(ctx context.Context, all []tokens.Usage) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range all {
		if _, known := s.byID[u.ID]; known {
			u.At = u.At.Truncate(time.Millisecond).UTC()
			s.usages[u.ID] = s.usages[u.ID].Merge(u)
		}
	}
	return nil
}

// Usages implements tokens.UsageStore.
func (s *Store) Usages(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]tokens.Usage, len(ids))
	for i, id := range ids {
		all[i] = s.usages[id]
		all[i].ID = id
	}
	return all, nil
}

// List implements tokens.Store.
func (s *Store) List(ctx context.Context, q tokens.Query) (tokens.Page, error) {
	if err := ctx.Err(); err != nil {
		return tokens.Page{}, err
	}
	from, err := parseCursor(q)
	if err != nil {
		return tokens.Page{}, fmt.Errorf("list tokens: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*tokens.Token
	for _, t := range s.byID {
		if q.Matches(t) && from.before(t) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *tokens.Token) int { return placeOf(a).compare(placeOf(b)) })
	var page tokens.Page
	if size := q.PageSize(); len(found) > size {
		found = found[:size]
		page.Next = newCursor(q, placeOf(found[size-1]))
	}
	for _, t := range found {
		page.Tokens = append(page.Tokens, t.Clone())
	}
	return page, nil
}

// Purge implements tokens.Store.
func (s *Store) Purge(ctx context.Context, before time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	removed := 0
	for id, t := range s.byID {
		if removed == maxPurge {
			break
		}
		if end := t.Ends(); !end.IsZero() && end.Before(before) {
			delete(s.byID, id)
			delete(s.ids, t.Hash)
			delete(s.usages, id)
			if s.names[name{t.Owner, t.Name}] == id {
				delete(s.names, name{t.Owner, t.Name})
			}
			removed++
		}
	}
	return removed, nil
}

// place is where a token stands in a list. The zero place is before all.
type place struct {
	never bool
	end   int64 // milliseconds since 1970
	id    tokens.ID
}

func placeOf(t *tokens.Token) place {
	end := t.Ends()
	if end.IsZero() {
		return place{never: true, id: t.ID}
	}
	return place{end: end.UnixMilli(), id: t.ID}
}

func (p place) compare(q place) int {
	if p.never != q.never {
		if q.never {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(p.end, q.end), cmp.Compare(p.id, q.id))
}

// before reports whether t comes behind p; all do behind the zero place.
func (p place) before(t *tokens.Token) bool { return p == place{} || p.compare(placeOf(t)) < 0 }

// A cursor is a checksum, the end and the id of the last token of a page.
func newCursor(q tokens.Query, p place) tokens.Cursor {
	text := strconv.FormatInt(p.end, 36) + "," + string(p.id)
	if p.never {
		text = "," + string(p.id)
	}
	return tokens.Cursor(base64.RawURLEncoding.EncodeToString([]byte(sum(q, text) + text)))
}

func parseCursor(q tokens.Query) (place, error) {
	if q.After == "" {
		return place{}, nil
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(string(q.After))
	// The decoder skips line ends.
	if err != nil || len(data) < len(sum(q, "")) || strings.ContainsAny(string(q.After), "\r\n") {
		return place{}, tokens.ErrBadCursor
	}
	check, text := string(data[:8]), string(data[8:])
	end, id, ok := strings.Cut(text, ",")
	if check != sum(q, text) || !ok {
		return place{}, tokens.ErrBadCursor
	}
	if end == "" {
		return place{never: true, id: tokens.ID(id)}, nil
	}
	ms, err := strconv.ParseInt(end, 36, 64)
	if err != nil {
		return place{}, tokens.ErrBadCursor
	}
	return place{end: ms, id: tokens.ID(id)}, nil
}

// sum binds a cursor to whom its list is of, or to the list of all.
func sum(q tokens.Query, text string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(fmt.Appendf(nil, "%q %q %s", q.Owner, q.Tenant, text)))
}
