package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash/crc64"
	"math/rand/v2"
	"strings"
	"testing"
)

var algorithms = []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256}

func TestAlgorithmsAreNamedAsS3NamesThem(t *testing.T) {
	rows := []struct {
		a            Algorithm
		header, name string
		size         int
	}{
		{CRC32, "x-amz-checksum-crc32", "CRC32", 4},
		{CRC32C, "x-amz-checksum-crc32c", "CRC32C", 4},
		{CRC64NVME, "x-amz-checksum-crc64nvme", "CRC64NVME", 8},
		{SHA1, "x-amz-checksum-sha1", "SHA1", 20},
		{SHA256, "x-amz-checksum-sha256", "SHA256", 32},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if row.a.Header() != row.header || row.a.String() != row.name || row.a.Size() != row.size {
				t.Errorf("%s, %s, %d", row.a.Header(), row.a, row.a.Size())
			}
			for _, name := range []string{row.header, strings.ToUpper(row.header)} {
				if a, ok := ByHeader(name); !ok || a != row.a {
					t.Errorf("ByHeader(%q) = %v, %v", name, a, ok)
				}
			}
			if h := row.a.newHash(); h.Size() != row.size || h.BlockSize() < 1 {
				t.Errorf("hash of %d bytes in blocks of %d", h.Size(), h.BlockSize())
			}
		})
	}
}

func TestNoAlgorithmHasNothing(t *testing.T) {
	for _, a := range []Algorithm{0, SHA256 + 1, 255} {
		if a.Header() != "" || a.Size() != 0 || a.newHash() != nil || a.String() != "none" {
			t.Errorf("%d: %q, %d, %s", a, a.Header(), a.Size(), a)
		}
	}
	for _, name := range []string{"", "x-amz-checksum-", "x-amz-checksum-md5", "x-amz-checksum-crc32 ", "crc32", "x-amz-checksum-type"} {
		if a, ok := ByHeader(name); ok || a != 0 {
			t.Errorf("ByHeader(%q) = %v", name, a)
		}
	}
}

// The check values of the catalogue: the checksum of "123456789".
// https://reveng.sourceforge.io/crc-catalogue/
func TestChecksumsOfTheCatalogue(t *testing.T) {
	for a, want := range map[Algorithm]string{
		CRC32: "cbf43926", CRC32C: "e3069283", CRC64NVME: "ae8b14860a799888",
		SHA1:   "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
		SHA256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
	} {
		h := a.newHash()
		h.Write([]byte("123456789"))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
}

func TestNVMEIsThatOfTheStandardLibraryForEverySplit(t *testing.T) {
	table := crc64.MakeTable(0x9a6c9329ac4bc9b5)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		cut := r.IntN(n + 1)
		h := CRC64NVME.newHash()
		h.Write([]byte("forgotten"))
		h.Reset()
		h.Write(p[:cut])
		h.Write(p[cut:])
		want := crc64.New(table)
		want.Write(p)
		if !bytes.Equal(h.Sum(nil), want.Sum(nil)) {
			t.Fatalf("%d bytes cut at %d: %x, want %x", n, cut, h.Sum(nil), want.Sum(nil))
		}
	}
}

func TestParseChecksum(t *testing.T) {
	rows := map[string]struct {
		header, value string
		ok            bool
	}{
		"accepted: crc32":            {"x-amz-checksum-crc32", "AAAAAA==", true},
		"accepted: name in capitals": {"X-Amz-Checksum-CRC32C", "sOO8/Q==", true},
		"accepted: crc64nvme":        {"x-amz-checksum-crc64nvme", "rosUhgp5mIg=", true},
		"accepted: sha1":             {"x-amz-checksum-sha1", base64.StdEncoding.EncodeToString(make([]byte, 20)), true},
		"accepted: sha256":           {"x-amz-checksum-sha256", base64.StdEncoding.EncodeToString(make([]byte, 32)), true},
		"refused: unknown name":      {"x-amz-checksum-md5", "AAAAAA==", false},
		"refused: empty":             {"x-amz-checksum-crc32", "", false},
		"refused: 3 bytes":           {"x-amz-checksum-crc32", "AAAA", false},
		"refused: 5 bytes":           {"x-amz-checksum-crc32", "AAAAAAA=", false},
		"refused: no padding":        {"x-amz-checksum-crc32", "AAAAAA", false},
		"refused: bits in padding":   {"x-amz-checksum-crc32", "AAAAAB==", false},
		"refused: URL alphabet":      {"x-amz-checksum-crc32c", "sOO8_Q==", false},
		"refused: hex":               {"x-amz-checksum-crc32", "cbf43926", false},
		"refused: white space":       {"x-amz-checksum-crc32", " AAAAAA==", false},
		"refused: line end inside":   {"x-amz-checksum-crc64nvme", "rosUhgp5\r\n==", false},
		"refused: composite":         {"x-amz-checksum-crc32", "AAAAAA==-2", false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			c, err := ParseChecksum(row.header, row.value)
			if row.ok && (err != nil || len(c.Value) != c.Algorithm.Size() || c.Algorithm == 0) {
				t.Fatalf("%v, %v", c, err)
			}
			if !row.ok && (!errors.Is(err, ErrChecksumValue) || c.Algorithm != 0 || c.Value != nil) {
				t.Fatalf("%v, %v", c, err)
			}
		})
	}
}

func TestZeroChecksumMatchesNoBody(t *testing.T) {
	r := NewVerified(strings.NewReader(""), Expect{Checksums: []Checksum{{}}})
	if err := CheckEmpty(r); !errors.Is(err, errAlgorithm) {
		t.Fatal(err)
	}
	r = NewVerified(strings.NewReader(""), Expect{Checksums: []Checksum{{Algorithm: CRC32}}})
	if err := CheckEmpty(r); !errors.Is(err, ErrChecksum) {
		t.Fatal(err)
	}
}

func FuzzParseChecksum(f *testing.F) {
	f.Add("x-amz-checksum-crc32c", "sOO8/Q==")
	f.Add("x-amz-checksum-crc64nvme", "rosUhgp5mIg=")
	f.Add("x-amz-checksum-sha256", "ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw=")
	f.Add("x-amz-checksum-crc32", "AAAA\r\n==")
	f.Fuzz(func(t *testing.T, header, value string) {
		c, err := ParseChecksum(header, value)
		if err != nil {
			if !errors.Is(err, ErrChecksumValue) {
				t.Fatal(err)
			}
			return
		}
		// Folding, not ToLower: letters beyond ASCII fold to s and k.
		name, sum, _ := strings.Cut(string(c.appendLine(nil)), ":")
		if !strings.EqualFold(name, header) || sum != value {
			t.Fatalf("%q and %q of %q and %q", name, sum, header, value)
		}
	})
}
