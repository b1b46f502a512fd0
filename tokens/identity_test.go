package tokens_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"tollgate/tokens"
)

// script is randomness written by hand: ids of 32 bytes and more, and then
// values of 32 bytes, as Issue reads them.
func script(parts ...[]byte) io.Reader { return bytes.NewReader(bytes.Join(parts, nil)) }

func repeated(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// counting is 32 bytes that begin with first.
func counting(first byte) []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func TestTheFormOfValuesAndIDs(t *testing.T) {
	full := counting(0)
	for _, c := range []struct {
		name   string
		random io.Reader
		value  string
		id     tokens.ID
	}{
		{"digits in order", script([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}, repeated(9, 10), full),
			"000102030405060708090a0b0c0d0e0f", "1234567890123456789012"},
		{"zeros in front are left out", script(repeated(0, 10), repeated(7, 22), repeated(0xff, 32)),
			"ffffffffffffffffffffffffffffffff", "7777777777777777777777"},
		{"zeros later stay", script([]byte{5}, repeated(100, 31), counting(0xf0)),
			"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "5000000000000000000000"},
		{"what would spread unevenly is left out", script([]byte{249, 250, 251, 252, 253, 254, 255, 240}, repeated(255, 24), repeated(3, 32), full),
			"000102030405060708090a0b0c0d0e0f", "9033333333333333333333"},
		{"more is read when it is needed", script(repeated(255, 64), repeated(0, 32), repeated(1, 32), full),
			"000102030405060708090a0b0c0d0e0f", "1111111111111111111111"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(c.random)
			got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA()})
			isVerdict(t, err, nil)
			if got.Value.Reveal() != c.value || got.Token.ID != c.id {
				t.Errorf("got %s and %s, want %s and %s", got.Value.Reveal(), got.Token.ID, c.value, c.id)
			}
			if got.Token.Hash != tokens.HashOf(c.value) {
				t.Error("the hash is of something else")
			}
		})
	}
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

func TestNoTwoTokensAreAlike(t *testing.T) {
	w := usualWorld()
	seen := map[string]bool{}
	digits := map[byte]int{}
	const n = 2000
	for range n {
		got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA()})
		isVerdict(t, err, nil)
		value, id := got.Value.Reveal(), string(got.Token.ID)
		if len(value) != 32 || !isHex(value) || len(id) != 22 || !tokens.IsID(id) || id[0] == '0' {
			t.Fatalf("got %s and %s", value, id)
		}
		if seen[value] || seen[id] {
			t.Fatalf("%s or %s was made before", value, id)
		}
		seen[value], seen[id] = true, true
		for i := range len(id) - 1 {
			digits[id[i+1]]++
		}
	}
	// Each digit is due 4,200 times; eight standard deviations are 490.
	for d := byte('0'); d <= '9'; d++ {
		if digits[d] < 3700 || digits[d] > 4700 {
			t.Errorf("the digit %c was made %d times of %d", d, digits[d], n*21)
		}
	}
}

func TestACollisionIsTriedAgain(t *testing.T) {
	idOf := func(d byte) []byte { return repeated(d, 32) }
	first := [][]byte{idOf(1), counting(1)}
	for _, c := range []struct {
		name   string
		random [][]byte
		id     tokens.ID
		puts   int
	}{
		{"the same value", [][]byte{idOf(2), counting(1), idOf(3), counting(3)}, "3333333333333333333333", 3},
		{"the same id", [][]byte{idOf(1), counting(2), idOf(4), counting(3)}, "4444444444444444444444", 3},
		{"twice", [][]byte{idOf(2), counting(1), idOf(1), counting(2), idOf(5), counting(5)}, "5555555555555555555555", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(script(append(first, c.random...)...))
			order := orderWithKey(w, "a secret key")
			one, err := w.Issue(t.Context(), order)
			isVerdict(t, err, nil)
			two, err := w.Issue(t.Context(), order)
			isVerdict(t, err, nil)
			if two.Token.ID != c.id || len(w.store.puts) != c.puts {
				t.Fatalf("got %s after %d writes", two.Token.ID, len(w.store.puts))
			}
			// Whatever the first attempts left behind, all parts are of one token.
			if k := two.Token; k.Hash != tokens.HashOf(two.Value.Reveal()) || k.AccessKey != two.Value.Reveal() {
				t.Errorf("got %+v with %s", k, two.Value.Reveal())
			}
			if plain, err := (vault{}).Open(two.Token.Secret, string(c.id)); err != nil || plain != "a secret key" {
				t.Errorf("the secret opens as %s, %v", plain.Reveal(), err)
			}
			if k, err := w.store.ByID(t.Context(), one.Token.ID); err != nil || k.Revision != one.Token.Revision {
				t.Errorf("the first is %+v, %v", k, err)
			}
		})
	}
}

