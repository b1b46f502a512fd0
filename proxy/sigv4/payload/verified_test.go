package payload

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/proxy/sigv4"
)

// styles are the ways in which a source gives its bytes.
var styles = map[string]func(io.Reader) io.Reader{
	"plain":    func(r io.Reader) io.Reader { return r },
	"one byte": iotest.OneByteReader,
	"half":     iotest.HalfReader,
	"data+EOF": iotest.DataErrReader,
	"idle":     func(r io.Reader) io.Reader { return &idleReader{src: r} },
}

// idleReader gives nothing, and no error, every other time.
type idleReader struct {
	src  io.Reader
	busy bool
}

func (r *idleReader) Read(p []byte) (int, error) {
	if r.busy = !r.busy; r.busy {
		return 0, nil
	}
	return r.src.Read(p)
}

// drain reads with a buffer of a size until an error, which is returned unless
// it is io.EOF. It fails the test if the error does not stick or comes with
// bytes.
func drain(t *testing.T, r io.Reader, size int) ([]byte, error) {
	t.Helper()
	var got []byte
	p := make([]byte, size)
	for range 1 << 22 {
		n, err := r.Read(p)
		got = append(got, p[:n]...)
		if err == nil {
			continue
		}
		if err != io.EOF && n > 0 {
			t.Fatalf("%d bytes came with %v", n, err)
		}
		if m, again := r.Read(p); m != 0 || !errors.Is(again, err) {
			t.Fatalf("after %v came %d bytes and %v", err, m, again)
		}
		if err == io.EOF {
			return got, nil
		}
		if errors.Is(err, io.EOF) {
			t.Fatalf("%v passes for the end", err)
		}
		return got, err
	}
	t.Fatal("the reader does not end")
	return nil, nil
}

func checksumOf(a Algorithm, body []byte) Checksum {
	h := a.newHash()
	h.Write(body)
	return Checksum{Algorithm: a, Value: h.Sum(nil)}
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

func TestVerifiedGivesOutARightBody(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1023, 1 << 16} {
		body := pattern(n)
		digest := sha256.Sum256(body)
		e := Expect{Length: int64(n), SHA256: &digest}
		for _, a := range algorithms {
			e.Checksums = append(e.Checksums, checksumOf(a, body))
		}
		for name, style := range styles {
			for _, size := range []int{1, 3, 4096, 1 << 17} {
				got, err := drain(t, NewVerified(style(bytes.NewReader(body)), e), size)
				if err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%d bytes, %s, reads of %d: %d bytes, %v", n, name, size, len(got), err)
				}
			}
		}
	}
}

func TestVerifiedHoldsBackTheLastByteOfAWrongBody(t *testing.T) {
	const body = "hello world"
	digest := sha256.Sum256([]byte(body))
	other := sha256.Sum256([]byte("other"))
	right := checksumOf(CRC32, []byte(body))
	wrong := checksumOf(CRC32, []byte("other"))
	errLost := errors.New("connection lost")
	rows := map[string]struct {
		src  io.Reader
		e    Expect
		kind error
	}{
		"one byte short":     {strings.NewReader(body[:10]), Expect{Length: 11, SHA256: &digest}, ErrIncomplete},
		"nothing":            {strings.NewReader(""), Expect{Length: 11}, ErrIncomplete},
		"one byte long":      {strings.NewReader(body + "!"), Expect{Length: 11, SHA256: &digest}, ErrTooLarge},
		"not empty":          {strings.NewReader("!"), Expect{}, ErrTooLarge},
		"digest":             {strings.NewReader(body), Expect{Length: 11, SHA256: &other}, ErrDigest},
		"digest of nothing":  {strings.NewReader(""), Expect{SHA256: &digest}, ErrDigest},
		"checksum":           {strings.NewReader(body), Expect{Length: 11, Checksums: []Checksum{wrong}}, ErrChecksum},
		"second of same":     {strings.NewReader(body), Expect{Length: 11, Checksums: []Checksum{right, wrong}}, ErrChecksum},
		"negative length":    {strings.NewReader(body), Expect{Length: -1}, errLength},
		"no source":          {nil, Expect{Length: 1}, errNoSource},
		"source fails":       {io.MultiReader(strings.NewReader(body[:5]), iotest.ErrReader(errLost)), Expect{Length: 11}, errLost},
		"source fails last":  {io.MultiReader(strings.NewReader(body), iotest.ErrReader(errLost)), Expect{Length: 11}, errLost},
		"source broke off":   {io.MultiReader(strings.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)), Expect{Length: 11}, io.ErrUnexpectedEOF},
		"broken is short":    {iotest.ErrReader(io.ErrUnexpectedEOF), Expect{Length: 11}, ErrIncomplete},
		"wrapped end":        {io.MultiReader(strings.NewReader(body), iotest.ErrReader(fmt.Errorf("x: %w", io.EOF))), Expect{Length: 11}, ErrIncomplete},
		"source never ready": {idleSource{}, Expect{Length: 11}, io.ErrNoProgress},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, err := drain(t, NewVerified(row.src, row.e), 4)
			if !errors.Is(err, row.kind) {
				t.Fatalf("%v instead of %v", err, row.kind)
			}
			if row.e.Length > 0 && int64(len(got)) >= row.e.Length {
				t.Fatalf("gave out %q", got)
			}
		})
	}
}

