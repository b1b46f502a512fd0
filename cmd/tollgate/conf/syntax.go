package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse reads one YAML document and returns its root, nil for an empty one.
// A problem is a sentence without any of the text in it, since that could be
// a secret, and the line it is on, 0 = unknown.
func parse(data []byte) (root *yaml.Node, problem string, line int) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if problem, line := unreadable(data); problem != "" {
		return nil, problem, line
	}
	docs, err := documents(data)
	if err != nil {
		return nil, sentence(err), errorLine(data, err)
	}
	if len(docs) > 1 {
		return nil, "a second YAML document begins here; there may be only one", docs[1].Line
	}
	if len(docs) == 0 || len(docs[0].Content) == 0 {
		return nil, "", 0
	}
	return docs[0].Content[0], "", 0
}

// documents parses at most the first two. The parser answers some broken input
// with a panic.
func documents(data []byte) (docs []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for range 2 {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, &doc)
	}
	return docs, nil
}

// unreadable finds what may not be in YAML at all, see
// https://yaml.org/spec/1.2.2/#51-character-set
func unreadable(data []byte) (problem string, line int) {
	line = 1
	for rest := data; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return "not UTF-8 text", line
		case r == '\n':
			line++
		case r < ' ' && r != '\t' && r != '\r', r == 0x7f, r > 0x7f && r < 0xa0 && r != 0x85, r == 0xfeff, r == 0xfffe, r == 0xffff:
			return fmt.Sprintf("a control character (U+%04X) is not allowed", r), line
		}
		rest = rest[size:]
	}
	return "", 0
}

// errorLine finds the line of a syntax error. For an error inside a mapping or
// list the parser names the line before its beginning, for other errors the
// right one, for some none. The line looked for is the last one of the
// shortest beginning of the text that has the same error.
func errorLine(data []byte, err error) int {
	const most = 256 << 10 // each probe parses again
	if len(data) > most {
		return parserLine(err)
	}
	// Lines count from the comment put in front, so that none is the line 0,
	// which the parser takes for an unknown one.
	data = append([]byte("#\n"), data...)
	_, err = documents(data)
	if err == nil {
		return 0
	}
	ends := lineEnds(data)
	low, high := 1, len(ends)
	for low < high {
		middle := (low + high) / 2
		if _, e := documents(data[:ends[middle-1]]); e != nil && e.Error() == err.Error() {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return max(1, low-1)
}

func lineEnds(data []byte) []int {
	var ends []int
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	if len(ends) == 0 || ends[len(ends)-1] < len(data) {
		ends = append(ends, len(data))
	}
	return ends
}

func parserLine(err error) int {
	_, rest, found := strings.Cut(err.Error(), "yaml: line ")
	number, _, _ := strings.Cut(rest, ":")
	line, convErr := strconv.Atoi(number)
	if !found || convErr != nil {
		return 0
	}
	return line
}

// sentence puts an error of the parser into words. Only known errors pass, as
// others may quote the text.
func sentence(err error) string {
	known := [...]struct{ part, words string }{
		{"did not find expected key", "the indentation does not fit the lines above, or a colon or quote is missing"},
		{"did not find expected '-' indicator", "expected another list entry; the indentation does not fit the lines above"},
		{"did not find expected ',' or ']'", "a list in [ ] lacks a comma or its end"},
		{"did not find expected ',' or '}'", "a mapping in { } lacks a comma or its end"},
		{"did not find expected node content", "a value is missing"},
		{"did not find expected <document start>", "expected the end of the file or a new document"},
		{"mapping values are not allowed", "a key is not possible here; check the indentation, and quote text with a colon in it"},
		{"block sequence entries are not allowed", "a list entry is not possible here; check the indentation"},
		{"cannot start any token", "a tab, or a character that text must be quoted for; YAML is indented with spaces"},
		{"found a tab character", "a tab in the indentation; YAML is indented with spaces"},
		{"could not find expected ':'", "a colon is missing after a key"},
		{"found unexpected end of stream", "a quote is not closed"},
		{"found unknown escape character", "an unknown escape in double quotes; in single quotes a backslash is an ordinary character"},
		{"unknown anchor", "an alias of an anchor that does not exist; text that begins with * must be quoted"},
		{"exceeded max depth", "nested too deeply"},
	}
	for _, k := range known {
		if strings.Contains(err.Error(), k.part) {
			return "not valid YAML: " + k.words
		}
	}
	return "not valid YAML"
}
