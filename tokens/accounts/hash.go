package accounts

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"tollgate/tokens"
)

var (
	// ErrBadPassword says: the user may not come in by this password. It does not
	// say whether there is such a user.
	ErrBadPassword = errors.New("user or password is wrong")
	// ErrBadHash says: a password hash is in no form that is accepted.
	ErrBadHash = errors.New("bad password hash")
)

// The parameters of HashPassword, the first choice of the OWASP password
// storage cheat sheet for one lane:
// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
const (
	hashMemory  = 19456 // KiB
	hashPasses  = 2
	hashLanes   = 1
	saltLength  = 16
	hashLength  = 32
	maxPassword = 1024
	// maxBcrypt: bcrypt does not see what stands behind 72 bytes.
	maxBcrypt = 72
)

// Bounds on what a hash may ask for, since every failed log-in costs it.
const (
	minCost, maxCost     = 4, 14
	maxMemory            = 256 << 10 // KiB
	maxPasses            = 10
	maxLanes             = 16
	minSalt, maxSalt     = 8, 64
	minLength, maxLength = 16, 64
)

// passwordHash is a hash that was parsed. The zero value is none. It is
// comparable: hashes without their salt and sum are equal if they cost the
// same.
type passwordHash struct {
	bcrypt string // the whole text, or empty = argon2id
	cost   int

	memory, passes uint32
	lanes          uint8
	salt, sum      string
}

func (h passwordHash) usable() bool { return h != passwordHash{} }

// defaultHash is as hard as what HashPassword makes, and matches nothing.
func defaultHash() passwordHash {
	return passwordHash{
		memory: hashMemory, passes: hashPasses, lanes: hashLanes,
		salt: strings.Repeat("\x00", saltLength), sum: strings.Repeat("\x00", hashLength),
	}
}

// difficulty returns a hash that costs as much to check as h.
func (h passwordHash) difficulty() passwordHash {
	if h.bcrypt != "" {
		h.bcrypt = fmt.Sprintf("$2b$%02d$%s", h.cost, strings.Repeat(".", 53))
		return h
	}
	h.salt = strings.Repeat("\x00", len(h.salt))
	h.sum = strings.Repeat("\x00", len(h.sum))
	return h
}

// matches does the whole work of a check, whatever comes out of it.
func (h passwordHash) matches(password string) bool {
	if h.bcrypt != "" {
		// The library cuts in silence, so that any longer password with the
		// same beginning would match.
		seen := password[:min(len(password), maxBcrypt)]
		err := bcrypt.CompareHashAndPassword([]byte(h.bcrypt), []byte(seen))
		return err == nil && len(password) <= maxBcrypt
	}
	sum := argon2.IDKey([]byte(password), []byte(h.salt), h.passes, h.memory, h.lanes, uint32(len(h.sum))) //nolint:gosec // parseHash bounds the length
	return subtle.ConstantTimeCompare(sum, []byte(h.sum)) == 1
}

// HashPassword returns the argon2id hash of a password in PHC form, salted
// from random. The empty password and one of more than 1,024 bytes are errors.
func HashPassword(password tokens.Secret, random io.Reader) (tokens.Secret, error) {
	if password == "" {
		return "", errors.New("hash password: it is empty")
	}
	if len(password) > maxPassword {
		return "", fmt.Errorf("hash password: it has %d bytes, accepted are %d", len(password), maxPassword)
	}
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("hash password: make salt: %w", err)
	}
	sum := argon2.IDKey([]byte(password.Reveal()), salt, hashPasses, hashMemory, hashLanes, hashLength)
	enc := base64.RawStdEncoding
	return tokens.Secret(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, hashMemory, hashPasses, hashLanes, enc.EncodeToString(salt), enc.EncodeToString(sum))), nil
}

// VerifyHash compares a password with a hash, in constant time. It returns
// nil, ErrBadPassword or ErrBadHash. Nothing bounds how many run at once: on
// the road use a Gate.
func VerifyHash(hash, password tokens.Secret) error {
	h, err := parseHash(hash.Reveal())
	if err != nil {
		return err
	}
	if len(password) > maxPassword || !h.matches(password.Reveal()) {
		return ErrBadPassword
	}
	return nil
}

// passwordAlphabet has 32 letters and digits, none of which is easily read as
// another and none of which a shell or a URL needs quoted.
const passwordAlphabet = "abcdefghijkmnpqrstuvwxyz23456789"

