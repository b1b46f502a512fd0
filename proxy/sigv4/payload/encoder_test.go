package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	sizes := []int{0, 1, 15, 16, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1<<20 + 3}
	for form, chain := range forms() {
		for _, trailer := range [][]Algorithm{nil, {CRC32}, {SHA256, CRC64NVME}, algorithms} {
			for _, size := range sizes {
				for style, dress := range styles {
					if style != "plain" && (size > 1<<20 || size > 1000 && len(trailer) > 2) {
						continue // the same again, only slower
					}
					t.Run(fmt.Sprintf("%s/%v/%d/%s", form, trailer, size, style), func(t *testing.T) {
						roundTrip(t, pattern(size), chain, trailer, dress)
					})
				}
			}
		}
	}
}

func roundTrip(t *testing.T, body []byte, chain *Chain, trailer []Algorithm, dress func(io.Reader) io.Reader) {
	t.Helper()
	enc := Encode{Length: int64(len(body)), Chain: chain, TrailerAlgorithms: trailer}
	dec := Decode{Length: enc.Length, Chain: chain}
	var sums []Checksum
	for _, a := range trailer {
		sums = append(sums, checksumOf(a, body))
		dec.Trailers = append(dec.Trailers, a.Header())
	}
	if trailer != nil {
		enc.Trailer = func() []Checksum { // the order of src need not be ours
			back := slices.Clone(sums)
			slices.Reverse(back)
			return back
		}
	}
	e := NewEncoder(dress(bytes.NewReader(body)), enc)
	defer e.Close()
	encoded, err := drain(t, e, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(encoded)) != EncodedLength(enc) {
		t.Fatalf("%d bytes, EncodedLength says %d", len(encoded), EncodedLength(enc))
	}
	d := NewDecoder(dress(bytes.NewReader(encoded)), dec)
	got, err := drain(t, d, 1000)
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(body), err)
	}
	if !slices.EqualFunc(d.Trailer(), sums, func(a, b Checksum) bool {
		return a.Algorithm == b.Algorithm && bytes.Equal(a.Value, b.Value)
	}) {
		t.Fatalf("trailer %v", d.Trailer())
	}
}

