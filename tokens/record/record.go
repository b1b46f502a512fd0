// Package record is how stores write a token and its usage down: one form for
// each token, with a checksum, and nothing else is read.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"tollgate/tokens"
)

// A record is one token as it is stored:
//
//	version byte | fields | CRC-32C of all before, 4 bytes, big-endian
//	field = tag byte | length, uvarint | value
//
// Fields come in rising order of their tags, each at most once, and none that
// is empty: one token has exactly one encoding. Whatever does not follow that
// is refused, and so is a tag that is not known here: it might be a
// restriction, and a binary that cannot read it must not let the token pass.
const recordVersion = 1

// The tags. A number that was given once never gets another meaning.
const (
	tagID = 1 + iota
	tagHash
	tagAPI
	tagOwner
	tagCreator
	tagTenant
	tagDomain
	tagAccessKey
	tagSecret
	tagCreated
	tagExpires
	tagMeta
	tagRevokedAt
	tagRevokedBy
	tagRevision
	tagAllowed
	tagName
	tagTenants
	tagNotBefore
	tagRoles
	tagAddresses
	tagAgents
	tagTypes
	tagTags
	tagSizeBelow
	tagUses
	tagCeiling
	tagUsed
	tagSpent
	tagRequest
	tagDisabledAt
	tagDisabledBy
	tagCount // one more than the last
)

const (
	crcSize = 4
	// MaxMillis is the last millisecond of the year 9999.
	MaxMillis = 253402300799999
)

// ErrDamaged says: the bytes are no record that Encode wrote.
var ErrDamaged = errors.New("damaged or unknown token record")

// castagnoli returns the table of CRC-32C, which the library makes once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Encode returns the one encoding of t, whose times are canonical.
func Encode(t *tokens.Token) []byte {
	b := make([]byte, 0, 256)
	b = append(b, recordVersion)
	b = appendField(b, tagID, string(t.ID))
	b = appendField(b, tagHash, string(t.Hash[:]))
	b = appendField(b, tagAPI, string(t.API))
	b = appendField(b, tagOwner, t.Owner)
	b = appendField(b, tagCreator, t.Creator)
	b = appendField(b, tagTenant, t.Scope.Tenant)
	b = appendField(b, tagDomain, t.Scope.Domain)
	b = appendField(b, tagAccessKey, t.AccessKey)
	b = appendField(b, tagSecret, string(t.Secret))
	b = appendTime(b, tagCreated, t.Created)
	b = appendTime(b, tagExpires, t.Expires)
	b = appendField(b, tagMeta, listField(t.Meta, appendMeta))
	b = appendTime(b, tagRevokedAt, t.Revoked.At)
	b = appendField(b, tagRevokedBy, t.Revoked.By)
	b = appendNumber(b, tagRevision, t.Revision)
	b = appendField(b, tagAllowed, allowedField(t.Allowed))
	b = appendField(b, tagName, t.Name)
	b = appendField(b, tagTenants, listField(t.Tenants, AppendString))
	b = appendTime(b, tagNotBefore, t.NotBefore)
	b = appendField(b, tagRoles, listField(t.Roles, AppendString))
	b = appendRestrictions(b, &t.Only)
	b = appendCount(b, tagCeiling, uint64(t.Ceiling))
	b = appendCount(b, tagUsed, uint64(t.Used))
	b = appendTime(b, tagSpent, t.Spent)
	b = appendHash(b, tagRequest, t.Request)
	b = appendTime(b, tagDisabledAt, t.Disabled.At)
	b = appendField(b, tagDisabledBy, t.Disabled.By)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

func appendField(b []byte, tag byte, value string) []byte {
	if value == "" {
		return b
	}
	return AppendString(append(b, tag), value)
}

// AppendString appends a string with its length, a uvarint, in front.
func AppendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendNumber(b []byte, tag byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, tag, 8), n)
}

func appendTime(b []byte, tag byte, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendNumber(b, tag, Millis(t))
}

// Millis returns a canonical time in milliseconds since 1970.
func Millis(t time.Time) uint64 {
	return uint64(t.UnixMilli())
}

// appendCount leaves zero out.
func appendCount(b []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	return appendNumber(b, tag, n)
}

// appendHash leaves the zero hash out.
func appendHash(b []byte, tag byte, h tokens.Hash) []byte {
	if h == (tokens.Hash{}) {
		return b
	}
	return appendField(b, tag, string(h[:]))
}

// listField returns the one encoding of a list: its length as a uvarint and
// its members. An empty one is the empty string.
func listField[E any](list []E, each func([]byte, E) []byte) string {
	if len(list) == 0 {
		return ""
	}
	b := binary.AppendUvarint(nil, uint64(len(list)))
	for _, one := range list {
		b = each(b, one)
	}
	return string(b)
}

