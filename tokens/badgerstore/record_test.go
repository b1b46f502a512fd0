package badgerstore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// goldenTokens are the tokens that testdata/records-v1.txt holds the records
// of, by the names there.
func goldenTokens() map[string]*tokens.Token {
	full := &tokens.Token{
		ID: "0000000000000000000042", Hash: tokens.HashOf("golden"), API: tokens.AccessTokens,
		Owner: "ada", Creator: "grace", Scope: tokens.Scope{Tenant: "acme", Domain: "files.acme.example"},
		AccessKey: "AKGOLDEN", Secret: tokens.Sealed{0, 1, 2, 0xff},
		Created: time.UnixMilli(1_900_000_000_001).UTC(), Expires: time.UnixMilli(1_900_000_060_002).UTC(),
		Meta:     []tokens.Meta{{Name: "note", Value: "grüße"}, {Name: "empty"}},
		Revoked:  tokens.Revocation{At: time.UnixMilli(1_900_000_030_003).UTC(), By: "root"},
		Revision: 1<<40 + 7,
	}
	narrowed := *full
	narrowed.Allowed = tokens.Allowances{
		{Permissions: tokens.StorageRead | tokens.StorageList, Resources: []tokens.Resource{"bucket", "other/grüße/"}},
		{Permissions: tokens.Everything},
	}
	return map[string]*tokens.Token{
		"narrow": &narrowed,
		"full":   full,
		"least":  {ID: "1", Hash: tokens.HashOf("least"), Revision: 1},
		"endless": {
			ID: "0000000000000000000043", Hash: tokens.HashOf("endless"), API: tokens.ContentGateway,
			Owner: "ada", Creator: "ada", Scope: tokens.Scope{Tenant: "acme"},
			Created: time.UnixMilli(0).UTC(), Revision: 300,
		},
		"long": {
			ID: "0000000000000000000044", Hash: tokens.HashOf("long"), API: tokens.FileRepository,
			Owner: strings.Repeat("o", 128), Creator: strings.Repeat("c", 300), Scope: tokens.Scope{Tenant: "\x00\xff"},
			Expires: time.UnixMilli(maxMillis).UTC(), Revision: 2,
		},
	}
}

// golden reads lines of a name, a space and hexadecimal digits.
func golden(t testing.TB, file string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	records := make(map[string][]byte)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, digits, _ := strings.Cut(lines.Text(), " ")
		data, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, name, err)
		}
		records[name] = data
	}
	return records
}

func TestGoldenRecordsAreReadAndWrittenAsEver(t *testing.T) {
	t.Parallel()
	records, want := golden(t, "testdata/records-v1.txt"), goldenTokens()
	if len(records) != len(want) {
		t.Errorf("%d golden records, want %d", len(records), len(want))
	}
	for name, tok := range want {
		got, err := decodeRecord(records[name])
		if err != nil {
			t.Errorf("%s: decode = %v", name, err)
			continue
		}
		if !reflect.DeepEqual(*got, *tok) {
			t.Errorf("%s: decoded is %#v, want %#v", name, *got, *tok)
		}
		if again := encodeRecord(tok); !bytes.Equal(again, records[name]) {
			t.Errorf("%s: encoded is\n%x, want\n%x", name, again, records[name])
		}
	}
}

func TestGoldenKeysAreAsEver(t *testing.T) {
	t.Parallel()
	tok := goldenTokens()["full"]
	got := map[string][]byte{
		"record": recordKey(tok.Hash), "id": idKey(tok.ID), "end": endingOf(tok).key(), "user": userKey("ada"),
		"owner": listKeys(tok)[0], "tenant": listKeys(tok)[1], "entry": entryOf(tok),
		"never": endingOf(goldenTokens()["endless"]).key(),
	}
	want := golden(t, "testdata/keys-v1.txt")
	for name, key := range got {
		if !bytes.Equal(key, want[name]) {
			t.Errorf("%s %x, want %x", name, key, want[name])
		}
	}
}

