package badgerstore

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"tollgate/tokens"
)

// goldenToken is the one whose keys testdata/keys-v2.txt holds.
func goldenToken() *tokens.Token {
	return &tokens.Token{
		ID: "0000000000000000000042", Hash: tokens.HashOf("golden"), API: tokens.AccessTokens,
		Owner: "ada", Creator: "grace", Scope: tokens.Scope{Tenant: "acme", Domain: "files.acme.example"},
		Created: time.UnixMilli(1_900_000_000_001).UTC(), Expires: time.UnixMilli(1_900_000_060_002).UTC(),
		Revoked: tokens.Mark{At: time.UnixMilli(1_900_000_030_003).UTC(), By: "root"},
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

func TestGoldenKeysAreAsEver(t *testing.T) {
	t.Parallel()
	tok, live, spent := goldenToken(), goldenToken(), goldenToken()
	live.ID, live.Hash, live.API, live.Scope.Domain = "0000000000000000000043", tokens.HashOf("endless"), tokens.ContentGateway, ""
	live.Expires, live.Revoked = time.Time{}, tokens.Mark{}
	spent.ID, spent.Hash, spent.API, spent.Owner = "0000000000000000000045", tokens.HashOf("limits"), tokens.Management, "ada"
	spent.Scope = tokens.Scope{Tenant: tokens.AnyTenant}
	spent.Revoked, spent.Expires, spent.Spent = tokens.Mark{}, time.Time{}, time.UnixMilli(1_900_000_000_008).UTC()
	got := map[string][]byte{
		"record": recordKey(tok.Hash), "id": idKey(tok.ID), "user": userKey("ada"),
		"owner": listKeys(tok)[0], "tenant": listKeys(tok)[1], "end": listKeys(tok)[2], "entry": entryOf(tok),
		"never": listKeys(live)[2], "live-entry": entryOf(live),
		"used-up-entry": entryOf(spent),
		"name":          nameKey("ada", "grüße"), "usage": usageKey(tok.ID),
	}
	want := golden(t, "testdata/keys-v2.txt")
	if len(got) != len(want) {
		t.Errorf("%d golden keys and values, want %d", len(want), len(got))
	}
	for name, key := range got {
		if !bytes.Equal(key, want[name]) {
			t.Errorf("%s %x, want %x", name, key, want[name])
		}
	}
}
