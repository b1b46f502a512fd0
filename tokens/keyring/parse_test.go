package keyring_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"tollgate/tokens/keyring"
)

func TestParseAcceptsTheUsualForms(t *testing.T) {
	k := bytes.Clone(key(1))
	k[0], k[1], k[2] = 0xfb, 0xff, 0xfe // gives + and /, or - and _
	std, url := base64.StdEncoding.EncodeToString(k), base64.URLEncoding.EncodeToString(k)
	if !strings.ContainsAny(std, "+/") {
		t.Fatal("the key does not tell the alphabets apart")
	}
	sealed := seal(t, ring(t, std), "secret", "1")
	for name, text := range map[string]string{
		"standard":              std,
		"standard, no padding":  strings.TrimRight(std, "="),
		"URL":                   url,
		"URL, no padding":       strings.TrimRight(url, "="),
		"line end":              std + "\n",
		"line end of Windows":   std + "\r\n",
		"spaces round it":       "  \t" + std + " \n",
		"comment and blanks":    "# the key\n\n   \n\t# more\n" + std + "\n\n# end",
		"others behind it":      std + "\n" + line(2) + "\n" + line(3),
		"comment between":       std + "\n# old\n" + line(2),
		"Windows, two and more": std + "\r\n\r\n#\r\n" + line(2) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := ring(t, text)
			if got, err := r.Open(sealed, "1"); err != nil || got != "secret" || !r.Current(sealed) {
				t.Fatalf("got %q, %v", got.Reveal(), err)
			}
		})
	}
}

// brokenTexts holds what is no ring, and what the error must say.
func brokenTexts() map[string]struct{ text, says string } {
	enc := base64.StdEncoding.EncodeToString
	counting := make([]byte, 32)
	down := make([]byte, 32)
	for i := range counting {
		counting[i], down[i] = byte(i), byte(200-3*i)
	}
	spare := []byte(line(1)) // one of the bits that stand for nothing is set
	spare[42]++
	return map[string]struct{ text, says string }{
		"nothing":             {"", "none"},
		"blanks":              {" \n\n\t", "none"},
		"comments":            {"# key\n# " + line(1), "none"},
		"no base64":           {"n*t b@se64 at all", "line 1"},
		"a comment behind":    {line(1) + " # mine", "line 1"},
		"two on a line":       {line(1) + line(2), "line 1"},
		"both alphabets":      {"-+" + line(1)[2:], "line 1"},
		"too much padding":    {line(1) + "=", "line 1"},
		"spare bits":          {string(spare), "line 1"},
		"16 bytes":            {enc(key(1)[:16]), "16 bytes"},
		"31 bytes":            {enc(key(1)[:31]), "31 bytes"},
		"33 bytes":            {enc(append(key(1), 1)), "33 bytes"},
		"64 bytes":            {enc(append(key(1), key(2)...)), "64 bytes"},
		"hexadecimal":         {strings.Repeat("0123456789abcdef", 4), "48 bytes"},
		"the third line":      {"# keys\n" + line(1) + "\nbroken", "line 3"},
		"line after a blank":  {"\n\n\n" + enc(key(1)[:16]), "line 4"},
		"the same twice":      {line(1) + "\n" + line(2) + "\n" + line(1), "line 3"},
		"the same, less =":    {line(1) + "\n" + strings.TrimRight(line(1), "="), "line 2"},
		"all zeros":           {enc(make([]byte, 32)), "random"},
		"all ones":            {enc(bytes.Repeat([]byte{0xff}, 32)), "random"},
		"one letter":          {enc(bytes.Repeat([]byte("a"), 32)), "random"},
		"two letters":         {enc(bytes.Repeat([]byte("ab"), 16)), "random"},
		"a pattern of five":   {enc(bytes.Repeat([]byte("abcde"), 7)[:32]), "random"},
		"the half twice":      {enc(append(key(1)[:16:16], key(1)[:16]...)), "random"},
		"counting up":         {enc(counting), "random"},
		"counting down":       {enc(down), "random"},
		"a weak one behind":   {line(1) + "\n" + enc(make([]byte, 32)), "line 2"},
		"a file of something": {strings.Repeat("#\n", 70_000), "accepted are 131072"},
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range brokenTexts() {
		t.Run(name, func(t *testing.T) {
			r, err := keyring.Parse(c.text)
			if err == nil || r != nil {
				t.Fatal("it is a ring")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			expectNoLineOf(t, c.text, err)
		})
	}
}

// expectNoLineOf wants that an error quotes nothing of the text.
func expectNoLineOf(t *testing.T, text string, err error) {
	t.Helper()
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); len(l) > 6 && strings.Contains(err.Error(), l[:7]) {
			t.Errorf("%q quotes the key", err)
		}
	}
}

// FuzzParse: a ring that was accepted seals and opens, and no error quotes
// what was refused.
func FuzzParse(f *testing.F) {
	for _, c := range brokenTexts() {
		f.Add(c.text)
	}
	f.Add(line(1) + "\n" + line(2))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := keyring.Parse(text)
		if err != nil {
			if r != nil {
				t.Fatal("a ring and an error")
			}
			if quoted := strings.TrimSpace(text); len(quoted) > 40 && strings.Contains(err.Error(), quoted) {
				t.Fatalf("%q quotes the text", err)
			}
			return
		}
		s := seal(t, r, "secret", "1")
		if got, err := r.Open(s, "1"); err != nil || got != "secret" || !r.Current(s) {
			t.Fatalf("got %q, %v", got.Reveal(), err)
		}
		if _, err := keyring.Parse(text + "\n" + text); err == nil {
			t.Fatal("the same keys twice")
		}
	})
}
