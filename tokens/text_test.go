package tokens_test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"tollgate/tokens"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// prefixed is a value of the gateway's own form, from randomness that is
// always the same.
const prefixed = "tgt_" + "000aG0xZPmPkzZR2L0Sm1dQ7hqy" // and its checksum

func form(t *testing.T, w *world, f tokens.Form) string {
	t.Helper()
	got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA(), Form: f})
	isVerdict(t, err, nil)
	return got.Value.Reveal()
}

func TestFormsOfValues(t *testing.T) {
	for _, c := range []struct {
		form tokens.Form
		want string
	}{
		{"", `^[0-9a-f]{32}$`},
		{tokens.Hex, `^[0-9a-f]{32}$`},
		{tokens.Prefixed, `^tgt_[0-9A-Za-z]{33}$`},
		{tokens.UUID, `^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`},
		{tokens.AccessV1, `^access-v1:[0-9A-Za-z+/]{86}==$`},
	} {
		t.Run(string(c.form), func(t *testing.T) {
			w := usualWorld()
			syntax := regexp.MustCompile(c.want)
			for range 50 {
				value := form(t, w, c.form)
				if !syntax.MatchString(value) || tokens.IsID(value) || tokens.CheckText(value) != nil {
					t.Fatalf("got %q", value)
				}
				if who, err := w.Verify(t.Context(), tokens.Secret(value)); err != nil || who.User.Name != "ann" {
					t.Fatalf("%q: %v", value, err)
				}
			}
		})
	}
}

func TestTheConfiguredForm(t *testing.T) {
	w := usualWorld()
	config := tokens.Default()
	config.Format = tokens.Prefixed
	w.Configure(config)
	if value := form(t, w, ""); !strings.HasPrefix(value, tokens.PrefixToken) {
		t.Errorf("got %q", value)
	}
	if value := form(t, w, tokens.Hex); len(value) != 32 {
		t.Errorf("asked for hex: %q", value)
	}
	key, err := w.Issue(t.Context(), orderWithKey(w, "a secret key"))
	isVerdict(t, err, nil)
	if !strings.HasPrefix(key.Token.AccessKey, tokens.PrefixAccessKey) || tokens.CheckText(key.Token.AccessKey) != nil {
		t.Errorf("the access key is %q", key.Token.AccessKey)
	}
	_, _, err = w.Signer(t.Context(), key.Token.AccessKey)
	isVerdict(t, err, nil)
}

func TestAnUnknownFormMakesNoToken(t *testing.T) {
	w := usualWorld()
	got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA(), Form: "rot13"})
	if err == nil || got != (tokens.Issued{}) || len(w.store.puts) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAccessV1Layout(t *testing.T) {
	w := usualWorld()
	got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA(), Form: tokens.AccessV1})
	isVerdict(t, err, nil)
	text, ok := strings.CutPrefix(got.Value.Reveal(), "access-v1:")
	b, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(b) != 64 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	id := new(big.Int).SetUint64(binary.LittleEndian.Uint64(b[36:]))
	id.Lsh(id, 64).Or(id, new(big.Int).SetUint64(binary.LittleEndian.Uint64(b[44:])))
	if id.String() != string(got.Token.ID) {
		t.Errorf("the id inside is %s, want %s", id, got.Token.ID)
	}
	if version := binary.LittleEndian.Uint32(b[32:]); version != 1 {
		t.Errorf("version %d", version)
	}
	if at := binary.LittleEndian.Uint64(b[52:]); at != uint64(start().Unix()) {
		t.Errorf("made at %d", at)
	}
	if sum := binary.LittleEndian.Uint32(b[60:]); sum != crc32.ChecksumIEEE(b[:60]) {
		t.Errorf("checksum %x", sum)
	}
}

// withChecksum completes a prefixed value, by arithmetic of its own.
func withChecksum(body string) string {
	sum, digits := crc32.ChecksumIEEE([]byte(body)), ""
	for range 6 {
		digits = string(base62[sum%62]) + digits
		sum /= 62
	}
	return body + digits
}

