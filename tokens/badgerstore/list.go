package badgerstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"

	"tollgate/tokens"
	"tollgate/tokens/record"
)

// maxScan is how many entries of an index one page may cost at most.
const maxScan = 2000

// checkEvery is how often a scan looks whether somebody still waits for it.
const checkEvery = 256

// List implements tokens.Store. It reads the index of the owner if one is
// given, else that of the tenant, else that of all, and at most 2,000 of its
// entries. A name of an owner is looked up.
func (r *reader) List(ctx context.Context, q tokens.Query) (page tokens.Page, err error) {
	defer r.observe("list")(&err)
	if q.Owner != "" && q.Name != "" {
		if page, err = r.listNamed(ctx, q); err != nil {
			return tokens.Page{}, fmt.Errorf("list tokens: %w", err)
		}
		return page, nil
	}
	scan, err := newScan(q)
	if err != nil {
		return tokens.Page{}, fmt.Errorf("list tokens: %w", err)
	}
	if err = r.view(ctx, func(from *snapshot) error { return scan.run(ctx, from) }); err != nil {
		return tokens.Page{}, fmt.Errorf("list tokens: %w", err)
	}
	return scan.page, nil
}

// indexScan makes one page.
type indexScan struct {
	query  tokens.Query
	prefix []byte
	from   []byte
	page   tokens.Page
}

func newScan(q tokens.Query) (*indexScan, error) {
	var prefix []byte
	switch {
	case len(q.Owner) > record.MaxName || len(q.Tenant) > record.MaxName:
		return nil, fmt.Errorf("%w: a name of more than %d bytes", record.ErrTooLong, record.MaxName)
	case q.Owner != "":
		prefix = indexPrefix(kindOwner, q.Owner)
	case q.Tenant != "":
		prefix = indexPrefix(kindTenant, q.Tenant)
	default:
		prefix = endPrefix()
	}
	start := position{end: firstLive(q.LiveAt)}
	from := start.key(prefix)
	if q.After != "" {
		at, err := parseCursor(q.After, prefix)
		if err != nil {
			return nil, err
		}
		if at.end >= start.end {
			from = append(at.key(prefix), 0) // the first key behind it
		}
	}
	return &indexScan{query: q, prefix: prefix, from: from}, nil
}

// firstLive returns the earliest end of a token that is live at a time.
func firstLive(at time.Time) uint64 {
	if at.IsZero() || at.UnixMilli() < 0 {
		return 0
	}
	return record.Millis(at) + 1
}

func (s *indexScan) run(ctx context.Context, from *snapshot) error {
	opts := badger.DefaultIteratorOptions
	opts.PrefetchValues = false
	opts.Prefix = s.prefix
	it := from.txn.NewIterator(opts)
	defer it.Close()

	var last position
	scanned := 0
	for it.Seek(s.from); it.ValidForPrefix(s.prefix); it.Next() {
		if scanned == maxScan || len(s.page.Tokens) == s.query.PageSize() {
			s.page.Next = newCursor(s.prefix, last)
			return nil
		}
		if scanned%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		scanned++
		var err error
		if last, err = s.visit(from, it.Item()); err != nil {
			return err
		}
	}
	return nil
}

// visit adds the token of one entry to the page if it is selected.
func (s *indexScan) visit(from *snapshot, item *badger.Item) (position, error) {
	at, err := positionOf(item.Key(), s.prefix)
	if err != nil {
		return at, err
	}
	var e entry
	err = item.Value(func(data []byte) error {
		e, err = parseEntry(data)
		return err
	})
	if err != nil || !e.matches(&s.query) {
		return at, err
	}
	t, err := indexedRecord(from, e.hash, at.id)
	if err != nil {
		return at, err
	}
	if s.query.Name != "" && s.query.Name != t.Name {
		return at, nil
	}
	if !s.query.Matches(t) {
		return at, fmt.Errorf("%w: token %s is listed as what it is not", errIndex, at.id)
	}
	s.page.Tokens = append(s.page.Tokens, t)
	return at, nil
}

// A cursor is the position of the last entry that was seen, and a checksum
// that binds it to the index of one owner, of one tenant or of all.
const cursorVersion = 1

func newCursor(prefix []byte, at position) tokens.Cursor {
	b := at.key([]byte{cursorVersion})
	b = binary.BigEndian.AppendUint32(b, cursorSum(prefix, b))
	return tokens.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

func parseCursor(c tokens.Cursor, prefix []byte) (position, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(c))
	if strings.ContainsAny(string(c), "\r\n") { // which the decoder skips
		return position{}, tokens.ErrBadCursor
	}
	if err != nil || len(b) < 1+endSize+1+crc32.Size || b[0] != cursorVersion {
		return position{}, tokens.ErrBadCursor
	}
	body := b[:len(b)-crc32.Size]
	if cursorSum(prefix, body) != binary.BigEndian.Uint32(b[len(body):]) {
		return position{}, tokens.ErrBadCursor
	}
	return positionOf(body, body[:1])
}

func cursorSum(prefix, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(prefix, castagnoli()), castagnoli(), body)
}
