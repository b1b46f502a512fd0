package accounts_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/crypto/argon2"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

const horse = "correct horse"

// Hashes of horse that other implementations made: argon2id by OpenSSL,
// bcrypt by libxcrypt, which is also behind htpasswd -B.
const (
	argonOpenSSL  = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$0AuQxA+RjPiJeA19Op7DwrFxnfh9xeTU2T6mFj2wThc"
	argonTwoLanes = "$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHQ$v/oANxYntZRHcygUjzyOPA"
	bcrypt2y      = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
	bcrypt2b      = "$2b$05$N9qo8uLOickgx2ZMRZoMyeySTQZHYTvN5Lzja/W0KswX.y7D.SAs6"
	bcrypt2a      = "$2a$04$N9qo8uLOickgx2ZMRZoMye7lwnnKjdKULIb0Soe6BjJXxCPR1R3dC"
	// of 72 times x
	bcrypt72x = "$2b$04$N9qo8uLOickgx2ZMRZoMyedlslr.Jty7xCSm4JGSxc8PDTmSzo582"
	// of 1,025 times x
	argon1025x = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$BYxkS13+1hmuD2VauQtX4A"
	// of pässwörd, with a salt of 20 and a sum of 64 bytes
	argonLong = "$argon2id$v=19$m=256,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZjAxMjM$" +
		"pLqTihP5IQwEqOZ8OJ+6hVXijHKii+SCPk5kmsC3IaFZELUbSkoXFsz3WSbS50xTC2uxsA6S3DUpOpvrTXXonw"
)

