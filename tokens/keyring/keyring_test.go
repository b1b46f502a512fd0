package keyring_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/keyring"
)

// key returns a key that differs for each n and is the same on every run.
func key(n byte) []byte {
	k := make([]byte, keyring.KeySize)
	for i := range k {
		k[i] = n + byte(i*i*7+i>>2)
	}
	return k
}

func line(n byte) string { return base64.StdEncoding.EncodeToString(key(n)) }

func ring(tb testing.TB, lines ...string) *keyring.Ring {
	tb.Helper()
	r, err := keyring.Parse(strings.Join(lines, "\n"))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func seal(tb testing.TB, r *keyring.Ring, plain tokens.Secret, id string) tokens.Sealed {
	tb.Helper()
	s, err := r.Seal(plain, id)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSealedOpensForItsRecord(t *testing.T) {
	r := ring(t, line(1))
	for _, plain := range []tokens.Secret{"", "x", "a secret key of S3", tokens.Secret(strings.Repeat("ü\x00", 5000))} {
		s := seal(t, r, plain, "1234")
		if got, err := r.Open(s, "1234"); err != nil || got != plain {
			t.Fatalf("%d bytes came back as %d, %v", len(plain), len(got), err)
		}
		if len(plain) > 1 && bytes.Contains(s, []byte(plain)) {
			t.Fatal("the secret can be read in what was sealed")
		}
	}
}

// The form at rest is a promise to later versions. It was made with another
// implementation (Python's cryptography): version 1, key id, nonce,
// ciphertext and tag, with version, key id and record id bound.
func TestSealedByAnotherImplementationOpens(t *testing.T) {
	sealed, err := hex.DecodeString(knownSealed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ring(t, line(9), line(1)).Open(sealed, "1234567890123456789012")
	if err != nil || got != "a secret key of S3" {
		t.Fatalf("got %q, %v", got.Reveal(), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	r := ring(t, line(1), line(2))
	good := seal(t, r, "secret", "1234")
	changed := func(at int) tokens.Sealed {
		s := bytes.Clone(good)
		s[at] ^= 1
		return s
	}
	otherID := bytes.Clone(good) // the id of a key that is in the ring and did not seal it
	copy(otherID[1:9], seal(t, ring(t, line(2)), "", "1234")[1:9])
	for name, c := range map[string]struct {
		sealed tokens.Sealed
		id     string
		want   error
	}{
		"another record":           {good, "1235", keyring.ErrCorrupt},
		"a record of a prefix":     {good, "123", keyring.ErrCorrupt},
		"no record":                {good, "", keyring.ErrCorrupt},
		"nothing":                  {nil, "1234", keyring.ErrCorrupt},
		"another version":          {changed(0), "1234", keyring.ErrCorrupt},
		"an unknown key":           {changed(1), "1234", keyring.ErrNoKey},
		"an unknown key, last bit": {changed(8), "1234", keyring.ErrNoKey},
		"another key of the ring":  {otherID, "1234", keyring.ErrCorrupt},
		"another nonce":            {changed(9), "1234", keyring.ErrCorrupt},
		"another text":             {changed(21), "1234", keyring.ErrCorrupt},
		"another tag":              {changed(len(good) - 1), "1234", keyring.ErrCorrupt},
		"something behind":         {append(bytes.Clone(good), 0), "1234", keyring.ErrCorrupt},
		"plain text":               {tokens.Sealed("a secret that was never sealed, of some length"), "1234", keyring.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.Open(c.sealed, c.id)
			if !errors.Is(err, c.want) || got != "" {
				t.Fatalf("got %q, %v, want %v", got.Reveal(), err, c.want)
			}
		})
	}
	for n := range good {
		if _, err := r.Open(good[:n], "1234"); !errors.Is(err, keyring.ErrCorrupt) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
	for at := range good {
		for bit := range 8 {
			s := bytes.Clone(good)
			s[at] ^= 1 << bit
			if _, err := r.Open(s, "1234"); err == nil {
				t.Errorf("bit %d of byte %d does not count", bit, at)
			}
		}
	}
}

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	old := ring(t, line(1))
	sealedOld := seal(t, old, "secret", "1")
	turned := ring(t, line(2), line(1))
	if got, err := turned.Open(sealedOld, "1"); err != nil || got != "secret" {
		t.Fatalf("the old key does not open: %v", err)
	}
	if turned.Current(sealedOld) || !old.Current(sealedOld) {
		t.Error("current is not the newest key's alone")
	}
	sealedNew := seal(t, turned, "secret", "1")
	if !turned.Current(sealedNew) {
		t.Error("what was just sealed is not current")
	}
	if _, err := old.Open(sealedNew, "1"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("a ring without the new key: %v", err)
	}
	if got, err := ring(t, line(3), line(1), line(2)).Open(sealedNew, "1"); err != nil || got != "secret" {
		t.Errorf("another order: %v", err)
	}
}

func TestCurrentOfWhatWasNeverSealed(t *testing.T) {
	r := ring(t, line(1))
	s := seal(t, r, "", "1")
	for name, sealed := range map[string]tokens.Sealed{
		"nothing": nil, "cut short": s[:len(s)-1], "another version": append(tokens.Sealed{2}, s[1:]...), "plain text": tokens.Sealed(strings.Repeat("x", 60)),
	} {
		if r.Current(sealed) {
			t.Errorf("%s is current", name)
		}
	}
}

func TestSealingTwiceGivesTwoTexts(t *testing.T) {
	r := ring(t, line(1))
	seen := make(map[string]bool)
	for range 500 {
		s := seal(t, r, "secret", "1")
		nonce := string(s[9:21])
		if seen[nonce] {
			t.Fatal("a nonce was used twice")
		}
		seen[nonce] = true
	}
}

func TestSealNeedsARecord(t *testing.T) {
	if s, err := ring(t, line(1)).Seal("secret", ""); err == nil || s != nil {
		t.Fatal("it was sealed for no record")
	}
}

func TestZeroRingRefuses(t *testing.T) {
	var r keyring.Ring
	if _, err := r.Seal("secret", "1"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("seal: %v", err)
	}
	s := seal(t, ring(t, line(1)), "secret", "1")
	if _, err := r.Open(s, "1"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("open: %v", err)
	}
	copy(s[1:9], make([]byte, 8)) // the zero key id
	if r.Current(s) {
		t.Error("current")
	}
	if _, err := r.Open(s, "1"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("open: %v", err)
	}
}

func TestRingPrintsNoKey(t *testing.T) {
	r := ring(t, line(1))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, r); got != "***" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestRingIsSafeForConcurrentUse(t *testing.T) {
	r := ring(t, line(1))
	done := make(chan error)
	for i := range 8 {
		go func() {
			id := fmt.Sprint("record", i)
			for range 100 {
				s, err := r.Seal("secret", id)
				if err == nil {
					_, err = r.Open(s, id)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzOpen: nothing opens but what Seal made, and that opens for its record
// alone.
func FuzzOpen(f *testing.F) {
	r := ring(f, line(1), line(2))
	f.Add([]byte(seal(f, r, "secret", "1234")), "1234", "secret")
	f.Add([]byte{}, "", "")
	f.Add(bytes.Repeat([]byte{1}, 40), "1", "x")
	f.Fuzz(func(t *testing.T, sealed []byte, id, plain string) {
		if got, err := r.Open(sealed, id); err == nil {
			// Only the seed was ever sealed.
			if got != "secret" || id != "1234" {
				t.Fatalf("%x opens as %q", sealed, got.Reveal())
			}
		} else if got != "" || !errors.Is(err, keyring.ErrCorrupt) && !errors.Is(err, keyring.ErrNoKey) {
			t.Fatalf("got %q, %v", got.Reveal(), err)
		}
		r.Current(sealed)
		if id == "" {
			return
		}
		s := seal(t, r, tokens.Secret(plain), id)
		if got, err := r.Open(s, id); err != nil || got.Reveal() != plain {
			t.Fatalf("%q came back as %q, %v", plain, got.Reveal(), err)
		}
		if _, err := r.Open(s, id+"x"); !errors.Is(err, keyring.ErrCorrupt) {
			t.Fatalf("another record: %v", err)
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	r := ring(b, line(1))
	b.ReportAllocs()
	for b.Loop() {
		s, err := r.Seal("a secret key of S3 with 40 characters...", "1234567890123456789012")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Open(s, "1234567890123456789012"); err != nil {
			b.Fatal(err)
		}
	}
}

const knownSealed = "01bcb14ff1e4078d766465666768696a6b6c6d6e6fc0821269596b6d2890c3ef48bc1e24ef84a5fba9857d271bb4a812413bbf4379c2cc"
