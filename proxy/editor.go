package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// errUneditable: an answer that must be changed before the client sees it
// cannot be, since it is too long or cannot be read.
var errUneditable = errors.New("answer of the storage cannot be edited")

// maxEdited bounds an answer that is held for editing: a list of some ten
// thousand buckets.
const maxEdited = 4 << 20

// edit changes the body of an answer. With an error nothing of the answer
// reaches the client.
type edit func(status int, body []byte) ([]byte, error)

// editor is a ResponseWriter that holds back the answers that must be changed
// and passes on all others as they come. Who made it calls finish.
type editor struct {
	http.ResponseWriter
	// choose returns how an answer is changed; nil = not at all. It is asked
	// once for each final head.
	choose func(status int, h http.Header) edit
	masker *masker // of answers that are passed on; nil = they are not XML

	status int // of the answer that is held; 0 = none is
	change edit
	body   bytes.Buffer
	full   bool // more came than can be held
	passed bool // the head went to the client
}

// Unwrap returns the writer below, for http.ResponseController.
func (e *editor) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (e *editor) WriteHeader(status int) {
	if status < http.StatusOK {
		e.ResponseWriter.WriteHeader(status)
		return
	}
	if e.passed || e.status != 0 {
		return
	}
	if e.change = e.choose(status, e.Header()); e.change != nil {
		e.status = status
		return
	}
	e.passed = true
	e.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (e *editor) Write(p []byte) (int, error) {
	switch {
	case e.status == 0 && e.masker != nil:
		return e.masker.write(e.ResponseWriter, p)
	case e.status == 0:
		return e.ResponseWriter.Write(p)
	}
	if e.body.Len()+len(p) > maxEdited {
		e.full = true
		return len(p), nil // the rest is read and forgotten
	}
	return e.body.Write(p)
}

// ReadFrom passes on what need not be looked at by the means of the writer
// below.
func (e *editor) ReadFrom(src io.Reader) (int64, error) {
	if below, ok := e.ResponseWriter.(io.ReaderFrom); ok && e.status == 0 && e.masker == nil {
		return below.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{e}, src) // which hides this method
}

// held reports whether an answer is there of which the client saw nothing.
func (e *editor) held() bool { return e.status != 0 }

// FlushError is for http.ResponseController: what is held is not flushed.
func (e *editor) FlushError() error {
	if e.held() {
		return nil
	}
	return http.NewResponseController(e.ResponseWriter).Flush()
}

// finish sends the answer that was held, changed. The error says that the
// client has seen nothing and another answer must be given.
func (e *editor) finish() error {
	if !e.held() {
		if e.masker != nil {
			_, _ = e.ResponseWriter.Write(e.masker.rest()) // the client may be gone
		}
		return nil
	}
	h := e.Header()
	if e.full || len(h["Content-Encoding"]) > 0 {
		return errUneditable
	}
	body, err := e.change(e.status, e.body.Bytes())
	if err != nil {
		return err
	}
	if e.masker != nil {
		body = e.masker.whole(body)
	}
	for _, name := range [...]string{"Etag", "Content-Md5", "Digest", "Trailer"} {
		delete(h, name)
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	e.ResponseWriter.WriteHeader(e.status)
	_, _ = e.ResponseWriter.Write(body) // the client may be gone
	return nil
}