func TestVerifyHash(t *testing.T) {
	for _, c := range []struct {
		name     string
		hash     tokens.Secret
		password tokens.Secret
		want     error
	}{
		{"argon2id of OpenSSL matches", argonOpenSSL, horse, nil},
		{"argon2id with two lanes matches", argonTwoLanes, horse, nil},
		{"argon2id of UTF-8, long salt and sum matches", argonLong, "pässwörd", nil},
		{"argon2id of another password does not", argonOpenSSL, "wrong horse", accounts.ErrBadPassword},
		{"argon2id of a prefix does not", argonOpenSSL, "correct hors", accounts.ErrBadPassword},
		{"argon2id of the empty password does not", argonOpenSSL, "", accounts.ErrBadPassword},
		{"bcrypt 2y of htpasswd matches", bcrypt2y, horse, nil},
		{"bcrypt 2b matches", bcrypt2b, horse, nil},
		{"bcrypt 2a matches", bcrypt2a, horse, nil},
		{"bcrypt of another case does not", bcrypt2y, "Correct horse", accounts.ErrBadPassword},
		{"bcrypt of the empty password does not", bcrypt2y, "", accounts.ErrBadPassword},
		{"bcrypt of 72 bytes matches", bcrypt72x, tokens.Secret(strings.Repeat("x", 72)), nil},
		{"bcrypt of 73 bytes does not, though it begins so", bcrypt72x, tokens.Secret(strings.Repeat("x", 73)), accounts.ErrBadPassword},
		{"bcrypt of 71 bytes does not", bcrypt72x, tokens.Secret(strings.Repeat("x", 71)), accounts.ErrBadPassword},
		{"1025 bytes do not, though it is their hash", argon1025x, tokens.Secret(strings.Repeat("x", 1025)), accounts.ErrBadPassword},
		{"no hash is a bad hash", "", horse, accounts.ErrBadHash},
		{"the password itself is a bad hash", horse, horse, accounts.ErrBadHash},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := accounts.VerifyHash(c.hash, c.password); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

// refusedHashes holds what must never be taken for a hash, by the reason.
func refusedHashes() map[string]string {
	const salt, sum = "$AAECAwQFBgcICQoLDA0ODw", "$0AuQxA+RjPiJeA19Op7DwrFxnfh9xeTU2T6mFj2wThc"
	argon := func(parameters string) string { return "$argon2id$v=19$" + parameters + salt + sum }
	body := bcrypt2y[7:]
	return map[string]string{
		"plain text":                     "hunter2-in-the-clear",
		"plain text that is long":        strings.Repeat("hunter2", 9),
		"a space":                        " ",
		"MD5 crypt":                      "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
		"Apache's MD5":                   "$apr1$saltsalt$Jn2r6Gk3PsVgTm1OTCdL80",
		"SHA-1 of htpasswd -s":           "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
		"SHA-512 crypt":                  "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
		"yescrypt":                       "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
		"bcrypt 2x, the broken one":      "$2x$04$" + body,
		"bcrypt 2 without a letter":      "$2$04$" + body,
		"bcrypt of cost 3":               "$2y$03$" + body,
		"bcrypt of cost 0":               "$2y$00$" + body,
		"bcrypt of cost 15":              "$2y$15$" + body,
		"bcrypt of cost 31":              "$2y$31$" + body,
		"bcrypt of cost +4":              "$2y$+4$" + body,
		"bcrypt of a cost in letters":    "$2y$xx$" + body,
		"bcrypt without a cost":          "$2y$$" + body + "xx",
		"bcrypt cut short":               "$2y$04$" + body[:52],
		"bcrypt with something behind":   "$2y$04$" + body + "x",
		"bcrypt with a strange letter":   "$2y$04$" + body[:52] + "!",
		"bcrypt with a strange one amid": "$2y$04$" + body[:20] + "!" + body[21:],
		"bcrypt with a line end":         "$2y$04$" + body[:52] + "\n",
		"bcrypt with a strange divider":  "$2y$04." + body,
		"bcrypt prefix alone":            "$2y$",
		"argon2i":                        strings.Replace(argonOpenSSL, "argon2id", "argon2i", 1),
		"argon2d":                        strings.Replace(argonOpenSSL, "argon2id", "argon2d", 1),
		"argon2id of version 16":         strings.Replace(argonOpenSSL, "v=19", "v=16", 1),
		"argon2id without a version":     strings.Replace(argonOpenSSL, "$v=19", "", 1),
		"argon2id of no memory":          argon("m=0,t=2,p=1"),
		"argon2id of too little memory":  argon("m=7,t=2,p=1"),
		"argon2id of too little a lane":  argon("m=31,t=2,p=4"),
		"argon2id of too much memory":    argon("m=262145,t=2,p=1"),
		"argon2id of 2^32 memory":        argon("m=4294967296,t=2,p=1"),
		"argon2id of no passes":          argon("m=19456,t=0,p=1"),
		"argon2id of 11 passes":          argon("m=19456,t=11,p=1"),
		"argon2id of no lanes":           argon("m=19456,t=2,p=0"),
		"argon2id of 17 lanes":           argon("m=19456,t=2,p=17"),
		"argon2id of 257 lanes":          argon("m=19456,t=2,p=257"),
		"argon2id with a leading zero":   argon("m=019456,t=2,p=1"),
		"argon2id with a sign":           argon("m=+19456,t=2,p=1"),
		"argon2id with a negative":       argon("m=19456,t=-2,p=1"),
		"argon2id in another order":      argon("t=2,m=19456,p=1"),
		"argon2id with a key id":         argon("m=19456,t=2,p=1,keyid=Zm9v"),
		"argon2id less a parameter":      argon("m=19456,t=2"),
		"argon2id without parameters":    argon(""),
		"argon2id with a short salt":     "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbA" + sum,
		"argon2id with a long salt":      "$argon2id$v=19$m=64,t=1,p=1$" + strings.Repeat("AAAA", 22) + sum,
		"argon2id with a padded salt":    "$argon2id$v=19$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODw==" + sum,
		"argon2id with a sum of 12":      "$argon2id$v=19$m=64,t=1,p=1" + salt + "$AAAAAAAAAAAAAAAA",
		"argon2id with a sum of 66":      "$argon2id$v=19$m=64,t=1,p=1" + salt + "$" + strings.Repeat("AAAA", 22),
		"argon2id with a line end":       argonOpenSSL[:len(argonOpenSSL)-3] + "\nThc",
		"argon2id with a part more":      argonOpenSSL + "$",
		"argon2id with spare bits set":   argonOpenSSL[:len(argonOpenSSL)-1] + "d",
		"argon2id prefix alone":          "$argon2id$",
	}
}

func TestRefusedHashes(t *testing.T) {
	for name, hash := range refusedHashes() {
		t.Run(name, func(t *testing.T) {
			err := accounts.VerifyHash(tokens.Secret(hash), horse)
			if !errors.Is(err, accounts.ErrBadHash) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), "tollgate user hash-password") {
				t.Errorf("%q does not say how to make one", err)
			}
			if len(hash) > 12 && strings.Contains(err.Error(), hash) {
				t.Errorf("%q quotes the hash", err)
			}
		})
	}
}

