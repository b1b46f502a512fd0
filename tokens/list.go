package tokens

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Filter selects tokens for Service.List; all that is given must match.
type Filter struct {
	Owner  string  // empty = everybody's
	Tenant string  // empty = every tenant that the manager has
	Domain string  // with Tenant
	API    API     // the one that made it; empty = any
	Name   string  // with Owner; empty = any
	States []State // none = those that have not ended
	Text   string  // in the name, the description or another piece of metadata, the owner or the id; capitals do not matter
	// UnusedSince: neither made nor used then or later; zero = used or not.
	UnusedSince time.Time
	// Plain leaves S3 key pairs out.
	Plain bool
	After Cursor // empty = from the start
	Limit int    // as in Query
}

// List returns a page of tokens: one's own, or with the right to read them
// those of others as well, as far as the manager has all tenants of each. They
// come in the order of the store, and with Filter.Tenant those for every tenant
// of their owners behind the others. A page may be short, even empty, while
// Next says that there is more. The errors are ErrAnonymous, ErrOtherTenant,
// ErrPermission, ErrBadCursor and what the store says.
func (s *Service) List(ctx context.Context, m Manager, f Filter) (Page, error) {
	if err := s.mayList(m, f, deedRead); err != nil {
		return Page{}, err
	}
	return s.list(ctx, m, f, deedRead)
}

// list returns the tokens that the manager may do that to.
func (s *Service) list(ctx context.Context, m Manager, f Filter, d deed) (Page, error) {
	q, err := s.queryOf(f)
	if err != nil {
		return Page{}, err
	}
	size := q.PageSize()
	var all Page
	for range listRounds {
		page, err := s.store.List(ctx, q)
		if err != nil {
			return Page{}, fmt.Errorf("list tokens: %w", err)
		}
		kept, err := s.choose(ctx, m, page.Tokens, f, d)
		if err != nil {
			return Page{}, err
		}
		all.Tokens = append(all.Tokens, kept...)
		q.After, q.Limit = page.Next, size-len(all.Tokens)
		all.Next = cursorFor(q.Tenant, page.Next)
		if page.Next == "" && f.Tenant != "" && f.Domain == "" && q.Tenant != AnyTenant {
			q.Tenant, q.Domain = AnyTenant, ""
			if all.Next, err = s.secondPart(ctx, q); err != nil {
				return Page{}, err
			}
		}
		if all.Next == "" || q.Limit <= 0 {
			break
		}
	}
	return all, nil
}

// secondPart returns where the tokens for every tenant begin, which come behind
// those of one; empty if there are none.
func (s *Service) secondPart(ctx context.Context, q Query) (Cursor, error) {
	q.After, q.Limit = "", 1
	page, err := s.store.List(ctx, q)
	if err != nil {
		return "", fmt.Errorf("list tokens: %w", err)
	}
	if len(page.Tokens) == 0 && page.Next == "" {
		return "", nil
	}
	return anyTenantCursor, nil
}

// listRounds bounds the work for one page: what is not selected is left out,
// and a page is filled up with what comes after it.
const listRounds = 8

// A list of a tenant has two parts, and its cursor says in which it is.
const anyTenantCursor Cursor = "any."

func cursorFor(tenant string, next Cursor) Cursor {
	if tenant == AnyTenant && next != "" {
		return anyTenantCursor + next
	}
	return next
}

// queryOf returns what the store is asked.
func (s *Service) queryOf(f Filter) (Query, error) {
	q := Query{Owner: f.Owner, Tenant: f.Tenant, Domain: f.Domain, API: f.API, Name: f.Name, LiveAt: s.now(), After: f.After, Limit: f.Limit}
	if slices.ContainsFunc(f.States, State.ended) {
		q.LiveAt = time.Time{}
	}
	rest, second := strings.CutPrefix(string(f.After), string(anyTenantCursor))
	if !second {
		return q, nil
	}
	if f.Tenant == "" || f.Domain != "" {
		return q, ErrBadCursor
	}
	q.Tenant, q.Domain, q.After = AnyTenant, "", Cursor(rest)
	return q, nil
}

func (s State) ended() bool { return s == UsedUp || s == Expired || s == Revoked }

// choose returns those of the tokens that the filter selects and the manager
// may do that to.
func (s *Service) choose(ctx context.Context, m Manager, found []*Token, f Filter, d deed) ([]*Token, error) {
	now := s.now()
	found = slices.DeleteFunc(found, func(t *Token) bool {
		return !f.selects(t, now) || !s.selectsTenant(f, t) || !s.reaches(m, t, d)
	})
	if f.UnusedSince.IsZero() || len(found) == 0 {
		return found, nil
	}
	used, err := s.UsesOf(ctx, found)
	if err != nil {
		return nil, err
	}
	unused := found[:0]
	for i, t := range found {
		if t.Created.Before(f.UnusedSince) && used[i].At.Before(f.UnusedSince) {
			unused = append(unused, t)
		}
	}
	return unused, nil
}

// selectsTenant reports whether t holds in the tenant of a filter, given what
// its owner has now.
func (s *Service) selectsTenant(f Filter, t *Token) bool {
	if f.Tenant == "" || t.Scope.Tenant != AnyTenant {
		return true
	}
	owner, known := s.users(t.Owner)
	return !known || owner.Tenants.Has(f.Tenant)
}