type idleSource struct{}

func (idleSource) Read([]byte) (int, error) { return 0, nil }

func TestChecksumFaultsSpeakLikeS3(t *testing.T) {
	for _, a := range algorithms {
		_, err := drain(t, NewVerified(strings.NewReader("a"), Expect{Length: 1, Checksums: []Checksum{checksumOf(a, nil)}}), 9)
		var fault *sigv4.Fault
		if !errors.As(err, &fault) || fault.Message != "The "+a.String()+" you specified did not match the calculated checksum." {
			t.Errorf("%v", err)
		}
	}
}

func TestAFailedReadLeavesNothingInTheBuffer(t *testing.T) {
	p := make([]byte, 8)
	n, err := NewVerified(strings.NewReader("secret"), Expect{Length: 6, Checksums: []Checksum{checksumOf(CRC32, nil)}}).Read(p)
	if n != 0 || !errors.Is(err, ErrChecksum) || !bytes.Equal(p, make([]byte, 8)) {
		t.Fatalf("%d, %v, %q", n, err, p)
	}
}

func TestEmptyReadSaysNothing(t *testing.T) {
	r := NewVerified(strings.NewReader("a"), Expect{Length: 1})
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if got, err := drain(t, r, 1); string(got) != "a" || err != nil {
		t.Fatal(got, err)
	}
}

func TestCheckEmpty(t *testing.T) {
	errLost := errors.New("connection lost")
	none := sha256.Sum256(nil)
	rows := map[string]struct {
		r    io.Reader
		kind error // nil = accepted
	}{
		"accepted: plain":       {strings.NewReader(""), nil},
		"accepted: idle first":  {&idleReader{src: strings.NewReader("")}, nil},
		"accepted: verified":    {NewVerified(strings.NewReader(""), Expect{SHA256: &none}), nil},
		"accepted: decoded":     {NewDecoder(strings.NewReader("0\r\n\r\n"), Decode{}), nil},
		"refused: a byte":       {strings.NewReader("a"), ErrTooLarge},
		"refused: a byte + EOF": {iotest.DataErrReader(strings.NewReader("a")), ErrTooLarge},
		"refused: error":        {iotest.ErrReader(errLost), errLost},
		"refused: wrong digest": {NewVerified(strings.NewReader(""), Expect{SHA256: new([32]byte)}), ErrDigest},
		"refused: no source":    {nil, errNoSource},
		"refused: cut":          {NewDecoder(strings.NewReader("0\r\n\r"), Decode{}), ErrIncomplete},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			err := CheckEmpty(row.r)
			if row.kind == nil && err != nil || row.kind != nil && !errors.Is(err, row.kind) {
				t.Fatal(err)
			}
		})
	}
}

func TestTheDigestIsCopied(t *testing.T) {
	digest := sha256.Sum256([]byte("a"))
	r := NewVerified(strings.NewReader("a"), Expect{Length: 1, SHA256: &digest})
	clear(digest[:])
	if _, err := drain(t, r, 4); err != nil {
		t.Fatal(err)
	}
}
