// Package postpolicy judges browser-based uploads: an HTML form that is sent by
// POST to a bucket, with a signed policy among its fields
// (RESTObjectPOST.html, sigv4-HTTPPOSTForms.html). It reads the form strictly
// and once, verifies the policy and its signature, and writes the form anew for
// the storage with a policy of the gateway's own. The file is streamed.
//
// The order is Open, Check, Verify or VerifyV2, Conditions, and then Rewrite or
// File, which refuse when one of them did not pass.
package postpolicy

import (
	"bytes"
	"io"
	"strings"

	"tollgate/proxy/sigv4"
)

// maxPrefix is how long a form may be up to its file: "The form data and
// boundaries (excluding the contents of the file) cannot exceed 20KB"
// (RESTObjectPOST.html). S3 names the number 20480 in its refusal.
const maxPrefix = 20 << 10

// maxFields is how many fields may precede the file.
const maxFields = 100

// Version is the version of the signature of a form.
type Version uint8

// The versions. The zero value is a form without a signature, which Check
// refuses.
const (
	Unsigned Version = iota
	V4               // x-amz-credential and x-amz-signature: HMAC-SHA256
	V2               // AWSAccessKeyId and signature: HMAC-SHA1
)

// Form is a form whose fields are read, up to the first byte of its file. It is
// for one goroutine. The zero value refuses everything.
type Form struct {
	boundary string
	delim    []byte // what ends the content of a part: CRLF, two hyphens, boundary
	fields   []field
	file     head // of the part that is the file; its filename is the base name
	body     *window

	version Version
	scope   scope
	policy  *policy // once Check has passed

	verified bool // Verify or VerifyV2 passed
	bucket   string
	opened   bool // File or Rewrite gave the content out
}

// Open reads a form from body up to and including the head of its field file.
// It takes the Content-Type of the request. Field names are compared without
// regard to case. What could be read in two ways is refused: a preamble,
// bare line feeds, folded or repeated headers, a field that is there twice,
// name*=, control characters. Errors are ErrNotMultipart, ErrMalformed,
// ErrTooLong, ErrFileCount, ErrMissingField, ErrArgument, ErrIncomplete, and
// ErrPolicy for an x-amz- field that no form may have.
func Open(contentType string, body io.Reader) (*Form, error) {
	boundary, err := boundaryOf(contentType)
	if err != nil {
		return nil, err
	}
	f := &Form{boundary: boundary, delim: []byte("\r\n--" + boundary), body: newWindow(body)}
	if err := f.readFields(); err != nil {
		return nil, err
	}
	if err := expand(f.fields, f.file.filename); err != nil {
		return nil, err
	}
	if _, ok := f.Get(fieldKey); !ok {
		return nil, missing(fieldKey)
	}
	if err := f.findSignature(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Form) readFields() error {
	first, err := f.body.upTo([]byte("\r\n"))
	if err != nil {
		return err
	}
	if string(first) != "--"+f.boundary {
		return sigv4.Faultf(ErrMalformed, "The body does not begin with the boundary that the Content-Type names")
	}
	for {
		h, err := readHead(f.body)
		if err != nil {
			return err
		}
		if strings.EqualFold(h.name, fieldFile) {
			return f.reachFile(h)
		}
		if err := f.readField(h.name); err != nil {
			return err
		}
	}
}

// reachFile notes the head of the file and looks at the beginning of its
// content: some readers take a boundary there for the end of an empty part.
func (f *Form) reachFile(h head) error {
	h.filename = baseOf(h.filename)
	f.file = h
	dashes := f.delim[2:]
	if err := f.body.need(len(dashes)); err != nil {
		return ended(err)
	}
	if bytes.HasPrefix(f.body.rest(), dashes) {
		return emptyPart()
	}
	return nil
}

// readField reads the content of a part that is not the file, and the delimiter
// behind it.
func (f *Form) readField(name string) error {
	raw, err := f.body.upTo(f.delim)
	if err != nil {
		return err
	}
	switch dashes := f.delim[2:]; {
	case bytes.HasPrefix(raw, dashes):
		return emptyPart()
	case bytes.Contains(raw, f.delim[1:]):
		return sigv4.Faultf(ErrMalformed, "The form field %s holds the boundary after a bare line feed", name)
	}
	added, err := fieldOf(name, raw)
	if err != nil {
		return err
	}
	if f.find(added.lower) != nil {
		return sigv4.Faultf(ErrMalformed, "The form has the field %s twice", name)
	}
	if len(f.fields) == maxFields {
		return sigv4.Faultf(ErrMalformed, "The form has more than %d fields", maxFields)
	}
	f.fields = append(f.fields, added)
	return f.lineEnd()
}

// lineEnd moves over the end of a delimiter line.
func (f *Form) lineEnd() error {
	if err := f.body.need(2); err != nil {
		return ended(err)
	}
	switch string(f.body.rest()[:2]) {
	case "\r\n":
		f.body.skip(2)
		return nil
	case "--":
		return sigv4.Faultf(ErrFileCount, "POST requires exactly one file upload per request, in a field named file")
	default:
		return sigv4.Faultf(ErrMalformed, "The boundary at the beginning of a line is followed by something else than CRLF or --")
	}
}

func emptyPart() error {
	return sigv4.Faultf(ErrMalformed, "A part of the form begins with the boundary, an empty part has an empty line in front of it")
}

func missing(name string) error {
	return sigv4.Faultf(ErrMissingField, "Bucket POST must contain a field named '%s'. If it is specified, please check the order of the fields.", name)
}

func (f *Form) find(lower string) *field {
	for i := range f.fields {
		if f.fields[i].lower == lower {
			return &f.fields[i]
		}
	}
	return nil
}

// Get returns the value of a field in front of the file, with ${filename}
// replaced, and whether the field is there. The case of the name does not
// matter.
func (f *Form) Get(name string) (string, bool) {
	if found := f.find(strings.ToLower(name)); found != nil {
		return found.value, true
	}
	return "", false
}

// Names returns the names of all fields in front of the file in lower case, as
// they came.
func (f *Form) Names() []string {
	names := make([]string, len(f.fields))
	for i := range f.fields {
		names[i] = f.fields[i].lower
	}
	return names
}

// Key returns the key of the object, with ${filename} replaced by the name of
// the file less its directories. An empty one is an ErrMissingField. Whether
// the key may be an object's is for the caller to judge.
func (f *Form) Key() (string, error) {
	key, _ := f.Get(fieldKey)
	if key == "" {
		return "", missing(fieldKey)
	}
	return key, nil
}

// FileType returns the Content-Type that the file itself has; "" if it has
// none.
func (f *Form) FileType() string { return f.file.contentType }

// FileName returns the name of the file less its directories; "" if the form
// has none.
func (f *Form) FileName() string { return f.file.filename }