// selects reports whether the filter selects t, as far as its record says.
func (f *Filter) selects(t *Token, now time.Time) bool {
	if len(f.States) == 0 && t.EndedAt(now) || len(f.States) > 0 && !slices.Contains(f.States, t.StateAt(now)) {
		return false
	}
	if f.Plain && t.SigningOnly() || !f.lies(t) {
		return false
	}
	return f.Text == "" || t.mentions(strings.ToLower(f.Text))
}

// lies reports whether t holds in the place that the filter names, as far as
// the store does not look.
func (f *Filter) lies(t *Token) bool {
	if f.Tenant != "" && t.Scope.Tenant == AnyTenant && len(t.Tenants) > 0 && !slices.Contains(t.Tenants, f.Tenant) {
		return false
	}
	return f.Domain == "" || t.Scope.Domain == f.Domain
}

// mentions reports whether a text in lower case is in what people know a token
// by.
func (t *Token) mentions(text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return has(t.Name) || has(t.Owner) || has(string(t.ID)) ||
		slices.ContainsFunc(t.Meta, func(m Meta) bool { return has(m.Value) })
}

// mayList says whether the manager may do that to what a filter selects, as
// far as that is known before.
func (s *Service) mayList(m Manager, f Filter, d deed) error {
	if m.Anonymous() {
		return ErrAnonymous
	}
	me, others := m.Powers(), m.others(d)
	if f.API == ContentGateway && f.Plain {
		others = m.othersOf(&Token{API: f.API}, d)
	}
	switch {
	case f.Tenant != "" && !me.Tenants.Has(f.Tenant):
		return ErrOtherTenant
	case f.Owner == me.Name && !m.managesOwn(d, others):
		return ErrPermission
	case f.Owner != me.Name && !m.has(others):
		return ErrPermission
	}
	return nil
}

// RevokeAll ends all tokens that a filter selects and the manager may end; with
// a tenant all that hold there, also those that hold elsewhere too. Tokens that
// are made meanwhile with those that are ended are ended as well: when it
// returns without an error none of them is left. It tells ended of each, from
// one goroutine at a time. It returns how many it ended; with an error a part of
// the work is done, and doing it again goes on. The errors are ErrOutrun and
// those of List.
func (s *Service) RevokeAll(ctx context.Context, m Manager, f Filter, ended func(*Token)) (int, error) {
	if err := s.mayList(m, f, deedEnd); err != nil {
		return 0, err
	}
	total := 0
	for range maxPasses {
		if err := s.catchUp(ctx); err != nil {
			return total, fmt.Errorf("end tokens: %w", err)
		}
		n, err := s.revokeOnce(ctx, m, f, ended)
		total += n
		if n == 0 || err != nil {
			return total, err
		}
		if s.turn != nil && f.fenced() {
			n, err = s.revokeRest(ctx, m, f, ended)
			return total + n, err
		}
	}
	return total, fmt.Errorf("end tokens: %w", ErrOutrun)
}

// maxPasses is how often RevokeAll looks whether something is left. On one
// gateway whoever goes from one token to the next is caught within a few: his
// next write waits behind the end of what it rests on.
const maxPasses = 100

// fenced reports whether what is left is ended behind a fence: that is for all
// tokens of somebody, which are found at once. Of a name there is one, and what
// was not used for long is not made now.
func (f *Filter) fenced() bool { return f.Owner != "" && f.Name == "" && f.UnusedSince.IsZero() }

// revokeRest ends what was made meanwhile on any gateway, and lets nothing more
// be made until that is done.
func (s *Service) revokeRest(ctx context.Context, m Manager, f Filter, ended func(*Token)) (int, error) {
	ctx, done, err := s.turn(ctx, Fence)
	if err != nil {
		return 0, fmt.Errorf("end tokens: %w", err)
	}
	defer done()
	return s.revokeOnce(ctx, m, f, ended)
}

// revokeOnce ends what is selected and known here when it begins.
func (s *Service) revokeOnce(ctx context.Context, m Manager, f Filter, ended func(*Token)) (int, error) {
	total := 0
	f.After, f.Limit = "", MaxLimit
	for {
		page, err := s.list(ctx, m, f, deedEnd)
		if err != nil {
			return total, err
		}
		n, err := s.revokeEach(ctx, m, page.Tokens, f, ended)
		total += n
		if err != nil {
			return total, err
		}
		if f.After = page.Next; f.After == "" {
			return total, nil
		}
	}
}

// revokers is how many tokens are ended at once, so that they share commits.
const revokers = 256

func (s *Service) revokeEach(ctx context.Context, m Manager, all []*Token, f Filter, ended func(*Token)) (int, error) {
	still := func(t *Token) error { // it may have changed since it was listed
		used := !f.UnusedSince.IsZero() && !s.used.pending(t.ID).At.Before(f.UnusedSince)
		if used || !f.selects(t, s.now()) || !s.selectsTenant(f, t) {
			return ErrUnknown
		}
		return nil
	}
	var wait sync.WaitGroup
	var count atomic.Int64
	var mu sync.Mutex // guards failed and the calls of ended
	var failed error
	slots := make(chan struct{}, revokers)
	for _, t := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			revoked, err := s.Revoke(ctx, m, Secret(t.ID), still)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				count.Add(1)
				if ended != nil {
					ended(revoked)
				}
			case !errors.Is(err, ErrUnknown) && failed == nil:
				failed = err
			}
		})
	}
	wait.Wait()
	return int(count.Load()), failed
}
