package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

func TestEveryFlippedBitOfARecordIsRefused(t *testing.T) {
	t.Parallel()
	for name, tok := range goldenTokens() {
		data := Encode(tok)
		for bit := range len(data) * 8 {
			data[bit/8] ^= 1 << (bit % 8)
			if got, err := Decode(data); err == nil {
				t.Errorf("%s with bit %d flipped decodes to %#v", name, bit, got)
			}
			data[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestEveryCutRecordIsRefused(t *testing.T) {
	t.Parallel()
	for name, tok := range goldenTokens() {
		data := Encode(tok)
		for n := range data {
			if _, err := Decode(data[:n]); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s cut to %d bytes: %v, want ErrDamaged", name, n, err)
			}
		}
		if _, err := Decode(append(data, 0)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s with a byte behind it: %v, want ErrDamaged", name, err)
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
		"size 0":             appendNumber(revision(head()), tagSizeBelow, 0),
		"size negative":      appendNumber(revision(head()), tagSizeBelow, 1<<63),
		"uses 0":             appendNumber(revision(head()), tagUses, 0),
		"uses too many":      appendNumber(revision(head()), tagUses, 1<<32),
		"used without uses":  appendNumber(revision(head()), tagUsed, 1),
		"used too often":     appendNumber(appendNumber(revision(head()), tagUses, 2), tagUsed, 3),
		"used 0":             appendNumber(appendNumber(revision(head()), tagUses, 2), tagUsed, 0),
		"short number":       appendField(revision(head()), tagUses, "\x01"),
		"ceiling 0":          appendNumber(revision(head()), tagCeiling, 0),
		"ceiling unknown":    appendNumber(revision(head()), tagCeiling, 1<<31),
		"ceiling too wide":   appendNumber(revision(head()), tagCeiling, 1<<32|1),
		"ceiling a bit more": appendNumber(revision(head()), tagCeiling, uint64(tokens.Everything)+1),
		"request zero":       appendField(revision(head()), tagRequest, string(make([]byte, 32))),
		"request short":      appendField(revision(head()), tagRequest, "short"),
		"begins after 9999":  appendNumber(revision(head()), tagNotBefore, MaxMillis+1),
		"spent cut off":      appendField(revision(head()), tagSpent, "1234567"),
		"disabled too late":  appendNumber(revision(head()), tagDisabledAt, MaxMillis+1),
		"tenants of none":    appendField(revision(head()), tagTenants, "\x00"),
		"roles cut off":      appendField(revision(head()), tagRoles, "\x02\x01a"),
		"roles and more":     appendField(revision(head()), tagRoles, "\x01\x01ax"),
		"address no bits":    appendField(revision(head()), tagAddresses, "\x01\x04\x0a\x00\x00\x00"),
		"address 3 bytes":    appendField(revision(head()), tagAddresses, "\x01\x03\x0a\x00\x00\x08"),
		"address 33 bits":    appendField(revision(head()), tagAddresses, "\x01\x04\x0a\x00\x00\x00\x21"),
		"address 255 bits":   appendField(revision(head()), tagAddresses, "\x01\x04\x0a\x00\x00\x00\xff"),
		"address unmasked":   appendField(revision(head()), tagAddresses, "\x01\x04\x0a\x00\x00\x01\x08"),
		"address and more":   appendField(revision(head()), tagAddresses, "\x01\x04\x0a\x00\x00\x00\x08x"),
		"address 4 in 6": appendField(revision(head()), tagAddresses,
			"\x01\x10"+strings.Repeat("\x00", 10)+"\xff\xff\x0a\x00\x00\x00\x80"),
		"agent flag 2":       appendField(revision(head()), tagAgents, "\x01\x02\x01a"),
		"agent empty":        appendField(revision(head()), tagAgents, "\x01\x00\x00"),
		"agent cut off":      appendField(revision(head()), tagAgents, "\x01\x00\x02a"),
		"agent without text": appendField(revision(head()), tagAgents, "\x01\x01"),
		"type in capitals":   appendField(revision(head()), tagTypes, "\x01\x07Image/*"),
		"type of no kind":    appendField(revision(head()), tagTypes, "\x01\x03png"),
		"tag with a line":    appendField(revision(head()), tagTags, "\x01\x03a\nb"),
		"too many tags":      appendField(revision(head()), tagTags, "\x41"+strings.Repeat("\x01a", 65)),
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
		"time after 9999":    revision(appendNumber(head(), tagExpires, MaxMillis+1)),
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
	if _, err := Decode(sealed(revision(head()))); err != nil {
		t.Fatalf("the well-formed record is refused: %v", err)
	}
	for name, body := range rows {
		if got, err := Decode(sealed(body)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %#v, %v, want ErrDamaged", name, got, err)
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
			tok, err := Decode(record)
			if err != nil {
				continue
			}
			if again := Encode(tok); !bytes.Equal(again, record) {
				t.Errorf("%x decodes to what encodes to %x", record, again)
			}
			if c, err := Canonical(tok); err != nil || !reflect.DeepEqual(c, tok.Clone()) {
				t.Errorf("decoded token is not Canonical: %v", err)
			}
		}
	})
}

// FuzzEncode: every token that the store takes comes back as it was.
func FuzzEncode(f *testing.F) {
	f.Add("1", "ada", "acme", "d", "k", "secret", int64(0), int64(5000), "name", "value", uint64(1))
	f.Add("\x00", "\xff", "", "", "", "", int64(-1), int64(MaxMillis), "", "", uint64(1<<63))
	f.Fuzz(func(t *testing.T, id, owner, tenant, domain, key, secret string, created, expires int64, name, value string, revision uint64) {
		tok, err := Canonical(&tokens.Token{
			ID: tokens.ID(id), Hash: tokens.HashOf(id), API: tokens.API(key), Owner: owner, Creator: domain,
			Scope: tokens.Scope{Tenant: tenant, Domain: domain}, AccessKey: key, Secret: tokens.Sealed(secret),
			Created: time.UnixMilli(created), Expires: time.UnixMilli(expires),
			Meta: []tokens.Meta{{Name: name, Value: value}}, Revoked: tokens.Mark{By: owner}, Revision: max(revision, 1),
		})
		if err != nil {
			return
		}
		if secret == "" {
			tok.Secret = nil
		}
		comesBack(t, tok)
	})
}

func comesBack(t *testing.T, tok *tokens.Token) {
	t.Helper()
	got, err := Decode(Encode(tok))
	if err != nil || !reflect.DeepEqual(*got, *tok) {
		t.Errorf("%#v comes back as %#v, %v", *tok, got, err)
	}
}

// FuzzEncodeLimits is FuzzEncode for what a token is restricted by.
func FuzzEncodeLimits(f *testing.F) {
	f.Add("deploy", "acme", "upload.any", "10.0.0.0/8", "curl/*", true, "image/*", "draft", int64(5), uint32(7), uint32(3), uint32(1), int64(9), "root")
	f.Add("", "", "", "::/0", "a", false, "text/plain", "a=b", int64(-1), uint32(0), uint32(1), uint32(1<<31), int64(0), "")
	f.Fuzz(func(t *testing.T, name, tenant, role, network, agent string, pattern bool, kind, tag string,
		size int64, uses, used, ceiling uint32, at int64, by string) {
		prefix, _ := tokens.ParseNetwork(network) // an invalid one is for the store to refuse
		when := time.UnixMilli(at)
		tok, err := Canonical(&tokens.Token{
			ID: "1", Hash: tokens.HashOf("1"), Name: name, Tenants: []string{tenant, name}, Roles: []string{role},
			Only: tokens.Restrictions{
				Addresses: []netip.Prefix{prefix}, Agents: []tokens.Agent{{Text: agent, Pattern: pattern}},
				Types: []string{kind}, Tags: []string{tag}, SizeBelow: size, Uses: uses,
			},
			Used: used, Ceiling: tokens.Permissions(ceiling), NotBefore: when, Spent: when,
			Disabled: tokens.Mark{At: when, By: by}, Request: tokens.HashOf(by), Revision: 1,
		})
		if err == nil {
			comesBack(t, tok)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"full", "everything"} {
		b.Run(name, func(b *testing.B) {
			data := Encode(goldenTokens()[name])
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
