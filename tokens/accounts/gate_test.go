package accounts

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"tollgate/tokens"
)

const (
	right = tokens.Secret("correct horse")
	wrong = tokens.Secret("wrong horse")
	// hashes of right, made by libxcrypt and OpenSSL
	hashCost4 = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
	hashCost5 = "$2b$05$N9qo8uLOickgx2ZMRZoMyeySTQZHYTvN5Lzja/W0KswX.y7D.SAs6"
	hashArgon = "$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHQ$v/oANxYntZRHcygUjzyOPA"
)

// peopleWith returns a directory where john has the hash.
func peopleWith(hash tokens.Secret) *Directory {
	return NewDirectory(Config{Users: []UserConfig{
		{Name: "john", PasswordHash: hash},
		{Name: "robot", PasswordHash: hash, ServiceAccount: true},
		{Name: "hashless"},
		{Name: "broken", PasswordHash: "no hash"},
	}}, nil, nil)
}

// work is one call of a gate's compute.
type work struct {
	hash     passwordHash
	password string
}

// watch makes the gate note the work that it does, and returns the notes.
func watch(g *Gate) func() []work {
	var mu sync.Mutex // guards all
	var all []work
	inner := g.compute
	g.compute = func(h passwordHash, password string) bool {
		mu.Lock()
		all = append(all, work{h, password})
		mu.Unlock()
		return inner(h, password)
	}
	return func() []work {
		mu.Lock()
		defer mu.Unlock()
		noted := all
		all = nil
		return noted
	}
}

// clock is a time that stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time        { return time.Unix(1_800_000_000, c.nanos.Load()) }
func (c *clock) move(d time.Duration)  { c.nanos.Add(int64(d)) }
func newGate(l Limits) (*Gate, *clock) { c := &clock{}; return NewGate(c.now, rand.Reader, l), c }
func secretOf(n int) tokens.Secret     { return tokens.Secret(strings.Repeat("x", n)) }
func isBad(err error) bool             { return errors.Is(err, ErrBadPassword) }
func checks(g *Gate) func(string, *Directory, tokens.Secret) error {
	return func(name string, d *Directory, p tokens.Secret) error {
		a, err := g.Check(context.Background(), d, name, p)
		if (err == nil) == (a == nil) || a != nil && a.Name != name {
			return fmt.Errorf("account %v with error %w", a, err)
		}
		return err
	}
}

