package payload

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// The limits are part of the contract.
func TestLimits(t *testing.T) {
	if maxTrailer != 4096 || maxSizeDigits != 20 || maxSignedChunk != 16<<20 || encodedChunk != 65536 || maxChunkLine != 103 {
		t.Fatal(maxTrailer, maxSizeDigits, maxSignedChunk, encodedChunk, maxChunkLine)
	}
}

func TestParseChunkLine(t *testing.T) {
	const sig = ";chunk-signature="
	rows := map[string]struct {
		line string
		size int64
		sig  string
		ok   bool
	}{
		"accepted: zero":             {"0", 0, "", true},
		"accepted: lower case":       {"abcdef", 0xabcdef, "", true},
		"accepted: upper case":       {"ABCDEF", 0xabcdef, "", true},
		"accepted: digits":           {"123456789", 0x123456789, "", true},
		"accepted: signed":           {"10000" + sig + chunkedSeed, 65536, chunkedSeed, true},
		"accepted: 2^63-1":           {"7fffffffffffffff", 1<<63 - 1, "", true},
		"accepted: 20 digits":        {strings.Repeat("0", 19) + "1", 1, "", true},
		"beyond: 2^63":               {"8000000000000000", -1, "", true},
		"beyond: 2^63, zeros before": {"00008000000000000000", -1, "", true},
		"beyond: 17 digits":          {"10000000000000000", -1, "", true},
		"beyond: 20 digits":          {strings.Repeat("f", 20), -1, "", true},
		"refused: 21 digits":         {strings.Repeat("0", 21), 0, "", false},
		"refused: empty":             {"", 0, "", false},
		"refused: minus":             {"-1", 0, "", false},
		"refused: underscore":        {"1_0", 0, "", false},
		"refused: before 0":          {"/", 0, "", false},
		"refused: behind 9":          {":", 0, "", false},
		"refused: before a":          {"`", 0, "", false},
		"refused: behind f":          {"g", 0, "", false},
		"refused: before A":          {"@", 0, "", false},
		"refused: behind F":          {"G", 0, "", false},
		"refused: tab":               {"1\t", 0, "", false},
		"refused: digit of Unicode":  {"１", 0, "", false},
		"refused: late in the size":  {strings.Repeat("f", 19) + "x", 0, "", false},
		"refused: signature alone":   {sig + chunkedSeed, 0, "", false},
		"refused: signature short":   {"1" + sig + chunkedSeed[1:], 0, "", false},
		"refused: signature of g":    {"1" + sig + "g" + chunkedSeed[1:], 0, "", false},
		"refused: semicolon":         {"1;", 0, "", false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			size, signature, err := parseChunkLine([]byte(row.line))
			if row.ok != (err == nil) || !row.ok && !errors.Is(err, ErrChunk) {
				t.Fatal(err)
			}
			if row.size < 0 && size >= 0 || row.size >= 0 && size != row.size || string(signature) != row.sig {
				t.Fatalf("%d, %q", size, signature)
			}
		})
	}
}

func TestLineIsBounded(t *testing.T) {
	kind := errors.New("kind")
	rows := map[string]struct {
		text  string
		limit int
		want  string
		bare  bool
		kind  error
	}{
		"accepted: limit-1":        {"abc\r\n", 6, "abc", false, nil},
		"accepted: limit":          {"abc\r\n", 5, "abc", false, nil},
		"refused: limit+1":         {"abc\r\n", 4, "", false, kind},
		"accepted: bare at limit":  {"abc\n", 4, "abc", true, nil},
		"refused: bare beyond":     {"abc\n", 3, "", false, kind},
		"accepted: empty":          {"\r\n", 2, "", false, nil},
		"accepted: bare and empty": {"\n", 2, "", true, nil},
		"refused: no end":          {"abcdef", 5, "", false, kind},
		"refused: nothing allowed": {"\n", 0, "", false, kind},
		"refused: less than that":  {"\n", -4, "", false, kind},
		"refused: CR CR LF":        {"a\r\r\n", 9, "", false, kind},
		"refused: cut":             {"abc", 9, "", false, ErrIncomplete},
	}
	for name, row := range rows {
		for style, dress := range styles {
			t.Run(name+"/"+style, func(t *testing.T) {
				f := &framing{feed: feed{src: dress(strings.NewReader(row.text))}}
				text, bare, err := f.line(kind, row.limit)
				if row.kind == nil && err != nil || row.kind != nil && !errors.Is(err, row.kind) {
					t.Fatal(err)
				}
				if string(text) != row.want || bare != row.bare {
					t.Fatalf("%q, %v", text, bare)
				}
			})
		}
	}
}

func TestFeedGivesTheBytesBeforeTheError(t *testing.T) {
	errLost := errors.New("connection lost")
	f := feed{src: iotest.DataErrReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(errLost)))}
	p := make([]byte, 8)
	if n, err := f.read(p); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for range 2 {
		if n, err := f.read(p); n != 0 || !errors.Is(err, errLost) {
			t.Fatal(n, err)
		}
	}
}

func TestEndSaysWhatTheSourceDid(t *testing.T) {
	errLost, excess := errors.New("connection lost"), errors.New("excess")
	for name, row := range map[string]struct {
		src  io.Reader
		want error
	}{
		"ended":    {strings.NewReader(""), nil},
		"goes on":  {strings.NewReader("a"), excess},
		"failed":   {iotest.ErrReader(errLost), errLost},
		"cut":      {iotest.ErrReader(io.ErrUnexpectedEOF), ErrIncomplete},
		"buffered": {nil, excess},
	} {
		t.Run(name, func(t *testing.T) {
			f := framing{feed: feed{src: row.src}}
			if name == "buffered" {
				f.hi = 1
			}
			if err := f.ended(func() error { return excess }); !errors.Is(err, row.want) {
				t.Fatal(err)
			}
		})
	}
}

func TestAFailedDecodeLeavesNothingInTheBuffer(t *testing.T) {
	p := make([]byte, 64)
	d := NewDecoder(strings.NewReader(newClient(nil).chunk("secret").last().raw("?").String()), Decode{Length: 6})
	if n, err := d.Read(p); n != 0 || !errors.Is(err, ErrIncomplete) || !bytes.Equal(p, make([]byte, 64)) {
		t.Fatalf("%d, %v, %q", n, err, p)
	}
	e := NewEncoder(strings.NewReader("secret!"), Encode{Length: 6, Chain: exampleChain(chunkedSeed)})
	got, err := drain(t, e, 1000)
	if !errors.Is(err, ErrTooLarge) || !bytes.Contains(got, []byte("secret")) || bytes.Contains(got, []byte("!")) {
		t.Fatalf("%q, %v", got, err)
	}
}
