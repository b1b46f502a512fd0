package conf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Fault is one thing wrong with a configuration. It never holds the value of
// a secret.
type Fault struct {
	// File is the file's name, or "environment NAME" for a variable.
	File string
	// Line counts from 1; 0 = unknown, as in variables of one line.
	Line int
	// Path is the key path, such as "users[2].name"; "" = the whole source.
	Path string
	// Message says what is wrong and, where it helps, what is accepted.
	Message string
	// Suggestion is what was probably meant; "" = no idea.
	Suggestion string
}

// String is the fault on one line, parts that are unknown left out:
// `config.yaml:12: tokens.default_tll: unknown key (did you mean "default_ttl"?)`.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.File != "" && f.Line > 0 {
		b.WriteString(":" + strconv.Itoa(f.Line))
	}
	for _, part := range []string{f.Path, f.Message} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	if f.Suggestion != "" {
		b.WriteString(" (did you mean " + strconv.Quote(f.Suggestion) + "?)")
	}
	return oneLine(b.String())
}

// Faults are all faults of a configuration. The zero value means none; use Err
// to get an error, since an empty Faults in an error variable is not nil.
type Faults []Fault

// Error gives one fault per line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns f, or nil when there is no fault.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Sort orders f by file, line, path and message.
func (f Faults) Sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
}

type place struct {
	file string
	line int
}

// Origins tells where each key was written, so that what is found wrong later
// can be reported with file and line. It is not changed after Decode and safe
// for concurrent use. The zero value knows of nothing.
type Origins struct {
	file   string
	places map[string]place
	broken map[string]bool
}

func (d *decoder) origins() *Origins {
	return &Origins{file: d.src.File, places: d.places, broken: d.broken}
}

// Place returns where the key path was written: a file's name or "environment
// NAME", and the line, 0 = unknown. For a path that was not written it is the
// place of the nearest parent that was, else the file without a line.
func (o *Origins) Place(path string) (file string, line int) {
	for ; path != ""; path = parent(path) {
		if p, ok := o.places[path]; ok {
			return p.file, p.line
		}
	}
	return o.file, 0
}

// Report returns a function to hand to a Validate; what it is called with is
// added to faults with its place. A path that Decode found a fault in, or that
// is under such a path, is left out: its value is not what was written. The
// caller sorts when all is reported.
func (o *Origins) Report(faults *Faults) func(path, message string) {
	return func(path, message string) {
		for p := path; p != ""; p = parent(p) {
			if o.broken[p] {
				return
			}
		}
		file, line := o.Place(path)
		*faults = append(*faults, Fault{File: file, Line: line, Path: path, Message: message})
	}
}

// parent takes the last key or index off a path.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// oneLine replaces what could break out of a line or confuse a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// brief shortens text taken from a configuration for use in a message.
func brief(s string) string {
	const most = 60
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "…"
}
