package accounts_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// prints returns v as the usual verbs show it.
func prints(v any) []string {
	var all []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		all = append(all, fmt.Sprintf(verb, v))
	}
	return all
}

func TestStoredComesBackAsItWas(t *testing.T) {
	for _, s := range []accounts.Stored{
		{Name: "admin", PasswordHash: argonOpenSSL, Roles: []string{accounts.AdminRole}},
		{Name: "jürgen", PasswordHash: bcrypt2y, Roles: []string{"a", "b"}, Tenants: []string{"red"}},
		{Name: "without anything"},
		{
			Name: "robot", PasswordHash: bcrypt2y, Roles: []string{"append"}, Permissions: []string{"tokens.read", "storage.*"},
			Tenants: []string{accounts.AnyTenant}, Locator: "123E4567-e89b-12d3-a456-426614174000", ServiceAccount: true,
			Identity: accounts.IdentityConfig{Domain: "POSIX_USER", AuthID: "1002", UID: 1000, GID: 4294967295, SID: "S-1-5-21-1-2-3-1002"},
			Disabled: tokens.Mark{At: time.Date(2026, 3, 1, 12, 0, 0, 1, time.UTC), By: "jane"},
			Created:  time.Date(2025, 12, 31, 23, 59, 59, 999, time.UTC),
			Override: accounts.Override{RemovedHash: accounts.Fingerprint("x"), Seen: accounts.Fingerprint("y")},
		},
		{Name: "disabled by the system", Disabled: tokens.Mark{At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}},
	} {
		record, err := accounts.EncodeStored(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := accounts.DecodeStored(record)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%s came back as %+v, %v", record, back, err)
		}
		if !strings.Contains(string(record), `"version":2`) {
			t.Fatalf("%s has no version", record)
		}
	}
}

// The form on disk is a promise to later versions.
func TestStoredRecordOfVersion1IsRead(t *testing.T) {
	s, err := accounts.DecodeStored([]byte(`{"version":1,"name":"admin","password_hash":"$2y$...","roles":["admin"],"tenants":["any"]}`))
	want := accounts.Stored{Name: "admin", PasswordHash: "$2y$...", Roles: []string{"admin"}, Tenants: []string{"any"}}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Fatalf("got %+v, %v", s, err)
	}
}

// A version 1 record is what a gateway before this one wrote.
func TestStoredRecordOfVersion1ComesBackAsVersion2(t *testing.T) {
	s, err := accounts.DecodeStored([]byte(`{"version":1,"name":"admin","roles":["admin"],"tenants":["any"]}`))
	if err != nil {
		t.Fatal(err)
	}
	record, err := accounts.EncodeStored(s)
	if want := `{"version":2,"name":"admin","roles":["admin"],"tenants":["any"]}`; err != nil || string(record) != want {
		t.Fatalf("got %s, %v", record, err)
	}
}

// The form on disk is a promise to later versions.
func TestStoredRecordOfVersion2IsRead(t *testing.T) {
	s, err := accounts.DecodeStored([]byte(`{"version":2,"name":"john","permissions":["storage.read"],"locator":"123e4567-e89b-12d3-a456-426614174000",` +
		`"service_account":true,"identity":{"domain":"LOCAL","auth_id":"1","uid":2,"gid":3,"sid":"S-1-5-4"},` +
		`"disabled":{"at":"2026-03-01T13:00:00+01:00","by":"jane"},"created":"2026-01-01T00:00:00Z",` +
		`"override":{"removed_hash":"` + strings.Repeat("ab", 32) + `","seen":"` + strings.Repeat("cd", 32) + `"}}`))
	want := accounts.Stored{
		Name: "john", Permissions: []string{"storage.read"}, Locator: "123e4567-e89b-12d3-a456-426614174000", ServiceAccount: true,
		Identity: accounts.IdentityConfig{Domain: "LOCAL", AuthID: "1", UID: 2, GID: 3, SID: "S-1-5-4"},
		Disabled: tokens.Mark{At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), By: "jane"},
		Created:  time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Override: accounts.Override{RemovedHash: strings.Repeat("ab", 32), Seen: strings.Repeat("cd", 32)},
	}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Fatalf("got %+v, %v", s, err)
	}
}

func TestFingerprintIsSHA256(t *testing.T) {
	// printf abc | sha256sum
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := accounts.Fingerprint("abc"); got != want {
		t.Fatal(got)
	}
}

func TestEncodeStoredRefuses(t *testing.T) {
	for name, s := range map[string]accounts.Stored{
		"no name":                     {PasswordHash: bcrypt2y},
		"a colon":                     {Name: "a:b"},
		"not UTF-8":                   {Name: "a\xff"},
		"plain password":              {Name: "a", PasswordHash: "hunter2hunter2"},
		"a locator that is no UUID":   {Name: "a", Locator: "a"},
		"disabled by somebody, never": {Name: "a", Disabled: tokens.Mark{By: "jane"}},
		"a hash for a fingerprint":    {Name: "a", Override: accounts.Override{RemovedHash: bcrypt2y}},
		"a fingerprint in capitals":   {Name: "a", Override: accounts.Override{Seen: strings.Repeat("AB", 32)}},
		"a fingerprint that is short": {Name: "a", Override: accounts.Override{Seen: "ab"}},
		"created after the year 9999": {Name: "a", Created: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			record, err := accounts.EncodeStored(s)
			if err == nil {
				t.Fatalf("got %s", record)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatal("the error quotes the password")
			}
		})
	}
}

