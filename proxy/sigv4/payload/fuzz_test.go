package payload

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"tollgate/proxy/sigv4"
)

// FuzzDecoder: nothing panics, no source changes the verdict, a failed body was
// not given out whole, and an accepted one survives being encoded again.
func FuzzDecoder(f *testing.F) {
	chain := exampleChain(trailerSeed)
	const name = "x-amz-checksum-crc32c"
	f.Add([]byte(upload(chain, CRC32C, "hello ", "world")), int64(11), true, true)
	f.Add([]byte(upload(nil, CRC32C, "hello ", "world")), int64(11), false, true)
	f.Add([]byte(newClient(nil).chunk("a").last().raw("\r\n").String()), int64(1), false, false)
	f.Add([]byte(newClient(chain).chunk("a").last().raw("\r\n").String()), int64(1), true, false)
	f.Add([]byte(newClient(nil).last().raw(fieldOf(CRC32C, "")+"\n\r\n\r\n").String()), int64(0), false, true)
	f.Add([]byte("7fffffffffffffff\r\n"), int64(1<<62), false, false)
	f.Fuzz(func(t *testing.T, data []byte, length int64, signed, trailer bool) {
		want := Decode{Length: length}
		if signed {
			want.Chain = chain
		}
		if trailer {
			want.Trailers = []string{name}
		}
		d := NewDecoder(bytes.NewReader(data), want)
		got, err := io.ReadAll(d)
		slow, slowErr := io.ReadAll(NewDecoder(iotest.OneByteReader(bytes.NewReader(data)), want))
		if (err == nil) != (slowErr == nil) || err == nil && !bytes.Equal(got, slow) {
			t.Fatalf("%d bytes and %v, by single bytes %d and %v", len(got), err, len(slow), slowErr)
		}
		if err != nil {
			checkFault(t, err, length)
			if length > 0 && int64(len(got)) >= length {
				t.Fatalf("gave out all %d bytes before %v", len(got), err)
			}
			return
		}
		if int64(len(got)) != length {
			t.Fatalf("%d bytes of %d", len(got), length)
		}
		enc := Encode{Length: length, Chain: want.Chain, Trailer: d.Trailer}
		if trailer {
			enc.TrailerAlgorithms = []Algorithm{CRC32C}
		}
		again, err := io.ReadAll(NewDecoder(NewEncoder(bytes.NewReader(got), enc), want))
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("encoded again: %d bytes, %v", len(again), err)
		}
	})
}

// checkFault fails unless the client is told what is wrong.
func checkFault(t *testing.T, err error, length int64) {
	t.Helper()
	var fault *sigv4.Fault
	if !errors.As(err, &fault) && (length >= 0 || !errors.Is(err, errLength)) {
		t.Fatalf("not a fault: %v", err)
	}
	if errors.Is(err, io.EOF) {
		t.Fatalf("%v passes for the end", err)
	}
}

// FuzzChunkLine: whatever is accepted means what it says.
func FuzzChunkLine(f *testing.F) {
	f.Add([]byte("10000;chunk-signature=" + chunkedSeed))
	f.Add([]byte("0"))
	f.Add([]byte("FFFFFFFFFFFFFFFFFFFF"))
	f.Add([]byte("1;a=b"))
	f.Fuzz(func(t *testing.T, line []byte) {
		size, signature, err := parseChunkLine(line)
		if err != nil {
			if !errors.Is(err, ErrChunk) || size != 0 || signature != nil {
				t.Fatal(size, signature, err)
			}
			return
		}
		if signature != nil && !isSignature(signature) {
			t.Fatalf("signature %q", signature)
		}
		digits, _, _ := bytes.Cut(line, []byte{';'})
		significant := bytes.TrimLeft(digits, "0")
		if (size < 0) != (len(significant) > 16 || len(significant) == 16 && significant[0] > '7') {
			t.Fatalf("%q is %d", digits, size)
		}
	})
}