// GeneratePassword returns a password of 24 letters and digits, 120 random
// bits. It panics when random fails, as crypto/rand itself does.
func GeneratePassword(random io.Reader) tokens.Secret {
	raw := make([]byte, 24)
	if _, err := io.ReadFull(random, raw); err != nil {
		panic(fmt.Errorf("generate password: %w", err))
	}
	for i, b := range raw {
		raw[i] = passwordAlphabet[b%byte(len(passwordAlphabet))]
	}
	return tokens.Secret(raw)
}

// badHash never quotes the hash: it may be somebody's plain password.
func badHash(what string) error {
	return fmt.Errorf("%w: %s; accepted are bcrypt ($2a$, $2b$, $2y$) and argon2id ($argon2id$v=19$…), "+
		"make one with `tollgate user hash-password`", ErrBadHash, what)
}

// parseHash reads a bcrypt hash or an argon2id hash in PHC form:
// https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
func parseHash(text string) (passwordHash, error) {
	switch {
	case strings.HasPrefix(text, "$2a$"), strings.HasPrefix(text, "$2b$"), strings.HasPrefix(text, "$2y$"):
		return parseBcrypt(text)
	case strings.HasPrefix(text, "$argon2id$"):
		return parseArgon(text)
	default:
		return passwordHash{}, badHash("it is in no form that is accepted")
	}
}

func parseBcrypt(text string) (passwordHash, error) {
	const length = 60
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if len(text) != length || text[6] != '$' || strings.Trim(text[7:], alphabet) != "" {
		return passwordHash{}, badHash("it begins like bcrypt and does not go on so")
	}
	cost, err := number(strings.TrimPrefix(text[4:6], "0"), maxCost)
	if err != nil || cost < minCost {
		return passwordHash{}, badHash(fmt.Sprintf("its bcrypt cost is not within %d to %d", minCost, maxCost))
	}
	return passwordHash{bcrypt: text, cost: int(cost)}, nil
}

func parseArgon(text string) (passwordHash, error) {
	parts := strings.Split(text, "$") // "", argon2id, version, parameters, salt, sum
	if len(parts) != 6 || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return passwordHash{}, badHash("it begins like argon2id and does not go on so")
	}
	var h passwordHash
	if err := h.parameters(parts[3]); err != nil {
		return passwordHash{}, err
	}
	var ok bool
	if h.salt, ok = phcBytes(parts[4], minSalt, maxSalt); !ok {
		return passwordHash{}, badHash(fmt.Sprintf("its salt is not base64 of %d to %d bytes", minSalt, maxSalt))
	}
	if h.sum, ok = phcBytes(parts[5], minLength, maxLength); !ok {
		return passwordHash{}, badHash(fmt.Sprintf("its last part is not base64 of %d to %d bytes", minLength, maxLength))
	}
	return h, nil
}

// parameters reads m=19456,t=2,p=1, in that order.
func (h *passwordHash) parameters(text string) error {
	memory, rest, ok := strings.Cut(text, ",")
	passes, lanes, ok2 := strings.Cut(rest, ",")
	m, err := parameter(memory, "m=", maxMemory)
	t, err2 := parameter(passes, "t=", maxPasses)
	p, err3 := parameter(lanes, "p=", maxLanes)
	if !ok || !ok2 || errors.Join(err, err2, err3) != nil || m < 8*p {
		return badHash(fmt.Sprintf("its parameters are not m,t,p with m at least 8 for each p and at most %d, t at most %d and p at most %d",
			maxMemory, maxPasses, maxLanes))
	}
	h.memory, h.passes, h.lanes = m, t, uint8(p) //nolint:gosec // p is at most maxLanes
	return nil
}

func parameter(text, name string, most uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(text, name)
	if !ok {
		return 0, strconv.ErrSyntax
	}
	return number(digits, most)
}

// number reads a decimal number from 1 on, without sign or leading zeros.
func number(digits string, most uint32) (uint32, error) {
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0, err
	}
	if n == 0 || n > uint64(most) || digits[0] < '1' || digits[0] > '9' {
		return 0, strconv.ErrRange
	}
	return uint32(n), nil
}

// phcBytes decodes base64 without padding.
func phcBytes(text string, least, most int) (string, bool) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return "", false
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < least || len(b) > most {
		return "", false
	}
	return string(b), true
}