// brokenRecords are none that EncodeStored wrote.
func brokenRecords() map[string]string {
	return map[string]string{
		"nothing":                         ``,
		"null":                            `null`,
		"a list":                          `[]`,
		"cut short":                       `{"version":1,"name":"a"`,
		"no version":                      `{"name":"a"}`,
		"a later version":                 `{"version":3,"name":"a"}`,
		"no such version":                 `{"version":-1,"name":"a"}`,
		"version 1 with permissions":      `{"version":1,"name":"a","permissions":["storage.read"]}`,
		"version 1 with disabled":         `{"version":1,"name":"a","disabled":{"at":"2026-01-01T00:00:00Z","by":"b"}}`,
		"version 1 with an override":      `{"version":1,"name":"a","override":{"seen":"` + strings.Repeat("ab", 32) + `"}}`,
		"version 1 service account":       `{"version":1,"name":"a","service_account":true}`,
		"unknown field of identity":       `{"version":2,"name":"a","identity":{"email":"b"}}`,
		"unknown field of override":       `{"version":2,"name":"a","override":{"roles":["b"]}}`,
		"uid below zero":                  `{"version":2,"name":"a","identity":{"uid":-1}}`,
		"uid of 33 bits":                  `{"version":2,"name":"a","identity":{"uid":4294967296}}`,
		"locator that is no UUID":         `{"version":2,"name":"a","locator":"b"}`,
		"disabled at no time":             `{"version":2,"name":"a","disabled":{"by":"b"}}`,
		"disabled at a time that is none": `{"version":2,"name":"a","disabled":{"at":"yesterday","by":"b"}}`,
		"fingerprint that is none":        `{"version":2,"name":"a","override":{"seen":"yes"}}`,
		"version in quotes":               `{"version":"1","name":"a"}`,
		"unknown field":                   `{"version":1,"name":"a","expires":"2030-01-01"}`,
		"no name":                         `{"version":1}`,
		"a colon":                         `{"version":1,"name":"a:b"}`,
		"a second record":                 `{"version":1,"name":"a"}{"version":1,"name":"b"}`,
		"rubbish behind":                  `{"version":1,"name":"a"}x`,
		"roles in a string":               `{"version":1,"name":"a","roles":"admin"}`,
	}
}

func TestDecodeStoredRefuses(t *testing.T) {
	for name, record := range brokenRecords() {
		t.Run(name, func(t *testing.T) {
			if s, err := accounts.DecodeStored([]byte(record)); err == nil {
				t.Fatalf("got %+v", s)
			}
		})
	}
}

// FuzzDecodeStored: what can be decoded can be written again and is the same
// then, unless its hash is no hash, with which nobody comes in.
func FuzzDecodeStored(f *testing.F) {
	for _, r := range brokenRecords() {
		f.Add([]byte(r))
	}
	f.Add([]byte(`{"version":2,"name":"a","permissions":["*.*"],"locator":"123e4567-e89b-12d3-a456-426614174000","service_account":true,` +
		`"identity":{"domain":"LOCAL","uid":1},"disabled":{"at":"2026-01-01T00:00:00.5+01:00","by":"b"},"created":"2026-01-01T00:00:00Z","override":{"seen":"` + strings.Repeat("ab", 32) + `"}}`))
	f.Add([]byte(`{"version":1,"name":"admin","password_hash":"` + bcrypt2y + `","roles":["admin"],"tenants":["any"]}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		s, err := accounts.DecodeStored(record)
		if err != nil || !writable(s.Disabled.At) || !writable(s.Created) {
			return
		}
		written, err := accounts.EncodeStored(s)
		if errors.Is(err, accounts.ErrBadHash) {
			s.PasswordHash = ""
			written, err = accounts.EncodeStored(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := accounts.DecodeStored(written)
		if err != nil || back.Name != s.Name || back.PasswordHash != s.PasswordHash || len(back.Roles) != len(s.Roles) || len(back.Tenants) != len(s.Tenants) ||
			len(back.Permissions) != len(s.Permissions) || back.Override != s.Override || back.Identity != s.Identity ||
			back.Disabled != s.Disabled || !back.Created.Equal(s.Created) || back.ServiceAccount != s.ServiceAccount || back.Locator != s.Locator {
			t.Fatalf("%s came back as %+v, %v", written, back, err)
		}
	})
}

// writable reports whether JSON has a form for a time: RFC 3339 has four digits
// for the year, and a time in another zone can be in another year in UTC.
func writable(at time.Time) bool {
	return 0 <= at.UTC().Year() && at.UTC().Year() <= 9999
}