func TestEveryFlippedBitOfARecordIsRefused(t *testing.T) {
	t.Parallel()
	for name, tok := range goldenTokens() {
		data := encodeRecord(tok)
		for bit := range len(data) * 8 {
			data[bit/8] ^= 1 << (bit % 8)
			if got, err := decodeRecord(data); err == nil {
				t.Errorf("%s with bit %d flipped decodes to %#v", name, bit, got)
			}
			data[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestEveryCutRecordIsRefused(t *testing.T) {
	t.Parallel()
	for name, tok := range goldenTokens() {
		data := encodeRecord(tok)
		for n := range data {
			if _, err := decodeRecord(data[:n]); !errors.Is(err, errRecord) {
				t.Errorf("%s cut to %d bytes: %v, want errRecord", name, n, err)
			}
		}
		if _, err := decodeRecord(append(data, 0)); !errors.Is(err, errRecord) {
			t.Errorf("%s with a byte behind it: %v, want errRecord", name, err)
		}
	}
}

// sealed returns data with the checksum that makes it pass that test.
func sealed(data []byte) []byte {
	data = bytes.Clone(data)
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli()))
}

func TestMalformedRecordsWithAGoodChecksumAreRefused(t *testing.T) {
	t.Parallel()
	hash := tokens.HashOf("x")
	head := func() []byte {
		b := appendField([]byte{recordVersion}, tagID, "1")
		return appendField(b, tagHash, string(hash[:]))
	}
	revision := func(b []byte) []byte { return appendNumber(b, tagRevision, 1) }
	rows := map[string][]byte{
		"nothing":            {},
		"version 0":          {0},
		"version 2":          revision(append([]byte{2}, head()[1:]...)),
		"no fields":          {recordVersion},
		"no id":              revision(appendField([]byte{recordVersion}, tagHash, string(hash[:]))),
		"no hash":            revision(appendField([]byte{recordVersion}, tagID, "1")),
		"short hash":         revision(appendField(appendField([]byte{recordVersion}, tagID, "1"), tagHash, "short")),
		"long hash":          revision(appendField(appendField([]byte{recordVersion}, tagID, "1"), tagHash, string(hash[:])+"x")),
		"zero hash":          revision(appendField(appendField([]byte{recordVersion}, tagID, "1"), tagHash, string(make([]byte, 32)))),
		"no revision":        head(),
		"revision 0":         appendNumber(head(), tagRevision, 0),
		"short revision":     appendField(head(), tagRevision, "\x01"),
		"unknown tag":        appendField(revision(head()), tagCount, "a restriction yet to be invented"),
		"tag 0":              revision(appendField(head(), 0, "x")),
		"tag 255":            appendField(revision(head()), 255, "x"),
		"duplicate field":    revision(appendField(appendField(head(), tagOwner, "a"), tagOwner, "b")),
		"fields unordered":   revision(appendField(appendField(head(), tagCreator, "a"), tagOwner, "b")),
		"empty field":        revision(append(head(), tagOwner, 0)),
		"field cut off":      append(head(), tagOwner, 5, 'a'),
		"length missing":     append(head(), tagOwner),
		"length not minimal": revision(append(head(), tagOwner, 0x81, 0x00, 'a')),
		"length endless":     append(append(head(), tagOwner), bytes.Repeat([]byte{0xff}, 12)...),
		"length huge":        append(append(head(), tagOwner), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"bytes behind":       append(revision(head()), 'x'),
		"short time":         revision(appendField(head(), tagExpires, "1234")),
		"time after 9999":    revision(appendNumber(head(), tagExpires, maxMillis+1)),
		"time before 1970":   revision(appendNumber(head(), tagExpires, 1<<63)),
		"meta of none":       revision(appendField(head(), tagMeta, "\x00")),
		"meta cut off":       revision(appendField(head(), tagMeta, "\x01\x01a")),
		"meta too many":      revision(appendField(head(), tagMeta, "\xff\xff\xff\xff\x07")),
		"meta and more":      revision(appendField(head(), tagMeta, "\x01\x01a\x01bx")),
		"allowed of none":    appendField(revision(head()), tagAllowed, "\x00"),
		"allowed nothing":    appendField(revision(head()), tagAllowed, "\x01\x00\x00"),
		"allowed unknown":    appendField(revision(head()), tagAllowed, "\x01\x80\x80\x80\x80\x01\x00"),
		"allowed nowhere":    appendField(revision(head()), tagAllowed, "\x01\x01\x01\x00"),
		"allowed cut off":    appendField(revision(head()), tagAllowed, "\x01\x01\x02\x01a"),
		"allowed and more":   appendField(revision(head()), tagAllowed, "\x01\x01\x01\x01ax"),
		"allowed too many":   appendField(revision(head()), tagAllowed, "\xff\xff\xff\xff\x07\x01\x00"),
		"allowed off bounds": appendField(revision(head()), tagAllowed, "\x01\x01\x01\x02.."),
	}
	if _, err := decodeRecord(sealed(revision(head()))); err != nil {
		t.Fatalf("the well-formed record is refused: %v", err)
	}
	for name, body := range rows {
		if got, err := decodeRecord(sealed(body)); !errors.Is(err, errRecord) {
			t.Errorf("%s: %#v, %v, want errRecord", name, got, err)
		}
	}
}

func TestIndexEntriesAreReadAsWrittenOrRefused(t *testing.T) {
	t.Parallel()
	for name, tok := range goldenTokens() {
		data := entryOf(tok)
		e, err := parseEntry(data)
		want := entry{tok.Hash, revoked(tok), tok.Owner, tok.Scope.Tenant, tok.Scope.Domain}
		if err != nil || e != want {
			t.Errorf("%s: entry is %+v, %v", name, e, err)
		}
		for n := range data {
			if _, err := parseEntry(data[:n]); !errors.Is(err, errIndex) {
				t.Errorf("%s cut to %d: %v, want errIndex", name, n, err)
			}
		}
		if _, err := parseEntry(append(data, 0)); !errors.Is(err, errIndex) {
			t.Errorf("%s with a byte behind it: %v, want errIndex", name, err)
		}
		data[len(tok.Hash)] = 2
		if _, err := parseEntry(data); !errors.Is(err, errIndex) {
			t.Errorf("%s with an unknown flag: %v, want errIndex", name, err)
		}
		if at, err := parseEnding(endingOf(tok).key()); err != nil || at != endingOf(tok) {
			t.Errorf("%s: ending is %+v, %v", name, at, err)
		}
	}
}

func TestDamagedEndingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "e", "e12345678", "e12345678\x00", "e12345678\x02id"} {
		if e, err := parseEnding([]byte(key)); !errors.Is(err, errIndex) {
			t.Errorf("ending %q: %+v, %v, want errIndex", key, e, err)
		}
	}
}

// FuzzDecode: nothing makes the decoder panic, and whatever it takes is the
// one encoding of what it returns.
func FuzzDecode(f *testing.F) {
	for _, data := range golden(f, "testdata/records-v1.txt") {
		f.Add(data)
		f.Add(data[:len(data)-crcSize])
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, record := range [][]byte{data, sealed(data)} {
			tok, err := decodeRecord(record)
			if err != nil {
				continue
			}
			if again := encodeRecord(tok); !bytes.Equal(again, record) {
				t.Errorf("%x decodes to what encodes to %x", record, again)
			}
			if c, err := canonical(tok); err != nil || !reflect.DeepEqual(c, tok.Clone()) {
				t.Errorf("decoded token is not canonical: %v", err)
			}
		}
	})
}

