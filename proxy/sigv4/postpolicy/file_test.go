package postpolicy_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/proxy/sigv4/postpolicy"
)

func read(r io.Reader) (string, error) {
	text, err := io.ReadAll(r)
	return string(text), err
}

// judgedFrom is a form that passed, read from a reader of its text.
func judgedFrom(t testing.TB, body io.Reader) *postpolicy.Form {
	t.Helper()
	f, err := postpolicy.Open(contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	if err := judge(f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFile(t *testing.T) {
	delimiter := "\r\n--" + boundary
	large := strings.Repeat("0123456789\r\n--"+boundary[:12]+"\r", 5000)
	for _, row := range []struct {
		name, conditions, file, tail string
		want                         error
	}{
		{"Plain", "", "content", "", nil},
		{"Empty", "", "", "", nil},
		{"LineEnds", "", "\r\n\r\n", "", nil},
		{"AlmostDelimiters", "", large, "", nil},
		{"DelimiterInLine", "", "a--" + boundary + "--b", "", nil},
		{"ReturnBeforeDelimiter", "", "a\r", "", nil},
		{"NoLineEndAtEnd", "", "content", delimiter + "--", nil},
		{"Epilogue", "", "content", closing + "hello", nil},
		{"FieldsBehind", "", "content", "\r\n" + part("submit", "Upload") + part("acl", "public-read") + "--" + boundary + "--\r\n", nil},
		{"FileBehind", "", "content", "\r\n" + part("file", "other") + "--" + boundary + "--\r\n", nil},
		{"RangeAtLeast", `,["content-length-range",7,9]`, "content", "", nil},
		{"RangeAtMost", `,["content-length-range",0,7]`, "content", "", nil},
		{"RangeEmpty", `,["content-length-range",0,0]`, "", "", nil},
		{"RangeLarge", `,["content-length-range",1,140000]`, large, "", nil},

		{"TooLarge", `,["content-length-range",0,6]`, "content", "", postpolicy.ErrTooLarge},
		{"TooLargeByAll", `,["content-length-range",0,0]`, "c", "", postpolicy.ErrTooLarge},
		{"TooLargeOfTwoRanges", `,["content-length-range",0,9],["content-length-range",0,6]`, "content", "", postpolicy.ErrTooLarge},
		{"TooLargeOfTwoRangesTurned", `,["content-length-range",0,6],["content-length-range",0,9]`, "content", "", postpolicy.ErrTooLarge},
		{"TooSmallOfTwoRanges", `,["content-length-range",8,9],["content-length-range",1,9]`, "content", "", postpolicy.ErrTooSmall},
		{"TooSmall", `,["content-length-range",8,9]`, "content", "", postpolicy.ErrTooSmall},
		{"TooSmallEmpty", `,["content-length-range",1,9]`, "", "", postpolicy.ErrTooSmall},
		{"TooSmallWithFieldsBehind", `,["content-length-range",8,900]`, "content", "\r\n" + part("a", "0123456789") + "--" + boundary + "--\r\n", postpolicy.ErrTooSmall},
		{"BoundaryAfterLineFeed", "", "a\n--" + boundary + "--\r\n", "", postpolicy.ErrMalformed},
		{"BoundaryAfterLineFeedFirst", "", "\n--" + boundary, "", postpolicy.ErrMalformed},
		{"BoundaryWithMore", "", "a" + delimiter + "x\r\n", "", postpolicy.ErrMalformed},
		{"BoundaryPadded", "", "a" + delimiter + " \r\n", "", postpolicy.ErrMalformed},
		{"BoundaryWithLineFeed", "", "a" + delimiter + "\n", "", postpolicy.ErrMalformed},
		{"ClosingPadded", "", "a", delimiter + "-- \r\n", postpolicy.ErrMalformed},
		{"ClosingWithReturn", "", "a", delimiter + "--\r", postpolicy.ErrMalformed},
		{"ClosingWithMore", "", "a", delimiter + "--x", postpolicy.ErrMalformed},
		{"EpilogueTooLong", "", "a", closing + strings.Repeat("x", 64<<10), postpolicy.ErrMalformed},
		{"FieldsBehindTooLong", "", "a", "\r\n" + part("file", strings.Repeat("x", 64<<10)) + "--" + boundary + "--\r\n", postpolicy.ErrMalformed},
		{"NothingBehind", "", "0123456789abcdef", "\r\n", postpolicy.ErrIncomplete},
		{"CutInDelimiter", "", "0123456789abcdef", delimiter[:9], postpolicy.ErrIncomplete},
		{"CutBehindDelimiter", "", "content", delimiter, postpolicy.ErrIncomplete},
		{"CutInClosing", "", "content", delimiter + "-", postpolicy.ErrIncomplete},
		{"CutInFieldBehind", "", "content", "\r\n" + part("submit", "Upload"), postpolicy.ErrIncomplete},
	} {
		made := signed(anyKey+row.conditions, pair{"key", "k"})
		made.file, made.tail = row.file, row.tail
		for _, feed := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
			text, err := read(judgedFrom(t, feed(strings.NewReader(made.String()))).File())
			if !errors.Is(err, row.want) || (err == nil && text != row.file) {
				t.Errorf("%s: %d bytes and %v, want %d and %v", row.name, len(text), err, len(row.file), row.want)
			}
			if !strings.HasPrefix(row.file, text) && !strings.HasPrefix(text, row.file) {
				t.Errorf("%s: other bytes than the file's", row.name)
			}
		}
	}
}

// TestFileTooLargeAtOnce: not one byte over the limit is given out, and nothing
// is read on.
func TestFileTooLargeAtOnce(t *testing.T) {
	made := signed(anyKey+`,["content-length-range",0,100000]`, pair{"key", "k"})
	made.file = strings.Repeat("x", 100001)
	text := made.String()
	endless := io.MultiReader(strings.NewReader(text[:len(text)-len(closing)]), iotest.ErrReader(errNetwork))
	n, err := io.Copy(io.Discard, judgedFrom(t, endless).File())
	if !errors.Is(err, postpolicy.ErrTooLarge) && !errors.Is(err, errNetwork) || n > 100000 {
		t.Errorf("%d bytes, %v", n, err)
	}
	made.file += strings.Repeat("x", 100000)
	text = made.String()
	endless = io.MultiReader(strings.NewReader(text[:len(text)-len(closing)]), iotest.ErrReader(errNetwork))
	n, err = io.Copy(io.Discard, judgedFrom(t, endless).File())
	if !errors.Is(err, postpolicy.ErrTooLarge) || n > 100000 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestFileBroken: the body's own error is kept, and the end is final.
func TestFileBroken(t *testing.T) {
	made := signed(anyKey, pair{"key", "k"})
	made.file = "0123456789abcdef"
	text := made.String()
	for _, cut := range []int{len(closing), 9, 2, 1} {
		broken := io.MultiReader(strings.NewReader(text[:len(text)-cut]), iotest.ErrReader(errNetwork))
		r := judgedFrom(t, broken).File()
		_, err := read(r)
		if !errors.Is(err, postpolicy.ErrIncomplete) || !errors.Is(err, errNetwork) || errors.Is(err, io.EOF) {
			t.Errorf("cut %d: %v", cut, err)
		}
		if n, again := r.Read(make([]byte, 9)); n != 0 || !errors.Is(again, errNetwork) {
			t.Errorf("cut %d: read on with %d and %v", cut, n, again)
		}
	}
	// net/http says so when a body is shorter than its Content-Length.
	short := io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := read(judgedFrom(t, short).File()); !errors.Is(err, postpolicy.ErrIncomplete) {
		t.Errorf("short body: %v", err)
	}
}

// TestFileWithEndlessTail: what follows the file is not read for ever.
func TestFileWithEndlessTail(t *testing.T) {
	text := signed(anyKey, pair{"key", "k"}).String()
	for name, tail := range map[string]string{
		"InField":    "\r\n" + part("submit", "Upload")[:60],
		"InEpilogue": closing,
	} {
		body := io.MultiReader(strings.NewReader(text[:len(text)-len(closing)]+tail), io.LimitReader(zeroes{}, 128<<10), iotest.ErrReader(errNetwork))
		if _, err := read(judgedFrom(t, body).File()); !errors.Is(err, postpolicy.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFileAtEveryCut reads a form whose end moves over every place of the
// buffer.
func TestFileAtEveryCut(t *testing.T) {
	made := signed(anyKey, pair{"key", "k"})
	for n := 30 << 10; n < 33<<10; n += 7 {
		made.file = strings.Repeat("\r\n--", n/4) + strings.Repeat("\r", n%4)
		text, err := read(judgedFrom(t, strings.NewReader(made.String())).File())
		if err != nil || text != made.file {
			t.Fatalf("%d: %d bytes, %v", n, len(text), err)
		}
	}
	var none [0]byte
	f := judged(t, made).File()
	if n, err := f.Read(none[:]); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
}