func TestLargestAcceptedHashes(t *testing.T) {
	const salt, sum = "$AAECAwQFBgcICQoLDA0ODw", "$0AuQxA+RjPiJeA19Op7DwrFxnfh9xeTU2T6mFj2wThc"
	for _, hash := range []tokens.Secret{
		tokens.Secret("$2y$14$" + bcrypt2y[7:]),
		"$argon2id$v=19$m=262144,t=10,p=16" + salt + sum,
		"$argon2id$v=19$m=128,t=1,p=16" + salt + sum,
		tokens.Secret("$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 86) + "$" + strings.Repeat("A", 86)),
	} {
		cfg := accounts.Config{Users: []accounts.UserConfig{{Name: "john", PasswordHash: hash}}}
		cfg.Validate(func(path, message string) { t.Errorf("%s: %s: %s", hash.Reveal(), path, message) })
	}
}

func TestHashPassword(t *testing.T) {
	hash, err := accounts.HashPassword(horse, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	if !form.MatchString(hash.Reveal()) {
		t.Fatalf("%s has another form", hash.Reveal())
	}
	if err := accounts.VerifyHash(hash, horse); err != nil {
		t.Fatal(err)
	}
	if again, err := accounts.HashPassword(horse, rand.Reader); err != nil || again == hash {
		t.Fatalf("two hashes of one password are equal, or %v", err)
	}
	if printed := fmt.Sprintf("%v %+v %q %x", hash, hash, hash, hash); strings.Contains(printed, "argon2id") {
		t.Fatalf("the hash prints as %s", printed)
	}
}

func TestHashPasswordIsTheKnownOneForAKnownSalt(t *testing.T) {
	salt := make([]byte, 16)
	for i := range salt {
		salt[i] = byte(i)
	}
	hash, err := accounts.HashPassword(horse, bytes.NewReader(salt))
	if err != nil || hash.Reveal() != argonOpenSSL {
		t.Fatalf("got %s, %v", hash.Reveal(), err)
	}
}

func TestHashPasswordRefuses(t *testing.T) {
	if _, err := accounts.HashPassword("", rand.Reader); err == nil {
		t.Error("the empty password was hashed")
	}
	if _, err := accounts.HashPassword(tokens.Secret(strings.Repeat("x", 1025)), rand.Reader); err == nil {
		t.Error("1,025 bytes were hashed")
	}
	broken := errors.New("no entropy")
	if _, err := accounts.HashPassword(horse, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a broken source gives %v", err)
	}
	if _, err := accounts.HashPassword(horse, bytes.NewReader(make([]byte, 15))); err == nil {
		t.Error("a short source gave a salt")
	}
}

func TestGeneratePassword(t *testing.T) {
	form := regexp.MustCompile(`^[a-km-np-z2-9]{24}$`)
	seen := make(map[tokens.Secret]bool)
	used := make(map[rune]bool)
	for range 200 {
		p := accounts.GeneratePassword(rand.Reader)
		if !form.MatchString(p.Reveal()) {
			t.Fatalf("%q needs quoting or is easily misread", p.Reveal())
		}
		if seen[p] {
			t.Fatal("the same password twice")
		}
		seen[p] = true
		for _, c := range p.Reveal() {
			used[c] = true
		}
	}
	// 24 letters out of 32 that are all used: 120 bits.
	if len(used) != 32 {
		t.Fatalf("%d letters are used, want 32", len(used))
	}
}

func TestGeneratePasswordPanicsWithoutRandomness(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("a password was made of nothing")
		}
	}()
	accounts.GeneratePassword(bytes.NewReader(make([]byte, 23)))
}

// FuzzPasswordHash: whatever is accepted as a hash stays within the bounds,
// and no message quotes what was refused.
func FuzzPasswordHash(f *testing.F) {
	for _, h := range []string{argonOpenSSL, argonTwoLanes, argonLong, bcrypt2a, bcrypt2b, bcrypt2y} {
		f.Add(h)
	}
	for _, h := range refusedHashes() {
		f.Add(h)
	}
	bcryptForm := regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$`)
	argonForm := regexp.MustCompile(`^\$argon2id\$v=19\$m=([1-9][0-9]{0,5}),t=([1-9]|10),p=([1-9]|1[0-6])\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$`)
	f.Fuzz(func(t *testing.T, hash string) {
		var said []string
		cfg := accounts.Config{Users: []accounts.UserConfig{{Name: "j", PasswordHash: tokens.Secret(hash)}}}
		cfg.Validate(func(_, message string) { said = append(said, message) })
		if len(said) == 0 {
			if hash != "" && !bcryptForm.MatchString(hash) && !argonForm.MatchString(hash) {
				t.Fatalf("%q is accepted", hash)
			}
			return
		}
		// Two hashes that differ in what is wrong with them apart give the
		// same sentence: nothing of the hash is in it.
		fixed := regexp.MustCompile(`^bad password hash: [^"]+; accepted are bcrypt`)
		if !fixed.MatchString(said[0]) || len(hash) > 24 && strings.Contains(said[0], hash) {
			t.Fatalf("%q is refused with %q", hash, said[0])
		}
	})
}

func TestArgonLibraryAgreesWithTheVersionInTheHash(t *testing.T) {
	if argon2.Version != 19 {
		t.Fatalf("the library makes version %d, hashes of version 19 would be refused", argon2.Version)
	}
}