func TestChecksumOfPrefixedValues(t *testing.T) {
	good := withChecksum(prefixed)
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"as it should be", good, nil},
		{"of an access key", withChecksum("tgk_" + prefixed[4:]), nil},
		{"with the other prefix", "tgk_" + good[4:], tokens.ErrChecksum},
		{"the prefix alone", "tgt_", tokens.ErrChecksum},
		{"one digit less", good[:36], tokens.ErrChecksum},
		{"one digit more", good + "0", tokens.ErrChecksum},
		{"one digit more, with its checksum", withChecksum(prefixed + "0"), tokens.ErrChecksum},
		{"one digit less, with its checksum", withChecksum(prefixed[:30]), tokens.ErrChecksum},
		{"without a checksum", prefixed, tokens.ErrChecksum},
		{"other capitals", strings.ToUpper(good), nil}, // TGT_ is no prefix
		{"no prefixed value", strings.Repeat("0", 32), nil},
		{"nothing", "", nil},
		{"a blank in front", " " + good, nil},
	} {
		t.Run(c.name, func(t *testing.T) { isVerdict(t, tokens.CheckText(c.value), c.want) })
	}
}

func TestChecksumDetectsSlips(t *testing.T) {
	w := usualWorld()
	for range 40 {
		good := form(t, w, tokens.Prefixed)
		for i := 4; i < len(good); i++ {
			for _, digit := range base62 {
				if changed := good[:i] + string(digit) + good[i+1:]; changed != good && tokens.CheckText(changed) == nil {
					t.Fatalf("%s passes for %s", changed, good)
				}
			}
			if i+1 < len(good) && good[i] != good[i+1] {
				if turned := good[:i] + good[i+1:i+2] + good[i:i+1] + good[i+2:]; tokens.CheckText(turned) == nil {
					t.Fatalf("%s passes for %s", turned, good)
				}
			}
		}
	}
}

// TestTheChecksumDetectsEveryTransposition proves for the one place that
// sampling does not, where the last random digit and the first of the checksum
// change places: the checksum would have to change by a multiple of 62^5 while
// its bits change as those of CRC-32 do for that difference.
func TestTheChecksumDetectsEveryTransposition(t *testing.T) {
	delta := func(a, b byte) int64 {
		return int64(crc32.ChecksumIEEE([]byte{a}) ^ crc32.ChecksumIEEE([]byte{b}))
	}
	const unit = 62 * 62 * 62 * 62 * 62
	for i, last := range []byte(base62[:5]) { // 2^32 has no more than 5 as its first digit
		for j, first := range []byte(base62[:5]) {
			if last == first {
				continue
			}
			bits, by := delta(last, first), int64(i-j)*unit
			gained := (bits + by) / 2 // the bits that were set, of those that changed
			if (bits+by)%2 == 0 && gained >= 0 && gained&^bits == 0 {
				t.Errorf("%c and %c can change places", last, first)
			}
		}
	}
}

func TestAWrongChecksumDoesNotReachTheStore(t *testing.T) {
	w := usualWorld()
	good := form(t, w, tokens.Prefixed)
	bad := tokens.Secret(good[:36] + map[bool]string{true: "1", false: "0"}[good[36] == '0'])
	key, err := w.Issue(t.Context(), orderWithKey(w, "a secret key"))
	isVerdict(t, err, nil)
	w.store.calls = 0
	_, err = w.Verify(t.Context(), bad)
	isVerdict(t, err, tokens.ErrChecksum)
	_, _, err = w.Signer(t.Context(), "tgk_"+key.Token.AccessKey)
	isVerdict(t, err, tokens.ErrChecksum)
	for _, verb := range []func() error{
		func() error { _, err := w.Show(t.Context(), via(w.as("ann")), bad); return err },
		func() error { _, err := w.Find(t.Context(), via(w.as("ann")), bad); return err },
		func() error { _, err := w.Revoke(t.Context(), via(w.as("ann")), bad, nil); return err },
		func() error { _, err := w.Change(t.Context(), via(w.as("ann")), bad, tokens.Change{}); return err },
	} {
		isVerdict(t, verb(), tokens.ErrUnknown)
	}
	if w.store.calls != 0 {
		t.Errorf("the store was asked %d times", w.store.calls)
	}
	_, err = w.Verify(t.Context(), tokens.Secret(good))
	isVerdict(t, err, nil)
}

func FuzzCheckText(f *testing.F) {
	for _, text := range []string{withChecksum(prefixed), prefixed, "tgk_", "", "tgt_\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ours := strings.HasPrefix(text, "tgt_") || strings.HasPrefix(text, "tgk_")
		complete := len(text) == 37 && withChecksum(text[:31]) == text
		if err := tokens.CheckText(text); (err == nil) != (!ours || complete) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