func TestReencodingSignsWithTheOtherKey(t *testing.T) {
	body := string(pattern(100_000))
	theirs, ours := exampleChain(trailerSeed), exampleChain(chunkedSeed)
	ours.Scope = "20130524/eu-central-1/s3/aws4_request"
	d := NewDecoder(strings.NewReader(upload(theirs, CRC32C, body[:70_000], body[70_000:])),
		Decode{Length: 100_000, Chain: theirs, Trailers: []string{"x-amz-checksum-crc32c"}})
	enc := Encode{Length: 100_000, Chain: ours, TrailerAlgorithms: []Algorithm{CRC32C}, Trailer: d.Trailer}
	got, err := drain(t, NewEncoder(d, enc), 32<<10)
	if err != nil || string(got) != upload(ours, CRC32C, body[:encodedChunk], body[encodedChunk:]) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestABadBodyIsNeverEncodedWhole(t *testing.T) {
	errLost := errors.New("connection lost")
	body := string(pattern(100_000))
	enc := Encode{Length: 100_000}
	rows := map[string]struct {
		src  func() io.Reader
		kind error
	}{
		"short":   {func() io.Reader { return strings.NewReader(body[1:]) }, ErrIncomplete},
		"nothing": {func() io.Reader { return strings.NewReader("") }, ErrIncomplete},
		"long":    {func() io.Reader { return strings.NewReader(body + "!") }, ErrTooLarge},
		"fails":   {func() io.Reader { return io.MultiReader(strings.NewReader(body), iotest.ErrReader(errLost)) }, errLost},
		"checksum": {func() io.Reader {
			return NewVerified(strings.NewReader(body), Expect{Length: 100_000, SHA256: new([32]byte)})
		}, ErrDigest},
		"none": {func() io.Reader { return nil }, errNoSource},
		"signature": {func() io.Reader {
			c := exampleChain(trailerSeed)
			return NewDecoder(strings.NewReader(strings.Replace(upload(c, CRC32, body), "x-amz-trailer-signature:", "x-amz-trailer-signature:0", 1)),
				Decode{Length: 100_000, Chain: c, Trailers: []string{crc32Name}})
		}, ErrTrailer},
	}
	for form, chain := range forms() {
		for name, row := range rows {
			for _, size := range []int{1000, 1 << 20} {
				t.Run(fmt.Sprint(form, "/", name, "/", size), func(t *testing.T) {
					enc := enc
					enc.Chain = chain
					got, err := drain(t, NewEncoder(row.src(), enc), size)
					if !errors.Is(err, row.kind) {
						t.Fatalf("%v instead of %v", err, row.kind)
					}
					if int64(len(got)) >= EncodedLength(enc) || bytes.HasSuffix(got, []byte("0\r\n\r\n")) {
						t.Fatalf("gave out all %d bytes", len(got))
					}
				})
			}
		}
	}
}

func TestEncoderRefusesWrongUse(t *testing.T) {
	crc := checksumOf(CRC32, []byte("a"))
	give := func(c ...Checksum) func() []Checksum { return func() []Checksum { return c } }
	rows := map[string]struct {
		enc  Encode
		kind error
	}{
		"negative length":       {Encode{Length: -1}, errLength},
		"zero chain":            {Encode{Length: 1, Chain: &Chain{}}, errChain},
		"zero algorithm":        {Encode{Length: 1, TrailerAlgorithms: []Algorithm{0}, Trailer: give()}, errAlgorithm},
		"algorithm twice":       {Encode{Length: 1, TrailerAlgorithms: []Algorithm{CRC32, CRC32}, Trailer: give(crc, crc)}, errAlgorithm},
		"no trailer function":   {Encode{Length: 1, TrailerAlgorithms: []Algorithm{CRC32}}, errTrailerValues},
		"no checksum":           {Encode{Length: 1, TrailerAlgorithms: []Algorithm{CRC32}, Trailer: give()}, errTrailerValues},
		"checksum of another":   {Encode{Length: 1, TrailerAlgorithms: []Algorithm{CRC32C}, Trailer: give(crc)}, errTrailerValues},
		"one checksum too many": {Encode{Length: 1, TrailerAlgorithms: []Algorithm{CRC32}, Trailer: give(crc, crc)}, errTrailerValues},
		"checksum too short":    {Encode{Length: 1, TrailerAlgorithms: []Algorithm{CRC32}, Trailer: give(Checksum{CRC32, crc.Value[1:]})}, errTrailerValues},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, err := drain(t, NewEncoder(strings.NewReader("a"), row.enc), 500)
			if !errors.Is(err, row.kind) || bytes.HasSuffix(got, []byte("\r\n\r\n")) {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
	if _, err := drain(t, new(Encoder), 5); !errors.Is(err, errNoSource) {
		t.Fatal(err)
	}
}

func TestEncodedLength(t *testing.T) {
	rows := map[string]struct {
		enc  Encode
		want int64
	}{
		"zero":            {Encode{}, 5}, // 0 CRLF CRLF
		"one byte":        {Encode{Length: 1}, 6 + 5},
		"AWS's chunked":   {Encode{Length: exampleSize, Chain: exampleChain(chunkedSeed)}, 66824},
		"negative":        {Encode{Length: -1}, -1},
		"trailer unknown": {Encode{TrailerAlgorithms: []Algorithm{9}, Trailer: func() []Checksum { return nil }}, -1},
		"2^62":            {Encode{Length: 1 << 62}, 1<<62 + 1<<46*9 + 5},
		"beyond 2^62":     {Encode{Length: 1<<62 + 1}, -1},
		"5 TiB":           {Encode{Length: 5 << 40}, 5<<40 + 5<<24*9 + 5},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if got := EncodedLength(row.enc); got != row.want {
				t.Fatalf("%d, want %d", got, row.want)
			}
		})
	}
}

func TestTrailerIsAskedOnceAndAtTheEnd(t *testing.T) {
	asked := 0
	src := strings.NewReader("hello")
	e := NewEncoder(src, Encode{Length: 5, TrailerAlgorithms: []Algorithm{CRC32}, Trailer: func() []Checksum {
		if asked++; src.Len() > 0 {
			t.Error("asked before src had ended")
		}
		return []Checksum{checksumOf(CRC32, []byte("hello"))}
	}})
	if _, err := drain(t, e, 3); err != nil || asked != 1 {
		t.Fatal(err, asked)
	}
}

func TestSignedDataIsGivenOutBeforeTheNextChunkArrives(t *testing.T) {
	r, w := io.Pipe()
	go w.Write(pattern(encodedChunk)) // and nothing more
	e := NewEncoder(r, Encode{Length: encodedChunk + 1, Chain: exampleChain(chunkedSeed)})
	n, err := io.ReadAtLeast(e, make([]byte, 1<<20), encodedChunk)
	if n < encodedChunk || err != nil {
		t.Fatal(n, err)
	}
	r.Close()
}