func appendMeta(b []byte, m tokens.Meta) []byte {
	return AppendString(AppendString(b, m.Name), m.Value)
}

// Decode reads what Encode wrote and nothing else. The token does
// not refer to data.
func Decode(data []byte) (*tokens.Token, error) {
	if len(data) < 1+crcSize {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrDamaged, len(data))
	}
	if data[0] != recordVersion {
		return nil, fmt.Errorf("%w: version %d, known is %d", ErrDamaged, data[0], recordVersion)
	}
	end := len(data) - crcSize
	if crc32.Checksum(data[:end], castagnoli()) != binary.BigEndian.Uint32(data[end:]) {
		return nil, fmt.Errorf("%w: checksum does not match", ErrDamaged)
	}
	var fields [tagCount]string
	if err := splitFields(string(data[1:end]), fields[:]); err != nil {
		return nil, err
	}
	return tokenOf(&fields)
}

func splitFields(s string, fields []string) error {
	last := byte(0)
	for s != "" {
		tag := s[0]
		if tag <= last || int(tag) >= len(fields) {
			return fmt.Errorf("%w: field %d after field %d", ErrDamaged, tag, last)
		}
		value, rest, ok := CutString(s[1:])
		if !ok || value == "" {
			return fmt.Errorf("%w: field %d is empty or cut off", ErrDamaged, tag)
		}
		fields[tag], s, last = value, rest, tag
	}
	return nil
}

// CutString takes a string with its length in front off s. Lengths that are
// not written in the shortest way are refused.
func CutString(s string) (value, rest string, ok bool) {
	n, rest, ok := cutUvarint(s)
	if !ok || n > uint64(len(rest)) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}

func cutUvarint(s string) (n uint64, rest string, ok bool) {
	for i := 0; i < len(s) && i < binary.MaxVarintLen64-1; i++ {
		c := s[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, s[i+1:], c != 0 || i == 0
		}
	}
	return 0, "", false
}

func tokenOf(f *[tagCount]string) (*tokens.Token, error) {
	t := &tokens.Token{
		ID:        tokens.ID(f[tagID]),
		API:       tokens.API(f[tagAPI]),
		Name:      f[tagName],
		Owner:     f[tagOwner],
		Creator:   f[tagCreator],
		Scope:     tokens.Scope{Tenant: f[tagTenant], Domain: f[tagDomain]},
		AccessKey: f[tagAccessKey],
		Disabled:  tokens.Mark{By: f[tagDisabledBy]},
		Revoked:   tokens.Mark{By: f[tagRevokedBy]},
	}
	if f[tagSecret] != "" {
		t.Secret = tokens.Sealed(f[tagSecret])
	}
	r := reading{fields: f[:]}
	t.Hash = r.hash(tagHash)
	t.Created = r.time(tagCreated)
	t.NotBefore = r.time(tagNotBefore)
	t.Expires = r.time(tagExpires)
	t.Spent = r.time(tagSpent)
	t.Disabled.At = r.time(tagDisabledAt)
	t.Revoked.At = r.time(tagRevokedAt)
	t.Revision = r.count(tagRevision, math.MaxUint64)
	t.Meta = parsed(&r, tagMeta, metaOf)
	t.Tenants = parsed(&r, tagTenants, stringsOf)
	t.Roles = parsed(&r, tagRoles, stringsOf)
	t.Allowed = parsed(&r, tagAllowed, allowedOf)
	t.Only = r.restrictions()
	t.Ceiling = tokens.Permissions(r.count(tagCeiling, uint64(tokens.Everything))) //nolint:gosec // count keeps it within
	t.Used = uint32(r.count(tagUsed, math.MaxUint32))                              //nolint:gosec // count keeps it within
	t.Request = r.hash(tagRequest)
	switch {
	case r.failed != 0:
		return nil, fmt.Errorf("%w: field %d cannot be read", ErrDamaged, r.failed)
	case t.ID == "" || t.Hash == (tokens.Hash{}) || t.Revision == 0:
		return nil, fmt.Errorf("%w: id, hash or revision is missing", ErrDamaged)
	}
	if err := checkLimits(t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return t, nil
}

func metaOf(s string) ([]tokens.Meta, bool) { return listOf(s, cutMeta) }

func cutMeta(s string) (m tokens.Meta, rest string, ok bool) {
	if m.Name, rest, ok = CutString(s); !ok {
		return m, "", false
	}
	m.Value, rest, ok = CutString(rest)
	return m, rest, ok
}

func stringsOf(s string) ([]string, bool) { return listOf(s, CutString) }
