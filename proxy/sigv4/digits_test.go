package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// Every byte at every place is written and read as encoding/hex does.
func TestHexOfEveryByte(t *testing.T) {
	for at := range sha256.Size {
		for c := range 256 {
			var sum, back [sha256.Size]byte
			sum[at], sum[(at+7)%len(sum)] = byte(c), byte(c*7)
			digits := string(appendHex([]byte("x"), &sum))
			if digits != "x"+hex.EncodeToString(sum[:]) {
				t.Fatalf("%x becomes %s", sum, digits)
			}
			for _, spelt := range []string{digits[1:], strings.ToUpper(digits[1:])} {
				if !readHex(&back, spelt) || back != sum {
					t.Fatalf("%s is read as %x", spelt, back)
				}
			}
		}
	}
}

// The table has what the function says.
func TestHexValues(t *testing.T) {
	if len(hexValues) != 256 {
		t.Fatal(len(hexValues))
	}
	for c := range len(hexValues) {
		if hexValues[c] != unhex(byte(c)) {
			t.Errorf("%q is %d", byte(c), hexValues[c])
		}
	}
}

// One byte that is no digit, at any place, is none of a sum.
func TestReadHexRefuses(t *testing.T) {
	for at := range 2 * sha256.Size {
		for c := range 256 {
			digits := bytes.Repeat([]byte("a"), 2*sha256.Size)
			digits[at] = byte(c)
			var sum [sha256.Size]byte
			_, err := hex.DecodeString(string(digits))
			if readHex(&sum, string(digits)) != (err == nil) {
				t.Fatalf("%q: %v", digits, err)
			}
		}
	}
	for length := range 130 {
		var sum [sha256.Size]byte
		if got := readHex(&sum, strings.Repeat("0", length)); got != (length == 64) {
			t.Errorf("%d digits: %v", length, got)
		}
	}
}

// The sum that is not computed is that of the digits that are compared.
func TestEmptySum(t *testing.T) {
	if sum := emptySum(); hex.EncodeToString(sum[:]) != EmptyDigest || sum != sha256.Sum256(nil) {
		t.Errorf("%x", sum)
	}
}

// FuzzReadHex: whatever is read is what encoding/hex reads, and is written as
// it was.
func FuzzReadHex(f *testing.F) {
	f.Add(EmptyDigest)
	f.Add(strings.ToUpper(EmptyDigest))
	f.Add(EmptyDigest[1:] + "g")
	f.Add("")
	f.Fuzz(func(t *testing.T, digits string) {
		var sum [sha256.Size]byte
		want, err := hex.DecodeString(digits)
		valid := err == nil && len(want) == len(sum)
		if readHex(&sum, digits) != valid {
			t.Fatalf("%q: %v", digits, err)
		}
		if valid && (!bytes.Equal(sum[:], want) || string(appendHex(nil, &sum)) != strings.ToLower(digits)) {
			t.Fatalf("%q is read as %x", digits, sum)
		}
	})
}