func TestThreeCollisionsAreTheEnd(t *testing.T) {
	same := [][]byte{repeated(1, 32), counting(1)}
	w := newWorld(script(append(append(append(same, same...), same...), same...)...))
	order := tokens.Order{By: w.as("ann"), Scope: redA()}
	_, err := w.Issue(t.Context(), order)
	isVerdict(t, err, nil)
	got, err := w.Issue(t.Context(), order)
	isVerdict(t, err, tokens.ErrExists)
	if got != (tokens.Issued{}) || len(w.store.puts) != 4 {
		t.Errorf("got %+v after %d writes", got, len(w.store.puts))
	}
}

func TestWithoutRandomnessThereIsNoToken(t *testing.T) {
	for name, random := range map[string]io.Reader{
		"none for the id":       script(),
		"a part for the id":     script(repeated(1, 31)),
		"too few digits for it": script(repeated(255, 32)),
		"none for the value":    script(repeated(1, 32)),
		"a part for the value":  script(repeated(1, 32+31)),
		"a source that fails":   io.MultiReader(script(repeated(1, 20)), errorReader{}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(random)
			got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA()})
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errBroken) {
				t.Errorf("got %v", err)
			}
			if got != (tokens.Issued{}) || len(w.store.puts) != 0 {
				t.Errorf("got %+v after %d writes", got, len(w.store.puts))
			}
		})
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errBroken }

func FuzzRandomness(f *testing.F) {
	f.Add(append(counting(0), repeated(1, 32)...))
	f.Add(repeated(255, 100))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, random []byte) {
		w := newWorld(bytes.NewReader(random))
		got, err := w.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA()})
		if err != nil {
			return
		}
		value, id := got.Value.Reveal(), string(got.Token.ID)
		if len(value) != 32 || !isHex(value) || len(id) != 22 || !tokens.IsID(id) || id[0] == '0' || tokens.IsID(value) {
			t.Errorf("got %s and %s", value, id)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	s := usualWorld()
	service := s.plain()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				got, err := service.Issue(t.Context(), tokens.Order{By: s.as("ann"), Scope: redA()})
				if err != nil {
					t.Errorf("issue: %v", err)
					return
				}
				if _, err := service.Verify(t.Context(), got.Value); err != nil {
					t.Errorf("verify: %v", err)
				}
				service.Configure(tokens.Default())
				if _, err := service.Revoke(t.Context(), via(s.as("ann")), got.Value, nil); err != nil {
					t.Errorf("revoke: %v", err)
				}
				if _, err := service.Verify(t.Context(), got.Value); !errors.Is(err, tokens.ErrRevoked) {
					t.Errorf("verify afterwards: %v", err)
				}
			}
		})
	}
	group.Wait()
}

func TestOneOfManyEndsAToken(t *testing.T) {
	w := usualWorld()
	service := w.plain()
	got, err := service.Issue(t.Context(), tokens.Order{By: w.as("ann"), Scope: redA()})
	isVerdict(t, err, nil)
	ended := make(chan error, 16)
	var group sync.WaitGroup
	for range cap(ended) {
		group.Go(func() {
			_, err := service.Revoke(t.Context(), via(w.as("ann")), got.Value, nil)
			ended <- err
		})
	}
	group.Wait()
	close(ended)
	done := 0
	for err := range ended {
		if err == nil {
			done++
			continue
		}
		isVerdict(t, err, tokens.ErrUnknown)
	}
	if done != 1 {
		t.Errorf("%d ended it", done)
	}
}
