package record

import (
	"errors"
	"fmt"
	"time"

	"tollgate/tokens"
)

// What one record may be. Badger takes keys up to 65,000 bytes and moves
// values above 1 MiB out of its tables.
const (
	MaxName = 4 << 10   // bytes of one of the names in it
	MaxSize = 512 << 10 // bytes
)

// ErrTooLong says: what was to be written takes more bytes than a record may.
var ErrTooLong = errors.New("token is too large for the store")

var (
	errIncomplete = errors.New("token has no id or no hash")
	errTime       = errors.New("time is not between the years 1970 and 9999")
	errRights     = errors.New("token has rights that are not known")
	errUses       = errors.New("token was used more often than it may be")
)

// Canonical returns a copy of t whose times are what a record can hold: UTC,
// whole milliseconds. They are rounded down, so that nothing lives longer.
func Canonical(t *tokens.Token) (*tokens.Token, error) {
	if t.ID == "" || t.Hash == (tokens.Hash{}) {
		return nil, errIncomplete
	}
	for _, name := range []string{string(t.ID), string(t.API), t.Name, t.Owner, t.Scope.Tenant, t.Scope.Domain} {
		if len(name) > MaxName {
			return nil, fmt.Errorf("%w: a name of %d bytes, at most %d are taken", ErrTooLong, len(name), MaxName)
		}
	}
	if err := checkAllowed(t); err != nil {
		return nil, err
	}
	if err := checkLimits(t); err != nil {
		return nil, err
	}
	c := t.Clone()
	for _, at := range []*time.Time{&c.Created, &c.NotBefore, &c.Expires, &c.Spent, &c.Disabled.At, &c.Revoked.At} {
		if err := CanonicalTime(at); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// CanonicalTime rounds a time as records hold it. The zero time stays.
func CanonicalTime(at *time.Time) error {
	if at.IsZero() {
		return nil
	}
	if ms := at.UnixMilli(); ms < 0 || ms > MaxMillis {
		return fmt.Errorf("%w: %s", errTime, at.UTC())
	}
	*at = at.Truncate(time.Millisecond).UTC()
	return nil
}

// checkAllowed refuses allowances that no token can have, or that nobody
// could read.
func checkAllowed(t *tokens.Token) error {
	for _, a := range t.Allowed {
		if !tokens.Everything.Covers(a.Permissions) {
			return errRights
		}
	}
	return t.Allowed.Validate()
}

// checkLimits refuses limits that no token can have, written or read: what is
// wrong with one could make it hold less than was meant.
func checkLimits(t *tokens.Token) error {
	switch {
	case !tokens.Everything.Covers(t.Ceiling):
		return errRights
	case t.Used > t.Only.Uses:
		return errUses
	case t.Only.IsZero():
		return nil
	}
	return t.Only.Validate()
}
