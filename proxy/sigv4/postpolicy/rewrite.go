package postpolicy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"time"

	"tollgate/proxy/sigv4"
)

// lifetime is how long the policy for the storage is good for. It is not cut by
// the client's expiration, which Check has judged when the request came: an
// upload that began in time may end later, and a storage whose clock is a
// little ahead must not refuse what the gateway has let in.
const lifetime = time.Hour

// Resign is what a form needs to be written anew.
type Resign struct {
	// Bucket is the bucket as the storage calls it.
	Bucket string
	// BodyLength is the Content-Length of the client's body in bytes. Zero and
	// less mean that it is not known, which is refused.
	BodyLength int64
	// Now is the time from which the policy for the storage is good for one
	// hour.
	Now time.Time
	// Sign signs the text of a policy, in base64, with the storage's key. For
	// any text it must return the same credential (ACCESSKEY/scope) and date
	// (ISO 8601 basic), since both are in the policy; Rewrite asks for them with
	// an empty text first.
	Sign func(policy string) (credential, date, signature string)
	// Watch, if it is not nil, wraps the content of the file: an error of the
	// reader that it returns ends the form.
	Watch func(file io.Reader) io.Reader
}

// Rewrite returns the form for the storage, once: its Content-Type, the exact
// length of its body, and the body, which reads the client's while it is read.
//
// In front are the fields that are meant for the storage, as the client's
// policy let them pass and with ${filename} replaced, then a policy and a
// signature of the gateway's own, which hold the form to exactly these values,
// to the bucket, and to the client's content-length-range. Left out are the
// client's signature, the field bucket, fields x-ignore- and fields that S3
// takes no notice of. The file keeps its base name (without one it is called
// file), and its Content-Type unless the field Content-Type says it. What
// follows the file is left out; as the length is given beforehand, an epilogue
// takes its place, which readers ignore (RFC 2046, 5.1.1).
//
// The closing boundary is given out only after the client's whole body was read
// and nothing was wrong with it: a bad upload is never a complete form. Read
// fails as that of File does.
//
// Errors of Rewrite itself are ErrMisuse, ErrMissingLength, ErrIncomplete for a
// length that is too short, ErrTooSmall and ErrTooLarge where the length alone
// tells, and ErrTooLong when the fields with the new policy exceed 20 KiB.
func (f *Form) Rewrite(r Resign) (contentType string, length int64, body io.Reader, err error) {
	if r.Bucket == "" || r.Sign == nil {
		return "", 0, nil, sigv4.Faultf(ErrMisuse, "A form is written anew for a bucket, with a signature")
	}
	if r.BodyLength <= 0 {
		return "", 0, nil, sigv4.Faultf(ErrMissingLength, "You must provide the Content-Length HTTP header.")
	}
	if err := f.open(); err != nil {
		return "", 0, nil, err
	}
	room := r.BodyLength - f.body.taken // for the file and what follows
	if err := f.checkRoom(room); err != nil {
		return "", 0, nil, err
	}
	prefix, err := f.prefix(r)
	if err != nil {
		return "", 0, nil, err
	}
	contentType = `multipart/form-data; boundary="` + f.boundary + `"`
	if isToken(f.boundary) {
		contentType = "multipart/form-data; boundary=" + f.boundary
	}
	out := &rewritten{prefix: prefix, file: f.content(), room: room, closing: f.closing()}
	if r.Watch != nil {
		out.file = r.Watch(out.file)
	}
	return contentType, int64(len(prefix)) + room, out, nil
}

// closing is the closing boundary.
func (f *Form) closing() []byte { return []byte(string(f.delim) + "--") }

// checkRoom refuses a file whose length cannot be right, going by that of the
// body, before anything of it is passed on.
func (f *Form) checkRoom(room int64) error {
	most := room - int64(len(f.closing()))
	switch {
	case most < 0:
		return sigv4.Faultf(ErrIncomplete, "The Content-Length is too short for the form")
	case most < f.policy.size.min:
		return tooSmall(f.policy.size)
	case most-maxTail > f.policy.size.max:
		return tooLarge(f.policy.size)
	default:
		return nil
	}
}

