package badgerstore

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
	tagCount // one more than the last
)

const (
	crcSize = 4
	// maxMillis is the last millisecond of the year 9999.
	maxMillis = 253402300799999
)

var errRecord = errors.New("damaged or unknown token record")

// castagnoli returns the table of CRC-32C, which the library makes once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// encodeRecord returns the one encoding of t, whose times are canonical.
func encodeRecord(t *tokens.Token) []byte {
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
	b = appendField(b, tagMeta, metaField(t.Meta))
	b = appendTime(b, tagRevokedAt, t.Revoked.At)
	b = appendField(b, tagRevokedBy, t.Revoked.By)
	b = appendNumber(b, tagRevision, t.Revision)
	b = appendField(b, tagAllowed, allowedField(t.Allowed))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

func appendField(b []byte, tag byte, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, tag), value)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendNumber(b []byte, tag byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, tag, 8), n)
}

func appendTime(b []byte, tag byte, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendNumber(b, tag, millis(t))
}

// millis returns a canonical time in milliseconds since 1970.
func millis(t time.Time) uint64 {
	return uint64(t.UnixMilli())
}

func metaField(meta []tokens.Meta) string {
	if len(meta) == 0 {
		return ""
	}
	b := binary.AppendUvarint(nil, uint64(len(meta)))
	for _, m := range meta {
		b = appendString(b, m.Name)
		b = appendString(b, m.Value)
	}
	return string(b)
}

// decodeRecord reads what encodeRecord wrote and nothing else. The token does
// not refer to data.
func decodeRecord(data []byte) (*tokens.Token, error) {
	if len(data) < 1+crcSize {
		return nil, fmt.Errorf("%w: %d bytes are too few", errRecord, len(data))
	}
	if data[0] != recordVersion {
		return nil, fmt.Errorf("%w: version %d, known is %d", errRecord, data[0], recordVersion)
	}
	end := len(data) - crcSize
	if crc32.Checksum(data[:end], castagnoli()) != binary.BigEndian.Uint32(data[end:]) {
		return nil, fmt.Errorf("%w: checksum does not match", errRecord)
	}
	var fields [tagCount]string
	if err := splitFields(string(data[1:end]), &fields); err != nil {
		return nil, err
	}
	return tokenOf(&fields)
}

func splitFields(s string, fields *[tagCount]string) error {
	last := byte(0)
	for s != "" {
		tag := s[0]
		if tag <= last || tag >= tagCount {
			return fmt.Errorf("%w: field %d after field %d", errRecord, tag, last)
		}
		value, rest, ok := cutString(s[1:])
		if !ok || value == "" {
			return fmt.Errorf("%w: field %d is empty or cut off", errRecord, tag)
		}
		fields[tag], s, last = value, rest, tag
	}
	return nil
}

// cutString takes a string with its length in front off s. Lengths that are
// not written in the shortest way are refused.
func cutString(s string) (value, rest string, ok bool) {
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
		Owner:     f[tagOwner],
		Creator:   f[tagCreator],
		Scope:     tokens.Scope{Tenant: f[tagTenant], Domain: f[tagDomain]},
		AccessKey: f[tagAccessKey],
		Revoked:   tokens.Revocation{By: f[tagRevokedBy]},
	}
	if f[tagSecret] != "" {
		t.Secret = tokens.Sealed(f[tagSecret])
	}
	if t.ID == "" || copy(t.Hash[:], f[tagHash]) != len(f[tagHash]) || len(f[tagHash]) != len(t.Hash) {
		return nil, fmt.Errorf("%w: id or hash is missing", errRecord)
	}
	if t.Hash == (tokens.Hash{}) {
		return nil, fmt.Errorf("%w: hash is zero", errRecord)
	}
	var ok [6]bool
	t.Created, ok[0] = timeField(f[tagCreated])
	t.Expires, ok[1] = timeField(f[tagExpires])
	t.Revoked.At, ok[2] = timeField(f[tagRevokedAt])
	t.Revision, ok[3] = numberField(f[tagRevision])
	t.Meta, ok[4] = metaOf(f[tagMeta])
	t.Allowed, ok[5] = allowedOf(f[tagAllowed])
	if ok != [6]bool{true, true, true, true, true, true} || t.Revision == 0 {
		return nil, fmt.Errorf("%w: a time, the metadata, the revision or what it allows cannot be read", errRecord)
	}
	return t, nil
}

func numberField(s string) (uint64, bool) {
	if len(s) != 8 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		n = n<<8 | uint64(s[i])
	}
	return n, true
}

func timeField(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	n, ok := numberField(s)
	if !ok || n > maxMillis {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(n)).UTC(), true
}

func metaOf(s string) ([]tokens.Meta, bool) {
	if s == "" {
		return nil, true
	}
	n, s, ok := cutUvarint(s)
	if !ok || n == 0 || n > uint64(len(s)) || n > math.MaxInt32 {
		return nil, false
	}
	meta := make([]tokens.Meta, n)
	for i := range meta {
		if meta[i].Name, s, ok = cutString(s); !ok {
			return nil, false
		}
		if meta[i].Value, s, ok = cutString(s); !ok {
			return nil, false
		}
	}
	return meta, s == ""
}
