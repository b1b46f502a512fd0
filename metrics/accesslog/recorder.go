package accesslog

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Recorder is an http.ResponseWriter that remembers the status and counts the
// bytes of the body. It hides nothing of the writer below: http.NewResponseController
// finds it through Unwrap, and ReadFrom passes files and sockets on, so that
// the kernel can still move the bytes by sendfile and splice.
//
// The zero value must be Reset before use. It may be pooled: Reset makes it
// fit for the next request. Like any ResponseWriter it is for one goroutine.
type Recorder struct {
	writer   http.ResponseWriter
	status   int
	bytes    int64
	hijacked bool
}

// Reset makes the recorder wrap w, with nothing recorded. Reset(nil) lets go
// of the writer before the recorder goes back to a pool.
func (r *Recorder) Reset(w http.ResponseWriter) { *r = Recorder{writer: w} }

// Status returns the status that was or will be sent: 200 as long as the
// handler has said nothing, as the server sends that in the end; 101 for a
// connection that was taken over without an answer.
func (r *Recorder) Status() int {
	switch {
	case r.status != 0:
		return r.status
	case r.hijacked:
		return http.StatusSwitchingProtocols
	default:
		return http.StatusOK
	}
}

// Answered reports whether the final status was sent or the connection taken
// over, so that no other answer can be given.
func (r *Recorder) Answered() bool { return r.status != 0 || r.hijacked }

// Bytes returns the bytes of the body that the writer took. It counts those
// of an answer to HEAD too, which the server does not send, and none of a
// connection that was taken over.
func (r *Recorder) Bytes() int64 { return r.bytes }

// Unwrap returns the writer below, for http.ResponseController.
func (r *Recorder) Unwrap() http.ResponseWriter { return r.writer }

// Header implements http.ResponseWriter.
func (r *Recorder) Header() http.Header { return r.writer.Header() }

// WriteHeader implements http.ResponseWriter. Informational answers such as
// 103 are passed on and are not the status; 101 is final (RFC 9110, 15.2).
func (r *Recorder) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if r.status == 0 && !informational {
		r.status = status
	}
	r.writer.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *Recorder) Write(p []byte) (int, error) {
	r.begin()
	n, err := r.writer.Write(p)
	r.bytes += int64(n)
	return n, err
}

// WriteString implements io.StringWriter.
func (r *Recorder) WriteString(s string) (int, error) {
	r.begin()
	n, err := io.WriteString(r.writer, s)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom with that of the writer below, or copies.
func (r *Recorder) ReadFrom(src io.Reader) (int64, error) {
	var n int64
	var err error
	if below, ok := r.writer.(io.ReaderFrom); ok {
		n, err = below.ReadFrom(src)
	} else {
		n, err = io.Copy(onlyWriter{r.writer}, src)
	}
	r.bytes += n
	if n > 0 {
		r.begin()
	}
	return n, err
}

// onlyWriter hides all other methods from io.Copy.
type onlyWriter struct{ io.Writer }

// begin notes the status that the first byte of a body sends.
func (r *Recorder) begin() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
}

// Flush implements http.Flusher.
func (r *Recorder) Flush() { _ = r.FlushError() }

// FlushError sends what is buffered, and the header if there was none. The
// error is http.ErrNotSupported if the writer below cannot.
func (r *Recorder) FlushError() error {
	err := http.NewResponseController(r.writer).Flush()
	if err == nil {
		r.begin()
	}
	return err
}

// Hijack implements http.Hijacker. The error is http.ErrNotSupported if the
// writer below cannot.
func (r *Recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(r.writer).Hijack()
	if err == nil {
		r.hijacked = true
	}
	return conn, rw, err
}
