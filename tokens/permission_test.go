package tokens_test

import (
	"math/bits"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
)

func TestParsePermission(t *testing.T) {
	want := map[string]tokens.Permissions{
		"*.*":                 tokens.Everything,
		"storage.*":           tokens.StorageRead | tokens.StorageList | tokens.StorageWrite | tokens.StorageDelete | tokens.StorageAppend,
		"storage.read":        tokens.StorageRead,
		"storage.list":        tokens.StorageList,
		"storage.write":       tokens.StorageWrite | tokens.StorageAppend,
		"storage.append":      tokens.StorageAppend,
		"storage.delete":      tokens.StorageDelete,
		"tokens.*":            tokens.TokensCreate | tokens.TokensRead | tokens.TokensDelete,
		"tokens.create":       tokens.TokensCreate,
		"tokens.read":         tokens.TokensRead,
		"tokens.delete":       tokens.TokensDelete,
		"users.*":             tokens.UsersRead | tokens.UsersWrite | tokens.UsersCustom | tokens.UsersRevoke,
		"users.read":          tokens.UsersRead,
		"users.write":         tokens.UsersWrite,
		"users.custom":        tokens.UsersCustom,
		"users.revoke":        tokens.UsersRevoke,
		"access_tokens.*":     tokens.AccessTokensRead | tokens.AccessTokensWrite,
		"access_tokens.read":  tokens.AccessTokensRead,
		"access_tokens.write": tokens.AccessTokensWrite,
	}
	for name, p := range want {
		if got, err := tokens.ParsePermission(name); err != nil || got != p {
			t.Errorf("%s is %b, %v; want %b", name, got, err, p)
		}
	}
	listed := tokens.PermissionNames()
	if !slices.IsSorted(listed) || len(listed) != len(want) {
		t.Errorf("the names are %v, want the sorted names of %d", listed, len(want))
	}
	for _, name := range listed {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is accepted beyond the list", name)
		}
	}
}

func TestParsePermissionRefusesTheRest(t *testing.T) {
	for _, name := range []string{
		"", "*", "storage", "*.read", "*.create", ".", ".*", "*.", "storage.", ".read", "append", "storage.appends", "storage.*.read",
		"Storage.read", "storage.READ", " storage.read", "storage.read ", "storage.create", "tokens.write", "users.delete",
		"access_tokens.delete", "access-tokens.read", "storage:read", "storage.read,storage.list", "admin",
	} {
		p, err := tokens.ParsePermission(name)
		if err == nil || p != 0 {
			t.Errorf("%q is %b, %v", name, p, err)
			continue
		}
		for _, part := range []string{name, "*.*", "storage.read", "access_tokens.write"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the sentence %q does not say %q", err, part)
			}
		}
	}
}

func TestEverythingIsEveryRight(t *testing.T) {
	all := tokens.Permissions(0)
	for _, single := range []tokens.Permissions{
		tokens.StorageRead, tokens.StorageList, tokens.StorageWrite, tokens.StorageDelete, tokens.StorageAppend,
		tokens.TokensCreate, tokens.TokensRead, tokens.TokensDelete,
		tokens.UsersRead, tokens.UsersWrite, tokens.UsersCustom, tokens.UsersRevoke,
		tokens.AccessTokensRead, tokens.AccessTokensWrite,
	} {
		if bits.OnesCount32(uint32(single)) != 1 || all&single != 0 {
			t.Errorf("%b is no bit of its own", single)
		}
		all |= single
	}
	if all != tokens.Everything {
		t.Errorf("Everything is %b, want %b", tokens.Everything, all)
	}
}

func TestHasAndCovers(t *testing.T) {
	const rw = tokens.StorageRead | tokens.StorageWrite
	for _, c := range []struct {
		name        string
		p, other    tokens.Permissions
		has, covers bool
	}{
		{"the same", rw, rw, true, true},
		{"a part", rw, tokens.StorageRead, true, true},
		{"more than there is", tokens.StorageRead, rw, false, false},
		{"something else", tokens.StorageRead, tokens.StorageList, false, false},
		{"nothing is covered, but nobody has it", rw, 0, false, true},
		{"nothing of nothing", 0, 0, false, true},
		{"the empty set has no right", 0, tokens.StorageRead, false, false},
		{"everything has each right", tokens.Everything, tokens.UsersRevoke, true, true},
		{"write is not append", tokens.StorageWrite, tokens.StorageAppend, false, false},
		{"append is not write", tokens.StorageAppend, tokens.StorageWrite, false, false},
		{"a right that nobody knows", tokens.Everything, 1 << 31, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.Has(c.other); got != c.has {
				t.Errorf("has: %v", got)
			}
			if got := c.p.Covers(c.other); got != c.covers {
				t.Errorf("covers: %v", got)
			}
		})
	}
}

func TestNamesSayWhatIsMeant(t *testing.T) {
	for _, c := range []struct {
		p    tokens.Permissions
		want []string
	}{
		{0, []string{}},
		{tokens.Everything, []string{"*.*"}},
		{tokens.StorageAll | tokens.TokensRead, []string{"storage.*", "tokens.read"}},
		{tokens.StorageWrite, []string{"storage.write"}},
		{tokens.StorageWrite | tokens.StorageAppend, []string{"storage.write"}},
		{tokens.StorageAppend, []string{"storage.append"}},
		{tokens.TokensAll | tokens.UsersAll | tokens.AccessTokensAll, []string{"tokens.*", "users.*", "access_tokens.*"}},
	} {
		if got := c.p.Names(); !slices.Equal(got, c.want) {
			t.Errorf("%b is %q, want %q", c.p, got, c.want)
		}
	}
	for p := range tokens.Everything + 1 {
		var read tokens.Permissions
		for _, name := range p.Names() {
			one, err := tokens.ParsePermission(name)
			if err != nil || read.Covers(one) {
				t.Fatalf("%b is %q, where %s says nothing new: %v", p, p.Names(), name, err)
			}
			read |= one
		}
		if read != p && read != p|tokens.StorageAppend {
			t.Fatalf("%b is %q, which is read as %b", p, p.Names(), read)
		}
	}
}
