package payload

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
)

const benchBody = 8 << 20

// copyInto reads to the end with the buffer a proxy uses.
func copyInto(b *testing.B, r io.Reader, p []byte) {
	for {
		_, err := r.Read(p)
		if err == io.EOF {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func encoded(b *testing.B, chain *Chain, chunk int, a Algorithm) []byte {
	body := string(pattern(benchBody))
	var chunks []string
	for len(body) > 0 {
		n := min(chunk, len(body))
		chunks, body = append(chunks, body[:n]), body[n:]
	}
	b.Helper()
	return []byte(upload(chain, a, chunks...))
}

func BenchmarkDecoder(b *testing.B) {
	for form, chain := range forms() {
		for _, chunk := range []int{64 << 10, 1 << 20} {
			for _, a := range []Algorithm{CRC32, CRC64NVME} {
				data := encoded(b, chain, chunk, a)
				want := Decode{Length: benchBody, Chain: chain, Trailers: []string{a.Header()}}
				p := make([]byte, 32<<10)
				b.Run(fmt.Sprintf("%s/chunks=%dKiB/%s", form, chunk>>10, a), func(b *testing.B) {
					b.SetBytes(benchBody)
					b.ReportAllocs()
					for b.Loop() {
						copyInto(b, NewDecoder(bytes.NewReader(data), want), p)
					}
				})
			}
		}
	}
	framed := []byte(newClient(nil).chunk(strings.Repeat("a", benchBody)).last().raw("\r\n").String())
	p := make([]byte, 32<<10)
	b.Run("unsigned/framing alone", func(b *testing.B) {
		b.SetBytes(benchBody)
		b.ReportAllocs()
		for b.Loop() {
			copyInto(b, NewDecoder(bytes.NewReader(framed), Decode{Length: benchBody}), p)
		}
	})
}

func BenchmarkVerified(b *testing.B) {
	body := pattern(benchBody)
	digest := sha256.Sum256(body)
	rows := map[string]Expect{
		"length": {Length: benchBody},
		"SHA256": {Length: benchBody, SHA256: &digest},
	}
	for _, a := range algorithms {
		rows["checksum "+a.String()] = Expect{Length: benchBody, Checksums: []Checksum{checksumOf(a, body)}}
	}
	p := make([]byte, 32<<10)
	for name, e := range rows {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchBody)
			b.ReportAllocs()
			for b.Loop() {
				copyInto(b, NewVerified(bytes.NewReader(body), e), p)
			}
		})
	}
}

func BenchmarkEncoder(b *testing.B) {
	body := pattern(benchBody)
	p := make([]byte, 32<<10)
	for form, chain := range forms() {
		b.Run(form, func(b *testing.B) {
			b.SetBytes(benchBody)
			b.ReportAllocs()
			for b.Loop() {
				e := NewEncoder(bytes.NewReader(body), Encode{Length: benchBody, Chain: chain})
				copyInto(b, e, p)
				e.Close()
			}
		})
	}
}

// A Read allocates nothing, whatever the size of the body: what a body costs
// is the same for 1 MiB as for 8 MiB.
func TestReadsDoNotAllocate(t *testing.T) {
	chain := exampleChain(chunkedSeed)
	mac := chain.MAC([]byte("any"))
	chain.MAC = func([]byte) [sha256.Size]byte { return mac } // the HMAC of the example allocates
	p := make([]byte, 32<<10)
	allocs := func(c *Chain, size int) float64 {
		body := pattern(size)
		dec := Decode{Length: int64(size), Chain: c}
		data, err := io.ReadAll(NewEncoder(bytes.NewReader(body), Encode{Length: int64(size), Chain: c}))
		if err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(5, func() {
			d := NewDecoder(bytes.NewReader(data), dec)
			e := NewEncoder(d, Encode{Length: int64(size), Chain: c})
			for {
				if _, err := e.Read(p); err != nil {
					break
				}
			}
			e.Close()
		})
	}
	for form, c := range map[string]*Chain{"signed": chain, "unsigned": nil} {
		small, big := allocs(c, 1<<20), allocs(c, 8<<20)
		if big > small+2 { // the pool may be emptied meanwhile
			t.Errorf("%s: %v allocations for 1 MiB, %v for 8 MiB", form, small, big)
		}
	}
}