// FuzzEncode: every token that the store takes comes back as it was.
func FuzzEncode(f *testing.F) {
	f.Add("1", "ada", "acme", "d", "k", "secret", int64(0), int64(5000), "name", "value", uint64(1))
	f.Add("\x00", "\xff", "", "", "", "", int64(-1), int64(maxMillis), "", "", uint64(1<<63))
	f.Fuzz(func(t *testing.T, id, owner, tenant, domain, key, secret string, created, expires int64, name, value string, revision uint64) {
		tok, err := canonical(&tokens.Token{
			ID: tokens.ID(id), Hash: tokens.HashOf(id), API: tokens.API(key), Owner: owner, Creator: domain,
			Scope: tokens.Scope{Tenant: tenant, Domain: domain}, AccessKey: key, Secret: tokens.Sealed(secret),
			Created: time.UnixMilli(created), Expires: time.UnixMilli(expires),
			Meta: []tokens.Meta{{Name: name, Value: value}}, Revoked: tokens.Revocation{By: owner}, Revision: max(revision, 1),
		})
		if err != nil {
			return
		}
		if secret == "" {
			tok.Secret = nil
		}
		got, err := decodeRecord(encodeRecord(tok))
		if err != nil || !reflect.DeepEqual(*got, *tok) {
			t.Errorf("%#v comes back as %#v, %v", *tok, got, err)
		}
	})
}

func FuzzCursor(f *testing.F) {
	prefix := indexPrefix(kindOwner, "ada")
	f.Add("", uint64(0), "1")
	f.Add("AQAAAAAAAAAAMQ", uint64(never), "0000000000000000000042")
	f.Fuzz(func(t *testing.T, text string, end uint64, id string) {
		if at, err := parseCursor(tokens.Cursor(text), prefix); err == nil && newCursor(prefix, at) != tokens.Cursor(text) {
			t.Errorf("%q is read as the cursor %q", text, newCursor(prefix, at))
		}
		if want := (position{end: end, id: tokens.ID(id)}); id != "" {
			if at, err := parseCursor(newCursor(prefix, want), prefix); err != nil || at != want {
				t.Errorf("%+v comes back as %+v, %v", want, at, err)
			}
		}
	})
}

func BenchmarkDecodeRecord(b *testing.B) {
	data := encodeRecord(goldenTokens()["full"])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeRecord(data); err != nil {
			b.Fatal(err)
		}
	}
}
