package badgerstore

import (
	"errors"
	"fmt"
	"time"

	"tollgate/tokens"
)

// What one record may be. Badger takes keys up to 65,000 bytes and moves
// values above 1 MiB out of its tables.
const (
	maxName   = 4 << 10
	maxRecord = 512 << 10
)

var (
	errIncomplete = errors.New("token has no id or no hash")
	errTooLong    = errors.New("token is too large for the store")
	errTime       = errors.New("time is not between the years 1970 and 9999")
)

// canonical returns a copy of t whose times are what a record can hold: UTC,
// whole milliseconds. They are rounded down, so that nothing lives longer.
func canonical(t *tokens.Token) (*tokens.Token, error) {
	if t.ID == "" || t.Hash == (tokens.Hash{}) {
		return nil, errIncomplete
	}
	for _, name := range []string{string(t.ID), t.Owner, t.Scope.Tenant, t.Scope.Domain} {
		if len(name) > maxName {
			return nil, fmt.Errorf("%w: a name of %d bytes, at most %d are taken", errTooLong, len(name), maxName)
		}
	}
	if err := t.Allowed.Validate(); err != nil {
		return nil, err
	}
	c := t.Clone()
	for _, at := range []*time.Time{&c.Created, &c.Expires, &c.Revoked.At} {
		if at.IsZero() {
			continue
		}
		if ms := at.UnixMilli(); ms < 0 || ms > maxMillis {
			return nil, fmt.Errorf("%w: %s", errTime, at.UTC())
		}
		*at = at.Truncate(time.Millisecond).UTC()
	}
	return c, nil
}
