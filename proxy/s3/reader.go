package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Bounds of a document.
const (
	// MaxDocument is the greatest length of a document in bytes.
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
	MaxDocument = 2 << 20
	// MaxPolicy is the greatest length of a bucket policy in bytes.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html
	MaxPolicy = 20 << 10
	// maxDepth is how deep elements may be nested.
	maxDepth = 32
)

// errXML is what reader's callers turn into a fault of their own kind.
var errXML = errors.New("no XML that has one reading")

// element is an element that has ended: how deep it lay (the root is 1), its
// names from the root, and its text if it has no children.
type element struct {
	depth    int
	path     []string // valid until the next call
	text     string
	leaf     bool
	from, to int64 // where it stands in the document
}

func (e *element) name() string { return e.path[e.depth-1] }

// is reports whether the element lies at a path of names with slashes.
func (e *element) is(path string) bool {
	for _, name := range e.path {
		var want string
		want, path, _ = strings.Cut(path, "/")
		if want != name {
			return false
		}
	}
	return path == ""
}

// reader reads a document that every reader of XML sees alike: one root, no
// DTD, comment or processing instruction, UTF-8, no prefixes on elements, no
// text beside children. encoding/xml checks none of these but the last
// escapes.
type reader struct {
	decoder *xml.Decoder
	names   []string
	open    []frame
	roots   int
}

type frame struct {
	from     int64
	text     []byte
	children bool
}

// read calls see for each element of a document as it ends, children first.
// The error is errXML or what see returns.
func read(document []byte, see func(*element) error) error {
	if hasMarkupDeclaration(document) {
		return errXML
	}
	r := reader{decoder: xml.NewDecoder(bytes.NewReader(document))}
	for {
		from := r.decoder.InputOffset()
		token, err := r.decoder.RawToken()
		if errors.Is(err, io.EOF) {
			if r.roots != 1 || len(r.open) != 0 {
				return errXML
			}
			return nil
		}
		if err != nil {
			return errXML
		}
		if err := r.take(token, from, see); err != nil {
			return err
		}
	}
}

// hasMarkupDeclaration reports whether a document has a comment, a CDATA
// section or a DTD. Programs send none of them, and readers differ in what
// text they leave.
func hasMarkupDeclaration(document []byte) bool {
	return bytes.Contains(document, []byte("<!"))
}

func (r *reader) take(token xml.Token, from int64, see func(*element) error) error {
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t, from)
	case xml.EndElement:
		return r.end(t, see)
	case xml.CharData:
		return r.characters(t)
	case xml.ProcInst:
		if t.Target == "xml" && from == 0 {
			return nil
		}
	}
	return errXML
}

func (r *reader) start(t xml.StartElement, from int64) error {
	if len(r.open) == 0 {
		r.roots++
	}
	if t.Name.Space != "" || strings.Contains(t.Name.Local, ":") || len(r.open) == maxDepth {
		return errXML
	}
	if n := len(r.open); n > 0 {
		parent := &r.open[n-1]
		if !isSpace(parent.text) {
			return errXML
		}
		parent.children, parent.text = true, nil
	}
	r.names = append(r.names, t.Name.Local)
	r.open = append(r.open, frame{from: from})
	return nil
}

func (r *reader) end(t xml.EndElement, see func(*element) error) error {
	n := len(r.open)
	if n == 0 || t.Name.Space != "" || t.Name.Local != r.names[n-1] {
		return errXML
	}
	f := r.open[n-1]
	e := element{depth: n, path: r.names, leaf: !f.children, text: string(f.text), from: f.from, to: r.decoder.InputOffset()}
	r.open = r.open[:n-1]
	err := see(&e)
	r.names = r.names[:n-1]
	return err
}

func (r *reader) characters(t xml.CharData) error {
	n := len(r.open)
	if n == 0 || r.open[n-1].children {
		if isSpace(t) {
			return nil
		}
		return errXML
	}
	r.open[n-1].text = append(r.open[n-1].text, t...)
	return nil
}

// isSpace reports whether s is nothing but white space as XML has it.
func isSpace(s []byte) bool { return len(bytes.Trim(s, " \t\r\n")) == 0 }
