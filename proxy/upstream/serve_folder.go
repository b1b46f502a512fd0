package upstream

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
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
	if cut := out.cut(); cut != nil {
		return Report{}, cut
	}
	over := func() error { return cmp.Or(out.cut(), r.Context().Err()) }
	a := &folderAnswer{w: w, hook: out.Response, start: start, idle: u.cfg.Timeouts.Idle, over: over}
	defer a.endTimes()
	if r.Body != nil && r.Body != http.NoBody {
		a.before = maps.Clone(w.Header())
		a.body = &requestBody{src: &timedBody{r.Body, over, http.NewResponseController(w), u.cfg.Timeouts.Idle}, length: r.ContentLength}
		owner := &attempt{ex: &exchange{body: a.body}}
		a.body.give(owner)
		r.Body = owner
	}
	u.folder.ServeHTTP(a, r)
	report := Report{Status: a.status, Server: u.cfg.URLs[0], Bytes: a.bytes, FirstByte: a.firstByte, Attempts: 1}
	cut := out.cut()
	switch {
	case cut != nil && (a.dropped != nil || a.err != nil):
		return report, cut
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
	idle      time.Duration // 0 = no limit
	over      func() error  // whether the exchange was ended
	timed     bool          // a deadline was set
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
	a.time()
	n, err := a.w.Write(p)
	return n, a.wrote(int64(n), err)
}

// ReadFrom lets the server send a file without copying it.
func (a *folderAnswer) ReadFrom(src io.Reader) (int64, error) {
	a.WriteHeader(http.StatusOK)
	if a.dropped != nil {
		return 0, a.dropped
	}
	whole, ok := src.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	for total := int64(0); ; {
		if err := a.over(); err != nil {
			return total, a.wrote(0, err)
		}
		a.time()
		n, err := io.Copy(a.w, &io.LimitedReader{R: whole.R, N: min(whole.N, timedPiece)})
		total += n
		whole.N -= n
		if err = a.wrote(n, err); err != nil || n < timedPiece {
			return total, err
		}
	}
}

// timedPiece is how much a client must take within the idle time.
const timedPiece = 256 << 10

// time gives the client the idle time for the next piece.
func (a *folderAnswer) time() {
	if a.idle > 0 {
		a.timed = true
		_ = http.NewResponseController(a.w).SetWriteDeadline(time.Now().Add(a.idle)) // not every writer can
	}
}

// endTimes leaves the connection without a limit for what comes next on it.
func (a *folderAnswer) endTimes() {
	if a.timed && a.err == nil {
		_ = http.NewResponseController(a.w).SetWriteDeadline(time.Time{}) // not every writer can
	}
}

// timedBody gives the client the idle time for each piece of its body. The
// server sets the deadline anew for the next request.
type timedBody struct {
	io.Reader
	over    func() error // whether the exchange was ended
	control *http.ResponseController
	idle    time.Duration
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	if err := b.over(); err != nil {
		return 0, err
	}
	if b.idle > 0 {
		_ = b.control.SetReadDeadline(time.Now().Add(b.idle)) // not every writer can
	}
	return b.Reader.Read(p)
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
