package record

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"maps"
	"net/netip"
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
		Revoked:  tokens.Mark{At: time.UnixMilli(1_900_000_030_003).UTC(), By: "root"},
		Revision: 1<<40 + 7,
	}
	narrowed := *full
	narrowed.Allowed = tokens.Allowances{
		{Permissions: tokens.StorageRead | tokens.StorageList, Resources: []tokens.Resource{"bucket", "other/grüße/"}},
		{Permissions: tokens.Everything},
	}
	all := map[string]*tokens.Token{
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
			Expires: time.UnixMilli(MaxMillis).UTC(), Revision: 2,
		},
	}
	maps.Copy(all, goldenLimits())
	return all
}

// goldenLimits are tokens with one field each of those that came later, and
// one with all.
func goldenLimits() map[string]*tokens.Token {
	at := func(ms int64) time.Time { return time.UnixMilli(1_900_000_000_000 + ms).UTC() }
	fields := map[string]func(*tokens.Token){
		"name":       func(t *tokens.Token) { t.Name = "grüße" },
		"tenants":    func(t *tokens.Token) { t.Tenants = []string{"acme", "", "other"} },
		"not-before": func(t *tokens.Token) { t.NotBefore = at(7) },
		"roles":      func(t *tokens.Token) { t.Roles = []string{"upload.image.png", "view.any_file"} },
		"addresses": func(t *tokens.Token) {
			t.Only.Addresses = []netip.Prefix{
				netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("0.0.0.0/0"),
				netip.MustParsePrefix("2001:db8::/33"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("2001:db8::1/128"),
			}
		},
		"agents": func(t *tokens.Token) {
			t.Only.Agents = []tokens.Agent{{Text: "curl/*"}, {Text: "curl/*", Pattern: true}}
		},
		"types":     func(t *tokens.Token) { t.Only.Types = []string{"image/*", "text/plain"} },
		"tags":      func(t *tokens.Token) { t.Only.Tags = []string{"draft", "kind=böse"} },
		"size":      func(t *tokens.Token) { t.Only.SizeBelow = 1<<40 + 1 },
		"uses":      func(t *tokens.Token) { t.Only.Uses = 1 << 20 },
		"used":      func(t *tokens.Token) { t.Only.Uses, t.Used = 3, 2 },
		"used-up":   func(t *tokens.Token) { t.Only.Uses, t.Used, t.Spent = 1, 1, at(8) },
		"ceiling":   func(t *tokens.Token) { t.Ceiling = tokens.StorageRead | tokens.TokensAll },
		"unbounded": func(t *tokens.Token) { t.Ceiling = tokens.Everything },
		"request":   func(t *tokens.Token) { t.Request = tokens.HashOf("request") },
		"disabled":  func(t *tokens.Token) { t.Disabled = tokens.Mark{At: at(9), By: "hopper"} },
	}
	everything := *goldenBase()
	all := map[string]*tokens.Token{"everything": &everything}
	for name, set := range fields {
		one := goldenBase()
		set(one)
		all[name] = one
	}
	for _, name := range []string{
		"name", "tenants", "not-before", "roles", "addresses", "agents", "types", "tags", "size", "used-up", "ceiling", "request", "disabled",
	} {
		fields[name](&everything)
	}
	return all
}

func goldenBase() *tokens.Token {
	return &tokens.Token{
		ID: "0000000000000000000045", Hash: tokens.HashOf("limits"), API: tokens.Management,
		Owner: "ada", Creator: "root", Scope: tokens.Scope{Tenant: tokens.AnyTenant},
		Created: time.UnixMilli(1_900_000_000_001).UTC(), Revision: 3,
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
		got, err := Decode(records[name])
		if err != nil {
			t.Errorf("%s: decode = %v", name, err)
			continue
		}
		if !reflect.DeepEqual(*got, *tok) {
			t.Errorf("%s: decoded is %#v, want %#v", name, *got, *tok)
		}
		if again := Encode(tok); !bytes.Equal(again, records[name]) {
			t.Errorf("%s: encoded is\n%x, want\n%x", name, again, records[name])
		}
	}
}

func TestGoldenUsageIsWrittenAsEver(t *testing.T) {
	t.Parallel()
	if got := EncodeUsage(goldenUsage()); !bytes.Equal(got, golden(t, "testdata/usage-v1.txt")["used"]) {
		t.Errorf("a usage is written as %x", got)
	}
}
