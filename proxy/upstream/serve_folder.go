package upstream

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// serveFolder lets the embedded folder answer.
func (u *Upstream) serveFolder(w http.ResponseWriter, out *Outgoing) (Report, error) {
	start := time.Now()
	target, err := url.ParseRequestURI(out.Target)
	if err != nil {
		return Report{}, fmt.Errorf("%w: request-target: %w", ErrBadRequest, err)
	}
	r := out.Request
	r.URL = target
	a := &folderAnswer{w: w, hook: out.Response, start: start}
	if r.Body != nil && r.Body != http.NoBody {
		a.before = maps.Clone(w.Header())
		a.body = &requestBody{src: r.Body, length: r.ContentLength}
		owner := &attempt{ex: &exchange{body: a.body}}
		a.body.give(owner)
		r.Body = owner
	}
	u.folder.ServeHTTP(a, r)
	report := Report{Status: a.status, Server: u.cfg.URLs[0], Bytes: a.bytes, FirstByte: a.firstByte, Attempts: 1}
	switch {
	case a.dropped != nil:
		return report, a.dropped
	case a.err != nil:
		return report, fmt.Errorf("%w: %w", ErrClientGone, a.err)
	case a.status == 0:
		a.WriteHeader(http.StatusOK)
		report.Status = a.status
	}
	return report, nil
}

// folderAnswer counts an answer on its way. Once the request body has failed
// it lets no answer begin, since the reason is the caller's to name.
type folderAnswer struct {
	w         http.ResponseWriter
	hook      func(status int, h http.Header)
	start     time.Time
	body      *requestBody
	before    http.Header // of w, to go back to
	status    int
	bytes     int64
	firstByte time.Duration
	err       error // of writing
	dropped   error
}

func (a *folderAnswer) Header() http.Header { return a.w.Header() }

func (a *folderAnswer) WriteHeader(status int) {
	if a.status != 0 || a.dropped != nil {
		return
	}
	if a.body != nil {
		if a.dropped = a.body.fault(); a.dropped != nil {
			clear(a.w.Header())
			maps.Copy(a.w.Header(), a.before)
			return
		}
	}
	a.status = status
	a.firstByte = time.Since(a.start)
	if a.hook != nil {
		a.hook(status, a.w.Header())
	}
	a.w.WriteHeader(status)
}

func (a *folderAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.dropped != nil {
		return 0, a.dropped
	}
	n, err := a.w.Write(p)
	return n, a.wrote(int64(n), err)
}

// ReadFrom lets the server send a file without copying it.
func (a *folderAnswer) ReadFrom(src io.Reader) (int64, error) {
	a.WriteHeader(http.StatusOK)
	if a.dropped != nil {
		return 0, a.dropped
	}
	n, err := io.Copy(a.w, src)
	return n, a.wrote(n, err)
}

func (a *folderAnswer) wrote(n int64, err error) error {
	a.bytes += n
	if err != nil && a.err == nil {
		a.err = err
	}
	return err
}

// Unwrap is for http.ResponseController.
func (a *folderAnswer) Unwrap() http.ResponseWriter { return a.w }