func TestCheckVerdicts(t *testing.T) {
	for _, hash := range []tokens.Secret{hashCost4, hashArgon} {
		g, _ := newGate(Limits{})
		check, d := checks(g), peopleWith(hash)
		for range 2 { // from the hash, then from memory
			if err := check("john", d, right); err != nil {
				t.Errorf("right password: %v", err)
			}
			for name, err := range map[string]error{
				"wrong password":     check("john", d, wrong),
				"empty password":     check("john", d, ""),
				"unknown user":       check("nobody", d, right),
				"nameless user":      check("", d, right),
				"other case":         check("John", d, right),
				"name with NUL":      check("john\x00", d, right),
				"service account":    check("robot", d, right),
				"user without hash":  check("hashless", d, right),
				"hash that is none":  check("broken", d, "no hash"),
				"1025 bytes":         check("john", d, secretOf(1025)),
				"empty directory":    check("john", NewDirectory(Config{}, nil, nil), right),
				"zero directory":     check("john", &Directory{}, right),
				"password of dashes": check("nobody", d, "\x00"),
			} {
				if !isBad(err) || err.Error() != ErrBadPassword.Error() {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func TestGateAcceptsWhatHashPasswordMakes(t *testing.T) {
	hash, err := HashPassword(right, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := newGate(Limits{})
	if err := checks(g)("john", peopleWith(hash), right); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRefusalCostsTheSameWork(t *testing.T) {
	for _, hash := range []tokens.Secret{hashCost4, hashCost5, hashArgon} {
		g, _ := newGate(Limits{})
		notes, check, d := watch(g), checks(g), peopleWith(hash)
		parsed, err := parseHash(hash.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"john", "nobody", "robot", "hashless", "broken", "", "john\x00"} {
			if err := check(name, d, wrong); !isBad(err) {
				t.Fatalf("%q: %v", name, err)
			}
			did := notes()
			if len(did) != 1 || did[0].hash.difficulty() != parsed.difficulty() || did[0].password != wrong.Reveal() {
				t.Errorf("%q costs %+v", name, did)
			}
		}
	}
}

func TestDummyHasTheMostCommonDifficulty(t *testing.T) {
	user := func(name string, hash tokens.Secret) UserConfig { return UserConfig{Name: name, PasswordHash: hash} }
	for name, c := range map[string]struct {
		users []UserConfig
		like  tokens.Secret
	}{
		"bcrypt of most":         {[]UserConfig{user("a", hashArgon), user("b", hashCost5), user("c", hashCost5)}, hashCost5},
		"argon2id of most":       {[]UserConfig{user("a", hashCost4), user("b", hashArgon), user("c", hashArgon)}, hashArgon},
		"the first of two":       {[]UserConfig{user("a", hashCost5), user("b", hashCost4)}, hashCost5},
		"of one user":            {[]UserConfig{user("a", hashCost4)}, hashCost4},
		"none that cannot enter": {[]UserConfig{user("a", "x"), user("b", ""), {Name: "c", PasswordHash: hashCost4, ServiceAccount: true}}, ""},
		"none at all":            {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := NewDirectory(Config{Users: c.users}, nil, nil).stranger()
			want := defaultHash()
			if c.like != "" {
				h, err := parseHash(c.like.Reveal())
				if err != nil {
					t.Fatal(err)
				}
				want = h.difficulty()
			}
			if got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			if got.bcrypt != "" {
				if cost, err := bcrypt.Cost([]byte(got.bcrypt)); err != nil || cost != got.cost {
					t.Fatalf("the library sees cost %d, %v", cost, err)
				}
			}
		})
	}
	if d := defaultHash(); d.memory != 19456 || d.passes != 2 || d.lanes != 1 || len(d.salt) != 16 || len(d.sum) != 32 {
		t.Fatalf("default is %+v", d)
	}
}

func TestNobodyComesInByTheDummy(t *testing.T) {
	g, _ := newGate(Limits{})
	g.compute = func(passwordHash, string) bool { return true }
	check, d := checks(g), peopleWith(hashCost4)
	for range 2 {
		for _, name := range []string{"nobody", "robot", "hashless", "broken", ""} {
			if err := check(name, d, right); !isBad(err) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if s := g.Stats(); s.Remembered != 0 {
		t.Errorf("it was remembered: %+v", s)
	}
}

func TestLongBcryptPasswordIsRefusedAfterTheWork(t *testing.T) {
	g, _ := newGate(Limits{})
	notes, check := watch(g), checks(g)
	d := peopleWith("$2b$04$N9qo8uLOickgx2ZMRZoMyedlslr.Jty7xCSm4JGSxc8PDTmSzo582") // of 72 times x
	if err := check("john", d, secretOf(72)); err != nil {
		t.Fatal(err)
	}
	notes()
	for _, n := range []int{73, 1024} {
		if err := check("john", d, secretOf(n)); !isBad(err) || len(notes()) != 1 {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if err := check("john", d, secretOf(1025)); !isBad(err) || len(notes()) != 0 {
		t.Fatalf("1,025 bytes: %v, and they were hashed", err)
	}
}

func TestSuccessIsRememberedForAMinute(t *testing.T) {
	g, c := newGate(Limits{})
	notes, check, d := watch(g), checks(g), peopleWith(hashCost4)
	for _, step := range []struct {
		name   string
		after  time.Duration
		hashes int
	}{
		{"the first is hashed", 0, 1},
		{"the second is remembered", 0, 0},
		{"so it is just before a minute", time.Minute - 1, 0},
		{"being asked for does not prolong it", 1, 1},
		{"it is remembered again", time.Minute - 1, 0},
		{"and forgotten again", time.Hour, 1},
	} {
		c.move(step.after)
		if err := check("john", d, right); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if n := len(notes()); n != step.hashes {
			t.Fatalf("%s: %d hashes", step.name, n)
		}
	}
	if s := g.Stats(); s != (Stats{Hashed: 3, Remembered: 3}) {
		t.Fatalf("counted %+v", s)
	}
}

func TestFailureIsNeverRemembered(t *testing.T) {
	g, _ := newGate(Limits{})
	notes, check, d := watch(g), checks(g), peopleWith(hashCost4)
	for range 3 {
		if err := check("john", d, wrong); !isBad(err) {
			t.Fatal(err)
		}
		if n := len(notes()); n != 1 {
			t.Fatalf("%d hashes", n)
		}
	}
}

func TestMemoryHoldsForThatUserPasswordAndHashAlone(t *testing.T) {
	g, _ := newGate(Limits{})
	check, d := checks(g), peopleWith(hashCost4)
	if err := check("john", d, right); err != nil {
		t.Fatal(err)
	}
	another := "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6f" // one letter off: of no known password
	for name, err := range map[string]error{
		"changed hash":      check("john", peopleWith(tokens.Secret(another)), right),
		"removed hash":      check("john", peopleWith(""), right),
		"removed user":      check("john", NewDirectory(Config{}, nil, nil), right),
		"other password":    check("john", d, wrong),
		"moved border":      check("johnc", d, right[1:]),
		"now service":       check("robot", d, right),
		"password plus NUL": check("john", d, right+"\x00"),
	} {
		if !isBad(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := check("john", peopleWith(hashCost5), right); err != nil {
		t.Errorf("new hash of the same password: %v", err)
	}
	if s := g.Stats(); s.Remembered != 0 {
		t.Errorf("memory answered: %+v", s)
	}
}

func TestGatePanicsWithoutRandomness(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("a gate with a key of nothing")
		}
	}()
	NewGate(time.Now, bytes.NewReader(make([]byte, 31)), Limits{})
}

func TestLimitsHaveDefaults(t *testing.T) {
	d := DefaultLimits()
	if d.Concurrent < 1 || d.Queue != 64 || d.Wait != time.Second || d.Remember != time.Minute || d.Remembered != 10_000 {
		t.Fatalf("defaults are %+v", d)
	}
	if got := (Limits{Queue: -1}).withDefaults(); got != d {
		t.Fatalf("zero limits are %+v", got)
	}
	all := Limits{Concurrent: 9, Queue: 8, Wait: 7, Remember: 6, Remembered: 5}
	if got := all.withDefaults(); got != all {
		t.Fatalf("given limits are %+v", got)
	}
}

// TestHashingUnderSynctest guards the assumption that real hashing may run
// in a bubble: no library goroutine outlives a check.
func TestHashingUnderSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(time.Now, rand.Reader, Limits{})
		if err := checks(g)("john", peopleWith(hashArgon), right); err != nil {
			t.Fatal(err)
		}
	})
}
