package badgerstore

import (
	"errors"
	"testing"

	"tollgate/tokens"
)

func TestIndexEntriesAreReadAsWrittenOrRefused(t *testing.T) {
	t.Parallel()
	for name, tok := range map[string]*tokens.Token{"revoked": goldenToken(), "least": {ID: "1", Hash: tokens.HashOf("least")}} {
		data := entryOf(tok)
		e, err := parseEntry(data)
		want := entry{tok.Hash, closingOf(tok), tok.Owner, tok.Scope.Tenant, tok.Scope.Domain, string(tok.API)}
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
		data[len(tok.Hash)] = byte(closings)
		if _, err := parseEntry(data); !errors.Is(err, errIndex) {
			t.Errorf("%s with an unknown flag: %v, want errIndex", name, err)
		}
		if at, err := positionOf(listKeys(tok)[2], endPrefix()); err != nil || at != (position{endOf(tok), tok.ID}) {
			t.Errorf("%s: place is %+v, %v", name, at, err)
		}
	}
}

func TestDamagedPlacesAreRefused(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "e", "e1234567", "e12345678"} {
		if at, err := positionOf([]byte(key), endPrefix()); !errors.Is(err, errIndex) {
			t.Errorf("place %q: %+v, %v, want errIndex", key, at, err)
		}
	}
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