// prefix is the new form up to the content of the file.
func (f *Form) prefix(r Resign) ([]byte, error) {
	var kept []field
	for _, field := range f.fields {
		if field.forStorage() {
			field.name = field.documented()
			kept = append(kept, field)
		}
	}
	credential, date, _ := r.Sign("")
	kept = append(kept,
		field{name: fieldAlgorithm, value: algorithm},
		field{name: fieldCredential, value: credential},
		field{name: fieldDate, value: date})
	policy, err := f.newPolicy(r, kept)
	if err != nil {
		return nil, err
	}
	again, same, signature := r.Sign(policy)
	if again != credential || same != date {
		return nil, sigv4.Faultf(ErrMisuse, "The credential of the storage changed while a form was signed")
	}
	kept = append(kept, field{name: fieldPolicy, value: policy}, field{name: fieldSignature, value: signature})

	var out bytes.Buffer
	for _, field := range kept {
		out.WriteString("--" + f.boundary + "\r\nContent-Disposition: form-data; name=\"" + field.name + "\"\r\n\r\n" + field.value + "\r\n")
	}
	f.writeFileHead(&out)
	if out.Len() > maxPrefix {
		return nil, sigv4.Faultf(ErrTooLong, "Your POST request fields preceding the upload file were too large, with the signature for the storage they exceed %d bytes", maxPrefix)
	}
	return out.Bytes(), nil
}

// writeFileHead writes the head of the file. Its Content-Type is not signed and
// does not stand beside one that is. A base name holds neither quote nor
// backslash. Some readers know a file by its name, so that there is always one.
func (f *Form) writeFileHead(out *bytes.Buffer) {
	name := f.file.filename
	if name == "" {
		name = fieldFile
	}
	out.WriteString("--" + f.boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n")
	if f.file.contentType != "" && f.find(fieldContentType) == nil {
		out.WriteString("Content-Type: " + f.file.contentType + "\r\n")
	}
	out.WriteString("\r\n")
}

// newPolicy is the policy for the storage, in base64.
func (f *Form) newPolicy(r Resign, fields []field) (string, error) {
	conditions := []any{map[string]string{fieldBucket: r.Bucket}}
	for _, field := range fields {
		conditions = append(conditions, [...]string{"eq", "$" + field.name, field.value})
	}
	if s := f.policy.size; f.policy.sized {
		conditions = append(conditions, [...]any{"content-length-range", s.min, s.max})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // which makes it longer
	err := encoder.Encode(struct {
		Expiration string `json:"expiration"`
		Conditions []any  `json:"conditions"`
	}{r.Now.Add(lifetime).UTC().Format("2006-01-02T15:04:05.000Z"), conditions})
	if err != nil {
		return "", sigv4.Faultf(ErrMisuse, "The policy for the storage cannot be written")
	}
	return base64.StdEncoding.EncodeToString(bytes.TrimSuffix(text.Bytes(), []byte("\n"))), nil
}

// rewritten is the body for the storage.
type rewritten struct {
	prefix  []byte
	file    io.Reader
	closing []byte // what is not given out yet
	room    int64  // bytes still to come behind prefix
	filled  int64  // bytes of the epilogue given out
	whole   bool   // the client's body was read and is good
	err     error
}

// Read implements io.Reader.
func (w *rewritten) Read(p []byte) (int, error) {
	switch {
	case w.err != nil:
		return 0, w.err
	case len(p) == 0:
		return 0, nil
	case len(w.prefix) > 0:
		n := copy(p, w.prefix)
		w.prefix = w.prefix[n:]
		return n, nil
	case !w.whole:
		return w.readFile(p)
	default:
		return w.readEnd(p)
	}
}

func (w *rewritten) readFile(p []byte) (int, error) {
	n, err := w.file.Read(p)
	if w.room -= int64(n); w.room < int64(len(w.closing)) {
		w.err = sigv4.Faultf(ErrMalformed, "The form does not end within the Content-Length of the request")
		return 0, w.err
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		w.whole = true
		return n, nil
	default:
		w.err = err
		return n, err
	}
}

// readEnd gives out the closing boundary and fills up with empty lines.
func (w *rewritten) readEnd(p []byte) (n int, err error) {
	if len(w.closing) > 0 {
		n = copy(p, w.closing)
		w.closing = w.closing[n:]
		w.room -= int64(n)
		return n, nil
	}
	if w.room == 0 {
		w.err = io.EOF
		return 0, io.EOF
	}
	for ; n < len(p) && w.room > 0; n++ {
		p[n] = w.filler()
		w.filled++
		w.room--
	}
	return n, nil
}

// filler is the next byte of the epilogue: empty lines, and a space at the end
// where the number is odd.
func (w *rewritten) filler() byte {
	switch {
	case w.filled%2 == 1:
		return '\n'
	case w.room == 1:
		return ' '
	default:
		return '\r'
	}
}
