package accounts_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

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
	} {
		record, err := accounts.EncodeStored(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := accounts.DecodeStored(record)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%s came back as %+v, %v", record, back, err)
		}
		if s.PasswordHash != "" && !strings.Contains(string(record), `"version":1`) {
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

func TestEncodeStoredRefuses(t *testing.T) {
	for name, s := range map[string]accounts.Stored{
		"no name":        {PasswordHash: bcrypt2y},
		"a colon":        {Name: "a:b"},
		"not UTF-8":      {Name: "a\xff"},
		"plain password": {Name: "a", PasswordHash: "hunter2hunter2"},
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
		"nothing":           ``,
		"null":              `null`,
		"a list":            `[]`,
		"cut short":         `{"version":1,"name":"a"`,
		"no version":        `{"name":"a"}`,
		"a later version":   `{"version":2,"name":"a"}`,
		"version in quotes": `{"version":"1","name":"a"}`,
		"unknown field":     `{"version":1,"name":"a","expires":"2030-01-01"}`,
		"no name":           `{"version":1}`,
		"a colon":           `{"version":1,"name":"a:b"}`,
		"a second record":   `{"version":1,"name":"a"}{"version":1,"name":"b"}`,
		"rubbish behind":    `{"version":1,"name":"a"}x`,
		"roles in a string": `{"version":1,"name":"a","roles":"admin"}`,
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
	f.Add([]byte(`{"version":1,"name":"admin","password_hash":"` + bcrypt2y + `","roles":["admin"],"tenants":["any"]}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		s, err := accounts.DecodeStored(record)
		if err != nil {
			return
		}
		if accounts.VerifyHash(s.PasswordHash, tokens.Secret("")) != nil {
			s.PasswordHash = ""
		}
		written, err := accounts.EncodeStored(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := accounts.DecodeStored(written)
		if err != nil || back.Name != s.Name || len(back.Roles) != len(s.Roles) || len(back.Tenants) != len(s.Tenants) {
			t.Fatalf("%s came back as %+v, %v", written, back, err)
		}
	})
}
